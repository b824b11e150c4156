//! The author's faults: where, what, and what to do.

use minijinja::{Value, context};

use crate::comment::Templates;
use crate::comment::fit::Block;
use crate::comment::text::{block, clip, code, prose, sentence};
use crate::comment::words::{count, list};
use crate::model::fault::{Failure, Fault};

/// Characters of a snippet, and of what a program said beyond its first line.
const DETAIL: usize = 4_000;
/// Faults laid out; comment and check hold fewer.
const FAULTS: usize = 1_000;
/// Environments named with one fault.
const ENVIRONMENTS: usize = 6;

/// The faults as blocks; each with the environments that have it, if it belongs to some.
pub(crate) fn blocks(templates: &Templates, faults: &[(&Fault, Vec<&str>)]) -> Result<Vec<Block>, Failure> {
    let mut blocks: Vec<Block> = faults
        .iter()
        .take(FAULTS)
        .map(|(fault, environments)| {
            // A blank line after each, or two faults would be one paragraph.
            let told =
                |full| templates.render("fault.md", view(fault, environments, full)).map(|text| text + "\n");
            Ok(Block { full: told(true)?, short: told(false)? })
        })
        .collect::<Result<_, Failure>>()?;
    if faults.len() > FAULTS {
        let more = format!("And {}.\n", count(faults.len() - FAULTS, "more error"));
        blocks.push(Block { full: more.clone(), short: more });
    }
    Ok(blocks)
}

fn view(fault: &Fault, environments: &[&str], full: bool) -> Value {
    let (message, more) = fault.message.split_once('\n').unwrap_or((&fault.message, ""));
    let detail = [fault.snippet.as_deref().unwrap_or_default(), more]
        .into_iter()
        .filter(|text| !text.trim().is_empty())
        .collect::<Vec<_>>()
        .join("\n\n");
    context! {
        place => place(fault).map(|place| code(&place)),
        environments => list(environments, ENVIRONMENTS),
        message => sentence(message),
        hint => if full { sentence(&capital(&fault.hint)) } else { String::new() },
        detail => (full && !detail.is_empty()).then(|| Value::from(block(&clip(&detail, DETAIL)))),
    }
}

/// `apps/web/web.yaml:3:9`, or the app where no file is known.
fn place(fault: &Fault) -> Option<String> {
    let Some(file) = &fault.file else { return fault.app.clone().filter(|app| !app.is_empty()) };
    let mut place = file.clone();
    for number in [fault.line, fault.column].into_iter().map_while(|number| number) {
        place = format!("{place}:{number}");
    }
    Some(place)
}

/// Hints are written to follow a bracket; as a sentence they begin with a capital, unless with code.
pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// One line of free words: a note.
pub(crate) fn note(text: &str) -> String {
    prose(text)
}
