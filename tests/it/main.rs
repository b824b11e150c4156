//! Tests through the front door: a signed webhook in; the comment, the check and the target's state out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unused_self,
    clippy::unnecessary_fallible_conversions,
    reason = "a failing step fails the test and tells what it saw"
)]

mod applies;
mod architecture;
mod branches;
mod cli;
mod controlplane;
mod deploys;
mod edges;
mod faults;
mod fidelity;
mod hostile;
mod jail;
mod lives;
mod moves;
mod omitted;
mod permissions;
mod resilience;
mod secrets;
mod support;
mod versions;
mod volatile;
mod webhooks;
