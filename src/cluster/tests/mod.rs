//! Tests on a real control plane: one for the whole process, started by the first test that asks, a namespace for each.
//!
//! They need the programs that `make tools` builds. `cargo test --lib -- --skip cluster::tests` leaves them out.

mod apply;
mod cascade;
mod fallback;
mod faults;
mod hooks;
mod kinds;
mod lists;
mod look;
mod managers;
mod moves;
mod owed;
mod race;
mod rights;
mod schema;
mod trouble;
mod volatile;
mod wait;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::cluster::wire::{Answer, Call, Trouble};
use crate::cluster::{Cluster, Error};
use crate::controlplane::{ControlPlane, Tools};
use crate::model::deployment::{Commits, Deployment, State, Trigger};
use crate::model::id::{Digest, EnvironmentId, InstallationId, Repo, RepoId};
use crate::model::object::{Bundle, Object, ObjectId, Origin};
use crate::model::permit::Permit;
use crate::model::plan::{Action, Change, Plan};
use crate::model::report::{Applied, Done};
use crate::model::target::{Place, Run, Scope};
use crate::model::view::{Inventory, Owned, Owner, Prediction, Seen};

/// The kubeconfig of the one control plane of this process.
pub(crate) async fn kubeconfig() -> PathBuf {
    static PLANE: OnceCell<ControlPlane> = OnceCell::const_new();
    #[expect(clippy::disallowed_methods, reason = "where the programs lie is the test run's own setting")]
    let start = || async {
        let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
        ControlPlane::start(&Tools::new(assets, Tools::built())).await.unwrap()
    };
    PLANE.get_or_init(start).await.kubeconfig().to_owned()
}

/// A client of the one control plane, as its administrator.
async fn client() -> kube::Client {
    let kubeconfig = kube::config::Kubeconfig::read_from(kubeconfig().await).unwrap();
    let config =
        kube::Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default())
            .await
            .unwrap();
    kube::Client::try_from(config).unwrap()
}

/// Creates a namespace that no other test has.
pub(crate) async fn create_namespace(name: &str) {
    let body = serde_json::to_vec(&namespace(name)).unwrap();
    let request = http::Request::post("/api/v1/namespaces").body(body).unwrap();
    client().await.request::<Value>(request).await.unwrap();
}

/// One environment of a test's own, in a namespace of its own.
struct World {
    cluster: Cluster,
    scope: Scope,
    permit: Permit,
}

impl World {
    /// A fresh environment; its namespace does not exist yet.
    async fn new(name: &str) -> Self {
        Self::acting(name, None).await
    }

    /// The same with a namespace.
    async fn settled(name: &str) -> Self {
        let world = Self::new(name).await;
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        world.send(Method::POST, "/api/v1/namespaces", &namespace).await.unwrap();
        world
    }

    async fn acting(name: &str, impersonate: Option<&str>) -> Self {
        static REPOS: AtomicU64 = AtomicU64::new(1);
        let place = Place::Kubernetes {
            kubeconfig: Some(kubeconfig().await),
            context: None,
            impersonate: impersonate.map(str::to_owned),
            scratch: None,
        };
        let repo = RepoId(REPOS.fetch_add(1, Ordering::Relaxed));
        let scope = Scope {
            environment: EnvironmentId { repo, name: "prod".parse().unwrap() },
            repo: "acme/shop".parse().unwrap(),
            target: "test".to_owned(),
            namespace: Some(name.to_owned()),
            adopt: Vec::new(),
            fields: Vec::new(),
            secrets: Vec::new(),
            prune: true,
        };
        let cluster = Cluster::connect(&place, &scope).await.unwrap().patience(Duration::from_mins(1));
        Self { cluster, scope, permit: Permit::default() }
    }

    fn namespace(&self) -> &str {
        self.scope.namespace.as_deref().unwrap()
    }

    /// A request as the administrator or whoever this world acts as.
    async fn send(&self, method: Method, path: &str, body: &Value) -> Result<Answer, Trouble> {
        self.cluster.wire.call(&Call::send(method, path, path).json(body)).await
    }

    /// A server-side apply as somebody else.
    async fn act_as(&self, manager: &str, path: &str, body: &Value) -> Value {
        let path = format!("{path}?fieldManager={manager}&force=true");
        self.cluster
            .wire
            .call(&Call::send(Method::PATCH, manager, path).apply(body).safe())
            .await
            .unwrap()
            .body
    }

    async fn get(&self, path: &str) -> Option<Value> {
        self.cluster.wire.find(&Call::get("get", path)).await.unwrap()
    }

    /// Objects with their identities completed as rendering does it.
    fn bundle(&self, bodies: &[Value]) -> Bundle {
        let mut bundle =
            Bundle { objects: bodies.iter().map(|body| self.object(body)).collect(), ..Bundle::default() };
        bundle.sort();
        bundle
    }

    fn object(&self, body: &Value) -> Object {
        let mut id = Object::identify(body).unwrap();
        if !matches!(id.kind.as_str(), "Namespace" | "CustomResourceDefinition" | "ClusterRole") {
            id.namespace.get_or_insert_with(|| self.namespace().to_owned());
        }
        Object {
            id,
            body: body.clone(),
            origin: Origin { app: "apps/web".to_owned(), ..Origin::default() },
            volatile: Vec::new(),
        }
    }

