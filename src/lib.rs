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
mod store;
mod terminal;
mod web;
mod work;
mod yaml;

pub use cli::run;
