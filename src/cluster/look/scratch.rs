//! A stand-in in the operator's scratch namespace, for an object whose own namespace does not exist yet.

use serde_json::Value;

use crate::cluster::address::Address;
use crate::cluster::clean::clean_created;
use crate::cluster::error::Error;
use crate::cluster::look::predict::{Forecast, Question};
use crate::cluster::look::twice::unlike;
use crate::cluster::look::verdict::{Barrier, Verdict, verdict};
use crate::cluster::send::{self, Force, Mode};
use crate::cluster::wire::{Refusal, Trouble, Wire};
use crate::model::canonical;
use crate::model::plan::Fidelity;
use crate::model::view::Prediction;

/// Characters of a stand-in's name that are made up.
const MADE_UP: usize = 8;

/// How a stand-in fared.
pub(super) enum Tried {
    /// The server's answer holds for the object, as far as it goes.
    Said(Box<Forecast>),
    /// It says nothing of the object; why.
    Unsaid(String),
}

/// Asks the server about the same object in the scratch namespace, under a name that nothing there has. Of the answer only
/// name and namespace are put back, each at its place.
pub(super) async fn scratch(
    wire: &Wire,
    question: Question<'_>,
    (because, namespace): (&str, &str),
) -> Result<Tried, Error> {
    let own = question.address;
    let generated = own.id.name.ends_with('*');
    let name = if generated { own.id.name.clone() } else { stand_in(&own.id.name, own) };
    let mut id = own.id.clone();
    id.name.clone_from(&name);
    id.namespace = Some(namespace.to_owned());
    let address = Address { id, served: own.served.clone(), namespace: Some(namespace.to_owned()) };
    let mut payload = question.payload().clone();
    payload["metadata"]["namespace"] = namespace.into();
    if !generated {
        payload["metadata"]["name"] = name.as_str().into();
    }
    let doing = format!("try {} in {namespace}", own.id);
    let attempt = async || {
        if generated {
            send::create(wire, &address, &payload, Mode::DryRun).await
        } else {
            send::apply(wire, &address, &payload, Mode::DryRun, Force::No).await
        }
    };
    let refusal = match attempt().await {
        Ok(answer) => {
            let mut after = clean_created(answer.body, question.payload());
            // As in the object's own place: what admission may draw is asked for twice.
            let volatile = if question.mutated {
                match attempt().await {
                    Ok(again) => unlike(&after, &clean_created(again.body, question.payload())),
                    Err(trouble) if trouble.refusal().is_some() => Vec::new(),
                    // That it could not be asked does not mean that nothing differs.
                    Err(trouble) => return Err(wire.error(&doing, trouble)),
                }
            } else {
                Vec::new()
            };
            let mut warnings = answer.warnings;
            warnings.extend(strays(&after, &payload, &[&name, namespace]));
            restore(&mut after, question.payload());
            let reason = format!(
                "{because}; tried in the scratch namespace {namespace}, so the quota, labels and policies of its own were not"
            );
            return Ok(Tried::Said(Box::new(Forecast {
                prediction: Prediction::Becomes(after),
                fidelity: Fidelity::Scratch,
                reason,
                warnings,
                volatile,
                ..Forecast::schema(&Value::Null, String::new())
            })));
        }
        Err(Trouble::Refused(refusal)) => refusal,
        Err(trouble) => return Err(wire.error(&doing, trouble)),
    };
    if refusal.is_weather() {
        return Err(wire.error(&doing, Trouble::Refused(refusal)));
    }
    Ok(unfit(&refusal, namespace, |message| message.replace(&name, &own.id.name)))
}

/// What a refusal of a stand-in says of the object; `real` puts its own name for the made-up one, which means nothing to
/// whoever reads the server's words.
fn unfit(refusal: &Refusal, namespace: &str, real: impl Fn(&str) -> String) -> Tried {
    match verdict(refusal) {
        Verdict::Unknowable(Barrier::Namespace(_)) => {
            Tried::Unsaid(format!("the scratch namespace {namespace} does not exist"))
        }
        Verdict::Unknowable(barrier) => Tried::Unsaid(real(&barrier.to_string())),
        // Quotas, policies and webhooks may be the scratch namespace's own and not the new one's.
        Verdict::Refused { message, .. } if refusal.code == 403 || message.contains("denied") => {
            Tried::Unsaid(format!("the scratch namespace {namespace} refuses it: {}", real(&message)))
        }
        Verdict::Refused { message, path } | Verdict::Invalid { message, path } => {
            let warnings = refusal.warnings.clone();
            Tried::Said(Box::new(Forecast::refused(real(&message), path, warnings)))
        }
        Verdict::Weather => Tried::Unsaid(format!(
            "the scratch namespace {namespace} could not be asked: {}",
            refusal.message
        )),
    }
}

/// A name as long as the real one and of the same characters at its beginning, so that a name that may not be is refused;
/// short ones grow. The same object has the same one always: an answer that depends on it must not differ each time.
fn stand_in(name: &str, address: &Address) -> String {
    let seed = canonical::digest(&serde_json::json!([
        address.id.group,
        address.id.kind,
        address.id.namespace,
        name
    ]));
    let made_up: String =
        seed.to_string().chars().rev().filter(char::is_ascii_hexdigit).take(MADE_UP - 1).collect();
    let kept: String = name.chars().take(name.chars().count().saturating_sub(MADE_UP).max(1)).collect();
    format!("{kept}x{made_up}")
}

fn restore(after: &mut Value, own: &Value) {
    for key in ["name", "namespace"] {
        let Some(metadata) = after.get_mut("metadata").and_then(Value::as_object_mut) else { return };
        match own.pointer(&format!("/metadata/{key}")) {
            Some(value) => drop(metadata.insert(key.to_owned(), value.clone())),
            None => drop(metadata.remove(key)),
        }
    }
}

