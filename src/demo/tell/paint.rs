//! Colours of a terminal, or none.

/// Paints, or leaves as it is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Paint(bool);

impl Paint {
    /// One that paints, or one that does not.
    pub(super) fn new(on: bool) -> Self {
        Self(on)
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.with("1", "22", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.with("2", "22", text)
    }

    pub(super) fn italic(self, text: &str) -> String {
        self.with("3", "23", text)
    }

    pub(super) fn red(self, text: &str) -> String {
        self.with("31", "39", text)
    }

    pub(super) fn green(self, text: &str) -> String {
        self.with("32", "39", text)
    }

    pub(super) fn blue(self, text: &str) -> String {
        self.with("34", "39", text)
    }

    pub(super) fn cyan(self, text: &str) -> String {
        self.with("36", "39", text)
    }

    /// Ends only what it began, so that paints nest.
    fn with(self, on: &str, off: &str, text: &str) -> String {
        if self.0 && !text.is_empty() { format!("\u{1b}[{on}m{text}\u{1b}[{off}m") } else { text.to_owned() }
    }
}

/// Columns that a text takes, its colours aside. Good for the signs that comments use; not all of Unicode.
pub(super) fn width(text: &str) -> usize {
    let mut columns = 0;
    let mut colour = false;
    for c in text.chars() {
        colour = match (colour, c) {
            (true, 'm') | (false, '\u{fe0f}' | '\u{200d}') => false,
            (false, '\u{1b}') | (true, _) => true,
            (false, '✅' | '❌' | '\u{1f000}'..='\u{1faff}' | '\u{2e80}'..='\u{ffdc}') => {
                columns += 2;
                false
            }
            (false, _) => {
                columns += 1;
                false
            }
        };
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::{Paint, width};

    #[test]
    fn width_is_what_is_seen() {
        assert_eq!(width(&Paint::new(true).bold("ab")), 2);
        assert_eq!(width("⚠ a"), 3);
        assert_eq!(width("❌"), 2);
    }
}
