//! Everything that the story needs, set up in one temporary folder and struck again at its end.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::rand;
use github_emulator::{AppOptions, Emulator, Repository, Visibility};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::app::App;
use crate::config::{self, Config, Need};
use crate::controlplane::ControlPlane;
use crate::demo::environment::Cluster;
use crate::demo::programs::Programs;
use crate::demo::tell::Tell;
use crate::demo::{Halt, Options, sample};

/// What the App asks for: the file that a person registers theirs by.
const MANIFEST: &str = include_str!("../../app-manifest.yml");

/// How many of the log's last warnings are shown when a step does not hold.
const LOG_LINES: usize = 12;

/// What keeps the stage standing: Tidegate, the folder, and a control plane if one was started.
pub(super) struct Rig {
    /// What is played on.
    pub stage: Arc<Stage>,
    tidegate: App,
    plane: Option<ControlPlane>,
    folder: TempDir,
}

/// The emulated GitHub with its repository, and the environments beside it.
pub(super) struct Stage {
    /// GitHub.
    pub github: Emulator,
    /// The App's login there.
    pub bot: String,
    /// `acme/shop`.
    pub repository: Repository,
    /// What the demonstration itself starts.
    pub programs: Programs,
    /// The cluster; none: environments are branches.
    pub cluster: Option<Cluster>,
    /// The operator's file.
    pub settings: PathBuf,
    log: PathBuf,
}

impl Rig {
    /// Starts GitHub, a control plane if one is wanted, and Tidegate. What cannot be had is said with what to do.
    pub(super) async fn set(options: &Options, tell: &Tell) -> Result<Self, Halt> {
        let folder = TempDir::with_prefix("tidegate-demo-")?;
        let programs = Programs::new(folder.path());
        for name in ["git", "kustomize", "helm"] {
            programs.find(name)?;
        }
        let (cluster, plane) = match &options.kubernetes {
            None => (None, None),
            Some(context) if context.is_empty() => {
                let (cluster, plane) =
                    tell.slow("Starting a Kubernetes control plane", Cluster::start(&programs)).await?;
                (Some(cluster), Some(plane))
            }
            Some(context) => (Some(Cluster::named(&programs, context).await?), None),
        };
        let log = log(folder.path())?;
        let root = folder.path().join("github");
        std::fs::create_dir(&root)?;
        let github = Emulator::start(github_emulator::Options { root: Some(root), ..Default::default() })?;
        let secret = random()?;
        let app = github.app(manifest(&secret, cluster.is_none())?)?;
        github.organization(sample::OWNER);
        let repository = github.repository(sample::OWNER, sample::NAME, Visibility::Private)?;
        for (login, role, _) in sample::PEOPLE {
            github.user(login);
            repository.collaborator(login, role)?;
        }
        let key = keep_secret(folder.path(), "key.pem", &app.private_key_pem)?;
        let secret = keep_secret(folder.path(), "webhook-secret", &secret)?;
        let text = Settings { github: &github, id: app.id, key: &key, secret: &secret };
        let settings = folder.path().join("server.yaml");
        std::fs::write(&settings, text.write(folder.path(), &programs, cluster.as_ref())?)?;
        let tidegate = start(&settings).await?;
        app.set_webhook_url(Some(&format!("http://{}/github/webhook", tidegate.address())));
        repository.install(&app)?;
        let stage = Stage { github, bot: app.bot_login(), repository, programs, cluster, settings, log };
        let rig = Self { stage: Arc::new(stage), tidegate, plane, folder };
        rig.tell(tell);
        Ok(rig)
    }

    fn tell(&self, tell: &Tell) {
        let people: Vec<String> =
            sample::PEOPLE.iter().map(|(login, _, role)| format!("{login} ({role})")).collect();
        tell.line(&format!("GitHub      {}", self.stage.github.url()));
        tell.line(&format!("Tidegate    http://{}", self.tidegate.address()));
        tell.line(&format!("Repository  {}/{}: {}", sample::OWNER, sample::NAME, people.join(", ")));
        tell.line(&match &self.stage.cluster {
            None => format!(
                "Deploys to  the branches {}",
                sample::ENVIRONMENTS.map(crate::demo::environment::branch).join(", ")
            ),
            Some(cluster) => format!("Deploys to  {}", cluster.told()),
        });
    }

    /// Ends everything; gives the folder if it is to be kept.
    pub(super) async fn strike(self, keep: bool) -> Result<Option<PathBuf>, Halt> {
        let Self { stage, tidegate, plane, folder } = self;
        tidegate.stop().await;
        stage.github.shutdown();
        match (plane, &stage.cluster) {
            (Some(plane), _) => plane.stop().await?,
            (None, Some(cluster)) => cluster.strike(&stage.programs).await?,
            (None, None) => {}
        }
        if keep {
            return Ok(Some(folder.keep()));
        }
        folder.close()?;
        Ok(None)
    }
}

