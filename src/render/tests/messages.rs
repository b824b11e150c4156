//! What authors do wrong, and what they are told: the file, the line where the renderer knows it, the app, what to do.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{render_all, source, tree};
use crate::model::settings::{Helm, Source, Values};
use crate::model::target::Capabilities;

const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.0.0\n";
const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: m\n";

/// A mistake: what was done, and the files of the app `a` and of others beside it.
type Mistake = (&'static str, &'static [(&'static str, &'static str)]);

/// In kustomizations; each has a manifest `m.yaml` beside it unless it says otherwise.
const KUSTOMIZE: &[Mistake] = &[
    (
        "patch target missing",
        &[
            ("a/kustomization.yaml", "resources: [m.yaml]\npatches:\n- path: p.yaml\n"),
            ("a/p.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: other\n"),
        ],
    ),
    (
        "inline patch target missing",
        &[(
            "a/kustomization.yaml",
            "resources: [m.yaml]\npatches:\n- patch: |\n    apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: other}\n",
        )],
    ),
    (
        "json patch without target",
        &[(
            "a/kustomization.yaml",
            "resources: [m.yaml]\npatches:\n- patch: |\n    - {op: replace, path: /data/x, value: y}\n",
        )],
    ),
    (
        "json patch of missing path",
        &[
            (
                "a/kustomization.yaml",
                "resources: [m.yaml]\npatches:\n- target: {kind: ConfigMap}\n  path: p.yaml\n",
            ),
            ("a/p.yaml", "- {op: replace, path: /spec/replicas, value: 1}\n"),
        ],
    ),
    (
        "duplicate resource",
        &[("a/kustomization.yaml", "resources:\n- m.yaml\n- n.yaml\n"), ("a/n.yaml", MAP)],
    ),
    (
        "same resource via two bases",
        &[
            ("a/kustomization.yaml", "resources:\n- ../b\n- ../c\n"),
            ("b/kustomization.yaml", "resources: [m.yaml]\n"),
            ("b/m.yaml", MAP),
            ("c/kustomization.yaml", "resources: [m.yaml]\n"),
            ("c/m.yaml", MAP),
        ],
    ),
    (
        "generator file missing",
        &[("a/kustomization.yaml", "configMapGenerator:\n- name: g\n  files: [gone.txt]\n")],
    ),
    (
        "generator bad literal",
        &[("a/kustomization.yaml", "configMapGenerator:\n- name: g\n  literals: [nothing]\n")],
    ),
    (
        "generator key twice",
        &[("a/kustomization.yaml", "configMapGenerator:\n- name: g\n  literals: [a=1, a=2]\n")],
    ),
    (
        "generator merge without base",
        &[("a/kustomization.yaml", "configMapGenerator:\n- name: g\n  behavior: merge\n  literals: [a=1]\n")],
    ),
    ("missing base", &[("a/kustomization.yaml", "resources:\n- ../base\n")]),
    (
        "base is a file list with missing",
        &[
            ("a/kustomization.yaml", "resources:\n- ../b\n"),
            ("b/kustomization.yaml", "resources:\n- gone.yaml\n"),
        ],
    ),
    (
        "wrong apiVersion",
        &[(
            "a/kustomization.yaml",
            "apiVersion: kustomize.config.k8s.io/v1\nkind: Kustomization\nresources: [m.yaml]\n",
        )],
    ),
    (
        "wrong kind",
        &[(
            "a/kustomization.yaml",
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomisation\nresources: [m.yaml]\n",
        )],
    ),
    (
        "cycle",
        &[("a/kustomization.yaml", "resources:\n- ../b\n"), ("b/kustomization.yaml", "resources:\n- ../a\n")],
    ),
    (
        "namespace conflict",
        &[
            ("a/kustomization.yaml", "namespace: x\nresources: [m.yaml, n.yaml]\n"),
            ("a/m.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m, namespace: one}\n"),
            ("a/n.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m, namespace: two}\n"),
        ],
    ),
    ("unknown field", &[("a/kustomization.yaml", "resources: [m.yaml]\nnameSpace: x\nfoo: bar\n")]),
    ("wrong type", &[("a/kustomization.yaml", "resources: m.yaml\n")]),
    (
        "wrong type deep",
        &[("a/kustomization.yaml", "resources: [m.yaml]\nimages:\n- name: x\n  newTag: 1.0\n")],
    ),
    (
        "transformer of wrong kind",
        &[
            ("a/kustomization.yaml", "resources: [m.yaml]\ntransformers: [t.yaml]\n"),
            ("a/t.yaml", "apiVersion: builtin\nkind: NoTransformer\nmetadata: {name: t}\n"),
        ],
    ),
    (
        "transformer external",
        &[
            ("a/kustomization.yaml", "resources: [m.yaml]\ntransformers: [t.yaml]\n"),
            ("a/t.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: t}\n"),
        ],
    ),
    (
        "transformer missing name",
        &[
            ("a/kustomization.yaml", "resources: [m.yaml]\ntransformers: [t.yaml]\n"),
            ("a/t.yaml", "apiVersion: builtin\nkind: PrefixTransformer\n"),
        ],
    ),
    (
        "resource bad yaml",
        &[("a/kustomization.yaml", "resources: [m.yaml]\n"), ("a/m.yaml", "a: 1\nb: c: d\n")],
    ),
    (
        "resource no kind",
        &[
            ("a/kustomization.yaml", "resources: [m.yaml]\n"),
            ("a/m.yaml", "apiVersion: v1\nmetadata: {name: m}\n"),
        ],
    ),
    (
        "resource no name",
        &[
            ("a/kustomization.yaml", "resources: [m.yaml]\n"),
            ("a/m.yaml", "apiVersion: v1\nkind: ConfigMap\n"),
        ],
    ),
    ("resource a list", &[("a/kustomization.yaml", "resources: [m.yaml]\n"), ("a/m.yaml", "- 1\n- 2\n")]),
    (
        "kustomization listed as resource",
        &[
            ("a/kustomization.yaml", "resources:\n- b/kustomization.yaml\n"),
            ("a/b/kustomization.yaml", "resources: []\n"),
        ],
    ),
    (
        "replacement source missing",
        &[(
            "a/kustomization.yaml",
            "resources: [m.yaml]\nreplacements:\n- source: {kind: Secret, name: x}\n  targets: [{select: {kind: ConfigMap}, fieldPaths: [data.x]}]\n",
        )],
    ),
    (
        "replacement field missing",
        &[(
            "a/kustomization.yaml",
            "resources: [m.yaml]\nreplacements:\n- source: {kind: ConfigMap, name: m}\n  targets: [{select: {kind: ConfigMap}, fieldPaths: [data.x]}]\n",
        )],
    ),
    (
        "component as resource",
        &[
            ("a/kustomization.yaml", "resources: [m.yaml, ../c]\n"),
            ("c/kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"),
        ],
    ),
    (
        "resource as component",
        &[
            ("a/kustomization.yaml", "resources: [m.yaml]\ncomponents: [../c]\n"),
            ("c/kustomization.yaml", "namePrefix: x-\n"),
        ],
    ),
    ("empty kustomization", &[("a/kustomization.yaml", "")]),
    (
        "bad patch yaml",
        &[
            ("a/kustomization.yaml", "resources: [m.yaml]\npatches:\n- path: p.yaml\n"),
            ("a/p.yaml", "a: b: c\n"),
        ],
    ),
    (
        "two kustomizations",
        &[
            ("a/kustomization.yaml", "resources: [m.yaml]\n"),
            ("a/kustomization.yml", "resources: [m.yaml]\n"),
        ],
    ),
];

