//! The words around a preview: title, notes, warnings, footer.

use std::collections::BTreeSet;

use crate::comment::Page;
use crate::comment::fault::note;
use crate::comment::group::{Row, remotes, rows, warnings};
use crate::comment::text::{clip, code, prose};
use crate::comment::words::{count, list, number, plan_needs_care, worth};
use crate::model::id::Digest;
use crate::model::object::Remote;
use crate::model::plan::{Commit, Fidelity, Plan};

/// Bytes that notes, and again warnings, may take.
const LINES: usize = 4_000;
/// Commits named that go along.
const COMMITS: usize = 5;
/// Characters of a commit's title.
const TITLE: usize = 72;

/// The parts of a page that are words already.
pub(crate) struct Draft<'a> {
    /// The environments that change alike.
    pub rows: Vec<Row<'a>>,
    /// All environments.
    pub names: Vec<&'a str>,
    /// What happens, in one line.
    pub title: String,
    /// What else the reader should know.
    pub notes: Vec<String>,
    /// The plans' warnings, with their environments.
    pub warnings: Vec<String>,
    /// What was fetched from other hosts, with the environments that it was for.
    pub remotes: Vec<String>,
    /// The last line.
    pub footer: String,
    /// Do the predictions differ in worth?
    pub mixed: bool,
    empty: bool,
}

impl<'a> Draft<'a> {
    /// Finds the words of a page.
    pub(crate) fn of(page: &Page<'a>) -> Self {
        let plans = &page.preview.environments;
        let changed: Vec<&Plan> = plans.iter().filter(|plan| !plan.is_empty()).collect();
        let all: BTreeSet<Fidelity> =
            changed.iter().flat_map(|plan| plan.changes.iter().map(|change| change.fidelity)).collect();
        let mut notes: Vec<String> = page.notes.iter().map(|text| note(text)).collect();
        notes.extend(pending(plans));
        notes.extend(worths(&changed));
        if page.public && changed.iter().any(|plan| plan.fidelity > Fidelity::Rendered) {
            notes.push(
                "This repository is public: values known only from the target are left out.".to_owned(),
            );
        }
        let told = warnings(plans)
            .into_iter()
            .map(|(text, names)| format!("{}: {}", list(&names, 6), note(text)))
            .collect();
        let fetched = remotes(plans)
            .into_iter()
            .map(|(Remote { from, digest }, names)| {
                format!("{}: {}", list(&names, 6), prose(&format!("{from} is {digest}")))
            })
            .collect();
        Self {
            rows: rows(plans),
            names: plans.iter().map(|plan| plan.name.as_str()).collect(),
            title: title(plans),
            notes: bounded_lines(notes, "more note"),
            warnings: bounded_lines(told, "more warning"),
            remotes: bounded_lines(fetched, "more thing"),
            footer: footer(page),
            mixed: all.len() > 1,
            empty: changed.is_empty() && plans.iter().all(|plan| plan.errors.is_empty()),
        }
    }

    /// Is there nothing to tell but that nothing changes?
    pub(crate) fn quiet(&self) -> bool {
        self.empty && self.notes.is_empty() && self.warnings.is_empty()
    }
}

/// What was merged earlier and goes along, equal lists folded.
fn pending(plans: &[Plan]) -> Vec<String> {
    let mut known: Vec<(&[Commit], Vec<&str>)> = Vec::new();
    for plan in plans.iter().filter(|plan| !plan.pending.is_empty()) {
        match known.iter_mut().find(|(commits, _)| *commits == plan.pending.as_slice()) {
            Some((_, names)) => names.push(plan.name.as_str()),
            None => known.push((&plan.pending, vec![plan.name.as_str()])),
        }
    }
    let told = known.into_iter().map(|(commits, names)| {
        let commit = |commit: &Commit| {
            let title = clip(commit.title.lines().next().unwrap_or_default(), TITLE);
            format!("{} {}", code(commit.sha.short()), code(&title))
        };
        let shown: Vec<String> = commits.iter().map(commit).collect();
        format!(
            "Merged earlier and not deployed yet in {}; {} out with this: {}.",
            list(&names, 6),
            if commits.len() == 1 { "it goes" } else { "they go" },
            list(&shown, COMMITS)
        )
    });
    told.collect()
}

