//! The modules of a crate depend on each other in one direction: a module uses those before it in `modules.txt`, and none
//! after it. Test code is exempt.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use crate::source::{blank_texts, without_tests};

/// Each crate's top-level modules, lowest first.
fn order() -> BTreeMap<&'static str, Vec<&'static str>> {
    let lines = include_str!("modules.txt").lines();
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, modules) = line.split_once(':').expect("CRATE: MODULES");
            (name, modules.split_whitespace().collect())
        })
        .collect()
}

/// A use of a top-level module.
struct Use {
    line: usize,
    module: String,
}

/// The first names of the paths that begin with `crate::`, and the lines they are on.
fn uses(text: &str) -> Vec<Use> {
    let mut found = Vec::new();
    for (start, path) in text.match_indices("crate::") {
        let line = text[..start].matches('\n').count() + 1;
        let rest = &text[start + path.len()..];
        let names = match rest.trim_start().strip_prefix('{') {
            None => vec![first_name(rest)],
            Some(group) => members(group).into_iter().map(first_name).collect(),
        };
        found.extend(names.into_iter().map(|module| Use { line, module }));
    }
    found
}

fn first_name(path: &str) -> String {
    let name = |c: &char| c.is_alphanumeric() || *c == '_';
    path.trim_start().chars().take_while(name).collect()
}

/// The members of a group, whose opening brace was read.
fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(&group[start..at]);
                return found;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}

/// What `lib.rs` exports from its modules, with the module of each.
fn exports(lib: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (start, _) in lib.match_indices("use ") {
        let rest = &lib[start + 4..];
        let path = &rest[..rest.find(';').unwrap_or(0)];
        let path = path.trim_start().trim_start_matches("self::");
        let module = first_name(path);
        let mut name = String::new();
        for c in path.chars().chain([' ']) {
            if c.is_alphanumeric() || c == '_' {
                name.push(c);
            } else if !name.is_empty() {
                found.insert(std::mem::take(&mut name), module.clone());
            }
        }
    }
    found
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The files of a module that is compiled for tests alone.
fn is_below(file: &Path, modules: &BTreeSet<PathBuf>) -> bool {
    let stem = file.with_extension("");
    modules.iter().any(|module| stem.starts_with(module))
}

/// What is wrong with the modules of a crate, a line each.
fn complaints(name: &str, order: &[&str]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    let src = root.join("src");
    let mut tests = BTreeSet::new();
    let mut sources = Vec::new();
    for file in rust_files(&src) {
        let text = blank_texts(&fs::read_to_string(&file).expect("a source file"));
        let (text, test_modules) = without_tests(&text);
        let folder = match file.file_name().and_then(|name| name.to_str()) {
            Some("mod.rs" | "lib.rs" | "main.rs") => file.parent().expect("a folder").to_owned(),
            _ => file.with_extension(""),
        };
        tests.extend(test_modules.into_iter().map(|module| folder.join(module)));
        sources.push((file, text));
    }
    sources.retain(|(file, _)| !is_below(file, &tests));
    let lib = src.join("lib.rs");
    let exported = sources.iter().find(|(file, _)| *file == lib);
    let exported = exported.map(|(_, text)| exports(text)).unwrap_or_default();
    let place = |module: &str| order.iter().position(|other| *other == module);

    let (mut seen, mut wrong) = (BTreeSet::new(), Vec::new());
    for (file, text) in &sources {
        let inside = file
            .strip_prefix(&src)
            .expect("a file of the crate")
            .with_extension("");
        let module = inside
            .iter()
            .next()
            .and_then(|part| part.to_str())
            .expect("a name");
        if ["lib", "main", "bin"].contains(&module) {
            continue;
        }
        seen.insert(module.to_owned());
        let Some(own) = place(module) else { continue };
        for Use { line, module: used } in uses(text) {
            let used = match place(&used) {
                Some(_) => &used,
                None => exported.get(&used).unwrap_or(&used),
            };
            if place(used).is_some_and(|other| other > own) {
                let file = file
                    .strip_prefix(root.parent().expect("a folder"))
                    .expect("a file");
                wrong.push(format!(
                    "{}:{line}: {module} uses {used}, which comes after it",
                    file.display()
                ));
            }
        }
    }
    let listed: BTreeSet<String> = order.iter().map(|module| (*module).to_owned()).collect();
    for module in seen.symmetric_difference(&listed) {
        wrong.push(format!(
            "{name}: the module {module} is either missing from modules.txt or only there"
        ));
    }
    wrong
}

#[test]
fn modules_depend_in_one_direction() {
    let order = order();
    assert!(!order.is_empty());
    let wrong: Vec<String> = order
        .iter()
        .flat_map(|(name, modules)| complaints(name, modules))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn paths_and_groups_are_found() {
    let text = "use crate::{a::B, c::{D, E},\n f};\nlet x = crate::g::h();\n";
    let found: Vec<(usize, String)> = uses(text)
        .into_iter()
        .map(|each| (each.line, each.module))
        .collect();
    let expected = [(1, "a"), (1, "c"), (1, "f"), (3, "g")].map(|(line, name)| (line, name.to_owned()));
    assert_eq!(found, expected);
    assert_eq!(exports("pub use config::{Config, Limits};")["Limits"], "config");
}
