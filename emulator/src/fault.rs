//! Faults on demand: how GitHub fails when it fails.

use std::time::Duration;

/// What goes wrong with a matching request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The request is carried out, then answered 502: the caller cannot know that it was.
    AfterWrite502,
    /// 500 before anything happened.
    Before500,
    /// A secondary rate limit.
    /// <https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api>
    Secondary {
        /// 403 or 429; GitHub uses both.
        status: u16,
        /// Seconds in `retry-after`; often it is absent.
        retry_after: Option<u64>,
    },
    /// The primary limit is used up: 403, `x-ratelimit-remaining: 0`.
    PrimaryExhausted {
        /// Seconds from now until `x-ratelimit-reset`.
        reset: u64,
    },
    /// 401 although the token is good.
    Unauthorized401,
    /// The status and headers come at once, the body only after this long. Git's requests wait as with `Slow`.
    SlowBody(Duration),
    /// The request waits this long and is then carried out and answered; if the caller hangs up meanwhile, it is never
    /// carried out.
    Slow(Duration),
    /// The connection is closed without an answer; the request is not carried out.
    Drop,
    /// Any other status, before anything happened.
    Status(u16),
}

/// A rule of the queue: the first that matches a request and is not used up applies.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The HTTP method; `*` for any.
    pub method: String,
    /// The path without `/api/v3`, with `*` for one segment and `**` at the end for any rest. A repository may be named
    /// as `/repos/OWNER/NAME` or as `/repositories/ID`, whichever form the caller uses.
    pub path: String,
    /// Matching requests to let pass first.
    pub skip: u32,
    /// How many requests it strikes.
    pub times: u32,
    /// What happens.
    pub kind: FaultKind,
}

impl Fault {
    /// A fault that strikes the next matching request, once.
    pub fn once(method: &str, path: &str, kind: FaultKind) -> Fault {
        Fault { method: method.to_owned(), path: path.to_owned(), skip: 0, times: 1, kind }
    }

    /// The same fault for that many matching requests.
    #[must_use]
    pub fn times(self, times: u32) -> Fault {
        Fault { times, ..self }
    }

    /// The same fault after letting that many matching requests pass.
    #[must_use]
    pub fn after(self, skip: u32) -> Fault {
        Fault { skip, ..self }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<Fault>,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.rules.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// The rules that have not struck as often as they should.
    pub(crate) fn unspent(&self) -> Vec<String> {
        let left = self.rules.iter().filter(|rule| rule.times > 0);
        left.map(|rule| format!("{} {}", rule.method, rule.path)).collect()
    }

    /// The fault that strikes this request, if any; each call counts as one request. `paths` are all the names that
    /// the requested resource goes by.
    pub(crate) fn strike(&mut self, method: &str, paths: &[&str]) -> Option<FaultKind> {
        for rule in &mut self.rules {
            let applies = rule.method == "*" || rule.method.eq_ignore_ascii_case(method);
            if !applies || rule.times == 0 || !paths.iter().any(|path| matches(&rule.path, path)) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.times -= 1;
            return Some(rule.kind.clone());
        }
        None
    }
}

/// Whether a path fits a pattern of literal segments, `*` and a last `**`.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    let mut wanted = pattern.split('/');
    let mut given = path.split('/');
    loop {
        match (wanted.next(), given.next()) {
            (None, None) | (Some("**"), _) => return true,
            (Some("*"), Some(_)) => {}
            (Some(want), Some(have)) if want == have => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_segment_and_two_for_the_rest() {
        assert!(matches("/repos/*/*/issues/*/comments", "/repos/o/r/issues/1/comments"));
        assert!(!matches("/repos/*/*/issues/*/comments", "/repos/o/r/issues/1"));
        assert!(!matches("/repos/*/*", "/repos/o/r/pulls"));
        assert!(matches("/repos/**", "/repos/o/r/pulls"));
        assert!(matches("/**", "/app"));
    }

    #[test]
    fn a_fault_skips_strikes_and_is_used_up() {
        let mut faults = Faults::default();
        faults.add(Fault::once("POST", "/a", FaultKind::Before500).after(1).times(2));
        let struck: Vec<bool> = (0..4).map(|_| faults.strike("post", &["/b", "/a"]).is_some()).collect();
        assert_eq!(struck, [false, true, true, false]);
        assert!(faults.strike("GET", &["/a"]).is_none());
        assert_eq!(faults.unspent(), Vec::<String>::new());
        faults.add(Fault::once("PUT", "/never", FaultKind::Drop));
        assert_eq!(faults.unspent(), ["PUT /never"]);
    }
}
