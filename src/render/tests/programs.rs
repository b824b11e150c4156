//! Kustomize and Helm as they are: output, places of errors, limits.

use serde_json::json;

use super::{fault, ids, map, one, render_all, renderers, source, tree};
use crate::model::fault::Failure;
use crate::model::settings::{Helm, Renderer, Source, Values, Versions};
use crate::model::target::Capabilities;
use crate::render::{Budget, Limits, Renderers, Tools, Wanted, render};

const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.0.0\n";

#[tokio::test]
async fn kustomize_renders_and_objects_know_the_file_that_holds_them() {
    let rendered = one(
        &[
            ("base/kustomization.yaml", "resources: [cm.yaml, sa.yaml]\n"),
            ("base/cm.yaml", &format!("# a comment\n{}data: {{a: on, b: 0644}}\n", map("m"))),
            ("base/sa.yaml", "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: s}\n"),
            ("k/kustomization.yml", "resources: [../base]\nnamespace: shop\ncommonLabels: {a: b}\n"),
        ],
        "k",
    )
    .await;
    assert_eq!(ids(&rendered), ["ConfigMap shop/m", "ServiceAccount shop/s"]);
    let object = &rendered.bundle.objects[0];
    assert_eq!((object.origin.file.as_deref(), object.origin.line), (Some("base/cm.yaml"), Some(2)));
    assert_eq!(object.body["data"], json!({"a": "on", "b": 420}));
    assert_eq!(rendered.apps[0].renderer, Renderer::Kustomize);
    assert!(
        rendered.bundle.warnings[0].contains("'commonLabels' is deprecated"),
        "{:?}",
        rendered.bundle.warnings
    );
    let renamed = one(
        &[("k/kustomization.yaml", "resources: [x.yaml]\nnamePrefix: p-\n"), ("k/x.yaml", &map("m"))],
        "k",
    )
    .await;
    assert_eq!(ids(&renamed), ["ConfigMap p-m"]);
    assert_eq!(renamed.bundle.objects[0].origin.file.as_deref(), Some("k/kustomization.yaml"));
}

#[tokio::test]
async fn what_kustomize_says_is_told_of_the_file_at_fault() {
    let table = [
        ("resources: [x.yaml]\n", "a: b: c\n", "k/x.yaml", "not valid YAML"),
        (
            "resources: [x.yaml]\n",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {nam: a}\n",
            "k/x.yaml",
            "missing metadata.name",
        ),
        ("resources: [x.yaml]\nfoo: bar\n", "", "k/kustomization.yaml", "unknown field"),
        (
            "resources: [x.yaml]\n",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: \"\u{7}\"}\n",
            "k/x.yaml",
            "control character",
        ),
        ("resources: [../k]\n", "", "k/kustomization.yaml", "cycle"),
        (
            "resources: [x.yaml]\npatches: [{path: p.yaml}]\n",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
            "k/p.yaml",
            "no matches",
        ),
    ];
    for (kustomization, resource, file, message) in table {
        let patch = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n";
        let fault = fault(
            &[("k/kustomization.yaml", kustomization), ("k/x.yaml", resource), ("k/p.yaml", patch)],
            "k",
        )
        .await;
        assert_eq!(fault.file.as_deref(), Some(file), "{fault}");
        assert!(fault.message.contains(message), "{fault}");
    }
}

fn chart<'a>(extra: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut files = vec![
        ("charts/web/Chart.yaml", CHART),
        ("charts/web/values.yaml", "replicas: 1\nname: x\n"),
        (
            "charts/web/templates/all.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{ .Release.Name }}\n  namespace: {{ .Release.Namespace }}\nspec:\n  \
             replicas: {{ .Values.replicas }}\n  name: {{ .Values.name }}\n  kube: {{ .Capabilities.KubeVersion.Version }}\n  \
             has: {{ .Capabilities.APIVersions.Has \"x.io/v1/Foo\" }}\n---\n# a comment\napiVersion: v1\nkind: Service\nmetadata:\n  name: {{ .Release.Name }}\n",
        ),
        (
            "charts/web/templates/hooks.yaml",
            "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: migrate\n  annotations: {helm.sh/hook: \"pre-upgrade, pre-install\"}\n---\n\
             apiVersion: v1\nkind: Pod\nmetadata:\n  name: try\n  annotations: {helm.sh/hook: test}\n",
        ),
        (
            "charts/web/crds/foo.yaml",
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: foos.x.io}\n",
        ),
        ("shared/prod.yaml", "name: shared\n"),
    ];
    files.extend(extra);
    files
}

