//! `tidegate render`: the bundle as YAML.

use std::path::Path;

use clap::Args;

use crate::cli::local::{Bench, Checkout, Kept, chosen, missing};
use crate::model::fault::{Failure, Fault};
use crate::model::target::Capabilities;
use crate::render::{Budget, Wanted, render};
use crate::terminal::{ERROR, fail, note, out};
use crate::work::files::Files;
use crate::work::ground::FILE;
use crate::yaml;

/// What `render` takes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The environment.
    environment: String,
    /// The revision to render.
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    rev: String,
    #[command(flatten)]
    kept: Kept,
    #[command(flatten)]
    checkout: Checkout,
}

/// Prints every object, hooks included, Secrets in clear; warnings go to standard error.
pub(crate) async fn run(config: Option<&Path>, options: &Options) -> u8 {
    match bundle(config, options).await {
        Ok(text) => out(&text),
        Err(Failure::Author(faults)) => {
            for fault in &faults {
                note(&fault.to_string());
            }
            ERROR
        }
        Err(failure) => fail(&failure.to_string()),
    }
}

async fn bundle(config: Option<&Path>, options: &Options) -> Result<String, Failure> {
    let bench = Bench::open(&options.checkout, config, options.kept.keep()).await?;
    let head = bench.local.resolve(&options.rev).await?;
    let settings = bench.settings(&head).await?;
    let named = [options.environment.clone()];
    let Some((name, environment)) = chosen(&settings, &named)?.into_iter().next() else {
        return Err(missing("no environment was chosen"));
    };
    let tree = bench.local.objects().tree_of(&head).await?;
    let mut files = Files::new(bench.local.objects());
    files.write(&tree).await?;
    let capabilities = Capabilities::default();
    let written = files.expect(&tree)?;
    let wanted = Wanted {
        root: written.root,
        omitted: written.omitted,
        owner: bench.scope(name, environment).await?.environment.repo,
        environment: name,
        sources: &environment.sources,
        versions: &environment.versions,
        namespace: environment.namespace.as_deref(),
        capabilities: &capabilities,
        budget: &Budget::new(&bench.renderers.limits),
    };
    let rendered = render(&bench.renderers, &wanted).await?;
    let mut faults = rendered.faults;
    for (source, matched) in environment.sources.iter().zip(&rendered.matched) {
        if !matched {
            let fault = Fault::new(format!("the source `{}` matches nothing", source.path));
            faults.push(fault.file(FILE).at(source.line, 1).hint("correct the path"));
        }
    }
    if !faults.is_empty() {
        return Err(Failure::Author(faults));
    }
    for warning in &rendered.bundle.warnings {
        note(&format!("warning: {warning}"));
    }
    let objects = rendered.bundle.objects.iter().chain(&rendered.bundle.hooks);
    Ok(yaml::write_all(objects.map(|object| &object.body)))
}
