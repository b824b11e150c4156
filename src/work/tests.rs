//! Nothing that people read of a plan or a report holds a secret: random secrets, in random forms, in random places.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::comment::{How, Page, Shown, Templates, Way};
use crate::diff::mask::MaskKey;
use crate::diff::mask::tests::forms::{forms, leak};
use crate::diff::report::report;
use crate::diff::{Case, plan};
use crate::model::fault::Fault;
use crate::model::id::{Digest, EnvironmentId, RepoId};
use crate::model::object::{Bundle, Object, Origin};
use crate::model::plan::{Action, Conflict, Plan, Preview};
use crate::model::report::{Applied, Done};
use crate::model::settings::Winner;
use crate::model::target::Scope;
use crate::model::view::{Inventory, Live, Owned, Prediction, Seen};

/// One environment in which two secrets lie in many places: one that Git holds and one that only the target knows.
#[derive(Debug, Clone)]
struct World {
    git: String,
    live: String,
    /// Which form each place gets.
    picks: Vec<usize>,
    /// How the target answers.
    answer: usize,
    merged: bool,
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[!-~]{12,40}",
        1 => "[a-zA-Z0-9]{8,12}",
        1 => "[!-~]{20,60}\n[!-~]{20,60}\n?",
        1 => "[\"\\\\&<>%'@#`|]{3}[a-z]{9}[\"\\\\&<>%'@#`|]{3}",
    ]
}

fn world() -> impl Strategy<Value = World> {
    (text(), text(), prop::collection::vec(any::<usize>(), 16), 0..4_usize, any::<bool>())
        .prop_map(|(git, live, picks, answer, merged)| World { git, live, picks, answer, merged })
        .prop_filter("two secrets", |world| {
            !world.git.contains(&world.live) && !world.live.contains(&world.git)
        })
}

impl World {
    fn form(&self, place: usize, secret: &str) -> String {
        let all = forms(secret);
        let pick = self.picks[place % self.picks.len()];
        all[pick % all.len()].1.clone()
    }

    fn secret(&self) -> Value {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "shop"},
            "stringData": {"password": self.git}})
    }

    /// The Secret as it is live, with another key that Git does not hold.
    fn held(&self) -> Value {
        use base64::Engine as _;
        let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "shop", "annotations": {
                "applied-by": json!({"apiVersion": "v1", "kind": "Secret", "data": {"old": encode(&self.live)}}).to_string()}},
            "data": {"password": encode(&self.git), "token": encode(&self.live)}})
    }

    /// A workload with the secret wherever it may stand.
    fn workload(&self, colour: &str, of: &str) -> Value {
        let form = |place| self.form(place, of);
        let key = form(4).replace(['\n', '\r'], " ");
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop", "annotations": {"a": form(0), key: "b"}, "labels": {"l": form(1)}},
            "spec": {"colour": colour, "template": {"spec": {"containers": [{"name": "web", "args": [form(2), "x"],
                "env": [{"name": "A", "value": form(3)}]}]}}}})
    }

    fn hook(&self) -> Value {
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate", "namespace": "shop",
                "annotations": {"helm.sh/hook": "pre-install,pre-upgrade"}},
            "spec": {"args": [self.form(5, &self.git)]}})
    }

    /// What the target says of the workload.
    fn answer(&self) -> Seen {
        let (now, mut after) = (self.workload("red", &self.git), self.workload("blue", &self.git));
        let mut there = now.clone();
        for (body, place) in [(&mut there, 6), (&mut after, 7)] {
            body["spec"]["byHand"] =
                json!({"x": self.form(place, &self.live), "n": [self.form(place + 1, &self.live)]});
        }
        let words =
            |place| format!("no: {} and {}", self.form(place, &self.live), self.form(place + 1, &self.git));
        let id = Object::identify(&now).unwrap();
        let live = Live { by_hand: vec!["/spec/byHand/x".to_owned()], ..Live::new(there) };
        let (live, prediction) = match self.answer {
            0 => (Some(live), Prediction::Becomes(after)),
            1 => (Some(live), Prediction::Replaced { after, because: words(9) }),
            2 => {
                (Some(live), Prediction::Refused { message: words(9), path: Some("/spec/colour".to_owned()) })
            }
            _ => (None, Prediction::Becomes(after)),
        };
        let conflict = Conflict {
            path: "/spec/colour".to_owned(),
            manager: "kubectl-edit".to_owned(),
            rule: Winner::Take,
            live: json!({"x": self.form(11, &self.live)}),
            git: json!(self.form(12, &self.git)),
        };
        Seen {
            warnings: vec![words(11)],
            reason: words(13),
            conflicts: vec![conflict],
            ..Seen::new(id, live, prediction)
        }
    }

    /// Everything that is told: the plan as JSON, the comment and its check, the report and its own.
    fn told(&self) -> Vec<String> {
        let (base, merge) = (self.bundle("red"), self.bundle("blue"));
        let base = if self.merged { base } else { Bundle::default() };
        let secret = self.secret();
        let id = Object::identify(&secret).unwrap();
        let kept = Seen::new(id, Some(Live::new(self.held())), Prediction::Becomes(self.held()));
        let seen = [kept, self.answer()];
        let owned = |object: &Object| {
            let owned = Owned { uid: None, digest: Some(object.digest()), app: String::new() };
            (object.id.clone(), owned)
        };
        let inventory =
            Inventory { entries: base.objects.iter().map(owned).collect(), ..Inventory::default() };
        let environment = EnvironmentId { repo: RepoId(1), name: "staging".parse().unwrap() };
        let scope = scope(environment);
        let key = MaskKey::new(b"key");
        let mut fault = Fault::new(format!("helm says {}", self.form(15, &self.git)));
        fault.snippet = Some(self.form(14, &self.git));
        let faults = if self.answer == 2 { vec![fault] } else { Vec::new() };
        let case = Case {
            scope: &scope,
            base: Some(&base),
            merge: &merge,
            inventory: Some(&inventory),
            seen: &seen,
            faults: &faults,
            key: &key,
        };
        let made = plan(&case);
        let applied = Applied {
            id: seen[1].id.clone(),
            action: Action::Update,
            result: Done::Failed(format!("pod: {}", self.form(10, &self.live))),
            after: Some(self.workload("green", &self.live)),
            millis: 1,
        };
        let mut told = vec![json(&serde_json::to_value(report(&case, &[applied])).unwrap())];
        told.extend(shown(made));
        told
    }

    fn bundle(&self, colour: &str) -> Bundle {
        let object = |body: Value| Object {
            id: Object::identify(&body).unwrap(),
            body,
            origin: Origin::default(),
            volatile: Vec::new(),
        };
        let mut bundle = Bundle {
            objects: vec![object(self.secret()), object(self.workload(colour, &self.git))],
            hooks: vec![object(self.hook())],
            warnings: vec![format!("the renderer says {}", self.form(6, &self.git))],
            remotes: Vec::new(),
        };
        bundle.sort();
        bundle
    }
}

