//! What a commit holds and was not written out: met as what it is by whoever walks there, and by nobody else.

use std::fs;
use std::sync::Arc;

use serde_json::json;

use super::{fault, ids, map, render_without, source, tree};
use crate::model::fault::Fault;
use crate::model::settings::{Helm, Source, Values};
use crate::model::target::Capabilities;
use crate::render::{Omitted, Rendered};

const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.0.0\n";
const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n";
const SEALED: &str =
    "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nsops:\n  mac: ENC[x]\n  version: 3.9.0\n";

/// The files of a tree.
type Files<'a> = Vec<(&'a str, &'a str)>;

/// What was left out of a tree.
#[derive(Clone, Copy, Default)]
struct Left<'a> {
    links: &'a [&'a str],
    submodules: &'a [&'a str],
    foreign: &'a [&'a str],
}

/// Renders a tree that lacks these names.
async fn without(files: &[(&str, &str)], left: Left<'_>, sources: &[Source]) -> Rendered {
    let root = tree(files);
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let all = [owned(left.links), owned(left.submodules), owned(left.foreign)];
    for path in all.iter().flatten().filter_map(|path| path.rsplit_once('/')) {
        fs::create_dir_all(root.path().join(path.0)).unwrap();
    }
    let [links, submodules, foreign] = &all;
    let omitted = Arc::new(Omitted::new(links, submodules, foreign));
    render_without(&root, &omitted, sources, None, &Capabilities::default()).await
}

async fn only(files: &[(&str, &str)], left: Left<'_>, source: Source) -> Fault {
    let mut rendered = without(files, left, &[source]).await;
    assert_eq!(rendered.faults.len(), 1, "{:#?}", rendered.faults);
    rendered.faults.remove(0)
}

