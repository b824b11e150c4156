//! Which objects must be looked at, so that a large quiet environment costs nothing.

use crate::model::object::{Bundle, Object, ObjectId};
use crate::model::view::{Inventory, Owned};

/// What a target is asked about.
#[derive(Debug, Default)]
pub(crate) struct Candidates<'a> {
    /// Objects that should be there.
    pub wanted: Vec<&'a Object>,
    /// Objects that are owned and that the bundle no longer holds.
    pub gone: Vec<(ObjectId, Owned)>,
}

/// Objects whose rendered digest differs between base and merge, or from the digest last applied, or that another app
/// renders than before; and what is owned but no longer rendered. Without an inventory (nothing was deployed yet): everything.
pub(crate) fn candidates<'a>(
    base: Option<&Bundle>,
    merge: &'a Bundle,
    inventory: Option<&Inventory>,
) -> Candidates<'a> {
    let Some(inventory) = inventory else {
        return Candidates { wanted: merge.objects.iter().collect(), gone: Vec::new() };
    };
    let quiet = |object: &Object| {
        let digest = Some(object.digest());
        let owned = inventory.entries.get(&object.id);
        let applied = owned.is_some_and(|owned| owned.digest == digest && owned.stays(&object.origin.app));
        let same = base.is_none_or(|base| base.find(&object.id).map(Object::digest) == digest);
        applied && same && !object.generated()
    };
    Candidates {
        wanted: merge.objects.iter().filter(|object| !quiet(object)).collect(),
        gone: inventory
            .entries
            .iter()
            .filter(|(id, _)| merge.find(id).is_none())
            .map(|(id, owned)| (id.clone(), owned.clone()))
            .collect(),
    }
}
