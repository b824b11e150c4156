//! Comments as a reviewer reads them, and what no text from outside may do to them.

mod ended;
mod golden;
mod hostile;
mod markdown;
mod overrides;
mod replies;
mod shapes;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::comment::{How, Page, Shown, Templates, Way};
use crate::model::fault::Fault;
use crate::model::id::{Branch, Digest, EnvironmentName, Sha};
use crate::model::object::ObjectId;
use crate::model::plan::{Action, Cascade, Change, Class, Counts, Fidelity, PathChange, Plan, Preview, Risk};

fn templates() -> Templates {
    Templates::builtin().unwrap()
}

fn sha(text: &str) -> Sha {
    text.chars().cycle().take(40).collect::<String>().parse().unwrap()
}

fn id(kind: &str, name: &str) -> ObjectId {
    let group = match kind {
        "Deployment" | "StatefulSet" => "apps",
        "Job" => "batch",
        "CustomResourceDefinition" => "apiextensions.k8s.io",
        "RoleBinding" => "rbac.authorization.k8s.io",
        _ => "",
    };
    ObjectId {
        group: group.to_owned(),
        kind: kind.to_owned(),
        namespace: (!matches!(kind, "Namespace" | "CustomResourceDefinition")).then(|| "shop".to_owned()),
        name: name.to_owned(),
    }
}

fn path(path: &str, class: Class, before: Value, after: Value) -> PathChange {
    PathChange { path: path.to_owned(), class, before, after }
}

fn change(action: Action, kind: &str, name: &str, risks: &[Risk], diff: &str) -> Change {
    Change {
        app: "apps/web".to_owned(),
        file: Some(format!("apps/web/{name}.yaml")),
        risks: risks.to_vec(),
        diff: diff.to_owned(),
        ..Change::new(action, id(kind, name))
    }
}

fn scaled() -> Change {
    let diff = "@@ spec @@\n  spec:\n-   replicas: 2\n+   replicas: 3\n    template:\n      spec:\n        containers:\n        - name: web\n-         image: web:1\n+         image: web:2\n";
    let mut change = change(Action::Update, "Deployment", "web", &[Risk::Restarts], diff);
    change.paths = vec![
        path("/spec/replicas", Class::ThisChange, json!(2), json!(3)),
        path("/spec/template/spec/containers/0/image", Class::ThisChange, json!("web:1"), json!("web:2")),
    ];
    change
}

/// A claim as it goes.
const CLAIM: &str = "- apiVersion: v1\n- kind: PersistentVolumeClaim\n- metadata:\n-   name: uploads\n-   namespace: shop\n- spec:\n-   accessModes: [ReadWriteOnce]\n-   resources:\n-     requests:\n-       storage: 8Gi\n";

fn deleted_claim() -> Change {
    change(Action::Delete, "PersistentVolumeClaim", "uploads", &[Risk::LosesData, Risk::Deletes], CLAIM)
}

fn cascade(all: &[(&str, &str, Option<usize>)]) -> Vec<Cascade> {
    let one = |(group, kind, count): &(&str, &str, Option<usize>)| Cascade {
        group: (*group).to_owned(),
        kind: (*kind).to_owned(),
        count: *count,
    };
    all.iter().map(one).collect()
}

fn plan(name: &str, changes: Vec<Change>) -> Plan {
    let mut counts = Counts { none: 41, ..Counts::default() };
    for change in &changes {
        match change.action {
            Action::Create => counts.create += 1,
            Action::Update => counts.update += 1,
            Action::Replace => counts.replace += 1,
            Action::Delete => counts.delete += 1,
            Action::Move => counts.moved += 1,
            Action::Adopt => counts.adopt += 1,
            Action::Keep => counts.keep += 1,
            Action::None => counts.none += 1,
        }
    }
    Plan {
        digest: Some(Digest::of(&serde_json::to_vec(&(name, &changes)).unwrap())),
        fidelity: changes.iter().map(|change| change.fidelity).min().unwrap_or(Fidelity::Live),
        counts,
        changes,
        owned: 42,
        ..Plan::new(name.parse().unwrap(), name.to_owned())
    }
}

fn preview(environments: Vec<Plan>) -> Preview {
    Preview { version: 1, base: sha("88b01de"), head: sha("3f2a91c"), tree: sha("77aa"), environments }
}

fn how(ways: &[(&str, Way, &[&str])]) -> BTreeMap<EnvironmentName, How> {
    ways.iter()
        .map(|(name, way, after)| {
            let after = after.iter().map(|name| name.parse().unwrap()).collect();
            (name.parse().unwrap(), How { way: *way, after })
        })
        .collect()
}

struct Case {
    preview: Preview,
    how: BTreeMap<EnvironmentName, How>,
    notes: Vec<String>,
    public: bool,
}

impl Case {
    fn of(environments: Vec<Plan>) -> Self {
        let how = environments
            .iter()
            .map(|plan| (plan.name.clone(), How { way: Way::OnMerge, after: Vec::new() }))
            .collect();
        Self { preview: preview(environments), how, notes: Vec::new(), public: false }
    }

    fn shown(&self) -> Shown {
        self.on(&"main".parse().unwrap())
    }

    fn on(&self, branch: &Branch) -> Shown {
        let shown = templates()
            .preview(&Page {
                preview: &self.preview,
                branch,
                how: &self.how,
                notes: &self.notes,
                public: self.public,
            })
            .unwrap();
        assert!(shown.comment.body.len() <= 60_000, "{} bytes", shown.comment.body.len());
        assert!(shown.summary.len() <= 65_535 && shown.text.len() <= 65_535);
        for text in [&shown.comment.body, &shown.summary, &shown.text] {
            markdown::assert_harmless(text);
        }
        shown
    }
}

fn fault(message: &str) -> Fault {
    let mut fault =
        Fault::new(message).file("apps/web/web.yaml").at(3, 13).hint("write a number").app("apps/web");
    fault.snippet = Some("  replicas: three\n            ^".to_owned());
    fault
}
