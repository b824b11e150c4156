//! What must not work: links, hosts, templates and values that reach for more than their folder.

use super::{fault, map, one, render_all, renderers, source, tree};
use crate::model::settings::{Helm, Source, Values, Versions};
use crate::model::target::Capabilities;
use crate::render::{Budget, Wanted, render};

const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.0.0\n";

#[tokio::test]
async fn links_that_leave_the_repository_are_refused_and_never_read() {
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret.yaml");
    std::fs::write(&secret, map("stolen")).unwrap();
    let link = format!("-> {}", secret.display());
    let folder = format!("-> {}", outside.path().display());
    let trees: [(&[(&str, &str)], &str); 6] = [
        (&[("a/x.yaml", &link)], "a"),
        (&[("a/x.yaml", &link)], "a/x.yaml"),
        (&[("a/deep", &folder)], "a"),
        (&[("a", &folder)], "a"),
        (&[("a/kustomization.yaml", "resources: [x.yaml]\n"), ("a/x.yaml", &link)], "a"),
        (&[("a/Chart.yaml", CHART), ("a/templates/x.yaml", &link)], "a"),
    ];
    for (files, path) in trees {
        let fault = fault(files, path).await;
        assert!(fault.message.contains("leads out of the repository"), "{fault}");
    }
}

#[tokio::test]
async fn a_link_within_the_repository_is_followed_and_a_loop_ends() {
    let rendered =
        one(&[("shared/x.yaml", &map("x")), ("a/x.yaml", "-> ../shared/x.yaml"), ("a/loop", "-> ../a")], "a")
            .await;
    assert_eq!(super::ids(&rendered), ["ConfigMap x"]);
    let fault = fault(&[("a/x.yaml", "-> nothing.yaml")], "a").await;
    assert!(fault.message.contains("link to nothing"), "{fault}");
}

#[tokio::test]
async fn kustomizations_reach_neither_other_hosts_nor_other_folders() {
    let table = [
        ("resources:\n- https://10.0.0.1/x.yaml\n", 2, "another host"),
        ("resources:\n- github.com/acme/base?ref=v1\n", 2, "another host"),
        ("resources: [x.yaml]\nbases:\n- git@github.com:acme/base\n", 3, "another host"),
        ("components:\n- ../../outside\n", 2, "leads out of the repository"),
        ("resources:\n- /etc\n", 2, "leads out of the repository"),
        ("patches:\n- path: ../../../etc/passwd\n", 2, "leads out of the repository"),
        (
            "configMapGenerator:\n- name: a\n  files:\n  - k=http://169.254.169.254/latest\n",
            4,
            "another host",
        ),
        ("helmCharts:\n- name: a\n", 2, "fetches charts"),
        ("Resources:\n- https://10.0.0.1/x.yaml\n", 2, "another host"),
        ("re\u{17f}ourceS:\n- ../../outside\n", 2, "leads out of the repository"),
        ("resources:\n- gone.yaml\n", 2, "there is no `a/gone.yaml`"),
        ("resources:\n- empty\n", 2, "holds no kustomization.yaml"),
        ("generators:\n- gen.yaml\n", 4, "another host"),
        (
            "transformers:\n- |\n  apiVersion: builtin\n  kind: PatchTransformer\n  path: https://x.example/p.yaml\n",
            3,
            "another host",
        ),
        ("resources: [x.yaml\n", 1, "not valid YAML"),
        ("configMapGenerator:\n- files: [\"k=HTTP://127.0.0.1/meta#: x\"]\n", 2, "another host"),
        ("patchesStrategicMerge:\n- \"http://127.0.0.1/meta#: x\"\n", 2, "another host"),
        ("resources:\n- |\n  https://10.0.0.1/acme/x\n", 3, "another host"),
        ("resources:\n- org-1@10.0.0.1:acme/x\n", 2, "another host"),
        ("generators:\n- \"a: b/../../../outside\"\n", 2, "leads out of the repository"),
    ];
    for (text, line, message) in table {
        let generator = "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: x}\nfiles: [a=https://x.example/]\n";
        let files = [
            ("a/kustomization.yaml", text),
            ("a/x.yaml", &map("x")),
            ("a/empty/README", ""),
            ("a/gen.yaml", generator),
        ];
        let fault = fault(&files, "a").await;
        assert!(fault.message.contains(message), "{text}: {fault}");
        assert_eq!(fault.line.unwrap_or(0), line, "{text}: {fault}");
    }
}

