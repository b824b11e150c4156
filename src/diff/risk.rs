//! What is at stake in a change, said before it happens.

use serde_json::Value;

use crate::model::object::ObjectId;
use crate::model::plan::{Action, Cascade, Class, PathChange, Risk};

/// What the risks of a change are told from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stake<'a> {
    /// What happens.
    pub action: Action,
    /// To which object.
    pub id: &'a ObjectId,
    /// What differs, and why.
    pub paths: &'a [PathChange],
    /// What is there.
    pub live: Option<&'a Value>,
    /// What Git holds.
    pub merge: Option<&'a Value>,
    /// What goes with it.
    pub cascade: &'a [Cascade],
}

/// The risks of one change, most dangerous first.
pub(super) fn risks(stake: &Stake<'_>) -> Vec<Risk> {
    let mut risks = Vec::new();
    match stake.action {
        Action::Delete => risks.push(Risk::Deletes),
        Action::Replace => risks.push(Risk::Replaces),
        Action::Adopt => risks.push(Risk::TakesOver),
        Action::Create | Action::Update | Action::Move | Action::Keep | Action::None => {}
    }
    if stake.goes() {
        risks.extend(stake.lost());
        risks.extend(stake.interrupts().then_some(Risk::Traffic));
    }
    if !matches!(stake.action, Action::None | Action::Keep) {
        risks.extend(stake.kind());
    }
    if stake.paths.iter().any(|path| path.class == Class::Drift) {
        risks.push(Risk::Reverts);
    }
    risks.sort_unstable();
    risks.dedup();
    risks
}

