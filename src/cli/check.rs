//! `tidegate check`: is the repository's file right?

use std::path::Path;

use crate::app::parts::Keep;
use crate::cli::local::{Bench, Checkout};
use crate::model::fault::Failure;

/// Prints what the file says, or every fault with line, column and hint. The operator's defaults lie beneath it, and
/// where targets are known an unknown one is a fault.
pub(crate) async fn run(config: Option<&Path>, checkout: &Checkout) -> u8 {
    match read(config, checkout).await {
        Ok(words) => out(&harmless(&words)),
        Err(Failure::Author(faults)) => {
            for fault in &faults {
                note(&fault.to_string());
            }
            note(&format!(
                "{} found",
                if faults.len() == 1 { "1 fault".to_owned() } else { format!("{} faults", faults.len()) }
            ));
            ERROR
        }
        Err(failure) => fail(&failure.to_string()),
    }
}

async fn read(config: Option<&Path>, checkout: &Checkout) -> Result<String, Failure> {
    let bench = Bench::open(checkout, config, Keep::Run).await?;
    let head = bench.local.resolve("HEAD").await?;
    let settings = bench.settings(&head).await?;
    let homeless = bench.homeless(&settings);
    if !homeless.is_empty() {
        return Err(Failure::Author(homeless));
    }
    let mut words = String::new();
    for (name, environment) in &settings.environments {
        let sources =
            environment.sources.iter().map(|source| source.path.as_str()).collect::<Vec<_>>().join(", ");
        words.extend([name.as_str(), ": target ", &environment.target, ", renders ", &sources, "\n"]);
    }
    words.push_str("the file is right\n");
    Ok(words)
}
use crate::terminal::{ERROR, fail, harmless, note, out};
