//! Every limit has its number, and texts of one shape and any length end as they should.
//!
//! That no step is worse than linear is not asserted on time: `make bench` prints it for the same shapes.

use serde_json::{Value, json};

use super::{Limits, each, read};

/// What a text gives, or the words of its fault.
fn given(text: &str, limits: &Limits) -> Result<Vec<Value>, String> {
    let documents = read(text.as_bytes(), limits).map_err(|fault| fault.to_string())?;
    Ok(documents.into_iter().map(|document| document.root.into_json()).collect())
}

#[test]
fn each_limit_is_met_at_its_number() {
    let limits = Limits { bytes: 4_000, nodes: 1_000, depth: 100 };
    let list = |count: usize| format!("[{}]", vec!["a"; count].join(","));
    // The list is a node itself.
    assert_eq!(given(&list(999), &limits).unwrap()[0].as_array().unwrap().len(), 999);
    assert!(given(&list(1_000), &limits).unwrap_err().contains("too many values"));
    // Over all documents: each is a mapping, a key and a value.
    assert_eq!(given(&"---\na: 1\n".repeat(333), &limits).unwrap().len(), 333);
    assert!(given(&"---\na: 1\n".repeat(334), &limits).unwrap_err().contains("too many values"));

    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(given(&deep(100), &limits).is_ok());
    assert!(given(&deep(101), &limits).unwrap_err().contains("deeper than 100"));
    let blocks = |levels: usize| {
        (0..levels).map(|level| format!("{}a:\n", " ".repeat(level))).collect::<Vec<_>>().concat()
    };
    let roomy = Limits { bytes: 1 << 20, ..limits };
    assert!(given(&blocks(100), &roomy).is_ok());
    assert!(given(&blocks(101), &roomy).unwrap_err().contains("deeper than 100"));

    assert!(given(&format!("a: {}\n", "x".repeat(3_996)), &limits).is_ok(), "a scalar may fill the text");
    assert!(
        given(&format!("a: {}\n", "x".repeat(3_997)), &limits)
            .unwrap_err()
            .contains("larger than 4000 bytes")
    );
}

#[test]
fn aliases_are_paid_for_before_they_are_followed() {
    let limits = Limits { bytes: 4_000, nodes: 1_000, depth: 100 };
    // An anchored list of ten costs its eleven nodes again for the anchor, and eleven for each alias.
    let aliases = |count: usize| format!("- &a [{}]\n{}", ["x"; 10].join(","), "- *a\n".repeat(count));
    assert!(given(&aliases(88), &limits).is_ok());
    assert!(given(&aliases(90), &limits).unwrap_err().contains("aliases"));
    // Twice the text's bytes, once its aliases are expanded.
    let texts = |count: usize| format!("- &a {}\n{}", "x".repeat(1_000), "- *a\n".repeat(count));
    assert!(given(&texts(6), &limits).is_ok());
    assert!(given(&texts(7), &limits).unwrap_err().contains("aliases"));
    // A billion laughs: the tenth level alone would be 9^10 nodes.
    let mut laughs = "a0: &a0 [x]\n".to_owned();
    for level in 1..=10 {
        let below = vec![format!("*a{}", level - 1); 9].join(", ");
        laughs = format!("{laughs}a{level}: &a{level} [{below}]\n");
    }
    assert!(given(&laughs, &Limits::default()).unwrap_err().contains("aliases"));
    // And 5,000 times 5,000 from 35 KB.
    let square = format!("a: &a [{}]\nb: [{}]\n", "x, ".repeat(5_000), "*a, ".repeat(5_000));
    assert!(given(&square, &Limits::default()).unwrap_err().contains("aliases"));
    let merges = format!("a: &a {{{}}}\nb: {{<<: [{}]}}\n", keys(3_000), "*a, ".repeat(3_000));
    assert!(given(&merges, &Limits::default()).unwrap_err().contains("aliases"));
}

fn keys(count: usize) -> String {
    (0..count).map(|key| format!("k{key}: 1, ")).collect::<Vec<_>>().concat()
}

