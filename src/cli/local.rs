//! A checkout on this machine, read for the local commands and never written to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::app;
use crate::app::parts::{self, Keep};
use crate::cluster::Clusters;
use crate::config::{Config, Need, state, variables};
use crate::diff::mask::MaskKey;
use crate::git::{Local, Tidiness};
use crate::model::fault::{Cause, Failure, Fault};
use crate::model::id::{Digest, EnvironmentId, EnvironmentName, RepoId, RepoName, Sha};
use crate::model::settings::{Environment, Settings};
use crate::model::target::{Place, Scope, TargetSettings};
use crate::parse;
use crate::render::Renderers;
use crate::terminal::note;
use crate::work::ground::FILE;
use crate::work::target::{Target, connect};

/// Which checkout, and which file in place of its own.
#[derive(Debug, Clone, Args)]
pub(crate) struct Checkout {
    /// A Git checkout or bare repository; it is never written to.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub repo: PathBuf,
    /// Use this file in place of the repository's own .tidegate.yaml.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Where what was rendered is kept.
#[derive(Debug, Clone, Args)]
pub(crate) struct Kept {
    /// Keep what apps render to in this folder, so that the next run renders only what has changed.
    ///
    /// Secrets among it are in clear, readable for you alone. Who can write into the folder decides what is printed. It
    /// is bounded by the operator's `render.cache`; what was used longest ago goes first.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

impl Kept {
    /// How long what is rendered is kept.
    pub(crate) fn keep(&self) -> Keep<'_> {
        self.cache.as_deref().map_or(Keep::Run, Keep::In)
    }
}

/// Everything a local command works with.
pub(crate) struct Bench {
    /// The checkout.
    pub local: Local,
    /// The operator's settings; defaults where there is no file.
    pub config: Config,
    /// Kustomize and Helm.
    pub renderers: Renderers,
    clusters: Clusters,
    file: Option<PathBuf>,
}

impl Bench {
    /// Opens the checkout and reads the operator's file.
    pub(crate) async fn open(
        checkout: &Checkout,
        config: Option<&Path>,
        keep: Keep<'_>,
    ) -> Result<Self, Failure> {
        app::secure();
        let config = Config::load(config, variables(), Need::Local).map_err(Failure::Author)?;
        let local = Local::open(&parts::git(&config)?, &checkout.repo).await?;
        if local.tidiness().await? == Tidiness::Dirty {
            note("warning: what is not committed is not seen");
        }
        let renderers = parts::keeping(&config, keep)?;
        let (clusters, file) = (Clusters::default(), checkout.file.clone());
        Ok(Self { local, config, renderers, clusters, file })
    }

    /// The settings at a commit or tree, or of `--file`.
    pub(crate) async fn settings(&self, at: &Sha) -> Result<Settings, Failure> {
        let (text, name) = match &self.file {
            Some(file) => {
                let text = tokio::fs::read(file).await.map_err(|error| {
                    Failure::author(Fault::new(format!("cannot read {}: {error}", file.display())))
                })?;
                (text, file.display().to_string())
            }
            None => {
                if let Some(text) = self.local.objects().read(at, FILE, 256 * 1024).await? {
                    (text, FILE.to_owned())
                } else {
                    let fault = Fault::new(format!("there is no {FILE} at {}", at.short()))
                        .hint("commit one, or try another with --file");
                    return Err(Failure::author(fault));
                }
            }
        };
        parse::settings_over(&text, &name, &self.defaults()).map_err(Failure::Author)
    }

    /// The operator's `defaults`, beneath the file's own.
    fn defaults(&self) -> serde_json::Value {
        self.config.defaults.as_ref().map_or(serde_json::Value::Null, |own| own.node.to_json())
    }

