//! What lies in an environment, looked at past Tidegate: the branch by Git, the cluster by kubectl.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::controlplane::{ControlPlane, Tools};
use crate::demo::programs::Programs;
use crate::demo::stage::Stage;
use crate::demo::{Halt, sample};

/// The kinds that the sample has, as kubectl names them.
const KINDS: &str = "namespaces,deployments.apps,services,configmaps";
/// Where Tidegate keeps what it owns.
const HOME: &str = "tidegate";

/// The branch of an environment.
pub(super) fn branch(environment: &str) -> String {
    format!("rendered/{environment}")
}

/// The namespace of an environment.
fn namespace(environment: &str) -> String {
    format!("shop-{environment}")
}

/// All namespaces that the demonstration uses in a cluster.
fn namespaces() -> Vec<String> {
    sample::ENVIRONMENTS.into_iter().map(namespace).chain([HOME.to_owned()]).collect()
}

/// One thing that lies there: a file or an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// Its path, or kind and name.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A cluster, as kubectl and Tidegate reach it.
#[derive(Debug)]
pub(super) struct Cluster {
    kubectl: PathBuf,
    /// What kubectl is told before anything else.
    address: Vec<String>,
    /// The variables by which kubectl finds a person's own clusters.
    variables: Vec<(String, String)>,
    told: String,
    setting: Value,
}

impl Cluster {
    /// Starts a control plane; it ends with its handle.
    pub(super) async fn start(programs: &Programs) -> Result<(Self, ControlPlane), Halt> {
        let kubectl = programs.find("kubectl")?;
        let plane = ControlPlane::start(&Tools::new(None, Tools::built())).await?;
        let file = plane.kubeconfig().display().to_string();
        let cluster = Self {
            address: vec!["--kubeconfig".to_owned(), file.clone()],
            variables: Vec::new(),
            told: format!("a Kubernetes API server started for this, {}", plane.url()),
            setting: json!({"kubernetes": {"kubeconfig": file}}),
            kubectl,
        };
        Ok((cluster, plane))
    }

    /// Takes a person's own cluster, by the name of its context, if nothing there could be hurt.
    pub(super) async fn named(programs: &Programs, context: &str) -> Result<Self, Halt> {
        let variables = crate::config::variables();
        let cluster = Self {
            kubectl: programs.find("kubectl")?,
            address: vec!["--context".to_owned(), context.to_owned()],
            variables: variables
                .into_iter()
                .filter(|(name, _)| name == "HOME" || name == "KUBECONFIG")
                .collect(),
            told: format!("the cluster of context {context}"),
            setting: json!({"kubernetes": {"context": context}}),
        };
        let there = cluster.call(programs, &["get", "namespaces", "-o", "name"], None).await?;
        for taken in namespaces() {
            if there.lines().any(|line| line == format!("namespace/{taken}")) {
                return Err(Halt::new(format!(
                    "the cluster of context {context} has a namespace {taken}, which the demonstration would use: \
                     delete it first, or choose another cluster"
                )));
            }
        }
        Ok(cluster)
    }

    /// The words for where it is.
    pub(super) fn told(&self) -> &str {
        &self.told
    }

    /// The target's place in the operator's file.
    pub(super) fn setting(&self) -> Value {
        self.setting.clone()
    }

    /// Takes away what was brought to a person's own cluster.
    pub(super) async fn strike(&self, programs: &Programs) -> Result<(), Halt> {
        let names = namespaces();
        let mut arguments = vec!["delete", "namespace", "--ignore-not-found", "--wait=false"];
        arguments.extend(names.iter().map(String::as_str));
        self.call(programs, &arguments, None).await?;
        Ok(())
    }

    async fn call(
        &self,
        programs: &Programs,
        arguments: &[&str],
        stdin: Option<&str>,
    ) -> Result<String, Halt> {
        let all: Vec<&str> =
            self.address.iter().map(String::as_str).chain(arguments.iter().copied()).collect();
        programs.output(&self.kubectl, &all, (&self.variables, stdin)).await
    }