#[tokio::test]
async fn a_chart_is_rendered_with_its_values_its_target_and_its_hooks_apart() {
    let helm = Helm {
        release: Some("shop".to_owned()),
        values: vec![
            Values::File("/shared/prod.yaml".to_owned()),
            Values::File("values.yaml".to_owned()),
            Values::Inline(json!({"replicas": 3})),
            Values::File("/shared/{environment}.yaml".to_owned()),
        ],
        include_crds: true,
    };
    let capabilities = Capabilities {
        kube_version: Some("v1.36.3".to_owned()),
        api_versions: ["apps/v1", "x.io/v1/Foo"].map(str::to_owned).into(),
        ..Capabilities::default()
    };
    let root = tree(&chart(&[("shared/staging.yaml", "name: last, and \"quoted\"\n")]));
    let sources = [Source { helm: Some(helm), ..source("charts/web") }];
    let rendered = render_all(&root, &sources, Some("web"), &capabilities).await;
    assert_eq!(
        ids(&rendered),
        ["Service web/shop", "CustomResourceDefinition foos.x.io", "Deployment web/shop"]
    );
    assert_eq!(
        rendered.bundle.hooks.iter().map(|hook| hook.id.to_string()).collect::<Vec<_>>(),
        ["Job web/migrate"]
    );
    let deployment = &rendered.bundle.objects[2];
    assert_eq!(
        deployment.body["spec"],
        json!({"replicas": 3, "name": "last, and \"quoted\"", "kube": "v1.36.3", "has": true})
    );
    assert_eq!(deployment.origin.file.as_deref(), Some("charts/web/templates/all.yaml"));
    assert_eq!(rendered.bundle.objects[1].origin.file.as_deref(), Some("charts/web/crds/foo.yaml"));
    let plain = one(&chart(&[]), "charts/*").await;
    assert_eq!(ids(&plain), ["Service web", "Deployment default/web"]);
}

#[tokio::test]
async fn what_helm_says_is_told_of_the_template_at_fault() {
    let table: [(&str, &str, &str, Option<u32>, &str); 8] = [
        ("templates/x.yaml", "a: 1\nb: {{ fail \"boom\" }}\n", "templates/x.yaml", Some(2), "boom"),
        ("templates/x.yaml", "a: {{ .Values.x.y.z }}\n", "templates/x.yaml", Some(1), "nil pointer"),
        ("templates/x.yaml", "a: {{ if }}\n", "templates/x.yaml", Some(1), "missing value for if"),
        ("templates/x.yaml", "a: b: c\n", "templates/x.yaml", None, "mapping values"),
        ("values.yaml", "a: b\nc: d: e\n", "values.yaml", Some(2), "not valid YAML"),
        ("Chart.yaml", "apiVersion: v2\nname: web\n", "Chart.yaml", Some(1), "version"),
        (
            "values.schema.json",
            r#"{"properties":{"replicas":{"type":"string"}}}"#,
            "values.yaml",
            Some(1),
            "replicas",
        ),
        (
            "Chart.yaml",
            "apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies: [{name: redis, version: 1.0.0, repository: https://x.example}]\n",
            "Chart.yaml",
            Some(4),
            "redis",
        ),
    ];
    for (path, text, file, line, message) in table {
        let path = format!("charts/web/{path}");
        let fault = fault(&chart(&[(&path, text)]), "charts/web").await;
        assert_eq!(
            (fault.file.as_deref(), fault.line),
            (Some(format!("charts/web/{file}").as_str()), line),
            "{fault}"
        );
        assert!(fault.message.contains(message), "{fault}");
        assert!(!fault.message.contains("debug"), "{fault}");
    }
}

