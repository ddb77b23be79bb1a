//! Documents name files that exist.

use std::{fs, path::Path};

const DOCUMENTS: &[&str] = &[
    "README.md",
    "docs/architecture.md",
    "docs/contributing.md",
    "docs/glossary.md",
    "docs/testing.md",
    "e2e/README.md",
];
/// What `SERVICE` in a path may be.
const SERVICES: [&str; 4] = ["auth", "catalog", "orders", "notifier"];

/// The texts between backticks that look like a path of the repository.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    let prose = text.split("```").step_by(2);
    let quoted = prose.flat_map(|prose| prose.split('`').skip(1).step_by(2));
    quoted.filter(|text| {
        let top = text.split('/').next().unwrap_or_default();
        let known = top == "SERVICE" || Path::new(ROOT).join(top).is_dir() && !top.is_empty();
        known && text.contains('/') && !text.contains([' ', '*', '{', '<']) && !text.contains("NOUN")
    })
}

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[test]
fn documents_name_files_that_exist() {
    let (mut missing, mut found) = (Vec::new(), 0);
    for document in DOCUMENTS {
        let text = fs::read_to_string(Path::new(ROOT).join(document)).expect(document);
        for path in paths(&text) {
            found += 1;
            let exists = SERVICES
                .iter()
                .any(|service| Path::new(ROOT).join(path.replace("SERVICE", service)).exists());
            if !exists {
                missing.push(format!("{document}: {path}"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    assert!(found > 50, "{found}");
}
