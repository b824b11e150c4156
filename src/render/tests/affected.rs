//! Rendering only what a change can touch gives the same as rendering everything anew.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::{Strategy, prop, prop_oneof, proptest};
use proptest::test_runner::Config;
use tempfile::TempDir;

use super::{Rendered, renderers, source, tree};
use crate::model::id::{Digest, RepoId};
use crate::model::settings::{Helm, Source, Values, Versions};
use crate::model::target::Capabilities;
use crate::render::{Budget, Cache, Renderers, Wanted, render};

/// A tree's files by path; `-> target` makes a symbolic link.
type Files = BTreeMap<String, String>;

/// A component that sets a label to `V`.
const COMPONENT: &str =
    "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nlabels: [{pairs: {v: V}}]\n";

/// A repository with every way in which apps share files.
fn shaped() -> Files {
    let map = |name: &str| super::map(name);
    let files = [
        ("base/kustomization.yaml", "resources: [a.yaml, ../common]\ncomponents: [../component]\n".to_owned()),
        ("base/a.yaml", map("a")),
        ("common/kustomization.yml", "resources: [c.json]\n".to_owned()),
        ("common/c.json", r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}"#.to_owned()),
        ("component/kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches: [{path: p.yaml, target: {kind: ConfigMap}}]\n".to_owned()),
        ("component/p.yaml", "- op: add\n  path: /metadata/labels\n  value: {component: x}\n".to_owned()),
        ("k1/kustomization.yaml", KUSTOMIZATION.to_owned()),
        ("k1/file.txt", "one".to_owned()),
        ("k1/env", "A=1\n".to_owned()),
        ("k1/more.env", "B=1\n".to_owned()),
        ("k1/secret.txt", "s3cret".to_owned()),
        ("k1/merge.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {merged: '1'}\n".to_owned()),
        ("k1/six.yaml", "- op: add\n  path: /metadata/annotations\n  value: {six: '1'}\n".to_owned()),
        ("k1/replace.yaml", "source: {kind: ConfigMap, name: c, fieldPath: metadata.name}\ntargets: [{select: {kind: ConfigMap, name: a}, fieldPaths: [data.merged]}]\n".to_owned()),
        ("k1/transform/kustomization.yaml", "resources: [label.yaml]\n".to_owned()),
        ("k1/transform/label.yaml", "apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: l}\nlabels: {t: '1'}\nfieldSpecs: [{path: metadata/labels, create: true}]\n".to_owned()),
        ("k1/generate.yaml", "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: made}\nfiles: [made.txt]\n".to_owned()),
        ("k1/made.txt", "made".to_owned()),
        ("k1/patcher.yaml", "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\npath: patcher-patch.yaml\ntarget: {kind: ConfigMap, name: c}\n".to_owned()),
        ("k1/patcher-patch.yaml", "- op: add\n  path: /data\n  value: {patched: '1'}\n".to_owned()),
        ("k1/names.yaml", "namePrefix: [{path: data/merged}]\n".to_owned()),
        ("k1/crd.json", "{}".to_owned()),
        ("k2/kustomization.yaml", "resources: [../linked]\nnameSuffix: -two\n".to_owned()),
        ("linked", "-> base".to_owned()),
        ("k3/kustomization.yaml", "resources: [x.yaml]\n".to_owned()),
        ("k3/x.yaml", "-> deep/x.yaml".to_owned()),
        ("k3/deep/x.yaml", map("x")),
                ("charts/web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies: [{name: lib, version: 1.x, repository: 'file://../../libs/lib'}]\n".to_owned()),
        ("charts/web/values.yaml", "name: web\n".to_owned()),
        ("charts/web/templates/all.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Values.name }}'}\ndata: {extra: '{{ .Files.Get \"files/extra.txt\" }}', v: '{{ .Values.v }}', current: '{{ .Files.Get \"files/current/x.txt\" }}'}\n".to_owned()),
        ("charts/web/files/extra.txt", "extra".to_owned()),
        ("charts/web/.helmignore", "ignored.txt\n".to_owned()),
        ("charts/web/charts/sub/Chart.yaml", "apiVersion: v2\nname: sub\nversion: 1.0.0\n".to_owned()),
        ("charts/web/charts/sub/templates/s.yaml", map("sub")),
        ("libs/lib/Chart.yaml", "apiVersion: v2\nname: lib\nversion: 1.2.0\ndependencies: [{name: deep, version: 0.1.0, repository: 'file://../deep'}]\n".to_owned()),
        ("libs/lib/templates/l.yaml", map("lib")),
        ("libs/deep/Chart.yaml", "apiVersion: v2\nname: deep\nversion: 0.1.0\n".to_owned()),
        ("libs/deep/templates/d.yaml", map("deep")),
        ("charts/web/files/v1/x.txt", "one".to_owned()),
        ("charts/web/files/v2/x.txt", "two".to_owned()),
        ("charts/web/files/current", "-> v1".to_owned()),
        ("charts/web/templates/linked", "-> ../../../more-templates".to_owned()),
        ("more-templates/t.yaml", map("linked")),
        ("k5/kustomization.yaml", "resources: [m.yaml]\ncomponents: [c1, c2, c3]\n".to_owned()),
        ("k5/m.yaml", map("m5")),
        ("k5/c1", "-> ../comps/a".to_owned()),
        ("k5/c2", "-> ../comps/b".to_owned()),
        ("k5/c3", "-> ../comps/a".to_owned()),
        ("comps/a/kustomization.yaml", COMPONENT.replace("v: V", "v: a")),
        ("comps/b/kustomization.yaml", COMPONENT.replace("v: V", "v: b")),
        ("shared/prod.yaml", "v: prod\n".to_owned()),
        ("plain/p.yaml", map("p")),
        ("plain/deeper/q.yml", map("q")),
        ("plain/link", "-> ../shared-plain".to_owned()),
        ("shared-plain/r.yaml", map("r")),
        ("README.md", "nothing".to_owned()),
    ];
    files.into_iter().map(|(path, content)| (path.to_owned(), content)).collect()
}