#[test]
fn a_mebibyte_in_one_piece_is_one_value() {
    const SIZE: usize = 1 << 20;
    let limits = Limits::default();
    let long = "x".repeat(SIZE);
    for text in [
        format!("k: {long}\n"),
        format!("k: '{long}'\n"),
        format!("k: \"{long}\"\n"),
        format!("k: |-\n  {long}\n"),
        format!("k: >-\n  {long}\n"),
    ] {
        assert_eq!(given(&text, &limits).unwrap()[0]["k"].as_str().unwrap().len(), SIZE);
    }
    let length = |text: String| given(&text, &limits).unwrap()[0]["k"].as_str().unwrap().len();
    assert_eq!(length(format!("k: \"{}\"\n", "\\u00e9\\n".repeat(SIZE / 8))), SIZE / 8 * 3);
    assert_eq!(length(format!("k: '{}'\n", "''".repeat(SIZE / 2))), SIZE / 2);
    assert_eq!(length(format!("k: |\n{}", "  a\n".repeat(SIZE / 4))), SIZE / 2);
    assert_eq!(length(format!("k: >\n{}", "  a\n".repeat(SIZE / 4))), SIZE / 2);
    assert_eq!(length(format!("k: |\n{}  a\n", "\n".repeat(SIZE))), SIZE + 2);
    assert_eq!(given(&format!("#{long}\nk: 1\n"), &limits).unwrap(), [json!({"k": 1})]);
    assert_eq!(given(&format!("{}k: 1\n", "# a\n".repeat(SIZE / 4)), &limits).unwrap(), [json!({"k": 1})]);
    // A reader looks 1,024 characters ahead for the colon of a key.
    assert!(given(&format!("{}: 1\n", "x".repeat(1_000)), &limits).is_ok());
    for text in [format!("{long}: 1\n"), format!("\"{long}\": 1\n")] {
        assert!(given(&text, &limits).unwrap_err().contains("not valid YAML"));
    }
    for text in ["[", "{", "- ", "{\"a\":"] {
        assert!(
            given(&text.repeat(SIZE / text.len()), &limits).unwrap_err().contains("deeper than 100"),
            "{text}"
        );
    }
}

#[test]
fn many_keys_and_many_documents_are_all_there() {
    let limits = Limits::default();
    let wide = (0..100_000).map(|key| format!("k{key}: {key}\n")).collect::<Vec<_>>().concat();
    let value = given(&wide, &limits).unwrap().remove(0);
    assert_eq!((value.as_object().unwrap().len(), &value["k99999"]), (100_000, &json!(99_999)));
    let twice = read(format!("{wide}k7: x\n").as_bytes(), &limits).unwrap();
    assert_eq!(twice[0].warnings.len(), 1);
    // Several threads read these, in order.
    let many =
        (0..100_000).map(|document| format!("---\nk: {document} # of many\n")).collect::<Vec<_>>().concat();
    let (found, nodes) =
        each(many.as_bytes(), &limits, |document| (document.root.line, document.root.to_json())).unwrap();
    assert_eq!((found.len(), nodes), (100_000, 300_000));
    assert!(found.iter().enumerate().all(|(at, (line, value))| {
        usize::try_from(*line).unwrap() == 2 * at + 2 && value["k"] == json!(at)
    }));
    assert!(given(&"---\n".repeat(200_000), &limits).unwrap().is_empty());
}

#[test]
fn of_several_faults_in_a_long_text_the_first_is_told() {
    let good = "k: some text that fills a line\n---\n".repeat(40_000);
    let text = format!("{good}k: [\n---\n{good}--- x\n{good}k: {{\n");
    for _ in 0..5 {
        let fault = read(text.as_bytes(), &Limits::default()).unwrap_err();
        assert_eq!(fault.line, Some(80_001), "{fault}");
    }
    let text = format!("{good}--- x\n{good}k: [\n");
    let fault = read(text.as_bytes(), &Limits::default()).unwrap_err();
    assert_eq!((fault.line, fault.column), (Some(80_001), Some(4)), "{fault}");
}

#[test]
fn warnings_of_a_long_text_are_bounded_and_always_the_same() {
    let text = "---\nk: 1\nk: a text that makes the line longer, and the file\n".repeat(40_000);
    let told = || {
        let documents = read(text.as_bytes(), &Limits::default()).unwrap();
        documents
            .into_iter()
            .flat_map(|document| document.warnings)
            .map(|fault| fault.line)
            .collect::<Vec<_>>()
    };
    let first = told();
    assert!((50..1_000).contains(&first.len()), "{}", first.len());
    assert_eq!((first[0], first[49]), (Some(3), Some(150)));
    assert_eq!(first, told());
}
