//! What an environment owns, kept in the cluster as the parent of an ApplySet (KEP-3659) without any CRD.
//!
//! The parent is a ConfigMap in namespace `tidegate`, named after the repository's id and the environment. It carries the
//! ApplySet's labels and annotations, the commit, and the first entries; further entries stand in maps of their
//! own, below the size that etcd allows. A new generation writes its own shards first, then the parent with a guard on
//! the version that was read, then removes the old shards: a reader sees one generation whole, and a second writer fails.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cluster::FLIGHT;
use crate::cluster::error::Error;
use crate::cluster::fields::applied_by_us;
use crate::cluster::kinds::{Kinds, Served, escape};
use crate::cluster::owner::{NAMESPACE, PART_OF, controlled, parent, set};
use crate::cluster::wire::{Answer, Call, Refusal, Trouble, Wire};
use crate::model::id::{Digest, EnvironmentId, Sha};
use crate::model::object::ObjectId;
use crate::model::target::Scope;
use crate::model::view::{Inventory, Owned};

/// Bytes of entries in one ConfigMap. etcd takes 1.5 MiB; what is added beside them is small.
const SHARD: usize = 400 << 10;
const MAPS: &str = "/api/v1/namespaces/tidegate/configmaps";
const ID: &str = "applyset.kubernetes.io/id";
const OF: &str = "tidegate.dev/environment";
/// The label of a shard, with the id of the ApplySet whose inventory it is part of.
const SHARD_OF: &str = "tidegate.dev/shard-of";
/// Lists without what the objects hold.
pub(super) const PARTIAL: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// An inventory as read, with what guards its next write.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    /// What it says.
    pub inventory: Inventory,
    /// The parent's resourceVersion.
    version: String,
    /// Names of its further shards.
    shards: Vec<String>,
}

/// The parent's own words.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    generation: u64,
    commit: Option<Sha>,
    tree: Option<Sha>,
    plan: Option<Digest>,
    #[serde(default)]
    hooks: Option<Digest>,
    #[serde(default)]
    rebuilt: bool,
    /// Further shards, with the digest of their text.
    shards: Vec<(String, Digest)>,
    /// Made up for each write, so that a writer who got no answer knows its own text from another's.
    nonce: String,
}

/// One entry, compactly: group, kind, namespace, name, uid, digest, app.
type Entry = (String, String, Option<String>, String, Option<String>, Option<Digest>, String);

/// Reads an environment's inventory; none if it has none yet.
pub(super) async fn read(wire: &Wire, environment: &EnvironmentId) -> Result<Option<Record>, Error> {
    let doing = format!("get the inventory of {environment}");
    let path = format!("{MAPS}/{}", escape(&parent(environment)));
    let Some(map) = wire.find(&Call::get(doing.as_str(), path)).await? else { return Ok(None) };
    let damaged = |why: String| Error::Damaged {
        target: wire.target().to_owned(),
        environment: environment.to_string(),
        why,
    };
    let head: Head = serde_json::from_str(data(&map, "head")).map_err(|error| damaged(error.to_string()))?;
    let mut texts = vec![data(&map, "entries").to_owned()];
    for (name, digest) in &head.shards {
        let call = Call::get(doing.as_str(), format!("{MAPS}/{}", escape(name)));
        let shard = wire.find(&call).await?.ok_or_else(|| damaged(format!("ConfigMap {name} is missing")))?;
        let text = data(&shard, "entries");
        if Digest::of(text.as_bytes()) != *digest {
            return Err(damaged(format!("ConfigMap {name} is not as it was written")));
        }
        texts.push(text.to_owned());
    }
    let mut entries = BTreeMap::new();
    for text in texts {
        let list: Vec<Entry> = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        for (group, kind, namespace, name, uid, digest, app) in list {
            entries.insert(ObjectId { group, kind, namespace, name }, Owned { uid, digest, app });
        }
    }
    let Head { generation, commit, tree, plan, hooks, rebuilt, shards, nonce: _ } = head;
    Ok(Some(Record {
        inventory: Inventory { entries, commit, tree, plan, generation, hooks, rebuilt },
        version: map
            .pointer("/metadata/resourceVersion")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        shards: shards.into_iter().map(|(name, _)| name).collect(),
    }))
}

