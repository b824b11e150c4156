//! `after`: each environment named there exists, and no environment waits for itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::id::EnvironmentName;
use crate::model::settings::Environment;
use crate::yaml::{Node, nearest};

/// Something wrong with what an environment waits for.
pub(super) struct Wrong {
    /// The name in `after` that is wrong.
    pub named: String,
    pub message: String,
    pub hint: String,
}

/// Tells each name that does not exist, and each circle once. `all`: every name of the file, well formed or not.
pub(super) fn check(
    environments: &BTreeMap<EnvironmentName, Environment>,
    all: &[&str],
    tell: &mut dyn FnMut(&EnvironmentName, Wrong),
) {
    for (name, environment) in environments {
        for after in &environment.deploy.after {
            if all.contains(&after.as_str()) {
                continue;
            }
            let hint = match nearest(after.as_str(), all.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("there are {}", all.iter().take(20).copied().collect::<Vec<_>>().join(", ")),
            };
            let message = format!("{name} waits for `{after}`, which is not an environment");
            tell(name, Wrong { named: after.to_string(), message, hint });
        }
    }
    let mut done = BTreeSet::new();
    for name in environments.keys() {
        if let Some(circle) = circle(environments, name, &mut done) {
            let words: Vec<&str> = circle.iter().map(|name| name.as_str()).collect();
            let named = words.get(1).copied().unwrap_or(name.as_str()).to_owned();
            let message = match words.as_slice() {
                [one, _] => format!("{one} waits for itself"),
                _ => format!("environments wait for each other: {}", words.join(" after ")),
            };
            let hint = "take one of them out of `after`".to_owned();
            tell(circle.first().copied().unwrap_or(name), Wrong { named, message, hint });
        }
    }
}

/// The first circle found from `start`, its first name again at its end; what was walked once is not walked again.
fn circle<'a>(
    environments: &'a BTreeMap<EnvironmentName, Environment>,
    start: &'a EnvironmentName,
    done: &mut BTreeSet<&'a EnvironmentName>,
) -> Option<Vec<&'a EnvironmentName>> {
    let mut way: Vec<(&EnvironmentName, usize)> = vec![(start, 0)];
    while let Some((name, next)) = way.last_mut() {
        let after = environments.get(*name).map_or(&[][..], |environment| &environment.deploy.after);
        let Some(following) = after.get(*next) else {
            done.insert(*name);
            way.pop();
            continue;
        };
        *next += 1;
        if let Some(at) = way.iter().position(|(name, _)| *name == following) {
            let mut circle: Vec<&EnvironmentName> = way.iter().skip(at).map(|(name, _)| *name).collect();
            circle.push(following);
            done.extend(way.iter().map(|(name, _)| *name));
            return Some(circle);
        }
        if !done.contains(following) {
            way.push((following, 0));
        }
    }
    None
}

/// Where an environment names another in `after`: in its own settings, in `defaults`, or at its name.
pub(super) fn place(root: &Node, name: &EnvironmentName, named: &str) -> (u32, u32) {
    let own = root.get("environments").and_then(|all| all.get(name.as_str()));
    let item = |node: &Node| {
        let list = node.get("deploy")?.get("after")?;
        list.items().iter().find(|item| item.text() == Some(named)).map(|item| (item.line, item.column))
    };
    let key = || {
        let all = root.get("environments").map_or(&[][..], Node::entries);
        all.iter().find(|(key, _)| key.text == name.as_str()).map(|(key, _)| (key.line, key.column))
    };
    own.and_then(item).or_else(|| root.get("defaults").and_then(item)).or_else(key).unwrap_or((1, 1))
}
