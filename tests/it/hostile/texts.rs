//! Files that are small to write and large or slow to read, or that are no text at all.

use std::fmt::Write as _;

use crate::hostile::Kind;
use crate::hostile::case::{CHART, lines, map, refused, rendered};

/// Each list holds the one before nine times.
pub(super) fn laughs(levels: usize) -> String {
    let mut text = "a0: &a0 ha\n".to_owned();
    for level in 1..=levels {
        let below = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(text, "a{level}: &a{level} [{below}]").unwrap();
    }
    text
}

/// Each mapping merges the one before and repeats it.
fn merges(levels: usize) -> String {
    let mut text = "a0: &a0 {k: v}\n".to_owned();
    for level in 1..=levels {
        let below = level - 1;
        writeln!(text, "a{level}: &a{level}\n  <<: *a{below}\n  l{level}: *a{below}\n  m{level}: *a{below}")
            .unwrap();
    }
    text
}

/// A `ConfigMap` and more of its text.
fn with(more: &str) -> String {
    format!("{}{more}", map("x"))
}

/// Text of two bytes a character.
fn wide(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(order).collect()
}

pub(super) const KINDS: &[Kind] = &[
    ("aliases of aliases", |_| refused(&["h/x.yaml:1", "alias"]).file("h/x.yaml", with(&laughs(9)))),
    ("a long text and many aliases of it", |_| {
        let many = "*a, ".repeat(20_000);
        let text = format!("a: &a {}\nb: [{many}]\n", "x".repeat(10_000));
        refused(&["h/x.yaml:5", "alias"]).file("h/x.yaml", with(&text))
    }),
    ("merges of merges", |_| refused(&["h/x.yaml:", "alias"]).file("h/x.yaml", with(&merges(40)))),
    ("an alias of itself", |_| refused(&["h/x.yaml:4", "anchor"]).file("h/x.yaml", with("a: &a [*a]\n"))),
    ("aliases of aliases in a kustomization", |_| {
        let text = format!("resources: [m.yaml]\n{}", laughs(9));
        refused(&["h/kustomization.yaml:", "alias"])
            .file("h/kustomization.yaml", text)
            .file("h/m.yaml", map("m"))
    }),
    ("aliases of aliases in a kustomization's resource", |_| {
        refused(&["h/m.yaml:", "alias"])
            .file("h/kustomization.yaml", "resources: [m.yaml]\n")
            .file("h/m.yaml", with(&laughs(9)))
    }),
    ("aliases of aliases in a chart's values", |_| {
        refused(&["h/values.yaml", "alias"]).chart(&map("x")).file("h/values.yaml", laughs(9))
    }),
    ("aliases of aliases in a file of values", |_| {
        refused(&["h/own.yaml", "alias"])
            .chart(&map("x"))
            .file("h/own.yaml", laughs(9))
            .sources("[{path: h, helm: {values: [own.yaml]}}]")
    }),
    ("aliases of aliases in Chart.yaml", |_| {
        let text = format!("{CHART}{}", laughs(9));
        refused(&["h/Chart.yaml", "alias"]).file("h/Chart.yaml", text).file("h/templates/x.yaml", map("x"))
    }),
    ("aliases of aliases in what a chart gives", |_| {
        let template = "{{ .Files.Get \"bomb.txt\" }}";
        refused(&["h/templates/x.yaml", "alias"]).chart(template).file("h/bomb.txt", with(&laughs(9)))
    }),
    ("aliases of aliases in the repository's own file", |_| {
        refused(&[".tidegate.yaml:", "alias"]).settings(format!("version: 1\n{}", laughs(9)))
    }),
    ("deep lists in one line", |_| {
        refused(&["h/x.yaml:4", "deep"]).file("h/x.yaml", with(&format!("a: {}\n", "[".repeat(1 << 20))))
    }),
    ("deep blocks", |_| {
        let deep = lines(3_000, |level| format!("{}a:\n", " ".repeat(level)));
        refused(&["h/x.yaml:", "deep"]).file("h/x.yaml", deep)
    }),
    ("deep lists by dashes", |_| refused(&["h/x.yaml:1", "deep"]).file("h/x.yaml", "- ".repeat(100_000))),
    ("deep JSON", |_| {
        let text = format!("{{\"a\": {}{}}}", "{\"a\":[".repeat(50_000), "]}".repeat(50_000));
        refused(&["h/x.json:1", "deep"]).file("h/x.json", text)
    }),
    ("a deep schema of values", |_| {
        let schema = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
        refused(&["h/values.schema.json:1:636", "less deep"])
            .chart(&map("x"))
            .file("h/values.schema.json", schema)
    }),
    ("a schema with a number without end", |_| {
        let schema = format!("{{\"type\": \"object\", \"maxProperties\": {}}}", "9".repeat(100_000));
        refused(&["h/values.schema.json"]).chart(&map("x")).file("h/values.schema.json", schema)
    }),
    ("a key of a mebibyte", |_| {
        refused(&["h/x.yaml:4"]).file("h/x.yaml", with(&format!("{}: 1\n", "k".repeat(1 << 20))))
    }),
    ("many anchors", |_| {
        let list = lines(50_000, |at| format!("- &a{at} x\n"));
        rendered(&["name: x"]).file("h/x.yaml", with(&format!("list:\n{list}")))
    }),
    ("a long list in one line", |_| {
        rendered(&["name: x"]).file("h/x.yaml", with(&format!("list: [{}]\n", "1,".repeat(150_000))))
    }),
    ("many keys", |_| {
        let keys = lines(50_000, |at| format!("  k{at}: v\n"));
        rendered(&["k49999"]).file("h/x.yaml", with(&format!("data:\n{keys}")))
    }),
    ("a text of a mebibyte in one line", |_| {
        rendered(&["name: x"]).file("h/x.yaml", with(&format!("data: {{a: {}}}\n", "x".repeat(1 << 20))))
    }),
    ("a quote that is never closed", |_| {
        refused(&["h/x.yaml:"]).file("h/x.yaml", with(&format!("a: \"{}\n", "x \\n ".repeat(100_000))))
    }),
    ("many questions", |_| {
        refused(&["h/x.yaml:1:3", "a key must be a scalar"]).file("h/x.yaml", "? ".repeat(100_000))
    }),
    ("many braces and tags", |_| {
        refused(&["h/x.yaml:"]).file("h/x.yaml", with(&format!("a: {}", "!!x {? &a ".repeat(50_000))))
    }),
    ("many directives", |_| {
        let lines = lines(50_000, |at| format!("%TAG !t{at}! tag:x,2000:\n"));
        refused(&["h/x.yaml:"]).file("h/x.yaml", format!("{lines}--- ]\n"))
    }),
    ("many documents", |_| {
        rendered(&["name: x"]).file("h/x.yaml", format!("{}{}", "---\n".repeat(200_000), map("x")))
    }),
    ("many comments and blanks", |_| {
        let text = format!("{}{}", "# x\n   \n".repeat(100_000), map("x"));
        rendered(&["name: x"]).file("h/x.yaml", text)
    }),
    ("huge numbers", |_| {
        let text = format!(
            "a: 1e999999999\nb: {}\nc: 0x{}\nd: 1:{}1\n",
            "9".repeat(100_000),
            "f".repeat(100_000),
            "59:".repeat(10_000)
        );
        rendered(&["a: 1e999999999"]).file("h/x.yaml", with(&text))
    }),
    ("what is not a number", |_| refused(&["h/x.yaml:4"]).file("h/x.yaml", with("a: .nan\n"))),
    ("an infinite number", |_| refused(&["h/x.yaml:4"]).file("h/x.yaml", with("a: -.inf\n"))),
    ("control characters", |_| {
        refused(&["h/x.yaml:4:4", "control character (U+001B)"]).file("h/x.yaml", with("a: \u{1b}[2J\u{7}\n"))
    }),
    ("control characters by escapes", |_| {
        rendered(&["name: x"]).file("h/x.yaml", with("data: {a: \"\\e[2J\\0\\x07\"}\n"))
    }),
    ("control characters in a name", |_| {
        let text = "apiVersion: v1\nkind: \"\\e[2J\"\nmetadata: {name: \"\\e[31m\\n::error::x\"}\n---\n";
        refused(&["h/x.yaml:2:7: kind holds a control character", "h/x.yaml:3:18: metadata.name holds"])
            .file("h/x.yaml", text.repeat(2))
            .untold("\n::error::")
    }),
    ("no UTF-8", |_| {
        refused(&["h/x.yaml:4:4", "not UTF-8"])
            .file("h/x.yaml", [map("x").as_bytes(), b"a: \xff\xc0\xaf\n"].concat())
    }),
    ("UTF-16, the small end first", |_| {
        refused(&["h/x.yaml:1", "UTF-16"]).file("h/x.yaml", wide(&map("x"), u16::to_le_bytes))
    }),
    ("UTF-16, the big end first", |_| {
        refused(&["h/x.yaml:1", "UTF-16"]).file("h/x.yaml", wide(&map("x"), u16::to_be_bytes))
    }),
    ("UTF-16 without a mark", |_| {
        refused(&["h/x.yaml:1", "control character"])
            .file("h/x.yaml", wide(&map("x"), u16::to_be_bytes)[2..].to_vec())
    }),
    ("a mark at the beginning", |_| rendered(&["name: x"]).file("h/x.yaml", format!("\u{feff}{}", map("x")))),
    ("keys given twice", |_| {
        rendered(&["warning: h/x.yaml:5", "name: x"]).file("h/x.yaml", with("data: {a: b}\ndata: {a: c}\n"))
    }),
    ("a kustomization in UTF-16", |_| {
        let text = wide("resources: [https://10.0.0.1/x]\n", u16::to_le_bytes);
        refused(&["h/kustomization.yaml:1", "UTF-16"]).file("h/kustomization.yaml", text)
    }),
    ("the repository's own file as bytes", |_| {
        refused(&[".tidegate.yaml:1", "not UTF-8"])
            .settings("version: 1\n")
            .file(".tidegate.yaml", b"\xfe\x00\xff".to_vec())
    }),
];
