//! Versions of programs: as they say them, and as a repository asks for them.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A version, `3.19.2` or `3.19.0-rc.1`; where it is asked for, perhaps only its first parts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Version {
    parts: Vec<u32>,
    /// What is before a release; empty for one.
    before: String,
}

impl Version {
    /// Are all three parts there?
    pub(crate) fn is_whole(&self) -> bool {
        self.parts.len() == 3
    }

    /// Does a whole version fit what is asked for? What comes before a release fits only if it is asked for itself.
    pub(crate) fn admits(&self, whole: &Self) -> bool {
        self.before == whole.before && whole.parts.starts_with(&self.parts)
    }
}

/// Why a text is no version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoVersion;

impl fmt::Display for NoVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be a version: one to three numbers, as `3.19` or `3.19.2`")
    }
}

/// A leading `v` and what is told of the build (`+…`) do not count.
impl FromStr for Version {
    type Err = NoVersion;

    fn from_str(text: &str) -> Result<Self, NoVersion> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let text = text.split_once('+').map_or(text, |(version, _)| version);
        let (numbers, before) = text.split_once('-').map_or((text, None), |(head, tail)| (head, Some(tail)));
        let number = |part: &str| {
            let good = (1..=6).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
            let plain = part == "0" || !part.starts_with('0');
            (good && plain).then(|| part.parse().ok()).flatten().ok_or(NoVersion)
        };
        let parts = numbers.split('.').map(number).collect::<Result<Vec<u32>, _>>()?;
        let sound = |before: &str| {
            (1..=40).contains(&before.len())
                && before.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
        };
        if parts.len() > 3 || before.is_some_and(|before| parts.len() < 3 || !sound(before)) {
            return Err(NoVersion);
        }
        Ok(Self { parts, before: before.unwrap_or_default().to_owned() })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.parts.iter().map(u32::to_string).collect();
        f.write_str(&parts.join("."))?;
        if self.before.is_empty() { Ok(()) } else { write!(f, "-{}", self.before) }
    }
}

/// By their parts; what comes before a release is older than it.
impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let release = |version: &Self| version.before.is_empty();
        let key = |version: &Self| (version.parts.clone(), release(version), version.before.clone());
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl TryFrom<String> for Version {
    type Error = NoVersion;

    fn try_from(text: String) -> Result<Self, NoVersion> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn versions_are_read_and_written() {
        for (text, written) in [
            ("3", "3"),
            ("v3.19", "3.19"),
            ("3.19.0", "3.19.0"),
            ("v3.19.2+g8766e71", "3.19.2"),
            ("4.0.0-rc.1", "4.0.0-rc.1"),
        ] {
            assert_eq!(version(text).to_string(), written);
        }
        for text in [
            "",
            "v",
            "vv3",
            "3.",
            ".3",
            "3.x",
            "^3.1",
            ">=3",
            "latest",
            "1.2.3.4",
            "03.1",
            "3.1-rc",
            "1.2.3-",
            "1.2.3-a b",
            "9999999",
            " 3",
            "3.19 ",
        ] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_prefix_stands_for_all_that_begin_with_its_parts() {
        for (asked, provided, fits) in [
            ("3", "3.19.2", true),
            ("3.19", "3.19.2", true),
            ("3.19.2", "3.19.2", true),
            ("3.1", "3.19.2", false),
            ("3.19.2", "3.19.20", false),
            ("4", "3.19.2", false),
            ("4", "4.0.0-rc.1", false),
            ("4.0.0", "4.0.0-rc.1", false),
            ("4.0.0-rc.1", "4.0.0-rc.1", true),
        ] {
            assert_eq!(version(asked).admits(&version(provided)), fits, "{asked} {provided}");
        }
    }

    #[test]
    fn versions_are_ordered_by_number() {
        let mut all = ["3.9.0", "4.0.0-rc.1", "3.19.2", "4.0.0", "3.19.10"].map(version);
        all.sort();
        assert_eq!(all.map(|one| one.to_string()), ["3.9.0", "3.19.2", "3.19.10", "4.0.0-rc.1", "4.0.0"]);
    }
}
