//! `docs/configuration.md`: its tables of the repository's file are laid out from the schema, so no key can be missing.

use std::fs;

use serde_json::Value;

use crate::parse::schema::tests::{assert_file, repository};
use crate::parse::{schema, settings};

const PAGE: &str = "docs/configuration.md";
const BEGIN: &str = "<!-- repository: begin -->\n";
const END: &str = "<!-- repository: end -->\n";
/// The objects in the order in which a reader meets them, with their headings.
const OBJECTS: &[(&str, &str)] = &[
    ("environment", "An environment, and `defaults`"),
    ("source", "`sources`: one entry"),
    ("helm", "`helm`"),
    ("versions", "`versions`"),
    ("deploy", "`deploy`"),
    ("allow", "`allow`"),
    ("limits", "`limits`"),
    ("field", "`fields`: one entry"),
    ("secret", "`secrets`: one entry"),
];

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn kind(value: &Value) -> String {
    if let Some(words) = value["enum"].as_array() {
        let words: Vec<String> = words.iter().map(|word| code(word.as_str().unwrap())).collect();
        return words.join(", ");
    }
    if let Some(only) = value.get("const") {
        return code(&only.to_string());
    }
    if let Some(definition) = value["$ref"].as_str() {
        let name = definition.rsplit('/').next().unwrap();
        let heading = OBJECTS.iter().find(|(known, _)| *known == name).unwrap().1;
        return format!("[{heading}](#{})", anchor(heading));
    }
    match value["type"].as_str() {
        Some("array") => format!("list of {}", kind(&value["items"])),
        Some("boolean") => "`true`, `false`".to_owned(),
        Some("string") => "text".to_owned(),
        Some("object") if value.get("additionalProperties").is_some_and(Value::is_object) => {
            format!("mapping of name to {}", kind(&value["additionalProperties"]))
        }
        Some("object") => "mapping".to_owned(),
        _ => {
            let all: Vec<String> = value["anyOf"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|one| one["type"] != "null")
                .map(kind)
                .collect();
            all.join(" or ")
        }
    }
}

/// As GitHub makes it of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn default(key: &str, value: &Value, required: &[Value]) -> String {
    if required.iter().any(|word| word == key) {
        return "required".to_owned();
    }
    match (value["$comment"].as_str(), value.get("default")) {
        (Some(words), _) => words.to_owned(),
        (None, Some(Value::String(text))) => code(text),
        (None, Some(Value::Array(items))) if items.is_empty() => "none".to_owned(),
        (None, Some(other)) => code(&other.to_string()),
        (None, None) => String::new(),
    }
}

fn table(object: &Value) -> String {
    let none = Vec::new();
    let required = object["required"].as_array().unwrap_or(&none);
    let mut out = String::from("| key | value | default | meaning |\n|---|---|---|---|\n");
    for (key, value) in object["properties"].as_object().unwrap() {
        let meaning = value["description"].as_str().unwrap();
        let cells = [code(key), kind(value), default(key, value, required), meaning.to_owned()];
        let cells = cells.map(|cell| cell.replace('|', "\\|"));
        out.extend(["| ", &cells.join(" | "), " |\n"]);
    }
    out
}

fn tables() -> String {
    let whole = schema();
    let mut out = format!("### The whole file\n\n{}", table(&whole));
    for (name, heading) in OBJECTS {
        out.extend(["\n### ", heading, "\n\n", &table(&whole["$defs"][*name])]);
    }
    out
}

#[test]
fn the_documentation_names_every_key() {
    let page = fs::read_to_string(repository(PAGE)).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has the beginning mark");
    let (_, after) = rest.split_once(END).expect("the page has the end mark");
    assert_file(PAGE, &format!("{before}{BEGIN}\n{}\n{END}{after}", tables()));
    assert_eq!(schema()["$defs"].as_object().unwrap().len(), OBJECTS.len(), "each object has its table");
}

#[test]
fn the_examples_of_the_documentation_are_valid() {
    let page = fs::read_to_string(repository(PAGE)).unwrap();
    let mut seen = 0;
    for example in page.split("```yaml\n").skip(1) {
        let text = example.split("```").next().unwrap();
        if text.starts_with("# .tidegate.yaml") {
            settings(text.as_bytes(), ".tidegate.yaml").unwrap();
            seen += 1;
        }
    }
    assert!(seen >= 2);
}