/// Writes the next generation in place of `old`. Fails with [`Error::Moved`] if somebody wrote meanwhile.
pub(super) async fn write(
    wire: &Wire,
    environment: &EnvironmentId,
    old: Option<&Record>,
    mut inventory: Inventory,
) -> Result<Record, Error> {
    inventory.generation = old.map_or(0, |old| old.inventory.generation) + 1;
    let name = parent(environment);
    let doing = format!("write the inventory of {environment}");
    let mut texts = shards(&inventory).into_iter();
    let first = texts.next().unwrap_or_else(|| "[]".to_owned());
    let mut names = Vec::new();
    // Nobody else's: a writer that was held up must not write over the shards of the one that won.
    let own = nonce();
    for (index, text) in texts.enumerate() {
        let shard = format!("{name}.{}.x{own}.{index}", inventory.generation);
        put_shard(wire, &doing, &shard, (environment, &text)).await?;
        names.push((shard, Digest::of(text.as_bytes())));
    }
    let body = head(environment, &inventory, &names, &first);
    let written = match put_parent(wire, &doing, old, body).await {
        Ok(written) => written,
        Err(Trouble::Refused(Refusal { code: 409 | 404, .. })) => {
            return Err(Error::Moved {
                target: wire.target().to_owned(),
                environment: environment.to_string(),
            });
        }
        Err(trouble) => return Err(wire.error(&doing, trouble)),
    };
    let old = old.map(|old| old.shards.as_slice()).unwrap_or_default();
    if !old.is_empty() || !names.is_empty() {
        sweep(wire, &doing, environment, (inventory.generation, old, &names)).await;
    }
    Ok(Record {
        inventory,
        version: written
            .pointer("/metadata/resourceVersion")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        shards: names.into_iter().map(|(name, _)| name).collect(),
    })
}

/// Deletes the shards of earlier generations, and what runs left that ended before their parent. What stays behind does no
/// harm: nothing points to it any more.
async fn sweep(
    wire: &Wire,
    doing: &str,
    environment: &EnvironmentId,
    (generation, old, new): (u64, &[String], &[(String, Digest)]),
) {
    let mut call = Call::get(
        doing,
        format!("{MAPS}?labelSelector={}", escape(&format!("{SHARD_OF}={}", set(environment)))),
    );
    call.accept = PARTIAL;
    // Where listing is not allowed, only what the last generation named is known.
    let list = wire.call(&call).await.map(|answer| answer.body).unwrap_or_default();
    let listed = list.get("items").and_then(Value::as_array).into_iter().flatten();
    let listed = listed.filter_map(|item| item.pointer("/metadata/name")?.as_str());
    let parent = parent(environment);
    let mut over: BTreeSet<&str> = listed.filter(|name| outdated(name, &parent, generation)).collect();
    over.extend(old.iter().map(String::as_str));
    for shard in over.into_iter().filter(|name| new.iter().all(|(new, _)| new != name)) {
        let call = Call::send(Method::DELETE, doing, format!("{MAPS}/{}", escape(shard))).safe();
        if let Err(trouble) = wire.call(&call).await {
            tracing::debug!(shard, ?trouble, "an old shard of the inventory stays behind");
        }
    }
}

/// Is this a shard of this generation or an earlier one? A later one's writer may still be at work.
fn outdated(shard: &str, parent: &str, generation: u64) -> bool {
    let rest = shard.strip_prefix(parent).and_then(|rest| rest.strip_prefix('.'));
    let of = rest.and_then(|rest| rest.split('.').next()?.parse::<u64>().ok());
    of.is_some_and(|of| of <= generation)
}

/// What an environment owns by its marks, for when its record was lost: everything with its label that we applied
/// ourselves. None: nothing. What may not be listed is left out, so a rebuilt inventory is never complete for sure.
pub(super) async fn rebuild(wire: &Wire, kinds: &Kinds, scope: &Scope) -> Result<Option<Inventory>, Error> {
    let set = set(&scope.environment);
    let tasks: Vec<_> =
        kinds.all().map(|(kind, served)| marked((wire, kinds), kind, served, (&set, scope))).collect();
    let lists: Vec<_> = futures_util::stream::iter(tasks).buffer_unordered(FLIGHT).collect().await;
    let mut entries = BTreeMap::new();
    for list in lists {
        entries.extend(list?);
    }
    let inventory = Inventory { entries, rebuilt: true, ..Inventory::default() };
    Ok((!inventory.entries.is_empty()).then_some(inventory))
}

