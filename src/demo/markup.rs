//! The little HTML that comments use, told apart from everything else that looks like it. Pure.

/// Tags that survive; everything else is text. None of them can load, run or submit anything.
const KEPT: [&str; 12] =
    ["details", "summary", "b", "strong", "i", "em", "code", "kbd", "br", "sub", "sup", "p"];

/// A piece of raw HTML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// An opening tag of the kept ones, without its attributes; `open` is that of `details`.
    Open { name: &'static str, open: bool },
    /// A closing tag of the kept ones.
    Close(&'static str),
    /// Text, as it stands: whoever writes it out must escape it.
    Text(String),
}

/// Takes raw HTML apart. Comments vanish; a tag that is not kept becomes text.
pub(super) fn pieces(raw: &str) -> Vec<Piece> {
    let mut all = Vec::new();
    let mut rest = raw;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        text(before, &mut all);
        if let Some(comment) = tag.strip_prefix("<!--") {
            rest = comment.find("-->").and_then(|end| comment.get(end + 3..)).unwrap_or_default();
            continue;
        }
        let Some(end) = tag.find('>') else {
            text(tag, &mut all);
            return all;
        };
        let (inside, after) = (tag.get(1..end).unwrap_or_default(), tag.get(end + 1..).unwrap_or_default());
        if let Some(piece) = kept(inside) {
            all.push(piece);
            rest = after;
        } else {
            // Only the bracket: what follows may hold a tag that is kept.
            text("<", &mut all);
            rest = tag.get(1..).unwrap_or_default();
        }
    }
    text(rest, &mut all);
    all
}

fn text(words: &str, all: &mut Vec<Piece>) {
    if words.is_empty() {
        return;
    }
    if let Some(Piece::Text(last)) = all.last_mut() {
        last.push_str(words);
    } else {
        all.push(Piece::Text(words.to_owned()));
    }
}

fn kept(inside: &str) -> Option<Piece> {
    let (closing, inside) = match inside.strip_prefix('/') {
        Some(inside) => (true, inside),
        None => (false, inside.trim_end_matches('/')),
    };
    let mut words = inside.split_ascii_whitespace();
    if inside.starts_with(|c: char| c.is_ascii_whitespace()) {
        return None;
    }
    let word = words.next()?.to_ascii_lowercase();
    let name = KEPT.into_iter().find(|kept| *kept == word)?;
    Some(if closing {
        Piece::Close(name)
    } else {
        Piece::Open { name, open: name == "details" && words.any(|word| word.eq_ignore_ascii_case("open")) }
    })
}

#[cfg(test)]
mod tests {
    use super::{Piece, pieces};

    #[test]
    fn details_survive_without_what_they_carry() {
        let open = |name, open| Piece::Open { name, open };
        assert_eq!(
            pieces("<details onclick=\"x()\"><summary class=a>more</summary>"),
            [
                open("details", false),
                open("summary", false),
                Piece::Text("more".to_owned()),
                Piece::Close("summary")
            ]
        );
        assert_eq!(pieces("<Details OPEN>"), [open("details", true)]);
    }

    #[test]
    fn what_runs_or_loads_is_text() {
        for hostile in [
            "<script>x</script>",
            "<img src=x onerror=y>",
            "<a href=javascript:z>",
            "<iframe>",
            "<svg/onload=q>",
        ] {
            assert_eq!(pieces(hostile), [Piece::Text(hostile.to_owned())], "{hostile}");
        }
    }

    #[test]
    fn a_tag_within_a_broken_one_is_still_seen_as_what_it_is() {
        assert_eq!(
            pieces("<x <b>y"),
            [
                Piece::Text("<x ".to_owned()),
                Piece::Open { name: "b", open: false },
                Piece::Text("y".to_owned())
            ]
        );
    }

    #[test]
    fn comments_vanish_even_unclosed() {
        assert_eq!(pieces("a<!-- tidegate:preview -->b"), [Piece::Text("ab".to_owned())]);
        assert_eq!(pieces("a<!-- <script>"), [Piece::Text("a".to_owned())]);
    }
}
