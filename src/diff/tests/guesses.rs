//! Whether a guess is right changes nothing of what is shown, whatever the author tries.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{bundle, config, decide, inventory, live, scope, seen};
use crate::model::object::{Bundle, Object};
use crate::model::plan::{Class, Conflict, Plan};
use crate::model::settings::{Adopt, Winner};
use crate::model::target::Scope;
use crate::model::view::{Live, Owner, Prediction, Seen};

const HELD: &str = "live-only-password";
const WRONG: &str = "not-what-is-live!!";

/// What somebody proposes, as the target sees it.
struct Attempt {
    scope: Scope,
    base: Bundle,
    merge: Bundle,
    seen: Vec<Seen>,
}

fn held() -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "shop"},
        "data": {"password": STANDARD.encode(HELD)}})
}

fn secret(name: &str, values: &Value) -> Value {
    let mut body =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "shop"}});
    body["stringData"] = values.clone();
    body
}

/// What the API server makes of a Secret with these values over what is there.
fn stored(name: &str, values: &Value, now: Option<&Value>) -> Value {
    let mut body = now.cloned().unwrap_or_else(|| secret(name, &json!({})));
    body.as_object_mut().unwrap().remove("stringData");
    for (key, value) in values.as_object().unwrap() {
        body["data"][key] = json!(STANDARD.encode(value.as_str().unwrap()));
    }
    body
}

impl Attempt {
    /// Of `merge` beside the live Secret, which another key of ours is in.
    fn of(base: &[Value], merge: &[Value], more: Vec<Seen>) -> Self {
        let ours = secret("db", &json!({"user": "somebody"}));
        let beside = |bodies: &[Value]| {
            let all = bodies
                .iter()
                .chain((!bodies.iter().any(|body| body["metadata"]["name"] == "db")).then_some(&ours));
            bundle(&all.cloned().collect::<Vec<_>>())
        };
        let mut all = more;
        if !all.iter().any(|seen| seen.id.name == "db") {
            let now = stored("db", &json!({"user": "somebody-else"}), Some(&held()));
            let after = stored("db", &json!({"user": "somebody"}), Some(&held()));
            all.push(seen(&ours, Some(live(&now)), Prediction::Becomes(after)));
        }
        Self { scope: scope(), base: beside(base), merge: beside(merge), seen: all }
    }

    fn plan(&self) -> Plan {
        decide(&self.scope, &self.base, &self.merge, Some(&inventory(&self.base)), &self.seen)
    }
}

/// What stands before the secret in a live address, and how the secret may begin.
fn edge(guess: &str) -> String {
    format!("://admin:{}", &guess[..1])
}

/// Everything that a reader sees, with the guess itself written in one way, and what is keyed left out.
fn seen_by_the_author(plan: &Plan, guess: &str) -> String {
    let mut text = serde_json::to_string_pretty(plan).unwrap();
    for form in [guess.to_owned(), STANDARD.encode(guess), edge(guess)] {
        text = text.replace(&form, "GUESS");
    }
    let keyed = |text: &str| {
        let mut out = String::new();
        for (at, part) in text.split("‹secret ").enumerate() {
            out.push_str(if at == 0 { part } else { part.get(6..).unwrap_or_default() });
            out.push_str("‹secret ");
        }
        out
    };
    let digest = |line: &&str| !line.contains("sha256:");
    keyed(&text).lines().filter(digest).collect::<Vec<_>>().join("\n")
}

fn assert_learns_nothing(name: &str, attempt: impl Fn(&str) -> Attempt) {
    let (right, wrong) = (attempt(HELD).plan(), attempt(WRONG).plan());
    assert_eq!(seen_by_the_author(&right, HELD), seen_by_the_author(&wrong, WRONG), "{name}");
    // Nor does it look as if nothing happened, of which the digest could be made by anybody.
    assert_eq!(right.digest.is_some(), wrong.digest.is_some(), "{name}");
    // Marks with a hash may not tell it either: no mark of the guess appears once more where it is right.
    let marks = |plan: &Plan| {
        let text = serde_json::to_string(plan).unwrap();
        let mut marks: Vec<String> =
            text.split("‹secret ").skip(1).map(|rest| rest[..6].to_owned()).collect();
        let all = marks.len();
        marks.sort();
        marks.dedup();
        (all, marks.len())
    };
    assert_eq!(marks(&right), marks(&wrong), "{name}: {right:#?}");
}

