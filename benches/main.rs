//! `make bench`: figures beside a peer or the limit, in one run. docs/benchmarks.md says how to read them.
//!
//! Nothing here is asserted on time: it prints what was measured. `QUICK=1` measures less often; words after the
//! options choose subjects (`deliveries rest comment render cluster many yaml diff`).
#![expect(clippy::print_stdout, reason = "a program that prints figures")]

mod apps;
mod bare;
mod cell;
mod cluster;
mod comment;
mod deliveries;
mod diff;
mod load;
mod machine;
mod manifests;
mod many;
mod probot;
mod process;
mod render;
mod requests;
mod rest;
mod server;
mod stats;
mod world;
mod yaml;

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

/// What a step of a measurement gives; whatever fails ends the run in its own words.
pub(crate) type Done<T> = Result<T, Box<dyn Error + Send + Sync>>;

const SUBJECTS: [&str; 8] = ["rest", "deliveries", "comment", "render", "cluster", "many", "yaml", "diff"];

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// About three minutes in all, not fifteen.
    pub(crate) quick: bool,
}

impl Extent {
    /// One of two numbers.
    pub(crate) fn of(self, quick: usize, full: usize) -> usize {
        if self.quick { quick } else { full }
    }
}

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if let Some(code) = yaml::child(&words) {
        return code;
    }
    let quick = words.iter().any(|word| word == "--quick") || process::variable("QUICK").is_some();
    let chosen: Vec<&String> = words.iter().filter(|word| !word.starts_with("--")).collect();
    if let Some(unknown) = chosen.iter().find(|word| !SUBJECTS.contains(&word.as_str())) {
        println!("there is no subject `{unknown}`; there are {}", SUBJECTS.join(", "));
        return ExitCode::from(64);
    }
    let wanted = |subject: &str| chosen.is_empty() || chosen.iter().any(|word| *word == subject);
    let started = Instant::now();
    match run(Extent { quick }, &wanted) {
        Ok(()) => {
            println!("\nmeasured in {:.0} s", started.elapsed().as_secs_f64());
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("\nmeasuring stopped: {}", chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn run(extent: Extent, wanted: &dyn Fn(&str) -> bool) -> Done<()> {
    // An error says that a provider is installed already; there is only this one in the tree.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        machine::tell(extent);
        if wanted("rest") {
            rest::measure(extent).await?;
        }
        if wanted("deliveries") {
            deliveries::measure(extent).await?;
        }
        if wanted("comment") {
            comment::measure(extent).await?;
        }
        if wanted("render") {
            render::measure(extent)?;
        }
        if wanted("cluster") {
            cluster::measure(extent).await?;
        }
        if wanted("many") {
            many::measure(extent).await?;
        }
        if wanted("yaml") {
            yaml::measure(extent)?;
        }
        if wanted("diff") {
            diff::measure(extent)?;
        }
        Ok(())
    })
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
