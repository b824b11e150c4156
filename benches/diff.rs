//! Diffs of objects as people read them: a long text, a long list, many objects.

use std::fmt::Write as _;
use std::time::Instant;

use serde_json::{Value, json};

use crate::Done;
use crate::Extent;
use crate::stats::{Sample, heading, line};

/// Measures and prints.
pub(crate) fn measure(extent: Extent) -> Done<()> {
    heading("diffs of objects, from two trees to text");
    let mut long = String::new();
    for number in 0..20_000 {
        writeln!(long, "line {number} of a text of some length, as many are")?;
    }
    let few = ["line 5000 ", "line 10000 ", "line 15000 "]
        .iter()
        .fold(long.clone(), |text, line| text.replace(line, "Line "));
    let reversed = long.lines().rev().collect::<Vec<_>>().join("\n");
    let items = |order: &mut dyn Iterator<Item = u32>| json!({"spec": {"items": order.map(|n| json!({"name": n.to_string(), "value": n})).collect::<Vec<_>>()}});
    let text = |text: &str| json!({"kind": "ConfigMap", "data": {"text": text}});
    let cases = [
        ("a text of 1 MiB, three lines changed", text(&long), text(&few)),
        ("the same, in reverse", text(&long), text(&reversed)),
        ("10,000 named items, in reverse", items(&mut (0..10_000)), items(&mut (0..10_000).rev())),
    ];
    for (title, before, after) in &cases {
        let mut sample = Sample::default();
        for _ in 0..extent.of(3, 11) {
            sample.time(time(&[(before.clone(), after.clone())]));
        }
        line(title, &sample.show(1e3, "ms"));
    }
    let objects: Vec<(Value, Value)> =
        (0..1_000).map(|n| (deployment(n, "1.0"), deployment(n, "1.1"))).collect();
    let mut sample = Sample::default();
    for _ in 0..extent.of(3, 11) {
        sample.time(time(&objects));
    }
    line("1,000 Deployments with another image", &sample.show(1e3, "ms"));
    Ok(())
}

fn time(pairs: &[(Value, Value)]) -> std::time::Duration {
    let started = Instant::now();
    for (before, after) in pairs {
        drop(std::hint::black_box(tidegate::unified(before, after)));
    }
    started.elapsed()
}

fn deployment(number: u32, version: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": format!("web-{number}"), "namespace": "shop"},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": format!("registry.example/web:{version}"), "args": ["--listen=:8080", "--trace"],
                "env": [{"name": "MODE", "value": "production"}, {"name": "LEVEL", "value": "info"}],
                "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}],
                "resources": {"limits": {"cpu": "500m", "memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}}}]}}}})
}