const KUSTOMIZATION: &str = "resources: [../base]
configurations: [names.yaml]
crds: [crd.json]
configMapGenerator:
- {name: m, files: [f=file.txt], envs: [env], env: more.env}
secretGenerator:
- {name: s, files: [secret.txt]}
patchesStrategicMerge: [merge.yaml]
patchesJson6902: [{path: six.yaml, target: {version: v1, kind: ConfigMap, name: a}}]
replacements: [{path: replace.yaml}]
transformers: [transform, patcher.yaml]
generators: [generate.yaml]
";

fn sources() -> Vec<Source> {
    let helm = Helm {
        release: Some("shop".to_owned()),
        values: vec![Values::File("values.yaml".to_owned()), Values::File("/shared/prod.yaml".to_owned())],
        include_crds: false,
    };
    let chart = Source { helm: Some(helm), ..source("charts/*") };
    vec![source("k*"), chart, source("plain")]
}

fn write(files: &Files) -> TempDir {
    let files: Vec<(&str, &str)> =
        files.iter().map(|(path, content)| (path.as_str(), content.as_str())).collect();
    tree(&files)
}

async fn rendered(renderers: &Renderers, root: &Path, sources: &[Source]) -> Rendered {
    let environment = "staging".parse().unwrap();
    let budget = Budget::new(&renderers.limits);
    let capabilities = Capabilities::default();
    let wanted = Wanted {
        root,
        owner: RepoId(1),
        versions: &Versions::default(),
        omitted: &std::sync::Arc::default(),
        environment: &environment,
        sources,
        namespace: Some("web"),
        capabilities: &capabilities,
        budget: &budget,
    };
    render(renderers, &wanted).await.unwrap()
}

/// Renders with what was kept and without, which must agree. Gives what it was.
async fn both(kept: &Renderers, files: &Files, sources: &[Source]) -> Rendered {
    let root = write(files);
    let anew = Renderers { cache: None, ..kept.clone() };
    let affected = rendered(kept, root.path(), sources).await;
    let full = rendered(&anew, root.path(), sources).await;
    assert_eq!(affected, full);
    full
}

fn keeping() -> Renderers {
    Renderers { cache: Some(Cache::temporary(64 << 20).unwrap()), ..renderers() }
}

/// A manifest that is nowhere yet.
const OTHER: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: other\n";

/// What is edited: a path, and its content; none: it is removed.
type Edits = &'static [(&'static str, Option<&'static str>)];

