//! The command line: arguments in, exit codes out.
//!
//! Exit codes: 0 done, nothing changes; 1 an error anywhere; 2 `plan` found changes; 64 the command was not understood;
//! 130 and 143 ended by Ctrl-C and SIGTERM.

mod apply;
mod check;
mod doctor;
mod interrupt;
mod local;
mod plan;
mod progress;
mod render;
mod replay;
mod show;

use std::ffi::OsString;
use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::app;
use crate::cli::interrupt::{Interrupt, Signals, heed};
use crate::terminal::{DONE, fail, out};

/// `plan` found changes.
pub(crate) const CHANGES: u8 = 2;
/// The command was not understood.
pub(crate) const USAGE: u8 = 64;

const EXAMPLES: &str = "\
Examples:
  tidegate demo                              the whole story, here, now; then a page to go on by hand
  tidegate check                             is this repository's .tidegate.yaml right?
  tidegate render staging                    what staging would hold, as YAML
  tidegate plan --rendered                   what this branch would change, without GitHub or a cluster
  tidegate plan staging --config server.yaml the same against the live target
  tidegate apply staging --digest sha256:…   make exactly that happen
  tidegate doctor --config server.yaml       is everything here that the server needs?
  tidegate serve --config server.yaml        the GitHub App

Exit codes: 0 done, no change; 1 an error; 2 plan found changes; 64 usage; 130 ended by Ctrl-C.";

/// Every change to an environment goes through a pull request; what the preview says is what happens.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, about, after_help = EXAMPLES, max_term_width = 100)]
struct Arguments {
    /// The operator's file: targets, and for `serve` GitHub and the database. Default: server.yaml where it exists.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The main job, here, now: an emulated GitHub, a pull request, a preview, /deploy, a merge.
    #[cfg(feature = "demo")]
    Demo(crate::demo::Options),
    /// Run the GitHub App.
    #[command(after_long_help = crate::config::help())]
    Serve,
    /// Check the repository's file: errors with line, column and hint.
    Check(local::Checkout),
    /// Print what an environment holds, as YAML. Secrets are in clear.
    Render(render::Options),
    /// Show what merging head into base would change.
    Plan(plan::Options),
    /// Make an environment equal to a revision.
    Apply(apply::Options),
    /// Say whether everything is here that the server needs: git, kustomize, helm, the jail, folders.
    #[command(after_long_help = doctor::HELP)]
    Doctor,
    /// Read one webhook payload and say what would follow from it.
    Replay(replay::Options),
    /// Print a JSON Schema: of .tidegate.yaml for editors, or of the plan document.
    Schema {
        /// Which.
        #[arg(value_enum, default_value_t = Document::Settings)]
        document: Document,
    },
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Document {
    /// `.tidegate.yaml`.
    Settings,
    /// What `plan --format json` prints.
    Plan,
}

/// Runs the program with these arguments and the variables of the environment.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.into_iter().peekable();
    let own = arguments.next();
    // Before anything else is made: every renderer is paid for with this way.
    if arguments.next_if(|verb| verb == "jail").is_some() {
        return ExitCode::from(crate::jail::enter(arguments));
    }
    let arguments = own.into_iter().chain(arguments);
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { USAGE } else { DONE };
            // Nobody is left to tell if the terminal is gone.
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return ExitCode::from(fail(&format!("cannot start: {error}"))),
    };
    let code = runtime.block_on(dispatch(arguments));
    // Renderers that were dropped are killed with their groups; nothing else is worth waiting for.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    ExitCode::from(code)
}

async fn dispatch(arguments: Arguments) -> u8 {
    let config = arguments.config.as_deref();
    match arguments.verb {
        #[cfg(feature = "demo")]
        Verb::Demo(options) => crate::demo::run(options).await,
        Verb::Serve => app::serve(config).await,
        Verb::Check(checkout) => ended(Box::pin(check::run(config, &checkout)), &Interrupt::default()).await,
        Verb::Render(options) => ended(Box::pin(render::run(config, &options)), &Interrupt::default()).await,
        Verb::Plan(options) => ended(Box::pin(plan::run(config, &options)), &Interrupt::default()).await,
        Verb::Apply(options) => {
            let interrupt = Interrupt::default();
            ended(Box::pin(apply::run(config, &options, &interrupt)), &interrupt).await
        }
        Verb::Doctor => ended(Box::pin(doctor::run(config)), &Interrupt::default()).await,
        Verb::Replay(options) => replay::run(&options),
        Verb::Schema { document } => {
            let schema = match document {
                Document::Settings => format!("{:#}\n", crate::parse::schema()),
                Document::Plan => crate::parse::plan_schema().to_owned(),
            };
            out(&schema)
        }
        Verb::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "tidegate", &mut script);
            out(&String::from_utf8_lossy(&script))
        }
    }
}

/// The end of a local command, which a signal may bring about.
async fn ended(work: impl Future<Output = u8>, interrupt: &Interrupt) -> u8 {
    match Signals::listen() {
        Ok(mut signals) => heed(work, interrupt, async || signals.next().await).await,
        Err(error) => fail(&format!("cannot listen for signals: {error}")),
    }
}