/// A kustomization in `k` whose generator or patch would fetch from `address`, and the other files that it takes.
fn fetching(address: &str) -> Vec<Vec<(String, String)>> {
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let kustomization = |text: &str| file("k/kustomization.yaml", text);
    let generator = format!(
        "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {{name: x}}\nfiles: [\"k={address}\"]\n"
    );
    let indented = generator.replace('\n', "\n  ");
    let list = format!("apiVersion: v1\nkind: List\nitems:\n- {indented}\n");
    let deep = format!("{generator}deep: {}{}\n", "[".repeat(150), "]".repeat(150));
    let twice = format!("{generator}files: []\n");
    let bare = "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: x}\n";
    let patch = format!(
        "patches:\n- target: {{kind: ConfigMapGenerator}}\n  patch: |\n    - {{op: add, path: /files, value: [\"k={address}\"]}}\n"
    );
    let prefix = "configurations: [c.yaml]\nnamePrefix: \"http:\"\n";
    let by_path = kustomization("generators: [gen.yaml]\n");
    vec![
        vec![kustomization(&format!("configMapGenerator:\n- name: x\n  files: [\"k={address}\"]\n"))],
        vec![kustomization(&format!("configMapGenerator:\n- name: x\n  files: [\"k={address}#: x\"]\n"))],
        vec![kustomization(&format!("configMapGenerator:\n- name: x\n  envs: [\"{address}#: x\"]\n"))],
        vec![kustomization(&format!("patchesStrategicMerge: [\"{address}#: x\"]\n"))],
        vec![kustomization(&format!("crds: [\"{address}#: x\"]\n"))],
        vec![by_path.clone(), file("k/gen.yaml", &generator)],
        vec![by_path.clone(), file("k/gen.yaml", &list)],
        vec![by_path.clone(), file("k/gen.yaml", &deep)],
        vec![by_path, file("k/gen.yaml", &twice)],
        vec![kustomization("generators: [\"a:\"]\n"), file("k/a:", &generator)],
        vec![kustomization(&format!("generators:\n- |\n  {indented}"))],
        vec![kustomization(&format!("generators:\n- |\n  {}", list.replace('\n', "\n  ")))],
        vec![
            kustomization("generators: [g]\n"),
            file("k/g/kustomization.yaml", &format!("resources: [gen.yaml]\n{patch}")),
            file("k/g/gen.yaml", bare),
        ],
        vec![
            kustomization("generators: [g]\n"),
            file("k/g/kustomization.yaml", "resources: [../../b]\n"),
            file("b/kustomization.yaml", &format!("resources: [gen.yaml]\n{patch}")),
            file("b/gen.yaml", bare),
        ],
        vec![
            kustomization("transformers: [g]\n"),
            file("k/g/kustomization.yaml", &format!("resources: [gen.yaml]\n{prefix}")),
            file("k/g/c.yaml", "namePrefix: [{path: path}]\n"),
            file(
                "k/g/gen.yaml",
                "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: x}\npath: //x\n",
            ),
        ],
    ]
}

#[tokio::test]
async fn kustomizations_fetch_nothing_however_the_address_is_wrapped() {
    let host = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    host.set_nonblocking(true).unwrap();
    let address = format!("http://{}/meta", host.local_addr().unwrap());
    for files in fetching(&address) {
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let rendered = one(&files, "k").await;
        assert!(!rendered.faults.is_empty(), "{files:?}");
        assert!(host.accept().is_err(), "it was fetched: {files:?}");
    }
}

#[tokio::test]
async fn plugins_that_fetch_nothing_may_speak_of_addresses() {
    let generator = "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: m}\nliterals: [\"url=https://x.example/\"]\n";
    let transformer = "transformers:\n- |\n  apiVersion: builtin\n  kind: AnnotationsTransformer\n  metadata: {name: x}\n  \
                       annotations: {docs: \"https://x.example/\"}\n  fieldSpecs: [{path: metadata/annotations, create: true}]\n";
    let rendered = one(
        &[
            ("k/kustomization.yaml", &format!("generators: [g, gen.yaml]\n{transformer}")),
            ("k/gen.yaml", &generator.replace("name: m", "name: n")),
            ("k/g/kustomization.yaml", "resources: [gen.yaml]\n"),
            ("k/g/gen.yaml", generator),
        ],
        "k",
    )
    .await;
    assert_eq!(super::ids(&rendered).len(), 2);
    let body = &rendered.bundle.objects[0].body;
    assert_eq!(body["data"]["url"], "https://x.example/");
    assert_eq!(body["metadata"]["annotations"]["docs"], "https://x.example/");
}

