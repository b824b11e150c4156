//! What the server tells the jail: one JSON document on standard input.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The most bytes that a specification may have; the files of a large chart are named one by one.
pub(super) const BYTES: u64 = 32 << 20;

/// One run: what it may do, and who may end it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    /// Stands before what the jail itself has to say, so that the program cannot speak in its name.
    pub nonce: String,
    /// The process that waits for the run: the run ends with it.
    pub parent: u32,
    /// Whom to become; none keeps the user.
    pub user: Option<User>,
    /// Is a run refused where the kernel lacks a part of the jail?
    pub require: bool,
    /// Files and folders that may be read.
    pub read: Vec<PathBuf>,
    /// A folder that may be written in.
    pub write: Option<PathBuf>,
    /// Programs that may be started.
    pub starts: Vec<PathBuf>,
    /// The system's limits.
    pub limits: Limits,
}

/// A user who owns nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct User {
    /// Of this run alone.
    pub uid: u32,
    /// Of all runs: what they may read belongs to it.
    pub gid: u32,
}

/// What the system limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    /// Bytes of data of each process.
    pub data: Option<u64>,
    /// Bytes of one file.
    pub file: Option<u64>,
    /// Seconds of processor time of each process.
    pub cpu: Option<u64>,
    /// Open files of each process.
    pub open: u64,
    /// Processes and threads of the user.
    pub tasks: Option<u64>,
}
