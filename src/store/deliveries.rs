//! What GitHub sent, kept before it is answered, once per GitHub's id.

use jiff::Timestamp;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe, Transaction};

use crate::model::id::DeliveryId;
use crate::model::job::Job;
use crate::store::jobs::NewJob;
use crate::store::{Error, Store, Told, bounded, column, moment, parsed};

/// One webhook delivery as it came, its signature already checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// GitHub's id of it; a redelivery carries the same one.
    pub id: DeliveryId,
    /// The `X-GitHub-Event` header.
    pub event: String,
    /// The raw body.
    pub body: Vec<u8>,
    /// When it came.
    pub received: Timestamp,
}

/// Was a delivery seen before?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// No: it is stored now, and its intake is queued.
    New,
    /// Yes. If its intake had not ended, it is queued or running again.
    Known,
}

/// How many rows one INSERT takes: few different texts, so that the driver prepares each once.
const ROWS: [usize; 3] = [64, 8, 1];

impl Store {
    /// Stores one delivery and queues its intake, both or neither.
    pub(crate) async fn keep(&self, delivery: &Delivery, now: Timestamp) -> Result<Kept, Error> {
        let kept = self.keep_all(std::slice::from_ref(delivery), now).await?;
        Ok(kept.first().copied().unwrap_or(Kept::Known))
    }

    /// Stores many in one transaction: one write to the disk for all of them. The answers are in the order given.
    pub(crate) async fn keep_all(&self, deliveries: &[Delivery], now: Timestamp) -> Result<Vec<Kept>, Error> {
        let doing = "keeping deliveries";
        bounded(doing, async {
            // In one order everywhere, so that two replicas never wait for one another.
            let mut order: Vec<&Delivery> = deliveries.iter().collect();
            order.sort_by(|a, b| a.id.cmp(&b.id));
            order.dedup_by(|a, b| a.id == b.id);
            let mut tx = self.transaction(doing).await?;
            let mut new = insert(&mut tx, &order).await?;
            let mut wanted = Vec::with_capacity(order.len());
            for delivery in order {
                if new.binary_search(&delivery.id).is_ok() || unfinished(&mut tx, &delivery.id).await? {
                    let job = Job::Intake { delivery: delivery.id.clone() };
                    wanted.push(NewJob::new(self.next_id(now), &job, now, now)?);
                }
            }
            for rows in pieces(&wanted) {
                NewJob::insert_quietly(&mut tx, rows).await?;
            }
            tx.commit().await.told(doing)?;
            self.arrivals.send_replace(());
            // Of two with one id in the same batch the first is new and the second known.
            let answer = |delivery: &Delivery| match new.binary_search(&delivery.id) {
                Ok(at) => {
                    new.remove(at);
                    Kept::New
                }
                Err(_) => Kept::Known,
            };
            Ok(deliveries.iter().map(answer).collect())
        })
        .await
    }

    /// A stored delivery.
    pub(crate) async fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>, Error> {
        let doing = "reading a delivery";
        bounded(doing, async {
            let row = sqlx::query("SELECT id, event, body, received FROM deliveries WHERE id = $1")
                .bind(id.as_str())
                .fetch_optional(&self.read)
                .await
                .told(doing)?;
            let Some(row) = row else { return Ok(None) };
            Ok(Some(Delivery {
                id: parsed(column(&row, 0, doing)?, doing)?,
                event: column(&row, 1, doing)?,
                body: column(&row, 2, doing)?,
                received: moment(column(&row, 3, doing)?, doing)?,
            }))
        })
        .await
    }

    /// Forgets finished deliveries that came before `before`, at most 1,000; says how many, so that the caller goes on.
    /// GitHub redelivers for 3 days (7 on an own server); what is forgotten earlier would run a second time.
    pub(crate) async fn prune_deliveries(&self, before: Timestamp) -> Result<u64, Error> {
        let doing = "forgetting old deliveries";
        bounded(doing, async {
            let done = sqlx::query(
                "DELETE FROM deliveries WHERE id IN \
                 (SELECT id FROM deliveries WHERE received < $1 AND state = 'done' ORDER BY received LIMIT 1000)",
            )
            .bind(before.as_millisecond())
            .execute(&self.write)
            .await
            .told(doing)?;
            Ok(done.rows_affected())
        })
        .await
    }
}

/// Stores those that are not there yet and gives their ids, sorted.
async fn insert(
    tx: &mut Transaction<'static, Any>,
    deliveries: &[&Delivery],
) -> Result<Vec<DeliveryId>, Error> {
    let doing = "keeping deliveries";
    let mut new = Vec::with_capacity(deliveries.len());
    for rows in pieces(deliveries) {
        let text = values("INSERT INTO deliveries (id, event, body, received, state) VALUES ", rows.len(), 5);
        let mut query: Query<'_, Any, AnyArguments> =
            sqlx::query(AssertSqlSafe(text + " ON CONFLICT (id) DO NOTHING RETURNING id"));
        for delivery in rows {
            query = query
                .bind(delivery.id.as_str())
                .bind(&delivery.event)
                .bind(delivery.body.as_slice())
                .bind(delivery.received.as_millisecond())
                .bind("kept");
        }
        for row in query.fetch_all(&mut **tx).await.told(doing)? {
            new.push(parsed(column(&row, 0, doing)?, doing)?);
        }
    }
    new.sort();
    Ok(new)
}

/// Is this known delivery one whose intake neither ended nor is under way?
async fn unfinished(tx: &mut Transaction<'static, Any>, id: &DeliveryId) -> Result<bool, Error> {
    let doing = "looking whether a delivery was finished";
    let key = Job::Intake { delivery: id.clone() }.key();
    let row = sqlx::query(
        "SELECT id FROM deliveries WHERE id = $1 AND state = 'kept' \
         AND NOT EXISTS (SELECT 1 FROM jobs WHERE lane = $2 AND state = 'running') \
         AND NOT EXISTS (SELECT 1 FROM jobs WHERE key = $2 AND state = 'queued')",
    )
    .bind(id.as_str())
    .bind(key)
    .fetch_optional(&mut **tx)
    .await
    .told(doing)?;
    Ok(row.is_some())
}

/// `head` and one `($1, $2, …)` for each row.
pub(super) fn values(head: &str, rows: usize, columns: usize) -> String {
    let mut text = head.to_owned();
    for row in 0..rows {
        text.push_str(if row > 0 { ", (" } else { "(" });
        for column in 1..=columns {
            text.push_str(if column > 1 { ", $" } else { "$" });
            text.push_str(&(row * columns + column).to_string());
        }
        text.push(')');
    }
    text
}

/// The rows in pieces of the sizes in [`ROWS`].
fn pieces<T>(mut rows: &[T]) -> Vec<&[T]> {
    let mut pieces = Vec::new();
    while !rows.is_empty() {
        let size = ROWS.into_iter().find(|size| *size <= rows.len()).unwrap_or(1);
        let (piece, rest) = rows.split_at(size);
        pieces.push(piece);
        rows = rest;
    }
    pieces
}
