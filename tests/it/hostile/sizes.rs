//! Repositories at the limits and beyond them.

use std::fmt::Write as _;

use serde_json::json;

use crate::hostile::Kind;
use crate::hostile::case::{CHART, lines, map, refused, rendered};

/// Objects in one file.
fn objects(count: usize) -> String {
    lines(count, |at| format!("---\n{}", map(&format!("x{at}"))))
}

pub(super) const KINDS: &[Kind] = &[
    ("100,001 files", |_| {
        let mut case = refused(&["files are needed, and at most 100000 are taken"]).all();
        for at in 0..100_001 {
            case = case.file(format!("f/{}/{at}", at % 100), "");
        }
        case
    }),
    ("a file of 64 MiB that nothing needs", |_| {
        rendered(&["name: m"]).file("h/m.yaml", map("m")).file("big", vec![b'x'; 64 << 20])
    }),
    ("a file of more than 64 MiB", |_| {
        refused(&["big", "67108865 bytes are more than the 67108864"])
            .file("h/m.yaml", map("m"))
            .file("big", vec![b'x'; (64 << 20) + 1])
            .all()
    }),
    ("more bytes than a tree may hold", |_| {
        let mut case =
            refused(&["bytes are needed, and at most 1073741824 are taken"]).file("h/m.yaml", map("m")).all();
        // One content under many names: little in the repository, and much when it is written out.
        for at in 0..33 {
            case = case.file(format!("f/{at}"), vec![b'x'; 32 << 20]);
        }
        case
    }),
    ("a manifest of 64 MiB", |_| {
        let line = format!("    {}\n", "x".repeat(1_019));
        let text = format!("{}data:\n  a: |\n{}", map("m"), line.repeat((64 << 20) / 1_024 - 1));
        refused(&["h/m.yaml", "larger than"])
            .file("h/m.yaml", text)
            .config(json!({"render": {"output": "32MiB"}}))
    }),
    ("5,001 apps", |_| {
        let mut case =
            refused(&[".tidegate.yaml", "5001 apps", "5000 is the most"]).sources("[{path: 'h/*'}]");
        for at in 0..5_001 {
            case = case.file(format!("h/{at}.yaml"), map(&format!("x{at}")));
        }
        case
    }),
    ("20,001 objects", |_| {
        refused(&["20001 objects", "20000 is the most"]).file("h/x.yaml", objects(20_001))
    }),
    ("as many objects as there may be", |_| rendered(&["name: x19999"]).file("h/x.yaml", objects(20_000))),
    ("objects without a name that are all wrong", |_| {
        refused(&["h/x.yaml", "metadata.name is missing"])
            .file("h/x.yaml", "---\napiVersion: v1\nkind: ConfigMap\n".repeat(10_000))
    }),
    ("one object many times", |_| {
        refused(&["h/x.yaml"]).file("h/x.yaml", format!("---\n{}", map("x")).repeat(10_000))
    }),
    ("lists in lists of objects", |_| {
        let open = "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[".repeat(45);
        let close = "]}".repeat(45);
        rendered(&["name: x"]).file("h/x.json", format!("{open}{{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{{\"name\":\"x\"}}}}{close}"))
    }),
    ("many environments of one tree", |_| {
        let mut text =
            "version: 1\ndefaults: {sources: [{path: h}]}\nenvironments:\n  hostile: {}\n".to_owned();
        for at in 0..200 {
            writeln!(text, "  e{at}: {{}}").unwrap();
        }
        refused(&[".tidegate.yaml:", "200"]).file("h/m.yaml", map("m")).settings(text)
    }),
    ("charts that are one by many names", |_| {
        let mut case = refused(&["h/a", "helm did not end"]).file("h/a/Chart.yaml", CHART);
        case = case.file(
            "h/a/templates/x.yaml",
            "{{ range until 10000 }}{{ range until 100000 }}{{ end }}{{ end }}",
        );
        for at in 0..3 {
            case = case.link(&format!("h/b{at}"), "a");
        }
        case.sources("[{path: 'h/*'}]").config(json!({"render": {"seconds": 3}}))
    }),
];
