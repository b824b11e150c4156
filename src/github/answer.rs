//! What GitHub answered, and what each status means.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::base::Base;
use super::error::Error;
use super::token::grant;

/// An answer of the 2xx kind.
#[derive(Debug)]
pub(super) struct Answer {
    /// Null where there is none.
    pub(super) body: Value,
    /// The path of the next page.
    pub(super) next: Option<String>,
    /// GitHub's clock.
    pub(super) date: Option<Timestamp>,
}

impl Answer {
    /// The body as a value of ours.
    pub(super) fn read<T: DeserializeOwned>(self, doing: &str) -> Result<T, Error> {
        serde_json::from_value(self.body).map_err(|source| Error::ours(doing, source))
    }
}

/// A limit of GitHub's, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// For so long.
    For(Duration),
    /// GitHub does not say; it asks for a minute at least, and longer each time.
    Unnamed,
}

/// An answer of any kind, as it came.
#[derive(Debug, Default)]
pub(super) struct Raw {
    pub(super) status: u16,
    pub(super) bytes: Vec<u8>,
    /// Headers by their lower-case names.
    pub(super) headers: Vec<(String, String)>,
    /// The permissions that the token lacked, where we know; empty otherwise.
    pub(super) lacks: String,
}

impl Raw {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.header(name)?.trim().parse().ok()
    }

    fn date(&self) -> Option<Timestamp> {
        rfc2822::DateTimeParser::new().parse_timestamp(self.header("date")?).ok()
    }

    /// Where a redirect leads; of a renamed or transferred repository to its id.
    pub(super) fn redirect(&self) -> Option<&str> {
        if matches!(self.status, 301 | 302 | 307 | 308) { self.header("location") } else { None }
    }

    /// Is it one of GitHub's limits? A 403 is one only by its headers or its words.
    pub(super) fn limited(&self) -> Option<Limit> {
        if !matches!(self.status, 403 | 429) {
            return None;
        }
        if let Some(seconds) = self.number("retry-after") {
            return Some(Limit::For(Duration::from_secs(seconds)));
        }
        if self.number("x-ratelimit-remaining") == Some(0) {
            let reset = self.number("x-ratelimit-reset").and_then(|reset| i64::try_from(reset).ok());
            let wait = reset.zip(self.date()).map(|(reset, date)| reset.saturating_sub(date.as_second()));
            // A second more, as both are cut to whole seconds.
            let seconds = wait.map(|wait| wait.max(0).unsigned_abs() + 1);
            return Some(seconds.map_or(Limit::Unnamed, |seconds| Limit::For(Duration::from_secs(seconds))));
        }
        let words = String::from_utf8_lossy(&self.bytes).to_ascii_lowercase();
        (self.status == 429 || words.contains("rate limit")).then_some(Limit::Unnamed)
    }

    /// The answer, if it is one.
    pub(super) fn settle(self, doing: &str, base: &Base) -> Result<Answer, Error> {
        let doing_owned = || doing.to_owned();
        match self.status {
            200..=299 => self.success(doing, base),
            404 | 410 | 451 => Err(Error::Gone { doing: doing_owned() }),
            403 => Err(Error::Denied { doing: doing_owned(), missing: self.denial() }),
            500..=599 => Err(Error::weather(doing, format!("GitHub answered {}", self.status))),
            status => Err(Error::Refused { doing: doing_owned(), status, message: self.words() }),
        }
    }

    fn success(self, doing: &str, base: &Base) -> Result<Answer, Error> {
        let body = if self.bytes.iter().all(u8::is_ascii_whitespace) {
            Value::Null
        } else {
            // A 200 whose body is cut off is the weather: nothing else makes GitHub's JSON invalid.
            serde_json::from_slice(&self.bytes).map_err(|source| Error::weather(doing, source))?
        };
        let next = match self.header("link").and_then(next) {
            None => None,
            Some(address) => {
                // Left out it would look as if the list ended here.
                let lost = || Error::ours(doing, "GitHub's next page does not lie beneath the API's address");
                Some(base.page(address).ok_or_else(lost)?)
            }
        };
        Ok(Answer { body, next, date: self.date() })
    }

    /// GitHub's words and, where it names them, the permissions that would do.
    fn denial(&self) -> String {
        let accepted = self.header("x-accepted-github-permissions").filter(|accepted| !accepted.is_empty());
        match accepted {
            Some(accepted) => format!("{}; {}", self.words(), grant(&named(accepted))),
            None if !self.lacks.is_empty() => format!("{}; {}", self.words(), grant(&self.lacks)),
            None => self.words(),
        }
    }

    /// The message of an error and the first of its reasons.
    fn words(&self) -> String {
        let Ok(body) = serde_json::from_slice::<Value>(&self.bytes) else {
            return "no reason given".to_owned();
        };
        let message = body["message"].as_str().unwrap_or("no reason given");
        let first = &body["errors"][0];
        let reason = first.as_str().or_else(|| first["message"].as_str()).or_else(|| first["code"].as_str());
        clip(&reason.map_or_else(|| message.to_owned(), |reason| format!("{message}: {reason}")))
    }
}

