//! Writes whose outcome may be unknown: look, then write again, so that nothing is there twice.

use std::time::Duration;

use super::error::Error;

/// What is left to GitHub after a failed write before we look whether it happened all the same.
const SETTLE: Duration = Duration::from_secs(1);

/// Something that is made once.
pub(super) trait Made {
    /// What it is known by.
    type Out: Send;

    /// Finds it, if it is there.
    fn find(&self) -> impl Future<Output = Result<Option<Self::Out>, Error>> + Send;

    /// Makes it, without looking.
    fn make(&self) -> impl Future<Output = Result<Self::Out, Error>> + Send;
}

/// Makes what was just found missing: one try, and after an unknown outcome a look and, if it is not there, a second.
pub(super) async fn make<M: Made + Sync>(it: &M) -> Result<M::Out, Error> {
    match it.make().await {
        Err(Error::Weather { .. }) => {}
        settled => return settled,
    }
    tokio::time::sleep(SETTLE).await;
    if let Some(found) = it.find().await? {
        return Ok(found);
    }
    match it.make().await {
        Err(error @ Error::Weather { .. }) => {
            tokio::time::sleep(SETTLE).await;
            it.find().await?.ok_or(error)
        }
        settled => settled,
    }
}
