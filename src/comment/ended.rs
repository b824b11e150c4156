//! How a deployment ended: one line when all went well, otherwise what failed first.

use std::collections::BTreeMap;

use minijinja::context;

use crate::comment::fault::{capital, note};
use crate::comment::fit::{Block, CHECK, COMMENT, fit};
use crate::comment::preview::{bounded, with_marker};
use crate::comment::remark::short;
use crate::comment::section::place;
use crate::comment::text::{block, clip, code, html, html_code, prose, sentence};
use crate::comment::words::{count, number, worth_briefly};
use crate::comment::{Ending, Shown, Templates};
use crate::model::check::{Comment, REPLY};
use crate::model::deployment::State;
use crate::model::fault::Failure;
use crate::model::plan::{Action, Fidelity, Plan};
use crate::model::report::{Done, Outcome, Report};

/// Characters of one failure's message.
const MESSAGE: usize = 8_000;
/// Paths named where an object came out otherwise than predicted.
const SURPRISES: usize = 5;
/// Bytes kept for the frame.
const FRAME: usize = 6_000;
/// Outcomes laid out; comment and check hold fewer, and the title has their number.
const OUTCOMES: usize = 1_000;
/// Notes and warnings shown.
const NOTES: usize = 20;

impl Templates {
    /// The reply and the texts of the check `tidegate/deploy (environment)`.
    pub(crate) fn ended(&self, ending: &Ending<'_>) -> Result<Shown, Failure> {
        let none = Report::default();
        let report = ending.report.unwrap_or(&none);
        let tally = Tally::of(report, ending.plan);
        let name = ending.deployment.environment.name.as_str();
        let title = title(ending, &tally, name);
        let mut blocks = Vec::new();
        // What failed comes before what surprised.
        for failed in [true, false] {
            let told = report.outcomes.iter().filter(|outcome| {
                let has_failed = matches!(outcome.result, Done::Failed(_));
                has_failed == failed && (failed || !outcome.surprises.is_empty())
            });
            for outcome in told.take(OUTCOMES) {
                blocks.push(self.outcome(outcome, ending)?);
            }
        }
        let mut notes: Vec<String> =
            ending.notes.iter().chain(&report.warnings).take(NOTES).map(|text| note(text)).collect();
        let more = (ending.notes.len() + report.warnings.len()).saturating_sub(NOTES);
        if more > 0 {
            notes.push(format!("and {}", count(more, "more note")));
        }
        let used = FRAME + notes.iter().map(String::len).sum::<usize>();
        let around = context! {
            title => self::title(ending, &tally, &code(name)),
            message => message(ending),
            skipped => skipped(report),
            surprised => tally.surprised > 0,
            notes,
            reference => report.reference.as_deref().map(code),
        };
        let text = |budget: usize, elsewhere: &str| {
            let fitted = fit(&blocks, budget - used);
            let left_out = match fitted.rest.len() {
                0 => String::new(),
                n => format!("{} not shown in full here{elsewhere}.", are(n)),
            };
            let inside = context! { blocks => fitted.shown, left_out };
            self.render("ended.md", context! { ..inside, ..around.clone() }).map(|text| (text, fitted.rest))
        };
        let (body, rest) = text(COMMENT, "; see the details of the check")?;
        let (summary, _) = text(CHECK, "")?;
        Ok(Shown {
            comment: Comment { marker: REPLY.to_owned(), body: bounded(with_marker(REPLY, &body), COMMENT)? },
            title,
            summary: bounded(summary, CHECK)?,
            text: self.remainder(&blocks, &rest)?,
        })
    }

    fn remainder(&self, blocks: &[Block], rest: &[usize]) -> Result<String, Failure> {
        let rest: Vec<Block> = rest.iter().filter_map(|index| blocks.get(*index)).cloned().collect();
        if rest.is_empty() {
            return Ok(String::new());
        }
        let fitted = fit(&rest, CHECK - 1_000);
        let left_out = if fitted.left_out > 0 {
            format!("{} left out here.", are(fitted.left_out))
        } else {
            String::new()
        };
        bounded(self.render("rest.md", context! { blocks => fitted.shown, left_out })?, CHECK)
    }

    fn outcome(&self, outcome: &Outcome, ending: &Ending<'_>) -> Result<Block, Failure> {
        let public = ending.public;
        let failed = match &outcome.result {
            // Later lines are a pod's log and events; on a public repository they are left out.
            Done::Failed(why) if public => Some(why.lines().next().unwrap_or_default().to_owned()),
            Done::Failed(why) => Some(clip(why, MESSAGE)),
            Done::Changed | Done::Unchanged | Done::Skipped(_) => None,
        };
        let surprises: Vec<String> = outcome
            .surprises
            .iter()
            .take(SURPRISES)
            .map(|path| {
                if public {
                    return format!("{} came out otherwise than predicted", code(&path.path));
                }
                let (wanted, got) = (short(&path.before), short(&path.after));
                format!("{}: predicted {wanted}, got {got}", code(&path.path))
            })
            .collect();
        let more = outcome.surprises.len().saturating_sub(SURPRISES);
        let values = |full: bool| {
            context! {
                failed => failed.is_some(),
                action => outcome.action.word(),
                kind => html(&outcome.id.kind),
                id => html_code(&place(&outcome.id)),
                after => if outcome.millis >= 1_000 { seconds(outcome.millis) } else { String::new() },
                why => failed.as_deref().filter(|why| full && !why.is_empty()).map(|why| minijinja::Value::from(block(why))),
                worth => worth_briefly(fidelity(ending.plan, outcome)),
                surprises => if full { surprises.clone() } else { Vec::new() },
                more => if full && more > 0 { count(more, "more path") } else { String::new() },
            }
        };
        Ok(Block {
            full: self.render("outcome.md", values(true))?,
            short: self.render("outcome.md", values(false))?,
        })
    }
}

