//! The story, scene by scene: who does what, what a person would see, and whether it holds.

use github_emulator::{MergeMethod, Protection, Pull, Verdict};

use crate::app::clock;
use crate::demo::environment::branch;
use crate::demo::stage::Stage;
use crate::demo::tell::Tell;
use crate::demo::verify::seconds_since;
use crate::demo::{Halt, sample};

/// Plays the story to its end; the first fact that does not hold ends it.
pub(super) async fn play(stage: &Stage, tell: &mut Tell) -> Result<(), Halt> {
    let began = clock();
    first_version(stage, tell).await?;
    let pull = pull_request(stage, tell).await?;
    deploy_staging(stage, tell, &pull).await?;
    refused(stage, tell, &pull).await?;
    let merged = merge(stage, tell, &pull).await?;
    history(stage, tell, &merged).await?;
    contract(stage, tell).await?;
    tell.ending(&format!("The whole story held, in {:.1} s.", seconds_since(began)));
    Ok(())
}

async fn first_version(stage: &Stage, tell: &mut Tell) -> Result<(), Halt> {
    tell.scene("ann pushes the first version to main").await;
    let files = sample::files(stage.cluster.is_some());
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(text.as_str()))).collect();
    let tip = stage.repository.commit("main", "Begin the shop", "ann", &files)?;
    tell.happened(&format!("{}: plain manifests, a Kustomize app, a Helm chart", count(files.len(), "file")));
    for environment in sample::ENVIRONMENTS {
        stage.deployed(environment, &tip).await?;
        if environment == sample::ENVIRONMENTS[0] {
            tell.delivered(&stage.github.hooks().deliveries());
        }
        let objects = stage.equals(environment, &tip).await?;
        tell.held(&format!(
            "{environment} is deployed: {} in {}, exactly what `tidegate render` says",
            count(objects, "object"),
            place(stage, environment)
        ));
    }
    // From here on main takes reviewed pull requests only.
    let protection = Protection { required_reviews: 1, as_ruleset: true, ..Protection::default() };
    stage.repository.protect("main", Some(protection))?;
    Ok(())
}

async fn pull_request(stage: &Stage, tell: &mut Tell) -> Result<Pull, Halt> {
    tell.scene(&format!("ann opens pull request #1: {}", sample::TITLE)).await;
    let before = tips(stage).await?;
    let proposal = sample::proposal();
    let files: Vec<_> = proposal.iter().map(|(path, text)| (*path, text.as_deref())).collect();
    stage.repository.commit(sample::BRANCH, sample::TITLE, "ann", &files)?;
    let began = clock();
    let pull = stage.repository.open_pull("ann", sample::TITLE, sample::BRANCH, "main")?;
    let comment = stage.preview(&pull).await?;
    let took = seconds_since(began);
    tell.delivered(&stage.github.hooks().deliveries());
    tell.comment(&stage.bot, &comment.body);
    for words in ["staging", "production", "nginx:1.28.0", "storefront"] {
        if !comment.body.contains(words) {
            return Err(Halt::new(format!("the preview does not speak of {words}")));
        }
    }
    tell.held(&format!("the preview was there after {took:.1} s; check tidegate/preview: success"));
    if tips(stage).await? != before {
        return Err(Halt::new("the preview wrote to an environment"));
    }
    tell.held("nothing was written to any environment");
    Ok(pull)
}

async fn deploy_staging(stage: &Stage, tell: &mut Tell, pull: &Pull) -> Result<(), Halt> {
    tell.scene("bob approves, and tries it in staging before the merge").await;
    pull.review("bob", Verdict::Approved)?;
    stage.read_the_preview().await;
    let before = tips(stage).await?;
    let comment = pull.comment("bob", "/deploy staging")?;
    tell.comment("bob", "/deploy staging");
    let head = pull.head_sha()?;
    let deployment = stage.deployed("staging", &head).await?;
    stage.reaction(pull, comment, "rocket").await?;
    tell.delivered(&stage.github.hooks().deliveries());
    tell.held("reaction: 👀, then 🚀");
    let states: Vec<_> = deployment.statuses.iter().map(|one| one.state.as_str()).collect();
    let last = deployment.statuses.last().map(|one| one.description.as_str()).unwrap_or_default();
    tell.held(&format!("GitHub Deployment of staging: {} ({last})", states.join(", then ")));
    let reply = stage.reply(pull, comment, "staging").await?;
    tell.comment(&stage.bot, &reply.body);
    let objects = stage.equals("staging", &head).await?;
    tell.held(&format!(
        "{} holds {}, exactly what the merge would render to",
        place(stage, "staging"),
        count(objects, "object")
    ));
    if before.get(1) != tips(stage).await?.get(1) {
        return Err(Halt::new("production moved with staging"));
    }
    tell.held("production is untouched");
    if stage.cluster.is_none() {
        let names: Vec<String> = stage.holds("staging").await?.into_iter().map(|item| item.name).collect();
        tell.lines(&format!("{}:", branch("staging")), &names.join("\n"));
    }
    Ok(())
}

