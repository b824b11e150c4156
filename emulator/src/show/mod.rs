//! Writing the values as GitHub writes them: one full object per kind, with every key its schema demands.

mod app;
mod check;
mod commit;
mod deployment;
mod issue;
mod pull;
mod repository;
mod user;

pub(crate) use issue::REACTIONS;
pub(crate) use issue::author_association;
pub(crate) use user::extend;
