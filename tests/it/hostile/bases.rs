//! Kustomizations that reach for other hosts, programs or files, or that give far more than they say.

use std::fmt::Write as _;

use serde_json::json;

use crate::hostile::Kind;
use crate::hostile::case::{Case, lines, map, refused};

const ELSEWHERE: &str = "lies on another host";

/// A kustomization that is refused at a line.
fn at(line: u32, told: &str, text: &str) -> Case {
    let place = format!("h/kustomization.yaml:{line}:");
    refused(&[&place, told]).file("h/kustomization.yaml", text).file("h/m.yaml", map("m"))
}

/// An object that asks a kustomization for a program.
fn function(runs: &str) -> String {
    format!(
        "apiVersion: x.example/v1\nkind: Runs\nmetadata:\n  name: f\n  annotations:\n    config.kubernetes.io/function: |\n      {runs}\n"
    )
}

/// Each folder names the one below twice, under two prefixes.
fn doubling(levels: usize) -> Case {
    let mut case = refused(&["kustomize did not end within 4 s or kustomize crashed: fatal error: "])
        .config(json!({"render": {"seconds": 4}}));
    case = case.file("l0/kustomization.yaml", "resources: [m.yaml]\n").file("l0/m.yaml", map("m"));
    for level in 1..=levels {
        for half in ["a", "b"] {
            let text = format!("namePrefix: {half}-\nresources: [../l{}]\n", level - 1);
            case = case.file(format!("l{level}{half}/kustomization.yaml"), text);
        }
        let both = format!("resources: [../l{level}a, ../l{level}b]\n");
        case = case.file(format!("l{level}/kustomization.yaml"), both);
    }
    case.sources(&format!("[{{path: l{levels}}}]"))
}

