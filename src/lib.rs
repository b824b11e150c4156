//! Tidegate: what the preview says is what happens, and nothing happens that no preview said.

mod app;
mod cli;
mod cluster;
mod comment;
mod config;
#[cfg(feature = "demo")]
pub mod controlplane;
#[cfg(feature = "demo")]
mod demo;
mod diff;
mod directory;
mod git;
mod github;
mod jail;
mod layout;
mod model;
mod parse;
mod process;
mod render;
mod schema;
mod store;
mod terminal;
mod web;
mod work;
mod yaml;

pub use cli::run;

/// The documents of a text as plain rendering reads them, for the benchmarks alone.
#[doc(hidden)]
pub fn read_yaml(text: &[u8]) -> Result<Vec<serde_json::Value>, String> {
    let read = yaml::each(text, &yaml::Limits::default(), |document| document.root.into_json());
    read.map(|(documents, _)| documents).map_err(|fault| fault.to_string())
}

/// What people read of a change from one object to another, for the benchmarks alone.
#[doc(hidden)]
pub fn unified(before: &serde_json::Value, after: &serde_json::Value) -> String {
    let word = |key: &str| after.get(key).and_then(serde_json::Value::as_str).unwrap_or_default();
    let group = word("apiVersion").split_once('/').map_or("", |(group, _)| group);
    diff::unified::aligned(before, after, &model::lists::ListKeys::shipped(group, word("kind")))
}
