//! REST and GraphQL are two faces of this module, and know nothing of each other.

use std::fs;
use std::path::{Path, PathBuf};

/// The Rust files below a folder of the sources.
fn sources(folder: &str) -> Vec<PathBuf> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}

#[test]
fn neither_face_imports_from_the_other() {
    for (folder, other) in [
        ("rest", "crate::graphql"),
        ("pages", "crate::graphql"),
        ("graphql", "crate::rest"),
    ] {
        for file in sources(folder) {
            let text = fs::read_to_string(&file).unwrap();
            assert!(!text.contains(other), "{} uses {other}", file.display());
        }
    }
}

#[test]
fn only_the_executor_uses_the_internals_of_the_library() {
    let internals = [
        "query_env",
        "schema_env",
        "create_context",
        "set_parsed_query",
        "MetaField",
        "MetaType::",
        "resolve_field",
        "async_graphql_value",
    ];
    for file in sources("") {
        if file.components().any(|part| part.as_os_str() == "executor") || file.ends_with("backend/tests.rs")
        {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let used = internals.iter().find(|name| text.contains(*name));
        assert!(used.is_none(), "{} uses {used:?}", file.display());
    }
}
