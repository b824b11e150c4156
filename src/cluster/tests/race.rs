//! Servers that stumble, others that create at the same moment, and how much is asked at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Method, Request, Response};
use kube::client::Body;

use super::{World, config, plan};
use crate::cluster::wire::Wire;
use crate::cluster::{Cluster, FLIGHT};
use crate::model::object::Bundle;
use crate::model::report::Done;

/// What comes between us and the server: sees each request, and may answer in its place (before it, or after).
trait Between: Clone + Send + Sync + 'static {
    fn before(&self, _: &Method, _: &str) -> impl Future<Output = Option<Response<Body>>> + Send {
        std::future::ready(None)
    }
    fn after(&self, _: &Method, _: &str, answer: Response<Body>) -> Response<Body> {
        answer
    }
}

async fn through(world: &World, between: impl Between) -> Cluster {
    let inner = super::client().await;
    let service = tower::service_fn(move |request: Request<Body>| {
        let (inner, between) = (inner.clone(), between.clone());
        async move {
            let (method, path) = (request.method().clone(), request.uri().path().to_owned());
            if let Some(answer) = between.before(&method, &path).await {
                return Ok(answer);
            }
            let answer = inner.send(request).await.map_err(std::io::Error::other)?;
            Ok::<_, std::io::Error>(between.after(&method, &path, answer))
        }
    });
    let wire = Wire::new(kube::Client::new(service, "default"), "test".to_owned(), "Tidegate".to_owned());
    Cluster { wire, ..world.cluster.clone() }
}

/// Answers the first write of these names with a server error: of one before it happens, of the other afterwards.
#[derive(Clone, Default)]
struct Stumble {
    early: Arc<AtomicUsize>,
    late: Arc<AtomicUsize>,
}

fn unwell(code: u16) -> Response<Body> {
    let body = format!(r#"{{"kind":"Status","message":"etcdserver: request timed out","code":{code}}}"#);
    Response::builder().status(code).body(Body::from(body.into_bytes())).unwrap()
}

impl Between for Stumble {
    async fn before(&self, method: &Method, path: &str) -> Option<Response<Body>> {
        let meant = method == Method::PATCH && path.ends_with("/early");
        (meant && self.early.fetch_add(1, Ordering::Relaxed) == 0).then(|| unwell(503))
    }

    fn after(&self, method: &Method, path: &str, answer: Response<Body>) -> Response<Body> {
        let meant = method == Method::PATCH && path.ends_with("/late");
        if meant && self.late.fetch_add(1, Ordering::Relaxed) == 0 { unwell(500) } else { answer }
    }
}

#[tokio::test]
async fn a_server_error_on_a_creation_is_looked_at_again_and_stops_nothing() {
    let mut world = World::settled("race-stumble").await;
    let bundle = world.bundle(&[config("early", "1"), config("late", "1"), config("sound", "1")]);
    let planned = plan(&world.look(&bundle).await);
    let stumble = Stumble::default();
    world.cluster = through(&world, stumble.clone()).await;
    let applied = world.run(&bundle, &planned).await.unwrap();
    assert!(applied.iter().all(|one| matches!(one.result, Done::Changed | Done::Unchanged)), "{applied:#?}");
    assert!(stumble.early.load(Ordering::Relaxed) > 1 && stumble.late.load(Ordering::Relaxed) > 0);
    for name in ["early", "late", "sound"] {
        assert!(world.get(&format!("/api/v1/namespaces/race-stumble/configmaps/{name}")).await.is_some());
    }
}

/// Lets somebody else act between our look and our write.
#[derive(Clone)]
struct Rival(Arc<tokio::sync::Mutex<Option<World>>>);

impl Between for Rival {
    async fn before(&self, method: &Method, path: &str) -> Option<Response<Body>> {
        if method == Method::PATCH && path.ends_with("/shared") {
            let rival = self.0.lock().await.take();
            if let Some(rival) = rival {
                rival.must_deploy(&rival.bundle(&[config("shared", "theirs")])).await;
            }
        }
        None
    }
}

#[tokio::test]
async fn what_another_environment_creates_at_the_same_moment_stays_its_own() {
    let (mut ours, theirs) = (World::settled("race-rival").await, World::new("race-rival").await);
    let bundle = ours.bundle(&[config("shared", "ours")]);
    let planned = plan(&ours.look(&bundle).await);
    ours.cluster = through(&ours, Rival(Arc::new(Some(theirs).into()))).await;
    let applied = ours.run(&bundle, &planned).await.unwrap();
    assert!(
        matches!(&applied[0].result, Done::Failed(why) if why.contains("belongs to ApplySet")),
        "{applied:#?}"
    );
    let live = ours.get("/api/v1/namespaces/race-rival/configmaps/shared").await.unwrap();
    assert_eq!(live["data"]["key"], "theirs");
    let label = live["metadata"]["labels"]["applyset.kubernetes.io/part-of"].as_str().unwrap();
    assert_ne!(label, crate::cluster::owner::set(&ours.scope.environment));
}

/// A server that cannot list services for now.
#[derive(Clone)]
struct Unlisted(u16);

impl Between for Unlisted {
    async fn before(&self, method: &Method, path: &str) -> Option<Response<Body>> {
        (method == Method::GET && path == "/api/v1/services").then(|| unwell(self.0))
    }
}

#[tokio::test]
async fn an_inventory_is_not_rebuilt_from_half_of_the_answers() {
    let mut world = World::settled("race-rebuilt").await;
    world.must_deploy(&world.bundle(&[config("a", "1"), super::service()])).await;
    let parent = crate::cluster::owner::parent(&world.scope.environment);
    let path = format!("/api/v1/namespaces/tidegate/configmaps/{parent}");
    world.send(Method::DELETE, &path, &serde_json::json!({})).await.unwrap();
    for code in [429, 500, 503] {
        world.cluster = through(&world, Unlisted(code)).await;
        let error = world.cluster.own(&world.scope).await.unwrap_err();
        assert!(error.to_string().contains("could not list services"), "{error}");
    }
    // What can never be listed holds nothing up.
    world.cluster = through(&world, Unlisted(405)).await;
    assert_eq!(world.cluster.own(&world.scope).await.unwrap().unwrap().entries.len(), 1);
}

/// Counts what is under way at once.
#[derive(Clone, Default)]
struct Gauge {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Between for Gauge {
    async fn before(&self, _: &Method, _: &str) -> Option<Response<Body>> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        // Long enough that all that may come at once does.
        tokio::time::sleep(Duration::from_millis(20)).await;
        None
    }

    fn after(&self, _: &Method, _: &str, answer: Response<Body>) -> Response<Body> {
        self.now.fetch_sub(1, Ordering::SeqCst);
        answer
    }
}

#[tokio::test]
async fn never_more_than_sixteen_requests_are_under_way() {
    let mut world = World::settled("race-flight").await;
    let gauge = Gauge::default();
    world.cluster = through(&world, gauge.clone()).await;
    let maps: Vec<_> = (0..60).map(|n| config(&format!("map-{n}"), "1")).collect();
    world.must_deploy(&world.bundle(&maps)).await;
    world.must_deploy(&world.bundle(&maps[..1])).await;
    let most = gauge.most.load(Ordering::SeqCst);
    assert!((FLIGHT / 2..=FLIGHT).contains(&most), "{most}: many, and never more than {FLIGHT}");
}

/// Counts dry runs.
#[derive(Clone, Default)]
struct Tries(Arc<AtomicUsize>);

impl Between for Tries {
    async fn before(&self, method: &Method, _: &str) -> Option<Response<Body>> {
        if *method == Method::PATCH {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
        None
    }
}

/// Of a kind that no test's admission changes.
fn account(name: &str, value: &str) -> serde_json::Value {
    serde_json::json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "labels": {"key": value}}})
}

