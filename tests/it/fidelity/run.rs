//! A group of cases as one repository with an environment for each: deployed, disturbed, planned and applied by the program.

use futures_util::StreamExt as _;
use serde_json::{Map, Value, json};

use super::case::{Case, Tree, namespace, object, parted};
use super::others::Others;
use crate::support::checkout::Checkout;
use crate::support::program::Ran;

/// How many programs run at the same time, over all groups.
static TURNS: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(3);

/// A group's repository.
pub(super) struct Repository {
    group: &'static str,
    checkout: std::sync::Arc<Checkout>,
    config: String,
}

/// How an apply ended.
pub(super) struct Deployed {
    /// What the program printed.
    pub ran: Ran,
}

impl Deployed {
    /// Where the program itself says that what came is not what it predicted.
    pub(super) fn surprises(&self) -> Vec<String> {
        self.ran
            .out
            .lines()
            .filter(|line| line.trim_start().starts_with("predicted "))
            .map(str::to_owned)
            .collect()
    }
}

impl Repository {
    /// Commits what every case holds at first.
    pub(super) fn new(group: &'static str, cases: &[Case], kubeconfig: &str) -> Self {
        let checkout = Checkout::empty();
        let target = json!({"kubernetes": {"kubeconfig": kubeconfig}});
        let file = checkout.beside().join("operator.yaml");
        std::fs::write(&file, json!({"targets": {"cluster": target}}).to_string()).unwrap();
        let config = file.to_str().unwrap().to_owned();
        let repository = Self { group, checkout: std::sync::Arc::new(checkout), config };
        repository.commit(cases, "deployed", Case::deployed_tree);
        repository
    }

    /// Writes what the cases hold by now and commits it.
    pub(super) fn commit(&self, cases: &[Case], round: &str, tree: fn(&Case) -> Tree) {
        let folder = self.checkout.path().join("cases");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        let mut environments = Map::new();
        let mut files = Vec::new();
        for case in cases {
            let name = namespace(self.group, &case.name);
            let tree = tree(case);
            files.push((format!("cases/{name}/README.md"), "One case.\n".to_owned()));
            for (file, text) in case.files(round == "proposed") {
                files.push((format!("cases/{name}/{file}"), text.as_str().unwrap().to_owned()));
            }
            for (key, body) in &tree {
                let (app, kind, named) = parted(key);
                let app = app.map_or(String::new(), |app| format!("{app}/"));
                let file = format!(
                    "cases/{name}/{app}{}-{}.json",
                    kind.to_lowercase(),
                    named.replace('*', "generated")
                );
                files.push((file, serde_json::to_string_pretty(&object(key, body)).unwrap()));
            }
            let mut environment = json!({"target": "cluster", "namespace": name,
                "sources": [{"path": format!("cases/{name}")}]});
            environment.as_object_mut().unwrap().extend(case.settings.clone());
            environments.insert(name, environment);
        }
        let settings = json!({"version": 1, "environments": environments});
        files.push((".tidegate.yaml".to_owned(), settings.to_string()));
        // A commit even where no case has anything pending.
        files.push(("ROUND".to_owned(), format!("{round}\n")));
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
        self.checkout.commit(&files);
    }

    /// Goes to a new branch.
    pub(super) fn branch(&self, name: &str) {
        self.checkout.branch(name);
    }

    async fn tidegate(&self, arguments: &[&str]) -> Ran {
        let _turn = TURNS.acquire().await.unwrap();
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        let checkout = std::sync::Arc::clone(&self.checkout);
        let run = move || checkout.tidegate(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        tokio::task::spawn_blocking(run).await.unwrap()
    }

    /// The plans of merging `head` into `base`, by the names of their environments.
    pub(super) async fn plan(&self, base: &str, head: &str) -> Map<String, Value> {
        let arguments =
            ["plan", "--config", &self.config, "--base", base, "--head", head, "--format", "json"];
        let ran = self.tidegate(&arguments).await;
        assert!(ran.out.starts_with('{'), "{}: no plan: {}{}", self.group, ran.out, ran.err);
        let Value::Array(all) = ran.json()["environments"].take() else { panic!("no environments") };
        all.into_iter().map(|plan| (plan["name"].as_str().unwrap().to_owned(), plan)).collect()
    }

    /// Deploys every case's first state that is to be deployed.
    pub(super) async fn settle(&self, cases: &[Case]) {
        let names = cases.iter().filter(|case| case.deployed).map(|case| namespace(self.group, &case.name));
        let all: Vec<_> = names
            .map(|name| async move {
                let arguments = [
                    "apply",
                    &name,
                    "--config",
                    &self.config,
                    "--rev",
                    "main",
                    "--base",
                    "main",
                    "--baseline",
                ];
                let ran = self.tidegate(&arguments).await;
                assert_eq!(ran.code, Some(0), "{name} could not be set up:\n{}{}", ran.out, ran.err);
            })
            .collect();
        futures_util::stream::iter(all).buffer_unordered(8).collect::<Vec<()>>().await;
    }

    /// Applies one environment's proposed state, if it still has this digest.
    pub(super) async fn apply(&self, name: &str, digest: Option<&str>) -> Deployed {
        let mut arguments =
            vec!["apply", name, "--config", &self.config, "--rev", "change", "--base", "main"];
        arguments.extend(digest.into_iter().flat_map(|digest| ["--digest", digest]));
        Deployed { ran: self.tidegate(&arguments).await }
    }
}

/// What others do in each case, several cases at a time.
pub(super) async fn disturb(
    cases: &[Case],
    group: &str,
    (client, kubeconfig): (&kube::Client, &str),
    which: fn(&Case) -> &Vec<Map<String, Value>>,
) {
    let all: Vec<_> = cases
        .iter()
        .map(|case| async move {
            let namespace = namespace(group, &case.name);
            Others { client, kubeconfig, namespace: &namespace }.act(which(case)).await;
        })
        .collect();
    futures_util::stream::iter(all).buffer_unordered(8).collect::<Vec<()>>().await;
}
