//! Replies to commands: refusals, answers, what is where, help.

use minijinja::context;

use crate::comment::fault::capital;
use crate::comment::fit::COMMENT;
use crate::comment::preview::{bounded, with_marker};
use crate::comment::text::{clip, code, prose, sentence};
use crate::comment::words::{count, number};
use crate::comment::{Answer, Reply, Standing, StatusRow, Templates};
use crate::model::check::{Comment, REPLY};
use crate::model::deployment::Deployment;
use crate::model::fault::Failure;
use crate::model::id::{EnvironmentName, Login};
use crate::model::refusal::Refusal;

/// Bytes that all answers may take together.
const ANSWERS: usize = COMMENT - 2_000;
/// Bytes that the rows of `/status` may take.
const ROWS: usize = 30_000;

impl Templates {
    /// The reply to the commands of one comment.
    pub(crate) fn reply(&self, reply: &Reply<'_>) -> Result<Comment, Failure> {
        let (mut told, mut used) = (Vec::new(), 0);
        for answer in reply.answers {
            let text = self.answer(answer)?;
            used += text.len() + 2;
            if used > ANSWERS {
                break;
            }
            told.push(text);
        }
        let left_out = reply.answers.len() - told.len();
        let text = self.render(
            "reply.md",
            context! {
                to => prose(reply.to.as_str()),
                answers => told,
                left_out => if left_out > 0 { count(left_out, "more answer") } else { String::new() },
            },
        )?;
        comment(&text)
    }

    /// A deployment that was refused.
    pub(crate) fn refused(
        &self,
        to: &Login,
        environment: &EnvironmentName,
        refusal: &Refusal,
    ) -> Result<Comment, Failure> {
        let text = self.render(
            "refused.md",
            context! {
                to => prose(to.as_str()),
                environment => environment.as_str(),
                refusal => self.refusal(refusal)?,
            },
        )?;
        comment(&text)
    }

    fn answer(&self, answer: &Answer) -> Result<String, Failure> {
        match answer {
            Answer::Refused(refusal) => Ok(format!("Not done: {}", self.refusal(refusal)?)),
            Answer::Misread(misread) => Ok(format!(
                "{} is not understood: {}",
                code(&clip(&misread.line, 200)),
                sentence(&misread.message)
            )),
            Answer::Said(text) => Ok(sentence(text)),
            Answer::Status(rows) => self.status(rows),
            Answer::Help => self.render("help.md", context! {}),
        }
    }

    fn refusal(&self, refusal: &Refusal) -> Result<String, Failure> {
        self.render(
            "refusal.md",
            context! {
                message => sentence(&refusal.message),
                rule => prose(&refusal.rule),
                hint => sentence(&capital(&refusal.hint)),
            },
        )
    }

    fn status(&self, rows: &[StatusRow]) -> Result<String, Failure> {
        let (mut views, mut used) = (Vec::new(), 0);
        for row in rows {
            let last = row.last.as_ref().map_or_else(|| "never deployed".to_owned(), last);
            let held = row.held.as_ref().map_or_else(String::new, |(pull, by, reason)| {
                prose(&format!("#{pull}, by {by}: {}", clip(reason, 200)))
            });
            let you = match &row.standing {
                Standing::Yes => "may deploy".to_owned(),
                Standing::No(why) => prose(&format!("may not: {}", clip(why, 300))),
            };
            used += last.len() + held.len() + you.len() + row.target.len() + 60;
            if used > ROWS {
                break;
            }
            views.push(context! {
                name => row.name.as_str(),
                target => prose(&row.target),
                last, held, you,
                waiting => if row.waiting == 0 { String::new() } else { number(row.waiting) },
            });
        }
        let more = rows.len() - views.len();
        self.render(
            "status.md",
            context! {
                rows => views,
                more => if more > 0 { count(more, "more environment") } else { String::new() },
            },
        )
    }
}

/// `succeeded: 3f2a91c of #12 by ann, 2026-11-24 03:54 UTC`.
fn last(deployment: &Deployment) -> String {
    let mut words = format!("{}: {}", deployment.state.word(), deployment.commits.head.short());
    if let Some(pull) = deployment.pull {
        words = format!("{words} of #{pull}");
    }
    let when = deployment.changed.strftime("%Y-%m-%d %H:%M UTC");
    prose(&format!("{words} by {}, {when}", deployment.by))
}

fn comment(text: &str) -> Result<Comment, Failure> {
    Ok(Comment { marker: REPLY.to_owned(), body: bounded(with_marker(REPLY, text), COMMENT)? })
}