impl Stage {
    /// What a step left behind that did not hold: checks, deployments, deliveries, the log's last warnings.
    pub(super) fn evidence(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for deployment in self.repository.deployments() {
            let states: Vec<_> = deployment
                .statuses
                .iter()
                .map(|one| format!("{} ({})", one.state, one.description))
                .collect();
            lines.push(format!("deployment of {}: {}", deployment.environment, states.join(", ")));
        }
        for delivery in self.github.hooks().deliveries().iter().filter(|one| one.status != 202) {
            lines.push(format!("delivery of {}: {} {}", delivery.event, delivery.status, delivery.outcome));
        }
        for violation in self.github.violations() {
            lines.push(format!("{}: {}", violation.operation, violation.message));
        }
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let loud: Vec<&str> =
            log.lines().filter(|line| line.contains(" WARN ") || line.contains("ERROR ")).collect();
        lines.extend(
            loud.iter().skip(loud.len().saturating_sub(LOG_LINES)).map(|line| format!("log: {line}")),
        );
        lines
    }
}

/// The manifest, with the opt-in that branches need.
fn manifest(secret: &str, branches: bool) -> Result<AppOptions, Halt> {
    let manifest: Value = serde_saphyr::from_str(MANIFEST)?;
    let mut options = AppOptions::from_manifest(&manifest, secret);
    if branches {
        options.permissions.insert("contents".to_owned(), "write".to_owned());
    }
    // The address in the manifest is an example; ours is known once Tidegate listens.
    options.webhook_url = None;
    Ok(options)
}

async fn start(settings: &Path) -> Result<App, Halt> {
    // Of the variables only PATH: settings of another Tidegate are none of the demonstration's.
    let variables =
        config::variables().into_iter().filter(|(name, _)| name == "PATH" || name == "KUBECONFIG");
    let config = Config::load(Some(settings), variables, Need::Server)
        .map_err(|faults| Halt::new(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
    Ok(App::start(config).await?)
}

/// What goes into the operator's file.
struct Settings<'a> {
    github: &'a Emulator,
    id: u64,
    key: &'a Path,
    secret: &'a Path,
}

impl Settings<'_> {
    fn write(&self, folder: &Path, programs: &Programs, cluster: Option<&Cluster>) -> Result<String, Halt> {
        let place =
            cluster.map_or_else(|| json!({"branch": {"name": "rendered/{environment}"}}), Cluster::setting);
        let mut targets = Map::new();
        for name in sample::ENVIRONMENTS {
            let mut target = place.clone();
            target["repositories"] = json!([format!("{}/{}", sample::OWNER, sample::NAME)]);
            target["floor"] = json!({"permission": "write", "namespaces": ["shop", "shop-*"]});
            targets.insert(name.to_owned(), target);
        }
        // The sample is ours: it may be shown where there is no jail.
        let mut render = json!({"sandbox": "best-effort"});
        if let Some(tools) = &programs.tools {
            render["tools"] = json!(tools);
        }
        let settings = json!({
            "listen": "127.0.0.1:0",
            "database": format!("sqlite://{}", folder.join("tidegate.db").display()),
            "cache": folder.join("cache"),
            "github": {
                "app_id": self.id,
                "private_key_file": self.key,
                "webhook_secret_file": self.secret,
                "api": self.github.api_url(),
                "git": self.github.git_url(),
            },
            "render": render,
            "targets": targets,
        });
        Ok(serde_saphyr::to_string(&settings)?)
    }
}

/// Tidegate's log goes to a file: the terminal belongs to the story.
fn log(folder: &Path) -> Result<PathBuf, Halt> {
    let path = folder.join("tidegate.log");
    let file = std::fs::File::create(&path)?;
    let subscriber = tracing_subscriber::fmt()
        .with_writer(Arc::new(file))
        .with_ansi(false)
        .with_env_filter("info,tidegate=debug");
    // An error says that somebody listens already: then that is where the log is.
    drop(subscriber.try_init());
    Ok(path)
}

/// A file that only its owner may read.
fn keep_secret(folder: &Path, name: &str, content: &str) -> Result<PathBuf, Halt> {
    let path = folder.join(name);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(content.as_bytes())?;
    Ok(path)
}

/// 32 random bytes in hexadecimal.
pub(super) fn random() -> Result<String, Halt> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| Halt::new("the system gives no random bytes"))?;
    Ok(hex::encode(bytes))
}
