//! What holds for the source tree itself.

use std::{collections::BTreeSet, process::Command};

use serde_json::Value;

/// A service never depends on another service's crate: they meet in the protos.
#[test]
fn services_meet_in_the_protos_alone() {
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
            // It keeps nothing: no store.
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
