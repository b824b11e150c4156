//! What would change in one environment: render both sides, look at the target, decide. Shared by preview, deploy and the
//! command line, so that they cannot part.

use std::collections::BTreeMap;

use crate::diff::look::{Candidates, candidates};
use crate::diff::mask::MaskKey;
use crate::diff::{Case, floor, learn, plan};
use crate::model::fault::{Failure, Fault};
use crate::model::id::EnvironmentId;
use crate::model::object::{Bundle, Object};
use crate::model::plan::{Action, Fidelity, Plan};
use crate::model::report::{Applied, Report};
use crate::model::settings::{Environment, Limits, Source};
use crate::model::target::{Capabilities, Floor, Scope};
use crate::model::view::{Inventory, Live, Owned, Prediction, Seen};
use crate::render::{App, Budget, Rendered, Renderers, Wanted, render};
use crate::schema::deprecated;
use crate::work::files::Written;
use crate::work::fit::misfits;
use crate::work::ground::FILE;
use crate::work::siblings::Siblings;
use crate::work::target::Target;

/// One environment at two trees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    /// The environment and its rules, as in force.
    pub scope: &'a Scope,
    /// Where it lives and the operator's rules there; none: rendered only.
    pub target: Option<(&'a Target, &'a Floor)>,
    /// What the proposed tree's file renders.
    pub proposed: &'a Environment,
    /// What the base tree's file renders; none: the environment is new.
    pub base: Option<&'a Environment>,
    /// The base's files; none: it cannot be had.
    pub base_files: Option<Written<'a>>,
    /// The merge's files.
    pub files: Written<'a>,
    /// What the job may still render.
    pub budget: &'a Budget,
    /// The repository's other environments; none: nothing can move.
    pub siblings: Option<&'a Siblings<'a>>,
}

/// One environment at one tree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side<'a> {
    /// Which environment.
    pub owner: &'a EnvironmentId,
    /// What the tree's file says of it.
    pub environment: &'a Environment,
    /// The tree's files.
    pub files: Written<'a>,
    /// What its target knows.
    pub capabilities: &'a Capabilities,
    /// What the job may still render.
    pub budget: &'a Budget,
}

/// Everything that was found, and the plan that follows from it.
#[derive(Debug)]
pub(crate) struct Survey {
    /// What must change.
    pub plan: Plan,
    /// What the plan was decided from.
    pub facts: Facts,
}

/// Deletes that are not done unasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Excess {
    /// How many objects would be deleted.
    pub deletes: usize,
    /// Why that must be asked for.
    pub why: String,
}

/// The deletes of a plan that must be asked for: those above the limit, or any if nothing at all would be left, as when a
/// folder was emptied.
pub(crate) fn excess(plan: &Plan, bundle: &Bundle, limits: Limits) -> Option<Excess> {
    let deletes = plan.changes.iter().filter(|change| change.action == Action::Delete).count();
    let limit = limits.deletes(plan.owned);
    let why = if deletes > 0 && bundle.objects.is_empty() {
        "nothing at all would be left".to_owned()
    } else if deletes > limit {
        format!("the limit is {limit} of {} objects", plan.owned)
    } else {
        return None;
    };
    Some(Excess { deletes, why })
}

/// What was found: both sides as rendered, what is owned, what the target answered.
#[derive(Debug)]
pub(crate) struct Facts {
    /// The merge as rendered.
    pub bundle: Bundle,
    /// What the environment owns.
    pub inventory: Option<Inventory>,
    base: Option<Bundle>,
    seen: Vec<Seen>,
}

impl Facts {
    /// What happened beside what was predicted.
    pub(crate) fn report(&self, scope: &Scope, key: &MaskKey, applied: &[Applied]) -> Report {
        crate::diff::report::report(&self.case(scope, key, &[]), applied)
    }

    /// Texts from outside as they may be shown: without the secrets of this environment.
    pub(crate) fn masked(&self, scope: &Scope, key: &MaskKey, texts: &[&str]) -> Vec<String> {
        let mask = learn(&self.case(scope, key, &[]));
        texts.iter().map(|text| mask.message(text)).collect()
    }

    fn case<'a>(&'a self, scope: &'a Scope, key: &'a MaskKey, faults: &'a [Fault]) -> Case<'a> {
        Case {
            scope,
            base: self.base.as_ref(),
            merge: &self.bundle,
            inventory: self.inventory.as_ref(),
            seen: &self.seen,
            faults,
            key,
        }
    }
}

