//! Deployments: queued together with their job, written only by the worker that holds that job.

use jiff::Timestamp;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe, Transaction};

use crate::model::deployment::{Deployment, State};
use crate::model::id::{EnvironmentId, PullNumber, RepoId};
use crate::model::job::{Job, Leased};
use crate::store::jobs::NewJob;
use crate::store::lease::held;
use crate::store::{Error, Store, Told, bounded, column, from_json, to_json};

impl Store {
    /// Keeps a new deployment and queues the job that runs it, both or neither. False: one with this id is there already
    /// and nothing was changed. An id made from the job that decided it makes the decision safe to repeat.
    pub(crate) async fn queue_deployment(
        &self,
        deployment: &Deployment,
        now: Timestamp,
    ) -> Result<bool, Error> {
        Ok(self.queue_deployments(std::slice::from_ref(deployment), now).await? == 1)
    }

    /// The same for several: all of them or none, so that no job sees the first without the last. How many were new.
    pub(crate) async fn queue_deployments(
        &self,
        deployments: &[Deployment],
        now: Timestamp,
    ) -> Result<usize, Error> {
        let doing = "queueing deployments";
        bounded(doing, async {
            let mut tx = self.transaction(doing).await?;
            let mut new = 0;
            for deployment in deployments {
                if insert(&mut tx, deployment).await? {
                    let job = Job::Deploy {
                        environment: deployment.environment.clone(),
                        deployment: deployment.id.clone(),
                    };
                    NewJob::new(self.next_id(now), &job, now, now)?.push(&mut tx).await?;
                    new += 1;
                }
            }
            tx.commit().await.told(doing)?;
            self.arrivals.send_replace(());
            Ok(new)
        })
        .await
    }

    /// Writes how a deployment stands. `leased` is the proof that the writer may: if its job was taken over meanwhile,
    /// nothing is written and [`Error::Fenced`] says so. False: it has ended in another state (somebody cancelled it), it
    /// stays so, and the writer must not go on.
    #[must_use = "a deployment that was cancelled must not run"]
    pub(crate) async fn update_deployment(
        &self,
        leased: &Leased,
        deployment: &Deployment,
    ) -> Result<bool, Error> {
        let doing = "updating a deployment";
        let body = to_json(deployment, doing)?;
        bounded(doing, async {
            let mut tx = self.transaction(doing).await?;
            held(&mut tx, leased).await?;
            let done = sqlx::query(
                "UPDATE deployments SET state = $1, began = $2, changed = $3, body = $4 \
                 WHERE id = $5 AND (state = $1 OR state IN ('queued', 'running'))",
            )
            .bind(deployment.state.word())
            .bind(began(deployment))
            .bind(deployment.changed.as_millisecond())
            .bind(body)
            .bind(&deployment.id)
            .execute(&mut *tx)
            .await
            .told(doing)?;
            tx.commit().await.told(doing)?;
            Ok(done.rows_affected() == 1)
        })
        .await
    }

    /// Cancels a deployment that has not begun, in these words; false: it runs or has ended. Needs no lease: who is about
    /// to begin finds it cancelled and does not, and its job tells it.
    pub(crate) async fn cancel_deployment(
        &self,
        id: &str,
        words: &str,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let doing = "cancelling a deployment";
        bounded(doing, async {
            let mut tx = self.transaction(doing).await?;
            // Changing it locks it: what its worker keeps meanwhile, such as GitHub's record, is not overwritten.
            let row = sqlx::query(
                "UPDATE deployments SET state = 'cancelled' WHERE id = $1 AND state = 'queued' RETURNING body",
            )
            .bind(id)
            .fetch_optional(&mut *tx)
            .await
            .told(doing)?;
            let Some(row) = row else { return Ok(false) };
            let kept: Deployment = from_json(column(&row, 0, doing)?, doing)?;
            let cancelled =
                Deployment { state: State::Cancelled, message: words.to_owned(), changed: now, ..kept };
            sqlx::query("UPDATE deployments SET changed = $1, body = $2 WHERE id = $3")
                .bind(now.as_millisecond())
                .bind(to_json(&cancelled, doing)?)
                .bind(id)
                .execute(&mut *tx)
                .await
                .told(doing)?;
            tx.commit().await.told(doing)?;
            Ok(true)
        })
        .await
    }

    /// Asks a deployment that runs to stop at its next safe point, in these words; false: it does not run.
    pub(crate) async fn stop_deployment(&self, id: &str, words: &str) -> Result<bool, Error> {
        let doing = "asking a deployment to stop";
        bounded(doing, async {
            let done = sqlx::query("UPDATE deployments SET stop = $1 WHERE id = $2 AND state = 'running'")
                .bind(words)
                .bind(id)
                .execute(&self.write)
                .await
                .told(doing)?;
            Ok(done.rows_affected() == 1)
        })
        .await
    }

