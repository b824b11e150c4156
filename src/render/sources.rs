//! From the sources of `.tidegate.yaml` to apps: patterns matched in the tree, one app per match.

use crate::model::fault::Fault;
use crate::model::settings::{Helm, Renderer, Source, Values};
use crate::render::Wanted;
use crate::render::budget::Share;
use crate::render::tree::{Found, Tree, below, join, shown};

/// The repository's own file, to which a source's line belongs.
pub(super) const FILE: &str = ".tidegate.yaml";
/// What makes a folder a Kustomize app, in the order in which kustomize looks.
pub(super) const KUSTOMIZATIONS: &[&str] = &["kustomization.yaml", "kustomization.yml", "Kustomization"];
/// What makes a folder a chart.
pub(super) const CHART: &str = "Chart.yaml";
/// The most names that all patterns together may look at.
const LOOKS: usize = 500_000;

/// One app to render.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Task {
    /// Its folder or file in the tree; also the app's name.
    pub path: String,
    /// How it is rendered.
    pub renderer: Renderer,
    /// Did its source say how, rather than what lies there?
    pub said: bool,
    /// Helm's settings, placeholders filled in.
    pub helm: Helm,
    /// The line of its source.
    pub line: u32,
}

/// What the sources give.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    /// The apps, sorted by path.
    pub apps: Vec<Task>,
    /// For each source: did it match anything?
    pub matched: Vec<bool>,
    /// What is wrong with the sources.
    pub faults: Vec<Fault>,
}

/// A match on its way down the tree: the path so far, and what the first star stood for.
#[derive(Debug, Clone)]
struct Match {
    path: String,
    name: Option<String>,
}

/// Finds the apps of all sources. A source that matches nothing is not a fault here: it may match in another tree.
pub(super) fn find(tree: &Tree, wanted: &Wanted<'_>, room: Share) -> Tasks {
    let mut found = Tasks::default();
    let mut looks = LOOKS;
    for source in wanted.sources {
        let matches = expand(tree, &source.path, wanted.environment.as_str(), &mut looks);
        let matches = matches.map_err(|fault| fault.file(FILE).at(source.line, 1));
        found.matched.push(matches.as_ref().map_or(true, |matches| !matches.is_empty()));
        match matches {
            Err(fault) => found.faults.push(fault),
            Ok(matches) => {
                for one in matches {
                    match task(tree, source, &one, wanted.environment.as_str()) {
                        Ok(task) => found.apps.push(task),
                        Err(fault) => found.faults.push(fault),
                    }
                }
            }
        }
    }
    found.apps.sort_by(|a, b| a.path.cmp(&b.path));
    found.apps.dedup_by(|a, b| a.path == b.path && a.renderer == b.renderer && a.helm == b.helm);
    if let Some(fault) = room.exceeded(found.apps.len(), "apps") {
        found.faults.push(fault.file(FILE));
        found.apps.clear();
    }
    found
}

/// All paths of the tree that a pattern matches, sorted.
fn expand(tree: &Tree, pattern: &str, environment: &str, looks: &mut usize) -> Result<Vec<Match>, Fault> {
    if pattern.split('/').any(|part| part == "..") {
        return Err(Fault::new(format!("the path `{}` leads upwards", shown(pattern)))
            .hint("name it from the repository's root"));
    }
    let mut matches = vec![Match { path: String::new(), name: None }];
    for part in pattern.split('/').filter(|part| !part.is_empty() && *part != ".") {
        let part = part.replace("{environment}", environment);
        let mut next = Vec::new();
        for so_far in matches {
            let part = fill(&part, environment, so_far.name.as_deref());
            step(tree, so_far, &part, looks, &mut next)?;
        }
        matches = next;
    }
    Ok(matches)
}

/// One part of a pattern, in one folder.
fn step(tree: &Tree, from: Match, part: &str, looks: &mut usize, next: &mut Vec<Match>) -> Result<(), Fault> {
    if tree.look(&from.path) == Found::Outside {
        // What lies below cannot be told; the app that it becomes is told of it.
        next.push(from);
        return Ok(());
    }
    if !part.contains('*') {
        let path = below(&from.path, part);
        if tree.look(&path) != Found::Nothing {
            next.push(Match { path, name: from.name });
        }
        return Ok(());
    }
    for name in tree.list(&from.path)? {
        *looks = looks.checked_sub(1).ok_or_else(|| {
            Fault::new(format!("the sources look at more than {LOOKS} files"))
                .hint("make their paths narrower")
        })?;
        let Some(name) = name else { return Err(Tree::foreign(&from.path)) };
        // As in every shell: a star does not stand for a hidden file.
        if name.starts_with('.') && !part.starts_with('.') {
            continue;
        }
        let Some(star) = glob(part, &name) else { continue };
        let path = below(&from.path, &name);
        let fits = match tree.look(&path) {
            Found::Folder | Found::Outside => true,
            Found::File => manifest(&name),
            Found::Nothing | Found::Special => false,
        };
        if fits {
            next.push(Match { path, name: Some(from.name.clone().unwrap_or(star)) });
        }
    }
    Ok(())
}

/// Is it a file that plain rendering reads?
pub(super) fn manifest(name: &str) -> bool {
    [".yaml", ".yml", ".json"].iter().any(|end| name.len() > end.len() && name.ends_with(end))
}

