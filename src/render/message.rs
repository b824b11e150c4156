//! What renderers say, in the reader's terms: no path of ours, and the place in the author's file where it is named.

use std::path::Path;

use crate::render::tree::Tree;

/// The most characters of a message that are kept.
const LENGTH: usize = 1_500;
/// The most warnings of one run that are passed on.
const WARNINGS: usize = 20;

/// A text of a renderer without our paths and control characters, bounded.
pub(super) fn clean(text: &str, tree: &Tree, scratch: &Path) -> String {
    let mut text = text.to_owned();
    let root = tree.absolute("");
    // The tree may lie below the scratch folder's parent or the other way round: the longer path goes first.
    let mut ours = [root.as_path(), scratch].map(|path| path.to_string_lossy().into_owned());
    ours.sort_by_key(|path| std::cmp::Reverse(path.len()));
    for path in ours.iter().filter(|path| path.len() > 1) {
        text = text.replace(&format!("{path}/"), "").replace(path.as_str(), ".");
    }
    let text = text.trim();
    let mut short: String =
        text.chars().take(LENGTH).map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect();
    if short.len() < text.len() && text.chars().nth(LENGTH).is_some() {
        short.push('…');
    }
    short
}

/// The warnings among what a renderer wrote to standard error, one a line.
pub(super) fn warnings(stderr: &str, tree: &Tree, scratch: &Path) -> Vec<String> {
    let lines = stderr.lines().map(str::trim).filter(|line| !line.is_empty());
    let told = lines.map(|line| {
        let line = line.strip_prefix("# ").unwrap_or(line);
        let line = line.strip_prefix("Warning: ").unwrap_or(line);
        // Helm's own log lines: level=WARN msg="…" and more.
        let said = line.split_once("msg=").map_or(line, |(_, said)| said);
        clean(said.trim_matches('"'), tree, scratch)
    });
    told.take(WARNINGS).collect()
}

/// The first line of a Go program's crash; the pages of its stacks say nothing to an author.
pub(super) fn crash(stderr: &str) -> Option<String> {
    stderr
        .lines()
        .find(|line| {
            ["fatal error: ", "panic: ", "SIGSEGV: ", "SIGBUS: "].iter().any(|begin| line.starts_with(begin))
        })
        .map(|line| line.chars().take(200).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect())
}

/// The last `path:line[:column]` in a text whose path `accept` knows as a file: the innermost of nested errors.
pub(super) fn place(
    text: &str,
    accept: impl Fn(&str) -> Option<String>,
) -> Option<(String, u32, Option<u32>)> {
    let words = text.split(|c: char| c.is_whitespace() || "()\"'`<>,;[]{}".contains(c));
    let mut last = None;
    for word in words.filter(|word| word.contains(':') && word.len() < 1_000) {
        let mut parts = word.split(':');
        let (Some(path), Some(Ok(line))) = (parts.next(), parts.next().map(str::parse::<u32>)) else {
            continue;
        };
        let column = parts.next().and_then(|part| part.parse::<u32>().ok());
        if let Some(file) = accept(path) {
            last = Some((file, line.max(1), column.map(|column| column.max(1))));
        }
    }
    last
}

/// A message that says what is wrong in its first line. Helm tells nested errors from the outside in, one a line: where the
/// outermost is a bare place, the innermost is put before it.
pub(super) fn lead(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let (Some(first), Some(last)) = (lines.next(), lines.next_back()) else { return text.to_owned() };
    if first.contains(' ') || !first.contains(':') {
        return text.to_owned();
    }
    format!("{last}\n{text}")
}

/// The last word of a text whose path `accept` knows as a file.
pub(super) fn file(text: &str, accept: impl Fn(&str) -> Option<String>) -> Option<String> {
    let words = text.split(|c: char| c.is_whitespace() || "()\"'`<>,;:[]{}".contains(c));
    words.rev().filter(|word| word.contains('.') && word.len() < 1_000).find_map(accept)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{clean, crash, lead, place};
    use crate::render::tree::Tree;

    #[test]
    fn our_paths_and_control_characters_leave_a_message() {
        let root = tempfile::tempdir().unwrap();
        let tree = Tree::open(root.path(), &std::sync::Arc::default()).unwrap();
        let real = tree.absolute("").display().to_string();
        let text = format!("cannot read '{real}/a/b.yaml' in {real}: /scratch/x\u{1b}[31m");
        assert_eq!(clean(&text, &tree, Path::new("/scratch")), "cannot read 'a/b.yaml' in .: x\u{fffd}[31m");
        assert!(clean(&"x".repeat(1 << 20), &tree, Path::new("/scratch")).chars().count() < 2_000);
    }

    #[test]
    fn the_innermost_place_is_the_last_that_names_a_known_file() {
        let known = |path: &str| path.starts_with("web/").then(|| path.to_owned());
        let text = "template: web/templates/a.yaml:7:14: executing \"x\": error at (web/templates/_b.tpl:3:4): http://x:80/";
        assert_eq!(place(text, known), Some(("web/templates/_b.tpl".to_owned(), 3, Some(4))));
        assert_eq!(
            place("parse error at (web/templates/x.yaml:1): x", known),
            Some(("web/templates/x.yaml".to_owned(), 1, None))
        );
        assert_eq!(place("10.0.0.1:80 and a:b:c", known), None);
    }

    #[test]
    fn what_is_wrong_comes_first() {
        let nested =
            "web/a.yaml:4:18\n  executing \"web/a.yaml\" at <.Values.x.y>:\n    nil pointer evaluating";
        assert_eq!(lead(nested), format!("nil pointer evaluating\n{nested}"));
        for whole in ["template: web/a.yaml:4:8: nil pointer\nmore", "no place\nmore", "web/a.yaml:4:18", ""]
        {
            assert_eq!(lead(whole), whole);
        }
    }

    #[test]
    fn of_a_crash_only_its_first_line_is_told() {
        assert_eq!(
            crash("runtime: x\nfatal error: stack overflow\n\ngoroutine 1"),
            Some("fatal error: stack overflow".to_owned())
        );
        let segment = "SIGSEGV: segmentation violation";
        assert_eq!(crash(&format!("{segment}\nPC=0x4 m=5\n\ngoroutine 0")).as_deref(), Some(segment));
        assert_eq!(crash("Error: no"), None);
    }
}
