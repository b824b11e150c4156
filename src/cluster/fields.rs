//! Who manages which field: `managedFields` and the notation of conflicts, as JSON Pointers.

use serde_json::Value;

/// Our name in `managedFields`. One for the whole product: it must never change, or what we applied would no longer be
/// ours to remove.
pub(super) const MANAGER: &str = "tidegate";

/// Managers behind which people sit, and kubectl's client-side history. Compared without case, as prefixes.
const PEOPLE: [&str; 9] = [
    "kubectl",
    "before-first-apply",
    "k9s",
    "lens",
    "rancher",
    "mozilla",
    "node-fetch",
    "headlamp",
    "openlens",
];

/// Does a person, or a person's tool, stand behind this manager?
pub(super) fn is_person(manager: &str) -> bool {
    let manager = manager.to_ascii_lowercase();
    PEOPLE.iter().any(|prefix| manager.starts_with(prefix))
}

/// The managers of an object that may be ours: have we ever applied it?
pub(super) fn applied_by_us(live: &Value) -> bool {
    entries(live).any(|entry| text(entry, "manager") == MANAGER && text(entry, "operation") == "Apply")
}

/// Does this manager own anything in the object?
pub(super) fn managed_by(live: &Value, manager: &str) -> bool {
    entries(live).any(|entry| text(entry, "manager") == manager)
}

/// JSON Pointers of what those managers hold, by name and operation, whose answer is true.
pub(super) fn held(live: &Value, which: impl Fn(&str, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for entry in entries(live).filter(|entry| which(text(entry, "manager"), text(entry, "operation"))) {
        leaves(entry.get("fieldsV1").unwrap_or(&Value::Null), live, &mut String::new(), &mut found);
    }
    found
}

/// JSON Pointers of fields that people set and neither we nor the payload hold; sorted, without repetition.
pub(super) fn by_hand(live: &Value, payload: Option<&Value>) -> Vec<String> {
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    for entry in entries(live).filter(|entry| entry.get("subresource").is_none()) {
        let manager = text(entry, "manager");
        let fields = entry.get("fieldsV1").unwrap_or(&Value::Null);
        if manager == MANAGER {
            leaves(fields, live, &mut String::new(), &mut ours);
        } else if is_person(manager) {
            leaves(fields, live, &mut String::new(), &mut theirs);
        }
    }
    theirs.retain(|path| {
        !ours.contains(path)
            && !is_book_keeping(path)
            && payload.is_none_or(|payload| payload.pointer(path).is_none())
            && live.pointer(path).is_some()
    });
    theirs.sort();
    theirs.dedup();
    theirs
}

/// A conflict's field (`.spec.template.spec.containers[name="web"].image`) as a JSON Pointer into `body`, which holds
/// the contested field. Names are not quoted in that notation (`.metadata.labels.app.kubernetes.io/name`), so each step
/// takes the longest key that the body has. What the body lacks is translated by the dots.
pub(super) fn pointer(field: &str, body: &Value) -> String {
    let mut out = String::new();
    let mut rest = field;
    let mut here = Some(body);
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('[') {
            let (selector, after) = selector(after);
            let index = here.and_then(|here| index(here, selector));
            out.push_str(&index.map_or_else(|| format!("/{}", token(selector)), |index| format!("/{index}")));
            here = index.and_then(|index| here.and_then(|here| here.get(index)));
            rest = after;
        } else {
            let name = rest.strip_prefix('.').unwrap_or(rest);
            let known = here.and_then(Value::as_object).and_then(|map| {
                map.keys().filter(|key| begins(name, key)).max_by_key(|key| key.len()).map(String::as_str)
            });
            let end = known.map_or_else(|| name.find(['.', '[']).unwrap_or(name.len()), str::len);
            let (key, after) = name.split_at(end);
            out.push('/');
            out.push_str(&token(key));
            here = here.and_then(|here| here.get(key));
            rest = after;
        }
    }
    out
}

/// A key as one token of a JSON Pointer.
pub(super) fn token(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn begins(path: &str, key: &str) -> bool {
    path.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Splits `name="we]b"].rest` at the bracket that ends it.
fn selector(text: &str) -> (&str, &str) {
    let mut quoted = false;
    let mut escaped = false;
    for (at, char) in text.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ']' if !quoted => return (&text[..at], &text[at + 1..]),
            _ => {}
        }
    }
    (text, "")
}

/// The element that `name="web",protocol="TCP"`, `="value"` or `3` names.
fn index(list: &Value, selector: &str) -> Option<usize> {
    let list = list.as_array()?;
    if let Ok(index) = selector.parse::<usize>() {
        return (index < list.len()).then_some(index);
    }
    if let Some(value) = selector.strip_prefix('=') {
        let value: Value = serde_json::from_str(value).ok()?;
        return list.iter().position(|item| *item == value);
    }
    let wanted = pairs(selector)?;
    list.iter().position(|item| {
        // A key that has a default may be missing in the payload: a port's protocol.
        wanted.iter().all(|(key, value)| item.get(key).is_none_or(|own| own == value))
            && wanted.iter().any(|(key, _)| item.get(key).is_some())
    })
}

