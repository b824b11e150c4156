//! Who wins where another manager holds a field: the repository's rules first, then what is plain.

use serde_json::Value;

use crate::cluster::fields::{is_person, pointer};
use crate::cluster::submit::Bid;
use crate::cluster::wire::Refusal;
use crate::model::plan::Conflict;
use crate::model::settings::{FieldRule, Winner};

/// Conflicts that a refusal names, and characters of each value there.
const TOLD: usize = 5;
const VALUE: usize = 80;

/// Fields that controllers are known to manage, by the beginning of the manager's name, kinds (none: any) and place: how many
/// replicas a workload has (the autoscaler writes through the scale subresource), what a pod may use (the vertical
/// autoscaler), certificates (cert-manager, Istio), the rules of aggregated roles.
const CONTROLLERS: [(&str, &[&str], &str); 8] = [
    ("kube-controller-manager", &[], "/spec/replicas"),
    ("keda", &[], "/spec/replicas"),
    ("vpa-", &[], "/spec/template/spec/containers/*/resources"),
    ("cert-manager-cainjector", &[], "/webhooks/*/clientConfig/caBundle"),
    (
        "cert-manager-cainjector",
        &["CustomResourceDefinition"],
        "/spec/conversion/webhook/clientConfig/caBundle",
    ),
    ("cert-manager-cainjector", &["APIService"], "/spec/caBundle"),
    ("pilot-discovery", &[], "/webhooks/*"),
    ("clusterrole-aggregation-controller", &["ClusterRole"], "/rules"),
];

/// What is done about the conflicts of one object.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Settlement {
    /// Git's value is forced.
    pub take: Vec<Conflict>,
    /// The other manager keeps it; the path is left out of what we send.
    pub yields: Vec<Conflict>,
    /// Nobody wins: the object is not applied.
    pub fail: Vec<Conflict>,
    /// With a history that becomes ours before the apply, so that then there is no conflict.
    pub past: usize,
}

impl Settlement {
    /// Every conflict with what is done about it, in the order of their paths.
    pub(super) fn all(self) -> Vec<Conflict> {
        let mut all: Vec<_> = self.take.into_iter().chain(self.yields).chain(self.fail).collect();
        all.sort_by(|a, b| (&a.path, &a.manager).cmp(&(&b.path, &b.manager)));
        all
    }

    /// Is anything taken, so that it must be forced?
    pub(super) fn takes(&self) -> bool {
        self.past > 0 || !self.take.is_empty()
    }

    /// Why the object is not applied, in words for the author.
    pub(super) fn refusal(&self) -> Option<(String, String)> {
        let first = self.fail.first()?;
        let mut told: Vec<String> = self.fail.iter().take(TOLD).map(told).collect();
        if self.fail.len() > TOLD {
            told.push(format!("and {} more", self.fail.len() - TOLD));
        }
        let message = format!(
            "another manager holds {}; say under `fields:` whether to take or to yield that",
            told.join(", ")
        );
        Some((message, first.path.clone()))
    }

