//! The commands in a comment: lines that begin with `/`, in plain paragraphs only.
//!
//! Code, quotes, lists, tables, HTML and links hold other people's words, examples and logs, so nothing in them commands.
//! What is read strictly is told strictly: a line that names a command of ours and is not right in every word is a
//! [`Misread`], never a guess. Lines with words of others (`/etc/passwd`, `/cc @x`) are passed over in silence.

mod lines;
mod word;

use crate::model::command::{Command, Misread};
use crate::model::id::EnvironmentName;
use word::{Verb, Word};

/// Commands in one comment; more are refused, so that one comment cannot queue work without end.
const MOST: usize = 10;

/// Bytes of a comment that are looked at; GitHub's own limit is 65,536 characters.
const LONGEST: usize = 64 * 1024;

/// Characters of a line that a [`Misread`] repeats.
const SHOWN: usize = 200;

/// The commands of a comment, in order; at most ten, and a [`Misread`] for what is wrong. Never panics.
pub(crate) fn commands(comment: &str) -> Vec<Result<Command, Misread>> {
    if comment.len() > LONGEST {
        return too_long(comment);
    }
    let mut found = Vec::new();
    for line in lines::plain(comment) {
        let Some(read) = command(line) else { continue };
        if found.len() == MOST {
            let message =
                format!("a comment holds at most {MOST} commands; this one and what follows were not read");
            found.push(Err(misread(line, message)));
            break;
        }
        found.push(read);
    }
    found
}

/// Such a comment is not read at all: cut somewhere, a quote or a code block might end where it should not.
fn too_long(comment: &str) -> Vec<Result<Command, Misread>> {
    let named = |line: &&str| line.starts_with('/') && command(line).is_some();
    let message =
        "the comment is longer than 64 KiB and was not read; write the command in a comment of its own";
    comment.lines().find(named).map(|line| Err(misread(line, message))).into_iter().collect()
}

/// One line that begins with `/`; none: it is not meant for us.
fn command(line: &str) -> Option<Result<Command, Misread>> {
    let line = line.trim_end();
    let (word, rest) = line.strip_prefix('/')?.split_once(char::is_whitespace).unwrap_or((&line[1..], ""));
    let read = match word::read(word)? {
        Word::Known(verb) => arguments(verb, rest.trim()),
        Word::Like(verb) => {
            Err(format!("`/{word}` is not a command; did you mean `/{}`? `/help` lists all", verb.word()))
        }
    };
    Some(read.map_err(|message| misread(line, message)))
}

fn arguments(verb: Verb, rest: &str) -> Result<Command, String> {
    match verb {
        Verb::Preview => rest
            .split_whitespace()
            .try_fold(Vec::new(), add)
            .map(|environments| Command::Preview { environments }),
        Verb::Deploy => deploy(rest),
        Verb::Cancel => cancel(rest),
        Verb::Lock => lock(rest),
        Verb::Unlock => unlock(rest),
        Verb::Status => Ok(Command::Status),
        Verb::Help => Ok(Command::Help),
        Verb::Rollback => {
            Err("`/rollback` is not available yet; to go back, revert the change in a pull request and \
                               deploy that"
                .to_owned())
        }
    }
}

/// `/deploy [env…] [sha] [deletes=N]`. Seven or more hexadecimal digits are always a commit.
fn deploy(rest: &str) -> Result<Command, String> {
    let (mut environments, mut sha, mut deletes) = (Vec::new(), None, None);
    for token in rest.split_whitespace() {
        let lower = token.to_ascii_lowercase();
        if lower.starts_with("emergency:") {
            return Err(
                "`emergency:` is not available yet; deploy without it, by the environment's own rules"
                    .to_owned(),
            );
        } else if let Some(number) = lower.strip_prefix("deletes=") {
            let number = number
                .parse()
                .map_err(|_| format!("`{token}`: deletes= takes a whole number, as in `deletes=12`"))?;
            if deletes.replace(number).is_some() {
                return Err("`deletes=` is given twice; give one number".to_owned());
            }
        } else if (7..=64).contains(&lower.len()) && lower.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            if sha.replace(lower).is_some() {
                return Err("two commits are named; name the one that you mean".to_owned());
            }
        } else {
            environments = add(environments, token)?;
        }
    }
    Ok(Command::Deploy { environments, sha, deletes })
}

fn cancel(rest: &str) -> Result<Command, String> {
    let mut named = rest.split_whitespace();
    let environment = named.next().map(environment).transpose()?;
    match named.next() {
        None => Ok(Command::Cancel { environment }),
        Some(_) => Err("`/cancel` takes one environment, or none; write a line for each".to_owned()),
    }
}

fn lock(rest: &str) -> Result<Command, String> {
    let (name, reason) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    if name.is_empty() {
        return Err("`/lock` needs an environment, as in `/lock staging load test until noon`".to_owned());
    }
    let reason = reason.trim().chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    Ok(Command::Lock { environment: environment(name)?, reason })
}

fn unlock(rest: &str) -> Result<Command, String> {
    let mut named = rest.split_whitespace();
    match (named.next(), named.next()) {
        (Some(name), None) => Ok(Command::Unlock { environment: environment(name)? }),
        (None, _) => Err("`/unlock` needs an environment, as in `/unlock staging`".to_owned()),
        (Some(_), Some(_)) => Err("`/unlock` takes one environment; write a line for each".to_owned()),
    }
}

/// An environment more, unless it was named before.
fn add(mut named: Vec<EnvironmentName>, token: &str) -> Result<Vec<EnvironmentName>, String> {
    let environment = environment(token)?;
    if !named.contains(&environment) {
        named.push(environment);
    }
    Ok(named)
}

/// Case does not matter, and a comma after a name in a list does no harm.
fn environment(token: &str) -> Result<EnvironmentName, String> {
    let name = token.trim_end_matches(',').to_ascii_lowercase();
    name.parse().map_err(|_| {
        let token: String = token.chars().filter(|c| !c.is_control() && *c != '`').take(60).collect();
        format!("`{token}` is not an environment's name: those are 1 to 40 of a-z, 0-9 and - between them")
    })
}

fn misread(line: &str, message: impl Into<String>) -> Misread {
    Misread { line: line.chars().take(SHOWN).collect(), message: message.into() }
}

#[cfg(test)]
mod tests;