/// How good the prediction was. Only what the target itself foretold can surprise; less was never promised.
fn fidelity(plan: &Plan, outcome: &Outcome) -> Fidelity {
    let mut all = plan.changes.iter().chain(&plan.hooks);
    all.find(|change| change.id == outcome.id).map_or(Fidelity::Live, |change| change.fidelity)
}

/// What the deployment says of itself beside its title, which has told already how many changes came to what.
fn message(ending: &Ending<'_>) -> String {
    let message = &ending.deployment.message;
    let told = ending.report.is_some_and(|report| report.summary() == *message);
    if told { String::new() } else { sentence(&capital(message)) }
}

/// How many changes came to what.
#[derive(Debug, Default)]
struct Tally {
    failed: usize,
    skipped: usize,
    /// Otherwise than the target itself foretold.
    surprised: usize,
    changed: Vec<(Action, usize)>,
}

impl Tally {
    fn of(report: &Report, plan: &Plan) -> Self {
        let mut tally = Self::default();
        let mut changed: BTreeMap<Action, usize> = BTreeMap::new();
        for outcome in &report.outcomes {
            match outcome.result {
                Done::Changed => *changed.entry(outcome.action).or_default() += 1,
                Done::Unchanged => {}
                Done::Failed(_) => tally.failed += 1,
                Done::Skipped(_) => tally.skipped += 1,
            }
            let surprised = !outcome.surprises.is_empty() && fidelity(plan, outcome) == Fidelity::Live;
            tally.surprised += usize::from(surprised);
        }
        tally.changed = changed.into_iter().collect();
        tally
    }

    /// `1 created, 2 updated`.
    fn changes(&self) -> String {
        let told: Vec<String> =
            self.changed.iter().map(|(action, n)| format!("{} {}", number(*n), past(*action))).collect();
        if told.is_empty() { "nothing had to change".to_owned() } else { told.join(", ") }
    }
}

/// `staging is deployed: 3f2a91c; 2 updated`; the name as it is to be written there.
fn title(ending: &Ending<'_>, tally: &Tally, name: &str) -> String {
    let deployment = ending.deployment;
    let commit = deployment.commits.head.short();
    match deployment.state {
        State::Queued => format!("{name}: {commit} waits for its turn"),
        State::Running => format!("{name}: {commit} is being deployed"),
        State::Succeeded => format!("{name} is deployed: {commit}; {}", tally.changes()),
        State::Cancelled => format!("{name}: the deployment of {commit} was cancelled"),
        State::Refused => format!("{name}: {commit} is not deployed; nothing was changed"),
        State::Failed if tally.failed + tally.skipped == 0 => {
            format!("{name}: the deployment of {commit} failed")
        }
        State::Failed => {
            let all = ending.report.map_or(0, |report| report.outcomes.len());
            let mut words = format!(
                "{name}: the deployment of {commit} failed: {} of {}",
                number(tally.failed),
                count(all, "change")
            );
            if tally.skipped > 0 {
                words = format!("{words}, {} not tried", number(tally.skipped));
            }
            words
        }
    }
}

fn past(action: Action) -> &'static str {
    match action {
        Action::Create => "created",
        Action::Update => "updated",
        Action::Replace => "replaced",
        Action::Delete => "deleted",
        Action::Move => "moved",
        Action::Adopt => "taken over",
        Action::Keep => "kept",
        Action::None => "unchanged",
    }
}

/// What was not tried, folded by why.
fn skipped(report: &Report) -> Vec<String> {
    let mut whys: Vec<(&str, usize, String)> = Vec::new();
    for outcome in &report.outcomes {
        let Done::Skipped(why) = &outcome.result else { continue };
        if let Some((_, n, _)) = whys.iter_mut().find(|(known, _, _)| known == why) {
            *n += 1;
        } else if whys.len() < NOTES {
            whys.push((why, 1, outcome.id.to_string()));
        }
    }
    let told = whys.into_iter().map(|(why, n, first)| {
        let who =
            if n == 1 { prose(&first) } else { format!("{} and {}", prose(&first), count(n - 1, "other")) };
        format!("{who}: {}", sentence(why))
    });
    told.collect()
}

fn are(n: usize) -> String {
    if n == 1 { "1 more is".to_owned() } else { format!("{} more are", number(n)) }
}

/// `12 s`, `3 min 5 s`.
fn seconds(millis: u64) -> String {
    match millis / 1_000 {
        s @ 0..60 => format!("{s} s"),
        s => format!("{} min {} s", s / 60, s % 60),
    }
}