impl Stake<'_> {
    /// Is what is there deleted, if only for a moment?
    fn goes(&self) -> bool {
        matches!(self.action, Action::Delete | Action::Replace)
    }

    /// What is lost for good when it goes.
    fn lost(&self) -> Vec<Risk> {
        let claims = |gone: &Cascade| {
            gone.group.is_empty()
                && gone.kind == "PersistentVolumeClaim"
                && gone.count.is_some_and(|count| count > 0)
        };
        match (self.id.group.as_str(), self.id.kind.as_str()) {
            ("", "PersistentVolumeClaim" | "PersistentVolume") => vec![Risk::LosesData],
            // Its claims stay, unless it says otherwise.
            ("apps", "StatefulSet") if self.takes_claims() => vec![Risk::LosesData],
            ("", "Namespace") if self.cascade.iter().any(claims) => vec![Risk::LosesData, Risk::Cascades],
            ("", "Namespace") | ("apiextensions.k8s.io", "CustomResourceDefinition") => vec![Risk::Cascades],
            _ => Vec::new(),
        }
    }

    /// <https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#persistentvolumeclaim-retention>
    fn takes_claims(&self) -> bool {
        let policy =
            |body: &Value| body.pointer("/spec/persistentVolumeClaimRetentionPolicy/whenDeleted").cloned();
        self.live.and_then(policy).is_some_and(|policy| policy == "Delete")
    }

    /// Does something stop serving while it is away? A Service that comes back has another address, and pods are gone until
    /// others have started.
    fn interrupts(&self) -> bool {
        let pods = self.is_workload() || matches!(self.kind_name(), ("", "Pod" | "ReplicationController"));
        pods || matches!(
            self.kind_name(),
            ("", "Service" | "Endpoints")
                | ("networking.k8s.io" | "gateway.networking.k8s.io" | "discovery.k8s.io", _)
        )
    }

    fn kind_name(&self) -> (&str, &str) {
        (self.id.group.as_str(), self.id.kind.as_str())
    }

    fn is_workload(&self) -> bool {
        matches!(self.kind_name(), ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet"))
    }

    /// Does a path with an effect begin like this?
    fn touches(&self, prefix: &str) -> bool {
        let mut effective = self.paths.iter().filter(|path| path.class.has_effect());
        effective.any(|path| path.path.starts_with(prefix))
    }

    /// What its kind puts at stake, beside what goes.
    fn kind(&self) -> Option<Risk> {
        let changes = self.action != Action::Create;
        match self.kind_name() {
            ("rbac.authorization.k8s.io", _) => Some(Risk::Rights),
            ("admissionregistration.k8s.io", _) => Some(Risk::Admission),
            ("batch", "Job") => self.runs().then_some(Risk::Runs),
            _ if self.is_workload() => {
                let restarts = self.action == Action::Replace || (changes && self.touches("/spec/template"));
                restarts.then_some(Risk::Restarts)
            }
            ("", "Pod") => (self.action == Action::Replace).then_some(Risk::Restarts),
            ("", "Service") => {
                let routes = ["/spec/selector", "/spec/type", "/spec/ports", "/spec/clusterIP"];
                (changes && routes.iter().any(|path| self.touches(path))).then_some(Risk::Traffic)
            }
            // A policy cuts off what it does not name from the moment it is there.
            ("networking.k8s.io", "NetworkPolicy") => {
                (!changes || self.touches("/spec")).then_some(Risk::Traffic)
            }
            ("networking.k8s.io" | "gateway.networking.k8s.io", _) => (changes
                && (self.touches("/spec") || self.touches("/metadata/annotations")))
            .then_some(Risk::Traffic),
            _ => None,
        }
    }

    /// Does a Job run that did not? One that is held back (`suspend`) waits for somebody.
    fn runs(&self) -> bool {
        let held = self.merge.and_then(|body| body.pointer("/spec/suspend")) == Some(&Value::Bool(true));
        let resumed = self.touches("/spec/suspend");
        !held && (matches!(self.action, Action::Create | Action::Replace) || resumed)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Stake, risks};
    use crate::model::object::ObjectId;
    use crate::model::plan::{Action, Cascade, Class, PathChange, Risk};

    fn id(group: &str, kind: &str) -> ObjectId {
        ObjectId { group: group.to_owned(), kind: kind.to_owned(), namespace: None, name: "x".to_owned() }
    }

    fn of(action: Action, id: &ObjectId, paths: &[&str], live: &Value) -> Vec<Risk> {
        let path = |path: &&str| PathChange {
            path: (*path).to_owned(),
            class: Class::ThisChange,
            before: Value::Null,
            after: Value::Null,
        };
        let paths: Vec<PathChange> = paths.iter().map(path).collect();
        risks(&Stake { action, id, paths: &paths, live: Some(live), merge: None, cascade: &[] })
    }

    #[test]
    fn what_a_replacement_costs_is_told_by_kind() {
        let none = Value::Null;
        for (group, kind, costs) in [
            ("", "Service", vec![Risk::Replaces, Risk::Traffic]),
            ("", "PersistentVolumeClaim", vec![Risk::LosesData, Risk::Replaces]),
            ("apps", "Deployment", vec![Risk::Replaces, Risk::Traffic, Risk::Restarts]),
            ("apps", "StatefulSet", vec![Risk::Replaces, Risk::Traffic, Risk::Restarts]),
            ("batch", "Job", vec![Risk::Replaces, Risk::Runs]),
            ("", "ConfigMap", vec![Risk::Replaces]),
        ] {
            assert_eq!(of(Action::Replace, &id(group, kind), &[], &none), costs, "{kind}");
        }
    }

    #[test]
    fn a_stateful_sets_claims_stay_unless_it_says_otherwise() {
        let set = id("apps", "StatefulSet");
        assert_eq!(of(Action::Delete, &set, &[], &json!({})), [Risk::Deletes, Risk::Traffic]);
        let takes = json!({"spec": {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"}}});
        assert_eq!(of(Action::Delete, &set, &[], &takes), [Risk::LosesData, Risk::Deletes, Risk::Traffic]);
    }

    #[test]
    fn a_namespace_with_claims_loses_data() {
        let namespace = id("", "Namespace");
        let claims =
            |count| Cascade { group: String::new(), kind: "PersistentVolumeClaim".to_owned(), count };
        let with = |cascade: &[Cascade]| {
            risks(&Stake {
                action: Action::Delete,
                id: &namespace,
                paths: &[],
                live: None,
                merge: None,
                cascade,
            })
        };
        assert_eq!(with(&[]), [Risk::Cascades, Risk::Deletes]);
        assert_eq!(with(&[claims(None)]), [Risk::Cascades, Risk::Deletes]);
        assert_eq!(with(&[claims(Some(2))]), [Risk::LosesData, Risk::Cascades, Risk::Deletes]);
    }

    #[test]
    fn a_label_of_an_ingress_cuts_nothing_and_a_new_policy_may() {
        let none = Value::Null;
        let ingress = id("networking.k8s.io", "Ingress");
        assert_eq!(of(Action::Update, &ingress, &["/metadata/labels/a"], &none), []);
        assert_eq!(of(Action::Update, &ingress, &["/spec/rules/0/host"], &none), [Risk::Traffic]);
        assert_eq!(of(Action::Create, &ingress, &[""], &none), []);
        assert_eq!(
            of(Action::Create, &id("networking.k8s.io", "NetworkPolicy"), &[""], &none),
            [Risk::Traffic]
        );
    }

    #[test]
    fn a_job_that_is_held_back_does_not_run() {
        let job = id("batch", "Job");
        let held = json!({"spec": {"suspend": true}});
        let with = |action, merge| {
            risks(&Stake { action, id: &job, paths: &[], live: None, merge: Some(merge), cascade: &[] })
        };
        assert_eq!(with(Action::Create, &held), []);
        assert_eq!(with(Action::Create, &json!({"spec": {}})), [Risk::Runs]);
        assert_eq!(of(Action::Update, &job, &["/spec/suspend"], &Value::Null), [Risk::Runs]);
        assert_eq!(of(Action::Update, &job, &["/metadata/labels/a"], &Value::Null), []);
    }
}
