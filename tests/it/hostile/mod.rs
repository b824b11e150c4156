//! Hostile inputs, through the front door: whatever a repository holds, a run ends in time and within its memory, says what is
//! wrong in words of the author's own files, shows nothing of this machine, leaves nothing behind, and the next job renders.
#![cfg(target_os = "linux")]

mod bases;
mod case;
mod charts;
mod packed;
mod paths;
mod place;
mod programs;
mod server;
mod sizes;
mod texts;
mod watch;

use std::sync::Mutex;
use std::time::Duration;

use crate::hostile::case::Case;
use crate::hostile::place::Place;

/// A kind of hostile input: what it is called, and how it is made.
type Kind = (&'static str, fn(&Place) -> Case);

/// So many run at once: as many as there are turns on a small machine.
const AT_ONCE: usize = 2;

/// What came of all of them.
#[derive(Default)]
struct Tally {
    wrong: Vec<String>,
    time: (Duration, &'static str),
    memory: (u64, &'static str),
    processes: usize,
}

#[test]
fn every_kind_ends_in_words_and_the_next_job_renders() {
    let tables = [
        programs::KINDS,
        sizes::KINDS,
        packed::KINDS,
        charts::KINDS,
        bases::KINDS,
        texts::KINDS,
        paths::KINDS,
    ];
    let kinds: Vec<Kind> = tables.concat();
    let waiting = Mutex::new(kinds.iter());
    let tally = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some((name, make)) = waiting.lock().unwrap().next() else { return };
                    let place = Place::new();
                    let (seen, wrong) = make(&place).run(&place);
                    println!("{name}: {:?}, {} MiB", seen.time, seen.memory >> 20);

                    let mut tally = tally.lock().unwrap();
                    tally.time = tally.time.max((seen.time, name));
                    tally.memory = tally.memory.max((seen.memory, name));
                    tally.processes = tally.processes.max(seen.processes);
                    if !wrong.is_empty() {
                        tally.wrong.push(format!("--- {name}: {}", wrong.join("\n")));
                    }
                }
            });
        }
    });
    let Tally { wrong, time, memory, processes } = tally.into_inner().unwrap();
    println!("{} kinds; the longest {:?} ({})", kinds.len(), time.0, time.1);
    println!("the most memory {} MiB ({}), the most processes {processes}", memory.0 >> 20, memory.1);
    assert!(wrong.is_empty(), "{} of {} kinds:\n{}", wrong.len(), kinds.len(), wrong.join("\n"));
}
