//! Plain manifests: what lies in a folder, in one file, in lists; and what no manifest may be.

use serde_json::json;

use super::{fault, ids, map, one, render_all, renderers, source, tree};
use crate::model::settings::{Renderer, Source};
use crate::model::target::Capabilities;
use crate::render::{Budget, Wanted, render};

#[tokio::test]
async fn a_folder_is_read_recursively_and_objects_know_their_file_and_line() {
    let two = format!("# first\n{}---\n{}", map("b"), map("a"));
    let rendered = one(
        &[
            ("app/two.yaml", &two),
            ("app/deep/er/c.json", r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"c"}}"#),
            ("app/notes.txt", "no"),
            ("app/d.yml", &map("d")),
        ],
        "app/",
    )
    .await;
    assert_eq!(ids(&rendered), ["ConfigMap a", "ConfigMap b", "ConfigMap d", "Secret c"]);
    let origin = &rendered.bundle.objects[0].origin;
    assert_eq!(
        (origin.app.as_str(), origin.file.as_deref(), origin.line),
        ("app", Some("app/two.yaml"), Some(7))
    );
    assert_eq!(rendered.apps[0].renderer, Renderer::Plain);
    assert_eq!(rendered.matched, [true]);
}

#[tokio::test]
async fn one_file_may_be_a_source_and_folders_of_other_renderers_are_left_out_with_a_warning() {
    assert_eq!(
        ids(&one(&[("app/a.yaml", &map("a")), ("app/b.yaml", &map("b"))], "app/a.yaml").await),
        ["ConfigMap a"]
    );
    let files = [
        ("app/a.yaml", map("a")),
        ("app/k/kustomization.yaml", "resources: []".to_owned()),
        ("app/.x.yaml", map("x")),
    ];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let rendered = one(&files, "app").await;
    assert_eq!(ids(&rendered), ["ConfigMap a"]);
    assert_eq!(
        rendered.bundle.warnings,
        [
            "app/.x.yaml: left out, because its name begins with a dot",
            "app/k: left out, because it has a kustomization.yaml of its own; name it as a source to render it",
        ]
    );
}

#[tokio::test]
async fn stars_give_one_app_per_match_and_placeholders_are_filled() {
    let root = tree(&[
        ("apps/a/staging/x.yaml", &map("a")),
        ("apps/b/staging/x.yaml", &map("b")),
        ("apps/c/prod/x.yaml", &map("c")),
        ("apps/b/values-b/x.yaml", &map("v")),
        ("apps/.hidden/staging/x.yaml", &map("h")),
        ("apps/README.md", "x"),
    ]);
    let sources = [source("apps/*/{environment}"), source("apps/*/values-{name}"), source("nothing/*/here")];
    let rendered = render_all(&root, &sources, None, &Capabilities::default()).await;
    let apps: Vec<_> = rendered.apps.iter().map(|app| app.path.as_str()).collect();
    assert_eq!(apps, ["apps/a/staging", "apps/b/staging", "apps/b/values-b"]);
    assert_eq!(ids(&rendered), ["ConfigMap a", "ConfigMap b", "ConfigMap v"]);
    assert_eq!(rendered.matched, [true, true, false]);
}

#[tokio::test]
async fn lists_are_taken_apart_and_a_kind_that_ends_in_list_is_not_one() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMapList, items: [{metadata: {name: inner}}]}\n\
        - {apiVersion: v1, kind: Secret, metadata: {name: s}}\n---\napiVersion: x.io/v1\nkind: AllowList\nmetadata: {name: l}\n";
    assert_eq!(ids(&one(&[("a/x.yaml", text)], "a").await), ["ConfigMap inner", "Secret s", "AllowList l"]);
}

