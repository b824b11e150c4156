//! Texts to values: the repository's file and commands. Pure.

pub(crate) mod command;
mod schema;
mod settings;

pub(crate) use schema::{plan_schema, schema};
#[cfg(test)]
pub(crate) use settings::settings;
pub(crate) use settings::{defaults, settings_over};
