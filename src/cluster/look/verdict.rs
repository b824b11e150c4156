//! What the server's refusal of a dry run means.

use crate::cluster::fields::token;
use crate::cluster::wire::Refusal;

/// The meaning of a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The server cannot say how it would end; why, in the reader's words.
    Unknowable(String),
    /// The object is refused: the author's to mend.
    Refused {
        /// The server's words.
        message: String,
        /// JSON Pointer of the field.
        path: Option<String>,
    },
    /// The object or its change is invalid; which of the two, a probe tells.
    Invalid {
        /// The server's words.
        message: String,
        /// JSON Pointer of the field.
        path: Option<String>,
    },
    /// The server is unwell: later it may go.
    Weather,
}

/// Reads a refusal. The API has few machine-readable reasons, so known sentences of the server are looked for, too.
pub(crate) fn verdict(refusal: &Refusal) -> Verdict {
    let message = refusal.message.as_str();
    let refused = || Verdict::Refused { message: message.to_owned(), path: path(refusal) };
    if message.contains("does not support dry run") || message.contains("failed calling webhook") {
        return Verdict::Unknowable(format!("an admission webhook could not be asked: {message}"));
    }
    match refusal.code {
        404 if refusal.kind == "namespaces" => {
            let name = quoted(message).unwrap_or("that the object names");
            Verdict::Unknowable(format!("namespace {name} does not exist yet"))
        }
        403 => match missing_right(message) {
            Some(reason) => Verdict::Unknowable(reason),
            None => refused(),
        },
        422 if message.contains("denied request") => refused(),
        422 => Verdict::Invalid { message: message.to_owned(), path: path(refusal) },
        401 | 408 => Verdict::Weather,
        _ if refusal.is_weather() => Verdict::Weather,
        _ => refused(),
    }
}

/// `deployments.apps "web" is forbidden: User "u" cannot patch resource "deployments" in API group "apps" …`: which right
/// is missing. Other 403s are admission's: quotas, policies, webhooks, namespaces that terminate.
fn missing_right(message: &str) -> Option<String> {
    let (_, rest) = message.split_once(" is forbidden: User \"")?;
    let (user, rest) = rest.split_once("\" cannot ")?;
    let (verb, rest) = rest.split_once(" resource \"")?;
    let (resource, rest) = rest.split_once('"')?;
    let group =
        rest.strip_prefix(" in API group \"").and_then(|rest| rest.split('"').next()).unwrap_or_default();
    let full = if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
    Some(format!("{user} may not {verb} {full}"))
}

/// The field that the server blames, where it blames one.
fn path(refusal: &Refusal) -> Option<String> {
    let named = refusal
        .causes
        .iter()
        .map(|cause| cause.field.as_str())
        .find(|field| !field.is_empty() && *field != "<nil>");
    let unknown = || {
        let (_, rest) = refusal.message.split_once("unknown field \"")?;
        rest.split('"').next()
    };
    let typed = || {
        // failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): .spec.x: field not declared in schema
        let (_, rest) = refusal.message.split_once("): .")?;
        rest.split(": ").next()
    };
    named.or_else(unknown).or_else(typed).map(steps)
}

/// `spec.template.spec.containers[0].image` or `metadata.labels[a.b/c]` as a JSON Pointer.
fn steps(field: &str) -> String {
    let mut out = String::new();
    let mut rest = field.trim_start_matches('.');
    while !rest.is_empty() {
        let (step, after) = match rest.strip_prefix('[') {
            Some(inner) => inner.split_once(']').unwrap_or((inner, "")),
            None => rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len())),
        };
        out.push('/');
        out.push_str(&token(step.trim_matches('"')));
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    out
}

fn quoted(message: &str) -> Option<&str> {
    message.split('"').nth(1)
}

#[cfg(test)]
mod tests {
    use super::{Verdict, steps, verdict};
    use crate::cluster::wire::{Reason, Refusal};

    fn refusal(code: u16, message: &str) -> Refusal {
        Refusal { code, message: message.to_owned(), ..Refusal::default() }
    }

    #[test]
    fn a_missing_right_is_named_and_a_quota_is_the_authors() {
        let rbac = r#"deployments.apps "web" is forbidden: User "tidegate:acme/shop:prod" cannot patch resource "deployments" in API group "apps" in the namespace "shop""#;
        assert_eq!(
            verdict(&refusal(403, rbac)),
            Verdict::Unknowable("tidegate:acme/shop:prod may not patch deployments.apps".to_owned())
        );
        let quota = r#"pods "web" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1"#;
        assert!(matches!(verdict(&refusal(403, quota)), Verdict::Refused { .. }));
        let denied = r#"admission webhook "deny.example.com" denied the request: no"#;
        assert!(matches!(verdict(&refusal(403, denied)), Verdict::Refused { .. }));
    }

    #[test]
    fn a_namespace_to_come_is_no_fault() {
        let mut missing = refusal(404, r#"namespaces "shop" not found"#);
        missing.kind = "namespaces".to_owned();
        assert_eq!(verdict(&missing), Verdict::Unknowable("namespace shop does not exist yet".to_owned()));
    }

    #[test]
    fn webhooks_that_cannot_answer_are_told_from_those_that_refuse() {
        let down = r#"Internal error occurred: failed calling webhook "x.example.com": failed to call webhook: connection refused"#;
        assert!(matches!(verdict(&refusal(500, down)), Verdict::Unknowable(_)));
        let effects = r#"admission webhook "x.example.com" does not support dry run"#;
        assert!(matches!(verdict(&refusal(400, effects)), Verdict::Unknowable(_)));
    }

    #[test]
    fn what_cannot_be_typed_is_refused_with_its_field() {
        let untyped = "failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): .spec.replica: field not declared in schema";
        assert_eq!(
            verdict(&refusal(500, untyped)),
            Verdict::Refused { message: untyped.to_owned(), path: Some("/spec/replica".to_owned()) }
        );
        assert_eq!(verdict(&refusal(500, "etcdserver: leader changed")), Verdict::Weather);
        assert_eq!(verdict(&refusal(503, "apiserver is shutting down")), Verdict::Weather);
    }

    #[test]
    fn invalid_objects_name_their_field() {
        let mut invalid = refusal(422, "Service \"web\" is invalid: spec.clusterIP: Invalid value");
        invalid.causes = vec![Reason { field: "spec.clusterIP".to_owned(), ..Reason::default() }];
        assert!(
            matches!(verdict(&invalid), Verdict::Invalid { path: Some(path), .. } if path == "/spec/clusterIP")
        );
        let policy = refusal(
            422,
            "deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'x' with binding 'y' denied request: no",
        );
        assert!(matches!(verdict(&policy), Verdict::Refused { .. }));
    }

    #[test]
    fn field_paths_become_pointers() {
        assert_eq!(steps("spec.containers[0].image"), "/spec/containers/0/image");
        assert_eq!(steps("metadata.labels[a.b/c]"), "/metadata/labels/a.b~1c");
    }
}
