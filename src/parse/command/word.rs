//! The first word of a line: one of our commands, nearly one, or none of our business.

/// The commands that we know, also those that are not available yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Preview,
    Deploy,
    Cancel,
    Lock,
    Unlock,
    Rollback,
    Status,
    Help,
}

/// What a word is to us.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// A command.
    Known(Verb),
    /// No command, but so like one that its writer deserves an answer.
    Like(Verb),
}

impl Verb {
    const ALL: [Self; 8] = [
        Self::Preview,
        Self::Deploy,
        Self::Cancel,
        Self::Lock,
        Self::Unlock,
        Self::Rollback,
        Self::Status,
        Self::Help,
    ];

    /// The word itself.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Preview => "preview",
            Self::Deploy => "deploy",
            Self::Cancel => "cancel",
            Self::Lock => "lock",
            Self::Unlock => "unlock",
            Self::Rollback => "rollback",
            Self::Status => "status",
            Self::Help => "help",
        }
    }

    /// Typing errors that are still answered. A short word is soon two letters from another that belongs to somebody else
    /// (`/hold`, `/ok`), so it may differ by one.
    fn slack(self) -> usize {
        if self.word().len() <= 4 { 1 } else { 2 }
    }
}

/// Commands of other programs that lie within our slack: they are not meant for us.
const OTHERS: [&str; 1] = ["review"];

/// Reads the word after the slash; none: not ours.
pub(super) fn read(word: &str) -> Option<Word> {
    let word = word.to_ascii_lowercase();
    if let Some(verb) = Verb::ALL.into_iter().find(|verb| verb.word() == word) {
        return Some(Word::Known(verb));
    }
    // A path is no command, and a long word is none of ours.
    if word.len() > 16 || word.contains('/') || OTHERS.contains(&word.as_str()) {
        return None;
    }
    let near = |verb: &Verb| (distance(&word, verb.word()), *verb);
    let (distance, verb) = Verb::ALL.iter().map(near).min_by_key(|(distance, _)| *distance)?;
    (distance <= verb.slack()).then_some(Word::Like(verb))
}

/// How many letters must be added, left out, changed, or swapped with the next to turn one word into the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    // Rows of the usual table: the row before the last is needed for swaps.
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &left) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &right) in b.iter().enumerate() {
            let change = last[j] + usize::from(left != right);
            let mut best = change.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && left == b[j - 1] && a[i - 1] == right {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{Verb, Word, distance, read};

    #[test]
    fn distances_are_those_of_a_person_who_types() {
        for (a, b, wanted) in [
            ("", "abc", 3),
            ("abc", "", 3),
            ("deploy", "deploy", 0),
            ("depoly", "deploy", 1),
            ("dploi", "deploy", 2),
        ] {
            assert_eq!(distance(a, b), wanted, "{a} {b}");
        }
    }

    #[test]
    fn words_of_others_are_none_of_our_business() {
        for word in
            ["cc", "ok", "hold", "test", "retest", "lgtm", "assign", "etc/passwd", "review", "close", "", "1"]
        {
            assert_eq!(read(word), None, "{word}");
        }
        assert_eq!(read("DePloy"), Some(Word::Known(Verb::Deploy)));
        assert_eq!(read("depoly"), Some(Word::Like(Verb::Deploy)));
        assert_eq!(read("hlep"), Some(Word::Like(Verb::Help)));
        assert_eq!(read("deploy."), Some(Word::Like(Verb::Deploy)));
    }
}