#[tokio::test]
async fn what_cannot_have_changed_is_not_tried_again() {
    let mut world = World::settled("race-memory").await;
    let policies = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
    world.must_deploy(&world.bundle(&[account("a", "1"), account("b", "1")])).await;
    let tries = Tries::default();
    world.cluster = through(&world, tries.clone()).await;
    let bundle = world.bundle(&[account("a", "2"), account("b", "2")]);
    let tried = async |bundle: &Bundle| {
        let before = tries.0.load(Ordering::SeqCst);
        let seen = world.look(bundle).await;
        (seen, tries.0.load(Ordering::SeqCst) - before)
    };
    // Other tests come and go with policies of their own: until nothing changes meanwhile.
    let mut settled = false;
    for _ in 0..20 {
        let (first, _) = tried(&bundle).await;
        let (again, count) = tried(&bundle).await;
        settled = count == 0;
        if settled {
            assert_eq!(first, again);
            break;
        }
    }
    assert!(settled, "it was tried again each time");
    let (_, count) = tried(&world.bundle(&[account("a", "3"), account("b", "2")])).await;
    assert!(count >= 1, "another payload");
    let changed = serde_json::json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "b", "labels": {"other": "x"}}});
    world.act_as("somebody", "/api/v1/namespaces/race-memory/serviceaccounts/b", &changed).await;
    assert!(tried(&bundle).await.1 >= 1, "another version of b");
    let policy = serde_json::json!({"apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "race-memory"}, "spec": {
            "matchConstraints": {"resourceRules": [{"apiGroups": ["nowhere.example.com"], "apiVersions": ["v1"],
                "resources": ["nothing"], "operations": ["CREATE"]}]},
            "validations": [{"expression": "true"}]}});
    world.send(Method::POST, policies, &policy).await.unwrap();
    assert_eq!(tried(&bundle).await.1, 2, "another policy");
}
