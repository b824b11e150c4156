//! A merge queue asks for our check on its own merge: the queued tree is planned and compared with what was previewed.

use crate::diff::digest::{Comparison, compare};
use crate::git::Want;
use crate::model::check::{Check, Conclusion};
use crate::model::fault::{Failure, Fault};
use crate::model::id::{Branch, EnvironmentName, Repo, Sha};
use crate::render::Budget;
use crate::work::files::Files;
use crate::work::ground::{Ground, ground, settings_at};
use crate::work::siblings::{Siblings, members};
use crate::work::{Context, Then, preview, publish};

/// Answers always, or the queue would wait for ever.
pub(crate) async fn run(cx: &Context, repo: &Repo, head: &Sha, base: &Branch) -> Result<Then, Failure> {
    let wants = [Want::Branch(base.clone()), Want::Commit(head.clone())];
    let (conclusion, title, summary) = match ground(cx, repo, &wants).await {
        Ok(ground) => match compared(cx, &ground, head, base).await {
            Ok(different) if different.is_empty() => (
                Conclusion::Success,
                "As previewed",
                "The queued merge has the effect that was previewed.".to_owned(),
            ),
            Ok(different) => (Conclusion::Failure, "Not as previewed", different.join("\n")),
            Err(Failure::Author(faults)) => (Conclusion::Failure, "Cannot be previewed", listed(&faults)),
            Err(failure) => return Err(failure),
        },
        Err(Failure::Author(faults)) => (Conclusion::Failure, "The file in force is broken", listed(&faults)),
        Err(failure) => return Err(failure),
    };
    let check = Check {
        name: publish::PREVIEW.to_owned(),
        external_id: format!("queue/{head}"),
        conclusion,
        title: title.to_owned(),
        summary,
        text: String::new(),
        faults: Vec::new(),
    };
    cx.github.check(repo, head, &check).await?;
    Ok(Then::done())
}

fn listed(faults: &[Fault]) -> String {
    faults.iter().map(|fault| format!("- {fault}")).collect::<Vec<_>>().join("\n")
}

/// One line for each environment whose effect is not what some pull request's preview showed.
async fn compared(cx: &Context, ground: &Ground, head: &Sha, base: &Branch) -> Result<Vec<String>, Failure> {
    let tree = ground.objects.tree_of(head).await?;
    let proposed = match settings_at(cx, &ground.objects, &tree).await? {
        None => return Ok(Vec::new()),
        Some(Err(faults)) => return Err(Failure::Author(faults)),
        Some(Ok(settings)) => settings,
    };
    let Some(tip) = ground.mirror.tip(base).await? else { return Ok(Vec::new()) };
    let base_tree = ground.objects.tree_of(&tip).await?;
    let at_base = settings_at(cx, &ground.objects, &tip).await?.and_then(Result::ok);
    let budget = Budget::new(&cx.renderers.limits);
    let mut files = Files::new(&ground.objects);
    files.write(&tree).await?;
    files.write(&base_tree).await?;
    let recent = cx.store.recent_previews(ground.repo.id).await?;
    let mut different = Vec::new();
    let members = members(&proposed, at_base.as_ref(), |name, environment| {
        ground.shares(cx, (name, environment), base)
    });
    let trees = (files.path(&base_tree), files.expect(&tree)?);
    let siblings = Siblings::new((&cx.renderers, &budget), trees, members);
    for (name, environment) in &proposed.environments {
        if ground.tracked(ground.environment(name).unwrap_or(environment)) != *base {
            continue;
        }
        let old = at_base.as_ref().and_then(|settings| settings.environments.get(name));
        let (survey, _) = preview::at(
            cx,
            ground,
            &files,
            preview::At {
                name,
                proposed: environment,
                base: old,
                base_tree: Some(&base_tree),
                tree: &tree,
                look: preview::Look::Live,
                budget: &budget,
                siblings: Some(&siblings),
            },
        )
        .await?;
        let now = survey.plan;
        // What could not be shown approves nothing, and what cannot be planned was not approved.
        let shown = recent
            .iter()
            .flat_map(|shown| &shown.preview.environments)
            .filter(|plan| plan.name == *name && plan.digest.is_some());
        let equal = now.errors.is_empty()
            && (now.is_empty()
                || shown.into_iter().any(|plan| !matches!(compare(plan, &now), Comparison::Differs { .. })));
        if !equal {
            different.push(line(name, &now));
        }
    }
    Ok(different)
}

fn line(name: &EnvironmentName, plan: &crate::model::plan::Plan) -> String {
    let changes: Vec<String> =
        plan.changes.iter().take(20).map(|change| format!("{} {}", change.action, change.id)).collect();
    let errors: Vec<String> = plan.errors.iter().take(5).map(ToString::to_string).collect();
    format!(
        "- `{name}`: no preview showed this effect: {}",
        changes.into_iter().chain(errors).collect::<Vec<_>>().join(", ")
    )
}