/// Renders, looks and decides. The author's mistakes are in the plan; a failure is the weather's or ours.
pub(crate) async fn survey(
    renderers: &Renderers,
    key: &MaskKey,
    question: &Question<'_>,
) -> Result<Survey, Failure> {
    let capabilities = match question.target {
        Some((target, _)) => target.capabilities().await?,
        None => Capabilities::default(),
    };
    let at = |environment, files| Side {
        owner: &question.scope.environment,
        environment,
        files,
        capabilities: &capabilities,
        budget: question.budget,
    };
    let merge = side(renderers, &at(question.proposed, question.files)).await?;
    let base = match (question.base, question.base_files) {
        (Some(environment), Some(files)) => Some(side(renderers, &at(environment, files)).await?),
        _ => None,
    };
    let before = question.base.zip(base.as_ref());
    let versions = (merge.renderers.clone(), base.as_ref().map(|base| base.renderers.clone()));
    let mut faults = faults(question.proposed, &merge, before);
    let broken = base.as_ref().and_then(|base| base.faults.first().cloned());
    let bundle = merge.bundle;
    let base = base.map(|base| base.bundle).or_else(|| question.base_files.map(|_| Bundle::default()));
    let View { inventory, seen, left } =
        view(question, (base.as_ref(), &bundle), &capabilities, &mut faults).await?;
    let facts = Facts { bundle, inventory, base, seen };
    let mut plan = plan(&facts.case(question.scope, key, &faults));
    if question.target.is_none() {
        plan.fidelity = Fidelity::Rendered;
    }
    plan.warnings.extend(left);
    plan.warnings.extend(misfits(&facts.bundle, &facts.seen.iter().map(|seen| &seen.id).collect()));
    // What is new cannot be told from what was there, so it may show too much; never too little.
    plan.warnings.extend(broken.map(|fault| {
        let words = format!("the base does not render, so more may be shown than changes: {fault}");
        learn(&facts.case(question.scope, key, &[])).own(&words)
    }));
    let (renderers, before) = versions;
    plan.warnings.extend(before.iter().flat_map(|before| bumps(before, &renderers)));
    plan.renderers = renderers;
    Ok(Survey { plan, facts })
}

/// Warns of API versions that Kubernetes removed, whichever version of it is meant.
fn warn(seen: &mut [Seen], bundle: &Bundle) {
    for one in seen {
        let object = bundle.find(&one.id);
        one.warnings.extend(object.and_then(|object| deprecated(object.api_version(), &one.id.kind, None)));
    }
}

/// What the target says of the objects that matter.
struct View {
    inventory: Option<Inventory>,
    seen: Vec<Seen>,
    /// What is left as it is although Git no longer holds it.
    left: Option<String>,
}

/// Looks at the target, if there is one, and at what moves between the environments that live there.
async fn view(
    question: &Question<'_>,
    (base, bundle): (Option<&Bundle>, &Bundle),
    capabilities: &Capabilities,
    faults: &mut Vec<Fault>,
) -> Result<View, Failure> {
    let scope = question.scope;
    let mut view = if let Some((target, floor)) = question.target {
        let bounds = floor::Bounds { floor, target: &scope.target, capabilities, bundle };
        faults.extend(floor::faults(&bounds));
        let inventory = target.own(scope).await?;
        let Candidates { wanted, gone } = candidates(base, bundle, inventory.as_ref());
        let (gone, left) = floor::within(gone, &bounds);
        // What did not render must not look as if it were gone, and what the floor refuses is not asked about.
        let seen = if faults.is_empty() { target.look(scope, &wanted, &gone).await? } else { Vec::new() };
        View { inventory, seen, left }
    } else {
        let (inventory, seen) = rendered(base, bundle);
        View { inventory, seen, left: None }
    };
    // Where no server answers, none warns of versions that it does not serve for long.
    if capabilities.kube_version.is_none() {
        warn(&mut view.seen, bundle);
    }
    if let Some(siblings) = question.siblings {
        let target = question.target.map(|(target, _)| target);
        siblings.settle(scope, target, capabilities, &mut view.seen).await?;
    }
    Ok(view)
}

/// What is said where a renderer has another version than before, even if that changes nothing.
fn bumps(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let both = after.iter().filter_map(|(name, after)| Some((name, before.get(name)?, after)));
    let other = both.filter(|(_, before, after)| before != after);
    other.map(|(name, before, after)| format!("{name} {before} becomes {after}")).collect()
}

