//! `tidegate apply`: makes an environment equal to a revision, bound to a digest if one is given.

use std::path::Path;

use clap::Args;
use jiff::Timestamp;

use crate::app::parts::Keep;
use crate::cli::interrupt::Interrupt;
use crate::cli::local::{Bench, Checkout, chosen, mask, missing};
use crate::cli::show;
use crate::model::deployment::{Commits, Deployment, State, Trigger};
use crate::model::fault::{Failure, Fault};
use crate::model::id::{Digest, InstallationId, Malformed, Repo};
use crate::model::report::Report;
use crate::model::settings::Environment;
use crate::model::target::{Run, Scope};
use crate::render::Budget;
use crate::terminal::{ERROR, fail, note, out};
use crate::work::files::Files;
use crate::work::siblings::{Siblings, members};
use crate::work::survey::{Excess, Question, Survey, excess, survey};

/// What `apply` takes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The environment.
    environment: String,
    /// The revision to apply.
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    rev: String,
    /// What it is compared with, as in `plan`. Default: the tracked branch's upstream, or itself.
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    /// Apply only if the effect has this digest, as `plan` printed it.
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
    /// Go on although nothing was ever deployed there: create what is missing and record what is owned.
    #[arg(long)]
    baseline: bool,
    #[command(flatten)]
    checkout: Checkout,
}

/// Applies; exit 1 if refused or if something did not happen.
pub(crate) async fn run(config: Option<&Path>, options: &Options, interrupt: &Interrupt) -> u8 {
    match apply(config, options, interrupt).await {
        Ok(report) if report.succeeded() => out(&show::report(&report)),
        Ok(report) => {
            out(&show::report(&report));
            ERROR
        }
        Err(Failure::Author(faults)) => {
            for fault in &faults {
                note(&fault.to_string());
            }
            ERROR
        }
        Err(failure) => fail(&failure.to_string()),
    }
}

async fn apply(config: Option<&Path>, options: &Options, interrupt: &Interrupt) -> Result<Report, Failure> {
    let bench = Bench::open(&options.checkout, config, Keep::Run).await?;
    let head = bench.local.resolve(&options.rev).await?;
    let settings = bench.settings(&head).await?;
    let named = [options.environment.clone()];
    let Some((name, environment)) = chosen(&settings, &named)?.into_iter().next() else {
        return Err(missing("no environment was chosen"));
    };
    let base = bench.base(options.base.as_deref(), &head).await?;
    let at_base = bench.settings_if_any(&base).await?;
    let objects = bench.local.objects();
    let (base_tree, tree) = (objects.tree_of(&base).await?, objects.tree_of(&head).await?);
    let mut files = Files::new(objects);
    files.write(&base_tree).await?;
    files.write(&tree).await?;
    let scope = bench.scope(name, environment).await?;
    let (target, place) = bench.target(&scope).await?;
    let (mask, budget) = (mask()?, Budget::new(&bench.renderers.limits));
    let members = members(&settings, at_base.as_ref(), |_, environment| bench.shares(environment));
    let trees = (files.path(&base_tree), files.expect(&tree)?);
    let siblings = Siblings::new((&bench.renderers, &budget), trees, members);
    let question = Question {
        scope: &scope,
        target: Some((&target, &place.floor)),
        proposed: environment,
        base: at_base.as_ref().and_then(|settings| settings.environments.get(name)),
        base_files: files.path(&base_tree),
        files: files.expect(&tree)?,
        budget: &budget,
        siblings: Some(&siblings),
    };
    let survey = survey(&bench.renderers, &mask, &question).await?;
    admitted(options, environment, &survey)?;
    let deployment = deployment(&scope, Commits { base, head, tree })?;
    let run = Run {
        plan: &survey.plan,
        bundle: &survey.facts.bundle,
        inventory: survey.facts.inventory.as_ref(),
        deployment: &deployment,
        permit: interrupt.writing(),
    };
    let applied = target.apply(&scope, &run).await?;
    Ok(survey.facts.report(&scope, &mask, &applied))
}

/// May it go on? With a digest only what was approved; without one nothing that ought to be asked for.
fn admitted(options: &Options, environment: &Environment, survey: &Survey) -> Result<(), Failure> {
    let plan = &survey.plan;
    if !plan.errors.is_empty() {
        return Err(Failure::Author(plan.errors.clone()));
    }
    let refuse = |message: String, hint: &str| Err(Failure::author(Fault::new(message).hint(hint)));
    if let Some(text) = &options.digest {
        let approved: Digest =
            text.parse().map_err(|error: Malformed| Failure::author(Fault::new(error.to_string())))?;
        if plan.digest == Some(approved) {
            return Ok(());
        }
        let now = plan.digest.map_or_else(String::new, |digest| digest.to_string());
        let message = format!("the effect now has the digest {now}, not the one that was approved");
        return refuse(message, "plan again with the same --base, read it, and apply with its digest");
    }
    if let Some(Excess { deletes, why }) =
        excess(&survey.plan, &survey.facts.bundle, environment.deploy.limits)
    {
        let objects = if deletes == 1 { "1 object" } else { &format!("{deletes} objects") };
        let message = format!("{objects} would be deleted; {why}");
        return refuse(message, "read `tidegate plan`, then apply with its --digest");
    }
    if plan.baseline && !options.baseline {
        let message = format!("nothing was ever deployed to `{}` from here", plan.name);
        return refuse(message, "read `tidegate plan`, then apply with its --digest or with --baseline");
    }
    Ok(())
}

fn deployment(scope: &Scope, commits: Commits) -> Result<Deployment, Failure> {
    #[expect(clippy::disallowed_methods, reason = "a local run begins here: this is where its time is taken")]
    let now = Timestamp::now();
    Ok(Deployment {
        id: format!("local-{}-{}-{}", scope.environment.name, commits.head, now.as_millisecond()),
        environment: scope.environment.clone(),
        repo: Repo { installation: InstallationId(0), id: scope.environment.repo, name: scope.repo.clone() },
        pull: None,
        cause: Trigger::Push,
        by: "local".parse().map_err(|error| Failure::ours("name who applies", error))?,
        by_id: None,
        asked: now,
        deletes: None,
        commits,
        approved: None,
        named: None,
        state: State::Running,
        record: None,
        began: None,
        refusal: None,
        report: None,
        message: String::new(),
        created: now,
        changed: now,
    })
}
