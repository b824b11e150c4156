//! A repository as people work in it.

use crate::acts::Actor;
use crate::acts::Group;
use crate::acts::Move;
use crate::acts::NewPull;
use crate::core::Core;
use crate::core::World;
use crate::error::Error;
use crate::error::Refusal;
use crate::handle::App;
use crate::handle::Installation;
use crate::handle::Pull;
use crate::handle::view::CheckRun;
use crate::handle::view::Deployment;
use crate::state::repository::Protection;
use crate::state::user::Kind;
use crate::state::user::Role;
use std::path::PathBuf;
use std::sync::Arc;

/// A repository.
#[derive(Clone)]
pub struct Repository {
    pub(crate) core: Arc<Core>,
    /// The numeric id, which outlives renames.
    pub id: u64,
}

impl Repository {
    fn acting<T>(
        &self,
        login: &str,
        act: impl FnOnce(&mut World<'_>, u64) -> Result<T, Refusal>,
    ) -> Result<T, Error> {
        let mut world = self.core.world();
        let user = world.make_user(login, Kind::User);
        Ok(act(&mut world, user)?)
    }

    /// The owner's act, told in the owner's name.
    fn owning<T>(&self, act: impl FnOnce(&mut World<'_>, u64) -> Result<T, Refusal>) -> Result<T, Error> {
        let mut world = self.core.world();
        let owner = world.repository(self.id)?.owner;
        Ok(act(&mut world, owner)?)
    }

    /// `owner/name`, as it is now.
    pub fn full_name(&self) -> String {
        let world = self.core.world();
        world.state.repositories.get(&self.id).map_or(String::new(), |one| world.state.full_name(one))
    }

    /// Where Git finds it over HTTP.
    pub fn clone_url(&self) -> String {
        format!("{}/{}.git", self.core.base, self.full_name())
    }

    /// Where the bare repository lies.
    pub fn git_dir(&self) -> PathBuf {
        self.core.root.join(format!("{}.git", self.id))
    }

    /// Gives an app access, with the permissions it asks for now.
    pub fn install(&self, app: &App) -> Result<Installation, Error> {
        let id = self.owning(|world, owner| world.install(app.id, self.id, owner))?;
        Ok(Installation { core: Arc::clone(&self.core), id })
    }

    /// Takes the access away.
    pub fn uninstall(&self, app: &App) -> Result<(), Error> {
        self.owning(|world, owner| world.uninstall(app.id, self.id, owner))
    }

    /// Gives someone a role, in place of the one they had.
    pub fn collaborator(&self, login: &str, role: Role) -> Result<(), Error> {
        self.acting(login, |world, user| {
            world.repository_mut(self.id)?.collaborators.insert(user, role);
            Ok(())
        })
    }

    /// Takes someone's role away.
    pub fn remove_collaborator(&self, login: &str) -> Result<(), Error> {
        self.acting(login, |world, user| {
            world.repository_mut(self.id)?.collaborators.remove(&user);
            Ok(())
        })
    }

    /// Commits files to a branch and pushes it; a branch that is not there begins at the default branch.
    /// `None` removes a file. Gives the commit's id.
    pub fn commit(
        &self,
        branch: &str,
        message: &str,
        author: &str,
        files: &[(&str, Option<&str>)],
    ) -> Result<String, Error> {
        self.acting(author, |world, user| {
            let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.map(str::as_bytes))).collect();
            world.commit(self.id, (branch, message, user), &files)
        })
    }

    /// Moves a branch to any commit of the repository, as a forced push does.
    pub fn force_push(&self, branch: &str, sha: &str, login: &str) -> Result<(), Error> {
        self.acting(login, |world, user| {
            let name = format!("refs/heads/{branch}");
            let git = &world.repository(self.id)?.git;
            let before = git.resolve(&name)?;
            git.set_ref(&name, Some(sha))?;
            world.moved(self.id, user, &Move { name, before, after: Some(sha.to_owned()) })
        })
    }

