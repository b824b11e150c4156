//! Real kubectl beside our reader, over documents of our own making: both give the same objects, or both refuse.
//!
//! `kubectl patch --local` with an empty patch prints what it read, needs no server and changes nothing. Where we refuse
//! what kubectl takes, [`stricter`] says why; there is no document that we take and kubectl refuses.

mod lists;
mod refused;
mod scalars;
mod stricter;
mod structure;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Deserializer, Number, Value};

use crate::render::document::{From, Lines, Part};
use crate::yaml;

/// The beginning of a manifest; what a case adds to it follows in the next line.
const HEAD: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

/// A manifest whose rest is the case; one that begins with `§` is the whole file.
fn whole(text: &str) -> Vec<u8> {
    text.strip_prefix('§')
        .map_or_else(|| format!("{HEAD}{text}\n").into_bytes(), |text| text.as_bytes().to_vec())
}

pub(super) fn kubectl() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/kubectl");
    assert!(path.exists(), "kubectl is missing: run `make tools`");
    path
}

/// What kubectl prints of a folder's files, and what it says of those it refuses.
fn run(folder: &Path) -> (Vec<u8>, String) {
    #[expect(clippy::disallowed_methods, reason = "the real program, as people start it")]
    let mut command = Command::new(kubectl());
    command.args(["patch", "--local", "--type", "json", "--patch", "[]", "--output", "json", "--filename"]);
    let output = command.arg(folder).env_clear().env("HOME", folder).output().unwrap();
    // A folder without any object is nothing wrong.
    let errors = String::from_utf8_lossy(&output.stderr).replace("error: no objects passed to patch\n", "");
    (output.stdout, errors)
}

/// What kubectl makes of a folder's files, and what it says of those it refuses.
pub(super) fn asked(folder: &Path) -> (Vec<Value>, String) {
    let (output, errors) = run(folder);
    let values: Result<Vec<Value>, _> = Deserializer::from_slice(&output).into_iter().collect();
    (values.unwrap(), errors)
}

/// What we make of a file: objects, or what we say of it.
fn ours(text: &[u8]) -> Result<Vec<Value>, String> {
    let mut part = Part::default();
    let from = From { app: "a", file: Some("x.yaml"), lines: Lines::Source };
    part.read(text, from, &yaml::Limits::default());
    if let Some(fault) = part.faults.first() {
        assert!(fault.line.is_some() || fault.message.contains("UTF-16"), "no place: {fault}");
        return Err(fault.to_string());
    }
    Ok(part.pieces.into_iter().map(|piece| piece.body).collect())
}

