//! A kustomization that names other paths, line for line where that can be done.

use serde_json::Value;

use crate::yaml::{self, Content, Document, Node};

/// A text to be put in place of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    /// Where it begins, from 1.
    pub line: u32,
    /// Where it begins, in characters from 1.
    pub column: u32,
    /// What stands there.
    pub from: String,
    /// What shall.
    pub to: String,
}

/// The text with all changes made. Lines stay lines, so that what is said of the result holds for what was written; where
/// a change cannot be made in its line (a folded text, an alias), the whole is written anew.
pub(super) fn rewrite(text: &[u8], mut changes: Vec<Change>, limits: &yaml::Limits) -> Vec<u8> {
    let documents = yaml::read(text, limits).unwrap_or_default();
    let wanted: Vec<Value> = documents.iter().map(|Document { root, .. }| changed(root, &changes)).collect();
    changes.sort_by_key(|change| std::cmp::Reverse((change.line, change.column)));
    changes.dedup();
    let kept = std::str::from_utf8(text).ok().and_then(|text| {
        let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
        changes.iter().try_for_each(|change| in_line(&mut lines, change))?;
        let text = lines.join("\n").into_bytes();
        let read: Vec<Value> =
            yaml::read(&text, limits).ok()?.iter().map(|document| document.root.to_json()).collect();
        (read == wanted).then_some(text)
    });
    kept.unwrap_or_else(|| yaml::write_all(&wanted).into_bytes())
}

fn in_line(lines: &mut [String], change: &Change) -> Option<()> {
    let line = lines.get_mut(usize::try_from(change.line).ok()?.checked_sub(1)?)?;
    let column = usize::try_from(change.column).ok()?.checked_sub(1)?;
    let (at, _) = line.char_indices().nth(column)?;
    let (before, rest) = line.split_at_checked(at)?;
    let forms = [change.from.clone(), format!("\"{}\"", change.from), format!("'{}'", change.from)];
    let after = forms.iter().find_map(|form| rest.strip_prefix(form.as_str()))?;
    // JSON's strings are YAML's.
    *line = format!("{before}{}{after}", Value::from(change.to.as_str()));
    Some(())
}

fn changed(node: &Node, changes: &[Change]) -> Value {
    match &node.content {
        Content::Text(text) => {
            let here = |change: &&Change| {
                (change.line, change.column) == (node.line, node.column) && change.from == *text
            };
            Value::from(changes.iter().find(here).map_or(text.as_str(), |change| change.to.as_str()))
        }
        Content::List(items) => items.iter().map(|item| changed(item, changes)).collect(),
        Content::Map(entries) => Value::Object(
            entries.iter().map(|(key, node)| (key.text.clone(), changed(node, changes))).collect(),
        ),
        Content::Null | Content::Bool(_) | Content::Number(_) => node.to_json(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Change, rewrite};
    use crate::yaml;

    fn change(line: u32, column: u32, from: &str, to: &str) -> Change {
        Change { line, column, from: from.to_owned(), to: to.to_owned() }
    }

    fn all(text: &str, changes: Vec<Change>) -> String {
        String::from_utf8(rewrite(text.as_bytes(), changes, &yaml::Limits::default())).unwrap()
    }

    #[test]
    fn lines_stay_lines() {
        let text =
            "# é https://a\nresources: # x\n- https://a # y\n- [no]\n- \"https://b\"\r\n- 'https://a'\n";
        let changes = vec![
            change(3, 3, "https://a", "../1"),
            change(5, 3, "https://b", "../2"),
            change(6, 3, "https://a", "../1"),
        ];
        let wanted = "# é https://a\nresources: # x\n- \"../1\" # y\n- [no]\n- \"../2\"\r\n- \"../1\"\n";
        assert_eq!(all(text, changes), wanted);
        let flow = "resources: [https://a, é, https://b]\n";
        let changes = vec![change(1, 13, "https://a", "../1"), change(1, 27, "https://b", "../2")];
        assert_eq!(all(flow, changes), "resources: [\"../1\", é, \"../2\"]\n");
    }

    #[test]
    fn what_cannot_be_changed_in_its_line_is_written_anew() {
        for text in [
            "resources:\n- >-\n  https://a\nnamePrefix: x-\n",
            "resources: [\"https:\\u002f/a\"]\nnamePrefix: x-\n",
        ] {
            let read = yaml::read(text.as_bytes(), &yaml::Limits::default()).unwrap();
            let node = &read[0].root.get("resources").unwrap().items()[0];
            let got = all(text, vec![change(node.line, node.column, "https://a", "../1")]);
            let read = yaml::read(got.as_bytes(), &yaml::Limits::default()).unwrap();
            assert_eq!(
                read[0].root.to_json(),
                serde_json::json!({"resources": ["../1"], "namePrefix": "x-"})
            );
        }
    }
}
