//! Waiting until objects are ready: one watch per kind and namespace, and a look at the pods of what does not come up.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt;
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::cluster::FLIGHT;
use crate::cluster::address::Address;
use crate::cluster::apply::pods;
use crate::cluster::kinds::escape;
use crate::cluster::owner::PART_OF;
use crate::cluster::ready::{Goal, Hindrance, State, state};
use crate::cluster::wire::{Call, Trouble, Wire};
use crate::model::object::ObjectId;
use crate::model::permit::Permit;

/// How long something that looks hopeless may go on before it is believed: containers are restarted, images are pulled again.
/// Never more than a quarter of the patience.
const GRACE: Duration = Duration::from_secs(15);
/// How long a controller may keep silent on an object of its kind before that means: ready.
const SETTLE: Duration = Duration::from_secs(3);
/// From when on, and how often, the pods of a waiting workload are looked at.
const PODS: Duration = Duration::from_secs(3);
/// How many of them at a time: a controller that is slow with hundreds must not make us slow, too.
const EXAMINED: usize = 4;
const TICK: Duration = Duration::from_millis(500);
/// How long a watch may say nothing. We ask the server to end it after 60 s.
const DEAF: Duration = Duration::from_secs(75);
/// How long the cause of a failure is asked for. A server that does not answer in this time is not asked for the next one.
const CAUSE: Duration = Duration::from_secs(10);
/// Bytes of one event of a watch.
const LINE: usize = 8 << 20;

/// An object that was written and is not ready.
pub(super) struct Pending {
    /// Which change it belongs to; its name may end in `*`.
    pub id: ObjectId,
    /// Where it lies.
    pub address: Address,
    /// Its body as last seen, not cleaned.
    pub body: Value,
    /// What is waited for.
    pub goal: Goal,
    /// When it was written.
    pub since: Instant,
}

/// How waiting ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// It is ready.
    Ready,
    /// It will not be: why.
    Failed(String),
    /// The permit was withdrawn.
    Stopped,
}

/// What holds for all that is waited for at once.
#[derive(Clone, Copy)]
pub(super) struct Vigil<'a> {
    /// The connection.
    pub wire: &'a Wire,
    /// The ApplySet that everything belongs to.
    pub set: &'a str,
    /// How long it may take.
    pub patience: Duration,
    /// The right to go on.
    pub permit: &'a Permit,
}

/// Waits for all of them; each ends with its milliseconds since it was written.
pub(super) async fn wait(vigil: Vigil<'_>, pending: Vec<Pending>) -> HashMap<ObjectId, (End, u64)> {
    let mut groups: HashMap<String, Vec<Pending>> = HashMap::new();
    for one in pending {
        groups.entry(one.address.all()).or_default().push(one);
    }
    let watches: Vec<_> =
        groups.into_iter().map(|(path, group)| Watch::new(vigil, path, group).run()).collect();
    let mut ends = HashMap::new();
    // Not bounded by FLIGHT: a watch is an idle connection, and one that starves behind others would miss its deadline.
    let mut running = futures_util::stream::iter(watches).buffer_unordered(FLIGHT * 64);
    while let Some(group) = running.next().await {
        ends.extend(group);
    }
    ends
}

/// What is known of one pending object while it is watched.
struct Ward {
    pending: Pending,
    /// Since when it looks hopeless, and why.
    hopeless: Option<(Instant, String)>,
    /// When its pods were last looked at.
    asked: Instant,
}

struct Watch<'a> {
    vigil: Vigil<'a>,
    path: String,
    wards: HashMap<String, Ward>,
    ends: Vec<(ObjectId, (End, u64))>,
    /// The server did not answer when it was last asked.
    silent: bool,
}

impl<'a> Watch<'a> {
    fn new(vigil: Vigil<'a>, path: String, group: Vec<Pending>) -> Self {
        let wards = group
            .into_iter()
            .map(|pending| {
                let asked = pending.since;
                (pending.address.id.name.clone(), Ward { pending, hopeless: None, asked })
            })
            .collect();
        Self { vigil, path, wards, ends: Vec::new(), silent: false }
    }