#[tokio::test]
async fn namespaces_are_filled_where_the_kind_has_one() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {}}\n---\napiVersion: v1\nkind: ConfigMap\n\
        metadata: {name: b, namespace: own}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r, namespace: nowhere}\n\
        ---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: foos.x.io}\n\
        spec: {group: x.io, scope: Namespaced, names: {kind: Foo}}\n---\napiVersion: x.io/v1\nkind: Foo\nmetadata: {name: f}\n\
        ---\napiVersion: y.io/v1\nkind: Bar\nmetadata: {name: b}\n---\napiVersion: z.io/v1\nkind: Zed\nmetadata: {name: z}\n";
    let capabilities = Capabilities {
        namespaced: [("z.io/Zed".to_owned(), true)].into(),
        default_namespace: Some("fallback".to_owned()),
        ..Capabilities::default()
    };
    let root = tree(&[("a/x.yaml", text)]);
    let rendered = render_all(&root, &[source("a")], Some("web"), &capabilities).await;
    assert_eq!(
        ids(&rendered),
        [
            "ConfigMap own/b",
            "ConfigMap web/a",
            "CustomResourceDefinition foos.x.io",
            "ClusterRole r",
            "Foo web/f",
            "Bar b",
            "Zed web/z",
        ]
    );
    let metadata = &rendered.bundle.objects[1].body["metadata"];
    assert_eq!(metadata.to_string(), r#"{"name":"a","namespace":"web","labels":{}}"#);
    assert_eq!(rendered.bundle.objects[3].body["metadata"], json!({"name": "r"}));
    assert!(rendered.bundle.warnings[0].contains("cluster-scoped"), "{:?}", rendered.bundle.warnings);
    let rendered = render_all(&root, &[source("a")], None, &capabilities).await;
    assert!(ids(&rendered).contains(&"Zed fallback/z".to_owned()));
}

#[tokio::test]
async fn what_no_manifest_may_be_is_told_with_file_line_and_remedy() {
    let table = [
        ("kind: ConfigMap\nmetadata: {name: a}\n", 1, "apiVersion is missing"),
        ("# x\napiVersion: v1\nmetadata: {name: a}\n", 2, "kind is missing"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  labels: {}\n", 4, "metadata.name is missing"),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: y\n",
            4,
            "must be a string, and this is a boolean",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations:\n    on: 1\n",
            6,
            "annotations[\"true\"] must be",
        ),
        ("- a\n", 1, "this is a list"),
        ("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nsops: {mac: x}\n", 4, "SOPS"),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {tidegate.dev/x: z}}\n",
            1,
            "only Tidegate",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {applyset.kubernetes.io/id: z}}\n",
            1,
            "only Tidegate",
        ),
        ("a: b: c\n", 1, "not valid YAML"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:x\n", 1, "LFS"),
    ];
    for (text, line, message) in table {
        let fault = fault(&[("a/x.yaml", text)], "a").await;
        assert_eq!((fault.app.as_deref(), fault.file.as_deref()), (Some("a"), Some("a/x.yaml")), "{fault}");
        assert_eq!(fault.line.unwrap_or(0), line, "{fault}");
        assert!(fault.message.contains(message), "{fault}");
        assert!(!fault.hint.is_empty() || message.contains("list") || message.contains("YAML"), "{fault}");
    }
}

#[tokio::test]
async fn the_same_object_from_two_apps_names_both_files() {
    let root = tree(&[("a/x.yaml", &map("m")), ("b/y.yaml", &format!("---\n{}", map("m")))]);
    let rendered = render_all(&root, &[source("a"), source("b")], None, &Capabilities::default()).await;
    insta::assert_snapshot!(rendered.faults[0], @"b/y.yaml:2:1: ConfigMap m is there twice: in a/x.yaml:1 and in b/y.yaml:2 (keep one of them, or give one another name or namespace)");
    assert_eq!((rendered.faults.len(), rendered.bundle.objects.len()), (1, 1));
}

