//! Values: what flows through Tidegate, in the order in which it flows.
//!
//! Nothing here waits, reads a clock, or knows a foreign type. A delivery becomes an [`event`], an event a [`job`], a job
//! renders a bundle of [`object`]s, looks at a target ([`view`]), decides a [`plan`], and acts, which gives a [`report`].

pub(crate) mod canonical;
pub(crate) mod check;
pub(crate) mod command;
pub(crate) mod deployment;
pub(crate) mod event;
pub(crate) mod fault;
pub(crate) mod github;
pub(crate) mod hook;
pub(crate) mod host;
pub(crate) mod id;
pub(crate) mod job;
pub(crate) mod keep;
pub(crate) mod kinds;
pub(crate) mod lists;
pub(crate) mod object;
pub(crate) mod permit;
pub(crate) mod plan;
pub(crate) mod refusal;
pub(crate) mod report;
pub(crate) mod settings;
pub(crate) mod target;
pub(crate) mod version;
pub(crate) mod view;
pub(crate) mod volatile;
