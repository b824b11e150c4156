//! What stands between a request and the store: the webhooks and policies that may change or refuse an object, and the
//! definitions that give it its defaults. Two dry runs of one payload give the same while none of these changes.

use serde_json::Value;

use crate::cluster::kinds::{Kinds, Served};
use crate::cluster::wire::{Call, PAGE, Trouble, Wire};
use crate::model::canonical;
use crate::model::id::Digest;
use crate::model::object::ObjectId;

/// The group of admission.
const GROUP: &str = "admissionregistration.k8s.io";
/// What may change an object, and where it lists the resources that it is for.
const MUTATING: [(&str, Rules); 2] =
    [("MutatingWebhookConfiguration", Rules::Webhooks), ("MutatingAdmissionPolicy", Rules::Policy)];
/// What else an answer depends on: name and version are enough.
const OTHERS: [(&str, &str); 5] = [
    (GROUP, "ValidatingWebhookConfiguration"),
    (GROUP, "MutatingAdmissionPolicyBinding"),
    (GROUP, "ValidatingAdmissionPolicy"),
    (GROUP, "ValidatingAdmissionPolicyBinding"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
];
/// Lists without bodies.
/// <https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches>
const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rules {
    /// `webhooks[].rules[]`.
    Webhooks,
    /// `spec.matchConstraints.resourceRules[]`.
    Policy,
}

/// The admission of a cluster, as of one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Admission {
    /// What it is made of, by name and version; none: it may not be seen.
    pub epoch: Option<Digest>,
    /// `group/resource`, either of which may be `*`, of what may be changed; none: it may not be seen.
    mutated: Option<Vec<(String, String)>>,
}

impl Admission {
    /// Asks the server: at most seven small lists at once. Whatever it does not tell, it is as if that may not be seen.
    pub(super) async fn read(wire: &Wire, kinds: &Kinds) -> Self {
        let whole = MUTATING.iter().map(|(kind, _)| list(wire, kinds, (GROUP, kind), "application/json"));
        let parts = OTHERS.iter().map(|(group, kind)| list(wire, kinds, (group, kind), METADATA));
        let (whole, parts) =
            futures_util::join!(futures_util::future::join_all(whole), futures_util::future::join_all(parts));
        let mutated = whole.iter().zip(MUTATING).try_fold(Vec::new(), |mut all, (items, (_, rules))| {
            all.extend(items.as_ref()?.iter().flat_map(|item| resources(item, rules)));
            Some(all)
        });
        let versions: Option<Vec<Value>> = whole
            .into_iter()
            .chain(parts)
            .map(|items| Some(items?.iter().map(version).collect::<Value>()))
            .collect();
        Self { epoch: versions.map(|versions| canonical::digest(&Value::Array(versions))), mutated }
    }

    /// May something change an object of this kind on its way in? Selectors and conditions are not looked at: too often rather
    /// than too seldom. If it may not be seen: yes.
    pub(super) fn mutates(&self, served: &Served) -> bool {
        let is = |rule: &str, name: &str| rule == "*" || rule == name;
        self.mutated.as_ref().is_none_or(|rules| {
            rules.iter().any(|(group, resource)| {
                is(group, &served.group) && (is(resource, &served.plural) || resource == "*/*")
            })
        })
    }
}

/// All objects of a kind; empty where the server does not serve it, none where it does not tell.
async fn list(
    wire: &Wire,
    kinds: &Kinds,
    (group, kind): (&str, &str),
    accept: &'static str,
) -> Option<Vec<Value>> {
    let id =
        ObjectId { group: group.to_owned(), kind: kind.to_owned(), namespace: None, name: String::new() };
    let Some(served) = kinds.preferred(&id) else { return Some(Vec::new()) };
    let mut all = Vec::new();
    let mut proceed = String::new();
    loop {
        let path = format!("{}?limit={PAGE}{proceed}", served.all(None));
        let call = Call { accept, ..Call::get(format!("list every {kind}"), path) };
        let mut page = match wire.call(&call).await {
            Ok(answer) => answer.body,
            Err(Trouble::Refused(refusal)) if refusal.is_missing() => return Some(Vec::new()),
            Err(_) => return None,
        };
        if let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) {
            all.extend(items);
        }
        match page.pointer("/metadata/continue").and_then(Value::as_str).filter(|token| !token.is_empty()) {
            Some(token) => proceed = format!("&continue={}", crate::cluster::kinds::escape(token)),
            None => return Some(all),
        }
    }
}

/// An object's name and version.
fn version(item: &Value) -> Value {
    let text = |path: &str| item.pointer(path).cloned().unwrap_or_default();
    Value::Array(vec![text("/metadata/name"), text("/metadata/uid"), text("/metadata/resourceVersion")])
}

/// The resources that an object's rules name, without their subresources.
fn resources(item: &Value, rules: Rules) -> Vec<(String, String)> {
    let array =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let rules: Vec<Value> = match rules {
        Rules::Webhooks => array(item, "webhooks").iter().flat_map(|hook| array(hook, "rules")).collect(),
        Rules::Policy => item
            .pointer("/spec/matchConstraints")
            .map(|constraints| array(constraints, "resourceRules"))
            .unwrap_or_default(),
    };
    let texts = |rule: &Value, key: &str| -> Vec<String> {
        array(rule, key).iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let pairs = |rule: &Value| -> Vec<(String, String)> {
        let resources = texts(rule, "resources");
        let groups = texts(rule, "apiGroups");
        groups
            .iter()
            .flat_map(|group| resources.iter().map(move |resource| (group.clone(), resource.clone())))
            .collect()
    };
    rules.iter().flat_map(pairs).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Admission, Rules, resources};
    use crate::cluster::kinds::Served;

    fn served(group: &str, plural: &str) -> Served {
        Served {
            group: group.to_owned(),
            version: "v1".to_owned(),
            plural: plural.to_owned(),
            namespaced: true,
            status: false,
            listed: true,
        }
    }

    #[test]
    fn rules_of_webhooks_and_policies_name_what_may_change() {
        let rule = json!({"apiGroups": ["", "apps"], "resources": ["pods", "deployments"]});
        let webhook =
            json!({"webhooks": [{"rules": [rule]}, {"rules": [{"apiGroups": ["*"], "resources": ["*/*"]}]}]});
        assert_eq!(resources(&webhook, Rules::Webhooks).len(), 5);
        let policy = json!({"spec": {"matchConstraints": {"resourceRules": [rule]}}});
        let admission = Admission { epoch: None, mutated: Some(resources(&policy, Rules::Policy)) };
        assert!(admission.mutates(&served("apps", "deployments")));
        assert!(!admission.mutates(&served("batch", "jobs")) && !admission.mutates(&served("", "secrets")));
        let all = Admission { epoch: None, mutated: Some(resources(&webhook, Rules::Webhooks)) };
        assert!(all.mutates(&served("batch", "jobs")));
        assert!(Admission::default().mutates(&served("batch", "jobs")), "what may not be seen may be there");
    }
}
