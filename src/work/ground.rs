//! What is in force now: the settings at the tip of the default branch, and the operator's rules for each environment.
//!
//! Read at the moment of acting, whatever a pull request's base is, so that neither a pull request nor a branch that its
//! author made can give itself a target, a permission or a gate.

use std::fmt;

use secrecy::SecretString;

use crate::git::{Mirror, Objects, Want};
use crate::model::fault::{Cause, Failure, Fault};
use crate::model::github::RepoFacts;
use crate::model::id::{Branch, Digest, EnvironmentId, EnvironmentName, Repo, RepoName, Sha};
use crate::model::settings::{Environment, Settings};
use crate::model::target::{Place, Scope, TargetSettings};
use crate::parse;
use crate::store::Binding;
use crate::work::Context;

/// The repository's own file.
pub(crate) const FILE: &str = ".tidegate.yaml";
/// The file may not be larger.
const FILE_BYTES: usize = 256 * 1024;

/// A repository as it stands now.
pub(crate) struct Ground {
    /// The repository, by its present name.
    pub repo: Repo,
    /// What it is.
    pub facts: RepoFacts,
    /// Our copy of it.
    pub mirror: Mirror,
    /// What lies in the copy; missing blobs are fetched with the token.
    pub objects: Objects,
    /// A token that may read it.
    pub token: SecretString,
    /// The tip of its default branch.
    pub tip: Sha,
    /// The settings in force; none: the default branch has no file.
    pub settings: Option<Settings>,
    /// The digest of the file in force, so that it can be told when it moved.
    pub config: Option<Digest>,
}

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ground").field("repo", &self.repo).field("tip", &self.tip).finish_non_exhaustive()
    }
}

/// Why an environment has no target that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unavailable {
    /// The default branch's file does not name the environment.
    NotInForce,
    /// The operator has no target of that name.
    NoSuchTarget(String),
    /// The operator does not list this repository for the target.
    NotListed(String),
    /// The name is listed, but another repository had it first.
    NameTaken(String),
}

impl Unavailable {
    /// The fault that says so.
    pub(crate) fn fault(&self, environment: &EnvironmentName) -> Option<Fault> {
        let (message, hint) = match self {
            Self::NotInForce => return None,
            Self::NoSuchTarget(target) => (
                format!("environment `{environment}`: there is no target `{target}`"),
                "name one of the targets that whoever runs Tidegate has set up".to_owned(),
            ),
            Self::NotListed(target) => (
                format!("environment `{environment}`: this repository may not use target `{target}`"),
                "ask whoever runs Tidegate to list it under the target's `repositories`".to_owned(),
            ),
            Self::NameTaken(target) => (
                format!(
                    "environment `{environment}`: target `{target}` is bound to another repository that had this name"
                ),
                "ask whoever runs Tidegate to confirm the new repository".to_owned(),
            ),
        };
        Some(Fault::new(message).hint(hint).file(FILE))
    }
}

/// Reads what is in force. `wants` are fetched along with the default branch.
pub(crate) async fn ground(cx: &Context, repo: &Repo, wants: &[Want]) -> Result<Ground, Failure> {
    let facts = cx.github.repo(repo).await?;
    let repo = Repo { name: facts.name.clone(), ..repo.clone() };
    let mut token = cx.github.token(&repo).await?;
    let mirror = cx.git.mirror(&repo);
    let default = Want::Branch(facts.default_branch.clone());
    let others = wants.iter().filter(|want| **want != default).cloned().collect::<Vec<_>>();
    let all: Vec<Want> = std::iter::once(default).chain(others).collect();
    match mirror.fetch(&token, &all).await {
        Err(error) if error.is_unauthorised() => {
            // Revoked before its time: a new one, once.
            cx.github.refused(&repo, &token).await;
            token = cx.github.token(&repo).await?;
            mirror.fetch(&token, &all).await?;
        }
        fetched => fetched?,
    }
    let Some(tip) = mirror.tip(&facts.default_branch).await? else {
        return Err(Failure::Ours(Cause::plain(format!("{} has no default branch", repo.name))));
    };
    let objects = mirror.objects(Some(&token));
    let text = objects.read(&tip, FILE, FILE_BYTES).await?;
    let config = text.as_deref().map(Digest::of);
    let settings = match text.map(|text| parse::settings_over(&text, FILE, &cx.defaults)) {
        None => None,
        Some(Ok(settings)) => Some(settings),
        Some(Err(faults)) => {
            let faults = faults.into_iter().map(|mut fault| {
                fault.message = format!("on {}: {}", facts.default_branch, fault.message);
                fault
            });
            return Err(Failure::Author(faults.collect()));
        }
    };
    Ok(Ground { repo, facts, mirror, objects, token, tip, settings, config })
}

