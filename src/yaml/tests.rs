//! The table of scalars was read off kubectl itself; the round trips are random.

use proptest::prelude::proptest;
use serde_json::{Value, json};

use super::random::value;
use super::{Limits, read, snippet, write, write_all};

fn one(text: &str) -> Value {
    let mut documents =
        read(text.as_bytes(), &Limits::default()).unwrap_or_else(|fault| panic!("{text:?}: {fault}"));
    assert_eq!(documents.len(), 1, "{text:?}");
    documents.remove(0).root.into_json()
}

fn refused(text: &[u8]) -> crate::model::fault::Fault {
    read(text, &Limits::default()).expect_err("must be refused")
}

/// A scalar as written, and its JSON.
const SCALARS: &str = r#"
y = true | Y = true | yes = true | on = true | On = true | n = false | No = false | OFF = false | True = true
tRue = "tRue" | yEs = "yEs" | ~ = null | Null = null | nUll = "nUll" | oN = "oN" | 'y' = "y" | '' = ""
0644 = 420 | 0o17 = 15 | 0x1F = 31 | 0b101 = 5 | -0b11 = -3 | 089 = 89 | 0x = "0x" | 0xg = "0xg" | +12 = 12 | -0 = 0
1_000 = 1000 | 1_0.5 = 10.5 | _1 = "_1" | 0x_1 = 1 | 0_7 = 7 | 1_ = 1 | 0o9 = "0o9" | 0b2 = "0b2" | 0x-1 = "0x-1"
1e3 = 1000 | 1.0 = 1 | .5 = 0.5 | -.5 = -0.5 | 5. = 5 | 1e = "1e" | 1.2.3 = "1.2.3" | 1e999 = "1e999" | 12e03 = 12000
.5_0 = 0.5 | .5_ = ".5_" | ._5 = "._5" | . = "." | + = "+" | 1e-7 = 1e-7 | 0.1e1 = 1 | 1e+2 = 100 | 1E3 = 1000 | 0e0 = 0
9007199254740993 = 9007199254740993 | 18446744073709551615 = 1.8446744073709552e19
-9223372036854775808 = -9223372036854775808 | 18446744073709551616 = 1.8446744073709552e19
-9223372036854775809 = -9.223372036854775809e18 | 1e18 = 1000000000000000000 | 07777777777777777777777777 = 7.777777777777778e24
2020-01-01 = "2020-01-01" | 12:30:45 = "12:30:45" | 1:30 = "1:30" | << = "<<" | "0644" = "0644" | a #b = "a" | a#b = "a#b"
!!str 12 = "12" | !!int "0x10" = 16 | !!float 3 = 3 | !!binary aGk= = "hi" | ! 12 = "12" | !mine 12 = "12" | !!bool 'yes' = true
a\n = "a\\n" | 'it''s' = "it's"
"#;

#[test]
fn scalars_mean_what_kubectl_takes_them_for() {
    let rows = SCALARS.lines().filter(|line| !line.is_empty()).flat_map(|line| line.split(" | "));
    let mut count = 0;
    for row in rows {
        let (text, expected) = row.rsplit_once(" = ").unwrap();
        let expected: Value = serde_json::from_str(expected).unwrap();
        assert_eq!(one(&format!("k: {text}\n"))["k"], expected, "{text}");
        count += 1;
    }
    assert!(count > 75, "{count}");
}

#[test]
fn keys_become_the_text_that_kubectl_makes_of_them() {
    let table = [
        ("y", "true"),
        ("off", "false"),
        ("0x10", "16"),
        ("0644", "420"),
        ("1.50", "1.5"),
        ("1e6", "1e+06"),
        ("100000.0", "100000"),
        ("1234567.5", "1.2345675e+06"),
        ("0.00001", "1e-05"),
        (".inf", ".inf"),
        ("'y'", "y"),
        ("12", "12"),
        ("1_0", "10"),
        ("a b", "a b"),
        ("2020-01-01", "2020-01-01"),
    ];
    for (key, expected) in table {
        let value = one(&format!("{key}: 1\n"));
        assert_eq!(value.as_object().unwrap().keys().next().unwrap(), expected, "{key}");
    }
    for key in ["~", "null", "[a]", "{a: b}", "18446744073709551615", "{{ .Values.name }}"] {
        assert_eq!(refused(format!("{key}: 1\n").as_bytes()).line, Some(1), "{key}");
    }
}

