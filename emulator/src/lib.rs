//! A stateful GitHub for the tests of GitHub Apps.
//!
//! [`Emulator::start`] opens a loopback port that speaks GitHub's REST interface, Git's smart HTTP and
//! GraphQL, keeps users, repositories and pull requests as real values and real Git repositories, and sends
//! signed webhooks. REST and webhooks are held to GitHub's own published description, GraphQL documents to a list of
//! fields ([`contract`]).
//!
//! How one request travels: `server` reads it, a fault of `fault` may strike, `server::gate` asks the
//! [`contract`] what it means and `auth` who is calling, a route of `routes` has an act of `acts` change
//! the values of `state` and Git, `show` writes the answer as GitHub does, and the act tells the apps
//! through `hooks`.

mod acts;
mod auth;
mod clock;
pub mod contract;
mod core;
mod emulator;
mod error;
mod fault;
mod git;
mod graphql;
mod handle;
mod hooks;
mod record;
mod routes;
mod server;
mod show;
mod state;

pub use acts::MergeMethod;
pub use clock::Clock;
pub use emulator::Emulator;
pub use emulator::Options;
pub use emulator::TokenStyle;
pub use error::Error;
pub use error::StartError;
pub use fault::Fault;
pub use fault::FaultKind;
pub use handle::App;
pub use handle::AppOptions;
pub use handle::CheckRun;
pub use handle::Comment;
pub use handle::Deployment;
pub use handle::DeploymentStatus;
pub use handle::HookControl;
pub use handle::Installation;
pub use handle::MergeGroup;
pub use handle::Pull;
pub use handle::PullView;
pub use handle::Repository;
pub use handle::Review;
pub use handle::User;
pub use hooks::Delivery;
pub use hooks::HookMode;
pub use record::RequestRecord;
pub use state::issue::Verdict;
pub use state::repository::Protection;
pub use state::repository::RequiredCheck;
pub use state::repository::Visibility;
pub use state::user::Kind;
pub use state::user::Membership;
pub use state::user::Role;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
