//! The files of a Git repository at a branch, a tag or a commit, by the git program.
//!
//! Nothing of this machine's git settings applies, no hook, filter or helper runs, no submodule and no LFS file is
//! followed. Git connects to the addresses that were judged, follows no redirect, and is given credentials in its
//! environment alone.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

use crate::model::fault::{Cause, Failure};
use crate::process::{self, Output, Program};
use crate::render::compute;
use crate::render::remote::locator::Tree;
use crate::render::remote::store::Kind;
use crate::render::remote::web::authority;
use crate::render::remote::{Fetched, Inner, Limits, address, files, pin, words};

/// Where the commit that is wanted is kept in the scratch repository.
const KEPT: &str = "refs/tidegate/wanted";

const SETTINGS: &[(&str, &str)] = &[
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.attributesFile", "/dev/null"),
    ("credential.helper", ""),
    // One pack, which the limit of a file bounds.
    ("fetch.unpackLimit", "1"),
    ("gc.auto", "0"),
    ("http.followRedirects", "false"),
    ("http.lowSpeedLimit", "1000"),
    ("http.lowSpeedTime", "20"),
    ("http.proxy", ""),
    ("maintenance.auto", "false"),
    ("protocol.version", "2"),
    ("submodule.recurse", "false"),
];

const VARIABLES: &[(&str, &str)] = &[
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_LITERAL_PATHSPECS", "1"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_PROTOCOL_FROM_USER", "0"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("HOME", "/nonexistent"),
    // What git says is understood by its English words.
    ("LC_ALL", "C"),
];

/// The files of a repository. A whole commit id that was fetched from there before is not asked for again.
pub(super) async fn fetch(inner: &Inner, tree: &Tree) -> Result<Fetched, Failure> {
    let host = authority(&tree.repository);
    let entry = inner.hosts.find(&tree.repository, &host)?;
    if let Some(kept) = kept(inner, tree, tree.commit()).await? {
        return Ok(kept);
    }
    let Some(program) = &inner.git else {
        return Err(Failure::Ours(Cause::plain("git, which a remote base needs, was not found on PATH")));
    };
    let addresses = match address::resolve(entry.host()).await {
        Ok(Ok(addresses)) => addresses,
        Ok(Err(_)) => return Err(words::private(&host)),
        Err(error) => return Err(words::away(&host, error)),
    };
    // What is written there by work that cannot be broken off must not lose its folder meanwhile.
    let scratch = Arc::new(inner.store.scratch()?);
    let (repository, files) = (scratch.path().join("git"), scratch.path().join("files"));
    let origin = Origin { addresses, proof: entry.own(), host, url: tree.repository.clone() };
    let mut git = Git { program, dir: scratch.path(), repository: &repository, origin, limits: inner.limits };
    let init = ["init", "--quiet", "--bare", "--template="].map(OsString::from);
    git.here(init.into_iter().chain([repository.clone().into_os_string()])).await?;
    let wanted = git.wanted(tree).await?;
    if let Some(kept) = kept(inner, tree, wanted.commit.as_deref()).await? {
        return Ok(kept);
    }
    let commit = git.take(&wanted.source).await?;
    let size = files::write(&git, &commit, &files, &scratch).await?;
    let (store, id) = (inner.store.clone(), commit.clone());
    let key = key(tree, &commit);
    let place = compute(move || {
        let _scratch = scratch;
        let place = store.keep(Kind::Tree, &id, &files, size)?;
        store.pin(&key, &format!("commit:{id}"))?;
        Ok::<_, Failure>(place)
    });
    Ok(Fetched { from: from(tree), digest: format!("commit:{commit}"), place: place.await?? })
}

fn key(tree: &Tree, commit: &str) -> String {
    format!("git\n{}\n{commit}", tree.repository)
}

/// A commit as it was fetched before from this repository.
async fn kept(inner: &Inner, tree: &Tree, commit: Option<&str>) -> Result<Option<Fetched>, Failure> {
    let Some(commit) = commit.filter(|commit| inner.store.pinned(&key(tree, commit)).is_some()) else {
        return Ok(None);
    };
    let (store, id) = (inner.store.clone(), commit.to_owned());
    let place = compute(move || store.look(Kind::Tree, &id)).await?;
    Ok(place.map(|place| Fetched { from: from(tree), digest: format!("commit:{commit}"), place }))
}

fn from(tree: &Tree) -> String {
    let shown = Tree { path: String::new(), ..tree.clone() };
    crate::render::tree::shown(&shown.to_string())
}

/// What is fetched: by its name there, and the commit if it is known already.
struct Wanted {
    source: String,
    commit: Option<String>,
}

/// A repository on a host.
struct Origin {
    host: String,
    url: Url,
    /// Where git may connect to.
    addresses: Vec<SocketAddr>,
    proof: Option<SecretString>,
}

