//! Looking, and waiting until it is so: each fact with a deadline and words for the case that it does not come.

use std::time::Duration;

use github_emulator::{Comment, Deployment, Pull};
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::app::clock;
use crate::demo::Halt;
use crate::demo::stage::Stage;

/// The longest that a fact is waited for; a slow machine that also builds something needs much of it.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two looks.
const GLANCE: Duration = Duration::from_millis(40);
/// A preview is kept a moment after its check says that it is done; only then does `/deploy` mean it.
const KEPT: Duration = Duration::from_millis(500);
/// What marks the one comment that holds the preview.
const PREVIEW: &str = "<!-- tidegate:preview";
/// What marks an answer.
const REPLY: &str = "<!-- tidegate:reply";

/// Looks until there is something to see.
async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T, Halt> {
    let began = Instant::now();
    loop {
        if let Some(seen) = look() {
            return Ok(seen);
        }
        if began.elapsed() > PATIENCE {
            return Err(Halt::new(format!("{what}: not within {} s", PATIENCE.as_secs())));
        }
        sleep(GLANCE).await;
    }
}

impl Stage {
    /// The preview of a pull request's head: its check has succeeded and its comment names the head.
    pub(super) async fn preview(&self, pull: &Pull) -> Result<Comment, Halt> {
        let head = pull.head_sha()?;
        let run = until("the check tidegate/preview on the head", || {
            let runs = self.repository.check_runs(&head);
            runs.into_iter().find(|run| run.name == "tidegate/preview" && run.conclusion.is_some())
        });
        let run = run.await?;
        if run.conclusion.as_deref() != Some("success") {
            return Err(Halt::new(format!(
                "the check tidegate/preview ended as {}: {}",
                run.conclusion.unwrap_or_default(),
                run.summary.or(run.title).unwrap_or_default()
            )));
        }
        let short: String = head.chars().take(7).collect();
        until("the preview comment", || {
            let mut own = pull.comments().into_iter().filter(|one| self.is_own(one, PREVIEW));
            let first = own.next().filter(|one| one.body.contains(&short));
            first.filter(|_| own.next().is_none())
        })
        .await
    }

    fn is_own(&self, comment: &Comment, mark: &str) -> bool {
        comment.author == self.bot && comment.body.contains(mark)
    }

    /// Waits until a comment written now is written in a later second than the preview's end: GitHub's times are whole
    /// seconds, and `/deploy` means what was complete before it was written.
    pub(super) async fn read_the_preview(&self) {
        sleep(KEPT).await;
        let millis = u64::from(clock().subsec_nanosecond().unsigned_abs()) / 1_000_000;
        sleep(Duration::from_millis(1_020_u64.saturating_sub(millis))).await;
    }

    /// The end of a deployment that GitHub records for a commit: its last status.
    pub(super) async fn deployed(&self, environment: &str, commit: &str) -> Result<Deployment, Halt> {
        let what = format!("the deployment of {environment}");
        let ended = until(&what, || {
            let all = self.repository.deployments();
            let ours = |one: &Deployment| one.environment == environment && one.sha == commit;
            let ended = |one: &Deployment| one.statuses.last().is_some_and(|last| is_end(&last.state));
            all.into_iter().rev().find(|one| ours(one) && ended(one))
        });
        let deployment = ended.await?;
        match deployment.statuses.last() {
            Some(last) if last.state == "success" => Ok(deployment),
            Some(last) => Err(Halt::new(format!("{what} ended as {}: {}", last.state, last.description))),
            None => Err(Halt::new(format!("{what} has no status"))),
        }
    }

    /// The reaction that a comment carries at its end.
    pub(super) async fn reaction(&self, pull: &Pull, comment: u64, wanted: &str) -> Result<(), Halt> {
        let seen = until("the reaction to the comment", || {
            let all = pull.comments();
            let one = all.iter().find(|one| one.id == comment)?;
            let own = one.reactions.iter().filter(|(who, _)| *who == self.bot);
            own.map(|(_, content)| content.clone()).find(|content| content != "eyes")
        });
        let seen = seen.await?;
        if seen == wanted { Ok(()) } else { Err(Halt::new(format!("the reaction is {seen}, not {wanted}"))) }
    }

