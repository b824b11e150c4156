//! Names and links: those that lead out of the repository, and those that programs could take for something else.

use crate::hostile::Kind;
use crate::hostile::case::{CHART, Case, map, refused, rendered};
use crate::hostile::place::{Mode, Place};

const OUT: &str = "leads out of the repository";

/// A plain app with a link.
fn link(to: &str) -> Case {
    refused(&["h/x.yaml", OUT]).file("h/m.yaml", map("m")).link("h/x.yaml", to)
}

/// The file outside, whose path may be said nowhere.
fn secret(place: &Place) -> String {
    place.secret().to_str().unwrap().to_owned()
}

/// An app of this name by Kustomize and one by Helm.
fn named(name: &str) -> Case {
    let quoted = format!("{name:?}");
    rendered(&["name: m", "name: x"])
        .file(format!("k/{name}/kustomization.yaml"), "resources: [m.yaml]\n")
        .file(format!("k/{name}/m.yaml"), map("m"))
        .file(format!("c/{name}/Chart.yaml"), CHART)
        .file(format!("c/{name}/templates/x.yaml"), map("x"))
        .sources(&format!(
            "[{{path: 'k/*'}}, {{path: 'c/*', helm: {{release: r, values: [{{n: {quoted}}}]}}}}]"
        ))
}

