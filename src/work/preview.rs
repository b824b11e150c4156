//! A pull request's preview: what merging it would change in each environment.

use std::collections::BTreeMap;
use std::error::Error as _;

use jiff::{SignedDuration, Timestamp};

use crate::comment::{How, Page, Unseen, Way};
use crate::diff::moves;
use crate::git::{Merge, Want};
use crate::github::Kind;
use crate::model::check::Conclusion;
use crate::model::fault::{Cause, Failure, Fault};
use crate::model::github::Pull;
use crate::model::id::{Digest, EnvironmentName, PullNumber, Repo, Sha};
use crate::model::plan::{Plan, Preview};
use crate::model::settings::{BeforeMerge, Environment, Settings, When};
use crate::model::target::{Floor, Place, TargetSettings};
use crate::render::Budget;
use crate::store::Shown as KeptPreview;
use crate::work::files::Files;
use crate::work::ground::{Ground, Unavailable, ground, settings_at};
use crate::work::notes::notes;
use crate::work::siblings::{Siblings, members};
use crate::work::survey::{Question, Survey, survey};
use crate::work::{Context, Forks, Then, pending, publish, target};

/// When a target could not be looked at, it is tried again after this time, for as long as the pull request is open.
const AGAIN: SignedDuration = SignedDuration::from_mins(2);

/// How a target is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// As it is now.
    Live,
    /// Not at all: two renders are compared.
    Rendered,
}

/// Who asked for a preview; a fork's is made only when somebody with write asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// An event: a push, a re-run.
    Event,
    /// A person with write, by `/preview`.
    Writer,
}

/// What a preview came to.
enum Made {
    /// The file is on neither side: Tidegate has nothing to say here.
    Nothing,
    /// It cannot be shown, and why.
    Unseen(Unseen),
    /// Plans.
    Plans { preview: Preview, how: BTreeMap<EnvironmentName, How>, notes: Vec<String>, blind: bool },
}

/// Makes the preview and publishes it: one comment, one check.
pub(crate) async fn run(
    cx: &Context,
    repo: &Repo,
    number: PullNumber,
    asked: Asked,
) -> Result<Then, Failure> {
    let open = cx.github.pull(repo, number).await?.filter(|pull| pull.open);
    // An earlier run may have begun a check on a head that is the head no more, and ended without ending it.
    publish::supersede(cx, repo, number, open.as_ref().map(|pull| &pull.head)).await?;
    let Some(pull) = open else { return Ok(Then::done()) };
    let place = (number, &pull.head);
    if pull.is_fork(repo.id) && (cx.forks == Forks::Never || asked == Asked::Event) {
        let words = match cx.forks {
            Forks::Never => {
                "Pull requests from forks are not previewed here: rendering runs what they contain."
            }
            Forks::OnRequest => {
                "Somebody with write can ask for it: `/preview`, after reading what the fork changes."
            }
        };
        publish::conclude(cx, repo, place, Conclusion::ActionRequired, ("From a fork", words)).await?;
        return Ok(Then::done());
    }
    publish::begin(cx, repo, number, &pull.head).await?;
    let ground = match ground(cx, repo, &[Want::Branch(pull.base.clone()), Want::Pull(number)]).await {
        Ok(ground) => ground,
        Err(Failure::Author(faults)) => {
            show(cx, (repo, None), &pull, Made::Unseen(Unseen::Faults(faults))).await?;
            return Ok(Then::done());
        }
        Err(failure) => return Err(failure),
    };
    let made = match make(cx, &ground, &pull).await {
        Err(Failure::Author(faults)) => Made::Unseen(Unseen::Faults(faults)),
        other => other?,
    };
    // A push during the work supersedes it: its own event is on the way, and two comments for one push must not be.
    let current = cx.github.pull(repo, number).await?;
    if current.as_ref().is_none_or(|now| now.head != pull.head || !now.open) {
        let words = ("Superseded", "The pull request moved while this was being found out.");
        publish::conclude(cx, repo, place, Conclusion::Cancelled, words).await?;
        return Ok(Then::done());
    }
    let blind = matches!(&made, Made::Plans { blind: true, .. });
    show(cx, (&ground.repo, ground.config), &pull, made).await?;
    Ok(if blind { Then::wait((cx.clock)() + AGAIN) } else { Then::done() })
}

