//! Why a pull request cannot be previewed: the author's faults, or a conflict.

use minijinja::context;

use crate::comment::fault::capital;
use crate::comment::fit::{CHECK, COMMENT, fit};
use crate::comment::preview::{bounded, with_marker};
use crate::comment::text::{code, prose};
use crate::comment::words::{count, number};
use crate::comment::{Shown, Templates, Unseen, fault};
use crate::model::check::{Comment, PREVIEW};
use crate::model::fault::{Failure, Fault};
use crate::model::github::Pull;

/// Files in conflict that are named.
const FILES: usize = 50;
/// Bytes kept for the frame.
const FRAME: usize = 2_000;

impl Templates {
    /// The comment and the texts of the check where there is no plan.
    pub(crate) fn unseen(&self, unseen: &Unseen, pull: &Pull) -> Result<Shown, Failure> {
        match unseen {
            Unseen::Faults(faults) => self.faults(faults, pull),
            Unseen::Conflict { base, files } => {
                let names: Vec<String> = files.iter().take(FILES).map(|file| code(file)).collect();
                let title = match files.len() {
                    0 => "cannot be previewed: it conflicts with its base".to_owned(),
                    n => format!("cannot be previewed: {} in conflict", count(n, "file")),
                };
                let text = self.render(
                    "unseen.md",
                    context! {
                        title => title.as_str(),
                        conflict => true,
                        files => names,
                        more => if files.len() > FILES { number(files.len() - FILES) } else { String::new() },
                        blocks => Vec::<String>::new(),
                        left_out => "",
                        branch => prose(pull.base.as_str()),
                        base => base.short(),
                        head => pull.head.short(),
                    },
                )?;
                shown(&title, &text.clone(), text)
            }
        }
    }

    fn faults(&self, faults: &[Fault], pull: &Pull) -> Result<Shown, Failure> {
        let all: Vec<(&Fault, Vec<&str>)> = faults.iter().map(|fault| (fault, Vec::new())).collect();
        let blocks = fault::blocks(self, &all)?;
        let title = format!("cannot be previewed: {}", count(faults.len(), "error"));
        let text = |budget: usize| {
            let fitted = fit(&blocks, budget - FRAME);
            let left_out = match fitted.left_out {
                0 => String::new(),
                n => format!("And {}.", count(n, "more error")),
            };
            self.render(
                "unseen.md",
                context! {
                    title => title.as_str(),
                    conflict => false,
                    files => Vec::<String>::new(),
                    more => "",
                    blocks => fitted.shown,
                    left_out,
                    branch => prose(pull.base.as_str()),
                    base => "",
                    head => pull.head.short(),
                },
            )
        };
        let (comment, summary) = (text(COMMENT)?, text(CHECK)?);
        shown(&title, &comment, summary)
    }
}

fn shown(title: &str, comment: &str, summary: String) -> Result<Shown, Failure> {
    Ok(Shown {
        comment: Comment {
            marker: PREVIEW.to_owned(),
            body: bounded(with_marker(PREVIEW, comment), COMMENT)?,
        },
        title: capital(title),
        summary: bounded(summary, CHECK)?,
        text: String::new(),
    })
}
