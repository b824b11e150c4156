//! Path templates: which described path is meant by a request's path.

/// One part of a template between two slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// Must be there word for word.
    Literal(String),
    /// Any one segment, captured under this name.
    Parameter(String),
    /// One or more segments: references and file paths contain slashes.
    Multiple(String),
}

/// A described path such as `/repos/{owner}/{repo}/git/ref/{ref}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    text: String,
    segments: Vec<Segment>,
}

/// A parameter's name and its percent-decoded value.
pub(crate) type Captures = Vec<(String, String)>;

impl Template {
    /// Reads a template; the parameters for which `spans` is true may hold slashes.
    pub(crate) fn parse(text: &str, spans: impl Fn(&str) -> bool) -> Self {
        let segments = split(text)
            .map(|part| match part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(name) if spans(name) => Segment::Multiple(name.to_owned()),
                Some(name) => Segment::Parameter(name.to_owned()),
                None => Segment::Literal(part.to_owned()),
            })
            .collect();
        Self { text: text.to_owned(), segments }
    }

    /// The template as GitHub writes it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// How exact the template is: more literals win, then earlier ones, then fewer spanning parameters.
    pub(crate) fn rank(&self) -> (usize, Vec<u8>) {
        let literals = self.segments.iter().filter(|segment| matches!(segment, Segment::Literal(_))).count();
        let kinds = self.segments.iter().map(|segment| match segment {
            Segment::Literal(_) => 2,
            Segment::Parameter(_) => 1,
            Segment::Multiple(_) => 0,
        });
        (literals, kinds.collect())
    }

    /// The captured parameters when `path` (without a query) is described by this template.
    pub(crate) fn captures(&self, path: &str) -> Option<Captures> {
        let parts: Vec<&str> = split(path).collect();
        let mut captures = Vec::new();
        matches(&self.segments, &parts, &mut captures).then_some(captures)
    }
}

/// The segments of a path; the leading slash makes none, a trailing slash makes an empty one.
fn split(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

fn matches(segments: &[Segment], parts: &[&str], captures: &mut Captures) -> bool {
    let Some((segment, segments)) = segments.split_first() else { return parts.is_empty() };
    match segment {
        Segment::Literal(text) => parts
            .split_first()
            .is_some_and(|(part, parts)| part == text && matches(segments, parts, captures)),
        Segment::Parameter(name) => parts.split_first().is_some_and(|(part, parts)| {
            !part.is_empty() && capture(name, part, captures) && matches(segments, parts, captures)
        }),
        Segment::Multiple(name) => {
            // A file path may be empty: `/contents/` and `/contents` are the repository's root.
            let least = usize::from(name != "path");
            (least..=parts.len()).rev().any(|taken| {
                let before = captures.len();
                let (mine, rest) = parts.split_at(taken);
                capture(name, &mine.join("/"), captures);
                let found = matches(segments, rest, captures);
                if !found {
                    captures.truncate(before);
                }
                found
            })
        }
    }
}

/// Adds one capture; always true, so that it can stand in a chain of conditions.
fn capture(name: &str, raw: &str, captures: &mut Captures) -> bool {
    captures.push((name.to_owned(), decode(raw)));
    true
}

/// Percent-decodes one value; what is not a valid escape or not UTF-8 is kept as it is or replaced.
fn decode(raw: &str) -> String {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = (byte == b'%').then(|| tail.get(..2)).flatten();
        let value = escaped
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(value) = value {
            bytes.push(value);
            rest = tail.get(2..).unwrap_or_default();
        } else {
            bytes.push(byte);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(template: &str, path: &str) -> Option<Vec<String>> {
        let template = Template::parse(template, |name| name == "ref" || name == "path");
        template.captures(path).map(|captures| captures.into_iter().map(|(_, value)| value).collect())
    }

    #[test]
    fn a_parameter_takes_one_segment_and_is_decoded() {
        assert_eq!(captured("/a/{b}", "/a/x%2Fy%20z").unwrap(), ["x/y z"]);
        assert_eq!(captured("/a/{b}", "/a/x/y"), None);
        assert_eq!(captured("/a/{b}", "/a/"), None);
        assert_eq!(captured("/a/{b}", "/a/%zz%4").unwrap(), ["%zz%4"]);
    }

    #[test]
    fn a_spanning_parameter_takes_slashes_but_leaves_what_follows() {
        assert_eq!(captured("/c/{ref}/status", "/c/feature/x/status").unwrap(), ["feature/x"]);
        assert_eq!(captured("/c/{ref}", "/c/heads/main").unwrap(), ["heads/main"]);
        assert_eq!(captured("/c/{ref}", "/c"), None);
        assert_eq!(captured("/contents/{path}", "/contents").unwrap(), [""]);
        assert_eq!(captured("/contents/{path}", "/contents/a/b.yaml").unwrap(), ["a/b.yaml"]);
    }

    #[test]
    fn a_hostile_path_is_matched_quickly() {
        let template = Template::parse("/{ref}/a/{ref}/a/z", |_| true);
        assert_eq!(template.captures(&"/a".repeat(200)), None);
    }
}
