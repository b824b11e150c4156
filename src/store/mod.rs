//! Adapter: the only room that knows sqlx. Deliveries, jobs, previews, bundles, deployments, locks.
//!
//! One SQL text serves SQLite and PostgreSQL; the two differ in how a transaction begins, in session settings, and in the
//! name of the type for bytes. Every statement is bounded in time ([`TIME`]) and every list in length. The time is passed
//! in, so that tests decide it; times are kept in whole milliseconds.
//!
//! What lies here is as secret as the clusters: bundles hold Secrets in clear, deliveries hold whatever people wrote, and
//! the masking key lets anybody who has it test guesses. A SQLite file is made readable for its owner only; a PostgreSQL
//! database needs the same care.

mod bundles;
mod deliveries;
mod deployments;
mod error;
mod jobs;
mod lease;
mod locks;
mod migrate;
mod names;
mod open;
mod previews;
#[cfg(test)]
#[cfg(feature = "parts")]
mod tests;
mod written;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretBox;
use sqlx::any::AnyRow;
use sqlx::{Any, AnyPool, Decode, Row, Transaction, Type};
use tokio::sync::watch;

pub(crate) use deliveries::{Delivery, Kept};
pub(crate) use error::{Error, Kind};
#[cfg(test)]
#[cfg(feature = "parts")]
pub(crate) use jobs::Pushed;
pub(crate) use locks::{Lock, Taken};
pub(crate) use names::Binding;
pub(crate) use previews::Shown;

/// The longest that one operation may take before it counts as weather.
const TIME: Duration = Duration::from_secs(20);

/// The key that masks secrets: equal values look equal, and only who has the key can test a guess.
pub(crate) type MaskKey = SecretBox<[u8; 32]>;

/// What Tidegate must not forget. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub(crate) struct Store {
    /// Where writes go: for SQLite a single connection, so that writers queue here and not at the file's lock.
    write: AnyPool,
    /// Where reads outside a transaction go.
    read: AnyPool,
    dialect: migrate::Dialect,
    /// The last job or preview id given out; ids grow within one process whatever the clock does.
    last: Arc<AtomicI64>,
    /// Told whenever this process may have made a job claimable.
    arrivals: Arc<watch::Sender<()>>,
    mask: Arc<MaskKey>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// The key that masks secrets, made when the database was first opened.
    pub(crate) fn mask_key(&self) -> &MaskKey {
        &self.mask
    }

    /// Does the database answer? For readiness probes.
    pub(crate) async fn ping(&self) -> Result<(), Error> {
        let doing = "a sign of life";
        bounded(doing, async {
            sqlx::query("SELECT version FROM migrations LIMIT 1").fetch_one(&self.read).await.told(doing)?;
            Ok(())
        })
        .await
    }

    /// Changes whenever this process has queued a job or freed a lane, so that a worker need not ask all the time. Jobs of
    /// other processes, and moments that come, are not told: ask now and then as well.
    pub(crate) fn arrivals(&self) -> watch::Receiver<()> {
        self.arrivals.subscribe()
    }

    /// Waits until every open statement has ended and closes the connections.
    pub(crate) async fn close(&self) {
        self.write.close().await;
        self.read.close().await;
    }

    /// A transaction that may write; dropped without a commit it is undone.
    async fn transaction(&self, doing: &'static str) -> Result<Transaction<'static, Any>, Error> {
        self.write.begin_with(self.dialect.begin()).await.told(doing)
    }

    /// A number greater than any that this process gave out before, from the time: 43 bits of milliseconds, 20 of count.
    /// Two processes may give out the same one within a millisecond; the primary key then refuses the second.
    fn next_id(&self, now: Timestamp) -> i64 {
        let wanted = (now.as_millisecond().max(0) << 20) | i64::from(u32::from(rand_u16()));
        let next = |last: i64| if wanted > last { wanted } else { last + 1 };
        // fetch_update's closure always answers, so both arms hold the previous value.
        let last = match self.last.fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| Some(next(last)))
        {
            Ok(last) | Err(last) => last,
        };
        next(last)
    }
}

/// Sixteen bits that two processes hardly share; zero where the system has no randomness, which costs nothing but a retry.
fn rand_u16() -> u16 {
    let mut bytes = [0; 2];
    match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => u16::from_ne_bytes(bytes),
        Err(_) => 0,
    }
}

/// Runs one operation within [`TIME`]; what is dropped at the deadline is rolled back by the driver.
async fn bounded<T>(doing: &'static str, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match tokio::time::timeout(TIME, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Error::Slow { doing, within: TIME }),
    }
}

/// Says what was being done when the driver failed.
trait Told<T> {
    fn told(self, doing: &'static str) -> Result<T, Error>;
}

impl<T> Told<T> for Result<T, sqlx::Error> {
    fn told(self, doing: &'static str) -> Result<T, Error> {
        self.map_err(|source| Error::from_driver(doing, source))
    }
}

/// A column of a row by its place in the SELECT.
fn column<'r, T: Decode<'r, Any> + Type<Any>>(
    row: &'r AnyRow,
    index: usize,
    doing: &'static str,
) -> Result<T, Error> {
    row.try_get(index).map_err(|source| Error::unreadable(doing, source))
}

/// A time that was kept as milliseconds.
fn moment(millis: i64, doing: &'static str) -> Result<Timestamp, Error> {
    Timestamp::from_millisecond(millis).map_err(|source| Error::unreadable(doing, source))
}

/// A JSON text that we wrote.
fn from_json<T: serde::de::DeserializeOwned>(text: &str, doing: &'static str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|source| Error::unreadable(doing, source))
}

/// A value as JSON text.
fn to_json<T: serde::Serialize>(value: &T, doing: &'static str) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|source| Error::unreadable(doing, source))
}

/// A name that validates itself.
fn parsed<T>(text: &str, doing: &'static str) -> Result<T, Error>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse().map_err(|source: T::Err| Error::unreadable(doing, source))
}
