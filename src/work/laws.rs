//! The laws of every target, over random objects and edits: a plan of what is there is empty; a plan that was applied leaves
//! an empty one; what came is what was predicted.

use proptest::prelude::{Strategy, any, prop};
use proptest::test_runner::{Config, TestCaseError, TestCaseResult, TestRunner};
use serde_json::{Value, json};

use crate::diff::look::{Candidates, candidates};
use crate::diff::mask::MaskKey;
use crate::diff::{Case, plan, report::report};
use crate::directory::Directory;
use crate::model::deployment::{Commits, Deployment, State, Trigger};
use crate::model::id::{EnvironmentId, InstallationId, Repo, RepoId};
use crate::model::object::{Bundle, Object, Origin};
use crate::model::permit::Permit;
use crate::model::plan::Plan;
use crate::model::report::Report;
use crate::model::target::{Run, Scope};
use crate::work::target::Target;
use crate::yaml::random;

fn scope(namespace: Option<&str>) -> Scope {
    Scope {
        environment: EnvironmentId { repo: RepoId(77), name: "laws".parse().unwrap() },
        repo: "acme/shop".parse().unwrap(),
        target: "trial".to_owned(),
        namespace: namespace.map(str::to_owned),
        adopt: Vec::new(),
        fields: Vec::new(),
        secrets: Vec::new(),
        prune: true,
    }
}

fn deployment(scope: &Scope) -> Deployment {
    let sha = |digit: &str| digit.repeat(40).parse().unwrap();
    Deployment {
        id: "laws".to_owned(),
        environment: scope.environment.clone(),
        repo: Repo { installation: InstallationId(1), id: RepoId(77), name: scope.repo.clone() },
        pull: None,
        cause: Trigger::Push,
        by: "ann".parse().unwrap(),
        commits: Commits { base: sha("a"), head: sha("b"), tree: sha("c") },
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

fn bundle(bodies: &[Value]) -> Bundle {
    let object = |body: &Value| Object {
        id: Object::identify(body).unwrap(),
        body: body.clone(),
        origin: Origin { app: "apps/web".to_owned(), ..Origin::default() },
        volatile: Vec::new(),
    };
    let mut bundle = Bundle { objects: bodies.iter().map(object).collect(), ..Bundle::default() };
    bundle.sort();
    bundle
}

/// Plans a merge into a base; applies it if that is wanted.
async fn planned(
    target: &Target,
    scope: &Scope,
    (base, merge): (&Bundle, &Bundle),
    go: bool,
) -> (Plan, Report) {
    let key = MaskKey::new(b"laws");
    let inventory = target.own(scope).await.unwrap();
    let Candidates { wanted, gone } = candidates(Some(base), merge, inventory.as_ref());
    let seen = target.look(scope, &wanted, &gone).await.unwrap();
    let case = Case {
        scope,
        base: Some(base),
        merge,
        inventory: inventory.as_ref(),
        seen: &seen,
        faults: &[],
        key: &key,
    };
    let plan = plan(&case);
    if !go {
        return (plan, Report::default());
    }
    let (permit, deployment) = (Permit::default(), deployment(scope));
    let run = Run {
        plan: &plan,
        bundle: merge,
        inventory: inventory.as_ref(),
        deployment: &deployment,
        permit: &permit,
    };
    let applied = target.apply(scope, &run).await.unwrap();
    let report = report(&case, &applied);
    (plan, report)
}

fn holds(law: bool, words: impl FnOnce() -> String) -> TestCaseResult {
    if law { Ok(()) } else { Err(TestCaseError::fail(words())) }
}

/// Takes an environment from one state to the next, and holds every plan and report against the laws.
async fn walked(target: &Target, scope: &Scope, states: &[Vec<Value>]) -> TestCaseResult {
    let mut base = Bundle::default();
    for state in states {
        let merge = bundle(state);
        let (plan, report) = planned(target, scope, (&base, &merge), true).await;
        holds(plan.errors.is_empty() && report.succeeded(), || format!("{:#?}\n{report:#?}", plan.errors))?;
        let surprised = report.outcomes.iter().find(|outcome| !outcome.surprises.is_empty());
        holds(surprised.is_none(), || format!("{surprised:#?}"))?;
        for base in [&base, &merge] {
            let (again, _) = planned(target, scope, (base, &merge), false).await;
            holds(again.is_empty() && again.errors.is_empty(), || {
                format!("after it was applied: {again:#?}")
            })?;
        }
        base = merge;
    }
    Ok(())
}

/// Up to one version of each of these objects.
fn state(
    kinds: Vec<(String, impl Strategy<Value = Value> + Clone + 'static)>,
) -> impl Strategy<Value = Vec<Value>> {
    let one = |(name, body): (String, _)| {
        prop::option::weighted(0.8, body).prop_map(move |body: Option<Value>| {
            body.map(|mut body| {
                body["metadata"]["name"] = name.as_str().into();
                body
            })
        })
    };
    kinds.into_iter().map(one).collect::<Vec<_>>().prop_map(|all| all.into_iter().flatten().collect())
}

fn ran(
    cases: u32,
    states: &impl Strategy<Value = Vec<Vec<Value>>>,
    law: impl Fn(&[Vec<Value>]) -> TestCaseResult,
) {
    let config = Config { cases, max_shrink_iters: 200, failure_persistence: None, ..Config::default() };
    TestRunner::new(config).run(states, |states| law(&states)).unwrap_or_else(|error| panic!("{error}"));
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn a_directory_holds_to_its_plans() {
    let thing = || {
        (random::value(), random::value()).prop_map(|(spec, data)| {
            json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"namespace": "shop"},
                "spec": spec, "data": data})
        })
    };
    let kinds: Vec<_> = ["a", "b", "c"].map(|name| (name.to_owned(), thing().boxed())).into();
    let states = prop::collection::vec(state(kinds), 1..4);
    let runtime = runtime();
    ran(96, &states, |states| {
        let folder = tempfile::tempdir().unwrap();
        let target = Target::Directory(Directory::new(folder.path().to_owned()));
        runtime.block_on(walked(&target, &scope(None), states))
    });
}

/// Kinds of the real API server, each with what makes it hard to foresee: lists with keys, defaults, numbers as text.
#[cfg(feature = "parts")]
mod kinds {
    use super::{Strategy, Value, any, json, prop};

    fn word() -> impl Strategy<Value = String> + Clone {
        prop::sample::select(vec!["a", "b", "c", "d"]).prop_map(str::to_owned)
    }

    /// A few of these, in any order.
    fn some(least: usize) -> impl Strategy<Value = Vec<&'static str>> + Clone {
        prop::sample::subsequence(vec!["a", "b", "c"], least..=3).prop_shuffle()
    }

    pub(super) fn map() -> impl Strategy<Value = Value> + Clone {
        prop::collection::btree_map(word(), "[ -~\n\té]{0,24}", 0..4)
            .prop_map(|data| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}, "data": data}))
    }

    pub(super) fn workload() -> impl Strategy<Value = Value> + Clone {
        let replicas = prop::option::of(0..3_u8);
        (replicas, some(1), some(0), any::<bool>(), word()).prop_map(|(replicas, names, keys, limits, label)| {
            let containers: Vec<Value> = names
                .iter()
                .map(|name| {
                    let env: Vec<Value> = keys.iter().map(|key| json!({"name": key, "value": label})).collect();
                    let mut one = json!({"name": name, "image": format!("web:{label}"), "env": env});
                    if limits {
                        one["resources"] = json!({"limits": {"cpu": "1000m", "memory": "1024Mi"}});
                    }
                    one
                })
                .collect();
            let mut body = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"labels": {"l": label}},
                "spec": {"paused": true, "selector": {"matchLabels": {"app": "web"}},
                    "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": containers}}}});
            if let Some(replicas) = replicas {
                body["spec"]["replicas"] = replicas.into();
            }
            body
        })
    }

    pub(super) fn service() -> impl Strategy<Value = Value> + Clone {
        let kind = prop::sample::select(vec!["ClusterIP", "NodePort"]);
        (some(1), any::<bool>(), kind, word()).prop_map(|(names, text, kind, label)| {
            let ports: Vec<Value> = names
                .iter()
                .zip([80, 81, 82])
                .map(|(name, port)| {
                    let to = if text { json!("http") } else { json!(port) };
                    json!({"name": name, "port": port, "targetPort": to})
                })
                .collect();
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {},
                "spec": {"type": kind, "selector": {"app": label}, "ports": ports}})
        })
    }

    pub(super) fn role() -> impl Strategy<Value = Value> + Clone {
        let rule = (some(1), some(1)).prop_map(
            |(resources, verbs)| json!({"apiGroups": [""], "resources": resources, "verbs": verbs}),
        );
        prop::collection::vec(rule, 0..3).prop_map(|rules| {
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {}, "rules": rules})
        })
    }
}

