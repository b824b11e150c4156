//! Check runs: made, or brought to a state; found again by name, external id and our App.
//!
//! <https://docs.github.com/en/rest/checks/runs>. Octocrab's models lack half of the fields, so the bodies are ours.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::GitHub;
use super::error::Error;
use super::once::{self, Made};
use super::page::{Of, TEXTS, escape};
use super::wire::{Ask, Method};
use crate::model::check::Check;
use crate::model::fault::Fault;
use crate::model::id::{Repo, Sha};

/// Annotations in one request; more are sent in further ones.
const BATCH: usize = 50;
/// Annotations of one run; nobody reads more.
const MOST: usize = 300;
/// Bytes of a summary or a text.
const LARGEST: usize = 65_535;
/// Pages of runs with the same name on one commit.
const PAGES: usize = 20;

/// A check run as it was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marked {
    /// Its id.
    pub run: u64,
    /// GitHub's clock when it was so, where GitHub said it.
    pub at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Run {
    id: u64,
    #[serde(default)]
    external_id: Option<String>,
    status: String,
    #[serde(default)]
    conclusion: Option<String>,
    #[serde(default)]
    output: Output,
    #[serde(default)]
    app: Option<Owner>,
}

#[derive(Deserialize, Default)]
struct Output {
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    summary: Option<String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    annotations_count: usize,
}

#[derive(Deserialize)]
struct Owner {
    id: u64,
}

/// What stays the same while a run is brought to its state.
struct Wanted<'a> {
    github: &'a GitHub,
    repo: &'a Repo,
    sha: &'a Sha,
    check: &'a Check,
    annotations: Vec<Value>,
}

impl GitHub {
    /// Makes a check run on a commit, or brings the one with the same name and external id to this state. Safe to repeat.
    ///
    /// One that has begun is not begun again: if it has ended it keeps its words until there is something else to say,
    /// and then they are changed in place. So one key is one run, but for an ended one with annotations, which cannot be
    /// taken back.
    pub(crate) async fn check(&self, repo: &Repo, sha: &Sha, check: &Check) -> Result<Marked, Error> {
        let annotations = check.faults.iter().filter_map(annotation).take(MOST).collect();
        let wanted = Wanted { github: self, repo, sha, check, annotations };
        match wanted.newest().await? {
            (Some(run), at) if wanted.begins() => Ok(Marked { run: run.id, at }),
            (Some(run), at) if wanted.holds(&run) => {
                wanted.annotate(Marked { run: run.id, at }, run.output.annotations_count).await
            }
            (Some(run), _) if run.status != "completed" || run.output.annotations_count == 0 => {
                let at = wanted.change(run.id).await?;
                wanted.annotate(Marked { run: run.id, at }, wanted.first()).await
            }
            _ => wanted.annotate(once::make(&wanted).await?, wanted.first()).await,
        }
    }
}

impl Wanted<'_> {
    /// The newest run of ours with this name and key, and GitHub's clock.
    async fn newest(&self) -> Result<(Option<Run>, Option<Timestamp>), Error> {
        let doing = format!("listing the checks of commit {} of {}", self.sha.short(), self.repo.name);
        let (key, root) = GitHub::acting(self.repo);
        let (name, app) = (escape(&self.check.name), self.github.inner.id);
        let path = format!(
            "{root}/commits/{}/check-runs?check_name={name}&app_id={app}&filter=all&per_page={TEXTS}",
            self.sha
        );
        let of = Of { doing: &doing, path: &path, under: Some("check_runs"), pages: PAGES };
        let listed = self.github.wire().list::<Run>(&key, of).await?;
        let ours =
            listed.items.into_iter().filter(|run| run.app.as_ref().is_some_and(|owner| owner.id == app));
        let same = ours.filter(|run| run.external_id.as_deref() == Some(self.check.external_id.as_str()));
        Ok((same.max_by_key(|run| run.id), listed.date))
    }

    /// Does it say no more than that it has begun?
    fn begins(&self) -> bool {
        self.check.conclusion.word().is_none()
    }

    /// Is it already as it should be, its annotations perhaps aside?
    fn holds(&self, run: &Run) -> bool {
        let text = |there: &Option<String>, wanted: &str| {
            there.as_deref().unwrap_or_default().trim() == wanted.trim()
        };
        run.conclusion.as_deref() == self.check.conclusion.word()
            && (run.status == "completed") == self.check.conclusion.word().is_some()
            && text(&run.output.title, &self.check.title)
            && text(&run.output.summary, fit(&self.check.summary))
            && text(&run.output.text, fit(&self.check.text))
            && run.output.annotations_count <= self.annotations.len()
    }

    /// How many annotations go with the state itself.
    fn first(&self) -> usize {
        self.annotations.len().min(BATCH)
    }

    /// The output with the annotations from `from` to `to`.
    fn output(&self, from: usize, to: usize) -> Value {
        let mut output = json!({"title": self.check.title, "summary": fit(&self.check.summary)});
        if !self.check.text.is_empty() {
            output["text"] = fit(&self.check.text).into();
        }
        if let Some(some) = self.annotations.get(from..to).filter(|some| !some.is_empty()) {
            output["annotations"] = some.to_vec().into();
        }
        output
    }

    fn state(&self) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("name".into(), self.check.name.clone().into());
        body.insert("external_id".into(), self.check.external_id.clone().into());
        match self.check.conclusion.word() {
            // GitHub takes its own clock for when it began and ended.
            Some(word) => {
                body.insert("status".into(), "completed".into());
                body.insert("conclusion".into(), word.into());
            }
            None => {
                body.insert("status".into(), "in_progress".into());
            }
        }
        body.insert("output".into(), self.output(0, self.first()));
        body
    }

    /// Brings a run to its state. An unknown outcome is looked at by the caller's next try: annotations of the first batch
    /// might otherwise be there twice.
    async fn change(&self, id: u64) -> Result<Option<Timestamp>, Error> {
        self.patch(id, Value::Object(self.state())).await
    }

    /// Sends the annotations from the `sent`-th on, in batches.
    async fn annotate(&self, mut marked: Marked, mut sent: usize) -> Result<Marked, Error> {
        while sent < self.annotations.len() {
            let to = (sent + BATCH).min(self.annotations.len());
            marked.at = self.patch(marked.run, json!({"output": self.output(sent, to)})).await?;
            sent = to;
        }
        Ok(marked)
    }

    /// Changes a run; gives GitHub's clock.
    async fn patch(&self, id: u64, body: Value) -> Result<Option<Timestamp>, Error> {
        let doing = format!("bringing check {} of {} to its state", self.check.name, self.repo.name);
        let (key, root) = GitHub::acting(self.repo);
        let ask = Ask::write(&doing, Method::Patch, format!("{root}/check-runs/{id}"), Some(&body));
        self.github.wire().call(&key, &ask).await.map(|answer| answer.date)
    }
}