/// Changes in which names matter, not only contents.
const NAMED: &[(&str, Edits)] = &[
    ("a chart's link leads elsewhere", &[("charts/web/files/current", Some("-> v2"))]),
    ("a chart's link vanishes", &[("charts/web/files/current", None)]),
    ("a chart gets a link to nothing", &[("charts/web/files/gone", Some("-> nowhere"))]),
    ("a component's link leads elsewhere", &[("k5/c3", Some("-> ../comps/b"))]),
    ("a folder behind a chart's link gets a template", &[("more-templates/u.yaml", Some(OTHER))]),
    (
        "a name that kustomize prefers appears",
        &[
            ("common/kustomization.yaml", Some("resources: [d.yaml]\n")),
            ("common/d.yaml", Some(OTHER)),
            ("common/kustomization.yml", None),
        ],
    ),
    ("two names that kustomize refuses", &[("common/kustomization.yaml", Some("resources: []\n"))]),
    (
        "a file becomes a folder",
        &[
            ("k3/x.yaml", None),
            ("k3/x.yaml/kustomization.yaml", Some("resources: [y.yaml]\n")),
            ("k3/x.yaml/y.yaml", Some(OTHER)),
        ],
    ),
    ("a link leads elsewhere", &[("linked", Some("-> common"))]),
    (
        "a link becomes a folder",
        &[
            ("linked", None),
            ("linked/kustomization.yaml", Some("resources: [l.yaml]\n")),
            ("linked/l.yaml", Some(OTHER)),
        ],
    ),
    ("a file behind a link changes", &[("k3/deep/x.yaml", Some(OTHER))]),
    ("a file of a base vanishes", &[("base/a.yaml", None)]),
    ("a file appears in a plain folder", &[("plain/n.yaml", Some(OTHER))]),
    ("a folder behind a link gets a file", &[("shared-plain/s.yaml", Some(OTHER))]),
    ("a template appears", &[("charts/web/templates/n.yaml", Some(OTHER))]),
    ("a file that templates glob appears", &[("charts/web/files/new.txt", Some("n"))]),
    (
        "a template's partial changes",
        &[("charts/web/templates/_p.tpl", Some("{{ define \"x\" }}y{{ end }}"))],
    ),
    (
        "a chart's chart vanishes",
        &[("charts/web/charts/sub/Chart.yaml", None), ("charts/web/charts/sub/templates/s.yaml", None)],
    ),
    ("the chart that is depended on gets a template", &[("libs/lib/templates/m.yaml", Some(OTHER))]),
    ("a chart two steps away changes", &[("libs/deep/templates/e.yaml", Some(OTHER))]),
    (
        "a dependency comes to lie in the chart",
        &[
            ("charts/web/charts/lib/Chart.yaml", Some("apiVersion: v2\nname: lib\nversion: 1.0.0\n")),
            ("charts/web/charts/lib/templates/v.yaml", Some(OTHER)),
        ],
    ),
    (
        "a dependency's version leaves the range",
        &[("libs/lib/Chart.yaml", Some("apiVersion: v2\nname: lib\nversion: 2.0.0\n"))],
    ),
    ("an ignored file appears", &[("charts/web/ignored.txt", Some("i"))]),
    ("values that are shared change", &[("shared/prod.yaml", Some("v: other\n"))]),
    ("an app appears", &[("k4/kustomization.yaml", Some("resources: [../base]\nnamePrefix: four-\n"))]),
    ("an app vanishes", &[("k2/kustomization.yaml", None)]),
    (
        "a chart becomes a kustomization's neighbour",
        &[
            ("charts/new/Chart.yaml", Some("apiVersion: v2\nname: new\nversion: 0.1.0\n")),
            ("charts/new/templates/n.yaml", Some(OTHER)),
        ],
    ),
];

/// Every file changed once, in the ways that files change, and the ways in which names alone matter.
fn changes(base: &Files) -> Vec<(String, Files)> {
    let mut changes = Vec::new();
    for (path, content) in base {
        if content.starts_with("-> ") {
            continue;
        }
        let mut files = base.clone();
        let changed = match path.rsplit('.').next() {
            Some("json") => content.replace("\"c\"", "\"c9\"").replace("{}", "{ }"),
            _ if content.starts_with("- op") => {
                content.replace("'1'", "'2'").replace("component: x", "component: y")
            }
            Some("yaml" | "yml") if content.contains("kind: ConfigMap\nmetadata:\n") => {
                format!("{content}  labels: {{changed: 'yes'}}\n")
            }
            Some("yaml" | "yml") => format!("{content}# changed\n"),
            _ => format!("{content}Z=9\n"),
        };
        files.insert(path.clone(), changed);
        changes.push((format!("{path} changes"), files));
    }
    for (what, edits) in NAMED {
        let mut files = base.clone();
        for (path, content) in *edits {
            match content {
                Some(content) => drop(files.insert((*path).to_owned(), (*content).to_owned())),
                None => drop(files.remove(*path)),
            }
        }
        changes.push(((*what).to_owned(), files));
    }
    changes
}

