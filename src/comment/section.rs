//! One change as a folded section.

use minijinja::{Value, context};

use crate::comment::contest::{contested, contests};
use crate::comment::fit::Block;
use crate::comment::group::{ALSO, Group};
use crate::comment::moves::{moves, succeeds};
use crate::comment::remark::{fields, remarks};
use crate::comment::text::{self, Fenced, code, html, html_code, sentence};
use crate::comment::words::{bytes, count, list, needs_care, number, plural, stake, worth_briefly};
use crate::comment::{Templates, public};
use crate::model::fault::Failure;
use crate::model::object::ObjectId;
use crate::model::plan::{Action, Phase, Risk};

/// A diff beyond this fits nowhere on GitHub.
const DIFF: usize = 60_000;
/// Bytes of sections in full, far more than comment and check hold together; behind them only small diffs are laid out,
/// so that 20,000 large ones do not fill the memory.
const ROOM: usize = 1 << 20;
/// Bytes of a small diff.
const SMALL: usize = 2_000;
/// Environments named in a section's first line.
const ENVIRONMENTS: usize = 6;
/// Apps named in a section.
const APPS: usize = 3;
/// Objects named in a section's first line, where the same happens to several.
const NAMES: usize = 3;
/// Warnings shown of one object.
const WARNINGS: usize = 10;

/// How sections look in one place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// Are live values left out?
    pub public: bool,
    /// Do the predictions differ in worth, so that each says its own?
    pub mixed: bool,
    /// Is it the only one?
    pub only: bool,
}