/// Is this name listed? GitHub's names differ in case only for the eye.
fn lists(listed: &[RepoName], name: &RepoName) -> bool {
    let name = name.to_string();
    listed.iter().any(|listed| listed.to_string().eq_ignore_ascii_case(&name))
}

/// The settings at a commit or tree: none without a file, faults if it is broken.
pub(crate) async fn settings_at(
    cx: &Context,
    objects: &Objects,
    at: &Sha,
) -> Result<Option<Result<Settings, Vec<Fault>>>, Failure> {
    match objects.read(at, FILE, FILE_BYTES).await? {
        None => Ok(None),
        Some(text) => Ok(Some(parse::settings_over(&text, FILE, &cx.defaults))),
    }
}

impl Ground {
    /// The branch whose content is the desired state of an environment.
    pub(crate) fn tracked(&self, environment: &Environment) -> Branch {
        environment
            .branch
            .clone()
            .or_else(|| self.settings.as_ref().and_then(|settings| settings.branch.clone()))
            .unwrap_or_else(|| self.facts.default_branch.clone())
    }

    /// The environment as it is in force.
    pub(crate) fn environment(&self, name: &EnvironmentName) -> Option<&Environment> {
        self.settings.as_ref().and_then(|settings| settings.environments.get(name))
    }

    /// Where an environment lives that tracks this branch, if others may live there beside it: in a cluster. As it is in
    /// force, or as a file describes it that is not yet.
    pub(crate) fn shares<'e>(
        &'e self,
        cx: &Context,
        (name, described): (&EnvironmentName, &'e Environment),
        branch: &Branch,
    ) -> Option<&'e str> {
        let environment = self.environment(name).unwrap_or(described);
        let target = environment.target.as_str();
        let place = cx.targets.get(target).map(|settings| &settings.place);
        let shared = matches!(place, Some(Place::Kubernetes { .. }));
        (shared && self.tracked(environment) == *branch).then_some(target)
    }

    /// Every branch that some environment tracks, the default branch among them: nobody renders into these.
    pub(crate) fn tracked_branches(&self) -> Vec<Branch> {
        let mut branches = vec![self.facts.default_branch.clone()];
        if let Some(settings) = &self.settings {
            branches.extend(settings.environments.values().map(|environment| self.tracked(environment)));
        }
        branches.sort();
        branches.dedup();
        branches
    }

    /// Where an environment lives, if this repository may use it.
    pub(crate) async fn target<'c>(
        &self,
        cx: &'c Context,
        name: &EnvironmentName,
    ) -> Result<Result<&'c TargetSettings, Unavailable>, Failure> {
        let Some(environment) = self.environment(name) else { return Ok(Err(Unavailable::NotInForce)) };
        let wanted = &environment.target;
        let Some(target) = cx.targets.get(wanted) else {
            return Ok(Err(Unavailable::NoSuchTarget(wanted.clone())));
        };
        self.listed(cx, target).await
    }

    /// A listed name is bound to the id first seen under it; a rename keeps the target, a successor of the name does not
    /// get it.
    async fn listed<'c>(
        &self,
        cx: &'c Context,
        target: &'c TargetSettings,
    ) -> Result<Result<&'c TargetSettings, Unavailable>, Failure> {
        let known = cx.store.names_of(self.repo.id).await?;
        if known.iter().any(|name| lists(&target.repositories, name)) {
            return Ok(Ok(target));
        }
        if !lists(&target.repositories, &self.repo.name) {
            return Ok(Err(Unavailable::NotListed(target.name.clone())));
        }
        match cx.store.bind(&self.repo.name, self.repo.id, (cx.clock)()).await? {
            Binding::Bound | Binding::Same => Ok(Ok(target)),
            Binding::OtherId(_) => Ok(Err(Unavailable::NameTaken(target.name.clone()))),
        }
    }

    /// The scope of an environment: identity, target, rules; from the settings in force.
    pub(crate) fn scope(&self, name: &EnvironmentName, environment: &Environment) -> Scope {
        Scope {
            environment: EnvironmentId { repo: self.repo.id, name: name.clone() },
            repo: self.repo.name.clone(),
            target: environment.target.clone(),
            namespace: environment.namespace.clone(),
            adopt: environment.adopt.clone(),
            fields: environment.fields.clone(),
            secrets: environment.secrets.clone(),
            prune: environment.deploy.prune,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::lists;

    #[test]
    fn a_name_is_listed_however_its_case_is_written() {
        let name = |name: &str| name.parse().unwrap();
        let listed = [name("Acme/Shop"), name("acme/other")];
        assert!(lists(&listed, &name("acme/shop")) && lists(&listed, &name("Acme/Other")));
        assert!(!lists(&listed, &name("acme/shop2")) && !lists(&[], &name("acme/shop")));
    }
}