#[tokio::test]
async fn a_missing_program_is_ours_to_mend_and_other_apps_do_without_it() {
    let none = Renderers { tools: Tools::default(), ..renderers() };
    let root = tree(&chart(&[("plain/x.yaml", &map("m"))]));
    let environment = "staging".parse().unwrap();
    let capabilities = Capabilities::default();
    let sources = [source("plain")];
    let budget = Budget::new(&none.limits);
    let wanted_plain = Wanted {
        root: root.path(),
        owner: crate::model::id::RepoId(1),
        omitted: &std::sync::Arc::default(),
        versions: &Versions::default(),
        environment: &environment,
        sources: &sources,
        namespace: None,
        capabilities: &capabilities,
        budget: &budget,
    };
    assert_eq!(ids(&render(&none, &wanted_plain).await.unwrap()), ["ConfigMap m"]);
    let sources = [source("charts/web")];
    let failure = render(&none, &Wanted { sources: &sources, ..wanted_plain }).await.unwrap_err();
    assert!(
        matches!(&failure, Failure::Ours(cause) if cause.to_string().contains("helm, which charts/web needs")),
        "{failure}"
    );
}

#[tokio::test]
async fn a_renderer_that_is_too_slow_or_says_too_much_is_the_apps_fault() {
    let root = tree(&chart(&[("charts/web/templates/big.txt", "")]));
    let environment = "staging".parse().unwrap();
    let capabilities = Capabilities::default();
    let sources = [source("charts/web")];
    let budget = Budget::new(&Limits::default());
    let wanted = Wanted {
        root: root.path(),
        owner: crate::model::id::RepoId(1),
        omitted: &std::sync::Arc::default(),
        versions: &Versions::default(),
        environment: &environment,
        sources: &sources,
        namespace: None,
        capabilities: &capabilities,
        budget: &budget,
    };
    let mut strict = renderers();
    strict.limits.program.stdout = 100;
    let rendered = render(&strict, &wanted).await.unwrap();
    assert!(rendered.faults[0].message.contains("gives more than"), "{}", rendered.faults[0]);
    strict = renderers();
    strict.limits.program.time = std::time::Duration::from_millis(1);
    let rendered = render(&strict, &wanted).await.unwrap();
    assert!(rendered.faults[0].message.contains("did not end within"), "{}", rendered.faults[0]);
    let short = Limits { time: std::time::Duration::from_millis(1), ..Limits::default() };
    let wanted = Wanted { budget: &Budget::new(&short), ..wanted };
    for _ in 0..2 {
        // Once spent it stays spent: the next environment of the job gets no time of its own.
        let rendered = render(&renderers(), &wanted).await.unwrap();
        assert!(rendered.faults[0].message.contains("rendering took more than"), "{}", rendered.faults[0]);
        assert!(rendered.bundle.objects.is_empty());
    }
}

#[tokio::test]
async fn rendering_twice_gives_the_same_bundle_and_equal_warnings_are_told_once() {
    let files: Vec<(String, String)> = (0..12)
        .flat_map(|i| {
            [
                (
                    format!("apps/{i}/kustomization.yaml"),
                    "resources: [x.yaml]\ncommonLabels: {a: b}\n".to_owned(),
                ),
                (format!("apps/{i}/x.yaml"), map(&format!("m{i}"))),
            ]
        })
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let (first, second) = (one(&files, "apps/*").await, one(&files, "apps/*").await);
    assert_eq!(first.bundle.objects.len(), 12);
    assert_eq!(first.bundle.digest(), second.bundle.digest());
    let warnings = &first.bundle.warnings;
    assert!(warnings.len() == 1 && warnings[0].ends_with("(apps/0 and 11 more)"), "{warnings:?}");
}