/// Renders one environment at one tree.
pub(crate) async fn side(renderers: &Renderers, side: &Side<'_>) -> Result<Rendered, Failure> {
    let Side { owner, environment, files, capabilities, budget } = *side;
    let namespace = environment.namespace.as_deref().or(capabilities.default_namespace.as_deref());
    let wanted = Wanted {
        root: files.root,
        omitted: files.omitted,
        owner: owner.repo,
        environment: &owner.name,
        sources: &environment.sources,
        versions: &environment.versions,
        namespace,
        capabilities,
        budget,
    };
    render(renderers, &wanted).await
}

/// The author's faults of the merge, with what only both sides together can tell.
fn faults(proposed: &Environment, merge: &Rendered, base: Option<(&Environment, &Rendered)>) -> Vec<Fault> {
    let mut faults = merge.faults.clone();
    let at_base: Vec<(&str, bool)> = base
        .map(|(environment, base)| matches(environment, base).map(|(source, is)| (source.path.as_str(), is)))
        .into_iter()
        .flatten()
        .collect();
    for (source, matched) in matches(proposed, merge) {
        // Sources come and go, so the one before is known by its path and not by its place in the list.
        if !matched && !at_base.contains(&(source.path.as_str(), true)) {
            faults.push(
                Fault::new(format!("the source `{}` matches nothing", source.path))
                    .file(FILE)
                    .at(source.line, 1)
                    .hint("correct the path; `*` matches within one folder name"),
            );
        }
    }
    for app in base.iter().flat_map(|(_, base)| &base.apps) {
        let other = |now: &&App| now.path == app.path && now.renderer != app.renderer && !now.said;
        if let Some(now) = merge.apps.iter().find(other) {
            let message = format!(
                "{} was rendered as {:?} and would now be {:?}",
                app.path, app.renderer, now.renderer
            );
            let fault = Fault::new(message).app(app.path.clone());
            faults.push(fault.hint("if that is meant, say `renderer:` at the source"));
        }
    }
    faults
}

/// Each source, and whether it matched anything.
fn matches<'a>(
    environment: &'a Environment,
    rendered: &'a Rendered,
) -> impl Iterator<Item = (&'a Source, bool)> {
    environment.sources.iter().zip(rendered.matched.iter().copied())
}

/// The view of no target: the base is what is there, the merge is what would be.
fn rendered(base: Option<&Bundle>, merge: &Bundle) -> (Option<Inventory>, Vec<Seen>) {
    let none = Bundle::default();
    let base = base.unwrap_or(&none);
    let seen =
        |id, live, prediction| Seen { fidelity: Fidelity::Rendered, ..Seen::new(id, live, prediction) };
    let live = |body: &serde_json::Value| Live::new(body.clone());
    let mut all: Vec<Seen> = merge
        .objects
        .iter()
        .filter_map(|object| {
            let old = base.find(&object.id).filter(|_| !object.generated());
            let same = old.is_some_and(|old| {
                old.origin.app == object.origin.app
                    && (old.body == object.body || old.digest() == object.digest())
            });
            let over = |old: &Object| object.over(&old.body);
            let prediction = Prediction::Becomes(old.map_or_else(|| object.body.clone(), over));
            (!same).then(|| seen(object.id.clone(), old.map(|old| live(&old.body)), prediction))
        })
        .collect();
    all.extend(
        base.objects
            .iter()
            .filter(|object| merge.find(&object.id).is_none() && !object.generated())
            .map(|object| seen(object.id.clone(), Some(live(&object.body)), Prediction::Gone)),
    );
    let entries = base
        .objects
        .iter()
        .map(|object| {
            let owned = Owned { uid: None, digest: Some(object.digest()), app: object.origin.app.clone() };
            (object.id.clone(), owned)
        })
        .collect();
    (Some(Inventory { entries, hooks: base.hooks_digest(), ..Inventory::default() }), all)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::bumps;

    #[test]
    fn only_a_renderer_that_both_sides_use_becomes_another() {
        let of = |all: &[(&str, &str)]| -> BTreeMap<String, String> {
            all.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect()
        };
        let before = of(&[("helm", "3.18.1"), ("kustomize", "5.8.1")]);
        assert_eq!(bumps(&before, &of(&[("helm", "3.19.2")])), ["helm 3.18.1 becomes 3.19.2"]);
        assert_eq!(bumps(&before, &before), [""; 0]);
        assert_eq!(bumps(&of(&[]), &before), [""; 0]);
    }
}
