//! The one comment of a pull request: what merging it changes in each environment.

use std::collections::BTreeMap;

use minijinja::{Value, context};

use crate::comment::draft::Draft;
use crate::comment::fault::capital;
use crate::comment::fit::{self, Block, CHECK, COMMENT, fit};
use crate::comment::group::{Row, faults, groups, hooks};
use crate::comment::matrix::matrix;
use crate::comment::section::Look;
use crate::comment::text::prose;
use crate::comment::words::{count, list, number, touches};
use crate::comment::{Page, Shown, Templates, fault, section};
use crate::model::check::{Comment, PREVIEW};
use crate::model::fault::Failure;
use crate::model::plan::{Action, Change, Plan};

/// Bytes kept for the line that says what is missing.
const MARGIN: usize = 400;

impl Templates {
    /// The preview comment and the texts of its check.
    pub(crate) fn preview(&self, page: &Page<'_>) -> Result<Shown, Failure> {
        let draft = Draft::of(page);
        if draft.quiet() {
            return self.nothing(page, &draft);
        }
        let (blocks, rest) = self.all(page, &draft)?;
        let matrix = matrix(&draft.rows, page.how);
        let around = context! {
            title => draft.title.clone(),
            matrix,
            notes => draft.notes.clone(),
            warnings => draft.warnings.clone(),
            remotes => draft.remotes.clone(),
            footer => draft.footer.clone(),
        };
        let frame = |fitted: &fit::Fitted| {
            let inside = context! { blocks => fitted.shown.clone(), left_out => left_out(fitted, "see the details of the check") };
            self.render("preview.md", context! { ..inside, ..around.clone() })
        };
        let bare = frame(&fit::Fitted::default())?;
        let mut budget = COMMENT.saturating_sub(PREVIEW.len() + bare.len() + MARGIN);
        let mut fitted = fit(&blocks, budget);
        let mut body = with_marker(PREVIEW, &frame(&fitted)?);
        // A template of the operator's may add to each block; less and less is shown until it fits.
        while body.len() > COMMENT && budget > 0 {
            budget /= 2;
            fitted = fit(&blocks, budget);
            body = with_marker(PREVIEW, &frame(&fitted)?);
        }
        Ok(Shown {
            comment: Comment { marker: PREVIEW.to_owned(), body: bounded(body, COMMENT)? },
            title: capital(&draft.title),
            summary: self.summary(page, &around)?,
            text: self.rest(&blocks, &fitted, rest)?,
        })
    }

    /// The check's summary: the matrix, and why it failed if it did.
    fn summary(&self, page: &Page<'_>, around: &Value) -> Result<String, Failure> {
        let blocks = fault::blocks(self, &faults(&page.preview.environments))?;
        let frame = |fitted: &fit::Fitted| {
            let inside =
                context! { blocks => fitted.shown.clone(), left_out => left_out(fitted, "see the comment") };
            self.render("summary.md", context! { ..inside, ..around.clone() })
        };
        let bare = frame(&fit::Fitted::default())?;
        bounded(frame(&fit(&blocks, CHECK.saturating_sub(bare.len() + MARGIN)))?, CHECK)
    }

    fn nothing(&self, page: &Page<'_>, draft: &Draft<'_>) -> Result<Shown, Failure> {
        let line = self.render(
            "quiet.md",
            context! {
                environments => list(&draft.names, 12),
                branch => prose(page.branch.as_str()),
                footer => draft.footer.clone(),
            },
        )?;
        Ok(Shown {
            comment: Comment { marker: PREVIEW.to_owned(), body: with_marker(PREVIEW, &line) },
            title: "Nothing changes".to_owned(),
            summary: line,
            text: String::new(),
        })
    }

    /// All blocks in their order, and those that only the check shows.
    fn all(&self, page: &Page<'_>, draft: &Draft<'_>) -> Result<(Vec<Block>, Vec<Block>), Failure> {
        let plans = &page.preview.environments;
        let usual: Vec<&Plan> = plans.iter().filter(|plan| !plan.baseline).collect();
        let first: Vec<&Plan> = plans.iter().filter(|plan| plan.baseline).collect();
        let found = groups(&usual);
        let look = Look { public: page.public, mixed: draft.mixed, only: found.len() == 1 };
        let mut blocks = fault::blocks(self, &faults(plans))?;
        if !found.is_empty() && blocks.iter().map(|block| block.full.len()).sum::<usize>() > COMMENT / 3 {
            // Errors come first and must not push out what else happens.
            let few = fit(&blocks, COMMENT / 3);
            blocks = blocks.into_iter().enumerate().map(|(at, block)| few.narrow(at, block)).collect();
        }
        blocks.extend(section::blocks(self, &found, look)?);
        blocks.extend(self.running(&usual, plans.len(), look)?);
        for row in
            draft.rows.iter().filter(|row| row.plan().is_some_and(|plan| plan.baseline && !plan.is_empty()))
        {
            blocks.push(self.baseline(row)?);
        }
        blocks.extend(self.running(&first, plans.len(), look)?);
        let rest = section::blocks(self, &groups(&first), Look { only: false, ..look })?;
        Ok((blocks, rest))
    }