/// Puts what was made on the pull request, and keeps it; `config` is the digest of the file in force.
async fn show(
    cx: &Context,
    (repo, config): (&Repo, Option<Digest>),
    pull: &Pull,
    made: Made,
) -> Result<(), Failure> {
    let place = (pull.number, &pull.head);
    match made {
        Made::Nothing => {
            let words = ("Nothing to preview", "There is no .tidegate.yaml on either side.");
            publish::conclude(cx, repo, place, Conclusion::Success, words).await
        }
        Made::Unseen(unseen) => {
            let faults = match &unseen {
                Unseen::Faults(faults) => faults.clone(),
                Unseen::Conflict { .. } => Vec::new(),
            };
            let shown = cx.templates.unseen(&unseen, pull)?;
            publish::show(cx, repo, place, &shown, (Conclusion::Failure, faults)).await.map(drop)
        }
        Made::Plans { preview, how, notes, .. } => {
            let page =
                |public| Page { preview: &preview, branch: &pull.base, how: &how, notes: &notes, public };
            let (comment, completed) = plans_shown(cx, repo, pull, page).await?;
            // Kept last: what a `/deploy` is bound to was on the pull request before it could be approved.
            let kept = KeptPreview { repo: repo.id, pull: pull.number, preview, config, comment, completed };
            cx.store.save_preview(&kept, (cx.clock)()).await?;
            Ok(())
        }
    }
}

/// Shows plans; gives the comment's text, none if there is nothing to say, and when it was all there.
async fn plans_shown<'p>(
    cx: &Context,
    repo: &Repo,
    pull: &Pull,
    page: impl Fn(bool) -> Page<'p>,
) -> Result<(String, Timestamp), Failure> {
    let place = (pull.number, &pull.head);
    let page = page(cx.github.repo(repo).await?.public);
    let plans = &page.preview.environments;
    // A comment that was made for another base is told what holds now; without one there is nothing to say.
    let before = cx.store.latest_preview(repo.id, pull.number).await?;
    let spoken = before.is_some_and(|shown| !shown.comment.is_empty());
    if plans.is_empty() && page.notes.is_empty() && !spoken {
        let words = ("Nothing to preview", "No environment tracks the branch that this goes into.");
        publish::conclude(cx, repo, place, Conclusion::Success, words).await?;
        return Ok((String::new(), (cx.clock)()));
    }
    let shown = cx.templates.preview(&page)?;
    // The same mistake in two environments is one annotation.
    let mut faults: Vec<Fault> = Vec::new();
    for fault in plans.iter().flat_map(|plan| &plan.errors) {
        if !faults.contains(fault) {
            faults.push(fault.clone());
        }
    }
    let conclusion = if faults.is_empty() { Conclusion::Success } else { Conclusion::Failure };
    let completed = publish::show(cx, repo, place, &shown, (conclusion, faults)).await?;
    Ok((shown.comment.body, completed))
}

async fn make(cx: &Context, ground: &Ground, pull: &Pull) -> Result<Made, Failure> {
    let Some(base) = ground.mirror.tip(&pull.base).await? else {
        return Err(Failure::author(Fault::new(format!("the base branch {} is gone", pull.base))));
    };
    let tree = match ground.objects.merge(&base, &pull.head).await? {
        Merge::Clean { tree } => tree,
        Merge::Conflict { files } => return Ok(Made::Unseen(Unseen::Conflict { base, files })),
    };
    let proposed = match settings_at(cx, &ground.objects, &tree).await? {
        Some(Ok(settings)) => Some(settings),
        Some(Err(faults)) => return Ok(Made::Unseen(Unseen::Faults(faults))),
        None => None,
    };
    if proposed.is_none() && ground.settings.is_none() {
        return Ok(Made::Nothing);
    }
    let base_tree = ground.objects.tree_of(&base).await?;
    let at_base = settings_at(cx, &ground.objects, &base).await?.and_then(Result::ok);
    let sides = Sides { pull, base: &base, base_tree: &base_tree, tree: &tree, at_base: at_base.as_ref() };
    plans(cx, ground, &sides, proposed.unwrap_or_else(none)).await
}