fn scope(environment: EnvironmentId) -> Scope {
    Scope {
        environment,
        repo: "acme/shop".parse().unwrap(),
        target: "staging".to_owned(),
        namespace: None,
        adopt: Vec::new(),
        fields: Vec::new(),
        secrets: Vec::new(),
        prune: true,
    }
}

/// The texts of a JSON document as a reader gets them, and the document itself.
fn json(value: &Value) -> String {
    fn texts(value: &Value, out: &mut Vec<String>) {
        match value {
            Value::String(text) => out.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| texts(item, out)),
            Value::Object(map) => map.iter().for_each(|(key, value)| {
                out.push(key.clone());
                texts(value, out);
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut out = vec![value.to_string()];
    texts(value, &mut out);
    out.join("\n\n")
}

fn shown(plan: Plan) -> Vec<String> {
    let sha = |c: &str| c.repeat(40).parse().unwrap();
    let how = BTreeMap::from([(plan.name.clone(), How { way: Way::OnMerge, after: Vec::new() })]);
    let preview =
        Preview { version: 1, base: sha("a"), head: sha("b"), tree: sha("c"), environments: vec![plan] };
    let branch = "main".parse().unwrap();
    let page = Page { preview: &preview, branch: &branch, how: &how, notes: &[], public: false };
    let Shown { comment, title, summary, text } = Templates::builtin().unwrap().preview(&page).unwrap();
    vec![json(&serde_json::to_value(&preview).unwrap()), comment.body, title, summary, text]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_is_told_holds_a_secret(world in world()) {
        for text in world.told() {
            for secret in [&world.git, &world.live] {
                prop_assert_eq!(leak(&text, secret), None, "{}", text);
            }
        }
    }
}

#[test]
fn the_world_of_the_property_is_not_empty() {
    let world = World {
        git: "correct-horse".to_owned(),
        live: "battery-staple".to_owned(),
        picks: vec![0; 16],
        answer: 0,
        merged: true,
    };
    let told = world.told().join("\n");
    assert!(told.contains("‹secret ") && told.contains("‹secret›") && told.contains("migrate"), "{told}");
    assert!(world.bundle("red").digest() != Digest::of(b""));
}