/// The marked objects of one kind, anywhere, or where only that is allowed, in the environment's own namespace.
async fn marked(
    (wire, kinds): (&Wire, &Kinds),
    kind: &str,
    served: &Served,
    (set, scope): (&str, &Scope),
) -> Result<Vec<(ObjectId, Owned)>, Error> {
    let selector = escape(&format!("{PART_OF}={set}"));
    for namespace in [None, scope.namespace.as_deref()] {
        let mut call = Call::get(
            format!("list {}", served.plural),
            format!("{}?labelSelector={selector}", served.all(namespace)),
        );
        call.accept = PARTIAL;
        let items = match wire.call(&call).await {
            Ok(answer) => answer.body.get("items").and_then(Value::as_array).cloned().unwrap_or_default(),
            Err(Trouble::Refused(Refusal { code: 403, .. })) => continue,
            // Kinds that cannot be listed, or whose own API server is away: to wait for that could be for ever.
            Err(Trouble::Refused(refusal)) if !refusal.is_weather() || kinds.is_stale(&served.group) => {
                return Ok(Vec::new());
            }
            // To go on without what it would have listed would leave that behind, owned by nobody.
            Err(trouble) => return Err(wire.error(&call.doing, trouble)),
        };
        let text = |item: &Value, path: &str| item.pointer(path).and_then(Value::as_str).map(str::to_owned);
        return Ok(items
            .iter()
            .filter(|item| applied_by_us(item) && !controlled(item))
            .filter_map(|item| {
                let id = ObjectId {
                    group: served.group.clone(),
                    kind: kind.to_owned(),
                    namespace: text(item, "/metadata/namespace"),
                    name: text(item, "/metadata/name")?,
                };
                let app = String::new();
                Some((id, Owned { uid: text(item, "/metadata/uid"), digest: None, app }))
            })
            .collect());
    }
    Ok(Vec::new())
}

/// The names of all environments that keep an inventory here, by their sets' ids; none where that may not be read.
pub(super) async fn neighbours(wire: &Wire) -> BTreeMap<String, String> {
    let call = Call::get("list inventories", format!("{MAPS}?labelSelector={}&limit=500", escape(ID)));
    let Ok(answer) = wire.call(&call).await else { return BTreeMap::new() };
    let items = answer.body.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    items
        .iter()
        .filter_map(|item| {
            let set = item.pointer("/metadata/labels")?.get(ID)?.as_str()?;
            let name = item.pointer("/metadata/annotations")?.get(OF)?.as_str()?;
            let (repo, name) = name.split_once('/')?;
            Some((set.to_owned(), format!("environment {name} of repository {repo}")))
        })
        .collect()
}

/// Creates or replaces the parent, guarded by the version that was read. Sending it again is safe: where the first try took
/// effect the second is refused, and looking tells our own text from another's.
async fn put_parent(
    wire: &Wire,
    doing: &str,
    old: Option<&Record>,
    mut body: Value,
) -> Result<Value, Trouble> {
    let name = body.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let path = format!("{MAPS}/{}", escape(&name));
    let call = match old {
        Some(old) => {
            body["metadata"]["resourceVersion"] = old.version.as_str().into();
            Call::send(Method::PUT, doing, path.as_str()).json(&body).safe()
        }
        None => Call::send(Method::POST, doing, MAPS).json(&body).safe(),
    };
    let mut result = wire.call(&call).await;
    if homeless(&result) {
        house(wire).await?;
        result = wire.call(&call).await;
    }
    match result {
        Ok(answer) => Ok(answer.body),
        Err(trouble) => {
            // Silence, a conflict with our own first try, or a server error after the write: look whether it is there.
            match wire.call(&Call::get(doing, path)).await {
                Ok(answer) if answer.body.get("data") == body.get("data") => Ok(answer.body),
                Ok(_) | Err(_) => Err(trouble),
            }
        }
    }
}

/// Writes a shard of a generation to come. As long as the parent does not name it, nobody reads it.
async fn put_shard(
    wire: &Wire,
    doing: &str,
    name: &str,
    (environment, text): (&EnvironmentId, &str),
) -> Result<(), Error> {
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {SHARD_OF: set(environment)},
            "annotations": {OF: environment.to_string()}},
        "data": {"entries": text}});
    let path = format!("{MAPS}/{}?fieldManager=tidegate&force=true", escape(name));
    let call = Call::send(Method::PATCH, doing, path).apply(&body).safe();
    let mut result = wire.call(&call).await;
    if homeless(&result) {
        house(wire).await.map_err(|trouble| wire.error("create namespace tidegate", trouble))?;
        result = wire.call(&call).await;
    }
    result.map(|_| ()).map_err(|trouble| wire.error(doing, trouble))
}