/// Which predictions are not the target's own, said once for all environments.
fn worths(changed: &[&Plan]) -> Vec<String> {
    let mut told = Vec::new();
    for fidelity in [Fidelity::Rendered, Fidelity::Schema, Fidelity::Scratch] {
        let Some(worth) = worth(fidelity) else { continue };
        let whole = |plan: &Plan| plan.changes.iter().all(|change| change.fidelity == fidelity);
        let names = |wanted: bool| -> Vec<&str> {
            let such = changed.iter().filter(|plan| plan.fidelity == fidelity && whole(plan) == wanted);
            such.map(|plan| plan.name.as_str()).collect()
        };
        let (all, some) = (names(true), names(false));
        if !all.is_empty() {
            told.push(format!("No live prediction in {}: {worth}.", list(&all, 12)));
        }
        if !some.is_empty() {
            told.push(format!("Not all is a live prediction in {}: some is {worth}.", list(&some, 12)));
        }
    }
    told
}

fn title(plans: &[Plan]) -> String {
    let failed = plans.iter().filter(|plan| !plan.errors.is_empty()).count();
    let sound = || plans.iter().filter(|plan| plan.errors.is_empty());
    let changing = sound().filter(|plan| !plan.is_empty()).count();
    let careful = sound().filter(|plan| plan_needs_care(plan)).count();
    let mut parts = Vec::new();
    match changing {
        0 => {}
        1 => parts.push("1 environment changes".to_owned()),
        n => parts.push(format!("{} environments change", number(n))),
    }
    if careful > 0 {
        parts.push(format!("{} {} care", number(careful), if careful == 1 { "needs" } else { "need" }));
    }
    if failed > 0 {
        parts.push(format!("{} cannot be planned", count_unless(changing > 0, failed)));
    }
    if parts.is_empty() { "nothing changes".to_owned() } else { parts.join(", ") }
}

fn count_unless(named: bool, n: usize) -> String {
    if named { number(n) } else { count(n, "environment") }
}

/// `preview of 3f2a91c merged into main@88b01de · plan 9c1d22e0 · /help`.
fn footer(page: &Page<'_>) -> String {
    let preview = page.preview;
    let branch = prose(page.branch.as_str());
    // `x-@ann` would mention Ann; after a letter or digit the sign is no mention.
    let at = if branch.ends_with(|c: char| c.is_ascii_alphanumeric()) { "@" } else { " at " };
    let mut parts =
        vec![format!("preview of {} merged into {branch}{at}{}", preview.head.short(), preview.base.short())];
    let digests: Vec<Digest> = preview.environments.iter().filter_map(|plan| plan.digest).collect();
    match digests.as_slice() {
        [] => {}
        [one] => parts.push(format!("plan {}", one.short())),
        all => {
            let text: Vec<String> = all.iter().map(Digest::hex).collect();
            parts.push(format!("plan {}", Digest::of(text.join("\n").as_bytes()).short()));
        }
    }
    parts.extend(rendered_by(&preview.environments));
    parts.push("/help".to_owned());
    parts.join(" · ")
}

/// The versions of the renderers, each with its program; none where there was no program.
fn rendered_by(plans: &[Plan]) -> Option<String> {
    let used: BTreeSet<(&str, &str)> = plans
        .iter()
        .flat_map(|plan| &plan.renderers)
        .map(|(name, version)| (name.as_str(), version.as_str()))
        .collect();
    let told: Vec<String> = used.iter().map(|(name, version)| prose(&format!("{name} {version}"))).collect();
    (!told.is_empty()).then(|| told.join(", "))
}

/// Lines until they fill their share, then how many more there are.
fn bounded_lines(lines: Vec<String>, what: &str) -> Vec<String> {
    let (mut kept, mut used, mut dropped) = (Vec::new(), 0, 0);
    for line in lines {
        used += line.len() + 3;
        if used > LINES {
            dropped += 1;
        } else {
            kept.push(line);
        }
    }
    if dropped > 0 {
        kept.push(format!("and {}", count(dropped, what)));
    }
    kept
}