    async fn look(&self, bundle: &Bundle) -> Vec<Seen> {
        let wanted: Vec<&Object> = bundle.objects.iter().collect();
        let own = self.cluster.own(&self.scope).await.unwrap().unwrap_or_default();
        let gone: Vec<(ObjectId, Owned)> =
            own.entries.into_iter().filter(|(id, _)| bundle.find(id).is_none()).collect();
        self.cluster.look(&self.scope, &wanted, &gone).await.unwrap()
    }

    async fn see(&self, body: &Value) -> Seen {
        self.look(&self.bundle(std::slice::from_ref(body))).await.remove(0)
    }

    /// Looks, plans in the plainest way, applies.
    async fn deploy(&self, bundle: &Bundle) -> Result<Vec<Applied>, Error> {
        self.try_deploy(bundle).await
    }

    /// The same, where looking may fail, too.
    async fn try_deploy(&self, bundle: &Bundle) -> Result<Vec<Applied>, Error> {
        let wanted: Vec<&Object> = bundle.objects.iter().collect();
        let own = self.cluster.own(&self.scope).await?;
        let entries = own.iter().flat_map(|own| own.entries.clone());
        let gone: Vec<(ObjectId, Owned)> = entries.filter(|(id, _)| bundle.find(id).is_none()).collect();
        let seen = self.cluster.look(&self.scope, &wanted, &gone).await?;
        self.run_over(bundle, &plan(&seen), own.as_ref()).await
    }

    async fn run(&self, bundle: &Bundle, plan: &Plan) -> Result<Vec<Applied>, Error> {
        let inventory = self.cluster.own(&self.scope).await?;
        self.run_over(bundle, plan, inventory.as_ref()).await
    }

    async fn run_over(
        &self,
        bundle: &Bundle,
        plan: &Plan,
        inventory: Option<&Inventory>,
    ) -> Result<Vec<Applied>, Error> {
        let deployment = deployment(&self.scope.environment);
        let run = Run { plan, bundle, inventory, deployment: &deployment, permit: &self.permit };
        self.cluster.apply(&self.scope, &run).await
    }

    /// Deploys and expects everything to happen.
    async fn must_deploy(&self, bundle: &Bundle) -> Vec<Applied> {
        let applied = self.deploy(bundle).await.unwrap();
        let bad: Vec<_> =
            applied.iter().filter(|one| !matches!(one.result, Done::Changed | Done::Unchanged)).collect();
        assert!(bad.is_empty(), "{bad:#?}");
        applied
    }
}

/// The plan that follows from what was seen.
fn plan(seen: &[Seen]) -> Plan {
    let changes = seen
        .iter()
        .filter_map(|seen| {
            let (action, uid) = action(seen);
            let planned =
                || Change { conflicts: seen.conflicts.clone(), ..change(&seen.id, action, uid.clone()) };
            (action != Action::None).then(planned)
        })
        .collect();
    Plan {
        digest: Some(Digest::of(b"plan")),
        changes,
        ..Plan::new("prod".parse().unwrap(), "test".to_owned())
    }
}

fn action(seen: &Seen) -> (Action, Option<String>) {
    let uid = seen.live.as_ref().and_then(|live| live.uid.clone());
    let foreign = seen.live.as_ref().is_some_and(|live| live.owner != Owner::Us);
    let action = match (&seen.prediction, &seen.live) {
        (Prediction::Gone, _) => Action::Delete,
        (_, Some(_)) if foreign => Action::Adopt,
        (Prediction::Replaced { .. }, _) => Action::Replace,
        (Prediction::Becomes(after), Some(live)) if *after == live.body => Action::None,
        (_, None) => Action::Create,
        (_, Some(_)) => Action::Update,
    };
    (action, uid)
}

fn change(id: &ObjectId, action: Action, uid: Option<String>) -> Change {
    Change { app: "apps/web".to_owned(), uid, ..Change::new(action, id.clone()) }
}

fn deployment(environment: &EnvironmentId) -> Deployment {
    Deployment {
        id: "1".to_owned(),
        environment: environment.clone(),
        repo: Repo {
            installation: InstallationId(1),
            id: environment.repo,
            name: "acme/shop".parse().unwrap(),
        },
        pull: None,
        cause: Trigger::Push,
        by: "ann".parse().unwrap(),
        commits: Commits {
            base: "1".repeat(40).parse().unwrap(),
            head: "2".repeat(40).parse().unwrap(),
            tree: "3".repeat(40).parse().unwrap(),
        },
        approved: None,
        state: State::Running,
        record: None,
        began: None,
        refusal: None,
        report: None,
        message: String::new(),
        asked: jiff::Timestamp::UNIX_EPOCH,
        by_id: None,
        deletes: None,
        named: None,
        created: jiff::Timestamp::UNIX_EPOCH,
        changed: jiff::Timestamp::UNIX_EPOCH,
    }
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

fn config(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"key": value}})
}

fn web(replicas: i64, image: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}}}})
}

fn service() -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}})
}

fn becomes(seen: &Seen) -> &Value {
    assert!(matches!(seen.prediction, Prediction::Becomes(_)), "{seen:#?}");
    let Prediction::Becomes(after) = &seen.prediction else { return &Value::Null };
    after
}

/// The futures of this room can be run on any worker.
#[test]
fn work_may_move_between_threads() {
    fn check<T: Send>(_: &T) {}
    async fn all(cluster: &Cluster, scope: &Scope, run: &Run<'_>) {
        let (look, apply) = (cluster.look(scope, &[], &[]), cluster.apply(scope, run));
        check(&look);
        check(&apply);
    }
    let _ = all;
}