/// The two sides of a preview.
#[derive(Clone, Copy)]
pub(crate) struct Sides<'a> {
    /// The pull request.
    pub pull: &'a Pull,
    /// The base's tip.
    pub base: &'a Sha,
    /// The base's tree.
    pub base_tree: &'a Sha,
    /// The merge's tree.
    pub tree: &'a Sha,
    /// What the base's own file says is rendered.
    pub at_base: Option<&'a Settings>,
}

fn none() -> Settings {
    Settings { branch: None, environments: BTreeMap::new() }
}

async fn plans(
    cx: &Context,
    ground: &Ground,
    sides: &Sides<'_>,
    proposed: Settings,
) -> Result<Made, Failure> {
    let budget = Budget::new(&cx.renderers.limits);
    let mut files = Files::new(&ground.objects);
    files.write(sides.base_tree).await?;
    files.write(sides.tree).await?;
    let members = members(&proposed, sides.at_base, |name, environment| {
        ground.shares(cx, (name, environment), &sides.pull.base)
    });
    let trees = (files.path(sides.base_tree), files.expect(sides.tree)?);
    let siblings = Siblings::new((&cx.renderers, &budget), trees, members);
    let (mut environments, mut how, mut blind) = (Vec::new(), BTreeMap::new(), false);
    for (name, environment) in &proposed.environments {
        let in_force = ground.environment(name);
        let tracked = ground.tracked(in_force.unwrap_or(environment));
        if tracked != sides.pull.base {
            continue;
        }
        let case = At {
            name,
            proposed: environment,
            base: sides.at_base.and_then(|settings| settings.environments.get(name)),
            base_tree: Some(sides.base_tree),
            tree: sides.tree,
            look: Look::Live,
            budget: &budget,
            siblings: Some(&siblings),
        };
        let (plan, unseen) = one(cx, ground, &files, sides.base, case).await?;
        blind |= unseen;
        let floor = ground.target(cx, name).await?.ok().map(|target| &target.floor);
        how.insert(name.clone(), way(in_force, floor));
        environments.push(plan);
    }
    moves::across(&mut environments);
    let notes = notes(
        ground.settings.as_ref().map(|settings| &settings.environments),
        &proposed.environments,
        &sides.pull.base,
        |rules| ground.tracked(rules),
    );
    let preview = Preview {
        version: 1,
        base: sides.base.clone(),
        head: sides.pull.head.clone(),
        tree: sides.tree.clone(),
        environments,
    };
    Ok(Made::Plans { preview, how, notes, blind })
}

/// One environment's plan. Where its target cannot be looked at, the rendered one with the reason; and whether that is so.
async fn one(
    cx: &Context,
    ground: &Ground,
    files: &Files<'_>,
    base: &Sha,
    case: At<'_>,
) -> Result<(Plan, bool), Failure> {
    let failure = match at(cx, ground, files, case).await {
        Ok((mut survey, _)) => {
            let scope = ground.scope(case.name, ground.environment(case.name).unwrap_or(case.proposed));
            pending::name(&ground.objects, base, (&scope, &cx.mask), &mut survey).await?;
            return Ok((survey.plan, false));
        }
        Err(failure) => failure,
    };
    let Some(fault) = unseen(&failure) else { return Err(failure) };
    tracing::warn!(environment.name = %case.name, error = %failure, "a target could not be looked at");
    let mut plan = at(cx, ground, files, At { look: Look::Rendered, ..case }).await?.0.plan;
    plan.errors.push(fault);
    plan.digest = None;
    Ok((plan, true))
}

