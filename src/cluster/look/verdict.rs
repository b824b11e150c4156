//! What the server's refusal of a dry run means.

use std::fmt;

use crate::cluster::fields::token;
use crate::cluster::wire::Refusal;

/// The meaning of a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The server cannot say how it would end.
    Unknowable(Barrier),
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

/// Why the server cannot say how it would end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Barrier {
    /// The namespace does not exist.
    Namespace(String),
    /// A webhook does not answer, or may not be asked in a dry run.
    Webhook {
        /// Its name.
        name: String,
        /// The server's words.
        message: String,
    },
    /// A right is missing; which, and whose.
    Right(String),
    /// The API group does not answer; the server's words.
    Group(String),
}

/// In the reader's words.
impl fmt::Display for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Namespace(name) => write!(f, "namespace {name} does not exist yet"),
            Self::Webhook { name, message } => write!(f, "webhook {name} could not be asked: {message}"),
            Self::Right(what) => f.write_str(what),
            Self::Group(message) => f.write_str(message),
        }
    }
}

/// Reads a refusal. The API has few machine-readable reasons, so known sentences of the server are looked for, too.
pub(crate) fn verdict(refusal: &Refusal) -> Verdict {
    let message = refusal.message.as_str();
    let refused = || Verdict::Refused { message: message.to_owned(), path: path(refusal) };
    if let Some(name) = silent_webhook(message) {
        return Verdict::Unknowable(Barrier::Webhook { name, message: message.to_owned() });
    }
    match refusal.code {
        404 if refusal.kind == "namespaces" => {
            let name = quoted(message).unwrap_or("that the object names");
            Verdict::Unknowable(Barrier::Namespace(name.to_owned()))
        }
        403 => match (missing_right(message), ending(message)) {
            (Some(reason), _) => Verdict::Unknowable(Barrier::Right(reason)),
            (None, Some(message)) => {
                Verdict::Refused { message, path: Some("/metadata/namespace".to_owned()) }
            }
            (None, None) => refused(),
        },
        422 if message.contains("denied request") => refused(),
        422 => Verdict::Invalid { message: message.to_owned(), path: path(refusal) },
        // Somebody was quicker, or the object came meanwhile: conflicts of fields were settled before.
        401 | 408 | 409 => Verdict::Weather,
        _ if refusal.is_weather() => Verdict::Weather,
        _ => refused(),
    }
}

/// `deployments.apps "web" is forbidden: User "u" cannot patch resource "deployments" in API group "apps" …`: which right
/// is missing. Other 403s are admission's: quotas, policies, webhooks, namespaces that terminate.
pub(super) fn missing_right(message: &str) -> Option<String> {
    let (_, rest) = message.split_once(" is forbidden: User \"")?;
    let (user, rest) = rest.split_once("\" cannot ")?;
    let (verb, rest) = rest.split_once(" resource \"")?;
    let (resource, rest) = rest.split_once('"')?;
    let group =
        rest.strip_prefix(" in API group \"").and_then(|rest| rest.split('"').next()).unwrap_or_default();
    let full = if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
    let place = rest.split_once(" in the namespace \"").and_then(|(_, rest)| rest.split('"').next());
    let place = place.map(|place| format!(" in namespace {place}")).unwrap_or_default();
    Some(format!("{user} is not allowed to {verb} {full}{place}: a deployment would be refused there"))
}

/// The webhook, of admission or conversion, that keeps the server from answering.
pub(super) fn silent_webhook(message: &str) -> Option<String> {
    let after = |words: &str| message.split_once(words).map(|(_, rest)| rest);
    let failed = after("failed calling webhook \"").and_then(|rest| rest.split('"').next());
    let unfit = message
        .contains("does not support dry run")
        .then(|| after("webhook \"").and_then(|rest| rest.split('"').next()))
        .flatten();
    let conversion = after("conversion webhook for ").and_then(|rest| rest.split(" failed").next());
    let named = failed.or(unfit).map(str::to_owned);
    named.or_else(|| conversion.map(|kind| format!("for the conversion of {kind}")))
}

/// `unable to create new content in namespace shop because it is being terminated`, for whoever reads a plan.
fn ending(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("new content in namespace ")?;
    let (name, _) = rest.split_once(" because it is being terminated")?;
    Some(format!(
        "namespace {name} is being deleted, and nothing can be made in it until it is gone; preview again then"
    ))
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
    named.or_else(unknown).or_else(typed).map(steps).filter(|path| path != "/")
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
    use super::{Barrier, Verdict, steps, verdict};
    use crate::cluster::wire::{Reason, Refusal};

    fn refusal(code: u16, message: &str) -> Refusal {
        Refusal { code, message: message.to_owned(), ..Refusal::default() }
    }

    #[test]
    fn a_missing_right_is_named_and_a_quota_is_the_authors() {
        let rbac = r#"deployments.apps "web" is forbidden: User "tidegate:acme/shop:prod" cannot patch resource "deployments" in API group "apps" in the namespace "shop""#;
        assert_eq!(
            verdict(&refusal(403, rbac)),
            Verdict::Unknowable(Barrier::Right(
                "tidegate:acme/shop:prod is not allowed to patch deployments.apps in namespace shop: a deployment would be refused \
                 there".to_owned()
            ))
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
        assert_eq!(verdict(&missing), Verdict::Unknowable(Barrier::Namespace("shop".to_owned())));
        let ending = r#"configmaps "a" is forbidden: unable to create new content in namespace shop because it is being terminated"#;
        assert!(
            matches!(verdict(&refusal(403, ending)), Verdict::Refused { message, .. } if message.starts_with("namespace shop is being deleted"))
        );
    }

    #[test]
    fn webhooks_that_cannot_answer_are_told_from_those_that_refuse() {
        let down = r#"Internal error occurred: failed calling webhook "x.example.com": failed to call webhook: connection refused"#;
        let named = |code, message: &str, wanted: &str| {
            let verdict = verdict(&refusal(code, message));
            assert!(
                matches!(&verdict, Verdict::Unknowable(Barrier::Webhook { name, .. }) if name == wanted),
                "{verdict:?}"
            );
        };
        named(500, down, "x.example.com");
        named(400, r#"admission webhook "x.example.com" does not support dry run"#, "x.example.com");
        let conversion = "conversion webhook for a.example.com/v1, Kind=A failed: Post \"https://127.0.0.1:1/\": connection refused";
        named(500, conversion, "for the conversion of a.example.com/v1, Kind=A");
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
    fn an_object_that_is_blamed_as_a_whole_has_no_path() {
        let mut invalid = refusal(422, "Service \"web\" is invalid: []: Invalid value");
        invalid.causes = vec![Reason { field: "[]".to_owned(), ..Reason::default() }];
        assert!(matches!(verdict(&invalid), Verdict::Invalid { path: None, .. }));
    }

    #[test]
    fn field_paths_become_pointers() {
        assert_eq!(steps("spec.containers[0].image"), "/spec/containers/0/image");
        assert_eq!(steps("metadata.labels[a.b/c]"), "/metadata/labels/a.b~1c");
    }
}