async fn refused(stage: &Stage, tell: &mut Tell, pull: &Pull) -> Result<(), Halt> {
    tell.scene("rita, who may only read, tries production").await;
    let before = tips(stage).await?;
    let comment = pull.comment("rita", "/deploy production")?;
    tell.comment("rita", "/deploy production");
    stage.reaction(pull, comment, "confused").await?;
    let reply = stage.reply(pull, comment, "rita").await?;
    tell.delivered(&stage.github.hooks().deliveries());
    tell.comment(&stage.bot, &reply.body);
    if !reply.body.contains("needs maintain") || !reply.body.contains(".tidegate.yaml:") {
        return Err(Halt::new("the refusal does not name the rule and where it is written"));
    }
    if tips(stage).await? != before {
        return Err(Halt::new("a refused command wrote to an environment"));
    }
    tell.held("refused with the rule and its line; reaction: 😕; nothing was written");
    Ok(())
}

async fn merge(stage: &Stage, tell: &mut Tell, pull: &Pull) -> Result<String, Halt> {
    tell.scene("ann merges").await;
    let staging = stage.marks("staging").await?;
    let tip = pull.merge("ann", MergeMethod::Merge)?;
    let short: String = tip.chars().take(7).collect();
    tell.happened(&format!("main is at {short}; production follows, because staging has the same tree"));
    let deployment = stage.deployed("production", &tip).await?;
    tell.delivered(&stage.github.hooks().deliveries());
    let last = deployment.statuses.last().map(|one| one.description.as_str()).unwrap_or_default();
    tell.held(&format!("GitHub Deployment of production: success ({last})"));
    for environment in sample::ENVIRONMENTS {
        let objects = stage.equals(environment, &tip).await?;
        tell.held(&format!("{environment}: {}, exactly what main renders to", count(objects, "object")));
    }
    if staging != stage.marks("staging").await? {
        return Err(Halt::new("staging was deployed twice"));
    }
    tell.held("staging had it already and was left alone");
    Ok(tip)
}

async fn history(stage: &Stage, tell: &mut Tell, merged: &str) -> Result<(), Halt> {
    if stage.cluster.is_some() {
        return Ok(());
    }
    tell.scene("What production says of itself").await;
    let log = stage.history("production", 2).await?;
    tell.lines(&format!("git log {}", branch("production")), log.trim_end());
    let from = format!("Tidegate-Pull-Request: {}/{}#1", sample::OWNER, sample::NAME);
    for trailer in [from, format!("Tidegate-Source: {merged}"), "Tidegate-Plan: sha256:".to_owned()] {
        if !log.contains(&trailer) {
            return Err(Halt::new(format!("the history has no `{trailer}`")));
        }
    }
    tell.held("each commit names its pull request, its plan and its source");
    Ok(())
}

/// GitHub's side of it: whatever Tidegate asked was asked as GitHub describes it.
async fn contract(stage: &Stage, tell: &mut Tell) -> Result<(), Halt> {
    stage.github.hooks().settle().await;
    let (faults, unknown) = (stage.github.violations(), stage.github.unknown_requests());
    if let Some(fault) = faults.first() {
        return Err(Halt::new(format!(
            "GitHub's description was broken by {}: {}",
            fault.operation, fault.message
        )));
    }
    if let Some(request) = unknown.first() {
        return Err(Halt::new(format!("GitHub knows no request {request}")));
    }
    tell.line("");
    tell.held(&format!(
        "{} requests and {} webhooks, all as GitHub's published description has them",
        stage.github.exchanges(),
        stage.github.webhooks_validated()
    ));
    Ok(())
}

/// Marks of both environments.
async fn tips(stage: &Stage) -> Result<Vec<Vec<String>>, Halt> {
    let [staging, production] = sample::ENVIRONMENTS;
    Ok(vec![stage.marks(staging).await?, stage.marks(production).await?])
}

fn place(stage: &Stage, environment: &str) -> String {
    if stage.cluster.is_some() {
        format!("namespace shop-{environment}")
    } else {
        format!("branch {}", branch(environment))
    }
}

fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}