/// What is said of an environment whose target could not be looked at: one that is away, or that is set up wrongly, must
/// not hide what happens in the others. None: it is not about the target, and the whole preview waits or ends.
fn unseen(failure: &Failure) -> Option<Fault> {
    let (why, hint) = match failure {
        Failure::Weather(_) => ("it is not answering".to_owned(), ""),
        Failure::Ours(cause) => (top(cause), "whoever runs Tidegate finds more in its log; "),
        Failure::Denied { missing, .. } => (missing.clone(), "whoever installed the App can do so; "),
        Failure::Author(_) | Failure::Limited { .. } | Failure::Gone(_) => return None,
    };
    let fault = Fault::new(format!("the target could not be looked at: {why}"));
    Some(
        fault.hint(format!(
            "{hint}it is tried again by itself; what is shown is not compared with the target"
        )),
    )
}

/// What an error says first, without places on the server's disk: for people who must not learn more of it.
fn top(cause: &Cause) -> String {
    let first = cause.source().map_or_else(|| cause.to_string(), ToString::to_string);
    let line = first.lines().next().unwrap_or_default();
    let hidden = |word: &str| {
        let bare = word.trim_start_matches(['"', '\'', '`', '(']);
        let place = bare.starts_with('/') || bare.starts_with("file:") || bare.starts_with("\\\\");
        if place { "…".to_owned() } else { word.to_owned() }
    };
    line.split(' ').map(hidden).collect::<Vec<_>>().join(" ").chars().take(300).collect()
}

/// How an environment is deployed, in force now: by its own rules, never below the floor.
fn way(in_force: Option<&Environment>, floor: Option<&Floor>) -> How {
    let Some(environment) = in_force else { return How { way: Way::NotInForce, after: Vec::new() } };
    let floor = floor.and_then(|floor| floor.before_merge).unwrap_or(BeforeMerge::AnyTime);
    let way = match (environment.deploy.when, environment.deploy.before_merge.min(floor)) {
        (When::Merge, _) => Way::OnMerge,
        (When::Comment, BeforeMerge::Never) => Way::CommandAfterMerge,
        (When::Comment, BeforeMerge::WhenMergeable | BeforeMerge::AnyTime) => Way::Command,
        (When::Never, _) => Way::Never,
    };
    How { way, after: environment.deploy.after.clone() }
}

/// One environment at two trees, as it is to be looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At<'a> {
    /// The environment's name.
    pub name: &'a EnvironmentName,
    /// As the proposed tree's file describes it.
    pub proposed: &'a Environment,
    /// As the base's file describes it; none: it is new, or the base cannot be had.
    pub base: Option<&'a Environment>,
    /// The base's tree.
    pub base_tree: Option<&'a Sha>,
    /// The tree that is proposed.
    pub tree: &'a Sha,
    /// How the target is looked at.
    pub look: Look,
    /// What the job may still render.
    pub budget: &'a Budget,
    /// The repository's other environments.
    pub siblings: Option<&'a Siblings<'a>>,
}

/// What a target needs that lies in the repository; only a branch is pushed to.
async fn hub<'g>(
    cx: &Context,
    ground: &'g Ground,
    settings: &TargetSettings,
    environment: &EnvironmentName,
) -> Result<target::Hub<'g>, Failure> {
    let name = cx.github.app_login().await?;
    let token = match settings.place {
        Place::Branch { .. } => match cx.github.push_token(&ground.repo).await {
            // Without the opt-in the branch can still be looked at; deploying to it is refused by Git.
            Err(error) if error.kind() == Kind::Denied => ground.token.clone(),
            token => token?,
        },
        Place::Kubernetes { .. } | Place::Directory { .. } => ground.token.clone(),
    };
    let mut bases = Vec::new();
    if let Place::Branch { name } = &settings.place {
        let branch = crate::git::branch::name(name, environment)?;
        let pulls = cx.github.open_pulls(&ground.repo, &branch).await?;
        // Anybody can open one from a fork; that must not stop deployments.
        bases.extend(pulls.iter().any(|pull| !pull.is_fork(ground.repo.id)).then_some(branch));
    }
    Ok(target::Hub {
        ground,
        bases,
        email: format!("{name}@users.noreply.github.com"),
        name,
        token,
        now: (cx.clock)(),
    })
}

