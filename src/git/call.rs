//! One run of git: its arguments, its whole environment, its bounds, and what its failure means.
//!
//! Nothing of the machine's or the operator's own git settings applies. The token is given in the environment, and only
//! to processes that may speak to the host; never in an argument, an address or a file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use secrecy::{ExposeSecret as _, SecretString};

use crate::git::error::Error;
use crate::git::redact::redact;
use crate::process::{self, Limits, Program};

/// Time for what happens on this machine alone.
const HERE: Duration = Duration::from_mins(1);
/// Time for what speaks to the host.
const FAR: Duration = Duration::from_mins(5);
/// Most bytes that a call may answer with, unless it says otherwise.
const ANSWER: usize = 64 << 20;

/// Settings that hold for every run: no hooks, no monitors, no helpers, no housekeeping behind our back, no redirects
/// (git would send the token along), and an end to connections that stall.
const SETTINGS: &[(&str, &str)] = &[
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.attributesFile", "/dev/null"),
    ("core.quotePath", "false"),
    ("credential.helper", ""),
    ("fetch.writeCommitGraph", "false"),
    ("gc.auto", "0"),
    ("http.followRedirects", "false"),
    ("http.lowSpeedLimit", "1000"),
    ("http.lowSpeedTime", "30"),
    ("maintenance.auto", "false"),
    ("protocol.version", "2"),
];

const VARIABLES: &[(&str, &str)] = &[
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_LITERAL_PATHSPECS", "1"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_PROTOCOL_FROM_USER", "0"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("HOME", "/nonexistent"),
    // What git says is understood by its English words.
    ("LC_ALL", "C"),
];

/// Where a run works: a git folder, and the host it may fetch from.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The git folder; none: outside any.
    pub dir: Option<PathBuf>,
    /// Where missing objects come from; none: nowhere.
    pub origin: Option<Origin>,
    /// Further settings, as `(key, value)`.
    pub settings: Vec<(String, String)>,
}

/// A repository on a host.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    /// The host as configured, without a final slash.
    pub host: String,
    /// The protocol to it; no other is ever used.
    pub protocol: &'static str,
    /// The repository's address.
    pub url: String,
    /// The token; it does not print itself.
    pub token: Option<SecretString>,
}

impl Place {
    /// Outside any repository.
    pub(super) fn nowhere() -> Self {
        Self { dir: None, origin: None, settings: Vec::new() }
    }

    /// In this git folder, without a host.
    pub(super) fn at(dir: PathBuf) -> Self {
        Self { dir: Some(dir), ..Self::nowhere() }
    }
}

/// May a run speak to the host?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// No: what is missing stays missing.
    Here,
    /// Yes, and it may fetch missing objects as it needs them.
    Origin,
}

/// One run of git to be made.
#[derive(Debug, Clone)]
pub(super) struct Call {
    doing: &'static str,
    args: Vec<OsString>,
    stdin: Option<Vec<u8>>,
    env: Vec<(&'static str, OsString)>,
    most: usize,
    reach: Reach,
}

/// How a run ended.
#[derive(Debug)]
pub(super) struct Answer {
    /// Its exit status.
    pub status: i32,
    /// What it wrote.
    pub stdout: Vec<u8>,
    /// What it complained of, fit to be shown.
    pub said: String,
}

impl Call {
    /// A run that does `doing` (for errors: "cannot … "), on this machine alone.
    pub(super) fn new<A: Into<OsString>>(doing: &'static str, args: impl IntoIterator<Item = A>) -> Self {
        let args = args.into_iter().map(Into::into).collect();
        Self { doing, args, stdin: None, env: Vec::new(), most: ANSWER, reach: Reach::Here }
    }

    /// The same with one more argument.
    pub(super) fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// The same, reading this.
    pub(super) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// The same with one more variable.
    pub(super) fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    /// The same, allowed to speak to the host.
    pub(super) fn reaching(mut self, reach: Reach) -> Self {
        self.reach = reach;
        self
    }

