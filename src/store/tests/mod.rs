//! Each body runs on SQLite and on PostgreSQL.

mod keeping;
mod postgres;
mod queue;
mod schema;

use std::time::Duration;

use jiff::Timestamp;

use crate::model::id::{EnvironmentId, InstallationId, PullNumber, Repo, RepoId};
use crate::model::job::Job;
use crate::store::Store;

/// A database that exists as long as this value.
pub(super) struct Place {
    url: String,
    _folder: Option<tempfile::TempDir>,
}

impl Place {
    async fn sqlite() -> Self {
        // The disk's flushes are not under test and cost seconds on a busy machine: in memory where that is to be had.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let url = format!("sqlite://{}", folder.path().join("tidegate.db").display());
        std::future::ready(Self { url, _folder: Some(folder) }).await
    }

    async fn postgres() -> Self {
        Self { url: postgres::database().await, _folder: None }
    }

    /// The database, as one more process would open it.
    async fn open(&self) -> Store {
        Store::open(&self.url, at(0)).await.unwrap()
    }
}

/// Declares each body as two tests, `sqlite::name` and `postgres::name`.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::Place::sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::Place::postgres().await).await;
            })*
        }
    };
}
use on_both;

/// A moment, in milliseconds after the beginning of all tests.
fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + millis).unwrap()
}

const LEASE: Duration = Duration::from_secs(1);

fn repo() -> Repo {
    Repo { installation: InstallationId(1), id: RepoId(u64::MAX - 7), name: "acme/shop".parse().unwrap() }
}

fn environment(name: &str) -> EnvironmentId {
    EnvironmentId { repo: repo().id, name: name.parse().unwrap() }
}

fn preview(pull: u64) -> Job {
    Job::Preview { repo: repo(), pull: PullNumber(pull) }
}

fn deploy(environment_name: &str, deployment: &str) -> Job {
    Job::Deploy { environment: environment(environment_name), deployment: deployment.to_owned() }
}