/// Forgets the tokens of a repository if this failure says that Git found one refused; says whether it did. One that was
/// revoked before its time would otherwise be used until it ends.
pub(crate) async fn forget_refused(cx: &Context, ground: &Ground, failure: &Failure) -> bool {
    let Failure::Weather(cause) = failure else { return false };
    let git = cause.source().and_then(|source| source.downcast_ref::<crate::git::Error>());
    if !git.is_some_and(crate::git::Error::is_unauthorised) {
        return false;
    }
    cx.github.refused(&ground.repo, &ground.token).await;
    if let Ok(push) = cx.github.push_token(&ground.repo).await {
        cx.github.refused(&ground.repo, &push).await;
    }
    true
}

/// Surveys one environment at two trees, against its target if this repository may use it; with new tokens once more if
/// the target refused the old ones.
pub(crate) async fn at(
    cx: &Context,
    ground: &Ground,
    files: &Files<'_>,
    case: At<'_>,
) -> Result<(Survey, Option<target::Target>), Failure> {
    match once(cx, ground, files, case).await {
        Err(failure) if forget_refused(cx, ground, &failure).await => once(cx, ground, files, case).await,
        settled => settled,
    }
}

async fn once(
    cx: &Context,
    ground: &Ground,
    files: &Files<'_>,
    case: At<'_>,
) -> Result<(Survey, Option<target::Target>), Failure> {
    let At { name, proposed, base, base_tree, tree, look, budget, siblings } = case;
    let rules = ground.environment(name).unwrap_or(proposed);
    let scope = ground.scope(name, rules);
    let (settings, fault) = match ground.target(cx, name).await? {
        Ok(settings) => (Some(settings), None),
        Err(unavailable) => (None, unavailable.fault(name).map(|fault| (unavailable, fault))),
    };
    let connected = match settings.filter(|_| look == Look::Live) {
        Some(settings) => {
            let hub = hub(cx, ground, settings, name).await?;
            Some(target::connect(&cx.clusters, settings, &scope, Some(&hub)).await?)
        }
        None => None,
    };
    let question = Question {
        scope: &scope,
        target: connected.as_ref().zip(settings.map(|settings| &settings.floor)),
        proposed,
        base,
        base_files: base_tree.and_then(|tree| files.path(tree)),
        files: files.expect(tree)?,
        budget,
        siblings,
    };
    let mut survey = survey(&cx.renderers, &cx.mask, &question).await?;
    if let Some((unavailable, fault)) = fault
        && unavailable != Unavailable::NotInForce
    {
        survey.plan.errors.push(fault);
        survey.plan.digest = None;
    }
    Ok((survey, connected))
}

#[cfg(test)]
mod tests {
    use super::unseen;
    use crate::model::fault::{Cause, Failure};

    #[test]
    fn one_target_that_is_set_up_wrongly_is_a_fault_of_its_environment_alone() {
        let says = |failure: Failure| unseen(&failure).map(|fault| fault.message);
        let settings =
            Cause::new("working on a cluster", "target prod has no usable Kubernetes configuration");
        assert_eq!(
            says(Failure::Ours(settings)).as_deref(),
            Some("the target could not be looked at: target prod has no usable Kubernetes configuration")
        );
        let disk = Cause::plain("cannot read `/srv/tidegate/out/a.yaml` or (/etc/kube) now\ntoken: x");
        assert_eq!(
            says(Failure::Ours(disk)).as_deref(),
            Some("the target could not be looked at: cannot read … or … now")
        );
        let missing = "grant it `contents: write`".to_owned();
        let denied = says(Failure::Denied { cause: Cause::plain("push"), missing }).unwrap();
        assert!(denied.ends_with("grant it `contents: write`"), "{denied}");
        assert!(
            says(Failure::weather("x", "connection refused by 10.0.0.7")).unwrap().ends_with("not answering")
        );
        assert_eq!(says(Failure::Gone(Cause::plain("x"))), None);
        let wait = jiff::SignedDuration::from_secs(1);
        assert_eq!(says(Failure::Limited { cause: Cause::plain("x"), wait }), None);
    }
}