    /// Deletes a branch; pull requests from it are closed.
    pub fn delete_branch(&self, branch: &str, login: &str) -> Result<(), Error> {
        self.acting(login, |world, user| {
            let name = format!("refs/heads/{branch}");
            let git = &world.repository(self.id)?.git;
            let before = git.resolve(&name)?.ok_or_else(Refusal::not_found)?;
            git.set_ref(&name, None)?;
            world.moved(self.id, user, &Move { name, before: Some(before), after: None })
        })
    }

    /// The commit a branch is at.
    pub fn head(&self, branch: &str) -> Option<String> {
        let world = self.core.world();
        let repository = world.state.repositories.get(&self.id)?;
        repository.git.resolve(&format!("refs/heads/{branch}")).ok()?
    }

    /// The content of a file at a branch, tag or commit.
    pub fn file(&self, at: &str, path: &str) -> Option<Vec<u8>> {
        let world = self.core.world();
        let repository = world.state.repositories.get(&self.id)?;
        let sha = repository.git.resolve(at).ok()??;
        repository.git.file(&sha, path).ok()?
    }

    /// The names of all branches.
    pub fn branches(&self) -> Vec<String> {
        let world = self.core.world();
        let repository = world.state.repositories.get(&self.id);
        let refs = repository.and_then(|one| one.git.refs("refs/heads").ok()).unwrap_or_default();
        refs.iter().map(|(name, _)| name.trim_start_matches("refs/heads/").to_owned()).collect()
    }

    /// Someone opens a pull request between two branches of the repository.
    pub fn open_pull(&self, author: &str, title: &str, head: &str, base: &str) -> Result<Pull, Error> {
        let number = self.acting(author, |world, user| {
            world.open_pull(self.id, new_pull(user, title, (self.id, head), base))
        })?;
        Ok(self.pull(number))
    }

    /// The same as a draft.
    pub fn open_draft(&self, author: &str, title: &str, head: &str, base: &str) -> Result<Pull, Error> {
        let number = self.acting(author, |world, user| {
            let new = new_pull(user, title, (self.id, head), base);
            world.open_pull(self.id, NewPull { draft: true, ..new })
        })?;
        Ok(self.pull(number))
    }

    /// Someone forks the repository (once), commits files to a branch there and opens a pull request.
    pub fn fork_pull(
        &self,
        author: &str,
        title: &str,
        (head, base): (&str, &str),
        files: &[(&str, Option<&str>)],
    ) -> Result<Pull, Error> {
        let fork = self.acting(author, |world, user| world.fork(self.id, user))?;
        let fork = Repository { core: Arc::clone(&self.core), id: fork };
        fork.commit(head, title, author, files)?;
        let number = self.acting(author, |world, user| {
            world.open_pull(self.id, new_pull(user, title, (fork.id, head), base))
        })?;
        Ok(self.pull(number))
    }

    /// Someone opens an issue that is no pull request; gives its number.
    pub fn open_issue(&self, author: &str, title: &str, body: &str) -> Result<u64, Error> {
        self.acting(author, |world, user| world.open_issue(self.id, user, (title, Some(body))))
    }

    /// Someone comments on an issue or pull request; gives the comment's id.
    pub fn comment(&self, issue: u64, login: &str, body: &str) -> Result<u64, Error> {
        self.acting(login, |world, user| world.comment(self.id, issue, (Actor::person(user), body)))
    }

    /// The pull request of that number; asking it anything fails if there is none.
    pub fn pull(&self, number: u64) -> Pull {
        Pull { core: Arc::clone(&self.core), repository: self.id, number }
    }

    /// All check runs on a commit, oldest first.
    pub fn check_runs(&self, sha: &str) -> Vec<CheckRun> {
        let world = self.core.world();
        let repository = world.state.repositories.get(&self.id);
        let runs = repository.into_iter().flat_map(|repository| repository.runs.values());
        runs.filter(|run| run.sha == sha).map(CheckRun::of).collect()
    }

    /// All deployments, oldest first.
    pub fn deployments(&self) -> Vec<Deployment> {
        let world = self.core.world();
        let repository = world.state.repositories.get(&self.id);
        let all = repository.into_iter().flat_map(|repository| repository.deployments.values());
        all.map(Deployment::of).collect()
    }