    async fn run(mut self) -> Vec<(ObjectId, (End, u64))> {
        while !self.wards.is_empty() {
            match self.list().await {
                Ok(version) => {
                    self.silent = false;
                    self.follow(&version).await;
                }
                Err(Trouble::Silent(source)) => {
                    tracing::debug!(path = self.path, %source, "no answer on what is waited for");
                    self.silent = true;
                    sleep(TICK).await;
                }
                Err(trouble) => {
                    // Not allowed to list, or the server is unwell for a moment: ask for each until the deadline.
                    tracing::debug!(path = self.path, ?trouble, "cannot list what is waited for");
                    self.ask().await;
                    sleep(TICK).await;
                }
            }
            self.tick().await;
        }
        self.ends
    }

    /// The present state of all, and the version from which to watch.
    async fn list(&mut self) -> Result<String, Trouble> {
        let path = format!("{}?labelSelector={}", self.path, self.selector());
        let mut body = self.vigil.wire.call(&Call::get("list what is waited for", path)).await?.body;
        let items: Vec<Value> = match body.get_mut("items") {
            Some(Value::Array(items)) => std::mem::take(items),
            Some(_) | None => Vec::new(),
        };
        let mut there: HashMap<String, Value> =
            items.into_iter().map(|item| (text(&item, "/metadata/name").to_owned(), item)).collect();
        let names: Vec<String> = self.wards.keys().cloned().collect();
        for name in names {
            match there.remove(&name) {
                Some(item) => self.seen(&name, item).await,
                None => self.gone(&name),
            }
        }
        Ok(text(&body, "/metadata/resourceVersion").to_owned())
    }

    /// Watches until all are ready, the stream ends, or it is time to list again.
    async fn follow(&mut self, version: &str) {
        if self.wards.is_empty() {
            return;
        }
        let path = format!(
            "{}?watch=1&allowWatchBookmarks=true&timeoutSeconds=60&resourceVersion={}&labelSelector={}",
            self.path,
            escape(version),
            self.selector()
        );
        let Ok(mut body) = self.vigil.wire.open(&Call::get("watch what is waited for", path)).await else {
            sleep(TICK).await;
            return;
        };
        let mut buffer = Vec::new();
        let mut heard = Instant::now();
        let mut clock = interval(TICK);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.wards.is_empty() {
            tokio::select! {
                frame = body.frame() => {
                    let Some(Ok(frame)) = frame else { return };
                    heard = Instant::now();
                    self.silent = false;
                    let Ok(bytes) = frame.into_data() else { continue };
                    buffer.extend_from_slice(&bytes);
                    if buffer.len() > LINE || !self.digest(&mut buffer).await {
                        return;
                    }
                }
                _ = clock.tick() => {
                    self.tick().await;
                    // The server ends a watch by itself; one that is silent for longer is a dead connection.
                    if heard.elapsed() > DEAF {
                        return;
                    }
                }
            }
        }
    }