#[tokio::test]
async fn a_base_that_two_apps_share_is_told_with_both_apps() {
    let root = tree(&[
        ("base/kustomization.yaml", "resources: [x.yaml]\n"),
        ("base/x.yaml", &map("m")),
        ("apps/a/kustomization.yaml", "resources: [../../base]\n"),
        ("apps/b/kustomization.yaml", "resources: [../../base]\n"),
    ]);
    let rendered = render_all(&root, &[source("apps/*")], None, &Capabilities::default()).await;
    let fault = rendered.faults[0].to_string();
    assert!(fault.contains("in base/x.yaml:1 (by apps/a) and in base/x.yaml:1 (by apps/b)"), "{fault}");
}

#[tokio::test]
async fn plain_rendering_may_be_asked_for_where_a_kustomization_lies() {
    let root =
        tree(&[("a/kustomization.yaml", "resources: [x.yaml]\n"), ("a/x.yaml", &map("m")), ("b/README", "")]);
    let sources = [Source { renderer: Some(Renderer::Plain), ..source("a") }, source("b")];
    let rendered = render_all(&root, &sources, None, &Capabilities::default()).await;
    assert_eq!(ids(&rendered), ["ConfigMap m"]);
    let warnings = &rendered.bundle.warnings;
    assert!(warnings[0].starts_with("a/kustomization.yaml: left out"), "{warnings:?}");
    assert_eq!(warnings[1], "b: it gives no objects");
}

#[tokio::test]
async fn a_source_that_says_the_wrong_renderer_is_told_at_its_own_line() {
    let root = tree(&[("a/x.yaml", &map("m")), ("a/x.txt", "")]);
    for (path, renderer) in [
        ("a", Some(Renderer::Helm)),
        ("a", Some(Renderer::Kustomize)),
        ("a/x.yaml", Some(Renderer::Helm)),
        ("a/x.txt", None),
        ("../a", None),
    ] {
        let sources = [Source { renderer, ..source(path) }];
        let rendered = render_all(&root, &sources, None, &Capabilities::default()).await;
        let fault = &rendered.faults[0];
        assert_eq!((fault.file.as_deref(), fault.line), (Some(".tidegate.yaml"), Some(7)), "{fault}");
    }
}

#[tokio::test]
async fn equal_keys_are_warned_of_with_their_places() {
    let text = format!("{}data: {{}}\ndata: {{a: b}}\n", map("m"));
    let rendered = one(&[("a/x.yaml", &text)], "a").await;
    assert_eq!(rendered.bundle.objects[0].body["data"], json!({"a": "b"}));
    assert_eq!(
        rendered.bundle.warnings,
        [
            "a/x.yaml:6:1: the key `data` is given twice; the last one counts (the first one is in line 5; keep one of them)"
        ]
    );
}

#[tokio::test]
async fn too_many_objects_are_one_fault_and_no_bundle() {
    let text = (0..20_001)
        .map(|i| format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: m{i}}}}}"))
        .collect::<Vec<_>>()
        .join("\n---\n");
    let fault = fault(&[("a/x.yaml", &text)], "a").await;
    assert!(fault.message.contains("20001 objects"), "{fault}");
}

