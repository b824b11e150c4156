//! Comments as HTML. Nothing of what somebody wrote reaches the page unescaped but a few harmless tags without attributes,
//! and each of them is closed within the block in which it was opened. Pure.

use pulldown_cmark::{Alignment, CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::demo::markup::{Piece, pieces};

/// Markdown as HTML that may be put into a page as it is.
pub(super) fn html(markdown: &str) -> String {
    let mut sheet = Sheet::default();
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        sheet.event(event);
    }
    sheet.close_to(0);
    sheet.out
}

/// Text that stands for itself.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[derive(Default)]
struct Sheet {
    out: String,
    /// Raw tags that are open.
    raw: Vec<&'static str>,
    /// How many raw tags were open when each block began: it closes what was opened in it, and nothing else.
    floors: Vec<usize>,
    /// The fence at hand: is it a diff?
    fence: Option<bool>,
    /// The table at hand: alignments, the next column, is it the head?
    table: (Vec<Alignment>, usize, bool),
}

impl Sheet {
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not asked for does not come")]
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match self.fence {
                Some(true) => self.diff(&text),
                _ => self.out.push_str(&escaped(&text)),
            },
            Event::Code(text) => self.put(&["<code>", &escaped(&text), "</code>"]),
            Event::Html(raw) | Event::InlineHtml(raw) => self.raw(&raw),
            Event::SoftBreak | Event::HardBreak => self.out.push_str("<br>\n"),
            Event::Rule => self.out.push_str("<hr>"),
            _ => {}
        }
    }

    fn put(&mut self, parts: &[&str]) {
        self.out.extend(parts.iter().copied());
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not told apart here has a plain tag or none")]
    fn start(&mut self, tag: &Tag<'_>) {
        if !matches!(tag, Tag::HtmlBlock) {
            self.floors.push(self.raw.len());
        }
        match tag {
            Tag::CodeBlock(kind) => {
                let diff = matches!(kind, CodeBlockKind::Fenced(info) if info.starts_with("diff"));
                self.fence = Some(diff);
                self.out.push_str("<pre><code>");
            }
            Tag::Table(alignments) => {
                self.table = (alignments.clone(), 0, false);
                self.out.push_str("<table>");
            }
            Tag::TableHead => {
                self.table.1 = 0;
                self.table.2 = true;
                self.out.push_str("<thead><tr>");
            }
            Tag::TableRow => {
                self.table.1 = 0;
                self.out.push_str("<tr>");
            }
            Tag::TableCell => {
                let right = matches!(self.table.0.get(self.table.1), Some(Alignment::Right));
                self.table.1 += 1;
                let name = if self.table.2 { "th" } else { "td" };
                self.put(&["<", name, if right { " class=\"right\">" } else { ">" }]);
            }
            other => {
                if let Some(name) = name(other.to_end()) {
                    self.put(&["<", name, ">"]);
                }
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not told apart here has a plain tag or none")]
    fn end(&mut self, tag: TagEnd) {
        if matches!(tag, TagEnd::HtmlBlock) {
            return;
        }
        let floor = self.floors.pop().unwrap_or_default();
        self.close_to(floor);
        match tag {
            TagEnd::CodeBlock => {
                self.fence = None;
                self.out.push_str("</code></pre>\n");
            }
            TagEnd::Table => self.out.push_str("</tbody></table>\n"),
            TagEnd::TableHead => {
                self.table.2 = false;
                self.out.push_str("</tr></thead><tbody>");
            }
            TagEnd::TableRow => self.out.push_str("</tr>"),
            TagEnd::TableCell => self.out.push_str(if self.table.2 { "</th>" } else { "</td>" }),
            other => {
                if let Some(name) = name(other) {
                    self.put(&["</", name, ">"]);
                }
            }
        }
    }

    /// Each line in the colour of what it says.
    fn diff(&mut self, text: &str) {
        for line in text.lines() {
            let class = match line.bytes().next() {
                Some(b'+') => "add",
                Some(b'-') => "del",
                Some(b'@') => "hunk",
                _ => "same",
            };
            self.put(&["<span class=\"", class, "\">", &escaped(line), "</span>"]);
        }
    }

    fn raw(&mut self, raw: &str) {
        for piece in pieces(raw) {
            match piece {
                Piece::Text(text) => self.out.push_str(&escaped(&text)),
                Piece::Open { name: "br", .. } => self.out.push_str("<br>"),
                Piece::Open { name, open } => {
                    self.raw.push(name);
                    self.put(&["<", name, if open { " open>" } else { ">" }]);
                }
                Piece::Close(name) => {
                    let floor = self.floors.last().copied().unwrap_or_default();
                    let at = self.raw.iter().rposition(|open| *open == name);
                    if let Some(at) = at.filter(|at| *at >= floor) {
                        self.close_to(at);
                    }
                }
            }
        }
    }

    /// Closes raw tags until no more than this many are open.
    fn close_to(&mut self, depth: usize) {
        while self.raw.len() > depth {
            if let Some(name) = self.raw.pop() {
                self.put(&["</", name, ">"]);
            }
        }
    }
}

/// The HTML tag of a piece of Markdown that needs nothing but its tag. Links and images are their text: the page loads
/// nothing and leads nowhere.
#[expect(clippy::wildcard_enum_match_arm, reason = "what is not named here shows its text")]
fn name(tag: TagEnd) -> Option<&'static str> {
    Some(match tag {
        TagEnd::Paragraph => "p",
        TagEnd::Heading(_) => "h3",
        TagEnd::BlockQuote(_) => "blockquote",
        TagEnd::List(false) => "ul",
        TagEnd::List(true) => "ol",
        TagEnd::Item => "li",
        TagEnd::Emphasis => "em",
        TagEnd::Strong => "strong",
        TagEnd::Strikethrough => "del",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::html;

    #[test]
    fn a_fold_with_a_diff_is_as_on_github() {
        let text = "<details open><summary><b>update</b> <code>web</code></summary>\n\n```diff\n- a\n+ <b>\n```\n\n</details>";
        assert_eq!(
            html(text),
            "<details open><summary><b>update</b> <code>web</code></summary>\n<pre><code><span class=\"del\">- a</span>\
             <span class=\"add\">+ &lt;b&gt;</span></code></pre>\n</details>"
        );
    }

    #[test]
    fn tables_are_aligned() {
        let all = html("| a | n |\n|---|--:|\n| **x** | 1 |");
        assert_eq!(
            all,
            "<table><thead><tr><th>a</th><th class=\"right\">n</th></tr></thead><tbody><tr><td><strong>x</strong></td>\
             <td class=\"right\">1</td></tr></tbody></table>\n"
        );
    }

    #[test]
    fn nothing_that_runs_survives() {
        for hostile in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "x <a href=\"javascript:alert(1)\">y</a>",
            "[y](javascript:alert(1))",
            "![y](http://evil/x.png)",
            "<details ontoggle=alert(1)>",
            "`<script>`",
            "<svg><style><img src=x onerror=alert(1)></style></svg>",
        ] {
            let all = html(hostile);
            for tag in all.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
                let plain = tag.trim_start_matches('/').chars().all(|c| c.is_ascii_alphanumeric());
                assert!(plain, "{hostile} gave {all}");
                let name = tag.trim_start_matches('/');
                assert!(["p", "code", "details", "pre", "br"].contains(&name), "{hostile} gave {all}");
            }
        }
    }

    #[test]
    fn what_is_open_is_closed_where_it_was_opened() {
        assert_eq!(html("<b>bold\n\nnext"), "<p><b>bold</b></p><p>next</p>");
        assert_eq!(html("<details><summary>s"), "<details><summary>s</summary></details>");
        assert_eq!(html("a</details></b>"), "<p>a</p>");
        // A quote cannot close what was opened outside of it.
        let all = html("<details>\n\n> </details>\n\nstill inside");
        assert!(all.ends_with("<p>still inside</p></details>"), "{all}");
    }
}