    /// Takes whole events off the buffer; false: the watch is over and must begin again.
    async fn digest(&mut self, buffer: &mut Vec<u8>) -> bool {
        while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = buffer.drain(..=end).collect();
            let Ok(mut event) = serde_json::from_slice::<Value>(&line) else { return false };
            let object = event.get_mut("object").map(Value::take).unwrap_or_default();
            let name = text(&object, "/metadata/name").to_owned();
            match text(&event, "/type") {
                "ADDED" | "MODIFIED" => self.seen(&name, object).await,
                "DELETED" => self.gone(&name),
                "BOOKMARK" => {}
                _ => return false,
            }
        }
        true
    }

    /// Where listing is not allowed: a GET each. A server that is silent is not asked for the next one: each silence lasts
    /// for several tries, and deadlines and the permit must be looked at between them.
    async fn ask(&mut self) {
        let calls: Vec<_> = self
            .wards
            .iter()
            .map(|(name, ward)| {
                (name.clone(), Call::get("get what is waited for", ward.pending.address.path()))
            })
            .collect();
        for (name, call) in calls {
            if !self.vigil.permit.holds() || self.late(&name) {
                return;
            }
            match self.vigil.wire.call(&call).await {
                Ok(answer) => {
                    self.silent = false;
                    self.seen(&name, answer.body).await;
                }
                Err(Trouble::Refused(refusal)) if refusal.is_missing() => self.gone(&name),
                Err(Trouble::Refused(_)) => {}
                Err(Trouble::Silent(_)) => {
                    self.silent = true;
                    return;
                }
            }
        }
    }

    /// Is the time of this one over?
    fn late(&self, name: &str) -> bool {
        self.wards.get(name).is_some_and(|ward| ward.pending.since.elapsed() >= self.vigil.patience)
    }

    async fn seen(&mut self, name: &str, mut body: Value) {
        let Some(ward) = self.wards.get_mut(name) else { return };
        // Items of a list do not say what they are.
        body["kind"] = ward.pending.address.id.kind.as_str().into();
        body["apiVersion"] = ward.pending.address.served.api_version().into();
        let now = state(&body, ward.pending.goal);
        ward.pending.body = body;
        match now {
            State::Ready => self.end(name, End::Ready),
            State::Failed(why) => self.fail(name, why).await,
            State::Failing(why) => {
                ward.hopeless.get_or_insert((Instant::now(), why));
            }
            // A workload's status moves while its pods crash; only a look at the pods ends the suspicion.
            State::Waiting(_) | State::Silent => {}
        }
    }

    /// A Job that removes itself when it is done has ended well if nobody saw it fail; anything else was deleted.
    fn gone(&mut self, name: &str) {
        let Some(ward) = self.wards.get(name) else { return };
        let short_lived = ward.pending.body.pointer("/spec/ttlSecondsAfterFinished").is_some();
        let end =
            if short_lived { End::Ready } else { End::Failed("it was deleted by somebody else".to_owned()) };
        self.end(name, end);
    }

    /// Deadlines, graces, the permit, and a look at the pods of what takes long.
    async fn tick(&mut self) {
        let names: Vec<String> = self.wards.keys().cloned().collect();
        let mut examined = 0;
        for name in names {
            if !self.vigil.permit.holds() {
                self.end(&name, End::Stopped);
                continue;
            }
            let Some(ward) = self.wards.get_mut(&name) else { continue };
            let (waited, now) = (ward.pending.since.elapsed(), state(&ward.pending.body, ward.pending.goal));
            if now == State::Silent && (waited >= SETTLE || !ward.pending.address.served.status) {
                self.end(&name, End::Ready);
                continue;
            }
            if waited >= self.vigil.patience {
                let why = match now {
                    State::Waiting(why) | State::Failing(why) | State::Failed(why) => why,
                    State::Silent | State::Ready => String::new(),
                };
                self.fail(&name, format!("not ready after {} s: {why}", waited.as_secs())).await;
                continue;
            }
            let due =
                waited >= PODS && ward.asked.elapsed() >= PODS && seen_by_controller(&ward.pending.body);
            if due && examined < EXAMINED {
                examined += 1;
                ward.asked = Instant::now();
                self.examine(&name, matches!(now, State::Failing(_))).await;
            }
        }
    }

    /// Looks for what keeps a waiting object: a claim's class, a workload's pods.
    async fn examine(&mut self, name: &str, failing: bool) {
        let Some(ward) = self.wards.get(name) else { return };
        let (wire, body) = (self.vigil.wire, ward.pending.body.clone());
        if ward.pending.address.id.kind == "PersistentVolumeClaim"
            && self.heard(waits_for_consumer(wire, &body)).await == Some(true)
        {
            return self.end(name, End::Ready);
        }
        let culprit = self.heard(pods::culprit(wire, &body)).await.flatten();
        let Some(ward) = self.wards.get_mut(name) else { return };
        match culprit {
            Some((_, Hindrance::Lasting(reason))) => {
                ward.hopeless.get_or_insert((Instant::now(), reason));
            }
            Some((_, Hindrance::Passing(_))) | None if !failing => ward.hopeless = None,
            Some((_, Hindrance::Passing(_))) | None => {}
        }
        if let Some((since, why)) = &ward.hopeless
            && since.elapsed() >= GRACE.min(self.vigil.patience / 4)
        {
            let why = why.clone();
            self.fail(name, why).await;
        }
    }

    /// Ends in failure, with what the pods and events say.
    async fn fail(&mut self, name: &str, why: String) {
        let Some(ward) = self.wards.get(name) else { return };
        let (wire, body) = (self.vigil.wire, ward.pending.body.clone());
        let told = self.heard(tell(wire, &body, &why)).await;
        self.end(name, End::Failed(told.unwrap_or(why)));
    }

    /// An answer, unless the server is silent.
    async fn heard<T>(&mut self, answer: impl Future<Output = T>) -> Option<T> {
        if self.silent {
            return None;
        }
        let heard = timeout(CAUSE, answer).await.ok();
        self.silent = heard.is_none();
        heard
    }

    fn end(&mut self, name: &str, end: End) {
        if let Some(ward) = self.wards.remove(name) {
            let millis = u64::try_from(ward.pending.since.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.ends.push((ward.pending.id, (end, millis)));
        }
    }

    fn selector(&self) -> String {
        escape(&format!("{PART_OF}={}", self.vigil.set))
    }
}

