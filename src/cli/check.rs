//! `tidegate check`: is the repository's file right?

use crate::cli::local::{Bench, Checkout};
use crate::cli::{ERROR, fail, note, out};
use crate::model::fault::Failure;

/// Prints what the file says, or every fault with line, column and hint.
pub(crate) async fn run(checkout: &Checkout) -> u8 {
    match read(checkout).await {
        Ok(words) => out(&words),
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

async fn read(checkout: &Checkout) -> Result<String, Failure> {
    let bench = Bench::open(checkout, None).await?;
    let head = bench.local.resolve("HEAD").await?;
    let settings = bench.settings(&head).await?;
    let mut words = String::new();
    for (name, environment) in &settings.environments {
        let sources =
            environment.sources.iter().map(|source| source.path.as_str()).collect::<Vec<_>>().join(", ");
        words.extend([name.as_str(), ": target ", &environment.target, ", renders ", &sources, "\n"]);
    }
    words.push_str("the file is right\n");
    Ok(words)
}