#[cfg(feature = "parts")]
#[test]
fn a_cluster_holds_to_its_plans() {
    use crate::cluster::{
        Cluster,
        tests::{create_namespace, kubeconfig},
    };
    use crate::model::target::Place;

    const NAMESPACE: &str = "laws";
    let runtime = runtime();
    let scope = scope(Some(NAMESPACE));
    let target = runtime.block_on(async {
        create_namespace(NAMESPACE).await;
        let place = Place::Kubernetes {
            kubeconfig: Some(kubeconfig().await),
            context: None,
            impersonate: None,
            scratch: None,
        };
        Target::Cluster(Cluster::connect(&place, &scope).await.unwrap())
    });
    let kinds = vec![
        ("map".to_owned(), kinds::map().boxed()),
        ("web".to_owned(), kinds::workload().boxed()),
        ("service".to_owned(), kinds::service().boxed()),
        ("role".to_owned(), kinds::role().boxed()),
    ];
    let named = state(kinds).prop_map(|mut all| {
        for body in &mut all {
            body["metadata"]["namespace"] = NAMESPACE.into();
        }
        all
    });
    // Each case begins where the one before ended: with nothing there.
    let states = prop::collection::vec(named, 2..5);
    ran(16, &states, |states| {
        let states = [states, &[Vec::new()]].concat();
        runtime.block_on(walked(&target, &scope, &states))
    });
}
