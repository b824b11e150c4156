//! What a person does on the page, done on the emulated GitHub in the name of whom they chose.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use github_emulator::{MergeMethod, Verdict};

use crate::demo::page::view::{approved, may_write, open, pulls};
use crate::demo::page::{Shared, broke, form};
use crate::demo::stage::Stage;
use crate::demo::{Halt, sample};

/// Longest comment, as on GitHub, in characters.
const COMMENT: usize = 65_536;

type Form = BTreeMap<String, String>;

/// Somebody comments.
pub(super) async fn comment(State(page): State<Shared>, Path(number): Path<u64>, body: String) -> Response {
    let form = form::fields(&body);
    let written = say(&page.stage, number, &form);
    back(written.map(|()| number), "#comment")
}

fn say(stage: &Stage, number: u64, form: &Form) -> Result<(), Halt> {
    let (who, text) = (person(form)?, field(form, "body")?);
    if text.chars().count() > COMMENT {
        return Err(Halt::new("the comment is longer than GitHub takes"));
    }
    stage.repository.pull(number).comment(who, text)?;
    Ok(())
}

/// Somebody approves.
pub(super) async fn review(State(page): State<Shared>, Path(number): Path<u64>, body: String) -> Response {
    let form = form::fields(&body);
    back(approve(&page.stage, number, &form).map(|()| number), "")
}

fn approve(stage: &Stage, number: u64, form: &Form) -> Result<(), Halt> {
    let (who, pull) = (person(form)?, stage.repository.pull(number));
    if open(&pull)?.author == who {
        return Err(Halt::new("nobody can approve what they proposed"));
    }
    pull.review(who, Verdict::Approved)?;
    Ok(())
}

/// Somebody merges, where GitHub would let them.
pub(super) async fn merge(State(page): State<Shared>, Path(number): Path<u64>, body: String) -> Response {
    let form = form::fields(&body);
    back(land(&page.stage, number, &form).map(|()| number), "")
}

fn land(stage: &Stage, number: u64, form: &Form) -> Result<(), Halt> {
    let (who, pull) = (writer(form)?, stage.repository.pull(number));
    if !approved(&open(&pull)?) {
        return Err(Halt::new("main asks for one approving review by somebody with write"));
    }
    pull.merge(who, MergeMethod::Merge)?;
    Ok(())
}

/// Somebody edits a file: on a new branch with a pull request, or on that of an open one.
pub(super) async fn edit(State(page): State<Shared>, body: String) -> Response {
    let form = form::fields(&body);
    back(propose(&page.stage, &form), "")
}

fn propose(stage: &Stage, form: &Form) -> Result<u64, Halt> {
    let (who, path) = (writer(form)?, field(form, "path")?);
    let text = form.get("text").map(String::as_str).unwrap_or_default();
    let pull = form.get("pull").and_then(|number| number.parse::<u64>().ok());
    let pull = pull.map(|number| stage.repository.pull(number));
    let at = match &pull {
        Some(pull) => open(pull)?.head_branch,
        None => "main".to_owned(),
    };
    let before = stage.repository.file(&at, path);
    let before = before.ok_or_else(|| Halt::new(format!("there is no file {path} on {at}")))?;
    let removed = form.contains_key("remove");
    if !removed && before == text.as_bytes() {
        return Err(Halt::new("nothing was changed: go back and edit the file"));
    }
    let files = [(path, (!removed).then_some(text))];
    if let Some(pull) = pull {
        pull.push(who, &files)?;
        return Ok(pull.number);
    }
    let next = pulls(stage).last().map_or(1, |last| last.number + 1);
    let (branch, usual) = (format!("{who}-{next}"), format!("Change {path}"));
    let title =
        form.get("title").map(|title| title.trim()).filter(|title| !title.is_empty()).unwrap_or(&usual);
    stage.repository.commit(&branch, title, who, &files)?;
    Ok(stage.repository.open_pull(who, title, &branch, "main")?.number)
}

fn person(form: &Form) -> Result<&str, Halt> {
    let who = field(form, "user")?;
    let known = sample::PEOPLE.iter().any(|(login, _, _)| *login == who);
    if known { Ok(who) } else { Err(Halt::new(format!("there is no {who} here"))) }
}

fn writer(form: &Form) -> Result<&str, Halt> {
    let who = person(form)?;
    if may_write(who) {
        Ok(who)
    } else {
        Err(Halt::new(format!("{who} may only read: GitHub would not offer this")))
    }
}

fn field<'a>(form: &'a Form, name: &str) -> Result<&'a str, Halt> {
    let value = form.get(name).map(|value| value.trim_end()).filter(|value| !value.is_empty());
    value.ok_or_else(|| Halt::new(format!("the field {name} is empty: go back and fill it in")))
}

/// Back to the pull request, so that loading the page again does nothing twice.
fn back(done: Result<u64, Halt>, anchor: &str) -> Response {
    match done {
        Ok(number) => Redirect::to(&format!("/pull/{number}{anchor}")).into_response(),
        Err(halt) => broke(&halt),
    }
}
