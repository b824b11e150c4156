//! `tidegate demo`: the whole story, here, now: an emulated GitHub, a sample repository, Tidegate itself over real HTTP.
//!
//! [`stage`] sets everything up in one temporary folder, [`story`] plays and checks each step while [`tell`] says what a
//! person would see, and [`page`] lets a person go on by hand. The only room that names the emulator.

mod environment;
mod markup;
mod page;
mod programs;
mod sample;
mod stage;
mod story;
mod tell;
mod verify;

use std::error::Error;
use std::sync::Arc;

use clap::Args;

use crate::app::signal;
use crate::demo::stage::{Rig, Stage};
use crate::demo::tell::Tell;
use crate::model::fault::chain;

/// Every step held.
const HELD: u8 = 0;
/// A step did not hold, or nothing could be set up.
const BROKE: u8 = 1;
/// Ended by Ctrl-C or SIGTERM before the story's end, as shells say it.
const STOPPED: u8 = 130;

/// What `demo` takes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// End after the story; exit 0 only if each step held.
    #[arg(long)]
    no_serve: bool,
    /// The port of the page on 127.0.0.1; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    /// Deploy to a real API server: the named kubeconfig context, or a control plane started from target/tools.
    #[arg(long, value_name = "CONTEXT", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    kubernetes: Option<String>,
    /// Keep the temporary folder: repositories, database, log.
    #[arg(long)]
    keep: bool,
    /// No pauses between the steps.
    #[arg(long)]
    fast: bool,
}

/// Why the demonstration stopped, in words for the person who watches.
#[derive(Debug)]
pub(crate) struct Halt(String);

impl Halt {
    fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}

/// Whatever goes wrong below ends the demonstration: its words are all that is needed of it.
impl<E: Error + 'static> From<E> for Halt {
    fn from(error: E) -> Self {
        Self(chain(&error))
    }
}

/// Tells the story and, unless told otherwise, serves the page until Ctrl-C.
pub(crate) async fn run(options: Options) -> u8 {
    let mut tell = Tell::new(!options.fast);
    tell.opening();
    let set = tokio::select! {
        set = Rig::set(&options, &tell) => set,
        _ = signal() => return interrupted(&tell),
    };
    let rig = match set {
        Ok(rig) => rig,
        Err(halt) => {
            tell.broke(&halt.0, &[]);
            return BROKE;
        }
    };
    let stage = Arc::clone(&rig.stage);
    let code = tokio::select! {
        played = story::play(&stage, &mut tell) => match played {
            Ok(()) => HELD,
            Err(halt) => {
                tell.broke(&halt.0, &stage.evidence());
                BROKE
            }
        },
        _ = signal() => interrupted(&tell),
    };
    let code =
        if code == HELD && !options.no_serve { by_hand(&stage, &tell, options.port).await } else { code };
    match rig.strike(options.keep).await {
        Ok(Some(kept)) => tell.line(&format!("Kept: {}", kept.display())),
        Ok(None) => {}
        Err(halt) => {
            tell.broke(&halt.0, &[]);
            return BROKE;
        }
    }
    code
}

/// Ctrl-C is how a person leaves the page: that is a good end.
async fn by_hand(stage: &Arc<Stage>, tell: &Tell, port: u16) -> u8 {
    match page::serve(stage, tell, port).await {
        Ok(()) => {
            tell.line("");
            tell.line("Everything is taken down again.");
            HELD
        }
        Err(halt) => {
            tell.broke(&halt.0, &[]);
            BROKE
        }
    }
}

fn interrupted(tell: &Tell) -> u8 {
    tell.line("");
    tell.line("Stopped; everything is taken down again.");
    STOPPED
}
