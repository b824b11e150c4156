//! Hooks on a real API server.

use serde_json::{Value, json};

use super::{World, change, config, plan};
use crate::model::hook::runs;
use crate::model::plan::{Action, Change};
use crate::model::report::Done;

fn job(name: &str, hook: &str, more: &Value) -> Value {
    let mut annotations = json!({"helm.sh/hook": hook});
    for (key, value) in more.as_object().unwrap() {
        annotations[key] = value.clone();
    }
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "annotations": annotations},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "run", "image": "run:1"}]}}}})
}

#[tokio::test]
async fn hooks_run_to_their_end_in_order_around_the_objects() {
    let world = World::settled("hooks-order").await;
    let mut bundle = world.bundle(&[config("a", "1")]);
    let jobs = [
        job("second", "pre-install", &json!({"helm.sh/hook-weight": "5"})),
        job(
            "first",
            "pre-install,pre-upgrade",
            &json!({"helm.sh/hook-weight": "-5", "helm.sh/hook-delete-policy": "hook-succeeded"}),
        ),
        job("last", "post-install", &json!({})),
        job("upgrade", "pre-upgrade", &json!({})),
    ];
    bundle.hooks = jobs.iter().map(|body| world.object(body)).collect();
    let mut planned = plan(&world.look(&bundle).await);
    // The plan says what runs and in which order; here all but the one for upgrades.
    planned.hooks = ["first", "second", "last"]
        .into_iter()
        .map(|name| {
            let hook = bundle.hooks.iter().find(|hook| hook.id.name == name).unwrap();
            Change { hook: runs(hook, true).first().copied(), ..change(&hook.id, Action::Create, None) }
        })
        .collect();
    let applied = world.run(&bundle, &planned).await.unwrap();
    let names: Vec<_> =
        applied.iter().map(|one| (one.id.name.as_str(), one.result == Done::Changed)).collect();
    assert_eq!(names, [("first", true), ("second", true), ("a", true), ("last", true)], "{applied:#?}");
    let jobs = "/apis/batch/v1/namespaces/hooks-order/jobs";
    assert!(world.get(&format!("{jobs}/first")).await.is_none(), "deleted by its policy");
    let second = world.get(&format!("{jobs}/second")).await.unwrap();
    assert_eq!(second["status"]["succeeded"], 1);
}