/// Where the server or a webhook wrote the stand-in's name or namespace: there the real object will have its own.
fn strays(after: &Value, sent: &Value, words: &[&str]) -> Option<String> {
    let mut places = Vec::new();
    collect(after, sent, (words, ""), &mut places);
    places.retain(|place| place != "/metadata/name" && place != "/metadata/namespace");
    (!places.is_empty()).then(|| {
        format!(
            "written on admission, with the stand-in's name or namespace in place of its own: {}",
            places.join(", ")
        )
    })
}

fn collect(after: &Value, sent: &Value, (words, path): (&[&str], &str), places: &mut Vec<String>) {
    match after {
        Value::String(text) if after != sent => {
            let named = words.first().is_some_and(|name| text.contains(name));
            if named || words.iter().any(|word| text == word) {
                places.push(path.to_owned());
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let place = format!("{path}/{index}");
                collect(item, sent.get(index).unwrap_or(&Value::Null), (words, &place), places);
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                let place = format!("{path}/{}", crate::cluster::fields::token(key));
                collect(value, sent.get(key).unwrap_or(&Value::Null), (words, &place), places);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http::{Request, Response, StatusCode};
    use kube::client::Body;
    use serde_json::{Value, json};

    use super::{Tried, restore, scratch, stand_in, strays};
    use crate::cluster::address::Address;
    use crate::cluster::error::Error;
    use crate::cluster::intent::Intent;
    use crate::cluster::kinds::Served;
    use crate::cluster::look::predict::Question;
    use crate::cluster::wire::Wire;
    use crate::model::object::ObjectId;

    fn address(name: &str) -> Address {
        let id = ObjectId {
            group: String::new(),
            kind: "ConfigMap".to_owned(),
            namespace: Some("shop".to_owned()),
            name: name.to_owned(),
        };
        let served = Served {
            group: String::new(),
            version: "v1".to_owned(),
            plural: "configmaps".to_owned(),
            namespaced: true,
            status: false,
            listed: true,
        };
        Address { id, served, namespace: Some("shop".to_owned()) }
    }

    #[test]
    fn a_stand_in_is_as_long_and_as_wrong_as_the_real_name() {
        let named = |name: &str| stand_in(name, &address(name));
        let long = "a".repeat(64);
        assert_eq!(named(&long).len(), 64);
        assert!(named("Not_A_Name_At_All").starts_with("Not_A_Nam"));
        assert!(named("9web").starts_with('9') && named("web") != "web");
        assert_eq!(named("web"), named("web"));
    }

    #[test]
    fn only_name_and_namespace_are_put_back_and_other_traces_are_told() {
        let sent = json!({"metadata": {"name": "wx1", "namespace": "scratch"}, "data": {"mine": "wx1"}});
        let mut after = json!({"metadata": {"name": "wx1", "namespace": "scratch", "labels": {"a/b": "for-wx1"}},
            "data": {"mine": "wx1", "ns": "scratch", "text": "scratch it"}});
        let told = strays(&after, &sent, &["wx1", "scratch"]).unwrap();
        assert!(told.ends_with("own: /metadata/labels/a~1b, /data/ns"), "{told}");
        restore(&mut after, &json!({"metadata": {"name": "web", "namespace": "shop"}}));
        assert_eq!(
            after["metadata"],
            json!({"name": "web", "namespace": "shop", "labels": {"a/b": "for-wx1"}})
        );
        assert_eq!(after["data"]["mine"], "wx1");
    }

    /// Tries a map, of which admission may draw something, at a server that answers once and then with this.
    async fn twice(second: StatusCode, body: &'static Value) -> Result<Tried, Error> {
        let asked = Arc::new(AtomicUsize::new(0));
        let service = tower::service_fn(move |_: Request<Body>| {
            let first = asked.fetch_add(1, Ordering::Relaxed) == 0;
            let drawn = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "1"}});
            let (code, body) = if first { (StatusCode::OK, drawn) } else { (second, body.clone()) };
            let answer = Response::builder().status(code).body(Body::from(body.to_string().into_bytes()));
            async move { Ok::<_, std::io::Error>(answer.unwrap()) }
        });
        let wire = Wire::new(kube::Client::new(service, "default"), "test".to_owned(), "Tidegate".to_owned());
        let payload = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web", "namespace": "shop"}});
        let intent = Intent { payload, migration: None };
        let address = address("web");
        let question = Question {
            address: &address,
            intent: &intent,
            live: None,
            adopting: false,
            rules: &[],
            mutated: true,
        };
        scratch(&wire, question, ("it does not exist", "scratch")).await
    }

    #[tokio::test]
    async fn a_second_answer_that_the_weather_keeps_away_is_not_taken_for_the_same() {
        static OTHER: std::sync::LazyLock<Value> = std::sync::LazyLock::new(
            || json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "2"}}),
        );
        let Tried::Said(forecast) = twice(StatusCode::OK, &OTHER).await.unwrap() else { panic!("unsaid") };
        assert_eq!(forecast.volatile, ["/data/a"]);
        assert!(matches!(
            twice(StatusCode::SERVICE_UNAVAILABLE, &Value::Null).await,
            Err(Error::Unwell { code: 503, .. })
        ));
        let Tried::Said(forecast) = twice(StatusCode::FORBIDDEN, &Value::Null).await.unwrap() else {
            panic!("unsaid")
        };
        assert!(forecast.volatile.is_empty(), "the server said no, and will again");
    }
}
