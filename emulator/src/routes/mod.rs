//! The REST interface by area. A route only shows the values or has an act change them.
//!
//! Routes are found by the operation ids of GitHub's description, so that the path of an operation is
//! written down in one place only: there.

mod app;
mod call;
mod checks;
mod commits;
mod contents;
mod deliveries;
mod deployments;
mod issues;
mod pulls;
mod references;
mod repository;

pub(crate) use call::Call;
pub(crate) use call::Reply;

use crate::core::World;
use crate::error::Refusal;

/// What answers an operation.
pub(crate) type Handler = fn(&mut World<'_>, &Call) -> Result<Reply, Refusal>;

/// The operations of one area.
type Area = &'static [(&'static str, Handler)];

const AREAS: &[Area] = &[
    app::ROUTES,
    deliveries::ROUTES,
    repository::ROUTES,
    references::ROUTES,
    commits::ROUTES,
    contents::ROUTES,
    checks::ROUTES,
    deployments::ROUTES,
    issues::ROUTES,
    pulls::ROUTES,
];

/// The handler of an operation; none when it is described but not emulated.
pub(crate) fn handler(operation: &str) -> Option<Handler> {
    let mut all = AREAS.iter().flat_map(|area| area.iter());
    all.find(|(id, _)| *id == operation).map(|(_, handler)| *handler)
}

/// The ids of all emulated operations.
pub(crate) fn emulated() -> impl Iterator<Item = &'static str> {
    AREAS.iter().flat_map(|area| area.iter()).map(|(id, _)| *id)
}
