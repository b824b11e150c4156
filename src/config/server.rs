//! Reading the file's sections into a [`Config`]; what is wrong is told and reading goes on.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

use crate::config::table::{default, keys};
use crate::config::{Config, Forks, GitHub, Log, LogFormat, Need, Render, Sandbox, address, secret};
use crate::yaml::fields::{Field, Fields};

/// What reading needs beside the values.
pub(super) struct Reader<'a> {
    /// The folder of the file: relative paths in it count from there.
    pub(super) folder: &'a Path,
    /// Who asks.
    pub(super) need: Need,
}

impl Reader<'_> {
    /// The whole configuration; none if anything that has no default could not be read, which is then told.
    pub(super) fn config(&self, root: &Field<'_>) -> Option<Config> {
        let fields = root.fields(&keys(""));
        let listen = text(&fields, "listen").parse().ok();
        if listen.is_none() {
            fields.get("listen").filter(|field| field.node().text().is_some()).inspect(|field| {
                field.refuse("listen must be an address and a port", "as in 0.0.0.0:8080 or [::1]:8080");
            });
        }
        let url = fields.get("url").and_then(|field| base(&field));
        let database = database(&fields);
        let github = match (section(&fields, "github"), self.need) {
            (Some(section), _) => self.github(&section),
            (None, Need::Server) => {
                fields.required("github", "the App's id, private key and webhook secret");
                None
            }
            (None, Need::Local) => None,
        };
        if let Some(field) = fields.get("defaults") {
            field.entries();
        }
        let forks = [("never", Forks::Never), ("preview-on-request", Forks::PreviewOnRequest)];
        let forks = fields.get("forks").and_then(|field| field.choice(&forks)).unwrap_or(Forks::Never);
        let targets = fields.get("targets").map(|field| self.targets(&field)).unwrap_or_default();
        let (cache, log, render) = (self.path_or(&fields, "cache"), log(&fields), self.render(&fields));
        // Only now may reading end early: every fault above is told.
        Some(Config {
            listen: listen?,
            url,
            database,
            cache,
            log,
            github,
            defaults: None,
            targets,
            forks,
            render,
            path: String::new(),
        })
    }

    fn github(&self, section: &Fields<'_>) -> Option<GitHub> {
        let app_id = section.get("app_id").and_then(|field| field.number(1..=u64::MAX));
        let api = section.get("api").map_or(Some(default("github.api").to_owned()), |field| base(&field));
        let git = section.get("git").map(|field| base(&field));
        if self.need == Need::Local {
            return None;
        }
        section.required("app_id", "GitHub shows it on the App's page");
        let place = |field: &Field<'_>| self.place(field);
        let private_key = secret::read(section, ("private_key", "private_key_file"), &place);
        if private_key.as_ref().is_some_and(|key| !secret::is_rsa_key(key)) {
            let given = section.get("private_key").or_else(|| section.get("private_key_file"));
            given.inspect(|field| {
                let hint = "GitHub gives it as a .pem file that begins with -----BEGIN RSA PRIVATE KEY-----";
                field.refuse(format!("{}: this is no RSA private key in PEM", field.path()), hint);
            });
        }
        let webhook_secret = secret::read(section, ("webhook_secret", "webhook_secret_file"), &place);
        let (app_id, api) = (app_id?, api?);
        let git = match git {
            Some(given) => given?,
            None => address::git(&api),
        };
        Some(GitHub { app_id, private_key: private_key?, webhook_secret: webhook_secret?, api, git })
    }

    fn render(&self, fields: &Fields<'_>) -> Render {
        let section = section(fields, "render");
        let get = |key| section.as_ref().and_then(|section| section.get(key));
        let seconds = get("seconds").and_then(|field| field.number(1..=600));
        let size =
            |key, of| get(key).and_then(|field| size(&field)).or(address::bytes(default(of))).unwrap_or(0);
        let words = [("require", Sandbox::Require), ("best-effort", Sandbox::BestEffort)];
        let hosts = section.as_ref().map(|section| self.hosts(section)).unwrap_or_default();
        Render {
            time: Duration::from_secs(seconds.or(default("render.seconds").parse().ok()).unwrap_or(0)),
            memory: size("memory", "render.memory"),
            output: size("output", "render.output"),
            cache: size("cache", "render.cache"),
            sandbox: get("sandbox").and_then(|field| field.choice(&words)).unwrap_or(Sandbox::Require),
            helm_charts: get("helm_charts").and_then(|field| field.boolean()).unwrap_or(false),
            hosts,
            tools: get("tools").and_then(|field| self.place(&field)),
        }
    }

    /// A path as it is meant.
    pub(super) fn place(&self, field: &Field<'_>) -> Option<PathBuf> {
        let path = Path::new(field.text()?);
        Some(if field.line() == 0 { path.to_owned() } else { self.folder.join(path) })
    }

    fn path_or(&self, fields: &Fields<'_>, key: &'static str) -> PathBuf {
        let given = fields.get(key).and_then(|field| self.place(&field));
        given.unwrap_or_else(|| PathBuf::from(default(key)))
    }
}

/// A section with the keys that the table gives it.
fn section<'n>(fields: &Fields<'n>, key: &'static str) -> Option<Fields<'n>> {
    fields.get(key).map(|field| field.fields(&keys(key)))
}

fn database(fields: &Fields<'_>) -> SecretString {
    let known =
        |text: &&str| ["sqlite:", "postgres://", "postgresql://"].iter().any(|way| text.starts_with(way));
    let given = fields.get("database").and_then(|field| {
        let text = field.text()?;
        if !known(&text) {
            field.refuse("database must begin with sqlite:// or postgres://", "as in sqlite://tidegate.db");
        }
        Some(text)
    });
    SecretString::from(given.unwrap_or(default("database")))
}

fn log(fields: &Fields<'_>) -> Log {
    let section = section(fields, "log");
    let get = |key| section.as_ref().and_then(|section| section.get(key));
    let filter = get("filter").and_then(|field| filter(&field));
    let words = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    Log {
        filter: filter.unwrap_or_else(|| default("log.filter").to_owned()),
        format: get("format").and_then(|field| field.choice(&words)).unwrap_or(LogFormat::Text),
    }
}

/// Levels as tracing reads them. It takes any word for a target, `inof` too, and would then log nothing else.
fn filter(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    let level = |part: &str| part.contains(['=', '[']) || part.trim().parse::<LevelFilter>().is_ok();
    let parts = || text.split(',').filter(|part| !part.trim().is_empty());
    if EnvFilter::try_new(text).is_err() || !parts().all(level) {
        let message = format!("{} is not understood", field.path());
        field.refuse(message, "a level (error, warn, info, debug, trace, off), or target=level pairs");
        return None;
    }
    Some(text.to_owned())
}

/// The text of a setting, or its default. A wrong type is told and reads as the empty text.
fn text<'n>(fields: &Fields<'n>, key: &'static str) -> &'n str {
    fields.get(key).map_or(default(key), |field| field.text().unwrap_or_default())
}

fn base(field: &Field<'_>) -> Option<String> {
    match address::base(field.text()?) {
        Ok(address) => Some(address),
        Err(rule) => {
            field.refuse(format!("{} {rule}", field.path()), "");
            None
        }
    }
}

fn size(field: &Field<'_>) -> Option<u64> {
    let text = field.text()?;
    let size = address::bytes(text).filter(|size| *size >= 1 << 20);
    if size.is_none() {
        let hint = "a number and KiB, MiB or GiB";
        field.refuse(format!("{} must be a size of at least 1MiB, as in 64MiB", field.path()), hint);
    }
    size
}
