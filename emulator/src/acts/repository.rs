//! Repositories come to be, change their name or owner, are archived or deleted.

use super::Happening;
use crate::core::World;
use crate::error::Refusal;
use crate::git::Git;
use crate::state::repository::Repository;
use crate::state::repository::Visibility;
use serde_json::json;

/// What a repository is made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewRepository<'a> {
    pub(crate) owner: u64,
    pub(crate) name: &'a str,
    pub(crate) visibility: Visibility,
    pub(crate) fork_of: Option<u64>,
}

impl World<'_> {
    pub(crate) fn create_repository(&mut self, new: NewRepository<'_>) -> Result<u64, Refusal> {
        let (id, now) = (self.state.next_id(), self.now());
        let git = Git::init(self.core.root.join(format!("{id}.git")), "main")?;
        let repository = Repository {
            id,
            owner: new.owner,
            name: new.name.to_owned(),
            visibility: new.visibility,
            archived: false,
            default_branch: "main".to_owned(),
            fork_of: new.fork_of,
            created_at: now,
            updated_at: now,
            pushed_at: now,
            git,
            told: std::collections::BTreeMap::default(),
            collaborators: std::collections::BTreeMap::default(),
            last_number: 0,
            issues: std::collections::BTreeMap::default(),
            comments: std::collections::BTreeMap::default(),
            commit_comments: Vec::new(),
            suites: std::collections::BTreeMap::default(),
            runs: std::collections::BTreeMap::default(),
            statuses: Vec::new(),
            deployments: std::collections::BTreeMap::default(),
            protections: std::collections::BTreeMap::default(),
        };
        self.state.repositories.insert(id, repository);
        Ok(id)
    }

    /// The owner's fork of a repository with all its branches, made if there is none.
    pub(crate) fn fork(&mut self, parent: u64, owner: u64) -> Result<u64, Refusal> {
        let same = |one: &&Repository| one.fork_of == Some(parent) && one.owner == owner;
        if let Some(fork) = self.state.repositories.values().find(same) {
            return Ok(fork.id);
        }
        let source = self.repository(parent)?;
        let (name, visibility, git) = (source.name.clone(), source.visibility, source.git.clone());
        let new = NewRepository { owner, name: &name, visibility, fork_of: Some(parent) };
        let id = self.create_repository(new)?;
        let fork = self.repository(id)?;
        let from = git.dir().to_string_lossy().into_owned();
        fork.git.run(&["fetch", "--quiet", &from, "+refs/heads/*:refs/heads/*"])?;
        Ok(id)
    }

    /// The old name answers 301 from now on, until another repository takes it.
    pub(crate) fn rename(&mut self, id: u64, name: &str, sender: u64) -> Result<(), Refusal> {
        let owner = self.repository(id)?.owner;
        let login = self.state.login(owner).to_lowercase();
        let from = std::mem::replace(&mut self.repository_mut(id)?.name, name.to_owned());
        self.state.former_names.insert((login, from.to_lowercase()), id);
        let body = json!({"changes": {"repository": {"name": {"from": from}}}});
        self.emit_repository(id, ("renamed", sender), body);
        Ok(())
    }

    /// Apps lose a repository that goes to an account where they are not installed.
    pub(crate) fn transfer(&mut self, id: u64, to: u64, sender: u64) -> Result<(), Refusal> {
        let repository = self.repository_mut(id)?;
        let from = std::mem::replace(&mut repository.owner, to);
        let name = repository.name.to_lowercase();
        let login = self.state.login(from).to_lowercase();
        let old_owner = self.user_json(from);
        self.state.former_names.insert((login, name), id);
        let body = json!({"changes": {"owner": {"from": {"user": old_owner}}}});
        self.emit_repository(id, ("transferred", sender), body);
        for installation in self.state.installations.values_mut() {
            if installation.account != to {
                installation.repositories.remove(&id);
            }
        }
        Ok(())
    }

    pub(crate) fn archive(&mut self, id: u64, archived: bool, sender: u64) -> Result<(), Refusal> {
        self.repository_mut(id)?.archived = archived;
        let action = if archived { "archived" } else { "unarchived" };
        self.emit_repository(id, (action, sender), json!({}));
        Ok(())
    }

    pub(crate) fn delete_repository(&mut self, id: u64, sender: u64) -> Result<(), Refusal> {
        self.repository(id)?;
        self.emit_repository(id, ("deleted", sender), json!({}));
        self.state.repositories.remove(&id);
        for installation in self.state.installations.values_mut() {
            installation.repositories.remove(&id);
        }
        Ok(())
    }

    fn emit_repository(&mut self, repository: u64, (action, sender): (&str, u64), body: serde_json::Value) {
        self.emit(&Happening { event: "repository", action: Some(action), repository, sender, body });
    }
}
