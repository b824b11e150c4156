//! What was shown on pull requests, and when: a command is bound to what its writer could have seen.

use jiff::Timestamp;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe};

use crate::model::id::{Digest, PullNumber, RepoId, Sha};
use crate::model::plan::Preview;
use crate::store::{Error, Store, Told, bounded, column, from_json, moment, to_json};

/// A preview that was completed, as it was shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shown {
    /// Where.
    pub repo: RepoId,
    /// On which pull request.
    pub pull: PullNumber,
    /// The plans, masked.
    pub preview: Preview,
    /// Digest of the `.tidegate.yaml` that was in force; none: there was none.
    pub config: Option<Digest>,
    /// The comment as it was written; empty: none was.
    pub comment: String,
    /// When GitHub had it all, by GitHub's clock where it is known.
    pub completed: Timestamp,
}

/// The part of a preview that is kept as JSON.
#[derive(serde::Serialize, serde::Deserialize)]
struct Body {
    preview: Preview,
    config: Option<Digest>,
    comment: String,
}

/// The columns that a preview is read from.
const SELECT: &str = "SELECT repo, pull, completed, body FROM previews ";

impl Store {
    /// Keeps what was shown. Earlier previews of the pull request stay: an older comment may be bound to them.
    pub(crate) async fn save_preview(&self, shown: &Shown, now: Timestamp) -> Result<(), Error> {
        let doing = "keeping a preview";
        let body =
            Body { preview: shown.preview.clone(), config: shown.config, comment: shown.comment.clone() };
        let body = to_json(&body, doing)?;
        bounded(doing, async {
            let id = self.next_id(now);
            let mut tx = self.transaction(doing).await?;
            sqlx::query(
                "INSERT INTO previews (id, repo, pull, head, base, tree, completed, body) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(id)
            .bind(shown.repo.0.cast_signed())
            .bind(shown.pull.0.cast_signed())
            .bind(shown.preview.head.as_str())
            .bind(shown.preview.base.as_str())
            .bind(shown.preview.tree.as_str())
            .bind(shown.completed.as_millisecond())
            .bind(body)
            .execute(&mut *tx)
            .await
            .told(doing)?;
            for plan in &shown.preview.environments {
                sqlx::query(
                    "INSERT INTO effects (preview, environment, digest, bundle) VALUES ($1, $2, $3, $4)",
                )
                .bind(id)
                .bind(plan.name.as_str())
                .bind(plan.digest.map(|digest| digest.to_string()))
                .bind(plan.bundle.map(|digest| digest.to_string()))
                .execute(&mut *tx)
                .await
                .told(doing)?;
            }
            tx.commit().await.told(doing)
        })
        .await
    }

    /// The newest preview that was complete strictly before `before`: what the writer of a comment can have seen.
    pub(crate) async fn newest_preview_before(
        &self,
        repo: RepoId,
        pull: PullNumber,
        before: Timestamp,
    ) -> Result<Option<Shown>, Error> {
        self.one_preview("WHERE repo = $1 AND pull = $2 AND completed < $3", |query| {
            query.bind(repo.0.cast_signed()).bind(pull.0.cast_signed()).bind(before.as_millisecond())
        })
        .await
    }

    /// The newest preview of a pull request.
    pub(crate) async fn latest_preview(
        &self,
        repo: RepoId,
        pull: PullNumber,
    ) -> Result<Option<Shown>, Error> {
        self.one_preview("WHERE repo = $1 AND pull = $2", |query| {
            query.bind(repo.0.cast_signed()).bind(pull.0.cast_signed())
        })
        .await
    }

    /// The newest preview, on whatever pull request of the repository, whose head is this commit.
    #[allow(dead_code, reason = "tests ask for it")]
    pub(crate) async fn preview_of_head(&self, repo: RepoId, head: &Sha) -> Result<Option<Shown>, Error> {
        self.one_preview("WHERE repo = $1 AND head = $2", |query| {
            query.bind(repo.0.cast_signed()).bind(head.as_str().to_owned())
        })
        .await
    }

    /// The newest preview, on whatever pull request of the repository, whose merge has this tree.
    #[allow(dead_code, reason = "a deployment will find by it what was shown")]
    pub(crate) async fn preview_of_tree(&self, repo: RepoId, tree: &Sha) -> Result<Option<Shown>, Error> {
        self.one_preview("WHERE repo = $1 AND tree = $2", |query| {
            query.bind(repo.0.cast_signed()).bind(tree.as_str().to_owned())
        })
        .await
    }

    /// The newest previews of a repository, one for each of its pull requests, at most 50, newest first.
    pub(crate) async fn recent_previews(&self, repo: RepoId) -> Result<Vec<Shown>, Error> {
        let doing = "reading recent previews";
        // Safe: two constants of this file.
        let text = AssertSqlSafe(format!(
            "{SELECT}AS p WHERE repo = $1 AND NOT EXISTS (SELECT 1 FROM previews AS n WHERE n.repo = p.repo \
             AND n.pull = p.pull AND n.completed > p.completed) ORDER BY completed DESC, id DESC LIMIT 50"
        ));
        bounded(doing, async {
            let rows =
                sqlx::query(text).bind(repo.0.cast_signed()).fetch_all(&self.read).await.told(doing)?;
            rows.iter().map(shown).collect()
        })
        .await
    }

    async fn one_preview(
        &self,
        which: &'static str,
        bind: impl FnOnce(Query<'_, Any, AnyArguments>) -> Query<'_, Any, AnyArguments>,
    ) -> Result<Option<Shown>, Error> {
        let doing = "reading a preview";
        // Safe: three constants of this file.
        let text = AssertSqlSafe(format!("{SELECT}{which} ORDER BY completed DESC, id DESC LIMIT 1"));
        bounded(doing, async {
            let row = bind(sqlx::query(text)).fetch_optional(&self.read).await.told(doing)?;
            row.as_ref().map(shown).transpose()
        })
        .await
    }

    /// Forgets previews that were complete before `before` and that a newer one of the same pull request replaced, at most
    /// 200; says how many, so that the caller goes on.
    pub(crate) async fn prune_previews(&self, before: Timestamp) -> Result<u64, Error> {
        let doing = "forgetting old previews";
        bounded(doing, async {
            let done = sqlx::query(
                "DELETE FROM previews WHERE id IN (SELECT p.id FROM previews AS p WHERE p.completed < $1 \
                 AND EXISTS (SELECT 1 FROM previews AS n WHERE n.repo = p.repo AND n.pull = p.pull \
                 AND n.completed > p.completed) ORDER BY p.completed LIMIT 200)",
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

fn shown(row: &AnyRow) -> Result<Shown, Error> {
    let doing = "reading a preview";
    let body: Body = from_json(column(row, 3, doing)?, doing)?;
    Ok(Shown {
        repo: RepoId(column::<i64>(row, 0, doing)?.cast_unsigned()),
        pull: PullNumber(column::<i64>(row, 1, doing)?.cast_unsigned()),
        preview: body.preview,
        config: body.config,
        comment: body.comment,
        completed: moment(column(row, 2, doing)?, doing)?,
    })
}
