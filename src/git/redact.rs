//! What git says, made fit to be shown: without credentials, without control characters, and not endless.

/// Longest text kept, in characters.
const LONGEST: usize = 2_000;

/// The text without `secrets`, without anything that looks like a token of GitHub's or a credential in a header or an
/// address, printable, and cut after 2,000 characters.
pub(super) fn redact(text: &[u8], secrets: &[String]) -> String {
    let mut text = String::from_utf8_lossy(text).into_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret.as_str(), "‹token›");
    }
    let lines = text.lines().map(line).filter(|line| !line.is_empty());
    let text = lines.collect::<Vec<_>>().join("\n");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn line(line: &str) -> String {
    let printable: String = line.trim_end().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut words = Vec::new();
    let mut hide_next = false;
    for word in printable.split(' ') {
        if hide_next && !word.is_empty() {
            words.push("‹token›".to_owned());
            hide_next = false;
            continue;
        }
        hide_next |= ["basic", "bearer", "token"].contains(&word.to_ascii_lowercase().as_str())
            && words
                .last()
                .is_some_and(|last: &String| last.to_ascii_lowercase().ends_with("authorization:"));
        words.push(tokens(&user(word)));
    }
    words.join(" ")
}

/// `https://name:secret@host` without the name and the secret.
fn user(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    let (authority, path) = rest.find('/').map_or((rest, ""), |end| rest.split_at(end));
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://{host}{path}"),
        None => word.to_owned(),
    }
}

/// `ghs_…`, `ghp_…` and their like, `github_pat_…`: whatever their length, dots included.
fn tokens(word: &str) -> String {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(begin) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
        let (before, from) = rest.split_at(begin);
        let end = from.find(|c: char| !is_token(c)).unwrap_or(from.len());
        let (run, after) = from.split_at(end);
        out.push_str(before);
        let bytes = run.as_bytes();
        let short = bytes.len() >= 14
            && bytes.starts_with(b"gh")
            && bytes.get(2).is_some_and(u8::is_ascii_lowercase)
            && bytes.get(3) == Some(&b'_');
        out.push_str(if short || run.starts_with("github_pat_") { "‹token›" } else { run });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn tokens_headers_and_users_do_not_survive() {
        let text = "fatal: unable to access 'https://x-access-token:ghs_0123456789abcdef@github.com/a/b.git/'\n\
                    < Authorization: Basic eDp5OnoxMjM0NTY=\n> ghs_1.eyJh-bGci_Oi.x.y and github_pat_11AA22\r\nsecret!";
        let shown = redact(text.as_bytes(), &["secret!".to_owned()]);
        for hidden in ["ghs_", "eDp5", "github_pat_", "secret!", "x-access-token", "eyJh"] {
            assert!(!shown.contains(hidden), "{hidden} in {shown}");
        }
        assert!(shown.contains("github.com/a/b.git"));
        assert!(shown.contains("unable to access"));
    }

    #[test]
    fn ordinary_words_stay_and_length_is_bounded() {
        assert_eq!(
            redact(b"fatal: basic facts of a.ghs repo\x1b[31m", &[]),
            "fatal: basic facts of a.ghs repo [31m"
        );
        assert_eq!(redact("é".repeat(5_000).as_bytes(), &[]).chars().count(), 2_001);
    }
}