#[test]
fn as_plain_text_beside_it() {
    for form in [str::to_owned, |guess: &str| STANDARD.encode(guess), |guess: &str| format!("x {guess} y")] {
        assert_learns_nothing("a ConfigMap", |guess| {
            let body = config("g", json!({"a": form(guess), form(guess): "b"}));
            let made = seen(&body, None, Prediction::Becomes(body.clone()));
            Attempt::of(&[], &[body], vec![made])
        });
    }
}

#[test]
fn as_a_secret_of_his_own() {
    assert_learns_nothing("another Secret", |guess| {
        let values = json!({"one": guess, "two": "another-guess-of-his"});
        let body = secret("guesses", &values);
        let made = seen(&body, None, Prediction::Becomes(stored("guesses", &values, None)));
        Attempt::of(&[], &[body], vec![made])
    });
}

#[test]
fn as_another_key_of_the_same_secret() {
    assert_learns_nothing("another key", |guess| {
        let values = json!({"user": "somebody", "guess": guess});
        let body = secret("db", &values);
        let after = stored("db", &values, Some(&held()));
        let now = stored("db", &json!({"user": "somebody"}), Some(&held()));
        let one = seen(&body, Some(live(&now)), Prediction::Becomes(after));
        Attempt::of(&[secret("db", &json!({"user": "somebody"}))], &[body], vec![one])
    });
}

#[test]
fn as_the_value_itself() {
    for owner in [Owner::Us, Owner::Nobody] {
        assert_learns_nothing("the same key", |guess| {
            let values = json!({"password": guess});
            let body = secret("db", &values);
            let now = Live { owner: owner.clone(), ..live(&held()) };
            let after = stored("db", &values, Some(&held()));
            let one = seen(&body, Some(now), Prediction::Becomes(after));
            let base = if owner == Owner::Us { vec![secret("db", &json!({}))] } else { Vec::new() };
            let mut attempt = Attempt::of(&base, &[body], vec![one]);
            attempt.scope.adopt = vec![Adopt::Unmanaged];
            attempt
        });
    }
}

#[test]
fn where_a_copy_of_it_is_live() {
    assert_learns_nothing("a copy", |guess| {
        let body = config("g", json!({"a": guess}));
        let now = config("g", json!({"a": HELD, "b": HELD}));
        let mut after = now.clone();
        after["data"]["a"] = json!(guess);
        let one = seen(&body, Some(live(&now)), Prediction::Becomes(after));
        Attempt::of(&[config("g", json!({}))], &[body], vec![one])
    });
}

#[test]
fn quoted_by_the_target() {
    let quote = |guess: &str| format!("metadata.labels: Invalid value: {guess:?}: a valid label must …");
    assert_learns_nothing("a refusal", |guess| {
        let body = config("g", json!({"a": guess}));
        let refused = Prediction::Refused { message: quote(guess), path: Some("/data/a".to_owned()) };
        Attempt::of(&[], std::slice::from_ref(&body), vec![seen(&body, None, refused)])
    });
    assert_learns_nothing("a key in a refusal", |guess| {
        let body = config("g", json!({guess: "a"}));
        let refused = Prediction::Refused { message: quote(guess), path: Some(format!("/data/{guess}")) };
        Attempt::of(&[], std::slice::from_ref(&body), vec![seen(&body, None, refused)])
    });
    assert_learns_nothing("a name in a refusal", |guess| {
        let body = config(guess, json!({"a": "b"}));
        let refused = Prediction::Refused { message: quote(guess), path: None };
        Attempt::of(&[], std::slice::from_ref(&body), vec![seen(&body, None, refused)])
    });
    assert_learns_nothing("a warning", |guess| {
        let body = config("g", json!({"a": guess}));
        let warned =
            Seen { warnings: vec![quote(guess)], ..seen(&body, None, Prediction::Becomes(body.clone())) };
        Attempt::of(&[], &[body], vec![warned])
    });
}

#[test]
fn in_words_that_may_quote_what_is_live() {
    // Whether the words quote the guess or what is live: both look the same.
    for said in [|guess: &str| guess.to_owned(), |_: &str| HELD.to_owned()] {
        assert_learns_nothing("words", |guess| {
            let body = config("g", json!({"a": guess}));
            let now = config("g", json!({"by-hand": HELD}));
            let message = format!("spec: Forbidden: Value: {:?}", said(guess));
            let refused = Prediction::Refused { message, path: None };
            Attempt::of(&[], std::slice::from_ref(&body), vec![seen(&body, Some(live(&now)), refused)])
        });
    }
}

