//! What kubectl takes and we refuse, each with its reason.

/// A reason, what our words hold, and what follows a manifest's head (with `§` in front: the whole file).
const TABLE: &[(&str, &str, &[&str])] = &[
    (
        "kubectl reads one document between two cuts and drops what follows `...` in silence",
        "what follows `...`",
        &["...\napiVersion: v1\nkind: B\nmetadata: {name: b}", "...\na: 1\n---\n"],
    ),
    (
        "what follows a root in braces, brackets or quotes kubectl drops in silence as well",
        "not valid YAML",
        &[
            "§\u{feff}{\"apiVersion\": \"v1\", \"kind\": \"A\", \"metadata\": {\"name\": \"a\"}}{\"apiVersion\": \"v1\", \"kind\": \"A\", \"metadata\": {\"name\": \"a\"}}",
        ],
    ),
    (
        "a lone carriage return, U+0085, U+2028 and U+2029 end a line for kubectl; a reviewer sees one line",
        "a line ends here",
        &[
            "# comment\rhidden: true",
            "k: a\rz: b",
            "# comment\u{2028}hidden: true",
            "# comment\u{2029}hidden: true",
            "# comment\u{85}hidden: true",
            "k: \"a\u{2028}b\"",
            "§{\"apiVersion\": \"v1\", \"kind\": \"A\", \"metadata\": {\"name\": \"a\"}, \"k\": \"a\u{2028}b\"}",
        ],
    ),
    (
        "of two keys that differ only in type (1 and \"1\") kubectl keeps either, as its hashing falls",
        "kubectl keeps either",
        &[
            "spec: {1: a, \"1\": b}",
            "spec: {y: a, 'true': b}",
            "spec: {1.0: a, 1: b}",
            "spec: {.nan: a, .nan: b}",
        ],
    ),
    (
        "what follows a JSON value would be another document without a cut before it",
        "something follows the JSON value",
        &[
            "§{\"apiVersion\": \"v1\", \"kind\": \"A\", \"metadata\": {\"name\": \"a\"}}\napiVersion: v1\nkind: B\nmetadata: {name: b}\n",
        ],
    ),
    (
        "JSON with control characters that YAML forbids, which hide text in a terminal",
        "control character",
        &[
            "§{\"apiVersion\": \"v1\", \"kind\": \"A\", \"metadata\": {\"name\": \"a\"}, \"k\": \"a\u{7f}\u{9b}\"}",
        ],
    ),
    (
        "a lone surrogate is no character: kubectl puts another in its place",
        "not valid YAML",
        &["§{\"apiVersion\": \"v1\", \"kind\": \"A\", \"metadata\": {\"name\": \"a\"}, \"k\": \"\\ud800\"}"],
    ),
    (
        "no API server takes an object without an apiVersion or a name",
        "is missing",
        &[
            "§kind: A\nmetadata: {name: a}\n",
            "§apiVersion: v1\nkind: A\n",
            "§apiVersion: v1\nkind: A\nmetadata:\n",
            "§apiVersion: v1\nkind: A\nmetadata: {name: ''}\n",
            "§apiVersion: x/v1\nkind: AllowList\nmetadata: {name: a}\nitems: [{ip: 10.0.0.1}]\n",
        ],
    ),
    (
        "a key in several lines is more likely a slip than meant",
        "over several lines",
        &["? a\n  b\n: 1", "? 'a\n  b'\n: 1"],
    ),
    ("an encrypted object would be applied as it stands", "SOPS", &["sops: {mac: x}"]),
];

/// Documents whose size is the matter, and those that are not UTF-8.
fn made() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let head = super::HEAD;
    let deep = format!("{head}k: {}{}\n", "[".repeat(150), "]".repeat(150));
    let utf16 = format!("{head}\n").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let mut latin = br#"{"apiVersion": "v1", "kind": "A", "metadata": {"name": "a"}, "k": ""#.to_vec();
    latin.extend_from_slice(b"\xe9\"}");
    vec![
        (
            "nesting beyond 100 levels serves nobody and costs everybody's stack",
            "deeper than 100",
            deep.into_bytes(),
        ),
        (
            "GitHub shows UTF-16 as a binary file: nobody can review it",
            "UTF-16",
            [vec![0xff, 0xfe], utf16].concat(),
        ),
        ("kubectl replaces bytes that are not UTF-8 in JSON: nobody wrote what it reads", "UTF-8", latin),
    ]
}

/// The reason, our words and the file of each case.
pub(super) fn rows() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let cases = TABLE
        .iter()
        .flat_map(|(reason, words, cases)| cases.iter().map(|case| (*reason, *words, super::whole(case))));
    cases.chain(made()).collect()
}
