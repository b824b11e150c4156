//! The inventory as a file: what an environment owns among the files around it, stable to the byte so that a diff of it
//! tells what changed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::fault::Fault;
use crate::model::id::{Digest, EnvironmentId, Sha};
use crate::model::object::ObjectId;
use crate::model::view::{Inventory, Owned};

/// Where it lies, relative to the root of an environment.
pub(crate) const PATH: &str = ".tidegate/inventory.json";

/// Largest record read, in bytes: 20,000 objects need about 8 MiB.
pub(crate) const LARGEST: usize = 64 << 20;

/// The version of the format.
const VERSION: u32 = 1;

/// What lies in the file: the inventory, whose it is, and which deployment wrote it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    /// The environment that owns these files.
    pub environment: EnvironmentId,
    /// The deployment that wrote it last.
    pub deployment: String,
    /// What is owned.
    pub inventory: Inventory,
    /// The files of what runs at deploy time, by path.
    pub hooks: BTreeSet<String>,
}

/// The record as it is written.
#[derive(Serialize, Deserialize)]
struct Written {
    version: u32,
    environment: EnvironmentId,
    deployment: String,
    generation: u64,
    commit: Option<Sha>,
    tree: Option<Sha>,
    plan: Option<Digest>,
    /// Digest of the hooks whose files were written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ran: Option<Digest>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    rebuilt: bool,
    objects: Vec<Entry>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    hooks: BTreeSet<String>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    id: ObjectId,
    #[serde(flatten)]
    owned: Owned,
}

impl Record {
    /// Do both stand for the same files, whichever commit they came from?
    pub(crate) fn same_files(&self, other: &Self) -> bool {
        self.inventory.entries == other.inventory.entries
            && self.inventory.hooks == other.inventory.hooks
            && self.hooks == other.hooks
    }

    /// The record as pretty JSON, objects sorted by identity, with a final newline.
    pub(crate) fn write(&self) -> Vec<u8> {
        let entry = |(id, owned): (&ObjectId, &Owned)| Entry { id: id.clone(), owned: owned.clone() };
        let written = Written {
            version: VERSION,
            environment: self.environment.clone(),
            deployment: self.deployment.clone(),
            generation: self.inventory.generation,
            commit: self.inventory.commit.clone(),
            tree: self.inventory.tree.clone(),
            plan: self.inventory.plan,
            ran: self.inventory.hooks,
            rebuilt: self.inventory.rebuilt,
            objects: self.inventory.entries.iter().map(entry).collect(),
            hooks: self.hooks.clone(),
        };
        // Nothing in `Written` can fail to be JSON: its only map is made of structs with text keys.
        let mut bytes = serde_json::to_vec_pretty(&written).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Reads a record of `environment`. One that is broken, of a later version or of another environment is refused:
    /// to go on would delete or take over what is not known to be ours.
    pub(crate) fn read(bytes: &[u8], environment: &EnvironmentId) -> Result<Self, Fault> {
        let refuse = |why: String| {
            Fault::new(why)
                .file(PATH)
                .hint("put the file back as it was, or give the environment another place")
        };
        let written: Written = serde_json::from_slice(bytes)
            .map_err(|error| refuse(format!("the inventory cannot be read: {error}")))?;
        if written.version != VERSION {
            return Err(refuse(format!(
                "the inventory is of version {}; this Tidegate knows {VERSION}",
                written.version
            )));
        }
        if written.environment != *environment {
            return Err(refuse(format!(
                "what lies here belongs to environment {} of repository {}",
                written.environment.name, written.environment.repo
            )));
        }
        if let Some(path) = written.hooks.iter().find(|path| !is_hook(path)) {
            return Err(refuse(format!(
                "the inventory names {path:?} as a hook's file, where none of ours can lie"
            )));
        }
        let entries: BTreeMap<_, _> = written.objects.into_iter().map(|e| (e.id, e.owned)).collect();
        let inventory = Inventory {
            entries,
            commit: written.commit,
            tree: written.tree,
            plan: written.plan,
            generation: written.generation,
            hooks: written.ran,
            rebuilt: written.rebuilt,
        };
        Ok(Self {
            environment: written.environment,
            deployment: written.deployment,
            inventory,
            hooks: written.hooks,
        })
    }
}

/// Could this be the path of a hook's file? Such paths are removed when the hook is gone: one that leads elsewhere would
/// remove what is not ours.
fn is_hook(path: &str) -> bool {
    let rest = path.strip_prefix("_hooks/").and_then(|rest| rest.strip_suffix(".yaml"));
    rest.is_some_and(|rest| {
        rest.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0'))
    })
}
