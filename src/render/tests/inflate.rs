//! Kustomizations that render charts by themselves, with real kustomize starting real helm.

use std::os::unix::fs::PermissionsExt;

use super::{Rendered, map, renderers, source, tree};
use crate::model::id::RepoId;
use crate::model::settings::Versions;
use crate::model::target::Capabilities;
use crate::process::{self, Program};
use crate::render::{Budget, Cache, Renderers, Tools, Wanted, render};

/// Both programs where every user may pass: this checkout may lie in somebody's home.
async fn inflating() -> (tempfile::TempDir, Renderers) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let usual = renderers();
    for name in ["helm", "kustomize"] {
        // By another program: what this process has open for writing, a child that another test starts has for a moment too.
        let args = [usual.tools.usual(name).unwrap(), folder.path().join(name)];
        assert!(process::run(&Program::new("/bin/cp", "/", args)).await.unwrap().success());
    }
    let tools = Tools::new(Some(folder.path()), None);
    let mut renderers = Renderers { tools, cache: Some(Cache::temporary(1 << 20).unwrap()), ..usual };
    renderers.limits.inflate = true;
    (folder, renderers)
}

async fn rendered(renderers: &Renderers, files: &[(&str, &str)]) -> Rendered {
    let root = tree(files);
    let capabilities = Capabilities {
        kube_version: Some("v1.36.3".to_owned()),
        api_versions: ["apps/v1", "x.io/v1/Foo"].map(str::to_owned).into(),
        ..Capabilities::default()
    };
    let wanted = Wanted {
        root: root.path(),
        owner: RepoId(1),
        omitted: &std::sync::Arc::default(),
        versions: &Versions::default(),
        environment: &"staging".parse().unwrap(),
        sources: &[source("k")],
        namespace: None,
        capabilities: &capabilities,
        budget: &Budget::new(&renderers.limits),
    };
    render(renderers, &wanted).await.unwrap()
}

const KUSTOMIZATION: &str = "resources: [x.yaml]
helmCharts:
- name: web
  releaseName: shop
  valuesFile: values.yaml
  additionalValuesFiles: [more.yaml]
  valuesInline: {c: '3'}
";
const TEMPLATE: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: '{{ .Release.Name }}'}
data: {a: '{{ .Values.a }}', b: '{{ .Values.b }}', c: '{{ .Values.c }}', kube: '{{ .Capabilities.KubeVersion.Version }}', has: '{{ .Capabilities.APIVersions.Has \"x.io/v1/Foo\" }}'}
---
apiVersion: v1
kind: Secret
metadata: {name: drawn}
stringData: {password: '{{ randAlphaNum 20 }}'}
";

fn files<'a>(extra: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut files = vec![
        ("k/kustomization.yaml", KUSTOMIZATION),
        ("k/x.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"),
        ("k/values.yaml", "a: '1'\n"),
        ("k/more.yaml", "b: '2'\n"),
        ("k/charts/web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
        ("k/charts/web/templates/all.yaml", TEMPLATE),
    ];
    files.extend(extra);
    files
}

#[tokio::test]
async fn a_chart_of_the_repository_is_rendered_where_the_operator_lets_it() {
    let (_folder, renderers) = inflating().await;
    let first = rendered(&renderers, &files(&[])).await;
    assert_eq!(super::ids(&first), ["ConfigMap shop", "ConfigMap x", "Secret drawn"]);
    let data = &first.bundle.objects[0].body["data"];
    let told = serde_json::json!({"a": "1", "b": "2", "c": "3", "kube": "v1.36.3", "has": "true"});
    assert_eq!(*data, told);
    assert_eq!(first.bundle.objects[2].volatile, ["/stringData/password"]);
    // The same inputs are rendered once; others are not taken for them.
    assert_eq!(rendered(&renderers, &files(&[])).await.bundle, first.bundle);
    for changed in [
        ("k/more.yaml", "b: '4'\n"),
        ("k/charts/web/templates/new.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: new}\n"),
    ] {
        assert_ne!(rendered(&renderers, &files(&[changed])).await.bundle, first.bundle, "{changed:?}");
    }
    let other = Renderers { limits: super::Limits { inflate: false, ..renderers.limits }, ..renderers };
    let faults = rendered(&other, &files(&[])).await.faults;
    assert!(faults.len() == 1 && faults[0].message.contains("`helmCharts` fetches charts"), "{faults:?}");
}

#[tokio::test]
async fn nothing_is_fetched_and_mistakes_have_their_lines() {
    let (_folder, renderers) = inflating().await;
    let table = [
        (
            "helmCharts:\n- name: gone\n  repo: https://x.example\n  version: 1.0.0\n",
            2,
            "no chart in `charts/gone-1.0.0/gone`",
        ),
        ("helmCharts:\n- name: web\n  valuesFile: ../../out.yaml\n", 3, "no file `../../out.yaml`"),
        ("helmGlobals:\n  configHome: charts\nhelmCharts:\n- name: web\n", 2, "`configHome`"),
        ("HelmCharts:\n- name: web\n", 2, "which is not allowed"),
        ("helmChartInflationGenerator:\n- chartName: web\n", 2, "which is not allowed"),
        ("helmGlobals: {chartHome: ../..}\nhelmCharts:\n- name: web\n", 3, "no chart in"),
    ];
    for (kustomization, line, words) in table {
        let mut all = files(&[]);
        all[0].1 = kustomization;
        let other = map("y");
        all.push(("k/y.yaml", &other));
        let faults = rendered(&renderers, &all).await.faults;
        assert!(
            faults.iter().any(|fault| fault.message.contains(words)
                && (fault.file.as_deref(), fault.line) == (Some("k/kustomization.yaml"), Some(line))),
            "{kustomization}: {faults:?}"
        );
    }
}