/// In charts; each has a Chart.yaml and values unless it says otherwise.
const HELM: &[Mistake] = &[
    ("bad template", &[("a/templates/x.yaml", "a: 1\nb: {{ if }}\n")]),
    ("unclosed action", &[("a/templates/x.yaml", "a: 1\nb: {{ .Values.replicas }\n")]),
    ("no end", &[("a/templates/x.yaml", "a: 1\n{{ if .Values.replicas }}\nb: 1\n")]),
    ("required", &[("a/templates/x.yaml", "a: 1\nb: {{ required \"host is needed\" .Values.host }}\n")]),
    ("fail", &[("a/templates/x.yaml", "a: 1\nb: {{ fail \"no such size\" }}\n")]),
    ("nil pointer", &[("a/templates/x.yaml", "a: 1\nb: {{ .Values.db.host.name }}\n")]),
    (
        "nil pointer in helper",
        &[
            ("a/templates/x.yaml", "a: 1\nb: {{ include \"h\" . }}\n"),
            ("a/templates/_h.tpl", "{{ define \"h\" }}\n{{ .Values.db.host.name }}\n{{ end }}\n"),
        ],
    ),
    ("unknown function", &[("a/templates/x.yaml", "a: 1\nb: {{ toYml .Values }}\n")]),
    ("unknown include", &[("a/templates/x.yaml", "a: 1\nb: {{ include \"gone\" . }}\n")]),
    ("wrong type", &[("a/templates/x.yaml", "a: 1\nb: {{ .Values.replicas.x }}\n")]),
    (
        "bad yaml after",
        &[(
            "a/templates/x.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: m\n  labels: {a: 1\ndata:\n",
        )],
    ),
    (
        "bad yaml after indent",
        &[(
            "a/templates/x.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: m\ndata:\n{{ toYaml .Values.image | indent 1 }}\n   x: y\n",
        )],
    ),
    ("tab", &[("a/templates/x.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: m\n")]),
    ("no kind", &[("a/templates/x.yaml", "apiVersion: v1\nmetadata: {name: m}\n")]),
    ("no name", &[("a/templates/x.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n")]),
    (
        "label number",
        &[("a/templates/x.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m, labels: {a: 1}}\n")],
    ),
    (
        "schema",
        &[
            ("a/values.schema.json", "{\"properties\":{\"replicas\":{\"type\":\"string\"}}}"),
            ("a/templates/m.yaml", MAP),
        ],
    ),
    (
        "schema required",
        &[("a/values.schema.json", "{\"required\":[\"host\"]}"), ("a/templates/m.yaml", MAP)],
    ),
    ("schema bad json", &[("a/values.schema.json", "{\"required\":[\"host\"}"), ("a/templates/m.yaml", MAP)]),
    (
        "chart without version",
        &[("a/Chart.yaml", "apiVersion: v2\nname: web\n"), ("a/templates/m.yaml", MAP)],
    ),
    (
        "chart without name",
        &[("a/Chart.yaml", "apiVersion: v2\nversion: 1.0.0\n"), ("a/templates/m.yaml", MAP)],
    ),
    (
        "chart with bad version",
        &[("a/Chart.yaml", "apiVersion: v2\nname: web\nversion: latest\n"), ("a/templates/m.yaml", MAP)],
    ),
    ("chart bad yaml", &[("a/Chart.yaml", "apiVersion: v2\nname: web: x\n"), ("a/templates/m.yaml", MAP)]),
    (
        "library chart",
        &[
            ("a/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\ntype: library\n"),
            ("a/templates/m.yaml", MAP),
        ],
    ),
    (
        "kubeVersion",
        &[
            ("a/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\nkubeVersion: \">=9.0\"\n"),
            ("a/templates/m.yaml", MAP),
        ],
    ),
    ("values bad yaml", &[("a/values.yaml", "a: b\nc: d: e\n"), ("a/templates/m.yaml", MAP)]),
    ("values a list", &[("a/values.yaml", "- a\n"), ("a/templates/m.yaml", MAP)]),
    (
        "dependency missing",
        &[
            (
                "a/Chart.yaml",
                "apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies:\n- {name: redis, version: 1.0.0, repository: https://x.example}\n",
            ),
            ("a/templates/m.yaml", MAP),
        ],
    ),
    (
        "sub chart broken",
        &[
            ("a/charts/sub/Chart.yaml", "apiVersion: v2\nname: sub\nversion: 1.0.0\n"),
            ("a/charts/sub/templates/x.yaml", "a: 1\nb: {{ .Values.x.y }}\n"),
        ],
    ),
    (
        "range over number",
        &[("a/templates/x.yaml", "a:\n{{ range .Values.image.tag }}\n- {{ . }}\n{{ end }}\n")],
    ),
    (
        "a text rendered as a template",
        &[
            ("a/templates/x.yaml", "a: 1\n{{ tpl (.Files.Get \"t.tpl\") . }}\n"),
            ("a/t.tpl", "x\n{{ .Values.a.b.c }}\n"),
        ],
    ),
];