    /// The answer that came after a comment and holds these words.
    pub(super) async fn reply(&self, pull: &Pull, comment: u64, words: &str) -> Result<Comment, Halt> {
        until(&format!("the answer with `{words}`"), || {
            let all = pull.comments().into_iter();
            all.filter(|one| one.id > comment).find(|one| self.is_own(one, REPLY) && one.body.contains(words))
        })
        .await
    }

    /// Does the environment hold exactly what its commit renders to? Gives how many objects that is.
    pub(super) async fn equals(&self, environment: &str, commit: &str) -> Result<usize, Halt> {
        let mut rendered = self.rendered(environment, commit).await?;
        if rendered.is_empty() {
            return Err(Halt::new(format!("{environment} renders to nothing at {commit}")));
        }
        if let Some(cluster) = &self.cluster {
            let live = cluster.live(&self.programs, environment).await?;
            return agrees(environment, &rendered, &live);
        }
        let mut there: Vec<String> =
            self.holds(environment).await?.into_iter().map(|item| item.text).collect();
        rendered.sort();
        there.sort();
        if rendered == there {
            return Ok(there.len());
        }
        let odd = there.iter().find(|text| !rendered.contains(text));
        let odd = odd.or_else(|| rendered.iter().find(|text| !there.contains(text)));
        Err(Halt::new(format!(
            "{environment} does not hold what its commit renders to; for one:\n{}",
            odd.map_or("", String::as_str)
        )))
    }
}

/// GitHub may send `inactive` to a success that a newer one replaced: that one had ended too.
fn is_end(state: &str) -> bool {
    matches!(state, "success" | "failure" | "error")
}

/// Every rendered field must be live with the rendered value, and nothing else may carry our mark.
fn agrees(environment: &str, rendered: &[String], live: &[Value]) -> Result<usize, Halt> {
    if rendered.len() != live.len() {
        return Err(Halt::new(format!(
            "{environment} renders to {} objects, and {} live ones are ours",
            rendered.len(),
            live.len()
        )));
    }
    for text in rendered {
        let wanted: Value = serde_saphyr::from_str(text)?;
        let name = &wanted["metadata"]["name"];
        let same = |object: &&Value| object["kind"] == wanted["kind"] && object["metadata"]["name"] == *name;
        let found = live.iter().find(same);
        let differs = found.map_or_else(|| Some(String::new()), |object| difference(&wanted, object, ""));
        if let Some(path) = differs {
            return Err(Halt::new(format!("{} {name} is not live as rendered: {path}", wanted["kind"])));
        }
    }
    Ok(rendered.len())
}

/// The first place where what is wanted is not what is there; what is there beside it does not count.
fn difference(wanted: &Value, there: &Value, path: &str) -> Option<String> {
    match (wanted, there) {
        (Value::Object(wanted), Value::Object(there)) => wanted.iter().find_map(|(key, value)| {
            let path = format!("{path}/{key}");
            there.get(key).map_or_else(|| Some(path.clone()), |there| difference(value, there, &path))
        }),
        (Value::Array(wanted), Value::Array(there)) if wanted.len() == there.len() => {
            let pairs = wanted.iter().zip(there).enumerate();
            pairs.into_iter().find_map(|(index, (a, b))| difference(a, b, &format!("{path}/{index}")))
        }
        (wanted, there) => (wanted != there).then(|| format!("{path}: {wanted}, live {there}")),
    }
}

/// The time as a stopwatch shows it.
pub(super) fn seconds_since(began: Timestamp) -> f64 {
    clock().duration_since(began).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::difference;
    use serde_json::json;

    #[test]
    fn what_the_server_adds_is_no_difference_and_what_it_changed_is() {
        let wanted = json!({"spec": {"replicas": 2, "ports": [{"port": 80}]}});
        let live = json!({"spec": {"replicas": 2, "ports": [{"port": 80, "protocol": "TCP"}], "x": 1}});
        assert_eq!(difference(&wanted, &live, ""), None);
        let live = json!({"spec": {"replicas": 2, "ports": [{"port": 81}]}});
        assert_eq!(difference(&wanted, &live, "").as_deref(), Some("/spec/ports/0/port: 80, live 81"));
        assert_eq!(difference(&wanted, &json!({}), "").as_deref(), Some("/spec"));
    }
}