#[tokio::test]
async fn a_schema_is_checked_only_if_it_leads_nowhere_else() {
    let host = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    host.set_nonblocking(true).unwrap();
    let address = host.local_addr().unwrap();
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), r#"{"const": "hunter2"}"#).unwrap();
    let sub = "charts/web/charts/sub";
    let chart_of = |name: &str| format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\n");
    let (sub_chart, dependent) =
        (chart_of("sub"), format!("{}dependencies: [{{name: sub, version: 1.0.0}}]\n", chart_of("web")));
    for (folder, target) in [
        ("charts/web", format!("http://{address}/x")),
        (sub, format!("http://{address}/x")),
        ("charts/web", format!("file://{}", secret.path().display())),
    ] {
        let schema = format!(r#"{{"properties": {{"name": {{"$ref": "{target}"}}}}}}"#);
        let (path, own) = (format!("{folder}/values.schema.json"), format!("{sub}/Chart.yaml"));
        let files = chart(&[("charts/web/Chart.yaml", &dependent), (&own, &sub_chart), (&path, &schema)]);
        let fault = fault(&files, "charts/web").await;
        assert!(fault.message.contains("leads to"), "{fault}");
        assert_eq!(fault.file.as_deref(), Some(path.as_str()), "{fault}");
        assert!(!fault.to_string().contains("hunter2") && host.accept().is_err(), "{fault}");
    }
    // What is packed cannot be looked into: nothing is checked then, and a warning says so.
    let schema = r#"{"properties": {"name": {"type": "number"}}}"#;
    let mut files = chart(&[("charts/web/values.schema.json", schema)]);
    assert!(fault(&files, "charts/web").await.message.contains("number"));
    files.push(("charts/web/files/sub-1.0.0.tgz", "packed"));
    let rendered = one(&files, "charts/web").await;
    assert_eq!(ids(&rendered).len(), 2);
    assert!(rendered.bundle.warnings[0].contains("values are not checked"), "{:?}", rendered.bundle.warnings);
}

#[tokio::test]
async fn what_a_chart_draws_is_volatile_and_said_once() {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  user: shop\n  \
                  password: {{ randAlphaNum 16 }}\n  ca: {{ (genCA \"x\" 1).Cert | b64enc }}\n";
    let hook = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j, annotations: {helm.sh/hook: pre-install}}\n\
                spec: {template: {spec: {containers: [{name: c, args: [--seed, {{ randNumeric 12 | quote }}]}]}}}\n";
    let rendered = one(
        &[
            ("web/Chart.yaml", CHART),
            ("web/templates/secret.yaml", secret),
            ("web/templates/job.yaml", hook),
            ("web/templates/map.yaml", &map("m")),
        ],
        "web",
    )
    .await;
    assert_eq!(ids(&rendered), ["ConfigMap m", "Secret db"]);
    let volatile: Vec<_> = rendered.bundle.objects.iter().map(|object| object.volatile.clone()).collect();
    assert_eq!(volatile, [vec![], vec!["/stringData/ca".to_owned(), "/stringData/password".to_owned()]]);
    assert_eq!(rendered.bundle.hooks[0].volatile, ["/spec/template/spec/containers/0/args/1"]);
    assert_eq!(
        rendered.bundle.warnings,
        [
            "web/templates/secret.yaml: gives other values at each render (Secret db: /stringData/ca, and 2 more); \
          they are set when the object is created and kept from then on"
        ]
    );
}

#[tokio::test]
async fn a_chart_that_draws_nothing_is_as_it_was() {
    let rendered =
        one(&[("web/Chart.yaml", CHART), ("web/templates/map.yaml", &map("{{ .Release.Name }}"))], "web")
            .await;
    assert!(rendered.bundle.objects.iter().all(|object| object.volatile.is_empty()));
    assert_eq!(rendered.bundle.warnings, Vec::<String>::new());
}
