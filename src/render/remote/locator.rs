//! What a kustomization names on another host: a file, or a folder of a Git repository. As kustomize reads it, except that
//! which of the two is meant is told by the address alone, never by what a host answers.

use std::fmt;

use reqwest::Url;

use crate::model::fault::Fault;
use crate::render::remote::pin;
use crate::render::tree::{join, shown};

/// Something on another host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Locator {
    /// A file of manifests.
    File(Url),
    /// A folder of a repository.
    Git(Tree),
}

/// A folder of a Git repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tree {
    /// Where it is fetched from.
    pub repository: Url,
    /// The folder; empty: the root.
    pub path: String,
    /// A branch, a tag or a whole commit id; none: what the repository's HEAD is.
    pub reference: Option<String>,
}

impl Tree {
    /// The commit, if the reference is one.
    pub(super) fn commit(&self) -> Option<&str> {
        self.reference.as_deref().filter(|reference| pin::commit(reference))
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        if !self.path.is_empty() {
            write!(f, "//{}", self.path)?;
        }
        self.reference.as_ref().map_or(Ok(()), |reference| write!(f, "?ref={reference}"))
    }
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(url) => url.fmt(f),
            Self::Git(tree) => tree.fmt(f),
        }
    }
}

impl Locator {
    /// Reads an address. The fault has no place yet.
    pub(crate) fn read(text: &str) -> Result<Self, Fault> {
        let bad = |why: &str, hint: &str| Fault::new(format!("`{}` {why}", shown(text))).hint(hint);
        let (said, rest) = text.strip_prefix("git::").map_or((false, text), |rest| (true, rest));
        let lower = rest.to_ascii_lowercase();
        let short = ["gh:", "github.com/"].iter().find(|begin| lower.starts_with(**begin));
        let whole = match short {
            Some(begin) => format!("https://github.com/{}", rest.get(begin.len()..).unwrap_or_default()),
            None if lower.starts_with("https://") || lower.starts_with("http://") => rest.to_owned(),
            None => {
                return Err(bad("cannot be fetched", "name it by https://, or store it in the repository"));
            }
        };
        let mut url =
            Url::parse(&whole).map_err(|_| bad("is not an address", "as in https://example.com/a.yaml"))?;
        if url.host_str().is_none_or(str::is_empty) || url.cannot_be_a_base() {
            return Err(bad("is not an address", "as in https://example.com/a.yaml"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            let host = url.host_str().unwrap_or_default();
            return Err(Fault::new(format!("an address on {} holds a user or a password", shown(host)))
                .hint("take it out, and ask whoever runs Tidegate to give credentials under render.hosts"));
        }
        url.set_fragment(None);
        let value =
            |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        let reference = value("ref").or_else(|| value("version")).filter(|text| !text.is_empty());
        let split = split(&url, said || short.is_some() || reference.is_some());
        let Some((repository, path)) = split else { return Ok(Self::File(url)) };
        if reference.as_ref().is_some_and(|reference| !is_reference(reference)) {
            return Err(bad("names no branch, tag or commit", "as in ?ref=v1.2.3"));
        }
        let path =
            join("", &path).ok_or_else(|| bad("leads out of its repository", "name a folder in it"))?;
        url.set_query(None);
        url.set_path(&repository);
        Ok(Self::Git(Tree { repository: url, path, reference }))
    }
}

/// The path of a repository, and the folder in it; none if the address is that of a file.
fn split(url: &Url, said: bool) -> Option<(String, String)> {
    let path = url.path();
    let at = |end: usize| {
        let (repository, rest) = path.split_at_checked(end)?;
        Some((repository.trim_end_matches('/').to_owned(), rest.trim_start_matches('/').to_owned()))
    };
    // `_git/` is followed by the repository's name.
    if let Some(begin) = path.find("/_git/").map(|begin| begin + "/_git/".len()) {
        let name = path.get(begin..).and_then(|rest| rest.find('/'));
        return at(name.map_or(path.len(), |name| begin + name));
    }
    let mut ends = path.match_indices(".git").map(|(begin, end)| begin + end.len());
    if let Some(end) =
        ends.find(|end| path.get(*end..).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    {
        return at(end);
    }
    if let Some(end) = path.get(1..).and_then(|path| path.find("//")) {
        return at(end + 1);
    }
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let known = url.host_str() == Some("github.com")
        && parts.len() >= 2
        && !matches!(parts.get(2), Some(&"raw" | &"releases" | &"archive"));
    if !said && !known {
        return None;
    }
    // Elsewhere, an owner and a name.
    let two: usize = parts.iter().take(2).map(|part| part.len() + 1).sum();
    at(two)
}

/// A name that git takes for a reference, and for nothing else.
fn is_reference(text: &str) -> bool {
    text.len() <= 250
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/+@-=".contains(&byte))
        && !text.starts_with(['-', '/', '.'])
        && !text.ends_with(['/', '.'])
        && !["..", "//", "/.", "@{"].iter().any(|bad| text.contains(bad))
}

#[cfg(test)]
mod tests {
    use super::Locator;

    #[test]
    fn addresses_are_read_as_kustomize_reads_them() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let pinned = format!("https://git.example.com/a/b//c?ref={commit}");
        for (text, read) in [
            ("https://example.com/a.yaml", "file https://example.com/a.yaml"),
            ("https://example.com/a.yaml?x=1#y", "file https://example.com/a.yaml?x=1"),
            (
                "https://github.com/a/b/releases/download/v1/c.yaml",
                "file https://github.com/a/b/releases/download/v1/c.yaml",
            ),
            ("https://raw.example.com/a/b/v1/c.yaml", "file https://raw.example.com/a/b/v1/c.yaml"),
            ("https://github.com/a/b", "git https://github.com/a/b"),
            ("https://github.com/a/b/c/d?ref=v1", "git https://github.com/a/b//c/d?ref=v1"),
            ("github.com/a/b/c?ref=v1", "git https://github.com/a/b//c?ref=v1"),
            ("github.com/a/b//c?ref=v1", "git https://github.com/a/b//c?ref=v1"),
            ("gh:a/b", "git https://github.com/a/b"),
            ("https://git.example.com/a/b/c//d/e?ref=x", "git https://git.example.com/a/b/c//d/e?ref=x"),
            ("https://git.example.com/a/b.git", "git https://git.example.com/a/b.git"),
            (
                "https://git.example.com/a/b.git/c?ref=x&timeout=9",
                "git https://git.example.com/a/b.git//c?ref=x",
            ),
            ("git::https://git.example.com/a/b", "git https://git.example.com/a/b"),
            (
                "https://dev.example.com/o/p/_git/r/c?version=x",
                "git https://dev.example.com/o/p/_git/r//c?ref=x",
            ),
            ("http://127.0.0.1:80/a/b.git//c", "git http://127.0.0.1/a/b.git//c"),
            ("https://git.example.com/a/b//c/../../../../d?ref=x", "git https://git.example.com/d?ref=x"),
            (&pinned, &format!("git {pinned}")),
        ] {
            let got = match Locator::read(text).unwrap() {
                Locator::File(url) => format!("file {url}"),
                Locator::Git(tree) => format!("git {tree}"),
            };
            assert_eq!(got, read, "{text}");
        }
    }

    #[test]
    fn what_we_do_not_fetch_is_told() {
        for bad in [
            "ssh://git@example.com/a/b",
            "git@github.com:a/b.git",
            "file:///etc",
            "https://user:pass@example.com/a.yaml",
            "https://example.com/a.git?ref=--upload-pack=x",
            "https://example.com/a.git?ref=a..b",
            "https://example.com/a.git?ref=a%20b",
            "https://example.com/a.git?ref=refs*",
            "https://",
        ] {
            let fault = Locator::read(bad).unwrap_err();
            assert!(!fault.hint.is_empty() && !fault.message.contains("user:pass@"), "{bad}: {fault}");
        }
    }
}
