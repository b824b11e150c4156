//! How the items of lists are told apart: by keys of theirs, as the API server merges them.

use std::collections::BTreeMap;

/// The keys of a kind's lists. A list is named by its place in the object, without positions: `/spec/template/spec/containers`,
/// `/spec/template/spec/containers/ports`. Lists that it does not name are compared by position.
///
/// <https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy>
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ListKeys(pub BTreeMap<String, Vec<String>>);
