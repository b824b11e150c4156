//! What a reader should know beside the plans: that a proposed rule does not hold yet, that an environment is left. Pure.

use std::collections::BTreeMap;

use crate::model::id::{Branch, EnvironmentName};
use crate::model::settings::Environment;
use crate::work::ground::FILE;

/// The environments of a file by name.
type Environments = BTreeMap<EnvironmentName, Environment>;

/// One sentence for each environment whose rules a pull request changes, and for each that it drops.
///
/// Where, who and when come from the file in force, so a proposal to change them changes nothing yet, and whoever reviews it
/// must be told that the preview does not show them at work. `tracked` says which branch an environment's content comes
/// from; those that do not track the pull request's `base` are no concern of it.
pub(crate) fn notes(
    in_force: Option<&Environments>,
    proposed: &Environments,
    base: &Branch,
    tracked: impl Fn(&Environment) -> Branch,
) -> Vec<String> {
    let concerned = in_force.into_iter().flatten().filter(|(_, rules)| tracked(rules) == *base);
    concerned
        .filter_map(|(name, rules)| match proposed.get(name) {
            None => Some(format!(
                "`{name}` is no longer in {FILE}: nothing more is deployed there, and nothing there is deleted."
            )),
            Some(wanted) => {
                let changed = changed(rules, wanted);
                (!changed.is_empty()).then(|| {
                    format!("`{name}`: a change of {} holds once it is merged.", changed.join(", "))
                })
            }
        })
        .collect()
}

/// The keys of the file by which two descriptions of an environment differ in where, who or when.
fn changed(rules: &Environment, wanted: &Environment) -> Vec<String> {
    let (old, new) = (&rules.deploy, &wanted.deploy);
    let all = [
        ("target", rules.target != wanted.target),
        ("branch", rules.branch != wanted.branch),
        ("namespace", rules.namespace != wanted.namespace),
        ("adopt", rules.adopt != wanted.adopt),
        ("fields", rules.fields != wanted.fields),
        ("secrets", rules.secrets != wanted.secrets),
        ("deploy.when", old.when != new.when),
        ("deploy.before_merge", old.before_merge != new.before_merge),
        ("deploy.after", old.after != new.after),
        ("deploy.requires", old.requires != new.requires),
        ("deploy.allow", old.allow != new.allow),
        ("deploy.prune", old.prune != new.prune),
        ("deploy.limits", old.limits != new.limits),
    ];
    all.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| format!("`{key}`")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::settings;

    fn environments(text: &str) -> Environments {
        settings(format!("version: 1\nenvironments:\n{text}").as_bytes(), FILE).unwrap().environments
    }

    fn told(before: &str, after: &str, base: &str) -> Vec<String> {
        let main: Branch = "main".parse().unwrap();
        let tracked = |rules: &Environment| rules.branch.clone().unwrap_or_else(|| main.clone());
        notes(Some(&environments(before)), &environments(after), &base.parse().unwrap(), tracked)
    }

    const SHOP: &str = "  shop: {sources: [{path: a}]}\n";

    #[test]
    fn what_is_rendered_may_change_without_a_word() {
        assert_eq!(told(SHOP, "  shop: {sources: [{path: b}]}\n", "main"), Vec::<String>::new());
    }

    #[test]
    fn where_who_and_when_are_named_by_their_keys() {
        let after = "  shop: {sources: [{path: a}], target: vault, deploy: {when: comment, allow: {permission: triage}}}\n";
        assert_eq!(
            told(SHOP, after, "main"),
            ["`shop`: a change of `target`, `deploy.when`, `deploy.allow` holds once it is merged."]
        );
    }

    #[test]
    fn only_what_tracks_the_base_is_told_of() {
        let other = "  other: {sources: [{path: a}]}\n";
        assert_eq!(told(SHOP, other, "main").len(), 1, "shop is dropped");
        assert_eq!(told(SHOP, other, "release"), Vec::<String>::new());
    }

    #[test]
    fn without_a_file_in_force_nothing_can_differ() {
        let tracked = |_: &Environment| -> Branch { "main".parse().unwrap() };
        let none = notes(None, &environments(SHOP), &"main".parse().unwrap(), tracked);
        assert_eq!(none, Vec::<String>::new());
    }
}
