//! `tidegate replay`: one webhook payload, and what would follow from it.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::github::webhook;
use crate::terminal::{fail, out};
use crate::work::intake;

/// A payload larger than GitHub sends is not one.
const LARGEST: u64 = 25 << 20;

/// What `replay` takes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The event's name, as in the header X-GitHub-Event.
    event: String,
    /// The payload, as JSON.
    file: PathBuf,
}

/// Prints the event in Tidegate's words and the jobs that follow. Writes nothing, asks nobody.
pub(crate) fn run(options: &Options) -> u8 {
    let body = match std::fs::metadata(&options.file).map(|facts| facts.len()) {
        Ok(length) if length > LARGEST => return fail("the file is larger than GitHub's limit of 25 MB"),
        Ok(_) => std::fs::read(&options.file),
        Err(error) => Err(error),
    };
    let body = match body {
        Ok(body) => body,
        Err(error) => return fail(&format!("cannot read {}: {error}", options.file.display())),
    };
    match webhook::read(&options.event, &body) {
        Ok(event) => {
            let jobs = intake::decide(event.clone());
            out(&format!("{:#}\n", json!({"event": event, "jobs": jobs})))
        }
        Err(error) => fail(&error.to_string()),
    }
}
