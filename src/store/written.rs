//! What we wrote on GitHub: ids of comments and check runs by our own keys, so that they are edited, never written twice.
//!
//! A remembered id is a short cut. Where it is missing or GitHub no longer knows it, the writer looks by marker or external
//! id first.

use crate::model::id::{CommentId, PullNumber, RepoId, Sha};
use crate::store::{Error, Store, Told, bounded, column};

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

    /// The check run that carries this external id on a commit.
    pub(crate) async fn check(&self, repo: RepoId, head: &Sha, external: &str) -> Result<Option<u64>, Error> {
        let doing = "reading a check run's id";
        bounded(doing, async {
            let row = sqlx::query("SELECT run FROM checks WHERE repo = $1 AND head = $2 AND external = $3")
                .bind(repo.0.cast_signed())
                .bind(head.as_str())
                .bind(external)
                .fetch_optional(&self.read)
                .await
                .told(doing)?;
            row.map(|row| Ok(column::<i64>(&row, 0, doing)?.cast_unsigned())).transpose()
        })
        .await
    }

    /// Remembers the check run that carries this external id.
    pub(crate) async fn remember_check(
        &self,
        (repo, head): (RepoId, &Sha),
        external: &str,
        run: u64,
    ) -> Result<(), Error> {
        let doing = "remembering a check run's id";
        bounded(doing, async {
            sqlx::query(
                "INSERT INTO checks (repo, head, external, run) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (repo, head, external) DO UPDATE SET run = excluded.run",
            )
            .bind(repo.0.cast_signed())
            .bind(head.as_str())
            .bind(external)
            .bind(run.cast_signed())
            .execute(&self.write)
            .await
            .told(doing)?;
            Ok(())
        })
        .await
    }
}
