//! The lines of a comment that its writer says themselves: those of top-level paragraphs, outside open HTML elements.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// Elements whose content is not said plainly: while one is open, nothing commands.
const ENCLOSING: [&str; 14] = [
    "details",
    "blockquote",
    "pre",
    "code",
    "kbd",
    "samp",
    "table",
    "div",
    "span",
    "a",
    "del",
    "s",
    "ul",
    "ol",
];

/// The source lines of a comment that begin with `/` in plain text, in order.
pub(super) fn plain(comment: &str) -> Vec<&str> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_GFM;
    let mut found = Vec::new();
    let mut place = Place::default();
    for (event, range) in Parser::new_ext(comment, options).into_offset_iter() {
        if matches!(event, Event::Text(_)) && place.is_plain() {
            found.extend(line(comment, &range));
        }
        place.pass(&event);
    }
    found
}

/// Where in the document we are.
#[derive(Default)]
struct Place {
    /// Blocks and spans that are open.
    depth: usize,
    /// Is the outermost of them a paragraph?
    paragraph: bool,
    /// HTML elements that are open.
    open: Vec<&'static str>,
}

impl Place {
    fn is_plain(&self) -> bool {
        self.paragraph && self.depth == 1 && self.open.is_empty()
    }

    fn pass(&mut self, event: &Event<'_>) {
        match event {
            Event::Start(tag) => {
                if self.depth == 0 {
                    // A line above dashes (a signature, say) is a heading to Markdown and a line to its writer.
                    self.paragraph = matches!(tag, Tag::Paragraph | Tag::Heading { .. });
                }
                self.depth += 1;
            }
            Event::End(tag) => {
                self.depth = self.depth.saturating_sub(1);
                if matches!(tag, TagEnd::Paragraph | TagEnd::Heading(_)) && self.depth == 0 {
                    self.paragraph = false;
                }
            }
            Event::Html(html) | Event::InlineHtml(html) => self.elements(html),
            Event::Text(_)
            | Event::Code(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::FootnoteReference(_)
            | Event::SoftBreak
            | Event::HardBreak
            | Event::Rule
            | Event::TaskListMarker(_) => {}
        }
    }

    /// Keeps the open elements. What closes nothing is passed over; what is never closed stays open to the end.
    fn elements(&mut self, html: &str) {
        for part in html.split('<').skip(1) {
            let closes = part.starts_with('/');
            let name = part.trim_start_matches('/');
            let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
            let name = name[..end].to_ascii_lowercase();
            let Some(name) = ENCLOSING.into_iter().find(|known| *known == name) else { continue };
            if !closes {
                self.open.push(name);
            } else if let Some(at) = self.open.iter().rposition(|open| *open == name) {
                self.open.truncate(at);
            }
        }
    }
}

/// The whole source line of a text that begins it with `/`.
fn line<'a>(comment: &'a str, range: &Range<usize>) -> Option<&'a str> {
    let ends = |c: char| c == '\n' || c == '\r';
    let start = comment.get(..range.start)?.rfind(ends).map_or(0, |at| at + 1);
    let rest = comment.get(range.start..)?;
    let begins = comment.get(start..range.start)?.trim().is_empty() && rest.starts_with('/');
    begins.then(|| &rest[..rest.find(ends).unwrap_or(rest.len())])
}