#[test]
fn what_has_no_json_is_refused_with_its_place() {
    let table: [(&str, u32, u32, &str); 9] = [
        ("a: 1\nb: .nan\n", 2, 4, "cannot be written as JSON"),
        ("a:\n  - !!int x\n", 2, 11, "not what its tag"),
        ("a: *b\n", 1, 4, "anchor"),
        ("a: &b [*b]\n", 1, 8, "contains itself"),
        ("<<: 1\n", 1, 1, "merges mappings"),
        ("a: b: c\n", 1, 5, "not valid YAML"),
        ("a:\n\t- b\n", 2, 2, "tab"),
        ("a: [1, 2\n", 1, 4, "not valid YAML"),
        ("a: b\u{1}\n", 1, 5, "control character"),
    ];
    for (text, line, column, message) in table {
        let fault = refused(text.as_bytes());
        assert_eq!((fault.line, fault.column), (Some(line), Some(column)), "{text:?}: {fault}");
        assert!(fault.message.contains(message), "{text:?}: {fault}");
        assert!(fault.snippet.is_some(), "{text:?}: {fault}");
    }
    assert_eq!(refused(b"a: 1\nb: \xff\n").line, Some(2));
    assert!(refused(&[0xff, 0xfe, b'a', 0]).message.contains("UTF-16"));
}

#[test]
fn documents_are_split_and_empty_ones_left_out() {
    let text = "\u{feff}# nothing\r\n---\r\na: 1\r\n---\r\n# only this\r\n---\r\n---\r\nnull\r\n...\r\n--- # said\r\nb: |\r\n  x\r\n  y";
    let documents = read(text.as_bytes(), &Limits::default()).unwrap();
    let values: Vec<Value> = documents.iter().map(|document| document.root.to_json()).collect();
    assert_eq!(values, [json!({"a": 1}), json!({"b": "x\ny\n"})]);
    assert_eq!(documents[0].root.line, 3);
    assert!(read(b"", &Limits::default()).unwrap().is_empty());
    assert!(read(b"# a\n", &Limits::default()).unwrap().is_empty());
    assert_eq!(one("{\"a\":\t[1,\n\t2], \"b\\/c\": null}"), json!({"a": [1, 2], "b/c": null}));
}

#[test]
fn places_count_lines_and_characters_from_one() {
    let documents = read("ä: {b: 1}\nc:\n  - d: é\n    e: 2\n".as_bytes(), &Limits::default()).unwrap();
    let root = &documents[0].root;
    assert_eq!((root.line, root.column), (1, 1));
    let (key, value) = &root.entries()[0];
    assert_eq!((key.line, key.column, value.column), (1, 1, 4));
    let item = &root.get("c").unwrap().items()[0];
    assert_eq!((item.line, item.column), (3, 5));
    let (key, value) = &item.entries()[1];
    assert_eq!((key.line, key.column, value.line, value.column), (4, 5, 4, 8));
}