    /// The objects that carry our mark in an environment's namespace, as the API server holds them.
    pub(super) async fn live(&self, programs: &Programs, environment: &str) -> Result<Vec<Value>, Halt> {
        let mark = "applyset.kubernetes.io/part-of";
        let text = self.call(programs, &["get", KINDS, "-A", "-l", mark, "-o", "json"], None).await?;
        let list: Value = serde_json::from_str(&text)?;
        let wanted = namespace(environment);
        let items = list["items"].as_array().cloned().unwrap_or_default();
        let ours = |object: &Value| {
            let place = if object["kind"] == "Namespace" { "name" } else { "namespace" };
            object["metadata"][place] == *wanted
        };
        Ok(items.into_iter().filter(ours).collect())
    }
}

impl Stage {
    /// What lies in an environment now; nothing where it was never deployed.
    pub(super) async fn holds(&self, environment: &str) -> Result<Vec<Item>, Halt> {
        match &self.cluster {
            Some(cluster) => {
                let live = cluster.live(&self.programs, environment).await?;
                Ok(live.into_iter().map(shown).collect())
            }
            None => self.files(&branch(environment)).await,
        }
    }

    /// Marks by which a later look tells whether anything was written to an environment.
    pub(super) async fn marks(&self, environment: &str) -> Result<Vec<String>, Halt> {
        let Some(cluster) = &self.cluster else {
            return Ok(self.repository.head(&branch(environment)).into_iter().collect());
        };
        let live = cluster.live(&self.programs, environment).await?;
        // Controllers write statuses all the time; the generation counts what was asked for.
        let mark = |object: &Value| {
            let metadata = &object["metadata"];
            let version = metadata.get("generation").unwrap_or(&metadata["resourceVersion"]);
            format!("{} {version}", metadata["uid"])
        };
        Ok(live.iter().map(mark).collect())
    }

    async fn files(&self, branch: &str) -> Result<Vec<Item>, Halt> {
        let Some(head) = self.repository.head(branch) else { return Ok(Vec::new()) };
        let list =
            self.programs.git(&self.repository.git_dir(), &["ls-tree", "-r", "--name-only", &head]).await?;
        let text = |path: &str| self.repository.file(&head, path).unwrap_or_default();
        // Tidegate's own record lies in a folder that begins with a dot.
        Ok(list
            .lines()
            .filter(|path| !path.starts_with('.'))
            .map(|path| Item {
                name: path.to_owned(),
                text: String::from_utf8_lossy(&text(path)).into_owned(),
            })
            .collect())
    }

    /// The history of an environment's branch, newest first, as `git log` prints it; empty for a cluster.
    pub(super) async fn history(&self, environment: &str, count: usize) -> Result<String, Halt> {
        let branch = branch(environment);
        if self.cluster.is_some() || self.repository.head(&branch).is_none() {
            return Ok(String::new());
        }
        let limit = format!("--max-count={count}");
        let head = format!("refs/heads/{branch}");
        let log = ["log", "--no-color", "--format=%h %s%n%w(0,2,2)%b", &limit, &head];
        self.programs.git(&self.repository.git_dir(), &log).await
    }

    /// What an environment must hold at a commit, as this program's own `render` prints it: one text for each object.
    pub(super) async fn rendered(&self, environment: &str, commit: &str) -> Result<Vec<String>, Halt> {
        let program = std::env::current_exe()?;
        let (place, settings) = (self.repository.git_dir(), self.settings.display().to_string());
        let place = place.display().to_string();
        let arguments = ["--config", &settings, "render", environment, "--repo", &place, "--rev", commit];
        let text = self.programs.output(&program, &arguments, (&[], None)).await?;
        Ok(text.split("---\n").map(str::to_owned).filter(|text| !text.trim().is_empty()).collect())
    }
}

/// A live object as a person would read it: without what the server only keeps for itself.
fn shown(mut object: Value) -> Item {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for noise in ["managedFields", "uid", "resourceVersion", "generation", "creationTimestamp"] {
            metadata.shift_remove(noise);
        }
    }
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = format!("{} {}", word(&object["kind"]), word(&object["metadata"]["name"]));
    let text = serde_saphyr::to_string(&object).unwrap_or_else(|_| object.to_string());
    Item { name, text }
}
