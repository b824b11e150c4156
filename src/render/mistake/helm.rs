//! What helm says, in the words of the author's files.

use super::advice::{HELM, advice};
use super::{between, documents, place};
use crate::model::fault::Fault;
use crate::render::Limits;
use crate::render::sources::{CHART, Task};
use crate::render::tree::{Tree, below, join};
use crate::yaml::Node;

/// Files of values, later ones win; none: written in place.
pub(in crate::render) type Given<'a> = &'a [Option<&'a str>];

/// The fault of what helm said about an app, with its line and what to do as far as they can be told.
pub(in crate::render) fn helm(
    tree: &Tree,
    limits: &Limits,
    task: &Task,
    given: Given<'_>,
    mut fault: Fault,
) -> Fault {
    let chart = below(&task.path, CHART);
    if fault.message.contains("specifications of the schema") {
        schema(tree, limits, task, given, &mut fault);
    } else if fault.message.contains("cannot load values.yaml") {
        fault.file = Some(below(&task.path, "values.yaml"));
        (fault.line, fault.column) = (Some(1), Some(1));
        "helm: the values are not a mapping".clone_into(&mut fault.message);
        "write them as `key: value`".clone_into(&mut fault.hint);
    } else if let Some(said) = between(&fault.message, "error converting YAML to JSON: yaml: line ", ":") {
        let line = said.parse().ok().zip(fault.file.as_ref()).and_then(|(line, file)| {
            let text = tree.read(file, limits.yaml.bytes).ok()?;
            same_line(&String::from_utf8_lossy(&text), line)
        });
        fault.line = line;
        fault.column = line.map(|_| 1);
        fault.message = fault.message.replace("error converting YAML to JSON: yaml: line ", "line ");
    }
    let Some(advice) = advice(HELM, &fault.message) else { return fault };
    if fault.hint.is_empty() {
        advice.hint.clone_into(&mut fault.hint);
    }
    if fault.line.is_none() && fault.file.as_deref() == Some(chart.as_str()) {
        // What is missing in it is missing in its whole.
        let (line, column) = place(tree, limits, &chart, advice.keys).unwrap_or((1, 1));
        fault = fault.at(line, column);
    }
    fault
}

/// The place of a value that a schema refuses: in the last file that gives it.
fn schema(tree: &Tree, limits: &Limits, task: &Task, given: Given<'_>, fault: &mut Fault) {
    let pointer = between(&fault.message, "at '", "'").unwrap_or_default();
    let own = below(&task.path, "values.yaml");
    let find = |file: &str| {
        let documents = documents(tree, limits, file);
        let root = documents.first().map(|document| &document.root)?;
        let step = |node: Option<Node>, part: &str| node.and_then(|node| node.get(part).cloned());
        let parts = pointer.split('/').skip(1);
        parts.fold(Some(root.clone()), step).map(|node| (file.to_owned(), node.line, node.column))
    };
    let files = given.iter().rev().flatten().copied().chain([own.as_str()]);
    let (file, line, column) =
        files.filter(|_| !pointer.is_empty()).find_map(find).unwrap_or((own.clone(), 1, 1));
    // Without such a file the values stand where the app is named.
    let (file, line) =
        if join("", &file).is_some_and(|file| tree.look(&file) == crate::render::tree::Found::File) {
            (file, line)
        } else {
            (".tidegate.yaml".to_owned(), task.line)
        };
    fault.file = Some(file);
    (fault.line, fault.column) = (Some(line), Some(column));
}

/// What makes a line of a template give none, or several.
const MORE: &[&str] =
    &["{{-", "-}}", "{{/*", "toYaml", "include", "tpl", "indent", "template", "toJson", "Files"];

/// The line of a template that gives this line of its only document, if each line before it gives one line.
fn same_line(template: &str, line: u32) -> Option<u32> {
    let begins = |line: &&str| line.trim().is_empty() || line.trim_end() == "---";
    let skipped = template.lines().take_while(begins).count();
    let line = usize::try_from(line).ok()?.checked_add(skipped)?;
    let body = template.lines().skip(skipped);
    if body.clone().any(|line| line.starts_with("---")) {
        return None;
    }
    let keyword = |action: &str| {
        let word = action.split_whitespace().next().unwrap_or_default();
        matches!(word, "if" | "else" | "end" | "range" | "with" | "define" | "block" | "break" | "continue")
            || !action.contains("}}")
    };
    let one =
        |line: &str| !MORE.iter().any(|more| line.contains(more)) && !line.split("{{").skip(1).any(keyword);
    let before = template.lines().take(line.checked_sub(1)?).skip(skipped);
    (before.clone().count() + skipped + 1 == line && before.clone().all(one))
        .then(|| u32::try_from(line).ok())?
}

#[cfg(test)]
mod tests {
    use super::same_line;

    #[test]
    fn a_line_is_told_only_where_it_is_certain() {
        let table = [
            ("a: 1\nb: {{ .Values.b }}\nc: d: e\n", 3, Some(3)),
            ("---\n\na: 1\nc: d: e\n", 2, Some(4)),
            ("{{ if .x }}\na: 1\n{{ end }}\nc: d: e\n", 3, None),
            ("{{- $x := 1 }}\nc: d: e\n", 1, Some(1)),
            ("{{- $x := 1 }}\nc: d: e\n", 2, None),
            ("{{ toYaml .Values.x }}\nc: d: e\n", 2, None),
            ("a: 1\n---\nc: d: e\n", 1, None),
            ("a: {{\n  .Values.x }}\nc: d: e\n", 2, None),
        ];
        for (template, line, told) in table {
            assert_eq!(same_line(template, line), told, "{template}");
        }
    }
}