    /// The hooks, in the order in which they run. `all`: how many environments there are; where not each has some, those
    /// that do are named.
    fn running(&self, plans: &[&Plan], all: usize, look: Look) -> Result<Vec<Block>, Failure> {
        let found = hooks(plans);
        let mut blocks = section::blocks(self, &found, Look { only: false, ..look })?;
        if let Some(first) = blocks.first_mut() {
            let some: Vec<&Plan> = plans.iter().copied().filter(|plan| !plan.hooks.is_empty()).collect();
            let names: Vec<&str> = some.iter().map(|plan| plan.name.as_str()).collect();
            let jobs = found.iter().all(|group| group.change.id.kind == "Job");
            let values = context! {
                what => if jobs { "Jobs" } else { "Objects" },
                environments => if names.len() < all { list(&names, 6) } else { String::new() },
                upgrade => plans.iter().any(|plan| !plan.baseline),
                several => found.len() > 1,
            };
            // Without a blank line before it, it would be a part of the section above.
            let words = format!("\n{}\n\n", self.render("hooks.md", values)?);
            first.full.insert_str(0, &words);
            first.short.insert_str(0, &words);
        }
        Ok(blocks)
    }

    /// A first deployment: counts by kind.
    fn baseline(&self, row: &Row<'_>) -> Result<Block, Failure> {
        let mut kinds: BTreeMap<&str, Vec<&Change>> = BTreeMap::new();
        for change in row.plan().iter().flat_map(|plan| &plan.changes) {
            kinds.entry(change.id.kind.as_str()).or_default().push(change);
        }
        let lines: Vec<Value> = kinds
            .iter()
            .take(60)
            .map(|(kind, changes)| {
                context! { kind => prose(kind), told => actions(changes) }
            })
            .collect();
        let total: Vec<&Change> = row.plan().iter().flat_map(|plan| &plan.changes).collect();
        let values = |short: bool| {
            context! {
                environments => list(&row.names(), 6),
                told => actions(&total),
                changed => changed(&total),
                replaced => total.iter().any(|change| change.action == Action::Replace),
                kinds => lines.clone(),
                more => count(kinds.len().saturating_sub(60), "more kind"),
                cut => kinds.len() > 60,
                short,
            }
        };
        Ok(Block {
            full: self.render("baseline.md", values(false))?,
            short: self.render("baseline.md", values(true))?,
        })
    }

    /// What the comment shows in part or not at all, for the check's text.
    fn rest(&self, blocks: &[Block], fitted: &fit::Fitted, more: Vec<Block>) -> Result<String, Failure> {
        let mut rest: Vec<Block> =
            fitted.rest.iter().filter_map(|index| blocks.get(*index)).cloned().collect();
        rest.extend(more);
        if rest.is_empty() {
            return Ok(String::new());
        }
        let fitted = fit(&rest, CHECK - 1_000);
        let left_out = left_out(&fitted, "`tidegate plan` shows all");
        bounded(self.render("rest.md", context! { blocks => fitted.shown, left_out })?, CHECK)
    }
}

/// `41 to create, 2 to update`.
fn actions(changes: &[&Change]) -> String {
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    for change in changes {
        *counts.entry(change.action).or_default() += 1;
    }
    let told: Vec<String> =
        counts.iter().map(|(action, n)| format!("{} to {}", number(*n), action.word())).collect();
    told.join(", ")
}

/// `2 objects that exist are changed`; empty where all is new.
fn changed(changes: &[&Change]) -> String {
    match changes.iter().filter(|change| touches(change)).count() {
        0 => String::new(),
        1 => "1 object that exists is changed".to_owned(),
        n => format!("{} objects that exist are changed", number(n)),
    }
}

/// `12 are named without their diff, 3 are left out; …`; empty if all is shown in full.
fn left_out(fitted: &fit::Fitted, elsewhere: &str) -> String {
    let are = |n: usize| if n == 1 { "1 is".to_owned() } else { format!("{} are", number(n)) };
    let named = fitted.rest.len() - fitted.left_out;
    let mut parts = Vec::new();
    if named > 0 {
        parts.push(format!("{} named without details", are(named)));
    }
    if fitted.left_out > 0 {
        parts.push(format!("{} left out", are(fitted.left_out)));
    }
    if parts.is_empty() {
        String::new()
    } else {
        format!("For want of room {}; {elsewhere}.", parts.join(", "))
    }
}

/// The body with its marker first, so that no template can lose it.
pub(crate) fn with_marker(marker: &str, text: &str) -> String {
    format!("{marker}\n{text}\n")
}

/// The text, or whose fault it is that it is too long: what we lay out ourselves always fits.
pub(crate) fn bounded(text: String, most: usize) -> Result<String, Failure> {
    if text.len() <= most {
        return Ok(text);
    }
    let words =
        format!("a text of {} bytes was laid out where {most} are allowed; see the templates", text.len());
    Err(Failure::Ours(crate::model::fault::Cause::plain(words)))
}
