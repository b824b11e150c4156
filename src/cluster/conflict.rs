//! Who wins where another manager holds a field: the repository's rules first, then what is plain.

use serde_json::Value;

use crate::cluster::fields::{is_person, pointer};
use crate::cluster::wire::Refusal;
use crate::model::settings::{FieldRule, Winner};
use crate::model::view::Conflict;

/// What is done about the conflicts of one object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Settlement {
    /// Git's value is forced.
    pub take: Vec<Conflict>,
    /// The other manager keeps it; the path is left out of what we send.
    pub yields: Vec<Conflict>,
    /// Nobody wins: the object is not applied.
    pub fail: Vec<Conflict>,
}

impl Settlement {
    /// Why the object is not applied, in words for the author.
    pub(super) fn refusal(&self) -> Option<(String, String)> {
        let first = self.fail.first()?;
        let more = self.fail.len() - 1;
        let others = if more == 0 { String::new() } else { format!(" and {more} more") };
        let message = format!(
            "{} is managed by {}{others}; say under `fields:` whether to take it, to yield it or to fail",
            first.path, first.manager
        );
        Some((message, first.path.clone()))
    }
}

/// The conflicts that a refusal names; none if it is another kind of refusal. Paths point into the payload, which holds
/// every contested field.
pub(super) fn conflicts(refusal: &Refusal, payload: &Value) -> Vec<Conflict> {
    if refusal.code != 409 {
        return Vec::new();
    }
    refusal
        .causes
        .iter()
        .filter(|cause| cause.sort == "FieldManagerConflict")
        .map(|cause| Conflict { path: pointer(&cause.field, payload), manager: manager(&cause.message) })
        .collect()
}

/// Decides each conflict. An object that is being adopted is taken whole: that is what adopting means.
pub(super) fn settle(
    conflicts: Vec<Conflict>,
    kind: &str,
    rules: &[FieldRule],
    adopting: bool,
) -> Settlement {
    let mut settlement = Settlement::default();
    for conflict in conflicts {
        let rule = rules.iter().find(|rule| speaks_of(rule, kind, &conflict)).map(|rule| rule.rule);
        match rule {
            Some(Winner::Take) => settlement.take.push(conflict),
            Some(Winner::Yield) => settlement.yields.push(conflict),
            None if adopting || is_person(&conflict.manager) => settlement.take.push(conflict),
            Some(Winner::Fail) | None => settlement.fail.push(conflict),
        }
    }
    settlement
}

fn speaks_of(rule: &FieldRule, kind: &str, conflict: &Conflict) -> bool {
    let kinds = rule.kinds.is_empty() || rule.kinds.iter().any(|name| name == kind);
    let managers = rule.to.is_empty() || rule.to.contains(&conflict.manager);
    kinds && managers && lies_under(&conflict.path, &rule.path)
}

/// Is `path` the place that `rule` names or beneath it? `*` stands for any one step.
fn lies_under(path: &str, rule: &str) -> bool {
    let mut steps = path.split('/');
    rule.split('/').all(|wanted| steps.next().is_some_and(|step| wanted == "*" || wanted == step))
}

/// The first quoted word of `conflict with "kubectl-edit" using apps/v1`.
fn manager(message: &str) -> String {
    message.split('"').nth(1).unwrap_or(message).to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{conflicts, settle};
    use crate::cluster::wire::{Reason, Refusal};
    use crate::model::settings::{FieldRule, Winner};
    use crate::model::view::Conflict;

    fn conflict(path: &str, manager: &str) -> Conflict {
        Conflict { path: path.to_owned(), manager: manager.to_owned() }
    }

    fn rule(path: &str, winner: Winner, to: &[&str]) -> FieldRule {
        FieldRule {
            kinds: vec!["Deployment".to_owned()],
            path: path.to_owned(),
            rule: winner,
            to: to.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn causes_are_read_and_a_stale_version_is_no_conflict_of_fields() {
        let cause = Reason {
            sort: "FieldManagerConflict".to_owned(),
            field: ".spec.replicas".to_owned(),
            message: "conflict with \"hpa\" with subresource \"scale\" using apps/v1".to_owned(),
        };
        let mut refusal = Refusal { code: 409, causes: vec![cause], ..Refusal::default() };
        assert_eq!(conflicts(&refusal, &json!({})), [conflict("/spec/replicas", "hpa")]);
        refusal.causes.clear();
        assert!(conflicts(&refusal, &json!({})).is_empty());
    }

    #[test]
    fn rules_come_before_habits() {
        let yields = [rule("/spec/replicas", Winner::Yield, &["hpa"])];
        let settled = settle(
            vec![
                conflict("/spec/replicas", "hpa"),
                conflict("/spec/replicas", "other"),
                conflict("/spec/x", "kubectl-edit"),
            ],
            "Deployment",
            &yields,
            false,
        );
        assert_eq!(settled.yields, [conflict("/spec/replicas", "hpa")]);
        assert_eq!(settled.fail, [conflict("/spec/replicas", "other")]);
        assert_eq!(settled.take, [conflict("/spec/x", "kubectl-edit")]);
        assert!(settled.refusal().unwrap().0.contains("other"));
    }

    #[test]
    fn a_rule_can_forbid_taking_from_people_and_adopting_takes_the_rest() {
        let fail = [rule("/spec/template/spec/containers/*/image", Winner::Fail, &[])];
        let image = conflict("/spec/template/spec/containers/0/image", "kubectl-edit");
        let settled = settle(vec![image.clone(), conflict("/spec/y", "helm")], "Deployment", &fail, true);
        assert_eq!((settled.fail, settled.take), (vec![image], vec![conflict("/spec/y", "helm")]));
    }
}
