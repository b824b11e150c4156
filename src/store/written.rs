//! What we wrote on GitHub: the ids of comments, so that they are edited and never written twice, and the checks that we
//! began, so that none stays pending.
//!
//! A remembered id is a short cut, and the only way to a comment whose marker somebody edited away. Where it is missing or
//! GitHub no longer knows it, the writer looks by marker.

use jiff::Timestamp;

use crate::model::id::{CommentId, PullNumber, RepoId, Sha};
use crate::store::{Error, Store, Told, bounded, column, parsed};

impl Store {
    /// The comment that carries this marker on a pull request.
    pub(crate) async fn comment(
        &self,
        repo: RepoId,
        pull: PullNumber,
        marker: &str,
    ) -> Result<Option<CommentId>, Error> {
        let doing = "reading a comment's id";
        bounded(doing, async {
            let row =
                sqlx::query("SELECT comment FROM comments WHERE repo = $1 AND pull = $2 AND marker = $3")
                    .bind(repo.0.cast_signed())
                    .bind(pull.0.cast_signed())
                    .bind(marker)
                    .fetch_optional(&self.read)
                    .await
                    .told(doing)?;
            row.map(|row| Ok(CommentId(column::<i64>(&row, 0, doing)?.cast_unsigned()))).transpose()
        })
        .await
    }

    /// Remembers the comment that carries this marker.
    pub(crate) async fn remember_comment(
        &self,
        (repo, pull): (RepoId, PullNumber),
        marker: &str,
        comment: CommentId,
    ) -> Result<(), Error> {
        let doing = "remembering a comment's id";
        bounded(doing, async {
            sqlx::query(
                "INSERT INTO comments (repo, pull, marker, comment) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (repo, pull, marker) DO UPDATE SET comment = excluded.comment",
            )
            .bind(repo.0.cast_signed())
            .bind(pull.0.cast_signed())
            .bind(marker)
            .bind(comment.0.cast_signed())
            .execute(&self.write)
            .await
            .told(doing)?;
            Ok(())
        })
        .await
    }

    /// A preview's check is about to be begun on a head.
    pub(crate) async fn begin_check(
        &self,
        (repo, pull): (RepoId, PullNumber),
        head: &Sha,
        now: Timestamp,
    ) -> Result<(), Error> {
        let doing = "remembering a check that was begun";
        bounded(doing, async {
            sqlx::query(
                "INSERT INTO checks (repo, pull, head, begun) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (repo, pull, head) DO NOTHING",
            )
            .bind(repo.0.cast_signed())
            .bind(pull.0.cast_signed())
            .bind(head.as_str())
            .bind(now.as_millisecond())
            .execute(&self.write)
            .await
            .told(doing)?;
            Ok(())
        })
        .await
    }

    /// The heads of a pull request on which a preview's check was begun and not ended, oldest first, at most 100.
    pub(crate) async fn begun_checks(&self, repo: RepoId, pull: PullNumber) -> Result<Vec<Sha>, Error> {
        let doing = "listing checks that were begun";
        bounded(doing, async {
            let rows = sqlx::query(
                "SELECT head FROM checks WHERE repo = $1 AND pull = $2 ORDER BY begun, head LIMIT 100",
            )
            .bind(repo.0.cast_signed())
            .bind(pull.0.cast_signed())
            .fetch_all(&self.read)
            .await
            .told(doing)?;
            rows.iter().map(|row| parsed(&column::<String>(row, 0, doing)?, doing)).collect()
        })
        .await
    }

    /// A preview's check has ended on a head.
    pub(crate) async fn end_check(
        &self,
        (repo, pull): (RepoId, PullNumber),
        head: &Sha,
    ) -> Result<(), Error> {
        let doing = "forgetting a check that was ended";
        bounded(doing, async {
            sqlx::query("DELETE FROM checks WHERE repo = $1 AND pull = $2 AND head = $3")
                .bind(repo.0.cast_signed())
                .bind(pull.0.cast_signed())
                .bind(head.as_str())
                .execute(&self.write)
                .await
                .told(doing)?;
            Ok(())
        })
        .await
    }

    /// Forgets checks that were begun before `before`, at most 1,000; says how many, so that the caller goes on.
    pub(crate) async fn prune_checks(&self, before: Timestamp) -> Result<u64, Error> {
        let doing = "forgetting old checks";
        bounded(doing, async {
            let done = sqlx::query(
                "DELETE FROM checks WHERE (repo, pull, head) IN \
                 (SELECT repo, pull, head FROM checks WHERE begun < $1 ORDER BY begun LIMIT 1000)",
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