    /// Someone sets a commit status, as other systems do.
    pub fn set_status(&self, sha: &str, context: &str, state: &str, login: &str) -> Result<(), Error> {
        self.acting(login, |world, user| {
            world.set_status(self.id, (sha, context, state), (user, None, None)).map(|_| ())
        })
    }

    /// Someone presses "Re-run" on a check run.
    pub fn rerequest_check(&self, run: u64, login: &str) -> Result<(), Error> {
        self.acting(login, |world, user| world.rerequest_run(self.id, run, user))
    }

    /// Someone presses "Re-run all checks" of the suite a check run belongs to.
    pub fn rerequest_suite(&self, run: u64, login: &str) -> Result<(), Error> {
        self.acting(login, |world, user| {
            let run = world.repository(self.id)?.runs.get(&run).ok_or_else(Refusal::not_found)?;
            let suite = run.suite;
            world.rerequest_suite(self.id, suite, user)
        })
    }

    /// Someone presses one of a check run's buttons.
    pub fn check_action(&self, run: u64, identifier: &str, login: &str) -> Result<(), Error> {
        self.acting(login, |world, user| world.request_action(self.id, run, (identifier, user)))
    }

    /// Renames it; the old name answers 301.
    pub fn rename(&self, name: &str) -> Result<(), Error> {
        self.owning(|world, owner| world.rename(self.id, name, owner))
    }

    /// Gives it to another account; apps not installed there lose it.
    pub fn transfer(&self, to: &str) -> Result<(), Error> {
        self.owning(|world, owner| {
            let to = world.make_user(to, Kind::User);
            world.transfer(self.id, to, owner)
        })
    }

    /// Deletes it.
    pub fn delete(&self) -> Result<(), Error> {
        self.owning(|world, owner| world.delete_repository(self.id, owner))
    }

    /// Makes it read-only.
    pub fn archive(&self) -> Result<(), Error> {
        self.owning(|world, owner| world.archive(self.id, true, owner))
    }

    /// Makes it writable again.
    pub fn unarchive(&self) -> Result<(), Error> {
        self.owning(|world, owner| world.archive(self.id, false, owner))
    }

    /// Makes another branch the default.
    pub fn set_default_branch(&self, branch: &str) -> Result<(), Error> {
        self.owning(|world, _| {
            let repository = world.repository_mut(self.id)?;
            branch.clone_into(&mut repository.default_branch);
            Ok(repository.git.set_head(branch)?)
        })
    }

    /// Protects a branch; none lifts it.
    pub fn protect(&self, branch: &str, protection: Option<Protection>) -> Result<(), Error> {
        self.owning(|world, _| {
            let protections = &mut world.repository_mut(self.id)?.protections;
            match protection {
                Some(protection) => protections.insert(branch.to_owned(), protection),
                None => protections.remove(branch),
            };
            Ok(())
        })
    }

    /// Someone puts a pull request into the merge queue: apps are asked to check the group.
    pub fn enqueue(&self, pull: &Pull, login: &str) -> Result<MergeGroup, Error> {
        let group = self.acting(login, |world, user| world.enqueue(self.id, pull.number, user))?;
        Ok(MergeGroup { core: Arc::clone(&self.core), repository: self.id, group })
    }
}

fn new_pull<'a>(author: u64, title: &'a str, head: (u64, &'a str), base: &'a str) -> NewPull<'a> {
    NewPull { author, title, body: None, draft: false, head, base }
}

/// A group of the merge queue.
#[derive(Clone)]
pub struct MergeGroup {
    core: Arc<Core>,
    repository: u64,
    group: Group,
}

impl MergeGroup {
    /// The temporary commit that is to be checked.
    pub fn head_sha(&self) -> &str {
        &self.group.head_sha
    }

    /// The temporary branch.
    pub fn head_ref(&self) -> &str {
        &self.group.head_ref
    }

    /// Ends the group for a reason of GitHub's: `merged` moves the base, `invalidated` and `dequeued` do not.
    pub fn finish(&self, reason: &str) -> Result<(), Error> {
        let mut world = self.core.world();
        let owner = world.repository(self.repository)?.owner;
        Ok(world.leave_queue(self.repository, (reason, owner), &self.group)?)
    }
}