/// All that is told of these mistakes, as people read it.
async fn page(mistakes: &[Mistake], beside: &[(&str, &str)], values: Option<Value>) -> String {
    let helm = values.map(|values| Helm { values: vec![Values::Inline(values)], ..Helm::default() });
    let sources = [Source { helm, ..source("a") }];
    let mut page = String::new();
    for (what, files) in mistakes {
        let missing = beside.iter().filter(|(path, _)| files.iter().all(|(own, _)| own != path));
        let files: Vec<_> = files.iter().chain(missing).copied().collect();
        let faults = render_all(&tree(&files), &sources, None, &Capabilities::default()).await.faults;
        assert!(!faults.is_empty(), "{what}: it is not told");
        for fault in &faults {
            assert_eq!(fault.app.as_deref(), Some("a"), "{what}: {fault}");
            let file = fault.file.as_deref().unwrap_or_else(|| panic!("{what}: no file: {fault}"));
            assert!(
                files.iter().any(|(path, _)| *path == file),
                "{what}: {file} is not the author's: {fault}"
            );
            assert!(!fault.hint.is_empty() || fault.message.contains("YAML"), "{what}: {fault}");
            assert!(!fault.to_string().contains("0x"), "what a program holds in memory: {fault}");
            writeln!(page, "# {what}\n{fault}\n").unwrap();
        }
    }
    page
}

#[tokio::test]
async fn mistakes_in_kustomizations_are_told_with_their_place_and_what_to_do() {
    insta::assert_snapshot!(page(KUSTOMIZE, &[("a/m.yaml", MAP)], None).await);
}

#[tokio::test]
async fn mistakes_in_charts_are_told_with_their_place_and_what_to_do() {
    let beside = [("a/Chart.yaml", CHART), ("a/values.yaml", "image: {tag: v1}\nreplicas: 1\n")];
    insta::assert_snapshot!(page(HELM, &beside, None).await);
}

#[tokio::test]
async fn a_value_in_place_of_another_shape_is_told_of_the_template_that_takes_it() {
    let mistake: Mistake =
        ("inline value of wrong shape", &[("a/templates/x.yaml", "a: 1\nb: {{ .Values.image.tag }}\n")]);
    let page = page(&[mistake], &[("a/Chart.yaml", CHART)], Some(json!({"image": "x"}))).await;
    assert!(page.contains("a/templates/x.yaml:2:14: helm: can't evaluate field tag"), "{page}");
}