    /// The settings at a commit, and none where there is no file: a base may have none.
    pub(crate) async fn settings_if_any(&self, at: &Sha) -> Result<Option<Settings>, Failure> {
        if self.file.is_none() && self.local.objects().read(at, FILE, 256 * 1024).await?.is_none() {
            return Ok(None);
        }
        // A base that is broken is mended by the head: it only helps to tell what is due to whom.
        match self.settings(at).await {
            Ok(settings) => Ok(Some(settings)),
            Err(Failure::Author(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// What a plan merges into and an apply compares with: the named revision, else the tracked branch's upstream or
    /// itself. Both use it, or their digests would differ.
    pub(crate) async fn base(&self, named: Option<&str>, head: &Sha) -> Result<Sha, Failure> {
        if let Some(base) = named {
            return Ok(self.local.resolve(base).await?);
        }
        let settings = self.settings_if_any(head).await?;
        let tracked = match settings.and_then(|settings| settings.branch) {
            Some(branch) => Some(branch),
            None => self.local.default_branch().await?,
        };
        if let Some(branch) = tracked {
            return Ok(self.local.base(&branch).await?);
        }
        let fault = Fault::new("it cannot be told which branch is tracked");
        Err(Failure::author(fault.hint("name the base with --base")))
    }

    /// The scope of an environment.
    pub(crate) async fn scope(
        &self,
        name: &EnvironmentName,
        environment: &Environment,
    ) -> Result<Scope, Failure> {
        let origin = self.local.origin().await?;
        let id = local_id(origin.place.as_deref(), self.local.common());
        let repo: RepoName = match origin.name {
            Some(name) => name,
            None => "local/checkout".parse().map_err(|error| Failure::ours("name the checkout", error))?,
        };
        Ok(Scope {
            environment: EnvironmentId { repo: id, name: name.clone() },
            repo,
            target: environment.target.clone(),
            namespace: environment.namespace.clone(),
            adopt: environment.adopt.clone(),
            fields: environment.fields.clone(),
            secrets: environment.secrets.clone(),
            prune: environment.deploy.prune,
        })
    }

    /// Connects to where an environment lives.
    pub(crate) async fn target(&self, scope: &Scope) -> Result<(Target, &TargetSettings), Failure> {
        let Some(settings) = self.config.targets.get(&scope.target) else {
            return Err(Failure::author(self.unknown(&scope.target)));
        };
        Ok((connect(&self.clusters, settings, scope, None).await?, settings))
    }

    /// Where an environment lives, if others may live there beside it: in a cluster, or in a target that is not known here.
    pub(crate) fn shares<'e>(&self, environment: &'e Environment) -> Option<&'e str> {
        let place = self.config.targets.get(&environment.target).map(|settings| &settings.place);
        let shared = place.is_none_or(|place| matches!(place, Place::Kubernetes { .. }));
        shared.then_some(environment.target.as_str())
    }

    /// The environments whose target is not among those of the operator's file, if that names any.
    pub(crate) fn homeless(&self, settings: &Settings) -> Vec<Fault> {
        let file = self.file.as_ref().map_or_else(|| FILE.to_owned(), |file| file.display().to_string());
        let known = |environment: &&Environment| self.config.targets.contains_key(&environment.target);
        let all = settings.environments.values().filter(|_| !self.config.targets.is_empty());
        all.filter(|environment| !known(environment))
            .map(|environment| self.unknown(&environment.target).file(file.clone()).at(environment.line, 1))
            .collect()
    }

    fn unknown(&self, target: &str) -> Fault {
        let known: Vec<&str> = self.config.targets.keys().map(String::as_str).collect();
        let hint = if known.is_empty() {
            "give the operator's file with --config, or plan without a target with --rendered".to_owned()
        } else {
            format!("known are {}", known.join(", "))
        };
        Fault::new(format!("there is no target `{target}`")).hint(hint)
    }
}

/// The id of a repository that is only known locally, so that two of them never take one another's objects for their own:
/// from its origin's host and path, which all its clones share, else from where it lies. It has a bit that no id of
/// GitHub's has.
fn local_id(origin: Option<&str>, common: &Path) -> RepoId {
    let digest = match origin {
        Some(place) => Digest::of(place.as_bytes()),
        None => Digest::of(common.as_os_str().as_encoded_bytes()),
    };
    let first = digest.hex().get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    // Below the sign of the signed numbers that some formats keep numbers in.
    RepoId(first.unwrap_or_default() >> 2 | 1 << 62)
}

/// The environments that were named, or all.
pub(crate) fn chosen<'a>(
    settings: &'a Settings,
    named: &[String],
) -> Result<BTreeMap<&'a EnvironmentName, &'a Environment>, Failure> {
    if named.is_empty() {
        return Ok(settings.environments.iter().collect());
    }
    let mut chosen = BTreeMap::new();
    for text in named {
        let found = settings.environments.iter().find(|(name, _)| name.as_str() == text);
        let Some((name, environment)) = found else {
            let known: Vec<&str> = settings.environments.keys().map(EnvironmentName::as_str).collect();
            let fault = Fault::new(format!("there is no environment `{text}`"));
            return Err(Failure::author(fault.hint(format!("known are {}", known.join(", ")))));
        };
        chosen.insert(name, environment);
    }
    Ok(chosen)
}

/// The key of the masks, for commands that mask.
pub(crate) fn mask() -> Result<MaskKey, Failure> {
    if let Some(folder) = state() {
        return kept(&folder);
    }
    note(
        "warning: neither XDG_STATE_HOME nor HOME is set, so the digests of plans with Secrets hold for this run only",
    );
    fresh().map(|key| MaskKey::new(&key))
}

/// The key of the masks of local runs: random, kept in the user's state folder for its owner only, so that a plan and an apply
/// on this machine have the same digest.
fn kept(folder: &Path) -> Result<MaskKey, Failure> {
    use std::io::Write as _;
    let failed = |error: std::io::Error| {
        Failure::ours(format!("keep the key of the masks in {}", folder.display()), error)
    };
    let path = folder.join("mask.key");
    if let Ok(key) = std::fs::read(&path) {
        return Ok(MaskKey::new(&key));
    }
    let key = fresh()?;
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut draft = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .tempfile_in(folder)
        .map_err(failed)?;
    draft.write_all(&key).map_err(failed)?;
    // Another run may have been first: then its key is the one.
    match draft.persist_noclobber(&path) {
        Ok(_) => Ok(MaskKey::new(&key)),
        Err(_) => std::fs::read(&path).map(|key| MaskKey::new(&key)).map_err(failed),
    }
}

fn fresh() -> Result<[u8; 32], Failure> {
    let mut key = [0; 32];
    aws_lc_rs::rand::fill(&mut key).map_err(|_| Failure::ours("make a key", "no randomness"))?;
    Ok(key)
}

/// A cause for what cannot be.
pub(crate) fn missing(what: &str) -> Failure {
    Failure::Ours(Cause::plain(what.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::local_id;

    #[test]
    fn repositories_are_told_apart_and_their_clones_are_not() {
        let (here, there) = (Path::new("/a/.git"), Path::new("/b/.git"));
        let shop = local_id(Some("github.com/acme/shop"), here);
        assert_eq!(shop, local_id(Some("github.com/acme/shop"), there));
        assert_ne!(shop, local_id(Some("github.com/acme/blog"), here));
        assert_ne!(shop, local_id(Some("gitlab.com/acme/shop"), here));
        assert_ne!(local_id(None, here), local_id(None, there));
        for id in [shop, local_id(None, here)] {
            assert!(id.0 >= 1 << 62 && i64::try_from(id.0).is_ok(), "{id}");
        }
    }
}