#[test]
fn of_equal_keys_the_last_counts_and_both_lines_are_named() {
    let documents = read(b"a: 1\nb: 2\na: 3\n", &Limits::default()).unwrap();
    assert_eq!(documents[0].root.to_json(), json!({"a": 3, "b": 2}));
    let warning = &documents[0].warnings[0];
    assert_eq!((warning.line, warning.column), (Some(3), Some(1)));
    assert!(warning.hint.contains("line 1"), "{warning}");
    let many =
        (0..100).map(|i| format!("k{i}: {i}")).collect::<Vec<_>>().join("\n") + "\nk50: x\ny: 1\non: 2\n";
    let documents = read(many.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(documents[0].warnings.len(), 2);
    assert_eq!(documents[0].root.get("k50").unwrap().text(), Some("x"));
}

#[test]
fn merge_keys_follow_kubectl_and_surprises_are_told() {
    let anchors = "x: &x {a: 1, b: 2}\ny2: &y {b: 3, c: 4}\n";
    assert_eq!(one(&format!("{anchors}m:\n  <<: *x\n  b: 9\n"))["m"], json!({"a": 1, "b": 9}));
    assert_eq!(one(&format!("{anchors}m:\n  <<: [*x, *y]\n"))["m"], json!({"b": 2, "c": 4, "a": 1}));
    assert_eq!(one(&format!("{anchors}m:\n  '<<': 1\n"))["m"], json!({"<<": 1}));
    let documents = read(format!("{anchors}m:\n  b: 9\n  <<: *x\n").as_bytes(), &Limits::default()).unwrap();
    assert_eq!(documents[0].root.to_json()["m"], json!({"b": 2, "a": 1}));
    assert_eq!(documents[0].warnings[0].line, Some(5));
}

#[test]
fn bombs_end_at_the_limits() {
    let limits = Limits { bytes: 1 << 20, nodes: 10_000, depth: 100 };
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..10 {
        let refs = vec![format!("*a{}", i - 1); 9].join(", ");
        laughs = format!("{laughs}a{i}: &a{i} [{refs}]\n");
    }
    let square = format!("a: &a [{}]\nb: [{}]\n", "x, ".repeat(500), "*a, ".repeat(500));
    let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(5_000), "*a, ".repeat(500));
    for bomb in [laughs, square, text] {
        let fault = read(bomb.as_bytes(), &limits).expect_err("a bomb");
        assert!(fault.message.contains("aliases"), "{fault}");
    }
    let deep = [format!("{}x", "- ".repeat(5_000)), "[".repeat(20_000)];
    for bomb in deep {
        let fault = read(bomb.as_bytes(), &Limits::default()).expect_err("too deep");
        assert!(fault.message.contains("deeper than 100"), "{fault}");
    }
    let mut chain = "a0: &a0 [x]\n".to_owned();
    for i in 1..150 {
        chain = format!("{chain}a{i}: &a{i} [*a{}]\n", i - 1);
    }
    assert!(refused(chain.as_bytes()).message.contains("deeper than 100"));
    assert!(read(&vec![b'a'; 2 << 20], &limits).is_err());
}

#[test]
fn a_snippet_is_one_bounded_visible_line() {
    assert_eq!(snippet("a\n\tb: c\r\n", 2, 2), "→b: c\n ^");
    assert_eq!(snippet("x\u{7}\u{202e}y", 1, 2), "x␇\u{fffd}y\n ^");
    let long = snippet(&"a".repeat(1 << 20), 1, 500_000);
    assert!(long.lines().all(|line| line.chars().count() <= 120), "{long}");
    assert!(long.starts_with('…') && long.contains("…\n"));
    assert_eq!(snippet("", 9, 9), "\n^");
}

#[test]
fn what_is_written_is_quoted_only_where_some_reader_would_err() {
    let value = json!({"apiVersion": "v1", "data": {"y": "on", "n": "1_000", "v": "0x1", "d": "2020-01-01", "e": "",
        "t": "12:30", "i": "nginx:1.2.3", "u": "http://x/y#z", "s": "a\n  b\n", "j": "{\"a\": 1}", "q": "it's", "f": "--x=1", "<<": "=",
        "w": " x", "c": "a: b", "z": "\u{feff}\r", "l": "a\n\n\n", "h": "  a\nb"}, "list": [[1, [2]], {"a": [], "b": {}}, "- x"], "k".repeat(300): 1});
    insta::assert_snapshot!(write(&value).replace(&"k".repeat(300), "kkk"), @r#"
    apiVersion: v1
    data:
      "y": "on"
      "n": "1_000"
      v: "0x1"
      d: "2020-01-01"
      e: ""
      t: "12:30"
      i: nginx:1.2.3
      u: http://x/y#z
      s: |
        a
          b
      j: '{"a": 1}'
      q: it's
      f: --x=1
      "<<": "="
      w: " x"
      c: "a: b"
      z: "\uFEFF\r"
      l: |+
        a


      h: |2-
          a
        b
    list:
    - - 1
      - - 2
    - a: []
      b: {}
    - "- x"
    ? "kkk"
    : 1
    "#);
    assert_eq!(one(&write(&value)), value);
    assert_eq!(write_all([&json!({"a": 1}), &json!({"b": 2})]), "a: 1\n---\nb: 2\n");
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_written_is_read_back_the_same(value in value()) {
        let wrapped = json!({"k": value});
        let written = write(&wrapped);
        assert_eq!(one(&written), wrapped, "{written}");
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[-a:{}\\[\\]&*!|>'\"%@`#,? \n\t<~0-9]{0,60}") {
        if let Err(fault) = read(text.as_bytes(), &Limits::default()) {
            assert!(fault.line.is_some(), "{fault}");
        }
    }
}