#[tokio::test]
async fn a_linked_folder_is_walked_from_where_it_really_lies() {
    // Seen from the link, `../../outside` lies in the repository; kustomize resolves the link first, and leaves it.
    let files = [
        ("overlays/l", "-> ../x"),
        ("x/kustomization.yaml", "resources: [../../outside]\n"),
        ("outside/kustomization.yaml", "resources: [m.yaml]\n"),
        ("outside/m.yaml", &map("m")),
        ("k/kustomization.yaml", "resources: [../overlays/l]\n"),
    ];
    for app in ["overlays/l", "k"] {
        let fault = fault(&files, app).await;
        assert!(fault.message.contains("`../../outside` leads out of the repository"), "{fault}");
        assert_eq!(fault.file.as_deref(), Some("x/kustomization.yaml"));
    }
    // And one that stays within it is found where it is.
    let files = [
        ("deep/er/l", "-> ../../x"),
        ("x/kustomization.yaml", "resources: [../base]\n"),
        ("base/kustomization.yaml", "resources: [m.yaml]\n"),
        ("base/m.yaml", &map("m")),
    ];
    let rendered = one(&files, "deep/er/l").await;
    assert_eq!(super::ids(&rendered), ["ConfigMap m"]);
    assert_eq!(rendered.bundle.objects[0].origin.file.as_deref(), Some("base/m.yaml"));
}

#[tokio::test]
async fn charts_reach_neither_the_cluster_nor_the_network_nor_other_files() {
    let template = format!(
        "{}data:\n  lookup: {{{{ lookup \"v1\" \"Secret\" \"default\" \"x\" | toJson | quote }}}}\n  dns: {{{{ getHostByName \"localhost\" | quote }}}}\n  \
         file: {{{{ .Files.Get \"/etc/passwd\" | quote }}}}\n  up: {{{{ .Files.Get \"../secret\" | quote }}}}\n",
        map("m")
    );
    let rendered =
        one(&[("a/Chart.yaml", CHART), ("a/templates/x.yaml", &template), ("secret", "s")], "a").await;
    let data = rendered.bundle.objects[0].body["data"].clone();
    assert_eq!(data, serde_json::json!({"lookup": "{}", "dns": "", "file": "", "up": ""}));
}

#[tokio::test]
async fn values_and_release_names_cannot_escape() {
    let root = tree(&[("a/Chart.yaml", CHART), ("a/templates/x.yaml", &map("m"))]);
    let table: [(Option<&str>, &str, &str); 4] = [
        (Some("--post-renderer=x"), "", "cannot be a release's name"),
        (None, "../../etc/passwd", "outside the repository"),
        (None, "/../x", "outside the repository"),
        (None, "gone.yaml", "there is no file `a/gone.yaml`"),
    ];
    for (release, values, message) in table {
        let values = if values.is_empty() { Vec::new() } else { vec![Values::File(values.to_owned())] };
        let helm = Helm { release: release.map(str::to_owned), values, include_crds: false };
        let rendered =
            render_all(&root, &[Source { helm: Some(helm), ..source("a") }], None, &Capabilities::default())
                .await;
        let fault = &rendered.faults[0];
        assert!(fault.message.contains(message), "{fault}");
        assert_eq!((fault.file.as_deref(), fault.line), (Some(".tidegate.yaml"), Some(7)), "{fault}");
    }
}

#[tokio::test]
async fn endless_templates_end() {
    let bombs = [
        "{{ define \"a\" }}{{ include \"a\" . }}{{ end }}{{ include \"a\" . }}",
        "{{ tpl \"{{ tpl .s . }}\" (dict \"s\" \"{{ tpl .s . }}\" \"Template\" .Template) }}",
    ];
    let mut strict = renderers();
    strict.limits.program.data = Some(256 << 20);
    for bomb in bombs {
        let root = tree(&[("a/Chart.yaml", CHART), ("a/templates/x.yaml", bomb)]);
        let environment = "staging".parse().unwrap();
        let (sources, capabilities) = ([source("a")], Capabilities::default());
        let budget = Budget::new(&strict.limits);
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
        let fault = render(&strict, &wanted).await.unwrap().faults.remove(0);
        assert!(fault.message.starts_with("helm") && !fault.message.contains("goroutine"), "{fault}");
        assert!(fault.message.len() < 8_000);
    }
}