/// A scratch repository and where it is filled from.
pub(super) struct Git<'a> {
    program: &'a Path,
    dir: &'a Path,
    repository: &'a Path,
    origin: Origin,
    limits: Limits,
}

impl Git<'_> {
    /// How much may be fetched.
    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Asks the host for the reference.
    async fn wanted(&mut self, tree: &Tree) -> Result<Wanted, Failure> {
        if let Some(commit) = tree.commit() {
            return Ok(Wanted { source: commit.to_owned(), commit: Some(commit.to_owned()) });
        }
        // The order in which `git fetch` itself takes a short name.
        let names: Vec<String> = match &tree.reference {
            None => vec!["HEAD".to_owned()],
            Some(name) if name.starts_with("refs/") => vec![format!("{name}^{{}}"), name.clone()],
            Some(name) => vec![
                format!("refs/tags/{name}^{{}}"),
                format!("refs/tags/{name}"),
                format!("refs/heads/{name}"),
            ],
        };
        let output = self.list(&names).await?;
        let listed = String::from_utf8_lossy(&output.stdout).into_owned();
        let find = |wanted: &String| {
            let lines = || listed.lines().filter_map(|line| line.split_once('\t'));
            lines().find(|(_, name)| name == wanted).map(|(commit, _)| commit.to_owned())
        };
        for name in &names {
            if let Some(commit) = find(name).filter(|commit| pin::commit(commit)) {
                let source = name.trim_end_matches("^{}").to_owned();
                return Ok(Wanted { source, commit: Some(commit) });
            }
        }
        Err(self.no_reference())
    }

    /// Lists references. Some hosts know a repository by its longer name only and redirect, which is not followed: that
    /// name is tried.
    async fn list(&mut self, names: &[String]) -> Result<Output, Failure> {
        loop {
            let mut args: Vec<OsString> =
                vec!["ls-remote".into(), "--quiet".into(), self.origin.url.as_str().into()];
            args.extend(names.iter().map(OsString::from));
            let output = self.run(args, true).await?;
            if output.success() {
                return Ok(output);
            }
            let path = self.origin.url.path().to_owned();
            if !redirected(&own(&output)) || is_whole(&path) {
                return Err(self.meaning(&output));
            }
            self.origin.url.set_path(&format!("{path}.git"));
        }
    }

    /// Fetches one commit without its history, and gives its id.
    async fn take(&self, source: &str) -> Result<String, Failure> {
        let args = [
            "fetch",
            "--quiet",
            "--depth=1",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-auto-maintenance",
            "--no-show-forced-updates",
            "--recurse-submodules=no",
        ];
        let mut args: Vec<OsString> = args.iter().map(OsString::from).collect();
        args.push(self.origin.url.as_str().into());
        args.push(format!("+{source}:{KEPT}").into());
        let output = self.run(args, true).await?;
        if !output.success() {
            return Err(self.meaning(&output));
        }
        let commit = self.here(["rev-parse", "--verify", "--quiet", &format!("{KEPT}^{{commit}}")]).await?;
        let commit = String::from_utf8_lossy(&commit).trim().to_owned();
        if pin::commit(&commit) { Ok(commit) } else { Err(self.no_reference()) }
    }

    fn no_reference(&self) -> Failure {
        words::fault(
            format!("the repository {} has no such branch, tag or commit", words::name(&self.origin.url)),
            "look for a mistake in ?ref=",
        )
    }

    /// Runs git on this machine alone; it must succeed.
    pub(super) async fn here<A: Into<OsString>>(
        &self,
        args: impl IntoIterator<Item = A>,
    ) -> Result<Vec<u8>, Failure> {
        let output = self.run(args.into_iter().map(Into::into).collect(), false).await?;
        if output.success() { Ok(output.stdout) } else { Err(self.damaged()) }
    }

    /// What the host sent is not what a repository is.
    pub(super) fn damaged(&self) -> Failure {
        words::fault(
            format!("the repository {} is damaged", words::name(&self.origin.url)),
            "look whether `git clone` and `git fsck` of it succeed",
        )
    }

    async fn run(&self, args: Vec<OsString>, far: bool) -> Result<Output, Failure> {
        let program = self.program(args, far);
        process::run(&program).await.map_err(|error| self.ended(error))
    }

    /// An end without a status.
    pub(super) fn ended(&self, error: process::Error) -> Failure {
        match error {
            process::Error::TimedOut { time, .. } => {
                words::away(&self.origin.host, format_args!("it took more than {} s", time.as_secs()))
            }
            // A signal is a limit of the system's.
            process::Error::TooMuchOutput { .. } | process::Error::Signalled { .. } => self.large(),
            error @ (process::Error::NotFound { .. } | process::Error::Io { .. }) => {
                Failure::ours("run git for a remote base", error)
            }
        }
    }

    pub(super) fn large(&self) -> Failure {
        words::large(&format!("the repository {}", words::name(&self.origin.url)), self.limits.pack)
    }

    /// One run of git: everything it may know.
    pub(super) fn program(&self, args: Vec<OsString>, far: bool) -> Program {
        let mut settings: Vec<(String, String)> =
            SETTINGS.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let dir = if self.repository.exists() { self.repository } else { self.dir };
        let mut program = Program::new(self.program, dir, args).env("GIT_DIR", self.repository);
        for (name, value) in VARIABLES {
            program = program.env(name, value);
        }
        let protocol = if far { self.origin.url.scheme() } else { "none" };
        program = program.env("GIT_ALLOW_PROTOCOL", protocol);
        if far {
            settings.extend(self.origin.settings());
        }
        program = program.env("GIT_CONFIG_COUNT", settings.len().to_string());
        for (index, (key, value)) in settings.into_iter().enumerate() {
            program = program.env(format!("GIT_CONFIG_KEY_{index}"), key);
            program = program.env(format!("GIT_CONFIG_VALUE_{index}"), value);
        }
        program.limits(process::Limits {
            time: self.limits.time,
            stdout: usize::try_from(self.limits.unpacked).unwrap_or(usize::MAX),
            file: Some(self.limits.pack),
            data: Some(1 << 30),
            cpu: Some(self.limits.time.max(Duration::from_secs(1)).as_secs()),
            ..process::Limits::default()
        })
    }

    /// Has a pack grown to the limit? Whoever writes it is killed then, and git only says that it ended oddly.
    fn full(&self) -> bool {
        let packs = std::fs::read_dir(self.repository.join("objects/pack")).into_iter().flatten().flatten();
        packs.filter_map(|file| file.metadata().ok()).any(|file| file.len() >= self.limits.pack)
    }

    /// What a failed run means.
    fn meaning(&self, output: &Output) -> Failure {
        let said = own(output);
        let any = |signs: &[&str]| signs.iter().any(|sign| said.contains(sign));
        if any(&[
            "Authentication failed",
            "could not read Username",
            "could not read Password",
            "error: 401",
            "error: 403",
        ]) {
            return words::denied(&self.origin.host);
        }
        if any(&["File too large"]) || self.full() {
            return self.large();
        }
        if any(&["couldn't find remote ref", "not our ref", "unadvertised object"]) {
            return self.no_reference();
        }
        let repository = words::name(&self.origin.url);
        if redirected(&said) {
            return words::fault(
                format!("{repository} redirects, and a repository's redirect is not followed"),
                "name the address at which it lies now",
            );
        }
        if any(&["' not found", "error: 404", "error: 410", "not valid: is this a git repository"]) {
            return words::fault(
                format!("there is no repository {repository}"),
                "look for a mistake in the address; it may also be hidden without credentials",
            );
        }
        // The last words of git's own transport; what the other side said stays unsaid.
        let why = said
            .lines()
            .find(|line| line.starts_with("fatal: unable to access"))
            .and_then(|line| line.rsplit_once("/': "));
        words::away(&self.origin.host, why.map_or("git could not fetch from it", |(_, why)| why))
    }
}

