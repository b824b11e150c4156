//! What must not work: links, hosts, templates and values that reach for more than their folder.

use super::{fault, map, one, render_all, renderers, source, tree};
use crate::model::settings::{Helm, Source, Values};
use crate::model::target::Capabilities;
use crate::render::{Wanted, render};

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
        ("generators:\n- gen.yaml\n", 0, "another host"),
        (
            "transformers:\n- |\n  apiVersion: builtin\n  kind: PatchTransformer\n  path: https://x.example/p.yaml\n",
            0,
            "another host",
        ),
        ("resources: [x.yaml\n", 1, "not valid YAML"),
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
        let wanted = Wanted {
            root: root.path(),
            environment: &environment,
            sources: &sources,
            namespace: None,
            capabilities: &capabilities,
        };
        let fault = render(&strict, &wanted).await.unwrap().faults.remove(0);
        assert!(fault.message.starts_with("helm") && !fault.message.contains("goroutine"), "{fault}");
        assert!(fault.message.len() < 8_000);
    }
}