/// One spelling for each number: JSON does not tell 1 from 1.0 nor 0 from -0, and kubectl holds what does not fit into
/// 63 bits as a double, whose digits it prints in full where we print an exponent.
pub(super) fn canonical(value: &mut Value) {
    match value {
        Value::Number(number) if number.as_i64().is_none() => {
            let double = number.as_f64().unwrap();
            let whole = double.to_string().parse::<i64>();
            *number = whole.map_or_else(|_| Number::from_f64(double).unwrap(), Number::from);
        }
        Value::Array(items) => items.iter_mut().for_each(canonical),
        Value::Object(map) => {
            map.values_mut().for_each(canonical);
            map.sort_keys();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Objects as text, in no order: kubectl walks lists in lists last.
fn texts(mut values: Vec<Value>) -> Vec<String> {
    values.iter_mut().for_each(canonical);
    let mut texts: Vec<String> = values.iter().map(Value::to_string).collect();
    texts.sort();
    texts
}

/// A folder with one file for each case, in their order.
fn folder(cases: &[Vec<u8>]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (index, case) in cases.iter().enumerate() {
        let end = if case.starts_with(b"{") { "json" } else { "yaml" };
        fs::write(folder.path().join(format!("{index:04}.{end}")), case).unwrap();
    }
    folder
}

/// How a case is shown.
fn shown(case: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(case).chars().take(300).collect::<String>())
}

/// What differs in one case that both should take.
fn difference(case: &[u8]) -> Option<String> {
    let folder = folder(&[case.to_vec()]);
    let (theirs, error) = asked(folder.path());
    let (ours, theirs) =
        (ours(case).map(texts), if error.is_empty() { Ok(texts(theirs)) } else { Err(error) });
    (ours != theirs).then(|| format!("{}\n  ours    {ours:?}\n  kubectl {theirs:?}", shown(case)))
}

/// Both take all of them, and read the same. All go through one kubectl; only where that fails each is looked at.
fn same(cases: &[Vec<u8>]) {
    let folder = folder(cases);
    let (theirs, errors) = asked(folder.path());
    let mut theirs = theirs.into_iter();
    let alike = cases.iter().all(|case| {
        ours(case).is_ok_and(|ours| texts(theirs.by_ref().take(ours.len()).collect()) == texts(ours))
    });
    if alike && errors.is_empty() && theirs.next().is_none() {
        return;
    }
    let wrong: Vec<String> = cases.iter().filter_map(|case| difference(case)).collect();
    panic!("{} of {} differ:\n{}\n{errors}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn values_and_keys_are_read_as_kubectl_reads_them() {
    let values = scalars::VALUES.lines().filter(|line| !line.is_empty()).map(|value| format!("k: {value}"));
    let keys = scalars::KEYS.lines().filter(|line| !line.is_empty()).map(|key| format!("spec:\n  {key}: 1"));
    let cases: Vec<Vec<u8>> = values.chain(keys).map(|case| whole(&case)).collect();
    assert!(cases.len() > 200, "{}", cases.len());
    same(&cases);
}

#[test]
fn documents_are_read_as_kubectl_reads_them() {
    let cases: Vec<Vec<u8>> = structure::SAME.iter().chain(lists::SAME).map(|case| whole(case)).collect();
    assert!(cases.len() > 120, "{}", cases.len());
    same(&cases);
}

/// Those cases that kubectl takes. It names the file of most faults, but not of those in lists: these are asked again.
fn taken(cases: &[Vec<u8>]) -> Vec<usize> {
    let (_, errors) = asked(folder(cases).path());
    let unnamed = (0..cases.len()).filter(|index| !errors.contains(&format!("/{index:04}.")));
    unnamed.filter(|index| asked(folder(&cases[*index..=*index]).path()).1.is_empty()).collect()
}

#[test]
fn lists_in_lists_are_taken_apart_though_kubectl_stumbles() {
    for (case, names) in lists::NESTED {
        let case = whole(case);
        let (_, error) = run(folder(std::slice::from_ref(&case)).path());
        assert!(error.contains("no Items field"), "kubectl takes it now: move it: {}{error}", shown(&case));
        let ours = ours(&case).unwrap();
        let found: Vec<_> = ours.iter().map(|value| value["metadata"]["name"].as_str().unwrap()).collect();
        assert_eq!(found, *names, "{}", shown(&case));
    }
}

#[test]
fn what_kubectl_refuses_we_refuse() {
    let cases: Vec<Vec<u8>> = refused::CASES.iter().map(|case| whole(case)).collect();
    assert!(cases.len() > 100, "{}", cases.len());
    let mut wrong = Vec::new();
    for index in taken(&cases) {
        wrong.push(format!("{}: kubectl takes it", shown(&cases[index])));
    }
    for case in &cases {
        if let Ok(ours) = ours(case) {
            wrong.push(format!("{}: we take it: {ours:?}", shown(case)));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn where_we_refuse_more_than_kubectl_the_table_says_why() {
    let rows = stricter::rows();
    let cases: Vec<Vec<u8>> = rows.iter().map(|(_, _, case)| case.clone()).collect();
    let mut wrong = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        let (_, error) = run(folder(std::slice::from_ref(case)).path());
        if !error.is_empty() {
            wrong.push(format!("{}: kubectl refuses it too: {error}", shown(&cases[index])));
        }
    }
    for (reason, words, case) in &rows {
        assert!(reason.len() > 20, "{reason}");
        match ours(case) {
            Ok(ours) => wrong.push(format!("{}: we take it: {ours:?}", shown(case))),
            Err(fault) if !fault.contains(words) => wrong.push(format!("{}: {fault}", shown(case))),
            Err(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
