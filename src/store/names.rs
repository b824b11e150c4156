//! The numeric id first seen under a repository's name: a name that an operator lists means that repository for ever.

use jiff::Timestamp;

use crate::model::id::{RepoId, RepoName};
use crate::store::{Error, Store, Told, bounded, column, parsed};

/// What a name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binding {
    /// This id, as before.
    Same,
    /// This id, from now on.
    Bound,
    /// The name belongs to this other id: somebody took over the name of a repository that was renamed or deleted.
    OtherId(RepoId),
}

impl Store {
    /// Binds a name to an id unless it is bound already. GitHub's names differ in case only for the eye.
    pub(crate) async fn bind(&self, name: &RepoName, id: RepoId, now: Timestamp) -> Result<Binding, Error> {
        let doing = "binding a repository's name";
        let key = key(name);
        bounded(doing, async {
            let done = sqlx::query(
                "INSERT INTO repositories (name, repo, seen) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING",
            )
            .bind(&key)
            .bind(id.0.cast_signed())
            .bind(now.as_millisecond())
            .execute(&self.write)
            .await
            .told(doing)?;
            if done.rows_affected() == 1 {
                return Ok(Binding::Bound);
            }
            match self.bound_id(&key).await? {
                Some(first) if first != id => Ok(Binding::OtherId(first)),
                Some(_) | None => Ok(Binding::Same),
            }
        })
        .await
    }

    /// The id that a name is bound to, without binding it.
    #[allow(dead_code, reason = "tests ask for it")]
    pub(crate) async fn bound(&self, name: &RepoName) -> Result<Option<RepoId>, Error> {
        bounded("reading a repository's id", self.bound_id(&key(name))).await
    }

    /// The names that are bound to an id, at most 50: a renamed repository is known by its earlier ones too.
    pub(crate) async fn names_of(&self, id: RepoId) -> Result<Vec<RepoName>, Error> {
        let doing = "reading a repository's names";
        bounded(doing, async {
            let rows =
                sqlx::query("SELECT name FROM repositories WHERE repo = $1 ORDER BY seen, name LIMIT 50")
                    .bind(id.0.cast_signed())
                    .fetch_all(&self.read)
                    .await
                    .told(doing)?;
            rows.iter().map(|row| parsed(column(row, 0, doing)?, doing)).collect()
        })
        .await
    }

    async fn bound_id(&self, key: &str) -> Result<Option<RepoId>, Error> {
        let doing = "reading a repository's id";
        let row = sqlx::query("SELECT repo FROM repositories WHERE name = $1")
            .bind(key)
            .fetch_optional(&self.read)
            .await
            .told(doing)?;
        row.map(|row| Ok(RepoId(column::<i64>(&row, 0, doing)?.cast_unsigned()))).transpose()
    }
}

fn key(name: &RepoName) -> String {
    name.to_string().to_ascii_lowercase()
}
