//! Random JSON values whose texts are hard to write: for the tests here and for those that ask kubectl.

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use serde_json::{Value, json};

/// Texts that some reader takes for something else, and parts of such texts.
const WORDS: &[&str] = &[
    "y",
    "No",
    "on",
    "null",
    "~",
    "true",
    "0644",
    "0o17",
    "0x1F",
    "0b1",
    "1_0",
    "1e3",
    "1e400",
    "-0",
    ".5",
    ".inf",
    ".nan",
    "1:2",
    "12:30:45",
    "2001-01-01",
    "-",
    "--",
    "---",
    "--- a",
    "...",
    "a: b",
    "a:",
    "a #b",
    "#",
    "# a",
    " ",
    "  ",
    "\n",
    "\n\n",
    " a\nb",
    "a\n \nb",
    "a\n\tb",
    "\t",
    "\t\n",
    "\ta\nb",
    "\n\ta",
    "a \nb\n",
    "a\n# b\n",
    "\n---\n",
    "a\n---\nb",
    "a\n...\n",
    "\r",
    "\r\n",
    "a\rb",
    "\u{85}",
    "\u{a0}",
    "\u{ad}",
    "\u{2028}",
    "\u{2029}",
    "\u{200b}",
    "\u{202e}",
    "\u{feff}",
    "\u{fffe}",
    "\u{ffff}",
    "\0",
    "\u{7}",
    "\u{1b}[31m",
    "\u{7f}",
    "\u{9b}",
    "'",
    "\"",
    "\\",
    "\\n",
    "\\/",
    "%",
    "@",
    "`",
    "<<",
    "=",
    "!",
    "!!str a",
    "&a",
    "*a",
    "?",
    "? a",
    "- a",
    "[",
    "]",
    "{",
    "}",
    ",",
    "|",
    ">",
    "|-\n a",
    "+",
    "🎉",
    "é",
    "日本",
    "{{ .Values.a }}",
    "a/b",
    "http://x/y#z",
    "-- a",
    "1.",
    "0.",
];

/// A text.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let word = || prop::sample::select(WORDS);
    prop_oneof![
        3 => word().prop_map(str::to_owned),
        3 => prop::collection::vec(word(), 0..5).prop_map(|parts| parts.concat()),
        2 => "[ -~\n\t]{0,24}",
        2 => any::<String>(),
        // Lines that a writer may fold, and keys beyond what a reader looks ahead for.
        1 => (word(), 1usize..700).prop_map(|(word, times)| word.repeat(times)),
    ]
}

/// A value of a few levels.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => (-1000i32..1000).prop_map(|n| json!(f64::from(n) + 0.25)),
        6 => text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}
