//! Repositories that tests begin with: the folders below `tests/fixtures/`.

use std::path::Path;
use std::path::PathBuf;

/// What the place holders of fixtures stand for where no cluster gives the names.
pub(crate) const NAMES: &[(&str, &str)] = &[("STAGING", "shop-staging"), ("PRODUCTION", "shop-production")];

/// The files of a fixture as (path in the repository, text), sorted. Each pair of `replace` is put in its place.
pub(crate) fn files(name: &str, replace: &[(&str, &str)]) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let mut found = Vec::new();
    collect(&root, &mut found);
    found.sort();
    assert!(!found.is_empty(), "{} holds no file", root.display());
    let read = |path: PathBuf| {
        let mut text = std::fs::read_to_string(&path).unwrap();
        for (from, to) in replace {
            text = text.replace(from, to);
        }
        (path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(), text)
    };
    found.into_iter().map(read).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() { collect(&path, found) } else { found.push(path) }
    }
}