#[tokio::test]
async fn whatever_changes_only_the_affected_apps_are_rendered_and_nothing_is_missed() {
    let kept = keeping();
    let base = shaped();
    let before = both(&kept, &base, &sources()).await;
    assert_eq!(before.faults, [], "the tree renders");
    let changes = changes(&base);
    assert!(changes.len() > 60, "{}", changes.len());
    let (mut same, mut other, mut wrong) = (0, 0, 0);
    for (what, files) in &changes {
        let after = both(&kept, files, &sources()).await;
        let count = if !after.faults.is_empty() {
            &mut wrong
        } else if after.bundle == before.bundle {
            &mut same
        } else {
            &mut other
        };
        *count += 1;
        assert!(!what.is_empty());
    }
    // Comments and files that nobody reads change nothing, most others do: the cases are no formality.
    assert!(other > 25 && same > 3 && wrong > 2, "{other} differ, {same} do not, {wrong} do not render");
}

#[tokio::test]
async fn settings_and_the_target_are_inputs_too() {
    let kept = keeping();
    let base = shaped();
    both(&kept, &base, &sources()).await;
    let mut digests = Vec::<Digest>::new();
    for (release, value, crds) in
        [("shop", "a", false), ("stall", "a", false), ("shop", "b", false), ("shop", "b", true)]
    {
        let helm = Helm {
            release: Some(release.to_owned()),
            values: vec![Values::Inline(serde_json::json!({"v": format!("{value}{release}")}))],
            include_crds: crds,
        };
        let chart = Source { helm: Some(helm), ..source("charts/web") };
        digests.push(both(&kept, &base, &[chart]).await.bundle.digest());
    }
    assert!(digests[0] != digests[1] && digests[0] != digests[2]);
}

/// A step of somebody who edits the repository.
#[derive(Debug, Clone)]
enum Edit {
    Change(usize, u8),
    Remove(usize),
    Move(usize, usize),
    Link(usize, usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        5 => (0..100_usize, 0..4_u8).prop_map(|(at, how)| Edit::Change(at, how)),
        1 => (0..100_usize).prop_map(Edit::Remove),
        2 => (0..100_usize, 0..100_usize).prop_map(|(from, to)| Edit::Move(from, to)),
        1 => (0..100_usize, 0..100_usize).prop_map(|(from, to)| Edit::Link(from, to)),
    ]
}

/// Files beneath a file would not be a tree.
fn is_tree(files: &Files) -> bool {
    files.keys().all(|path| path.match_indices('/').all(|(at, _)| !files.contains_key(&path[..at])))
}

fn apply(files: &mut Files, edit: &Edit) {
    let paths: Vec<String> = files.keys().cloned().collect();
    let nth = |at: usize| paths[at % paths.len()].clone();
    match edit {
        Edit::Change(at, how) => {
            let text = files.get_mut(&nth(*at)).unwrap();
            if text.starts_with("-> ") {
                return;
            }
            *text = match how {
                0 => format!("{text}\n# more\n"),
                1 => text.replace('1', "2"),
                2 => text.replace("name: a", "name: b"),
                _ => text.replace("kind: ConfigMap", "kind: Secret"),
            };
        }
        Edit::Remove(at) => drop(files.remove(&nth(*at))),
        Edit::Move(from, to) => {
            // The content of one file under the name of another.
            let content = files[&nth(*from)].clone();
            files.insert(nth(*to), content);
        }
        Edit::Link(from, to) => {
            let (from, to) = (nth(*from), nth(*to));
            let up = "../".repeat(from.matches('/').count());
            if from != to {
                files.insert(from, format!("-> {up}{to}"));
            }
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 16, ..Config::default() })]
    #[test]
    fn after_any_edits_rendering_the_affected_is_rendering_all(
        edits in prop::collection::vec(prop::collection::vec(edit(), 1..4), 1..4),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let kept = keeping();
            let mut files = shaped();
            both(&kept, &files, &sources()).await;
            for commit in &edits {
                let mut next = files.clone();
                for edit in commit {
                    apply(&mut next, edit);
                }
                if !is_tree(&next) || next.is_empty() {
                    continue;
                }
                both(&kept, &next, &sources()).await;
                files = next;
            }
        });
    }
}
