//! `tidegate plan`: what merging head into base would change, without GitHub.

use std::collections::BTreeMap;
use std::path::Path;

use clap::{Args, ValueEnum};

use crate::cli::local::{Bench, Checkout, Kept, chosen, mask};
use crate::cli::{CHANGES, progress, show};
use crate::comment::{How, Page, Templates, Way};
use crate::diff::mask::MaskKey;
use crate::diff::moves;
use crate::git::Merge;
use crate::model::fault::{Failure, Fault};
use crate::model::id::{EnvironmentName, Sha};
use crate::model::plan::{Plan, Preview};
use crate::model::settings::{Environment, Settings};
use crate::render::Budget;
use crate::terminal::{DONE, ERROR, fail, harmless, note, out};
use crate::work::files::Files;
use crate::work::pending;
use crate::work::siblings::{Siblings, members};
use crate::work::survey::{Question, survey};

/// What `plan` takes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only these environments.
    environments: Vec<String>,
    /// What head is merged into. Default: the tracked branch's upstream, or itself.
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    /// The proposed revision.
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    head: String,
    /// Compare two renders; look at no target.
    #[arg(long)]
    rendered: bool,
    /// How the plan is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    kept: Kept,
    #[command(flatten)]
    checkout: Checkout,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For terminals.
    Text,
    /// As the comment on a pull request.
    Markdown,
    /// The public document (`tidegate schema plan`).
    Json,
}

/// Prints the plan. Exit 0: no change; 2: changes; 1: an error anywhere.
pub(crate) async fn run(config: Option<&Path>, options: &Options) -> u8 {
    let preview = match preview(config, options).await {
        Ok(preview) => preview,
        Err(Failure::Author(faults)) => {
            for fault in &faults {
                note(&fault.to_string());
            }
            return ERROR;
        }
        Err(failure) => return fail(&failure.to_string()),
    };
    let text = match options.format {
        Format::Json => {
            serde_json::to_string_pretty(&preview).map(|text| text + "\n").map_err(|error| error.to_string())
        }
        Format::Text => Ok(show::text(&preview)),
        Format::Markdown => markdown(&preview).map_err(|failure| failure.to_string()),
    };
    match text {
        Err(error) => fail(&error),
        Ok(text) => match out(&text) {
            DONE if preview.environments.iter().any(|plan| !plan.errors.is_empty()) => ERROR,
            DONE if preview.environments.iter().any(|plan| !plan.is_empty()) => CHANGES,
            code => code,
        },
    }
}

fn markdown(preview: &Preview) -> Result<String, Failure> {
    let how: BTreeMap<EnvironmentName, How> = preview
        .environments
        .iter()
        .map(|plan| (plan.name.clone(), How { way: Way::Command, after: Vec::new() }))
        .collect();
    let branch = "base".parse().map_err(|error| Failure::ours("name the base", error))?;
    let page = Page { preview, branch: &branch, how: &how, notes: &[], public: false };
    Ok(harmless(&Templates::builtin()?.preview(&page)?.comment.body))
}

async fn preview(config: Option<&Path>, options: &Options) -> Result<Preview, Failure> {
    let bench = Bench::open(&options.checkout, config, options.kept.keep()).await?;
    let head = bench.local.resolve(&options.head).await?;
    let base = bench.base(options.base.as_deref(), &head).await?;
    let tree = match bench.local.objects().merge(&base, &head).await? {
        Merge::Clean { tree } => tree,
        Merge::Conflict { files } => {
            let fault = Fault::new(format!("it cannot be merged: conflicts in {}", files.join(", ")));
            return Err(Failure::author(fault.hint("resolve them first")));
        }
    };
    let proposed = bench.settings(&tree).await?;
    let at_base = bench.settings_if_any(&base).await?;
    let base_tree = bench.local.objects().tree_of(&base).await?;
    let mut files = Files::new(bench.local.objects());
    files.write(&base_tree).await?;
    files.write(&tree).await?;
    let (mask, budget) = (mask()?, Budget::new(&bench.renderers.limits));
    let members = members(&proposed, at_base.as_ref(), |_, environment| bench.shares(environment));
    let trees = (files.path(&base_tree), files.expect(&tree)?);
    let siblings = Siblings::new((&bench.renderers, &budget), trees, members);
    let sides = Sides {
        base: &base,
        base_tree: &base_tree,
        tree: &tree,
        at_base: at_base.as_ref(),
        mask: &mask,
        budget: &budget,
        siblings: &siblings,
    };
    let mut environments = Vec::new();
    let wanted = chosen(&proposed, &options.environments)?;
    let bar = progress::bar(wanted.len(), "planning");
    for (name, environment) in wanted {
        bar.set_message(name.to_string());
        environments.push(one(&bench, &files, &sides, (name, environment), options.rendered).await?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    moves::across(&mut environments);
    Ok(Preview { version: 1, base, head, tree, environments })
}

struct Sides<'a> {
    base: &'a Sha,
    base_tree: &'a Sha,
    tree: &'a Sha,
    at_base: Option<&'a Settings>,
    mask: &'a MaskKey,
    budget: &'a Budget,
    siblings: &'a Siblings<'a>,
}

async fn one(
    bench: &Bench,
    files: &Files<'_>,
    sides: &Sides<'_>,
    (name, environment): (&EnvironmentName, &Environment),
    rendered: bool,
) -> Result<Plan, Failure> {
    let scope = bench.scope(name, environment).await?;
    let connected = if rendered { None } else { Some(bench.target(&scope).await?) };
    let question = Question {
        scope: &scope,
        target: connected.as_ref().map(|(target, settings)| (target, &settings.floor)),
        proposed: environment,
        base: sides.at_base.and_then(|settings| settings.environments.get(name)),
        base_files: files.path(sides.base_tree),
        files: files.expect(sides.tree)?,
        budget: sides.budget,
        siblings: Some(sides.siblings),
    };
    let mut survey = survey(&bench.renderers, sides.mask, &question).await?;
    pending::name(bench.local.objects(), sides.base, (&scope, sides.mask), &mut survey).await?;
    Ok(survey.plan)
}
