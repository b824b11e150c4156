//! The shape of the source tree, kept by a test because one crate has no compiler walls.

use std::fs;
use std::path::{Path, PathBuf};

/// What each room of `src/` may import from this crate. Keep it free of circles: a room imports only rooms below it.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("yaml", &["model"]),
    ("layout", &["model", "yaml"]),
    ("process", &["model"]),
    ("jail", &["model", "process"]),
    ("parse", &["model", "yaml"]),
    ("diff", &["model", "yaml"]),
    ("comment", &["model"]),
    ("config", &["model", "yaml"]),
    ("render", &["jail", "model", "process", "yaml"]),
    ("git", &["layout", "model", "process"]),
    ("directory", &["layout", "model"]),
    ("github", &["model"]),
    // `controlplane` only for its tests, which ask a real API server.
    ("cluster", &["controlplane", "model", "schema"]),
    ("schema", &["model"]),
    ("store", &["model"]),
    ("controlplane", &[]),
    ("terminal", &[]),
    (
        "work",
        &[
            "cluster",
            "comment",
            "diff",
            "directory",
            "git",
            "github",
            "model",
            "parse",
            "render",
            "schema",
            "store",
            "yaml",
        ],
    ),
    ("web", &["model", "store"]),
    (
        "app",
        &[
            "cluster", "comment", "config", "diff", "git", "github", "jail", "model", "parse", "process",
            "render", "store", "terminal", "web", "work",
        ],
    ),
    ("demo", &["app", "config", "controlplane", "model", "process", "terminal"]),
    (
        "cli",
        &[
            "app", "cluster", "comment", "config", "demo", "diff", "git", "github", "jail", "model", "parse",
            "process", "render", "terminal", "work", "yaml",
        ],
    ),
];

/// Foreign crates that end at their adapter.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("octocrab", &["github"]),
    ("kube", &["cluster", "controlplane"]),
    ("k8s_openapi", &["cluster", "controlplane"]),
    ("sqlx", &["store"]),
    ("axum", &["web", "demo"]),
    ("github_emulator", &["demo"]),
    ("minijinja", &["comment", "demo"]),
];

const MAX_LINES: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The room of a file: the first folder under `src/`.
fn room(path: &Path) -> String {
    let relative = path.strip_prefix(root()).unwrap();
    let first = relative.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// Is a file only compiled for tests, by its name or its folder's?
fn is_test(path: &Path) -> bool {
    path.strip_prefix(root())
        .unwrap_or(path)
        .components()
        .any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs")))
}

/// The lines of a file that are code, without comments.
fn code(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The rooms named after `crate::`.
fn imports(text: &str) -> Vec<String> {
    text.split("crate::")
        .skip(1)
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || "_{*".contains(*c)).collect())
        .collect()
}

#[test]
fn rooms_import_only_what_they_may() {
    let mut faults = Vec::new();
    for file in sources(&root()) {
        let from = room(&file);
        if from == "lib" || from == "main" {
            continue;
        }
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == from) else {
            faults.push(format!("{}: the room `{from}` has no row in MAY_IMPORT", file.display()));
            continue;
        };
        for to in imports(&code(&fs::read_to_string(&file).unwrap())) {
            if to != from && !allowed.contains(&to.as_str()) {
                faults.push(format!("{}: `{from}` must not import `{to}`", file.display()));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn foreign_types_end_at_their_adapter() {
    let mut faults = Vec::new();
    // Tests may play the other side: a server, a cluster's user.
    for file in sources(&root()).into_iter().filter(|file| !is_test(file)) {
        let (from, text) = (room(&file), code(&fs::read_to_string(&file).unwrap()));
        for (krate, rooms) in ONLY_IN {
            let named = text.contains(&format!("{krate}::")) || text.contains(&format!("use {krate};"));
            if named && !rooms.contains(&from.as_str()) {
                faults.push(format!("{}: only {rooms:?} may name `{krate}`", file.display()));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// The rooms that lie on a circle of imports, or above one: what is left when every room whose imports are all gone goes too.
fn circle<'t>(table: &[(&'t str, &[&str])]) -> Vec<&'t str> {
    let mut left = table.to_vec();
    loop {
        let names: Vec<&str> = left.iter().map(|(name, _)| *name).collect();
        left.retain(|(_, allowed)| allowed.iter().any(|to| names.contains(to)));
        if left.len() == names.len() {
            return names;
        }
    }
}

#[test]
fn the_table_has_no_circle_and_no_ghost() {
    for (from, allowed) in MAY_IMPORT {
        assert!(root().join(from).is_dir(), "MAY_IMPORT names `{from}`, and there is no such room");
        for to in *allowed {
            assert!(
                MAY_IMPORT.iter().any(|(name, _)| name == to),
                "`{from}` imports `{to}`, which has no row"
            );
        }
    }
    assert_eq!(circle(MAY_IMPORT), [] as [&str; 0], "these import one another, perhaps through others");
}

#[test]
fn a_circle_of_any_length_is_seen() {
    assert_eq!(circle(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])]), [] as [&str; 0]);
    assert_eq!(circle(&[("a", &["b"]), ("b", &["c"]), ("c", &["a", "d"]), ("d", &[])]), ["a", "b", "c"]);
    assert_eq!(circle(&[("a", &["a"])]), ["a"]);
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    let emulator = Path::new(env!("CARGO_MANIFEST_DIR")).join("emulator/src");
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let mut faults = Vec::new();
    for file in [root(), emulator, tests].iter().flat_map(|dir| sources(dir)) {
        let text = fs::read_to_string(&file).unwrap();
        let lines = text.lines().count();
        if lines > MAX_LINES {
            faults.push(format!("{}: {lines} lines, at most {MAX_LINES}", file.display()));
        }
        if !text.starts_with("//!") {
            faults.push(format!("{}: begin with a `//!` line that says what it is for", file.display()));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_source_file_is_compiled() {
    let mut faults = Vec::new();
    for file in sources(&root()) {
        let stem = file.file_stem().unwrap().to_str().unwrap();
        if ["lib", "main"].contains(&stem) {
            continue;
        }
        let (name, parent) = if stem == "mod" {
            let folder = file.parent().unwrap();
            (folder.file_name().unwrap().to_str().unwrap(), folder.parent().unwrap())
        } else {
            (stem, file.parent().unwrap())
        };
        let declared = ["mod.rs", "lib.rs"]
            .iter()
            .map(|file| parent.join(file))
            .filter_map(|file| fs::read_to_string(file).ok())
            .any(|text| text.lines().any(|line| line.trim_end().ends_with(&format!("mod {name};"))));
        if !declared {
            faults.push(format!("{}: no `mod {name};` names it", file.display()));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_architecture_document_names_every_room() {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md")).unwrap();
    for (name, _) in MAY_IMPORT {
        assert!(text.contains(&format!("`{name}`")), "docs/architecture.md does not name `{name}`");
    }
    for word in text.split('`').skip(1).step_by(2).filter(|word| word.starts_with("src/")) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(word);
        assert!(path.exists(), "docs/architecture.md names {word}, which is not there");
    }
}

#[test]
fn the_adapters_are_tested_along() {
    let parts: bool = std::hint::black_box(cfg!(feature = "parts"));
    assert!(parts, "these tests alone prove half; run: make test, or cargo test --all-features");
}