    /// What would be taken and is not in the plan; none: nothing.
    pub(super) fn beyond(&self, plan: &[Conflict]) -> Option<&Conflict> {
        self.take.iter().find(|taken| {
            let planned = |one: &Conflict| {
                // A path in which the plan masked a secret cannot be compared.
                one.manager == taken.manager && (one.path == taken.path || one.path.contains("‹secret"))
            };
            !plan.iter().any(|one| one.rule == Winner::Take && planned(one))
        })
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

/// `/spec/replicas (4 by autoscaler, 2 in Git)`. Values are the target's and Git's: masked like any message.
fn told(conflict: &Conflict) -> String {
    let value = |value: &Value| match value {
        Value::Null => "absent".to_owned(),
        Value::String(text) => text.chars().take(VALUE).collect(),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            other.to_string().chars().take(VALUE).collect()
        }
    };
    let Conflict { path, manager, live, git, .. } = conflict;
    format!("{path} ({} by {manager}, {} in Git)", value(live), value(git))
}

/// Decides each conflict: by the repository's rules; then what a controller is known to manage is its own; people, and
/// whoever an object is adopted from, are taken from; nobody else.
pub(super) fn settle(conflicts: Vec<Conflict>, bid: &Bid<'_>) -> Settlement {
    let mut settlement = Settlement::default();
    let kind = bid.address.id.kind.as_str();
    for mut conflict in conflicts {
        let rule = bid.rules.iter().find(|rule| speaks_of(rule, kind, &conflict)).map(|rule| rule.rule);
        if rule != Some(Winner::Fail) && bid.past.contains(&conflict.manager) {
            settlement.past += 1;
            continue;
        }
        conflict.rule = rule.unwrap_or_else(|| usual(&conflict, kind, bid.adopting));
        match conflict.rule {
            Winner::Take => settlement.take.push(conflict),
            Winner::Yield => settlement.yields.push(conflict),
            Winner::Fail => settlement.fail.push(conflict),
        }
    }
    settlement
}

/// What happens where no rule speaks.
fn usual(conflict: &Conflict, kind: &str, adopting: bool) -> Winner {
    let Conflict { path, manager, .. } = conflict;
    let known = |(who, kinds, place): &(&str, &[&str], &str)| {
        manager.starts_with(who) && (kinds.is_empty() || kinds.contains(&kind)) && lies_under(path, place)
    };
    if CONTROLLERS.iter().any(known) {
        Winner::Yield
    } else if adopting || is_person(manager) {
        Winner::Take
    } else {
        Winner::Fail
    }
}

fn speaks_of(rule: &FieldRule, kind: &str, conflict: &Conflict) -> bool {
    let kinds = rule.kinds.is_empty() || rule.kinds.iter().any(|name| name == kind);
    let managers = rule.to.is_empty() || rule.to.contains(&conflict.manager);
    kinds && managers && lies_under(&conflict.path, &rule.path)
}

/// Is `path` the place that `rule` names or beneath it? `*` stands for any one step.
pub(super) fn lies_under(path: &str, rule: &str) -> bool {
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

    use super::{Settlement, conflicts};
    use crate::cluster::address::Address;
    use crate::cluster::kinds::Served;
    use crate::cluster::submit::Bid;
    use crate::cluster::wire::{Reason, Refusal};
    use crate::model::object::ObjectId;
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

    fn settle(conflicts: Vec<Conflict>, rules: &[FieldRule], adopting: bool, past: &[String]) -> Settlement {
        let id = ObjectId {
            group: "apps".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: None,
            name: "web".to_owned(),
        };
        let served = Served {
            group: "apps".to_owned(),
            version: "v1".to_owned(),
            plural: "deployments".to_owned(),
            namespaced: true,
            status: true,
            listed: true,
        };
        let address = Address { id, served, namespace: None };
        let bid = Bid { address: &address, payload: &json!({}), live: None, rules, adopting, past };
        super::settle(conflicts, &bid)
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
            &yields,
            false,
            &[],
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
        let settled = settle(vec![image.clone(), conflict("/spec/y", "helm")], &fail, true, &[]);
        let taken = Conflict { rule: Winner::Take, ..conflict("/spec/y", "helm") };
        assert_eq!((settled.fail, settled.take), (vec![image], vec![taken]));
    }

    #[test]
    fn what_a_controller_is_known_to_manage_is_its_own_and_a_history_is_no_conflict() {
        let settled = settle(
            vec![
                conflict("/spec/replicas", "kube-controller-manager"),
                conflict("/spec/paused", "kube-controller-manager"),
                conflict("/spec/z", "kubectl-client-side-apply"),
            ],
            &[],
            true,
            &["kubectl-client-side-apply".to_owned()],
        );
        assert_eq!((settled.past, settled.takes()), (1, true));
        let decided: Vec<_> =
            settled.all().into_iter().map(|conflict| (conflict.path, conflict.rule)).collect();
        assert_eq!(
            decided,
            [("/spec/paused".to_owned(), Winner::Take), ("/spec/replicas".to_owned(), Winner::Yield)]
        );
    }

    #[test]
    fn nothing_is_taken_that_the_plan_did_not_show() {
        let settled = settle(vec![conflict("/spec/x", "kubectl-edit")], &[], false, &[]);
        let planned = |path: &str, manager: &str| Conflict { rule: Winner::Take, ..conflict(path, manager) };
        assert!(settled.beyond(&[planned("/spec/x", "kubectl-edit")]).is_none());
        assert!(settled.beyond(&[planned("/spec/‹secret a1b2c3›", "kubectl-edit")]).is_none());
        assert!(settled.beyond(&[planned("/spec/y", "kubectl-edit")]).is_some());
        assert!(settled.beyond(&[planned("/spec/x", "k9s")]).is_some());
    }
}
