//! What the pages show, as values for their templates.

use github_emulator::{CheckRun, Comment, Deployment, Pull, PullView, Verdict};
use jiff::Timestamp;
use minijinja::{Value, context};

use crate::demo::page::form::encoded;
use crate::demo::page::markdown::html;
use crate::demo::stage::Stage;
use crate::demo::{Halt, sample};

/// How many deployments are listed.
const DEPLOYMENTS: usize = 8;
/// How many entries of a history are shown.
const HISTORY: usize = 20;

/// All pull requests, oldest first. Nothing else is numbered here, so the numbers have no gaps.
pub(super) fn pulls(stage: &Stage) -> Vec<PullView> {
    (1..).map_while(|number| stage.repository.pull(number).view().ok()).collect()
}

/// A pull request as GitHub would show it.
pub(super) fn pull(stage: &Stage, number: u64) -> Result<Value, Halt> {
    let pull = stage.repository.pull(number);
    let view = pull.view()?;
    let all: Vec<Value> = pulls(stage)
        .into_iter()
        .rev()
        .map(|one| context! { number => one.number, title => one.title.as_str(), state => state(&one) })
        .collect();
    let commits = [Some(view.head_sha.clone()), view.merged.clone()];
    let runs = commits.iter().flatten().flat_map(|sha| stage.repository.check_runs(sha));
    let reviews: Vec<Value> = view
        .reviews
        .iter()
        .map(|one| context! { author => one.author.as_str(), words => verdict(one.verdict) })
        .collect();
    Ok(context! {
        repository => stage.repository.full_name(),
        pulls => all,
        number, title => view.title.as_str(), author => view.author.as_str(), state => state(&view), open => view.open,
        head_branch => view.head_branch.as_str(), base_branch => view.base_branch.as_str(), head => short(&view.head_sha),
        approved => approved(&view),
        comments => pull.comments().iter().map(|one| comment(stage, one)).collect::<Vec<_>>(),
        reviews,
        checks => runs.map(|one| check(&one)).collect::<Vec<_>>(),
        deployments => stage.repository.deployments().iter().rev().take(DEPLOYMENTS).map(deployment).collect::<Vec<_>>(),
        environments => sample::ENVIRONMENTS,
        people => people(),
    })
}

/// May it be merged: did somebody who may write approve it, other than its author?
pub(super) fn approved(view: &PullView) -> bool {
    let counts = |author: &str| author != view.author && may_write(author);
    view.reviews.iter().any(|one| one.verdict == Verdict::Approved && counts(&one.author))
}

/// May this person write to the repository?
pub(super) fn may_write(login: &str) -> bool {
    sample::PEOPLE.iter().any(|(name, _, role)| *name == login && *role != "read")
}

fn people() -> Vec<Value> {
    sample::PEOPLE
        .iter()
        .map(|(login, _, role)| context! { login => *login, role => *role, writes => may_write(login) })
        .collect()
}

fn comment(stage: &Stage, one: &Comment) -> Value {
    let reactions: Vec<String> = one.reactions.iter().map(|(_, content)| sign(content).to_owned()).collect();
    context! {
        author => one.author.as_str(),
        bot => one.author == stage.bot,
        at => time(one.created_at),
        edited => (one.updated_at != one.created_at).then(|| time(one.updated_at)),
        body => Value::from_safe_string(html(&one.body)),
        reactions,
    }
}

fn check(run: &CheckRun) -> Value {
    let conclusion = run.conclusion.clone();
    context! {
        name => run.name.as_str(), title => run.title.as_deref(), commit => short(&run.head_sha),
        summary => run.summary.as_deref().map(html).map(Value::from_safe_string),
        state => conclusion.unwrap_or_else(|| run.status.clone()),
    }
}

fn deployment(one: &Deployment) -> Value {
    let last = one.statuses.last();
    context! {
        environment => one.environment.as_str(), commit => short(&one.sha),
        state => last.map_or("pending", |last| last.state.as_str()),
        words => last.map(|last| last.description.as_str()),
        at => last.map(|last| time(last.at)),
    }
}

/// What lies in an environment, and its history.
pub(super) async fn environment(stage: &Stage, name: &str) -> Result<Value, Halt> {
    if !sample::ENVIRONMENTS.contains(&name) {
        return Err(Halt::new(format!("there is no environment {name}")));
    }
    let items: Vec<Value> = stage
        .holds(name)
        .await?
        .into_iter()
        .map(|item| context! { name => item.name, text => item.text })
        .collect();
    let place = match &stage.cluster {
        Some(cluster) => cluster.told().to_owned(),
        None => format!("branch {}", crate::demo::environment::branch(name)),
    };
    Ok(context! {
        repository => stage.repository.full_name(),
        name, place, items,
        history => stage.history(name, HISTORY).await?,
        environments => sample::ENVIRONMENTS,
    })
}

/// A file to edit: at the head of a pull request, or at main for a new one.
pub(super) async fn edit(stage: &Stage, path: Option<&str>, pull: Option<u64>) -> Result<Value, Halt> {
    let at = match pull {
        Some(number) => open(&stage.repository.pull(number))?.head_branch,
        None => "main".to_owned(),
    };
    let head = stage.repository.head(&at).ok_or_else(|| Halt::new(format!("there is no branch {at}")))?;
    let list =
        stage.programs.git(&stage.repository.git_dir(), &["ls-tree", "-r", "--name-only", &head]).await?;
    let path =
        path.filter(|path| list.lines().any(|file| file == *path)).unwrap_or("apps/web/configmap.yaml");
    let files: Vec<Value> = list.lines().map(|path| context! { path, link => encoded(path) }).collect();
    let text = stage.repository.file(&head, path).unwrap_or_default();
    Ok(context! {
        repository => stage.repository.full_name(),
        environments => sample::ENVIRONMENTS,
        people => people(),
        files, path, pull, branch => at,
        text => String::from_utf8_lossy(&text),
    })
}

/// A pull request that is still open.
pub(super) fn open(pull: &Pull) -> Result<PullView, Halt> {
    let view = pull.view()?;
    if view.open { Ok(view) } else { Err(Halt::new(format!("#{} is {}", view.number, state(&view)))) }
}

fn state(view: &PullView) -> &'static str {
    match (&view.merged, view.open) {
        (Some(_), _) => "merged",
        (None, true) => "open",
        (None, false) => "closed",
    }
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approved => "approved",
        Verdict::ChangesRequested => "requested changes",
        Verdict::Commented => "commented",
    }
}

fn sign(reaction: &str) -> &str {
    match reaction {
        "eyes" => "👀",
        "rocket" => "🚀",
        "confused" => "😕",
        "+1" => "👍",
        other => other,
    }
}

fn short(sha: &str) -> String {
    sha.chars().take(7).collect()
}

fn time(at: Timestamp) -> String {
    at.strftime("%H:%M:%S UTC").to_string()
}
