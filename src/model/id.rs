//! Names that validate: a value of one of these types is well formed wherever it turns up.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What is wrong with a text that should have been a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?} is not valid: {rule}")]
pub(crate) struct Malformed {
    what: &'static str,
    text: String,
    rule: &'static str,
}

fn malformed(what: &'static str, text: &str, rule: &'static str) -> Malformed {
    Malformed { what, text: text.chars().take(80).collect(), rule }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub(crate) struct $name(pub(crate) u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// A repository's numeric id on GitHub: it survives renames, so identity is built on it.
    RepoId
);
number!(
    /// A pull request's number within its repository.
    PullNumber
);
number!(
    /// One installation of our App on an account.
    InstallationId
);
number!(
    /// A person or bot, by GitHub's numeric id: it survives a change of login.
    UserId
);
number!(
    /// A comment on an issue or a pull request.
    CommentId
);

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub(crate) struct $name(String);

        impl $name {
            /// The text itself.
            pub(crate) fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Malformed;
            fn from_str(text: &str) -> Result<Self, Malformed> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.to_owned())) } else { Err(malformed($what, text, $rule)) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = Malformed;
            fn try_from(text: String) -> Result<Self, Malformed> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text!(
    /// A commit's or tree's full object id: 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits.
    Sha,
    "object id",
    "40 or 64 lower-case hexadecimal digits",
    |text| matches!(text.len(), 40 | 64) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
);
text!(
    /// An environment's name within its repository: `staging`, `prod-eu`; 1 to 40 characters.
    EnvironmentName,
    "environment name",
    "1 to 40 of a-z, 0-9 and -, beginning and ending with a letter or digit",
    |text| (1..=40).contains(&text.len())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && !text.starts_with('-')
        && !text.ends_with('-')
);
text!(
    /// A GitHub login; a bot's ends in `[bot]`.
    Login,
    "login",
    "1 to 100 letters, digits, hyphens or underscores, with [bot] at the end for bots",
    |text| {
        let name = text.strip_suffix("[bot]").unwrap_or(text);
        (1..=100).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    }
);
text!(
    /// A branch's short name, as in `main`; held to Git's own rules for references.
    Branch,
    "branch name",
    "a Git branch name without spaces, control characters, .., ~, ^, :, ?, *, [ or \\",
    |text| {
        (1..=255).contains(&text.len())
            && !text.starts_with(['/', '-', '.'])
            && !text.ends_with(['/', '.'])
            && text.rsplit_once('.').is_none_or(|(_, end)| end != "lock")
            && !text.contains("..")
            && !text.contains("//")
            && !text.contains("/.")
            && !text.contains("@{")
            && text != "@"
            && !text.chars().any(|c| c.is_control() || " ~^:?*[\\".contains(c))
    }
);
text!(
    /// GitHub's id of a webhook delivery (a GUID); a redelivery carries the same one.
    DeliveryId,
    "delivery id",
    "1 to 100 letters, digits or hyphens",
    |text| (1..=100).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
);

impl Sha {
    /// The first seven digits, as people write it.
    pub(crate) fn short(&self) -> &str {
        self.0.get(..7).unwrap_or(&self.0)
    }
}

/// `owner/name` of a repository as GitHub shows it today; identity is [`RepoId`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct RepoName {
    owner: String,
    name: String,
}

impl RepoName {
    /// The account that owns it.
    pub(crate) fn owner(&self) -> &str {
        &self.owner
    }

    /// Its name within the account.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for RepoName {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let part = |part: &str| {
            (1..=100).contains(&part.len())
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
                && part.bytes().any(|b| b != b'.')
        };
        match text.split_once('/') {
            Some((owner, name)) if part(owner) && part(name) => {
                Ok(Self { owner: owner.to_owned(), name: name.to_owned() })
            }
            _ => Err(malformed("repository", text, "owner/name, as on GitHub")),
        }
    }
}

impl TryFrom<String> for RepoName {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

impl From<RepoName> for String {
    fn from(name: RepoName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for RepoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// A repository as one job sees it: which installation may act, which id it is, what it is called now.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Repo {
    /// The installation whose token acts.
    pub installation: InstallationId,
    /// Its lasting id.
    pub id: RepoId,
    /// Its present name.
    pub name: RepoName,
}

/// What an environment is: a repository's id and a name in its file. Lane, lock, inventory and digest use it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct EnvironmentId {
    /// The repository whose file names it.
    pub repo: RepoId,
    /// Its name there.
    pub name: EnvironmentName,
}

impl fmt::Display for EnvironmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.repo, self.name)
    }
}

/// A SHA-256, written `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    /// The digest of some bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
        let mut own = [0; 32];
        own.copy_from_slice(sum.as_ref());
        Self(own)
    }

    /// The first eight digits, as people write it.
    pub(crate) fn short(&self) -> String {
        hex::encode(&self.0[..4])
    }

    /// All 64 hexadecimal digits, without the prefix.
    pub(crate) fn hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl FromStr for Digest {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut own = [0; 32];
        text.strip_prefix("sha256:")
            .filter(|digits| hex::decode_to_slice(digits, &mut own).is_ok())
            .map(|_| Self(own))
            .ok_or_else(|| malformed("digest", text, "sha256: and 64 hexadecimal digits"))
    }
}

impl TryFrom<String> for Digest {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::{Branch, Digest, EnvironmentName, Login, RepoName, Sha};

    #[test]
    fn environment_names_follow_the_design() {
        for good in ["a", "staging", "prod-eu", &"x".repeat(40)] {
            assert!(good.parse::<EnvironmentName>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a_b", &"x".repeat(41), "a/b"] {
            assert!(bad.parse::<EnvironmentName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_repository_is_owner_and_name_and_never_a_path() {
        assert_eq!("acme/shop.git".parse::<RepoName>().unwrap().name(), "shop.git");
        for bad in ["acme", "acme/", "/shop", "acme/shop/x", "../..", "acme/..", "a b/c"] {
            assert!(bad.parse::<RepoName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn branches_cannot_be_options_or_escapes() {
        assert!("rendered/prod-eu".parse::<Branch>().is_ok());
        for bad in ["-x", "a..b", "a b", "refs/heads/.x", "x.lock", "a:b", "@{u}", "@"] {
            assert!(bad.parse::<Branch>().is_err(), "{bad}");
        }
    }

    #[test]
    fn digests_survive_being_written_and_read() {
        let digest = Digest::of(b"x");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert!("sha256:12".parse::<Digest>().is_err());
    }

    #[test]
    fn object_ids_and_logins_are_bounded() {
        assert!("0123456789abcdef0123456789abcdef01234567".parse::<Sha>().is_ok());
        assert!("0123456789ABCDEF0123456789abcdef01234567".parse::<Sha>().is_err());
        assert!("tidegate[bot]".parse::<Login>().is_ok());
        assert!("a/b".parse::<Login>().is_err());
    }
}