pub(super) const KINDS: &[Kind] = &[
    ("a link to a file outside", |place| link(&secret(place)).untold("secret")),
    ("a link upwards to a file outside", |_| link("../../secret/secret.yaml")),
    ("a link to the process's environment", |_| link("/proc/self/environ").untold("/proc")),
    ("a link to zeros", |_| link("/dev/zero")),
    ("a link to standard input", |_| link("/dev/stdin")),
    ("a link to a link outside", |_| {
        refused(&["h/b", OUT])
            .file("h/m.yaml", map("m"))
            .link("h/x.yaml", "a")
            .link("h/a", "b")
            .link("h/b", "../../secret/secret.yaml")
    }),
    ("a link to itself", |_| refused(&["h/x.yaml", "link"]).link("h/x.yaml", "x.yaml")),
    ("links in a circle", |_| refused(&["h/", "link"]).link("h/x.yaml", "y.yaml").link("h/y.yaml", "x.yaml")),
    ("folders that are links in a circle", |_| {
        rendered(&["name: m"]).file("h/m.yaml", map("m")).link("h/a", "../h").link("h/b", "a/a")
    }),
    ("a link in a chart", |place| {
        refused(&["h/templates/s.yaml", OUT]).chart(&map("x")).link("h/templates/s.yaml", &secret(place))
    }),
    ("a link beside a chart's templates", |place| {
        refused(&["h/s", OUT]).chart("{{ .Files.Get \"s\" }}").link("h/s", &secret(place))
    }),
    ("a folder of a chart that is a link outside", |place| {
        let to = place.at("secret");
        refused(&["h/templates", OUT]).file("h/Chart.yaml", CHART).link("h/templates", to.to_str().unwrap())
    }),
    ("a file of values that is a link", |place| {
        refused(&[".tidegate.yaml:4:1", "h/v.yaml", OUT])
            .chart(&map("x"))
            .link("h/v.yaml", &secret(place))
            .sources("[{path: h, helm: {values: [v.yaml]}}]")
    }),
    ("a patch that is a link", |place| {
        refused(&["h/kustomization.yaml:2", "h/p.yaml", OUT])
            .file("h/kustomization.yaml", "resources: [m.yaml]\npatches: [{path: p.yaml}]\n")
            .file("h/m.yaml", map("m"))
            .link("h/p.yaml", &secret(place))
    }),
    ("an app that is a link", |place| refused(&["`h`", OUT]).link("h", place.at("secret").to_str().unwrap())),
    ("the repository's own file as a link", |place| {
        refused(&[".tidegate.yaml"]).link(".tidegate.yaml", &secret(place)).all()
    }),
    ("a file in a link", |_| {
        refused(&["beneath what is no folder"])
            .file("h/m.yaml", map("m"))
            .odd(Mode::Link, b"a", "/tmp")
            .odd(Mode::File, b"a/x.yaml", map("x"))
            .all()
    }),
    ("a folder that is called ..", |_| {
        refused(&["odd/..", "leads elsewhere"]).file("h/m.yaml", map("m")).odd(Mode::File, b"..", "x").all()
    }),
    ("a file that leads upwards", |_| {
        refused(&["leads elsewhere"])
            .file("h/m.yaml", map("m"))
            .odd(Mode::File, b"../../../x.yaml", "x")
            .all()
    }),
    ("a file that is called .git", |_| {
        refused(&[".git belongs to Git"])
            .file("h/m.yaml", map("m"))
            .odd(Mode::File, b".git", "gitdir: /")
            .all()
    }),
    ("names that some system takes for .git", |_| {
        refused(&[".git belongs to Git"])
            .file("h/m.yaml", map("m"))
            .odd(Mode::File, b"GIT~1", "x")
            .odd(Mode::File, b".gIt. ", "x")
            .all()
    }),
    ("a name of 300 bytes", |_| {
        refused(&["longer than 255 bytes"])
            .file("h/m.yaml", map("m"))
            .odd(Mode::File, &[b'x'; 300], "x")
            .all()
    }),
    ("a name of 255 bytes", |_| {
        let name = [&[b'x'; 250][..], b".yaml"].concat();
        rendered(&["name: long"]).file([b"h/", name.as_slice()].concat(), map("long"))
    }),
    ("a path of 6,000 bytes", |_| {
        refused(&["longer than"])
            .file("h/m.yaml", map("m"))
            .file("d/".repeat(3_000) + "x.yaml", map("x"))
            .all()
    }),
    ("a name that is no text", |_| {
        refused(&["h", "UTF-8"]).file("h/m.yaml", map("m")).file(b"h/\xff\xfe.yaml", map("x"))
    }),
    ("a submodule in the way", |_| {
        refused(&["odd/sub", "submodule"]).file("h/m.yaml", map("m")).odd(Mode::Submodule, b"sub", "")
    }),
    ("an app with blanks in its name", |_| named("a b  c")),
    ("an app that is called -f", |_| named("-f")),
    ("an app that is called --help", |_| named("--help")),
    ("an app that is called --post-renderer=sh", |_| named("--post-renderer=sh")),
    ("an app with quotes in its name", |_| named("'\"`$(id);&|<>")),
    ("an app with a brace in its name", |_| named("{{ .Files }}{0}%s%n")),
    ("an app with a comma and an equals sign in its name", |_| named("a=b,c=d")),
    ("an app whose name begins with dots", |_| {
        named("a..").sources("[{path: 'k/a..'}]").config(serde_json::json!({})).only(&["name: m"])
    }),
    ("an app that is called ...", |_| {
        rendered(&["name: m"]).file("k/.../m.yaml", map("m")).sources("[{path: k/...}]")
    }),
    ("an app with a line break in its name", |_| named("a\nb: c").only(&["name: m"])),
    ("a file with a line break in its name", |_| {
        refused(&["not valid YAML"]).file("h/a\n::error::b.yaml", "a: [\n").untold("\n::error::")
    }),
    ("a file that names another", |_| {
        refused(&["not valid YAML"])
            .file("h/x.yaml: all is well", "")
            .file("h/\u{202e}lmay.x.yaml", "a: [\n")
            .untold("\u{202e}")
    }),
    ("names that differ in case", |_| {
        rendered(&["name: upper", "name: lower"])
            .file("h/X.yaml", map("upper"))
            .file("h/x.yaml", map("lower"))
    }),
    ("a source that leads upwards", |_| {
        refused(&[".tidegate.yaml:4:22", OUT]).sources("[{path: ../secret}]").all()
    }),
    ("a source from the root", |_| {
        refused(&[".tidegate.yaml:4:22", "must be relative"])
            .file("h/m.yaml", map("m"))
            .sources("[{path: /etc}]")
            .all()
    }),
    ("a source of many stars", |_| {
        let stars = "*a".repeat(60);
        refused(&["matches nothing"])
            .file(format!("h/{}.yaml", "a".repeat(240)), map("m"))
            .sources(&format!("[{{path: 'h/{stars}b'}}]"))
    }),
    ("an environment that looks like an option", |_| {
        refused(&[".tidegate.yaml:3"])
            .settings("version: 1\nenvironments:\n  --help:\n    sources: [{path: h}]\n")
    }),
];
