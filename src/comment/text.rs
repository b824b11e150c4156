//! Text from outside, made harmless where it is put: in a sentence, in a code span, in a `<summary>`, in a fence.
//!
//! GitHub looks for mentions (`@ann`), references (`#12`, `GH-12`, addresses of issues) and closing words after Markdown
//! was rendered, so backslashes and entities do not stop it: a zero-width space does. It does not look into code.

use minijinja::{Value, context};

/// The most characters of one sentence.
const SENTENCE: usize = 1_000;
/// The most characters of one code span.
const SPAN: usize = 300;
/// Breaks a mention or a reference without being seen.
const BREAK: char = '\u{200b}';

/// A sentence or more as Markdown on one line; text between single backticks stays code.
pub(crate) fn prose(text: &str) -> String {
    let text = clip(text.trim(), SENTENCE);
    let parts: Vec<&str> = text.split('`').collect();
    let mut out = String::new();
    for (index, part) in parts.iter().enumerate() {
        let closed = index + 1 < parts.len();
        match (index % 2 == 1, closed && !part.is_empty()) {
            (true, true) => out.push_str(&code(part)),
            (true, false) => {
                out.push_str("\\`");
                escape(part, Place::Markdown, &mut out);
                if closed {
                    out.push_str("\\`");
                }
            }
            (false, _) => escape(part, Place::Markdown, &mut out),
        }
    }
    at_line_start(out)
}

/// The same, ended by a full stop unless it ends with a mark of its own.
pub(crate) fn sentence(text: &str) -> String {
    let mut text = prose(text);
    if !text.is_empty() && !text.ends_with(['.', '!', '?', ':', '…']) {
        text.push('.');
    }
    text
}

/// Text within an HTML block, where Markdown means nothing.
pub(crate) fn html(text: &str) -> String {
    let mut out = String::new();
    escape(&clip(text, SPAN), Place::Html, &mut out);
    out
}

/// A code span in Markdown, table cells included.
pub(crate) fn code(text: &str) -> String {
    let text = clip(text, SPAN);
    let plain = |c: char| !c.is_whitespace() && !"`|<>\\".contains(c) && !hidden(c);
    let simple =
        text.chars().all(|c| c == ' ' || plain(c)) && text.starts_with(plain) && text.ends_with(plain);
    if simple { format!("`{text}`") } else { html_code(&text) }
}

/// A code span that holds in HTML blocks and in Markdown alike.
pub(crate) fn html_code(text: &str) -> String {
    let mut out = String::from("<code>");
    for c in clip(text, SPAN).chars() {
        match c {
            '\n' | '\t' => out.push(' '),
            _ if hidden(c) => out.push_str(&visible(c)),
            // Numeric references mean the character itself, and are no Markdown.
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '|' | '~' | '$' | '!' | '@' | '#'
            | ':' => {
                out.extend(["&#", &u32::from(c).to_string(), ";"]);
            }
            _ => out.push(c),
        }
    }
    out.push_str("</code>");
    out
}

/// What a fenced block needs: the fence, longer than any run of backticks inside, and the harmless text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fenced {
    /// Three backticks or more.
    pub fence: String,
    /// The text, without a final newline.
    pub text: String,
}

impl From<Fenced> for Value {
    fn from(fenced: Fenced) -> Self {
        context! { fence => fenced.fence, text => fenced.text }
    }
}

/// A unified diff for a fence: each line begins with a blank, `+`, `-`, `@` or `\`.
pub(crate) fn diff(text: &str) -> Fenced {
    fenced(text, |line| if line.starts_with([' ', '+', '-', '@', '\\']) { "" } else { " " })
}

/// Any other text for a fence, indented by one blank: a line of it cannot begin a command even where fences are not seen.
pub(crate) fn block(text: &str) -> Fenced {
    fenced(text, |_| " ")
}

fn fenced(text: &str, lead: impl Fn(&str) -> &'static str) -> Fenced {
    let mut out = String::with_capacity(text.len() + 16);
    let (mut run, mut longest) = (0, 2);
    for line in text.trim_end_matches('\n').split('\n') {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(lead(line));
        for c in line.chars() {
            run = if c == '`' { run + 1 } else { 0 };
            longest = longest.max(run);
            match c {
                '!' if out.ends_with('<') => out.extend([BREAK, '!']),
                '>' if out.ends_with("--") => out.extend([BREAK, '>']),
                '\t' => out.push('\t'),
                _ if hidden(c) => out.push_str(&visible(c)),
                _ => out.push(c),
            }
        }
        run = 0;
    }
    Fenced { fence: "`".repeat(longest + 1), text: out }
}

/// At most `most` characters, with an ellipsis where some are missing.
pub(crate) fn clip(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Markdown,
    Html,
}

fn escape(text: &str, place: Place, out: &mut String) {
    let chars: Vec<char> = text.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or(' ');
    let before = |index: usize, back: usize| if index >= back { at(index - back) } else { ' ' };
    for (index, &c) in chars.iter().enumerate() {
        let next = at(index + 1);
        match c {
            '\n' | '\t' | '\r' => out.push(' '),
            _ if hidden(c) => out.push_str(&visible(c)),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '$' => out.push_str("&#36;"),
            '@' => out.extend([c, BREAK]),
            '#' if next.is_ascii_digit() => out.extend([c, BREAK]),
            '-' if next.is_ascii_digit()
                && before(index, 1).eq_ignore_ascii_case(&'h')
                && before(index, 2).eq_ignore_ascii_case(&'g') =>
            {
                out.extend([c, BREAK]);
            }
            ':' if next == '/' => out.extend([c, BREAK]),
            '.' if (1..=3).all(|back| before(index, back).eq_ignore_ascii_case(&'w')) => {
                out.extend([BREAK, c]);
            }
            '_' if place == Place::Markdown
                && !(before(index, 1).is_alphanumeric() && next.is_alphanumeric()) =>
            {
                out.push_str("\\_");
            }
            '\\' | '*' | '[' | ']' | '|' | '~' if place == Place::Markdown => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
}

/// At the start of a line some marks mean a heading, a list, a quote, a rule, or a command.
fn at_line_start(text: String) -> String {
    if text.starts_with(['-', '+', '=', '#', '/']) {
        return format!("\\{text}");
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    match text.as_bytes().get(digits) {
        Some(b'.' | b')') if digits > 0 => {
            let (number, rest) = text.split_at(digits);
            format!("{number}\\{rest}")
        }
        Some(_) | None => text,
    }
}

/// Characters that are not seen, or that reorder what is seen.
fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

fn visible(c: char) -> String {
    format!("‹U+{:04X}›", u32::from(c))
}