impl Origin {
    /// Where git connects to, and the credentials for this host alone.
    fn settings(&self) -> Vec<(String, String)> {
        let mut settings = Vec::new();
        let port = self.url.port_or_known_default().unwrap_or(443);
        let name = self.url.host_str().unwrap_or_default();
        if self.url.domain().is_some() {
            let addresses: Vec<String> = self
                .addresses
                .iter()
                .map(|address| match address {
                    SocketAddr::V4(four) => four.ip().to_string(),
                    SocketAddr::V6(six) => format!("[{}]", six.ip()),
                })
                .collect();
            settings
                .push(("http.curloptResolve".to_owned(), format!("{name}:{port}:{}", addresses.join(","))));
        }
        if let Some(proof) = &self.proof {
            let key = format!("http.{}/.extraHeader", self.url.origin().ascii_serialization());
            settings.push((key, format!("Authorization: {}", proof.expose_secret())));
        }
        settings
    }
}

/// What git itself said. Lines that the other side wrote decide nothing, except that it has no such commit.
fn own(output: &Output) -> String {
    let said = output.message();
    let none = "fatal: remote error: upload-pack: not our ref ";
    let own = |line: &&str| {
        line.starts_with(none)
            || !["remote: ", "fatal: remote error"].iter().any(|theirs| line.starts_with(theirs))
    };
    said.lines().filter(own).collect::<Vec<_>>().join("\n")
}

/// Does the path end as those of bare repositories do?
fn is_whole(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, end)| end == "git")
}

fn redirected(said: &str) -> bool {
    ["301", "302", "303", "307", "308"]
        .iter()
        .any(|status| said.contains(&format!("returned error: {status}")))
}
