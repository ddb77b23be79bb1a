//! Rules for the source tree itself.

use std::{collections::BTreeSet, process::Command};

use serde_json::Value;

mod directions;
mod documents;
mod source;

/// A service never depends on another service's crate. They share the protos.
#[test]
fn services_share_the_protos_alone() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let services =
        ["auth", "catalog", "orders", "notifier", "gateway"].map(|name| format!("comptoir-{name}"));
    let mut checked = BTreeSet::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let allowed: &[&str] = match name {
            "comptoir-proto" => &[],
            "comptoir-shop" => &["comptoir-proto"],
            "comptoir-mesh" => &["comptoir-proto", "comptoir-shop"],
            "comptoir-events" | "comptoir-stores" => &["comptoir-mesh", "comptoir-proto", "comptoir-shop"],
            // It has no store.
            "comptoir-gateway" => &[
                "comptoir-events",
                "comptoir-mesh",
                "comptoir-proto",
                "comptoir-shop",
            ],
            service if services.iter().any(|other| other == service) => &[
                "comptoir-events",
                "comptoir-mesh",
                "comptoir-proto",
                "comptoir-shop",
                "comptoir-stores",
            ],
            _ => continue,
        };
        for dependency in package["dependencies"].as_array().unwrap() {
            let dependency = dependency["name"].as_str().unwrap();
            // A crate's tests may ask for a feature of the crate itself.
            assert!(
                !dependency.starts_with("comptoir-") || dependency == name || allowed.contains(&dependency),
                "{name} depends on {dependency}"
            );
        }
        checked.insert(name.to_owned());
    }
    assert_eq!(checked.len(), 10, "{checked:?}");
}

/// The gateway has no store, so it needs no driver of one.
#[test]
fn the_gateway_has_no_driver_of_a_store() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--prefix=none",
            "--edges=normal",
            "--package=comptoir-gateway",
        ])
        // Features as in a build of this crate alone.
        .env_remove("CARGO_RESOLVER_FEATURE_UNIFICATION")
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    let tree = String::from_utf8(output.stdout).unwrap();
    let crates: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(crates.contains("async-graphql"), "{tree}");
    for driver in ["sqlx", "mongodb"] {
        assert!(!crates.contains(driver), "the gateway depends on {driver}");
    }
}

/// A migration is part of the binary only where its store names it.
#[test]
fn every_migration_is_named_by_its_store() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut count = 0;
    for service in ["auth", "catalog", "orders", "notifier"] {
        for folder in std::fs::read_dir(root.join(service).join("migrations")).unwrap() {
            let folder = folder.unwrap().path();
            let store = root
                .join(service)
                .join("src/store")
                .join(folder.file_name().unwrap());
            let sources: String = std::fs::read_dir(&store)
                .unwrap()
                .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap_or_default())
                .collect();
            for migration in std::fs::read_dir(&folder).unwrap() {
                let migration = migration.unwrap().path();
                let name = migration.file_stem().unwrap().to_string_lossy().into_owned();
                assert!(
                    sources.contains(&format!("\"{name}\"")),
                    "{} does not name {name}",
                    store.display()
                );
                count += 1;
            }
        }
    }
    assert!(count >= 14, "{count} migrations");
}