/// `checks=write; contents=read,issues=write` as one would write it in the settings. What a comma joins is needed
/// together, what a semicolon joins is one of several ways.
fn named(accepted: &str) -> String {
    clip(accepted).replace(' ', "").replace('=', ": ").replace(',', "` and `").replace(';', "` or `")
}

/// GitHub's text in a message of ours: one line, bounded.
fn clip(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}

/// The address of the next page in a `Link` header.
fn next(link: &str) -> Option<&str> {
    link.split(',').find_map(|one| {
        let (address, rest) = one.trim().strip_prefix('<')?.split_once('>')?;
        rest.split(';').any(|part| part.trim() == "rel=\"next\"").then_some(address)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Limit, Raw, next};
    use crate::github::base::Base;
    use crate::github::error::Kind;

    fn raw(status: u16, headers: &[(&str, &str)], body: &str) -> Raw {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Raw { status, headers, bytes: body.as_bytes().to_vec(), ..Raw::default() }
    }

    #[test]
    fn limits_are_told_by_headers_and_words_and_never_by_a_plain_403() {
        let secondary = r#"{"message": "You have exceeded a secondary rate limit."}"#;
        assert_eq!(raw(403, &[("retry-after", "9")], "").limited(), Some(Limit::For(Duration::from_secs(9))));
        let gone = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1790000060")];
        let date = ("date", "Mon, 21 Sep 2026 14:13:20 GMT");
        assert_eq!(
            raw(403, &[gone[0], gone[1], date], "").limited(),
            Some(Limit::For(Duration::from_secs(61)))
        );
        assert_eq!(raw(403, &gone, "").limited(), Some(Limit::Unnamed));
        assert_eq!(raw(403, &[], secondary).limited(), Some(Limit::Unnamed));
        assert_eq!(raw(429, &[], "").limited(), Some(Limit::Unnamed));
        let denied = r#"{"message": "Resource not accessible by integration"}"#;
        assert_eq!(raw(403, &[("x-ratelimit-remaining", "7")], denied).limited(), None);
        assert_eq!(raw(200, &gone, "").limited(), None);
    }

    #[test]
    fn every_status_says_who_must_act() {
        let base = Base::read("https://api.github.com").unwrap();
        let kind = |status| raw(status, &[], "").settle("testing", &base).map_err(|error| error.kind()).err();
        assert_eq!(kind(204), None);
        assert_eq!(kind(404), Some(Kind::Gone));
        assert_eq!(kind(410), Some(Kind::Gone));
        assert_eq!(kind(403), Some(Kind::Denied));
        assert_eq!(kind(422), Some(Kind::Ours));
        assert_eq!(kind(401), Some(Kind::Ours));
        assert_eq!(kind(502), Some(Kind::Weather));
        let cut = raw(200, &[], "{\"a\":").settle("testing", &base);
        assert_eq!(cut.unwrap_err().kind(), Kind::Weather);
    }

    #[test]
    fn a_denial_names_what_is_missing() {
        let base = Base::read("https://api.github.com").unwrap();
        let headers = [("x-accepted-github-permissions", "checks=write; contents=read,issues=write")];
        let denied = raw(403, &headers, r#"{"message": "Resource not accessible by integration"}"#);
        let text = denied.settle("writing a check", &base).unwrap_err().to_string();
        assert_eq!(
            text,
            "writing a check: GitHub does not let the App: Resource not accessible by integration; grant it \
             `checks: write` or `contents: read` and `issues: write` in the App's settings, and accept it for the \
             installation"
        );
    }

    #[test]
    fn a_next_page_on_another_host_is_followed_by_its_path_and_one_that_cannot_be_is_told() {
        let base = Base::read("https://ghe.example.com/api/v3").unwrap();
        let page = |address: &str| {
            let link = format!("<{address}>; rel=\"next\"");
            raw(200, &[("link", &link)], "[]").settle("testing", &base)
        };
        let answer = page("http://10.0.0.7:8080/api/v3/repositories/1/pulls?page=2").unwrap();
        assert_eq!(answer.next.as_deref(), Some("/repositories/1/pulls?page=2"));
        assert_eq!(page("https://elsewhere.example/x?page=2").unwrap_err().kind(), Kind::Ours);
    }

    #[test]
    fn the_next_page_is_found_wherever_it_stands() {
        let link = r#"<https://x/a?page=1>; rel="prev", <https://x/a?page=3>; rel="next", <https://x/a?page=9>; rel="last""#;
        assert_eq!(next(link), Some("https://x/a?page=3"));
        assert_eq!(next(r#"<https://x/a>; rel="last""#), None);
        assert_eq!(next("garbage, <, >; rel=\"next\""), None);
    }
}