fn pairs(selector: &str) -> Option<Vec<(&str, Value)>> {
    let mut pairs = Vec::new();
    let mut rest = selector;
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=')?;
        let mut values = serde_json::Deserializer::from_str(after).into_iter::<Value>();
        let value = values.next()?.ok()?;
        pairs.push((key, value));
        rest = after.get(values.byte_offset()..)?;
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    Some(pairs)
}

/// Walks a `fieldsV1` set beside the object it speaks of and notes its ends.
/// <https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.33/#fieldsv1-v1-meta>
fn leaves(fields: &Value, here: &Value, path: &mut String, out: &mut Vec<String>) {
    let Some(map) = fields.as_object() else { return };
    let mut inner = map.iter().filter(|(key, _)| key.as_str() != ".").peekable();
    if inner.peek().is_none() {
        if !path.is_empty() {
            out.push(path.clone());
        }
        return;
    }
    for (key, fields) in inner {
        let Some((sort, name)) = key.split_once(':') else { continue };
        let step = match sort {
            "f" => token(name),
            "i" => name.to_owned(),
            "v" | "k" => match place(here, sort, name) {
                Some(index) => index.to_string(),
                None => continue,
            },
            _ => continue,
        };
        let next = if here.is_array() {
            step.parse::<usize>().ok().and_then(|at| here.get(at))
        } else {
            here.get(name)
        };
        let Some(next) = next else { continue };
        let length = path.len();
        path.push('/');
        path.push_str(&step);
        leaves(fields, next, path, out);
        path.truncate(length);
    }
}

pub(super) fn place(list: &Value, sort: &str, name: &str) -> Option<usize> {
    let wanted: Value = serde_json::from_str(name).ok()?;
    let list = list.as_array()?;
    if sort == "v" {
        return list.iter().position(|item| *item == wanted);
    }
    let wanted = wanted.as_object()?;
    list.iter().position(|item| wanted.iter().all(|(key, value)| item.get(key) == Some(value)))
}

fn is_book_keeping(path: &str) -> bool {
    path.starts_with("/status")
        || path.starts_with("/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration")
        || path.starts_with("/metadata/annotations/deployment.kubernetes.io~1revision")
}

pub(super) fn entries(live: &Value) -> impl Iterator<Item = &Value> {
    live.pointer("/metadata/managedFields").and_then(Value::as_array).into_iter().flatten()
}

pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{by_hand, is_person, pointer};

    #[test]
    fn conflict_fields_become_pointers() {
        let body = json!({
            "metadata": {"labels": {"app.kubernetes.io/name": "web", "app": "x"}},
            "spec": {"replicas": 2, "template": {"spec": {"containers": [
                {"name": "side", "image": "a"}, {"name": "w]eb", "image": "b", "ports": [{"containerPort": 80}]}]}},
                "finalizers": ["a", "b"]}});
        for (field, expected) in [
            (".spec.replicas", "/spec/replicas"),
            (".metadata.labels.app.kubernetes.io/name", "/metadata/labels/app.kubernetes.io~1name"),
            (".metadata.labels.app", "/metadata/labels/app"),
            (".spec.template.spec.containers[name=\"w]eb\"].image", "/spec/template/spec/containers/1/image"),
            (
                ".spec.template.spec.containers[name=\"w]eb\"].ports[containerPort=80,protocol=\"TCP\"].name",
                "/spec/template/spec/containers/1/ports/0/name",
            ),
            (".spec.finalizers[=\"b\"]", "/spec/finalizers/1"),
            (".spec.absent.deeper", "/spec/absent/deeper"),
        ] {
            assert_eq!(pointer(field, &body), expected, "{field}");
        }
    }

    #[test]
    fn what_people_set_is_found_and_what_git_holds_is_not() {
        let live = json!({
            "metadata": {"labels": {"a": "1", "b": "2"}, "managedFields": [
                {"manager": "tidegate", "operation": "Apply", "fieldsV1": {"f:metadata": {"f:labels": {"f:a": {}}}}},
                {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {
                    "f:metadata": {"f:labels": {".": {}, "f:a": {}, "f:b": {}}},
                    "f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:image": {}, "f:tty": {}}}}}},
                {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status",
                    "fieldsV1": {"f:status": {"f:x": {}}}}]},
            "spec": {"containers": [{"name": "web", "image": "x", "tty": true}]}});
        let payload = json!({"spec": {"containers": [{"name": "web", "image": "y"}]}});
        assert_eq!(by_hand(&live, Some(&payload)), ["/metadata/labels/b", "/spec/containers/0/tty"]);
    }

    #[test]
    fn people_are_told_from_controllers() {
        for manager in ["kubectl-edit", "kubectl", "k9s", "Lens", "Mozilla", "before-first-apply", "rancher"]
        {
            assert!(is_person(manager), "{manager}");
        }
        for manager in
            ["kube-controller-manager", "argocd-controller", "tidegate", "helm", "cluster-autoscaler"]
        {
            assert!(!is_person(manager), "{manager}");
        }
    }
}