    /// The words in which somebody asked it to stop; none: nobody has.
    pub(crate) async fn stop_asked(&self, id: &str) -> Result<Option<String>, Error> {
        let doing = "looking whether a deployment is to stop";
        bounded(doing, async {
            let row = sqlx::query("SELECT stop FROM deployments WHERE id = $1 AND stop IS NOT NULL")
                .bind(id)
                .fetch_optional(&self.read)
                .await
                .told(doing)?;
            row.as_ref().map(|row| column(row, 0, doing)).transpose()
        })
        .await
    }

    /// A deployment by its id.
    pub(crate) async fn deployment(&self, id: &str) -> Result<Option<Deployment>, Error> {
        let id = id.to_owned();
        let found = self.deployments("WHERE id = $1 ORDER BY id LIMIT 1", |query| query.bind(id)).await?;
        Ok(found.into_iter().next())
    }

    /// The newest deployment of an environment that began to write, however it ended: what it holds is this one's.
    pub(crate) async fn last_begun(&self, of: &EnvironmentId) -> Result<Option<Deployment>, Error> {
        let found =
            self.deployments_in(of, "AND began IS NOT NULL ORDER BY began DESC, id DESC LIMIT 1").await?;
        Ok(found.into_iter().next())
    }

    /// The deployment of an environment that ended last of those in which everything happened, or was so already.
    pub(crate) async fn last_success(&self, of: &EnvironmentId) -> Result<Option<Deployment>, Error> {
        let found =
            self.deployments_in(of, "AND state = 'succeeded' ORDER BY changed DESC, id DESC LIMIT 1").await?;
        Ok(found.into_iter().next())
    }

    /// The deployments of an environment, whatever their state, in the order of queueing, newest first; at most 50.
    pub(crate) async fn recent_deployments(&self, of: &EnvironmentId) -> Result<Vec<Deployment>, Error> {
        self.deployments_in(of, "ORDER BY created DESC, id DESC LIMIT 50").await
    }

    /// What waits or runs in an environment, in its order, at most 200: a deployment's index is its place in the queue.
    pub(crate) async fn open_deployments(&self, of: &EnvironmentId) -> Result<Vec<Deployment>, Error> {
        self.deployments_in(of, "AND state IN ('queued', 'running') ORDER BY created, id LIMIT 200").await
    }

    /// The newest deployments that a pull request caused, newest first, at most 200.
    pub(crate) async fn deployments_of(
        &self,
        repo: RepoId,
        pull: PullNumber,
    ) -> Result<Vec<Deployment>, Error> {
        let which = "WHERE repo = $1 AND pull = $2 ORDER BY created DESC, id DESC LIMIT 200";
        self.deployments(which, |query| query.bind(repo.0.cast_signed()).bind(pull.0.cast_signed())).await
    }

    async fn deployments_in(&self, of: &EnvironmentId, rest: &'static str) -> Result<Vec<Deployment>, Error> {
        let (repo, name) = (of.repo.0.cast_signed(), of.name.as_str().to_owned());
        let which = format!("WHERE repo = $1 AND environment = $2 {rest}");
        self.deployments(&which, |query| query.bind(repo).bind(name)).await
    }

    /// `which` is made of constants of this file only.
    async fn deployments(
        &self,
        which: &str,
        bind: impl FnOnce(Query<'_, Any, AnyArguments>) -> Query<'_, Any, AnyArguments>,
    ) -> Result<Vec<Deployment>, Error> {
        let doing = "reading deployments";
        let text = AssertSqlSafe(format!("SELECT body FROM deployments {which}"));
        bounded(doing, async {
            let rows = bind(sqlx::query(text)).fetch_all(&self.read).await.told(doing)?;
            rows.iter().map(|row: &AnyRow| from_json(column(row, 0, doing)?, doing)).collect()
        })
        .await
    }
}

fn began(deployment: &Deployment) -> Option<i64> {
    deployment.began.as_ref().map(|began| began.at.as_millisecond())
}

/// False: one with this id is there already.
async fn insert(tx: &mut Transaction<'static, Any>, deployment: &Deployment) -> Result<bool, Error> {
    let doing = "queueing a deployment";
    let done = sqlx::query(
        "INSERT INTO deployments (id, repo, environment, pull, state, created, began, changed, body) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING",
    )
    .bind(&deployment.id)
    .bind(deployment.environment.repo.0.cast_signed())
    .bind(deployment.environment.name.as_str())
    .bind(deployment.pull.map(|pull| pull.0.cast_signed()))
    .bind(deployment.state.word())
    .bind(deployment.created.as_millisecond())
    .bind(began(deployment))
    .bind(deployment.changed.as_millisecond())
    .bind(to_json(deployment, doing)?)
    .execute(&mut **tx)
    .await
    .told(doing)?;
    Ok(done.rows_affected() == 1)
}
