//! What is said when we could not do our work.

use minijinja::context;

use crate::comment::fit::CHECK;
use crate::comment::preview::{bounded, with_marker};
use crate::comment::text::{code, sentence};
use crate::comment::{Shown, Templates};
use crate::model::check::{Comment, REPLY};
use crate::model::fault::Failure;

impl Templates {
    /// `missing`: what GitHub does not let the App, and what is to be granted. A reply, as [`Self::broken`]'s.
    pub(crate) fn denied(&self, missing: &str) -> Result<Shown, Failure> {
        let text = self.render("denied.md", context! { missing => sentence(missing) })?;
        reply("The App lacks a permission".to_owned(), text)
    }

    /// `weather`: what was away; the work runs again by itself. None: a defect of ours, told by the job's id alone. The
    /// comment is a reply: what an earlier preview says stays where it is.
    pub(crate) fn broken(&self, job: &str, weather: Option<String>) -> Result<Shown, Failure> {
        let title = match &weather {
            Some(_) => "Could not look; runs again by itself".to_owned(),
            None => format!("A fault of Tidegate's own, id {}", job.chars().take(100).collect::<String>()),
        };
        let text = self.render(
            "broken.md",
            context! { job => code(job), weather => weather.map(|weather| sentence(&weather)) },
        )?;
        reply(title, text)
    }
}

fn reply(title: String, text: String) -> Result<Shown, Failure> {
    Ok(Shown {
        comment: Comment { marker: REPLY.to_owned(), body: with_marker(REPLY, &text) },
        title,
        summary: bounded(text, CHECK)?,
        text: String::new(),
    })
}
