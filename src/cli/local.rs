//! A checkout on this machine, read for the local commands and never written to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::app::{self, parts};
use crate::cli::note;
use crate::cluster::Clusters;
use crate::config::{Config, Need, state, variables};
use crate::diff::mask::MaskKey;
use crate::git::{Local, Tidiness};
use crate::model::fault::{Cause, Failure, Fault};
use crate::model::id::{EnvironmentId, EnvironmentName, RepoId, RepoName, Sha};
use crate::model::settings::{Environment, Settings};
use crate::model::target::{Scope, TargetSettings};
use crate::parse;
use crate::render::Renderers;
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

/// Everything a local command works with.
pub(crate) struct Bench {
    /// The checkout.
    pub local: Local,
    /// The operator's settings; defaults where there is no file.
    pub config: Config,
    /// Kustomize and Helm.
    pub renderers: Renderers,
    /// The key of the masks.
    pub mask: MaskKey,
    clusters: Clusters,
    file: Option<PathBuf>,
}

impl Bench {
    /// Opens the checkout and reads the operator's file.
    pub(crate) async fn open(checkout: &Checkout, config: Option<&Path>) -> Result<Self, Failure> {
        app::secure();
        let config = Config::load(config, variables(), Need::Local).map_err(Failure::Author)?;
        let local = Local::open(&parts::git(&config)?, &checkout.repo).await?;
        if local.tidiness().await? == Tidiness::Dirty {
            note("warning: what is not committed is not seen");
        }
        let renderers = parts::renderers(&config);
        let mask = mask(&state())?;
        Ok(Self {
            local,
            config,
            renderers,
            mask,
            clusters: Clusters::default(),
            file: checkout.file.clone(),
        })
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

    /// The scope of an environment. Locally a repository has no id; all local runs share one.
    pub(crate) async fn scope(
        &self,
        name: &EnvironmentName,
        environment: &Environment,
    ) -> Result<Scope, Failure> {
        let repo: RepoName = match self.local.name().await? {
            Some(name) => name,
            None => "local/checkout".parse().map_err(|error| Failure::ours("name the checkout", error))?,
        };
        Ok(Scope {
            environment: EnvironmentId { repo: RepoId(0), name: name.clone() },
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
            let known: Vec<&str> = self.config.targets.keys().map(String::as_str).collect();
            let hint = if known.is_empty() {
                "give the operator's file with --config, or plan without a target with --rendered".to_owned()
            } else {
                format!("known are {}", known.join(", "))
            };
            return Err(Failure::author(
                Fault::new(format!("there is no target `{}`", scope.target)).hint(hint),
            ));
        };
        Ok((connect(&self.clusters, settings, scope, None).await?, settings))
    }
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

/// The key of the masks of local runs: random, kept in the user's state folder for its owner only, so that a plan and an apply
/// on this machine have the same digest.
fn mask(folder: &Path) -> Result<MaskKey, Failure> {
    use std::io::Write as _;
    let failed = |error: std::io::Error| {
        Failure::ours(format!("keep the key of the masks in {}", folder.display()), error)
    };
    let path = folder.join("mask.key");
    if let Ok(key) = std::fs::read(&path) {
        return Ok(MaskKey::new(&key));
    }
    let mut key = [0; 32];
    aws_lc_rs::rand::fill(&mut key).map_err(|_| Failure::ours("make a key", "no randomness"))?;
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

/// A cause for what cannot be.
pub(crate) fn missing(what: &str) -> Failure {
    Failure::Ours(Cause::plain(what.to_owned()))
}
