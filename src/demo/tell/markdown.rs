//! Markdown as a terminal shows it: headings, tables, folds, coloured diffs. Pure.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::demo::markup::{Piece, pieces};
use crate::demo::tell::paint::{Paint, width};
use crate::terminal::harmless;

/// Longest line of running text, in columns.
const COLUMNS: usize = 96;
/// A table's widest column keeps at least this many.
const NARROW: usize = 24;

/// The lines of a text.
pub(super) fn lines(markdown: &str, paint: Paint) -> Vec<String> {
    let mut page = Page { paint, ..Page::default() };
    for event in Parser::new_ext(&harmless(markdown), Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH)
    {
        page.event(event);
    }
    page.flush();
    page.done
}

#[derive(Default)]
struct Page {
    paint: Paint,
    done: Vec<String>,
    /// The running text of the block at hand.
    running: String,
    /// What surrounds it: bold, code and the like, innermost last.
    styles: Vec<&'static str>,
    /// Folds that are open, which indent.
    folds: usize,
    lists: usize,
    /// The fence at hand: is it a diff?
    fence: Option<bool>,
    /// The cells of the table at hand.
    table: Option<Vec<Vec<String>>>,
}

impl Page {
    #[expect(clippy::wildcard_enum_match_arm, reason = "what has no look of its own shows its text")]
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match self.fence {
                Some(diff) => self.code(&text, diff),
                None => self.text(&text),
            },
            Event::Code(text) => {
                let text = self.paint.cyan(&text);
                self.running.push_str(&text);
            }
            Event::Html(raw) | Event::InlineHtml(raw) => self.html(&raw),
            Event::SoftBreak | Event::HardBreak => self.flush(),
            Event::Rule => self.put("────────"),
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what has no look of its own shows its text")]
    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Heading { .. } => {
                self.gap();
                self.styles.push("heading");
            }
            Tag::Paragraph if self.lists == 0 => self.gap(),
            Tag::Strong => self.styles.push("b"),
            Tag::Emphasis => self.styles.push("i"),
            Tag::CodeBlock(kind) => {
                self.flush();
                let diff = matches!(kind, CodeBlockKind::Fenced(info) if info.starts_with("diff"));
                self.fence = Some(diff);
            }
            Tag::List(_) => {
                self.flush();
                self.lists += 1;
            }
            Tag::Item => self.running.push_str("• "),
            Tag::Table(_) => {
                self.gap();
                self.table = Some(Vec::new());
            }
            Tag::TableHead | Tag::TableRow => self.table.get_or_insert_default().push(Vec::new()),
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what has no look of its own shows its text")]
    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                self.styles.pop();
                self.flush();
            }
            TagEnd::Paragraph | TagEnd::Item => self.flush(),
            TagEnd::Strong | TagEnd::Emphasis => {
                self.styles.pop();
            }
            TagEnd::CodeBlock => self.fence = None,
            TagEnd::List(_) => self.lists = self.lists.saturating_sub(1),
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.running);
                if let Some(row) = self.table.as_mut().and_then(|rows| rows.last_mut()) {
                    row.push(cell);
                }
            }
            TagEnd::Table => self.lay(),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        let styled = self.styles.iter().fold(text.to_owned(), |text, style| match *style {
            "code" => self.paint.cyan(&text),
            "i" | "em" => self.paint.italic(&text),
            "b" | "strong" | "heading" => self.paint.bold(&text),
            _ => text,
        });
        self.running.push_str(&styled);
    }

    fn code(&mut self, text: &str, diff: bool) {
        for line in text.lines() {
            let line = match line.bytes().next() {
                Some(b'+') if diff => self.paint.green(line),
                Some(b'-') if diff => self.paint.red(line),
                Some(b'@') if diff => self.paint.cyan(line),
                _ => line.to_owned(),
            };
            self.put(&format!("  {line}"));
        }
    }

    fn html(&mut self, raw: &str) {
        for piece in pieces(raw) {
            match piece {
                Piece::Open { name: "details", .. } => self.gap(),
                Piece::Open { name: "summary", .. } => self.running.push_str("▸ "),
                Piece::Close("summary") => {
                    self.flush();
                    self.folds += 1;
                }
                Piece::Close("details") => {
                    self.flush();
                    self.folds = self.folds.saturating_sub(1);
                }
                Piece::Open { name: "br", .. } | Piece::Close("p") => self.flush(),
                Piece::Open { name, .. } => self.styles.push(name),
                Piece::Close(name) => {
                    if let Some(at) = self.styles.iter().rposition(|style| *style == name) {
                        self.styles.remove(at);
                    }
                }
                Piece::Text(text) => self.text(text.trim_matches('\n')),
            }
        }
    }

    /// An empty line before a block, but never two, and none at the top.
    fn gap(&mut self) {
        self.flush();
        if self.done.last().is_some_and(|line| !line.is_empty()) {
            self.done.push(String::new());
        }
    }

    fn put(&mut self, line: &str) {
        let indent = "  ".repeat(self.folds + self.lists.saturating_sub(1));
        self.done.push(format!("{indent}{line}"));
    }

    /// Ends the running text: wrapped at blanks.
    fn flush(&mut self) {
        let running = std::mem::take(&mut self.running);
        for line in wrapped(&running, COLUMNS) {
            self.put(&line);
        }
    }

    /// Lays out a table: each column as wide as its widest cell, but the widest only as wide as there is room, its text
    /// going on beneath; the first row dim; empty columns left out.
    fn lay(&mut self) {
        let rows: Vec<Vec<String>> = self.table.take().unwrap_or_default();
        let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
        let wide = |column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell: &String| width(cell.trim()))
                .max()
                .unwrap_or_default()
        };
        let mut widths: Vec<usize> = (0..columns).map(wide).collect();
        let all: usize = widths.iter().filter(|wide| **wide > 0).map(|wide| wide + 2).sum();
        if let Some(widest) = widths.iter_mut().max() {
            *widest = widest.saturating_sub(all.saturating_sub(COLUMNS + 2)).max(NARROW.min(*widest));
        }
        for (index, row) in rows.iter().enumerate() {
            let cells: Vec<Vec<String>> =
                row.iter().zip(&widths).map(|(cell, wide)| wrapped(cell, *wide)).collect();
            let height = cells.iter().map(Vec::len).max().unwrap_or_default();
            for at in 0..height {
                let mut line = String::new();
                for (cell, wide) in cells.iter().zip(&widths).filter(|(_, wide)| **wide > 0) {
                    let text = cell.get(at).map(String::as_str).unwrap_or_default();
                    line.push_str(text);
                    line.push_str(&" ".repeat((wide + 2).saturating_sub(width(text))));
                }
                let line = line.trim_end();
                self.put(&if index == 0 { self.paint.dim(line) } else { line.to_owned() });
            }
        }
    }
}

