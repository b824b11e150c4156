//! Two bundles and a view of the target to a plan. Pure: preview and apply call the same [`plan()`].
//!
//! The order of thought: which objects must be looked at ([`look`]), what each becomes ([`plan()`]), what every differing
//! path is due to ([`class`]), what is at stake ([`risk`]), what may be shown ([`mask`]), and which effect all of it has
//! ([`digest`]).

pub(crate) mod align;
pub(crate) mod class;
pub(crate) mod digest;
pub(crate) mod floor;
mod hooks;
pub(crate) mod look;
pub(crate) mod mask;
pub(crate) mod moves;
pub(crate) mod pair;
pub(crate) mod paths;
pub(crate) mod plan;
mod removal;
pub(crate) mod report;
pub(crate) mod risk;
pub(crate) mod unified;
mod uses;
mod written;

#[cfg(test)]
mod tests;

pub(crate) use plan::{Case, learn, plan};