/// The sections of some changes.
pub(crate) fn blocks(templates: &Templates, groups: &[Group<'_>], look: Look) -> Result<Vec<Block>, Failure> {
    let mut room = ROOM;
    let mut blocks = Vec::with_capacity(groups.len());
    for group in groups {
        let block = block(templates, group, look, if room > 0 { DIFF } else { SMALL })?;
        room = room.saturating_sub(block.full.len());
        blocks.push(block);
    }
    Ok(blocks)
}

fn block(templates: &Templates, group: &Group<'_>, look: Look, most: usize) -> Result<Block, Failure> {
    let change = group.change;
    let care = needs_care(change) || group.gone.is_some_and(needs_care);
    let lost = group.gone.filter(|gone| gone.risks.contains(&Risk::LosesData));
    let head = context! {
        care => care,
        open => care || look.only,
        action => if group.hook { "run" } else { lost.unwrap_or(change).action.word() },
        kind => lost.map_or_else(|| kind(group), |gone| html(&gone.id.kind)),
        id => lost.map_or_else(|| names(group), |gone| html_code(&place(&gone.id))),
        parts => parts(group, look),
    };
    let (diff, size) = diff(group, look.public, most);
    let large = size.map(|(lines, size)| {
        format!(
            "Its diff has {} ({}), too many for GitHub; `tidegate plan` shows it.",
            count(lines, "line"),
            bytes(size)
        )
    });
    let full = context! {
        short => false,
        diff => diff.map(Value::from),
        large,
        hidden => look.public && withheld(group),
        lines => lines(group, look.public),
        ..head.clone()
    };
    Ok(Block {
        full: templates.render("section.md", full)?,
        short: templates.render("section.md", context! { short => true, ..head })?,
    })
}

/// `shop/web`, or `web` where there is no namespace.
pub(crate) fn place(id: &ObjectId) -> String {
    id.namespace.as_ref().map_or_else(|| id.name.clone(), |namespace| format!("{namespace}/{}", id.name))
}

/// `Deployment`, `14 Deployments`.
fn kind(group: &Group<'_>) -> String {
    let kind = html(&group.change.id.kind);
    if group.also.is_empty() { kind } else { format!("{} {}", number(group.also.len() + 1), plural(&kind)) }
}

/// The object, or the first of several.
fn names(group: &Group<'_>) -> String {
    let all = std::iter::once(group.change).chain(group.also.iter().copied());
    let names: Vec<String> = all.take(NAMES).map(|change| html_code(&place(&change.id))).collect();
    match (group.also.len() + 1).saturating_sub(NAMES) {
        0 => names.join(", "),
        more => format!("{} and {} more", names.join(", "), number(more)),
    }
}

/// The first line's parts after the identity: environments, fields, what is at stake, what the prediction is worth.
fn parts(group: &Group<'_>, look: Look) -> Vec<String> {
    let change = group.change;
    let mut parts = vec![list(&group.environments, ENVIRONMENTS)];
    if let Some(hook) = change.hook.filter(|_| group.hook) {
        parts.push(match hook.phase {
            Phase::Before => "before the objects are applied".to_owned(),
            Phase::After => "after the objects are ready".to_owned(),
        });
        if hook.weight != 0 {
            parts.push(format!("weight {}", hook.weight));
        }
    }
    parts.extend(change.transfer.as_ref().map(moves));
    let lost = group.gone.is_some_and(|gone| gone.risks.contains(&Risk::LosesData));
    if let Some(gone) = group.gone.filter(|_| lost) {
        parts.extend(gone.risks.iter().filter_map(|risk| stake(*risk, gone)).map(|told| html(&told)));
    }
    parts.extend(group.gone.and(change.pair.as_ref()).map(|pair| succeeds(pair, &change.id, lost)));
    if matches!(change.action, Action::Update | Action::Replace | Action::Adopt | Action::Move) {
        parts.push(html(&fields(change)));
    }
    let own = change.risks.iter().filter(|risk| !(group.hook && **risk == Risk::Runs));
    parts.extend(own.filter_map(|risk| stake(*risk, change)).map(|told| html(&told)));
    if let Some(gone) = group.gone.filter(|_| !lost) {
        let more = gone.risks.iter().filter(|risk| !change.risks.contains(risk));
        parts.extend(
            more.filter_map(|risk| stake(*risk, gone)).map(|told| format!("of the old one: {}", html(&told))),
        );
    }
    parts.extend(contested(change));
    parts.extend(worth_briefly(change.fidelity).filter(|_| look.mixed).map(str::to_owned));
    parts.retain(|part| !part.is_empty());
    parts
}

/// What is said beneath the diff: why paths differ, what the target warned of, where it comes from.
fn lines(group: &Group<'_>, public: bool) -> Vec<String> {
    let warnings: Vec<&String> =
        group.change.warnings.iter().chain(group.gone.iter().flat_map(|gone| &gone.warnings)).collect();
    let mut lines = contests(group.change, public);
    lines.extend(remarks(group.change, public));
    lines.extend(warnings.iter().take(WARNINGS).map(|warning| sentence(warning)));
    if warnings.len() > WARNINGS {
        lines.push(format!("and {}", count(warnings.len() - WARNINGS, "more warning")));
    }
    if group.also.len() >= NAMES {
        let all: Vec<String> = group.also.iter().map(|change| code(&place(&change.id))).collect();
        lines.push(format!("the same in {}", list(&all, ALSO)));
    }
    let origin = origin(group);
    if !origin.is_empty() {
        lines.push(format!("from {origin}"));
    }
    lines
}

/// The file where it is known and the same everywhere, otherwise the apps.
fn origin(group: &Group<'_>) -> String {
    match &group.change.file {
        Some(file) if group.apps.len() == 1 && group.also.is_empty() => code(file),
        Some(_) | None => {
            let apps: Vec<String> =
                group.apps.iter().filter(|app| !app.is_empty()).map(|app| code(app)).collect();
            list(&apps, APPS)
        }
    }
}

/// The diff if it has room anywhere, otherwise how many lines and bytes it has.
fn diff(group: &Group<'_>, public: bool, most: usize) -> (Option<Fenced>, Option<(usize, usize)>) {
    let told = if public { public::diff(group.change) } else { Some(group.change.diff.clone()) };
    match told.filter(|diff| !diff.is_empty()) {
        None => (None, None),
        Some(diff) if diff.len() > most => (None, Some((diff.lines().count(), diff.len()))),
        Some(diff) => (Some(text::diff(&diff)), None),
    }
}

/// Does the plan know more than a public repository shows?
fn withheld(group: &Group<'_>) -> bool {
    public::diff(group.change).unwrap_or_default() != group.change.diff
}