    /// The same with another bound on what it answers, in bytes.
    pub(super) fn most(mut self, bytes: usize) -> Self {
        self.most = bytes;
        self
    }

    /// Runs it; an exit status other than 0 is an answer.
    pub(super) async fn run(&self, program: &Path, place: &Place) -> Result<Answer, Error> {
        let origin = place.origin.as_ref().filter(|_| self.reach == Reach::Origin);
        let secrets = origin.map(Origin::secrets).unwrap_or_default();
        let time = if origin.is_some() { FAR } else { HERE };
        let program = Program {
            path: program.to_owned(),
            args: self.args.clone(),
            env: self.environment(place, origin, &secrets),
            dir: place.dir.clone().unwrap_or_else(|| PathBuf::from("/")),
            stdin: self.stdin.clone(),
            limits: Limits { time, stdout: self.most, ..Limits::default() },
            session: false,
            called: None,
        };
        match process::run(&program).await {
            Ok(output) => Ok(Answer {
                status: output.status,
                stdout: output.stdout,
                said: redact(&output.stderr, &secrets),
            }),
            Err(process::Error::TimedOut { .. }) => Err(Error::Late { doing: self.doing, limit: time }),
            Err(source) => Err(Error::Program { doing: self.doing, source }),
        }
    }

    /// Runs it; an exit status other than 0 is an error that says whose it is.
    pub(super) async fn succeed(&self, program: &Path, place: &Place) -> Result<Vec<u8>, Error> {
        let answer = self.run(program, place).await?;
        if answer.status == 0 { Ok(answer.stdout) } else { Err(Error::of(self.doing, answer.said)) }
    }

    fn environment(
        &self,
        place: &Place,
        origin: Option<&Origin>,
        secrets: &[String],
    ) -> Vec<(OsString, OsString)> {
        let mut env: Vec<(OsString, OsString)> =
            VARIABLES.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let mut settings: Vec<(String, String)> =
            SETTINGS.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        settings.extend(place.settings.iter().cloned());
        if let Some(dir) = &place.dir {
            env.push(("GIT_DIR".into(), dir.into()));
        }
        env.push(("GIT_ALLOW_PROTOCOL".into(), origin.map_or("none", |origin| origin.protocol).into()));
        if let Some(origin) = origin {
            settings.extend(origin.settings(secrets));
        } else {
            env.push(("GIT_NO_LAZY_FETCH".into(), "1".into()));
        }
        env.push(("GIT_CONFIG_COUNT".into(), settings.len().to_string().into()));
        for (index, (key, value)) in settings.into_iter().enumerate() {
            env.push((format!("GIT_CONFIG_KEY_{index}").into(), key.into()));
            env.push((format!("GIT_CONFIG_VALUE_{index}").into(), value.into()));
        }
        env.extend(self.env.iter().map(|(name, value)| ((*name).into(), value.clone())));
        env
    }
}

impl Origin {
    /// Texts that must never be shown: the token as it is and as the header carries it (the latter last).
    fn secrets(&self) -> Vec<String> {
        let Some(token) = &self.token else { return Vec::new() };
        let token = token.expose_secret();
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("x-access-token:{token}"));
        vec![token.to_owned(), basic]
    }

    /// The address and, for this host alone, the token. They are in no file, so a rename has nothing to rewrite; and
    /// only who gets them has a place to fetch missing objects from.
    fn settings(&self, secrets: &[String]) -> Vec<(String, String)> {
        let mut settings = vec![
            ("remote.origin.url".to_owned(), self.url.clone()),
            ("remote.origin.promisor".to_owned(), "true".to_owned()),
            ("remote.origin.partialclonefilter".to_owned(), "blob:none".to_owned()),
        ];
        if let Some(basic) = secrets.last().filter(|_| self.protocol != "file") {
            let key = format!("http.{}/.extraHeader", self.host);
            settings.push((key, format!("Authorization: Basic {basic}")));
        }
        settings
    }
}
