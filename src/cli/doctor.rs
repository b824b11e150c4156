//! `tidegate doctor`: is everything here that the server needs?

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::ExposeSecret as _;

use crate::app::parts;
use crate::config::{Config, Need, Sandbox, variables};
use crate::jail::{Cell, Jail, Support};
use crate::process::{self, Limits, Output, Program};
use crate::terminal::{ERROR, fail, harmless, note, out};

/// What each line means and how it ends.
pub(super) const HELP: &str = "\
Every line begins with `ok`, `warn` (the server works, and something is worse than it could be) or `fail`, and says what to do.
Programs are really run: kustomize and helm in the jail, as the server runs them. Run it as the server's user.

Example:
  sudo -u tidegate tidegate doctor --config /etc/tidegate/server.yaml

Exit codes: 0 nothing fails; 1 something does, or the settings are wrong.";

/// The oldest Git that merges trees without a checkout.
const GIT: (u32, u32) = (2, 38);

/// Looks at all of it and prints a line for each thing.
pub(super) async fn run(config: Option<&Path>) -> u8 {
    let config = match Config::load(config, variables(), Need::Local) {
        Ok(config) => config,
        Err(faults) => {
            for fault in &faults {
                note(&fault.to_string());
            }
            return fail("the settings are wrong");
        }
    };
    let mut sheet = Sheet::default();
    git(&config, &mut sheet).await;
    let renderers = parts::renderers(&config);
    let jailed = jail(&renderers.jail, config.render.sandbox, &mut sheet).await;
    for (name, found, args) in [
        ("kustomize", renderers.tools.usual("kustomize"), &["version"][..]),
        ("helm", renderers.tools.usual("helm"), &["version", "--short"][..]),
    ] {
        renderer(name, found.as_deref().filter(|_| jailed), args, &renderers.jail, &mut sheet).await;
    }
    folder("cache", &config.cache, &mut sheet);
    if let Some(file) = config.database.expose_secret().strip_prefix("sqlite://") {
        let file = file.split('?').next().unwrap_or(file);
        folder(
            "database",
            Path::new(file)
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty())
                .unwrap_or(Path::new(".")),
            &mut sheet,
        );
    }
    folder("temporary files", &std::env::temp_dir(), &mut sheet);
    let printed = out(&harmless(&sheet.text));
    if sheet.failed { ERROR } else { printed }
}

/// The lines so far.
#[derive(Debug, Default)]
struct Sheet {
    text: String,
    failed: bool,
}

impl Sheet {
    fn ok(&mut self, words: &str) {
        self.line("ok", words);
    }

    fn warn(&mut self, words: &str) {
        self.line("warn", words);
    }

    fn fail(&mut self, words: &str) {
        self.failed = true;
        self.line("fail", words);
    }

    fn line(&mut self, how: &str, words: &str) {
        self.text.extend([how, " ".repeat(6_usize.saturating_sub(how.len())).as_str(), words, "\n"]);
    }
}

async fn git(config: &Config, sheet: &mut Sheet) {
    let git = match parts::git(config) {
        Ok(git) => git,
        Err(failure) => return sheet.fail(&failure.to_string()),
    };
    let answer = process::run(&Program::new(&git, "/", ["--version"]).limits(short())).await;
    let said = answer.map(|output| first(&output)).unwrap_or_default();
    let version = said.rsplit("version ").next().unwrap_or_default();
    let mut numbers = version.split('.').map_while(|part| part.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) >= GIT => {
            sheet.ok(&format!("git {version}, {}", git.display()));
        }
        (Some(_), Some(_)) => {
            sheet.fail(&format!("git {version} is too old; install git {}.{} or newer", GIT.0, GIT.1));
        }
        _ => sheet.fail(&format!("{} does not say its version; install git 2.38 or newer", git.display())),
    }
}

/// The jail, proved by running ourselves in it. Can programs be run?
async fn jail(jail: &Jail, sandbox: Sandbox, sheet: &mut Sheet) -> bool {
    let support = Support::look();
    let missing = support.missing();
    for sentence in &missing {
        match sandbox {
            Sandbox::Require => sheet.fail(&format!(
                "the jail: {sentence}; nothing is rendered with kustomize or helm unless `render.sandbox` is `best-effort`"
            )),
            Sandbox::BestEffort => sheet.warn(&format!("the jail: {sentence}")),
        }
    }
    match prove(jail).await {
        Err(error) => {
            sheet.fail(&error);
            false
        }
        Ok(()) if missing.is_empty() => {
            let version = support.landlock.unwrap_or(0);
            let newer = if version == 6 { " or newer" } else { "" };
            let user = if Jail::changes_user() { "each run as a user of its own" } else { "as this user" };
            sheet.ok(&format!("the jail: Landlock {version}{newer}, seccomp, {user}"));
            true
        }
        Ok(()) => true,
    }
}

/// Runs our own executable in the jail, with a file to read where the server puts its files.
async fn prove(jail: &Jail) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| format!("temporary files: {error}; set TMPDIR"))?;
    let own = std::env::current_exe().map_err(|error| format!("our own executable: {error}"))?;
    let program = Program::new(own, "/", ["--version"]).limits(short());
    let cell = Cell { read: vec![folder.path().to_owned()], ..Cell::default() };
    jail.admit(folder.path()).map_err(|error| error.to_string())?;
    match jail.run(&program, &cell).await {
        Ok(output) if output.success() => Ok(()),
        Ok(output) => {
            Err(format!("the jail: tidegate in it ended with {}: {}", output.status, output.message()))
        }
        Err(error) => Err(error.to_string()),
    }
}

async fn renderer(name: &str, found: Option<&Path>, args: &[&str], jail: &Jail, sheet: &mut Sheet) {
    let Some(path) = found else {
        let words =
            "was not found, or there is no jail to run it in; install it on PATH or in `render.tools`";
        return sheet.warn(&format!("{name} {words}: apps that need it cannot be rendered"));
    };
    let program = Program::new(path, "/", args.iter().copied()).env("HOME", "/nonexistent").limits(short());
    match jail.run(&program, &Cell::default()).await {
        Ok(output) if output.success() => sheet.ok(&format!("{name} {}, {}", first(&output), path.display())),
        Ok(output) => {
            sheet.fail(&format!("{name} ended with {}: {}", output.status, output.message().trim()));
        }
        Err(error) => sheet.fail(&format!("{name}: {error}")),
    }
}

/// Can files be made in a folder, or the folder itself where it is missing?
fn folder(what: &str, path: &Path, sheet: &mut Sheet) {
    let path: PathBuf = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = path.ancestors().find(|folder| folder.exists()).unwrap_or(&path);
    match rustix::fs::access(there, rustix::fs::Access::WRITE_OK) {
        Ok(()) => sheet.ok(&format!("{what}: {} can be written", path.display())),
        Err(error) => sheet.fail(&format!(
            "{what}: {} cannot be written ({error}); give it to the server's user, or set another",
            there.display()
        )),
    }
}

fn short() -> Limits {
    Limits { time: Duration::from_secs(10), data: Some(1 << 30), cpu: Some(10), ..Limits::default() }
}

/// The first line.
fn first(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().trim().to_owned()
}