pub(super) const KINDS: &[Kind] = &[
    ("a base of another host", |_| at(2, ELSEWHERE, "resources:\n- https://10.0.0.1/acme/base?ref=v1\n")),
    ("a base by git::", |_| at(1, ELSEWHERE, "resources: ['git::https://10.0.0.1/acme/base']\n")),
    ("a base by ssh", |_| at(1, ELSEWHERE, "resources: ['git@10.0.0.1:acme/base']\n")),
    ("a base of this machine by file://", |_| at(1, ELSEWHERE, "resources: ['file:///etc/']\n")),
    ("the metadata of the machine as a file", |_| {
        at(
            1,
            ELSEWHERE,
            "configMapGenerator: [{name: a, files: ['k=http://169.254.169.254/latest/meta-data/']}]\n",
        )
    }),
    ("the metadata of the machine as a patch", |_| {
        at(1, ELSEWHERE, "patches: [{path: 'http://169.254.169.254/latest/'}]\n")
    }),
    ("the metadata of the machine as a schema", |_| {
        at(1, ELSEWHERE, "openapi: {path: 'http://169.254.169.254/latest/'}\n")
    }),
    ("the metadata of the machine as a component", |_| {
        at(1, ELSEWHERE, "components: ['http://[fd00:ec2::254]/latest/']\n")
    }),
    ("a generator that is a program", |_| {
        refused(&["h/f.yaml:1:1", "external plugins disabled"])
            .file("h/kustomization.yaml", "generators: [f.yaml]\n")
            .file("h/f.yaml", function("exec: {path: ./run.sh}"))
            .file("h/run.sh", "#!/bin/sh\necho \"$DATABASE_PASSWORD\"; cat /etc/hostname\n")
    }),
    ("a transformer that is a container", |_| {
        refused(&["h/f.yaml:1:1", "external plugins disabled"])
            .file("h/kustomization.yaml", "resources: [m.yaml]\ntransformers: [f.yaml]\n")
            .file("h/m.yaml", map("m"))
            .file("h/f.yaml", function("container: {image: 'x.example/f:1', network: true}"))
    }),
    ("a validator that is a Starlark script", |_| {
        refused(&["h/f.yaml:1:1", "external plugins disabled"])
            .file("h/kustomization.yaml", "resources: [m.yaml]\nvalidators: [f.yaml]\n")
            .file("h/m.yaml", map("m"))
            .file("h/f.yaml", function("starlark: {path: f.star, name: f}"))
            .file("h/f.star", "def run():\n  for i in range(1 << 60):\n    pass\nrun()\n")
    }),
    ("a plugin of an alpha kind", |_| {
        refused(&["h/p.yaml:1:1", "external plugins disabled"]).file("h/kustomization.yaml", "generators: [p.yaml]\n").file(
            "h/p.yaml",
            "apiVersion: someteam.example.com/v1\nkind: ChartInflator\nmetadata: {name: p}\nchartName: x\n",
        )
    }),
    ("charts in a kustomization", |_| {
        at(1, "fetches charts", "helmCharts: [{name: x, repo: 'https://10.0.0.1', version: 1.0.0}]\n")
    }),
    ("charts as a generator", |_| {
        refused(&["h/kustomization.yaml", "must specify --enable-helm"])
            .file("h/kustomization.yaml", "generators: [p.yaml]\n")
            .file("h/p.yaml", "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: p}\nname: x\nrepo: https://10.0.0.1\n")
    }),
    ("a base that is itself", |_| at(0, "", "resources: [../h]\n").only(&["h/kustomization.yaml", "cycle"])),
    ("bases in a circle", |_| {
        refused(&["h/kustomization.yaml", "cycle"])
            .file("h/kustomization.yaml", "resources: [../b]\n")
            .file("b/kustomization.yaml", "resources: [../c]\n")
            .file("c/kustomization.yaml", "components: [../h]\n")
    }),
    ("bases that double", |_| doubling(22)),
    ("a patch that doubles", |_| {
        let mut text = "resources: [m.yaml]\npatches:\n- target: {kind: ConfigMap}\n  patch: |\n".to_owned();
        for at in 0..40 {
            writeln!(text, "    - {{op: copy, from: /data, path: /data/k{at}}}").unwrap();
        }
        refused(&["h", "kustomize did not end within 4 s or kustomize crashed: fatal error: "])
            .file("h/kustomization.yaml", text)
            .file("h/m.yaml", map("m") + "data: {a: b}\n")
            .config(json!({"render": {"seconds": 4}}))
    }),
    ("a patch of an endless index", |_| {
        let text = "resources: [m.yaml]\npatches:\n- target: {kind: ConfigMap}\n  patch: |\n    - {op: add, path: /data/list/99999999999, value: x}\n";
        refused(&["h/kustomization.yaml", "invalid index"])
            .file("h/kustomization.yaml", text)
            .file("h/m.yaml", map("m") + "data: {list: []}\n")
    }),
    ("a file of the machine in a generator", |_| {
        at(
            1,
            "leads out of the repository",
            "configMapGenerator: [{name: a, files: [k=/proc/self/environ]}]\n",
        )
    }),
    ("a file of the machine in a plugin's settings", |_| {
        refused(&["h/kustomization.yaml", "is not in or below 'h'"]).file("h/kustomization.yaml", "generators: [g.yaml]\n").file(
            "h/g.yaml",
            "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: g}\nfiles: [k=/proc/self/environ]\nenvs: [/etc/passwd]\n",
        )
    }),
    ("replacements that multiply", |_| {
        let targets =
            "{select: {kind: ConfigMap}, fieldPaths: [data.a], options: {create: true}}, ".repeat(500);
        let one =
            format!("- source: {{kind: ConfigMap, name: m0, fieldPath: data.a}}\n  targets: [{targets}]\n");
        let maps: Vec<String> = (0..400).map(|at| map(&format!("m{at}")) + "data: {a: b}\n").collect();
        refused(&["h", "kustomize did not end within 4 s or kustomize crashed: fatal error: "])
            .file("h/kustomization.yaml", format!("resources: [m.yaml]\nreplacements:\n{}", one.repeat(100)))
            .file("h/m.yaml", maps.join("---\n"))
            .config(json!({"render": {"seconds": 4}}))
    }),
    ("a prefix of a mebibyte", |_| {
        let maps: Vec<String> = (0..400).map(|at| map(&format!("m{at}"))).collect();
        refused(&["h", "kustomize did not end within 4 s or kustomize crashed: fatal error:  or kustomize gives more than 64 MiB"])
            .file(
                "h/kustomization.yaml",
                format!("namePrefix: {}\nresources: [m.yaml]\n", "x".repeat(1 << 20)),
            )
            .file("h/m.yaml", maps.join("---\n"))
            .config(json!({"render": {"seconds": 4}}))
    }),
    ("more folders than one app may have", |_| {
        let mut case = refused(&["more than 2000 folders"]);
        let all = lines(2_100, |at| format!("- b{at}\n"));
        case = case.file("h/kustomization.yaml", format!("resources:\n{all}"));
        for at in 0..2_100 {
            case = case.file(format!("h/b{at}/kustomization.yaml"), "resources: []\n");
        }
        case
    }),
    ("paths that are named again and again", |_| {
        let text =
            format!("resources:\n{}{}", "- ../m\n".repeat(5_000), lines(200, |at| format!("- ../h{at}\n")));
        let mut case =
            refused(&["h0", "more than 100000 paths"]).file("m/kustomization.yaml", "resources: []\n");
        for at in 0..200 {
            case = case.file(format!("h{at}/kustomization.yaml"), text.clone());
        }
        case.sources("[{path: h0}]")
    }),
    ("a kustomization of kustomizations of no kind", |_| {
        at(
            1,
            "",
            "kind: Kustomization\nresources: {a: b}\npatches: 7\nreplacements: [[[]]]\nimages: [null]\n",
        )
        .only(&["h/kustomization.yaml:3:1", "must be a list"])
    }),
];