fn links<'a>(links: &'a [&'a str]) -> Left<'a> {
    Left { links, ..Left::default() }
}

fn submodules<'a>(submodules: &'a [&'a str]) -> Left<'a> {
    Left { submodules, ..Left::default() }
}

fn valued(file: &str) -> Source {
    let helm = Helm { values: vec![Values::File(file.to_owned())], ..Helm::default() };
    Source { helm: Some(helm), ..source("a") }
}

/// Trees whose app needs `b/x`, one way or another, by what is told of it.
fn reaching() -> Vec<(Files<'static>, Source, &'static str)> {
    let chart = ("a/Chart.yaml", CHART);
    let kustomization = |text| vec![("a/kustomization.yaml", text)];
    vec![
        (vec![("b/y.yaml", "")], source("b"), "plain"),
        (vec![], source("b"), "plain, nothing else there"),
        (vec![("b/y.yaml", "")], source("b/x"), "the app itself"),
        (vec![], source("b/x/deep/er"), "beneath it"),
        (vec![("b/y/m.yaml", "")], source("b/*"), "one star"),
        (vec![], source("*/*/*/overlays"), "stars beneath it"),
        (vec![("b/.keep", "")], source("b/x/{environment}"), "a placeholder beneath it"),
        (vec![("a/m.yaml", ""), ("a/l", "-> ../b/x")], source("a"), "a link to it"),
        (vec![("a", "-> b")], source("a/x/y"), "a linked folder around it"),
        (kustomization("resources: [../b/x]\n"), source("a"), "a base"),
        (kustomization("resources:\n- ../b/x/overlays/staging\n"), source("a"), "a base beneath it"),
        (kustomization("components: [../b/x]\n"), source("a"), "a component"),
        (kustomization("patches: [{path: ../b/x}]\n"), source("a"), "a patch"),
        (
            kustomization("configMapGenerator: [{name: m, files: [k=../b/x/f]}]\n"),
            source("a"),
            "a generator's file",
        ),
        (
            kustomization(
                "generators:\n- |\n  apiVersion: builtin\n  kind: ConfigMapGenerator\n  metadata: {name: m}\n  files: [k=../b/x]\n",
            ),
            source("a"),
            "a plugin's file",
        ),
        (vec![chart, ("a/charts", "-> ../b")], source("a"), "charts in a chart"),
        (vec![chart], valued("/b/x"), "values"),
        (vec![chart], valued("../b/x/prod.yaml"), "values beneath it"),
    ]
}

#[tokio::test]
async fn a_submodule_on_the_way_is_told_with_what_to_do() {
    for (files, source, what) in reaching() {
        let fault = only(&files, submodules(&["b/x"]), source).await;
        assert_eq!(fault.message, "`b/x` is a submodule, and submodules are not fetched", "{what}: {fault}");
        assert!(fault.hint.contains("copy its files into this repository"), "{what}: {fault}");
        assert!(fault.file.is_some(), "{what}: {fault}");
    }
}

#[tokio::test]
async fn a_link_that_leads_out_is_told_by_its_own_path() {
    for (files, source, what) in reaching() {
        let fault = only(&files, links(&["b/x"]), source).await;
        assert_eq!(fault.message, "`b/x` is a link that leads out of the repository", "{what}: {fault}");
        assert!(fault.hint.contains("replace it by the file itself"), "{what}: {fault}");
    }
}

#[tokio::test]
async fn what_makes_a_folder_an_app_is_not_overlooked() {
    for (file, left) in [
        ("a/Chart.yaml", links(&["a/Chart.yaml"])),
        ("a/kustomization.yaml", links(&["a/kustomization.yaml"])),
        ("b/kustomization.yaml", links(&["b/kustomization.yaml"])),
    ] {
        let rest = [("a/kustomization.yml", "resources: [../b]\n"), ("b/m.yaml", "")];
        let fault = only(&rest, left, source("a")).await;
        assert_eq!(fault.message, format!("`{file}` is a link that leads out of the repository"), "{fault}");
    }
}

#[tokio::test]
async fn a_name_that_is_no_text_is_told_where_it_may_be_meant() {
    let chart = [("a/Chart.yaml", CHART)];
    let kept = [("a/m.yaml", map("m"))].map(|(path, text)| (path, text.leak() as &str));
    for (files, name, pattern) in [
        (&kept[..], "a/\u{fffd}.yaml", "a"),
        (&kept, "a/\u{fffd}/deep/x.yaml", "a"),
        (&kept, "a/b/\u{fffd}.yaml", "a"),
        (&[], "a/\u{fffd}/x.yaml", "a/*"),
        (&chart, "a/templates/\u{fffd}.yaml", "a"),
    ] {
        let left = Left { foreign: &[name], ..Left::default() };
        let fault = only(files, left, source(pattern)).await;
        let folder = if name.starts_with("a/b") {
            "a/b"
        } else if name.contains("templates") {
            "a/templates"
        } else {
            "a"
        };
        assert_eq!(fault.message, format!("a file's name in `{folder}` is not UTF-8"), "{fault}");
    }
}

#[tokio::test]
async fn what_lies_elsewhere_disturbs_nobody() {
    let (m, n) = (map("m"), map("n"));
    let files = [
        ("a/m.yaml", m.as_str()),
        ("k/kustomization.yaml", "resources: [../base]\n"),
        ("base/kustomization.yaml", "resources: [n.yaml]\n"),
        ("base/n.yaml", &n),
        ("c/Chart.yaml", CHART),
        ("a/.hidden/x.yaml", "no manifest"),
    ];
    let left = Left {
        links: &["elsewhere/l", "base/overlooked.yaml", "top", "a/.hidden/l"],
        submodules: &["vendor/x", "k/vendor", "sub"],
        foreign: &["\u{fffd}", "elsewhere/\u{fffd}.yaml", "base/\u{fffd}"],
    };
    let rendered = without(&files, left, &[source("a"), source("k"), source("c"), source("d/*")]).await;
    assert_eq!(ids(&rendered), ["ConfigMap m", "ConfigMap n"]);
    assert_eq!(rendered.matched, [true, true, true, false]);
}

#[tokio::test]
async fn a_pointer_of_large_file_storage_is_told_wherever_a_renderer_would_read_it() {
    let m = map("m");
    let table: Vec<(&str, Files<'_>, Source)> = vec![
        ("a/x.yaml", vec![], source("a")),
        ("a/x.yaml", vec![], source("a/x.yaml")),
        ("a/x.yaml", vec![("a/kustomization.yaml", "resources: [x.yaml]\n")], source("a")),
        ("a/x", vec![("a/kustomization.yaml", "configMapGenerator: [{name: m, files: [x]}]\n")], source("a")),
        ("a/x", vec![("a/kustomization.yaml", "secretGenerator: [{name: m, envs: [x]}]\n")], source("a")),
        (
            "a/x",
            vec![("a/kustomization.yaml", "resources: [m.yaml]\npatches: [{path: x}]\n"), ("a/m.yaml", &m)],
            source("a"),
        ),
        (
            "a/x",
            vec![("a/kustomization.yaml", "resources: [m.yaml]\ntransformers: [x]\n"), ("a/m.yaml", &m)],
            source("a"),
        ),
        (
            "a/x",
            vec![
                ("a/kustomization.yaml", "generators: [g.yaml]\n"),
                (
                    "a/g.yaml",
                    "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: m}\nfiles: [k=x]\n",
                ),
            ],
            source("a"),
        ),
        ("b/kustomization.yaml", vec![("a/kustomization.yaml", "resources: [../b]\n")], source("a")),
        ("a/kustomization.yaml", vec![], source("a")),
        ("a/values.yaml", vec![("a/Chart.yaml", CHART)], source("a")),
        ("a/Chart.yaml", vec![], source("a")),
        ("a/templates/x.yaml", vec![("a/Chart.yaml", CHART)], source("a")),
        ("a/charts/redis-1.0.0.tgz", vec![("a/Chart.yaml", CHART)], source("a")),
        ("values.yaml", vec![("a/Chart.yaml", CHART)], valued("/values.yaml")),
    ];
    for (pointer, mut files, source) in table {
        files.push((pointer, POINTER));
        let fault = only(&files, Left::default(), source).await;
        assert_eq!(
            fault.message,
            format!("`{pointer}` is a Git LFS pointer, not the file itself"),
            "{fault}"
        );
        assert_eq!((fault.file.as_deref(), fault.line), (Some(pointer), Some(1)), "{fault}");
        assert!(fault.hint.contains("git lfs untrack"), "{fault}");
    }
}

#[tokio::test]
async fn what_sops_encrypted_is_told_of_the_file_that_holds_it() {
    let template = format!("{SEALED}# {{{{ .Release.Name }}}}\n");
    let table: Vec<(&str, Option<u32>, Files<'_>, Source)> = vec![
        ("a/s.yaml", Some(5), vec![("a/s.yaml", SEALED)], source("a")),
        (
            "b/s.yaml",
            Some(5),
            vec![
                ("a/kustomization.yaml", "resources: [../b]\n"),
                ("b/kustomization.yaml", "resources: [s.yaml]\n"),
                ("b/s.yaml", SEALED),
            ],
            source("a"),
        ),
        (
            "a/templates/s.yaml",
            None,
            vec![("a/Chart.yaml", CHART), ("a/templates/s.yaml", &template)],
            source("a"),
        ),
        ("v.yaml", Some(5), vec![("a/Chart.yaml", CHART), ("v.yaml", SEALED)], valued("/v.yaml")),
    ];
    for (file, line, files, source) in table {
        let fault = only(&files, Left::default(), source).await;
        assert!(fault.message.contains("encrypted with SOPS"), "{fault}");
        assert!(fault.hint.contains("does not decrypt"), "{fault}");
        assert_eq!((fault.file.as_deref(), fault.line), (Some(file), line), "{fault}");
    }
    // A chart may have a value of that name.
    let files = [
        ("a/Chart.yaml", CHART),
        (
            "a/templates/m.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {seen: \"{{ .Values.sops.enabled }}\"}\n",
        ),
        ("v.yaml", "sops: {enabled: true}\n"),
    ];
    let rendered = without(&files, Left::default(), &[valued("/v.yaml")]).await;
    assert_eq!(rendered.bundle.objects[0].body["data"], json!({"seen": "true"}));
}

#[tokio::test]
async fn a_real_link_out_is_told_in_the_same_words() {
    let fault = fault(&[("a/m.yaml", "-> /etc/hostname")], "a").await;
    assert_eq!(fault.message, "`a/m.yaml` is a link that leads out of the repository");
}
