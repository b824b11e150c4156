//! The emulator from outside, as an app meets it: plain HTTP, Git and webhooks.
#![expect(clippy::unwrap_used, reason = "a failing helper fails the test")]

mod auth;
mod checks;
mod comments;
mod contract;
mod deployments;
mod faults;
mod git;
mod graphql;
mod permissions;
mod pulls;
mod receiver;
mod repositories;
mod scene;
mod webhooks;
