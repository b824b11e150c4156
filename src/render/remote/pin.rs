//! What is pinned: names, versions and references that do not move.

/// A whole commit id.
pub(super) fn commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// An exact version (`1.2.3`, `v1.2.3-rc.1+build`), not a range of them.
pub(crate) fn exact(version: &str) -> bool {
    let text = version.strip_prefix('v').unwrap_or(version);
    let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
    let (numbers, pre) = text.split_once('-').map_or((text, None), |(numbers, pre)| (numbers, Some(pre)));
    let number =
        |part: &str| !part.is_empty() && part.len() < 20 && part.bytes().all(|byte| byte.is_ascii_digit());
    let word = |part: &str| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !part.is_empty() && part.bytes().all(letter) && !part.eq_ignore_ascii_case("x")
    };
    let words = |text: Option<&str>| text.is_none_or(|text| text.len() < 100 && text.split('.').all(word));
    let mut parts = numbers.split('.');
    let three = [parts.next(), parts.next(), parts.next()];
    three.iter().all(|part| part.is_some_and(number)) && parts.next().is_none() && words(pre) && words(build)
}

#[cfg(test)]
mod tests {
    use super::{commit, exact};

    #[test]
    fn a_range_is_no_version_and_a_short_id_no_commit() {
        for good in ["1.2.3", "v1.2.3", "0.0.0", "1.2.3-rc.1", "1.2.3+build.5", "1.2.3-a-b+c"] {
            assert!(exact(good), "{good}");
        }
        for bad in [
            "",
            "1",
            "1.2",
            "1.2.x",
            "^1.2.3",
            "~1.2.3",
            ">=1.2.3",
            "1.2.3 - 2.0.0",
            "1.2.3.4",
            "*",
            "1.2.3-",
            "1.2.3/../x",
        ] {
            assert!(!exact(bad), "{bad}");
        }
        assert!(commit(&"0a".repeat(20)));
        assert!(!commit("0a0a0a0") && !commit(&"0A".repeat(20)) && !commit(&"0g".repeat(20)));
    }
}
