//! Rendered objects by their digest, so that what was deployed can be had back without rendering it again, even when a
//! renderer or a remote chart no longer gives the same.
//!
//! Only what is deployed is kept. What is merely previewed is rendered and compared again before it may be deployed, so
//! keeping it would only put the Secrets of every proposal into the database. They lie here as plain JSON with the Secrets
//! that they hold, since masked they could not be applied: whoever can read the database can read them.

use jiff::Timestamp;

use crate::model::id::Digest;
use crate::model::object::Bundle;
use crate::store::{Error, Store, Told, bounded, column};

/// The largest bundle that is kept, as JSON: twice what the renderers may put out.
const LARGEST: usize = 128 << 20;

impl Store {
    /// Keeps a bundle under its digest; one that is there already is only marked as used now.
    pub(crate) async fn keep_bundle(
        &self,
        digest: Digest,
        bundle: &Bundle,
        now: Timestamp,
    ) -> Result<(), Error> {
        let doing = "keeping a bundle";
        bounded(doing, async {
            let known = sqlx::query("UPDATE bundles SET kept = $1 WHERE digest = $2")
                .bind(now.as_millisecond())
                .bind(digest.to_string())
                .execute(&self.write)
                .await
                .told(doing)?;
            if known.rows_affected() > 0 {
                return Ok(());
            }
            let body = serde_json::to_vec(bundle).map_err(|source| Error::unreadable(doing, source))?;
            if body.len() > LARGEST {
                return Err(Error::TooLarge { what: "a bundle", bytes: body.len(), limit: LARGEST });
            }
            sqlx::query(
                "INSERT INTO bundles (digest, body, kept) VALUES ($1, $2, $3) ON CONFLICT (digest) DO NOTHING",
            )
            .bind(digest.to_string())
            .bind(body)
            .bind(now.as_millisecond())
            .execute(&self.write)
            .await
            .told(doing)?;
            Ok(())
        })
        .await
    }

    /// A kept bundle.
    #[allow(dead_code, reason = "/rollback will apply it; tests read it")]
    pub(crate) async fn bundle(&self, digest: Digest) -> Result<Option<Bundle>, Error> {
        let doing = "reading a bundle";
        bounded(doing, async {
            let row = sqlx::query("SELECT body FROM bundles WHERE digest = $1")
                .bind(digest.to_string())
                .fetch_optional(&self.read)
                .await
                .told(doing)?;
            let Some(row) = row else { return Ok(None) };
            let body: &[u8] = column(&row, 0, doing)?;
            serde_json::from_slice(body).map(Some).map_err(|source| Error::unreadable(doing, source))
        })
        .await
    }

    /// Forgets bundles last used before `before` that no kept preview refers to, at most 100; says how many.
    pub(crate) async fn prune_bundles(&self, before: Timestamp) -> Result<u64, Error> {
        let doing = "forgetting old bundles";
        bounded(doing, async {
            let done = sqlx::query(
                "DELETE FROM bundles WHERE digest IN (SELECT b.digest FROM bundles AS b WHERE b.kept < $1 \
                 AND NOT EXISTS (SELECT 1 FROM effects AS e WHERE e.bundle = b.digest) ORDER BY b.kept LIMIT 100)",
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
