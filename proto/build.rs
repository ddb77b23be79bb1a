//! Compiles the contracts with protox, so that no protoc has to be installed, and keeps the descriptor set for reflection.

use std::{env, fs, path::PathBuf};

use prost::Message as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=comptoir");
    let files = protos(&PathBuf::from("comptoir"))?;
    let descriptors = protox::compile(&files, ["."])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("comptoir.binpb"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .bytes(".comptoir.catalog.v1")
        .compile_fds(descriptors)?;
    Ok(())
}

/// Every proto file under `folder`, in a stable order.
fn protos(folder: &PathBuf) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(protos(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
