//! One line of a text with a caret beneath, fit for a comment.

/// The most characters of a line that are shown.
const WIDTH: usize = 110;

/// The line and a caret under the column (both from 1); at most about 120 characters wide, control characters visible.
pub(crate) fn snippet(text: &str, line: u32, column: u32) -> String {
    let index = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
    let shown = text.split('\n').nth(index).unwrap_or_default();
    let shown = shown.strip_suffix('\r').unwrap_or(shown);
    let shown = if line == 1 { shown.strip_prefix('\u{feff}').unwrap_or(shown) } else { shown };
    let caret = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
    // A window that holds the caret: counted from its own position, so that a line of a mebibyte is walked once.
    let start = caret.saturating_sub(WIDTH * 2 / 3);
    let start = if caret < WIDTH { 0 } else { start };
    let mut rest = shown.chars().skip(start);
    let window: String = rest.by_ref().take(WIDTH).map(visible).collect();
    let more = rest.next().is_some();
    let width = window.chars().count();
    let lead = if start > 0 { "…" } else { "" };
    let indent = (caret - start).min(width) + usize::from(start > 0);
    format!("{lead}{window}{}\n{}^", if more { "…" } else { "" }, " ".repeat(indent))
}

/// One visible character for each, so that the caret stays in its place.
fn visible(c: char) -> char {
    match c {
        '\t' => '→',
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        // Marks that reorder or hide text would let a line look like another.
        '\u{80}'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' => '\u{fffd}',
        _ => c,
    }
}
