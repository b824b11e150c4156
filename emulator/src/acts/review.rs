//! Reviews of pull requests.

use super::Happening;
use crate::core::World;
use crate::error::Refusal;
use crate::state::issue::Review;
use crate::state::issue::Verdict;
use serde_json::json;

impl World<'_> {
    pub(crate) fn review(
        &mut self,
        repository: u64,
        number: u64,
        author: u64,
        (verdict, text): (Verdict, &str),
    ) -> Result<u64, Refusal> {
        let (id, at) = (self.state.next_id(), self.now());
        let pull = self.pull_mut(repository, number)?;
        let commit = pull.head.sha.clone();
        let review = Review { id, author, verdict, body: text.to_owned(), commit, at };
        pull.reviews.push(review.clone());
        let target = self.repository(repository)?;
        let (issue, pull) = self.pull(repository, number)?;
        let mut written = self.review_json(target, number, &review);
        written["state"] = json!(verdict.name().to_lowercase());
        let body = json!({
            "review": written,
            "pull_request": self.simple_pull_json(target, issue, pull),
        });
        let event = "pull_request_review";
        self.emit(&Happening { event, action: Some("submitted"), repository, sender: author, body });
        Ok(id)
    }
}
