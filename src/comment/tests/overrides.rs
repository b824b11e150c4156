//! The operator's own templates.

use std::fs;

use crate::comment::Templates;
use crate::comment::tests::{plan, preview, scaled};
use crate::comment::{How, Page, Way};
use crate::model::fault::Failure;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn shown(templates: &Templates) -> Result<String, Failure> {
    let preview = preview(vec![plan("prod", vec![scaled()])]);
    let how = [("prod".parse().unwrap(), How { way: Way::OnMerge, after: Vec::new() })].into();
    let branch = "main".parse().unwrap();
    let page = Page { preview: &preview, branch: &branch, how: &how, notes: &[], public: false };
    templates.preview(&page).map(|shown| shown.comment.body)
}

#[test]
fn a_template_of_the_same_name_takes_the_place_of_ours_and_the_marker_stays() {
    let dir = folder(&[
        ("preview.md", "Hello: {{ title }}\n{% include \"matrix.md\" %}"),
        ("notes.txt", "{{ no template"),
    ]);
    let body = shown(&Templates::load(dir.path()).unwrap()).unwrap();
    assert!(
        body.starts_with("<!-- tidegate:preview -->\nHello: 1 environment changes\n| environment"),
        "{body}"
    );
}

#[test]
fn what_does_not_compile_or_overrides_nothing_is_told_at_start() {
    for (name, text, wanted) in [
        ("preview.md", "a\n{% if title %}", "preview.md does not work at line"),
        ("prewiev.md", "x", "prewiev.md overrides no template; there are baseline.md"),
        ("help.md", &"x".repeat(300_000), "help.md has 300000 bytes"),
    ] {
        let dir = folder(&[(name, text)]);
        let told = Templates::load(dir.path()).unwrap_err().to_string();
        assert!(told.contains(wanted), "{told}");
    }
    assert!(Templates::load(std::path::Path::new("/nowhere/at/all")).is_err());
}

#[test]
fn a_template_that_never_ends_or_asks_for_what_is_not_there_is_our_failure() {
    for text in [
        "{% for a in range(1500) %}{% for b in range(9999) %}{{ a }}{% endfor %}{% endfor %}",
        "{{ nothing_of_this_name }}",
        "{% for a in range(9999) %}0123456789{% endfor %}",
    ] {
        let dir = folder(&[("preview.md", text)]);
        let failure = shown(&Templates::load(dir.path()).unwrap()).unwrap_err();
        assert!(matches!(failure, Failure::Ours(_)), "{failure}");
    }
}
