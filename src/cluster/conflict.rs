//! Who wins where another manager holds a field: the repository's rules first, then what is plain.

use serde_json::Value;

use crate::cluster::fields::{is_person, pointer};
use crate::cluster::wire::Refusal;
use crate::model::plan::Conflict;
use crate::model::settings::{FieldRule, Winner};

/// What is done about the conflicts of one object.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Settlement {
    /// Git's value is forced.
    pub take: Vec<Conflict>,
    /// The other manager keeps it; the path is left out of what we send.
    pub yields: Vec<Conflict>,
    /// Nobody wins: the object is not applied.
    pub fail: Vec<Conflict>,
}

impl Settlement {
    /// Every conflict with what is done about it, in the order of their paths.
    pub(super) fn all(self) -> Vec<Conflict> {
        let mut all: Vec<_> = self.take.into_iter().chain(self.yields).chain(self.fail).collect();
        all.sort_by(|a, b| (&a.path, &a.manager).cmp(&(&b.path, &b.manager)));
        all
    }

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
pub(super) fn conflicts(refusal: &Refusal, payload: &Value, live: Option<&Value>) -> Vec<Conflict> {
    if refusal.code != 409 {
        return Vec::new();
    }
    refusal
        .causes
        .iter()
        .filter(|cause| cause.sort == "FieldManagerConflict")
        .map(|cause| {
            let path = pointer(&cause.field, payload);
            let value = |body: Option<&Value>| body.and_then(|body| body.pointer(&path)).cloned();
            Conflict {
                manager: manager(&cause.message),
                rule: Winner::Fail,
                live: value(live).unwrap_or_default(),
                git: value(Some(payload)).unwrap_or_default(),
                path,
            }
        })
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
    for mut conflict in conflicts {
        let rule = rules.iter().find(|rule| speaks_of(rule, kind, &conflict)).map(|rule| rule.rule);
        let taken = adopting || is_person(&conflict.manager);
        conflict.rule = rule.unwrap_or(if taken { Winner::Take } else { Winner::Fail });
        match conflict.rule {
            Winner::Take => settlement.take.push(conflict),
            Winner::Yield => settlement.yields.push(conflict),
            Winner::Fail => settlement.fail.push(conflict),
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
    use crate::model::plan::Conflict;
    use crate::model::settings::{FieldRule, Winner};

    fn conflict(path: &str, manager: &str) -> Conflict {
        Conflict {
            path: path.to_owned(),
            manager: manager.to_owned(),
            rule: Winner::Fail,
            live: json!(null),
            git: json!(null),
        }
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
        assert_eq!(conflicts(&refusal, &json!({}), None), [conflict("/spec/replicas", "hpa")]);
        refusal.causes.clear();
        assert!(conflicts(&refusal, &json!({}), None).is_empty());
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
        let decided = |path, manager, rule| [Conflict { rule, ..conflict(path, manager) }];
        assert_eq!(settled.yields, decided("/spec/replicas", "hpa", Winner::Yield));
        assert_eq!(settled.fail, decided("/spec/replicas", "other", Winner::Fail));
        assert_eq!(settled.take, decided("/spec/x", "kubectl-edit", Winner::Take));
        assert!(settled.refusal().unwrap().0.contains("other"));
    }

    #[test]
    fn a_rule_can_forbid_taking_from_people_and_adopting_takes_the_rest() {
        let fail = [rule("/spec/template/spec/containers/*/image", Winner::Fail, &[])];
        let image = conflict("/spec/template/spec/containers/0/image", "kubectl-edit");
        let settled = settle(vec![image.clone(), conflict("/spec/y", "helm")], "Deployment", &fail, true);
        let taken = Conflict { rule: Winner::Take, ..conflict("/spec/y", "helm") };
        assert_eq!((settled.fail, settled.take), (vec![image], vec![taken]));
    }
}