/// A text in lines of at most this many columns, broken at blanks; a longer word stays whole.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !line.is_empty() && width(&line) + 1 + width(word) > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::lines;
    use crate::demo::tell::paint::Paint;

    const COMMENT: &str = "<!-- tidegate:preview -->\n### Tidegate: 1 environment changes\n\n| environment | create | | deploys |\n|---|--:|---|---|\n| ⚠ **prod** | 1 | pods restart | on merge |\n\n<details open><summary><b>update</b> Deployment <code>shop/web</code></summary>\n\n```diff\n@@ spec @@\n-   replicas: 2\n+   replicas: 3\n```\n\n- from `apps/web`\n\n</details>\n\nthe end";

    #[test]
    fn a_comment_reads_well_without_colours() {
        let expected = [
            "Tidegate: 1 environment changes",
            "",
            "environment  create                deploys",
            "⚠ prod       1       pods restart  on merge",
            "",
            "▸ update Deployment shop/web",
            "    @@ spec @@",
            "    -   replicas: 2",
            "    +   replicas: 3",
            "  • from apps/web",
            "",
            "the end",
        ];
        assert_eq!(lines(COMMENT, Paint::new(false)), expected);
    }

    #[test]
    fn a_diff_is_coloured_and_text_cannot_be() {
        let all = lines("```diff\n+ a\n- b\n```\n\u{1b}[31mred", Paint::new(true)).join("\n");
        assert!(
            all.contains("\u{1b}[32m+ a\u{1b}[39m") && all.contains("\u{1b}[31m- b\u{1b}[39m"),
            "{all:?}"
        );
        assert!(all.ends_with("[31mred") && !all.ends_with("\u{1b}[31mred"), "{all:?}");
    }

    #[test]
    fn a_wide_table_goes_on_beneath() {
        let text = format!("| a | b |\n|---|---|\n| one | {} |", "word ".repeat(40));
        let all = lines(&text, Paint::new(false));
        assert!(all.len() > 3 && all.iter().all(|line| line.len() <= 96), "{all:?}");
        assert!(all[2].starts_with("     word"), "{all:?}");
    }

    #[test]
    fn long_text_is_wrapped_at_blanks() {
        let all = lines(&"word ".repeat(60), Paint::new(false));
        assert!(all.len() > 2 && all.iter().all(|line| line.len() <= 96));
    }
}
