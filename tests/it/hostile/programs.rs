//! Renderers that misbehave: whatever a chart could make of helm, a program in its place does at once.

use serde_json::json;

use crate::hostile::Kind;
use crate::hostile::case::{CHART, Case, map, refused};
use crate::hostile::place::Place;

/// The probe in helm's place; it does what the release is called.
fn helm(place: &Place, act: &str, told: &[&str]) -> Case {
    refused(told)
        .file("h/Chart.yaml", CHART)
        .file("h/templates/x.yaml", map("x"))
        .file("h/values.yaml", "a: b\n")
        .sources(&format!("[{{path: h, helm: {{release: {act}}}}}]"))
        .config(json!({"render": {"tools": place.probe(), "seconds": 5}}))
}

pub(super) const KINDS: &[Kind] = &[
    ("a renderer that sleeps", |place| {
        helm(place, "sleeps", &["h/Chart.yaml", "helm did not end within 5 s"])
    }),
    ("a renderer that spins", |place| helm(place, "spins", &["h/Chart.yaml", "helm did not end within 5 s"])),
    ("a renderer that does not heed signals", |place| {
        helm(place, "heedless", &["h/Chart.yaml", "helm did not end within 5 s"])
    }),
    ("a renderer that becomes many", |place| helm(place, "forks", &["h/Chart.yaml", "0 processes more"])),
    ("a renderer of many threads", |place| helm(place, "threads", &["h/Chart.yaml", "threads were refused"])),
    ("a renderer that fills the disk", |place| helm(place, "fills", &["h/Chart.yaml", "0 bytes written"])),
    ("a renderer that fills the memory", |place| {
        let case = helm(place, "hoards", &["h/Chart.yaml", "helm failed and did not say why"]);
        case.config(json!({"render": {"tools": place.probe(), "seconds": 20, "memory": "256MiB"}}))
    }),
    ("a renderer that opens the network", |place| helm(place, "calls", &["h/Chart.yaml", "0 connections"])),
    ("a renderer that writes to its inputs", |place| {
        helm(place, "writes", &["h/Chart.yaml", "0 inputs changed"])
    }),
    ("a renderer that reads what is not its own", |place| {
        helm(place, "reads", &["h/Chart.yaml", "0 files read"])
    }),
    ("a renderer that prints without end", |place| {
        helm(place, "prints", &["h/Chart.yaml", "helm gives more than 64 MiB"])
    }),
    ("a renderer that complains without end", |place| {
        helm(place, "complains", &["h/Chart.yaml", "helm gives more than 1 MiB"])
    }),
    ("a renderer that prints what is no YAML", |place| {
        helm(place, "babbles", &["h/Chart.yaml", "control character (U+0007)"])
    }),
    ("a renderer that speaks for the jail", |place| {
        helm(place, "poses", &["h/Chart.yaml", "helm: tidegate jail 0: nobody waits"])
    }),
    ("a renderer that crashes", |place| {
        helm(place, "crashes", &["h/Chart.yaml", "helm was ended by signal 6"])
    }),
];
