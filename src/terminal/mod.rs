//! The person at the terminal: how a run ended, what is said beside its result, and text that cannot command the terminal.

use std::io::Write as _;

/// Everything was done; `plan` found no change.
pub(crate) const DONE: u8 = 0;
/// An error anywhere; it wins over changes.
pub(crate) const ERROR: u8 = 1;

/// Prints to standard output; a closed pipe is not an error of ours.
pub(crate) fn out(text: &str) -> u8 {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => DONE,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => DONE,
        Err(_) => ERROR,
    }
}

/// Says something beside the result, on standard error. What it quotes from outside cannot command the terminal.
pub(crate) fn note(text: &str) {
    // If standard error is gone, there is nobody to tell.
    drop(writeln!(std::io::stderr().lock(), "{}", harmless(text)));
}

/// Says what went wrong.
pub(crate) fn fail(text: &str) -> u8 {
    note(&format!("error: {text}"));
    ERROR
}

/// Text from outside without what would command the terminal, or turn around the order in which it is read.
pub(crate) fn harmless(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|c| matches!(c, '\n' | '\t') || !(c.is_control() || turns(*c))).collect()
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn text_cannot_command_the_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\u{7}\tc\r\u{9b}2J\n"), "a[2Jb\tc2J\n");
        assert_eq!(harmless("delete \u{202e}gnigats\u{2069} é 👍"), "delete gnigats é 👍");
    }
}