/// Is it only our namespace that is missing?
fn homeless(result: &Result<Answer, Trouble>) -> bool {
    matches!(result, Err(Trouble::Refused(refusal)) if refusal.is_missing() && refusal.kind == "namespaces")
}

/// Creates our namespace, unless somebody else just did.
async fn house(wire: &Wire) -> Result<(), Trouble> {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    let create = Call::send(Method::POST, "create namespace tidegate", "/api/v1/namespaces").json(&namespace);
    match wire.call(&create).await {
        Ok(_) | Err(Trouble::Refused(Refusal { code: 409, .. })) => Ok(()),
        Err(trouble) => Err(trouble),
    }
}

fn head(
    environment: &EnvironmentId,
    inventory: &Inventory,
    shards: &[(String, Digest)],
    first: &str,
) -> Value {
    let kinds: BTreeSet<String> = inventory
        .entries
        .keys()
        .map(|id| if id.group.is_empty() { id.kind.clone() } else { format!("{}.{}", id.kind, id.group) })
        .collect();
    let namespaces: BTreeSet<&str> =
        inventory.entries.keys().filter_map(|id| id.namespace.as_deref()).collect();
    let join = |parts: Vec<&str>| parts.join(",");
    let head = Head {
        generation: inventory.generation,
        commit: inventory.commit.clone(),
        tree: inventory.tree.clone(),
        plan: inventory.plan,
        hooks: inventory.hooks,
        rebuilt: inventory.rebuilt,
        shards: shards.to_vec(),
        nonce: nonce(),
    };
    json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": parent(environment),
            "namespace": NAMESPACE,
            "labels": {ID: set(environment)},
            "annotations": {
                "applyset.kubernetes.io/tooling": concat!("tidegate/v", env!("CARGO_PKG_VERSION")),
                "applyset.kubernetes.io/contains-group-kinds": join(kinds.iter().map(String::as_str).collect()),
                "applyset.kubernetes.io/additional-namespaces": join(namespaces.into_iter().collect()),
                OF: environment.to_string(),
            }},
        "data": {"head": json!(head).to_string(), "entries": first}})
}

/// Random text. A system without randomness gives none, and then one writer may be taken for another.
fn nonce() -> String {
    let mut bytes = [0_u8; 12];
    match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => hex::encode(bytes),
        Err(_) => String::new(),
    }
}

/// The entries as texts of at most [`SHARD`] bytes each, one entry a line.
fn shards(inventory: &Inventory) -> Vec<String> {
    let mut texts = Vec::new();
    let mut text = String::from("[");
    for (id, owned) in &inventory.entries {
        let entry: Entry = (
            id.group.clone(),
            id.kind.clone(),
            id.namespace.clone(),
            id.name.clone(),
            owned.uid.clone(),
            owned.digest,
            owned.app.clone(),
        );
        let line = json!(entry).to_string();
        if text.len() > 1 && text.len() + line.len() > SHARD {
            text.push(']');
            texts.push(std::mem::replace(&mut text, String::from("[")));
        }
        if text.len() > 1 {
            text.push_str(",\n");
        }
        text.push_str(&line);
    }
    text.push(']');
    texts.push(text);
    texts
}

fn data<'a>(map: &'a Value, key: &str) -> &'a str {
    map.get("data").and_then(|data| data.get(key)).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::outdated;

    #[test]
    fn only_shards_that_nobody_can_still_need_are_swept() {
        let parent = "tidegate.7.prod";
        assert!(outdated("tidegate.7.prod.3.xab.0", parent, 4));
        assert!(outdated("tidegate.7.prod.4.xab.0", parent, 4));
        assert!(!outdated("tidegate.7.prod.5.xab.0", parent, 4), "its writer may be at work");
        for other in ["tidegate.7.prod", "tidegate.7.prod-2.3.xab.0", "tidegate.77.prod.3.x.0"] {
            assert!(!outdated(other, parent, 4), "{other}");
        }
    }
}
