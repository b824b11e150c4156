//! The repository's other environments at the same two trees: what each holds, so that what moves between them is told from
//! what goes. They are rendered only where an object goes, or belongs to one of them; once per job, from the cache where
//! the job renders them anyway.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::diff::moves::{Holding, Sibling, passage};
use crate::model::fault::Failure;
use crate::model::id::{EnvironmentId, EnvironmentName};
use crate::model::settings::{Environment, Settings};
use crate::model::target::{Capabilities, Scope};
use crate::model::view::{Owner, Prediction, Seen};
use crate::render::{Budget, Renderers};
use crate::work::files::Written;
use crate::work::survey::{Side, side};
use crate::work::target::Target;

/// All environments that a job might have to ask about.
pub(crate) struct Siblings<'a> {
    renderers: &'a Renderers,
    budget: &'a Budget,
    base_files: Option<Written<'a>>,
    files: Written<'a>,
    members: Vec<Member<'a>>,
    known: Mutex<HashMap<(EnvironmentName, Which), Arc<Holding>>>,
}

/// One of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member<'a> {
    /// Its name.
    pub name: &'a EnvironmentName,
    /// The operator's name of where it lives.
    pub target: &'a str,
    /// What the base tree's file renders; none: it is new.
    pub base: Option<&'a Environment>,
    /// What the proposed tree's file renders; none: it is named no more, and so holds nothing.
    pub proposed: Option<&'a Environment>,
}

/// One of the two trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Which {
    Base,
    Proposed,
}

impl fmt::Debug for Siblings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Siblings").field("members", &self.members).finish_non_exhaustive()
    }
}

/// The environments of both files whose desired state is the same tree. `target` gives the operator's name of where one
/// lives now; none: it is of another branch, or lives where every environment has a place of its own.
pub(crate) fn members<'a>(
    proposed: &'a Settings,
    base: Option<&'a Settings>,
    target: impl Fn(&'a EnvironmentName, &'a Environment) -> Option<&'a str>,
) -> Vec<Member<'a>> {
    let old = |name| base.and_then(|settings| settings.environments.get(name));
    let new = |name| proposed.environments.get(name);
    let gone = base.into_iter().flat_map(|settings| &settings.environments);
    let gone = gone.filter(|(name, _)| new(name).is_none());
    let all = proposed.environments.iter().chain(gone);
    all.filter_map(|(name, environment)| {
        Some(Member { name, target: target(name, environment)?, base: old(name), proposed: new(name) })
    })
    .collect()
}

impl<'a> Siblings<'a> {
    /// Nothing asked yet.
    pub(crate) fn new(
        (renderers, budget): (&'a Renderers, &'a Budget),
        (base_files, files): (Option<Written<'a>>, Written<'a>),
        members: Vec<Member<'a>>,
    ) -> Self {
        Self { renderers, budget, base_files, files, members, known: Mutex::default() }
    }

    /// Says of each object that was looked at where it goes to or comes from. Between targets nothing moves.
    pub(crate) async fn settle(
        &self,
        scope: &Scope,
        target: Option<&Target>,
        capabilities: &Capabilities,
        seen: &mut [Seen],
    ) -> Result<(), Failure> {
        let own = &scope.environment;
        let set = |name: &EnvironmentName| {
            target.map(|target| target.set(&EnvironmentId { repo: own.repo, name: name.clone() }))
        };
        // What is kept as files has a place of its own for each environment, between which nothing moves.
        if matches!(set(&own.name), Some(None)) {
            return Ok(());
        }
        let owned = |seen: &Seen| seen.live.as_ref().is_some_and(|live| live.owner == Owner::Us);
        let leaves = seen.iter().any(|one| one.prediction == Prediction::Gone && owned(one));
        let comes = target.is_none() && seen.iter().any(|one| one.live.is_none());
        let sets: BTreeSet<&str> = seen.iter().filter_map(|one| one.live.as_ref()?.set.as_deref()).collect();
        let mut asked = Vec::new();
        for member in self.members.iter().filter(|one| one.target == scope.target && *one.name != own.name) {
            let set = set(member.name).flatten();
            if !(leaves || comes || set.as_deref().is_some_and(|set| sets.contains(set))) {
                continue;
            }
            let before = match target {
                None => Some(self.holding(scope, *member, Which::Base, capabilities).await?),
                Some(_) => None,
            };
            let after = self.holding(scope, *member, Which::Proposed, capabilities).await?;
            asked.push((member.name, set, before, after));
        }
        let siblings: Vec<Sibling<'_>> = asked
            .iter()
            .map(|(name, set, before, after)| Sibling {
                name,
                set: set.as_deref(),
                before: before.as_deref(),
                after,
            })
            .collect();
        for one in seen.iter_mut() {
            one.passage = passage(one, &siblings);
        }
        Ok(())
    }

    async fn holding(
        &self,
        scope: &Scope,
        member: Member<'a>,
        which: Which,
        capabilities: &Capabilities,
    ) -> Result<Arc<Holding>, Failure> {
        let key = (member.name.clone(), which);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let (environment, files) = match which {
            Which::Base => (member.base, self.base_files),
            Which::Proposed => (member.proposed, Some(self.files)),
        };
        let holding = match environment.zip(files) {
            None => Some(BTreeMap::new()),
            Some((environment, files)) => {
                let owner = EnvironmentId { repo: scope.environment.repo, name: member.name.clone() };
                let asked = Side { owner: &owner, environment, files, capabilities, budget: self.budget };
                let rendered = side(self.renderers, &asked).await?;
                let objects = rendered.bundle.objects.into_iter();
                let held = objects.map(|object| (object.id, object.origin.app)).collect();
                // What did not render must not look as if it were not held.
                rendered.faults.is_empty().then_some(held)
            }
        };
        let holding = Arc::new(holding);
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&holding));
        Ok(holding)
    }
}
