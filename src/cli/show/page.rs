//! A page of lines for a terminal.

use std::io::IsTerminal as _;

use crate::terminal::harmless;

/// A page of lines. Everything on it comes in through here, so nothing of it can command the terminal.
pub(super) struct Page {
    /// What is written.
    pub text: String,
    /// Are there colours?
    pub colour: bool,
}

impl Page {
    /// For the terminal that this writes to, if it is one.
    pub(super) fn new() -> Self {
        Self { text: String::new(), colour: std::io::stdout().is_terminal() && crate::config::colour() }
    }

    /// Adds to the line.
    pub(super) fn plain(&mut self, text: &str) -> &mut Self {
        // What is quoted within a line must not begin one of its own.
        self.text.push_str(&harmless(text).replace('\n', " "));
        self
    }

    /// Adds to the line in a colour.
    pub(super) fn painted(&mut self, code: &str, text: &str) -> &mut Self {
        if self.colour {
            self.text.extend(["\u{1b}[", code, "m"]);
        }
        self.plain(text);
        if self.colour {
            self.text.push_str("\u{1b}[0m");
        }
        self
    }

    /// Ends the line.
    pub(super) fn end(&mut self) {
        self.text.push('\n');
    }

    /// Adds whole lines in a colour, each behind `indent`.
    pub(super) fn lines(&mut self, code: &str, indent: &str, text: &str) {
        for line in text.lines() {
            self.plain(indent).painted(code, line).end();
        }
    }
}