impl Made for Wanted<'_> {
    type Out = Marked;

    async fn find(&self) -> Result<Option<Marked>, Error> {
        let (newest, at) = self.newest().await?;
        Ok(newest.filter(|run| self.holds(run)).map(|run| Marked { run: run.id, at }))
    }

    async fn make(&self) -> Result<Marked, Error> {
        let doing = format!("making check {} on {} of {}", self.check.name, self.sha.short(), self.repo.name);
        let (key, root) = GitHub::acting(self.repo);
        let mut body = self.state();
        body.insert("head_sha".into(), self.sha.as_str().into());
        let body = Value::Object(body);
        let ask = Ask::write(&doing, Method::Post, format!("{root}/check-runs"), Some(&body));
        let answer = self.github.wire().call(&key, &ask).await?;
        let at = answer.date;
        let run: Run = answer.read(&doing)?;
        Ok(Marked { run: run.id, at })
    }
}

/// A fault with a place, as an annotation.
fn annotation(fault: &Fault) -> Option<Value> {
    let (file, line) = (fault.file.as_ref()?, fault.line?);
    let message = if fault.hint.is_empty() {
        fault.message.clone()
    } else {
        format!("{}\n{}", fault.message, fault.hint)
    };
    let mut annotation = json!({
        "path": file, "start_line": line, "end_line": line, "annotation_level": "failure",
        "message": fit(&message),
    });
    if let Some(column) = fault.column {
        annotation["start_column"] = column.into();
        annotation["end_column"] = column.into();
    }
    if let Some(app) = &fault.app {
        annotation["title"] = app.chars().take(255).collect::<String>().into();
    }
    Some(annotation)
}

/// A check must end whatever was to be said, so a text that is too large is cut at a line rather than refused by GitHub.
fn fit(text: &str) -> &str {
    if text.len() <= LARGEST {
        return text;
    }
    let cut = text.floor_char_boundary(LARGEST);
    let cut = text.get(..cut).unwrap_or_default();
    cut.rfind('\n').filter(|at| *at > LARGEST / 2).map_or(cut, |at| &cut[..at])
}

#[cfg(test)]
mod tests {
    use super::{LARGEST, annotation, fit};
    use crate::model::fault::Fault;

    #[test]
    fn a_text_that_is_too_large_is_cut_within_the_limit() {
        assert_eq!(fit("short"), "short");
        let lines = "a line of text\n".repeat(10_000);
        assert!(fit(&lines).len() <= LARGEST && fit(&lines).ends_with("text"));
        let one = "é".repeat(60_000);
        assert_eq!(fit(&one).len(), LARGEST - 1);
    }

    #[test]
    fn only_faults_with_a_place_are_annotations() {
        assert_eq!(annotation(&Fault::new("x")), None);
        let fault = Fault::new("no such key").hint("did you mean `path`?").file(".tidegate.yaml").at(3, 7);
        let annotation = annotation(&fault).unwrap();
        assert_eq!(annotation["message"], "no such key\ndid you mean `path`?");
        assert_eq!((&annotation["start_line"], &annotation["start_column"]), (&3.into(), &7.into()));
    }
}