#[test]
fn at_the_edge_of_a_mark() {
    let url = format!("postgres://admin:{HELD}@db");
    let now = config("g", json!({"url": url}));
    for kind in ["one", "many"] {
        assert_learns_nothing("a Secret that overlaps a live one", |guess| {
            let values = match kind {
                "one" => json!({"a": edge(guess)}),
                // A longer guess must not hide a shorter one either.
                _ => json!({"a": "://admin:", "b": edge(guess), "c": format!("{}@db", &guess[4..])}),
            };
            let (body, mine) = (config("g", json!({"a": "b"})), secret("guesses", &values));
            let mut after = now.clone();
            after["data"]["a"] = json!("b");
            let one = seen(&body, Some(live(&now)), Prediction::Becomes(after));
            let made = seen(&mine, None, Prediction::Becomes(stored("guesses", &values, None)));
            Attempt::of(&[config("g", json!({}))], &[body, mine], vec![one, made])
        });
    }
    assert_learns_nothing("a text that overlaps what the words quote", |guess| {
        let body = config("g", json!({"a": edge(guess)}));
        let message = format!("spec: Forbidden: Value: {url:?}");
        let refused = Prediction::Refused { message, path: None };
        Attempt::of(&[], std::slice::from_ref(&body), vec![seen(&body, Some(live(&now)), refused)])
    });
    assert_learns_nothing("words that quote more than the guess", |guess| {
        let body = config("g", json!({"a": format!("x {guess} y")}));
        let message = format!("spec: Forbidden: Value: \"x {guess} y\"");
        let refused = Prediction::Refused { message, path: None };
        Attempt::of(&[], std::slice::from_ref(&body), vec![seen(&body, Some(live(&now)), refused)])
    });
    assert_learns_nothing("words that quote a Secret that holds the guess", |guess| {
        let mine = secret("guesses", &json!({"a": format!("x{guess}y")}));
        let message = format!("stringData: Invalid value: \"x{guess}y\"");
        let refused = Prediction::Refused { message, path: None };
        Attempt::of(&[], std::slice::from_ref(&mine), vec![seen(&mine, None, refused)])
    });
}

/// What a target may make of a body by itself: the same text at another place.
type Copying = fn(&mut Value, &str);

const COPIES: [Copying; 5] = [
    |body, guess| body["spec"]["serviceAccount"] = json!(guess),
    |body, guess| body["metadata"]["labels"]["name"] = json!(STANDARD.encode(guess)),
    |body, guess| body["status"] = json!([{"said": format!("made of {guess} and more")}]),
    |body, guess| body["metadata"]["annotations"][guess] = json!("x"),
    |body, guess| body["spec"]["more"] = json!({"list": [guess, "x"]}),
];

#[test]
fn copied_by_the_target() {
    let body = |guess: &str| {
        let mut body = config("g", json!({"a": "b"}));
        body["spec"]["serviceAccountName"] = json!(guess);
        body["spec"]["keys"][guess] = json!("x");
        body
    };
    let mut kept = config("g", json!({"a": "b", "url": format!("postgres://admin:{HELD}@db")}));
    kept["spec"]["serviceAccount"] = json!(HELD);
    for copy in COPIES {
        let after = |guess: &str| {
            let mut after = body(guess);
            copy(&mut after, guess);
            after
        };
        assert_learns_nothing("a copy in what is made", |guess| {
            let made = seen(&body(guess), None, Prediction::Becomes(after(guess)));
            Attempt::of(&[], &[body(guess)], vec![made])
        });
        assert_learns_nothing("a copy in what changes", |guess| {
            let mut after = after(guess);
            after["data"]["url"] = kept["data"]["url"].clone();
            let mut now = kept.clone();
            now["spec"].as_object_mut().unwrap().remove("serviceAccount");
            let one = seen(&body(guess), Some(live(&now)), Prediction::Becomes(after));
            Attempt::of(&[config("g", json!({"a": "b"}))], &[body(guess)], vec![one])
        });
    }
    assert_learns_nothing("beside what is live", |guess| {
        let mut after = kept.clone();
        after["data"]["mine"] = json!(guess);
        let mine = config("g", json!({"a": "b", "mine": guess}));
        let one = seen(&mine, Some(live(&kept)), Prediction::Becomes(after));
        Attempt::of(&[config("g", json!({"a": "b"}))], &[mine], vec![one])
    });
}

