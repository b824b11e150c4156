//! A run under watch: how long it took, how much memory all its processes held together at most, and who is left of them.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::support::program::{Ran, command, run};

/// How often is looked. What lives shorter is not seen.
const EVERY: Duration = Duration::from_millis(20);
/// A run that takes longer is ended here, and has failed.
const ENDLESS: Duration = Duration::from_secs(90);
/// How long what is left may take to go.
const GONE: Duration = Duration::from_secs(2);

/// What was seen of a run.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) ran: Ran,
    pub(super) time: Duration,
    /// The most resident memory of the whole tree, in bytes; pages that several of them share count for each.
    pub(super) memory: u64,
    /// The most processes at once.
    pub(super) processes: usize,
    /// Processes of its sessions that outlived it.
    pub(super) left: Vec<String>,
}

/// A process as `/proc/PID/stat` tells of it.
struct Process {
    pid: u32,
    parent: u32,
    session: u32,
    name: String,
    pages: u64,
}

/// Runs a command in a session of its own. Its output goes through files in `folder`.
pub(super) fn watched(given: &Command, folder: &Path) -> Seen {
    let (out, err) = (folder.join("stdout"), folder.join("stderr"));
    let mut own = command("setsid");
    own.arg(given.get_program()).args(given.get_args());
    own.env_clear().envs(given.get_envs().filter_map(|(name, value)| Some((name, value?))));
    own.current_dir(given.get_current_dir().unwrap()).stdin(Stdio::null());
    own.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
    let began = Instant::now();
    let mut child = own.spawn().unwrap();
    let root = child.id();
    let mut sessions = BTreeSet::from([root]);
    let (mut memory, mut processes) = (0, 0);
    let status = loop {
        let tree = tree(root, &mut sessions);
        memory = memory.max(tree.iter().map(|one| one.pages).sum::<u64>());
        processes = processes.max(tree.len());
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > ENDLESS {
            child.kill().unwrap();
            break child.wait().unwrap();
        }
        std::thread::sleep(EVERY);
    };
    let time = began.elapsed();
    let left = left(&sessions);
    let text = |path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    let ran = Ran { code: status.code(), out: text(&out), err: text(&err) };
    Seen { ran, time, memory: memory * page(), processes, left }
}

/// The child, all that descend from it, and all of their sessions, which are noted.
fn tree(root: u32, sessions: &mut BTreeSet<u32>) -> Vec<Process> {
    let mut others = all();
    let mut found: Vec<Process> = Vec::new();
    let mut known = BTreeSet::from([root]);
    loop {
        let ours =
            |one: &Process| one.pid == root || known.contains(&one.parent) || sessions.contains(&one.session);
        let (new, rest): (Vec<_>, Vec<_>) = others.into_iter().partition(ours);
        if new.is_empty() {
            return found;
        }
        known.extend(new.iter().map(|one| one.pid));
        // Between its start and `setsid` the child is still in the session of the tests.
        sessions.extend(new.iter().filter(|one| one.pid != root).map(|one| one.session));
        found.extend(new);
        others = rest;
    }
}

/// Who of these sessions is left, after a moment in which the system may take them away.
fn left(sessions: &BTreeSet<u32>) -> Vec<String> {
    let began = Instant::now();
    loop {
        let left: Vec<String> = all()
            .into_iter()
            .filter(|one| sessions.contains(&one.session))
            .map(|one| format!("{} {}", one.pid, one.name))
            .collect();
        if left.is_empty() || began.elapsed() > GONE {
            return left;
        }
        std::thread::sleep(EVERY);
    }
}

/// The processes that a process started and that are not dead; those of Git, which a server keeps, are left out.
pub(super) fn children(of: u32) -> Vec<String> {
    all().into_iter().filter(|one| one.parent == of && one.name != "git").map(|one| one.name).collect()
}

/// All processes of the machine that are not dead.
fn all() -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(process).collect()
}

fn process(pid: u32) -> Option<Process> {
    // It may have ended since it was listed.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (head, rest) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let narrow = |at: usize| u32::try_from(number(at)?).ok();
    // proc(5) counts from 1, and two fields stand before the third: state 3, parent 4, session 6, resident pages 24.
    let dead = matches!(*fields.first()?, "Z" | "X");
    let process = Process { pid, parent: narrow(1)?, session: narrow(3)?, name, pages: number(21)? };
    (!dead).then_some(process)
}

fn page() -> u64 {
    static SIZE: OnceLock<u64> = OnceLock::new();
    *SIZE.get_or_init(|| run(command("getconf").arg("PAGESIZE")).ended(0).out.trim().parse().unwrap())
}

#[test]
fn a_run_is_seen_with_what_it_starts_and_what_it_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let shell = |script: &str| {
        let mut shell = command("/bin/sh");
        shell.args(["-c", script]).current_dir(folder.path()).env("PATH", "/usr/bin:/bin");
        watched(&shell, folder.path())
    };
    let seen = shell("echo out; echo err >&2; sleep 0.3 & sleep 0.3; wait; exit 7");
    assert_eq!((seen.ran.code, seen.ran.out.as_str(), seen.ran.err.as_str()), (Some(7), "out\n", "err\n"));
    assert!(seen.processes >= 2 && seen.time >= Duration::from_millis(300), "{seen:?}");
    assert_eq!(seen.left, [""; 0]);
    // Half of it in a session of its own, whose parent goes: both are found.
    let seen = shell("setsid sleep 4 & sleep 4 & sleep 0.2");
    assert_eq!(seen.left.len(), 2, "{seen:?}");
    let bytes = 200_u64 << 20;
    let seen = shell(&format!("head -c {bytes} /dev/zero | tail -c {bytes} > /dev/null; sleep 0.1"));
    // It is let go right after: on a busy machine the last of it may not be seen.
    assert!(seen.memory > bytes / 2, "{seen:?}");
}
