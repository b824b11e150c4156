//! `tidegate apply`: makes an environment equal to a revision, bound to a digest if one is given.

use std::path::Path;

use clap::Args;
use jiff::Timestamp;

use crate::cli::local::{Bench, Checkout, chosen, missing};
use crate::cli::{ERROR, fail, note, out, show};
use crate::model::deployment::{Commits, Deployment, State, Trigger};
use crate::model::fault::{Failure, Fault};
use crate::model::id::{Digest, InstallationId, Repo};
use crate::model::permit::Permit;
use crate::model::plan::Action;
use crate::model::report::Report;
use crate::model::target::{Run, Scope};
use crate::work::files::Files;
use crate::work::survey::{Question, survey};

/// What `apply` takes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The environment.
    environment: String,
    /// The revision to apply.
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    rev: String,
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
pub(crate) async fn run(config: Option<&Path>, options: &Options) -> u8 {
    match apply(config, options).await {
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

async fn apply(config: Option<&Path>, options: &Options) -> Result<Report, Failure> {
    let approved = match &options.digest {
        Some(text) => {
            Some(text.parse::<Digest>().map_err(|error| Failure::author(Fault::new(error.to_string())))?)
        }
        None => None,
    };
    let bench = Bench::open(&options.checkout, config).await?;
    let head = bench.local.resolve(&options.rev).await?;
    let settings = bench.settings(&head).await?;
    let named = [options.environment.clone()];
    let Some((name, environment)) = chosen(&settings, &named)?.into_iter().next() else {
        return Err(missing("no environment was chosen"));
    };
    let tree = bench.local.objects().tree_of(&head).await?;
    let mut files = Files::new(bench.local.objects());
    files.write(&tree).await?;
    let scope = bench.scope(name, environment).await?;
    let (target, place) = bench.target(&scope).await?;
    let question = Question {
        scope: &scope,
        target: Some((&target, &place.floor)),
        proposed: environment,
        base: None,
        base_files: None,
        files: files.expect(&tree)?,
    };
    let survey = survey(&bench.renderers, &bench.mask, &question).await?;
    let plan = &survey.plan;
    if !plan.errors.is_empty() {
        return Err(Failure::Author(plan.errors.clone()));
    }
    if approved.is_some() && approved != plan.digest {
        let now = plan.digest.map_or_else(String::new, |digest| digest.to_string());
        let fault = Fault::new(format!("the effect now has the digest {now}, not the one that was approved"));
        return Err(Failure::author(fault.hint("plan again, read it, and apply with its digest")));
    }
    let deletes = plan.changes.iter().filter(|change| change.action == Action::Delete).count();
    if approved.is_none() && deletes > environment.deploy.limits.deletes(plan.owned) {
        let fault = Fault::new(format!("{deletes} objects would be deleted, more than the limit"));
        return Err(Failure::author(fault.hint("read `tidegate plan`, then apply with its --digest")));
    }
    if plan.baseline && approved.is_none() && !options.baseline {
        let fault = Fault::new(format!("nothing was ever deployed to `{name}` from here"));
        return Err(Failure::author(
            fault.hint("read `tidegate plan`, then apply with its --digest or with --baseline"),
        ));
    }
    let deployment = deployment(&scope, &head, Commits { base: head.clone(), head: head.clone(), tree })?;
    let permit = Permit::default();
    let run = Run {
        plan,
        bundle: &survey.facts.bundle,
        inventory: survey.facts.inventory.as_ref(),
        deployment: &deployment,
        permit: &permit,
    };
    let applied = target.apply(&scope, &run).await?;
    Ok(survey.facts.report(&scope, &bench.mask, &applied))
}

fn deployment(scope: &Scope, head: &crate::model::id::Sha, commits: Commits) -> Result<Deployment, Failure> {
    #[expect(clippy::disallowed_methods, reason = "a local run begins here: this is where its time is taken")]
    let now = Timestamp::now();
    Ok(Deployment {
        id: format!("local-{}-{head}-{}", scope.environment.name, now.as_millisecond()),
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
        report: None,
        message: String::new(),
        created: now,
        changed: now,
    })
}