/// What the first star of a pattern stands for in a name, if they match; the shortest way.
fn glob(pattern: &str, name: &str) -> Option<String> {
    let (head, rest) = pattern.split_once('*')?;
    let after = name.strip_prefix(head)?;
    let mut ends = after.char_indices().map(|(at, _)| at).chain([after.len()]);
    // Whether the rest matches is decided at most once per end; names are at most 255 bytes.
    ends.find(|at| after.get(*at..).is_some_and(|tail| wild(rest, tail)))
        .and_then(|at| after.get(..at))
        .map(str::to_owned)
}

/// Does a pattern with any number of stars match? Never more than pattern times text steps.
fn wild(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|head| text.strip_prefix(head)) else { return false };
    let mut last = None;
    for piece in pieces {
        if let Some(previous) = last.replace(piece) {
            let Some((_, after)) = rest.split_once(previous) else { return false };
            rest = after;
        }
    }
    last.map_or(rest.is_empty(), |end| rest.ends_with(end))
}

/// The placeholders of a text: the environment's name, and what the first star matched.
fn fill(text: &str, environment: &str, name: Option<&str>) -> String {
    let text = text.replace("{environment}", environment);
    match name {
        Some(name) => text.replace("{name}", name),
        None => text,
    }
}

/// The app at a match.
fn task(tree: &Tree, source: &Source, found: &Match, environment: &str) -> Result<Task, Fault> {
    let renderer = renderer(tree, source, &found.path).map_err(|fault| fault.app(shown(&found.path)))?;
    let said = said(source).is_some();
    let fill = |text: &String| fill(text, environment, found.name.as_deref());
    let helm = source.helm.as_ref().map_or_else(Helm::default, |helm| Helm {
        release: helm.release.as_ref().map(fill),
        values: helm
            .values
            .iter()
            .map(|values| match values {
                Values::File(file) => Values::File(fill(file)),
                Values::Inline(value) => Values::Inline(value.clone()),
            })
            .collect(),
        include_crds: helm.include_crds,
    });
    Ok(Task { path: found.path.clone(), renderer, said, helm, line: source.line })
}

/// The renderer that was said; Helm's settings say Helm.
fn said(source: &Source) -> Option<Renderer> {
    source.renderer.or(source.helm.as_ref().map(|_| Renderer::Helm))
}

/// The renderer that was said, or that what lies there asks for.
fn renderer(tree: &Tree, source: &Source, path: &str) -> Result<Renderer, Fault> {
    let said = said(source);
    let here = |message: String| Fault::new(message).file(FILE).at(source.line, 1);
    let path = join("", path).unwrap_or_default();
    match tree.look(&path) {
        Found::Outside => return Err(tree.outside(&path)),
        Found::Folder => {}
        Found::File => {
            return match said {
                None | Some(Renderer::Plain) if manifest(&path) => Ok(Renderer::Plain),
                None | Some(Renderer::Plain) => {
                    Err(here(format!("`{}` is not a YAML or JSON file", shown(&path))))
                }
                Some(Renderer::Kustomize | Renderer::Helm) => {
                    Err(here(format!("`{}` is a file, and this renderer needs a folder", shown(&path))))
                }
            };
        }
        Found::Nothing | Found::Special => {
            return Err(here(format!("`{}` is neither a file nor a folder", shown(&path))));
        }
    }
    if let Some(fault) = tree.without(&path, &[CHART]).or_else(|| tree.without(&path, KUSTOMIZATIONS)) {
        return Err(fault);
    }
    let chart = tree.any(&path, &[CHART]).is_some();
    let kustomization = tree.any(&path, KUSTOMIZATIONS).is_some();
    match said {
        Some(Renderer::Helm) if !chart => {
            Err(here(format!("`{}` holds no {CHART}, which Helm needs", shown(&path))))
        }
        Some(Renderer::Kustomize) if !kustomization => {
            Err(here(format!("`{}` holds no kustomization.yaml, which Kustomize needs", shown(&path))))
        }
        Some(said) => Ok(said),
        None if chart => Ok(Renderer::Helm),
        None if kustomization => Ok(Renderer::Kustomize),
        None => Ok(Renderer::Plain),
    }
}

#[cfg(test)]
mod tests {
    use super::{glob, manifest};

    #[test]
    fn a_star_stands_for_any_run_of_characters_of_one_name() {
        let table = [
            ("*", "web", Some("web")),
            ("web-*", "web-eu", Some("eu")),
            ("*-eu", "web-eu", Some("web")),
            ("*-*", "a-b-c", Some("a")),
            ("a*b*c", "a1b2c", Some("1")),
            ("a*b", "ab", Some("")),
            ("a*b", "abc", None),
            ("a*bc", "abbc", Some("b")),
            ("*é*", "aéb", Some("a")),
        ];
        for (pattern, name, star) in table {
            assert_eq!(glob(pattern, name).as_deref(), star, "{pattern} {name}");
        }
        let (pattern, name) = ("*a".repeat(60) + "b", "a".repeat(255));
        assert_eq!(glob(&pattern, &name), None);
    }

    #[test]
    fn manifests_are_told_by_their_ending() {
        assert!(manifest("a.yaml") && manifest("a.yml") && manifest("a.json"));
        assert!(!manifest(".yaml") && !manifest("a.YAML") && !manifest("a.tpl"));
    }
}