#[test]
fn side_effects_stay_readable_where_there_is_nothing_to_guess() {
    let mut body = config("g", json!({"a": "b"}));
    body["spec"]["serviceAccountName"] = json!("web-frontend");
    let mut after = body.clone();
    after["spec"]["serviceAccount"] = json!("web-frontend");
    after["spec"]["protocol"] = json!("HTTP");
    let shown = |all: &[Seen], bodies: &[Value]| {
        let merge = bundle(bodies);
        let plan = decide(&scope(), &bundle(&[]), &merge, None, all);
        let change = plan.changes.into_iter().find(|change| change.id.name == "g").unwrap();
        let mut paths = change.paths.into_iter().map(|path| (path.path, path.after));
        paths.find(|(path, _)| path == "/spec/serviceAccount").unwrap().1
    };
    let one = seen(&body, None, Prediction::Becomes(after));
    assert_eq!(shown(std::slice::from_ref(&one), std::slice::from_ref(&body)), "web-frontend");
    let ours = secret("db", &json!({"user": "somebody"}));
    let held = seen(&ours, Some(live(&held())), Prediction::Becomes(held()));
    assert_eq!(shown(&[one, held], &[body, ours]), "‹secret›");
}

#[test]
fn what_is_proposed_moves_no_mark_of_what_is_live() {
    let now = config("g", json!({"url": format!("postgres://admin:{HELD}@db")}));
    let body = config("g", json!({"a": "b"}));
    let mut after = now.clone();
    after["data"]["a"] = json!("b");
    let mine = secret("guesses", &json!({"a": edge(HELD)}));
    let one = seen(&body, Some(live(&now)), Prediction::Becomes(after));
    let plan = Attempt::of(&[config("g", json!({}))], &[body, mine], vec![one]).plan();
    let change = plan.changes.iter().find(|change| change.id.name == "g").unwrap();
    assert!(change.diff.contains("postgres://admin:‹secret›@db"), "{}", change.diff);
}

#[test]
fn in_a_contested_field() {
    assert_learns_nothing("a conflict", |guess| {
        let body = config("g", json!({"a": guess}));
        let conflict = Conflict {
            path: "/data/a".to_owned(),
            manager: "kubectl-edit".to_owned(),
            rule: Winner::Take,
            live: json!("something"),
            git: json!(guess),
        };
        let now = config("g", json!({"a": "something"}));
        let one = Seen {
            conflicts: vec![conflict],
            ..seen(&body, Some(live(&now)), Prediction::Becomes(body.clone()))
        };
        Attempt::of(&[], &[body], vec![one])
    });
}

#[test]
fn a_plain_text_of_a_secret_that_changes_is_this_change() {
    let (old, new) = (secret("db", &json!({"user": "one"})), secret("db", &json!({"user": "two"})));
    let (base, merge) = (bundle(&[old]), bundle(std::slice::from_ref(&new)));
    let (now, after) =
        (stored("db", &json!({"user": "one"}), None), stored("db", &json!({"user": "two"}), None));
    let one = seen(&new, Some(live(&now)), Prediction::Becomes(after));
    let plan = decide(&scope(), &base, &merge, Some(&inventory(&base)), &[one]);
    let classes: Vec<_> = plan.changes[0].paths.iter().map(|path| (path.path.as_str(), path.class)).collect();
    assert_eq!(classes, [("/data/user", Class::ThisChange)]);
    assert_ne!(plan.changes[0].paths[0].before, plan.changes[0].paths[0].after);
}

#[test]
fn what_the_author_states_of_a_refused_object_is_shown_to_him() {
    let body = config("g", json!({"a": "a guess of mine"}));
    let refused =
        Prediction::Refused { message: "Invalid value: \"a guess of mine\"".to_owned(), path: None };
    let plan = Attempt::of(&[], std::slice::from_ref(&body), vec![seen(&body, None, refused)]).plan();
    assert!(plan.errors[0].message.contains("a guess of mine"), "{:?}", plan.errors);
    // What is merged is known to all who read the plan, and equal values look equal again.
    let known = secret("db", &json!({"password": HELD}));
    let both = bundle(std::slice::from_ref(&known));
    let after = stored("db", &json!({"password": HELD, "more": "x"}), Some(&held()));
    let one = seen(&known, Some(live(&held())), Prediction::Becomes(after));
    let plan = decide(&scope(), &both, &both, Some(&inventory(&both)), &[one]);
    let paths: Vec<&str> = plan.changes[0].paths.iter().map(|path| path.path.as_str()).collect();
    assert_eq!(paths, ["/data/more"], "what is merged and live is no change");
    assert_eq!(Object::identify(&known).unwrap(), plan.changes[0].id);
}