#[tokio::test]
async fn lines_are_those_of_the_file_in_lists_documents_and_json_with_either_end() {
    let list = "# a list\nkind: List\napiVersion: v1\nitems:\n- apiVersion: v1\n  kind: A\n  metadata: {name: one}\n\
        -\n  kind: B\n  apiVersion: v1\n  metadata: {name: two}\n---\n# more\n\napiVersion: v1\nkind: C\nmetadata: {name: three}\n";
    let json = "\n{\"apiVersion\": \"v1\", \"kind\": \"D\", \"metadata\": {\"name\": \"four\"}}\n\n {\"apiVersion\": \"v1\",\n\"kind\": \"E\", \"metadata\": {\"name\": \"five\"}}";
    for end in ["\n", "\r\n"] {
        let (list, json) = (list.replace('\n', end), json.replace('\n', end));
        let rendered = one(&[("a/x.yaml", &list), ("a/y.json", &json)], "a").await;
        assert_eq!(ids(&rendered), ["A one", "B two", "C three", "D four", "E five"]);
        let places: Vec<_> = rendered
            .bundle
            .objects
            .iter()
            .map(|object| (object.origin.file.clone().unwrap(), object.origin.line))
            .collect();
        let wanted = [("a/x.yaml", 5), ("a/x.yaml", 9), ("a/x.yaml", 15), ("a/y.json", 2), ("a/y.json", 4)];
        assert_eq!(places, wanted.map(|(file, line)| (file.to_owned(), Some(line))), "{end:?}");
        let broken = format!("{list}---{end}k: [{end}");
        let fault = fault(&[("a/x.yaml", &broken)], "a").await;
        assert_eq!((fault.file.as_deref(), fault.line), (Some("a/x.yaml"), Some(19)), "{fault}");
    }
}

#[tokio::test]
async fn what_has_items_is_a_list_as_kubectl_has_it() {
    let basket = "apiVersion: x.io/v1\nkind: Basket\nmetadata: {name: b}\nitems:\n- metadata: {name: egg}\n";
    let rendered = one(&[("a/x.yaml", basket)], "a").await;
    assert_eq!(ids(&rendered), ["Basket egg"]);
    let warning = &rendered.bundle.warnings[0];
    assert!(warning.starts_with("a/x.yaml:1:1: this Basket has `items` at its top"), "{warning}");
    let table = [
        ("kind: AllowList\nmetadata: {name: l}\nitems:\n- {ip: 10.0.0.1}\n", 5, "metadata.name is missing"),
        (
            "kind: AllowList\nmetadata: {name: l}\nitems: [10.0.0.1]\n",
            4,
            "an item of a list must be a manifest",
        ),
        (
            "kind: AllowList\nmetadata: {name: l}\nitems: {a: b}\n",
            4,
            "items must be a list, and this is a mapping",
        ),
        ("kind: List\nitems:\n- metadata: {name: a}\n", 4, "kind is missing"),
        ("metadata: {name: l}\nitems: []\n", 1, "kind is missing"),
    ];
    for (text, line, message) in table {
        let fault = fault(&[("a/x.yaml", &format!("apiVersion: v1\n{text}"))], "a").await;
        assert_eq!(fault.line, Some(line), "{fault}");
        assert!(fault.message.contains(message), "{fault}");
    }
}

#[tokio::test]
async fn generated_names_are_kept_as_they_are() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: job-}\n";
    let rendered = one(&[("a/x.yaml", text)], "a").await;
    assert_eq!(ids(&rendered), ["ConfigMap job-*"]);
    let object = &rendered.bundle.objects[0];
    assert!(object.generated());
    assert_eq!(object.body["metadata"], json!({"generateName": "job-"}));
}

#[tokio::test]
async fn all_files_of_an_app_share_one_limit_of_values() {
    let list = format!("{}k: [{}]\n", map("a"), "a, ".repeat(400));
    let root = tree(&[("a/x.yaml", &list), ("a/y.yaml", &list), ("a/z.yaml", &list)]);
    let mut strict = renderers();
    strict.limits.yaml.nodes = 1_000;
    let (environment, sources) = ("staging".parse().unwrap(), [source("a")]);
    let wanted = Wanted {
        root: root.path(),
        owner: crate::model::id::RepoId(1),
        omitted: &std::sync::Arc::default(),
        versions: &crate::model::settings::Versions::default(),
        environment: &environment,
        sources: &sources,
        namespace: None,
        capabilities: &Capabilities::default(),
        budget: &Budget::new(&strict.limits),
    };
    let faults = render(&strict, &wanted).await.unwrap().faults;
    let fault = faults.iter().find(|fault| fault.message.contains("too many values")).unwrap();
    assert_eq!(fault.file.as_deref(), Some("a/z.yaml"), "{fault}");
}
