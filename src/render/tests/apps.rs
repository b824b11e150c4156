//! Apps side by side: what stars stand for, what hooks are, and the same object from several of them.

use serde_json::json;

use super::{map, render_all, source, tree};
use crate::model::settings::{Helm, Source, Values};
use crate::model::target::Capabilities;

const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.0.0\n";

#[tokio::test]
async fn placeholders_are_filled_in_for_each_match_of_several_stars() {
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"{{ .Release.Name }}\"}\ndata: {size: \"{{ .Values.size }}\", of: \"{{ .Values.of }}\"}\n";
    let mut files = Vec::new();
    for (team, chart) in [("red", "web"), ("red", "api"), ("blue", "web")] {
        let folder = format!("teams/{team}/charts-{chart}");
        files.push((format!("{folder}/Chart.yaml"), CHART.to_owned()));
        files.push((format!("{folder}/templates/m.yaml"), template.to_owned()));
        files.push((format!("{folder}/values.yaml"), format!("size: small\nof: {chart}\n")));
    }
    for team in ["red", "blue"] {
        files.push((format!("sizes/{team}-staging.yaml"), format!("size: {team}\n")));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let helm = Helm {
        release: Some("{name}-{environment}".to_owned()),
        values: vec![Values::File("/sizes/{name}-{environment}.yaml".to_owned())],
        include_crds: false,
    };
    // `{name}` is what the first star matched, so two charts of one team would have one release.
    let sources = [Source { helm: Some(helm), ..source("teams/*/charts-w*b") }];
    let rendered = render_all(&tree(&files), &sources, None, &Capabilities::default()).await;
    assert!(rendered.faults.is_empty(), "{:#?}", rendered.faults);
    let told: Vec<_> = rendered
        .bundle
        .objects
        .iter()
        .map(|object| (object.id.name.as_str(), &object.body["data"]))
        .collect();
    let (blue, red) = (json!({"size": "blue", "of": "web"}), json!({"size": "red", "of": "web"}));
    assert_eq!(told, [("blue-staging", &blue), ("red-staging", &red)]);
}

#[tokio::test]
async fn a_hook_of_several_events_is_one_even_if_it_is_a_test_too_and_a_test_alone_is_none() {
    let hook = |name: &str, events: &str| {
        format!("{}  annotations: {{helm.sh/hook: \"{events}\"}}\n---\n", map(name))
    };
    let hooks: String = [
        ("several", "pre-install,post-upgrade"),
        ("both", "post-install, test"),
        ("test", "test"),
        ("old", "test-success"),
        ("deleted", "pre-delete"),
    ]
    .map(|(name, events)| hook(name, events))
    .concat();
    let files = [("a/Chart.yaml", CHART), ("a/templates/hooks.yaml", hooks.as_str())];
    let rendered = render_all(&tree(&files), &[source("a")], None, &Capabilities::default()).await;
    assert!(rendered.faults.is_empty(), "{:#?}", rendered.faults);
    let names: Vec<_> = rendered.bundle.hooks.iter().map(|hook| hook.id.name.as_str()).collect();
    assert_eq!(names, ["both", "deleted", "several"]);
    assert!(rendered.bundle.objects.is_empty(), "{:#?}", rendered.bundle.objects);
}

#[tokio::test]
async fn the_same_object_from_two_renderers_names_both_files() {
    let named = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: m\n  namespace: shop\n";
    let unnamed = map("m");
    let files = [
        ("chart/Chart.yaml", CHART),
        ("chart/templates/m.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n"),
        ("k/kustomization.yaml", "resources: [n.yaml]\n"),
        ("k/n.yaml", named),
        ("plain/o.yaml", unnamed.as_str()),
    ];
    // Only with the namespace filled in are they the same.
    let sources = [source("chart"), source("k"), source("plain")];
    let rendered = render_all(&tree(&files), &sources, Some("shop"), &Capabilities::default()).await;
    let told: Vec<_> = rendered.faults.iter().map(|fault| fault.message.as_str()).collect();
    assert_eq!(
        told,
        [
            "ConfigMap shop/m is there twice: in chart/templates/m.yaml and in k/n.yaml:1",
            "ConfigMap shop/m is there twice: in chart/templates/m.yaml and in plain/o.yaml:1",
        ]
    );
    assert_eq!(rendered.bundle.objects.len(), 1);
}
