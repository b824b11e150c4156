//! The Rust interface: tests set the scene, act as people and look at the outcome in the domain's words.

mod app;
mod hooks;
mod pull;
mod repository;
mod view;

pub use app::App;
pub use app::AppOptions;
pub use app::Installation;
pub use app::User;
pub use hooks::HookControl;
pub use pull::Pull;
pub use repository::MergeGroup;
pub use repository::Repository;
pub use view::CheckRun;
pub use view::Comment;
pub use view::Deployment;
pub use view::DeploymentStatus;
pub use view::PullView;
pub use view::Review;