/// Is a claim's volume made only once a pod wants it? Then an unbound claim is as ready as it can be.
async fn waits_for_consumer(wire: &Wire, claim: &Value) -> bool {
    let class = text(claim, "/spec/storageClassName");
    if class.is_empty() {
        return false;
    }
    let path = format!("/apis/storage.k8s.io/v1/storageclasses/{}", escape(class));
    let answer = wire.call(&Call::get("get a StorageClass", path)).await;
    answer.is_ok_and(|answer| text(&answer.body, "/volumeBindingMode") == "WaitForFirstConsumer")
}

/// Why it failed, with what the pods and events say.
async fn tell(wire: &Wire, body: &Value, why: &str) -> String {
    let mut words = why.to_owned();
    if let Some((pod, reason)) = pods::culprit(wire, body).await {
        let reason = reason.words();
        let story = pods::story(wire, &pod, &reason).await;
        return if words == reason { story } else { format!("{words}\n{story}") };
    }
    let (namespace, uid) = (text(body, "/metadata/namespace"), text(body, "/metadata/uid"));
    for event in pods::events(wire, namespace, uid).await {
        words.push_str("\n  ");
        words.push_str(&event);
    }
    words
}

/// Has the controller taken the change up, so that there may be pods to look at?
fn seen_by_controller(body: &Value) -> bool {
    let number = |path: &str| body.pointer(path).and_then(Value::as_i64);
    match (number("/status/observedGeneration"), number("/metadata/generation")) {
        (Some(seen), Some(generation)) => seen >= generation,
        (None, _) => {
            body.get("status").is_some_and(|status| status.as_object().is_some_and(|map| !map.is_empty()))
        }
        (Some(_), None) => true,
    }
}

fn text<'a>(body: &'a Value, path: &str) -> &'a str {
    body.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use http::{Request, Response};
    use kube::client::Body;
    use serde_json::json;
    use tokio::time::Instant;

    use super::{End, Pending, Vigil, wait};
    use crate::cluster::address::Address;
    use crate::cluster::kinds::Served;
    use crate::cluster::ready::Goal;
    use crate::cluster::wire::Wire;
    use crate::model::object::Object;
    use crate::model::permit::Permit;

    fn pending(number: usize) -> Pending {
        let body = json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": format!("web-{number}"), "namespace": "shop", "generation": 1}});
        let id = Object::identify(&body).unwrap();
        let served = Served {
            group: "apps".to_owned(),
            version: "v1".to_owned(),
            plural: "deployments".to_owned(),
            namespaced: true,
            listed: true,
            status: true,
        };
        let address = Address { id: id.clone(), served, namespace: id.namespace.clone() };
        Pending { id, address, body, goal: Goal::Working, since: Instant::now() }
    }

    /// Listing is refused and every other request gets no answer; how many requests it took to wait for forty objects.
    async fn asked(permit: &Permit, patience: Duration) -> (Vec<End>, usize) {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let service = tower::service_fn(move |request: Request<Body>| {
            counted.fetch_add(1, Ordering::Relaxed);
            let list = request.uri().path().ends_with("/deployments");
            async move {
                if list {
                    return Ok(Response::builder().status(403).body(Body::empty()).unwrap());
                }
                Err(std::io::Error::other("no answer"))
            }
        });
        let wire = Wire::new(kube::Client::new(service, "default"), "test".to_owned(), "Tidegate".to_owned());
        let vigil = Vigil { wire: &wire, set: "set", patience, permit };
        let ends = wait(vigil, (0..40).map(pending).collect()).await;
        (ends.into_values().map(|(end, _)| end).collect(), count.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn a_silent_server_is_not_asked_for_each_object_in_turn() {
        let (ends, requests) = asked(&Permit::default(), Duration::from_secs(1)).await;
        assert_eq!(ends.len(), 40);
        assert!(ends.iter().all(|end| matches!(end, End::Failed(why) if why.contains("not ready after"))));
        assert!(requests < 20, "{requests}: one object, its tries, and no causes");
    }

    #[tokio::test]
    async fn a_withdrawn_permit_ends_it_at_once() {
        let permit = Permit::default();
        permit.revoke();
        let (ends, requests) = asked(&permit, Duration::from_mins(5)).await;
        assert!(ends.iter().all(|end| *end == End::Stopped));
        assert_eq!(requests, 1);
    }
}
