//! What a push asks for, and what follows from it in the emulated world.

use crate::acts::Move;
use crate::core::Core;
use crate::error::Refusal;
use std::collections::BTreeMap;

/// The branches that a push names, each with where the pusher saw it: `old new name` in packet lines up to a flush.
/// <https://git-scm.com/docs/pack-protocol#_reference_update_request_and_packfile_transfer>
pub(super) fn named(body: &[u8]) -> BTreeMap<String, Option<String>> {
    let mut named = BTreeMap::new();
    let mut rest = body;
    while let Some((line, tail)) = packet(rest) {
        rest = tail;
        // The first line has the capabilities after a zero byte.
        let line = line.split(|byte| *byte == 0).next().unwrap_or_default();
        let words: Vec<&str> = std::str::from_utf8(line).unwrap_or_default().split_whitespace().collect();
        if let [old, _, name] = words.as_slice()
            && name.starts_with("refs/heads/")
        {
            let nowhere = old.bytes().all(|byte| byte == b'0');
            named.insert((*name).to_owned(), (!nowhere).then(|| (*old).to_owned()));
        }
    }
    named
}

/// The first packet line and what comes after it; none at a flush or where there is none.
fn packet(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let digits = std::str::from_utf8(bytes.get(..4)?).ok()?;
    let length = usize::from_str_radix(digits, 16).ok()?;
    Some((bytes.get(4..length)?, bytes.get(length..)?))
}

/// Brings the state up to date with what a push has done to the branches it named, and with nothing else: what others
/// moved meanwhile is for them to tell. A branch that the push was refused to move is where the apps know it to be.
pub(super) fn followed(
    core: &Core,
    (repository, pusher): (u64, u64),
    named: BTreeMap<String, Option<String>>,
) -> Result<(), Refusal> {
    // Locked before Git is read, so that no act comes between what is read and what is told.
    let mut world = core.world();
    let now = world.repository(repository)?.git.refs("refs/heads")?;
    let now: BTreeMap<String, String> = now.into_iter().collect();
    for (name, before) in named {
        let after = now.get(&name).cloned();
        world.moved(repository, pusher, &Move { name, before, after })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::Emulator;
    use crate::emulator::Options;
    use crate::git::NewCommit;
    use crate::handle::AppOptions;
    use crate::handle::Repository;
    use crate::hooks::HookMode;
    use crate::state::repository::Visibility;
    use crate::state::user::Kind;
    use serde_json::Value;

    const OLD: &str = "1111111111111111111111111111111111111111";
    const NEW: &str = "2222222222222222222222222222222222222222";

    fn line(text: &str) -> String {
        format!("{:04x}{text}", text.len() + 4)
    }

    #[test]
    fn a_push_names_its_branches_before_the_flush() {
        let first = line(&format!("{OLD} {NEW} refs/heads/a\0 report-status side-band-64k agent=git/2.38"));
        let second = line(&format!("{} {NEW} refs/heads/b", crate::git::NONE));
        let tag = line(&format!("{OLD} {NEW} refs/tags/v1"));
        let after = line(&format!("{OLD} {NEW} refs/heads/no"));
        let body = format!("{first}{second}{tag}0000PACK{after}");
        let wanted = [("refs/heads/a", Some(OLD)), ("refs/heads/b", None)];
        let wanted = wanted.map(|(name, old)| (name.to_owned(), old.map(ToOwned::to_owned)));
        assert_eq!(named(body.as_bytes()), BTreeMap::from(wanted));
        for nothing in ["", "0000", "00", "zzzz", "0002", "ffff short"] {
            assert_eq!(named(nothing.as_bytes()), BTreeMap::new(), "{nothing}");
        }
    }

    /// `team/shop` whose pushes an app is told of, none of which is sent.
    fn told() -> (Emulator, Repository) {
        let github = Emulator::start(Options::default()).unwrap();
        let app = AppOptions {
            slug: "listener".to_owned(),
            permissions: [("contents".to_owned(), "read".to_owned())].into(),
            events: vec!["push".to_owned()],
            webhook_url: Some("http://127.0.0.1:9/hook".to_owned()),
            webhook_secret: "secret".to_owned(),
        };
        let app = github.app(app).unwrap();
        let repository = github.repository("team", "shop", Visibility::Private).unwrap();
        repository.install(&app).unwrap();
        github.hooks().set_mode(HookMode::Drop);
        (github, repository)
    }

    /// What `git http-backend` does: the branch moves, and nobody knows yet.
    fn lands(repository: &Repository, branch: &str, parent: &str) -> String {
        let world = repository.core.world();
        let commit = NewCommit { author: "git", at: world.now(), message: branch };
        let files: &[(&str, Option<&[u8]>)] = &[("file", Some(branch.as_bytes()))];
        let git = &world.repository(repository.id).unwrap().git;
        git.commit((branch, Some(parent)), &commit, files).unwrap()
    }

    /// The branch, where it was, where it is, and who is said to have moved it.
    async fn pushes(github: &Emulator) -> Vec<[String; 4]> {
        github.hooks().settle().await;
        let all = github.hooks().deliveries().into_iter().filter(|one| one.event == "push");
        let payload = |bytes: &[u8]| -> Value { serde_json::from_slice(bytes).unwrap() };
        let shown = |body: Value| {
            ["/ref", "/before", "/after", "/sender/login"]
                .map(|pointer| body.pointer(pointer).unwrap().as_str().unwrap().to_owned())
        };
        all.map(|one| shown(payload(&one.payload))).collect()
    }

    #[tokio::test]
    async fn of_pushes_and_acts_that_overlap_each_move_is_told_once_and_by_its_own_mover() {
        let (github, repository) = told();
        let begun = repository.commit("main", "Begin", "ada", &[("file", Some("0"))]).unwrap();
        let [eve, bob] = ["eve", "bob"].map(|login| repository.core.world().make_user(login, Kind::User));
        let named = |branch: &str, seen: Option<&str>| {
            BTreeMap::from([(format!("refs/heads/{branch}"), seen.map(ToOwned::to_owned))])
        };
        // Two pushes land in Git and someone commits, before either push is followed up.
        let one = lands(&repository, "one", &begun);
        let two = lands(&repository, "two", &begun);
        let next = repository.commit("main", "Go on", "ada", &[("file", Some("1"))]).unwrap();
        let follow = |pusher, named| followed(&repository.core, (repository.id, pusher), named).unwrap();
        follow(eve, named("one", None));
        follow(bob, named("two", None));
        // This one came too late for `main` and was refused.
        follow(eve, named("main", Some(&begun)));
        // The branch moves on before its push is followed up: the act tells both moves as one.
        let three = lands(&repository, "one", &one);
        let four = repository.commit("one", "On top", "ada", &[("file", Some("4"))]).unwrap();
        follow(eve, named("one", Some(&one)));
        assert_ne!(three, four);
        let none = crate::git::NONE;
        let wanted = [
            ["refs/heads/main", none, &begun, "ada"],
            ["refs/heads/main", &begun, &next, "ada"],
            ["refs/heads/one", none, &one, "eve"],
            ["refs/heads/two", none, &two, "bob"],
            ["refs/heads/one", &one, &four, "ada"],
        ];
        assert_eq!(pushes(&github).await, wanted);
    }
}
