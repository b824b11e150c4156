//! "Did you mean": the known word that a mistyped one is closest to.

/// Longer words are not compared: nobody mistypes a paragraph, and the comparison is quadratic.
const LONGEST: usize = 64;

/// The candidate with the fewest edits (insert, remove, replace, swap of neighbours) from `word`, case aside; none if all
/// are further than a third of the word's length, at least one edit.
pub(crate) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word: Vec<char> = word.chars().flat_map(char::to_lowercase).take(LONGEST + 1).collect();
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let allowed = (word.len() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| {
            let letters: Vec<char> = candidate.chars().flat_map(char::to_lowercase).take(LONGEST).collect();
            (distance(&word, &letters), candidate)
        })
        .filter(|(edits, _)| *edits <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Optimal string alignment distance.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX / 2);
            let mut best = at(&last, j) + usize::from(x != y);
            best = best.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && b.get(j - 1) == Some(x) && a.get(i - 1) == Some(y);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_of_the_hand_are_understood_and_other_words_are_not() {
        let known = ["target", "targets", "sources", "namespace", "repositories", "when"];
        for (typed, meant) in [
            ("tagret", Some("target")),
            ("Targets", Some("targets")),
            ("source", Some("sources")),
            ("name_space", Some("namespace")),
            ("repostories", Some("repositories")),
            ("whn", Some("when")),
            ("repos", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known), meant, "{typed}");
        }
        assert_eq!(nearest(&"a".repeat(100_000), known), None);
    }
}
