//! Real programs: the shell is here only as a program that can be told to misbehave.

use std::future::pending;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Error, Limits, Program, find, run, run_to, run_while};

fn shell(script: &str) -> Program {
    Program::new("/bin/sh", "/", ["-c", script]).env("PATH", "/usr/bin:/bin")
}

/// How long a loaded machine may take for what takes no time.
const PATIENCE: Duration = Duration::from_secs(20);

fn alive(pid: &str) -> bool {
    // A zombie is dead: it waits only for its parent to read its status.
    std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
        .is_ok_and(|stat| !stat.rsplit(") ").next().unwrap_or_default().starts_with('Z'))
}

async fn until(holds: impl Fn() -> bool) -> bool {
    let began = Instant::now();
    while !holds() {
        if began.elapsed() > PATIENCE {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    true
}

async fn gone(pid: &str) -> bool {
    until(|| !alive(pid)).await
}

#[tokio::test]
async fn output_status_and_messages_come_back() {
    let output = run(&shell("echo out; echo err >&2; exit 3")).await.unwrap();
    assert_eq!(
        (output.status, output.stdout.as_slice(), output.message().as_str()),
        (3, &b"out\n"[..], "err\n")
    );
    assert!(!output.success());
}

#[tokio::test]
async fn the_environment_is_what_was_given_and_nothing_else() {
    let output = run(&Program::new("/usr/bin/env", "/", [] as [&str; 0]).env("ONLY", "this")).await.unwrap();
    assert_eq!(output.stdout, b"ONLY=this\n");
}

#[tokio::test]
async fn large_input_and_output_flow_at_the_same_time() {
    let bytes = vec![b'x'; 8 << 20];
    let output = run(&shell("cat").stdin(bytes.clone())).await.unwrap();
    assert_eq!(output.stdout, bytes);
    // A program that does not read its input is not our fault.
    assert_eq!(run(&shell("exit 0").stdin(bytes)).await.unwrap().status, 0);
}

#[tokio::test]
async fn output_in_pieces_is_whole_and_the_receiver_may_stop_it() {
    let mut sum = 0;
    let script = shell("head -c 3000000 /dev/zero");
    let mut take = |chunk: &[u8]| {
        sum += chunk.len();
        Ok(())
    };
    let output = run_to(&script, &mut take, pending::<()>()).await.unwrap().unwrap();
    assert_eq!((sum, output.stdout.len(), output.status), (3_000_000, 0, 0));
    let mut enough = |_: &[u8]| Err(std::io::Error::other("enough"));
    let error = run_to(&shell("yes"), &mut enough, pending::<()>()).await.unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
}

#[tokio::test]
async fn too_much_output_ends_it() {
    let limits = Limits { stdout: 1_000_000, stderr: 1_000, ..Limits::default() };
    for script in ["yes", "yes >&2"] {
        let error = run(&shell(script).limits(limits)).await.unwrap_err();
        assert!(matches!(error, Error::TooMuchOutput { .. }), "{error}");
    }
}

#[tokio::test]
async fn the_deadline_kills_the_whole_group_even_if_it_ignores_signals() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let script = format!("trap '' TERM INT; sleep 600 & echo $! > {}; sleep 600", file.display());
    // However slow the machine is, some deadline is late enough for the program to have begun.
    for seconds in [1, 4, 16] {
        let limits = Limits { time: Duration::from_secs(seconds), ..Limits::default() };
        let ended = tokio::time::timeout(limits.time + PATIENCE, run(&shell(&script).limits(limits))).await;
        let error = ended.expect("the deadline ends it").unwrap_err();
        assert!(matches!(error, Error::TimedOut { .. }), "{error}");
        let pid = std::fs::read_to_string(&file).unwrap_or_default();
        if pid.ends_with('\n') {
            assert!(gone(&pid).await);
            return;
        }
    }
    panic!("it did not begin within 16 s");
}

#[tokio::test]
async fn nobody_waiting_kills_it_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let script = shell(&format!("echo $$ > {0}.new; mv {0}.new {0}; sleep 600", file.display()));
    tokio::select! {
        ended = run(&script) => panic!("it ended: {ended:?}"),
        began = until(|| file.exists()) => assert!(began),
    }
    assert!(gone(&std::fs::read_to_string(file).unwrap()).await);
}

#[tokio::test]
async fn a_watch_ends_it_by_ending() {
    let began = Instant::now();
    let seen = run_while(&shell("sleep 600"), async { "smoke" }).await.unwrap();
    assert_eq!(seen, Err("smoke"));
    assert!(began.elapsed() < PATIENCE);
    let output = run_while(&shell("exit 4"), pending::<()>()).await.unwrap().unwrap();
    assert_eq!(output.status, 4);
}

#[tokio::test]
async fn one_that_makes_no_session_of_its_own_is_killed_all_the_same() {
    let limits = Limits { time: Duration::from_secs(1), ..Limits::default() };
    let late = Program { session: true, ..Program::new("/bin/sleep", "/", ["600"]).limits(limits) };
    let error = tokio::time::timeout(PATIENCE, run(&late)).await.expect("it ends").unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
}

#[tokio::test]
async fn what_a_program_leaves_behind_neither_delays_nor_survives_it() {
    // It holds the pipes open: waiting for them would be a deadline missed, and so an error.
    let limits = Limits { time: PATIENCE, ..Limits::default() };
    let output = run(&shell("sleep 600 & echo $!").limits(limits)).await.unwrap();
    assert!(gone(&String::from_utf8(output.stdout).unwrap()).await);
}

#[tokio::test]
async fn a_crash_and_a_missing_program_are_told_apart() {
    let error = run(&shell("echo why >&2; kill -9 $$")).await.unwrap_err();
    assert!(matches!(&error, Error::Signalled { signal: 9, stderr, .. } if stderr == "why\n"), "{error:?}");
    let error = run(&Program::new("/nowhere/git", "/", ["x"])).await.unwrap_err();
    assert_eq!(error.to_string(), "git was not found");
    let error = run(&Program::new("/bin/sh", "/nowhere", ["x"])).await.unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_systems_limits_hold() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { file: Some(4096), cpu: Some(1), data: Some(1 << 30), ..Limits::default() };
    // The limits come a moment after the start, the processor's after the files', so the script waits for that moment.
    let script = format!(
        "until [ $(ulimit -t) = 1 ]; do sleep 0.01; done; head -c 100000 /dev/zero > {}/big; ulimit -d; ulimit -t",
        folder.path().display()
    );
    let output = run(&shell(&script).limits(limits)).await.unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "1048576\n1\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(std::fs::metadata(folder.path().join("big")).unwrap().len(), 4096);
}

#[test]
fn secrets_in_the_environment_are_not_printed() {
    let printed = format!("{:?}", shell("true").env("TOKEN", "hunter2").stdin("hunter3"));
    assert!(printed.contains("TOKEN") && !printed.contains("hunter"), "{printed}");
}

#[test]
fn programs_are_found_in_the_folder_first_and_then_on_the_path() {
    let path = Some(std::ffi::OsStr::new("relative:/nowhere:/usr/bin:/bin"));
    let found = find("sh", None, path).unwrap();
    assert!(found.is_absolute());
    assert_eq!(find("sh", Some(Path::new("/bin")), path), Some(PathBuf::from("/bin/sh")));
    assert_eq!(find("sh", Some(Path::new("/nowhere")), path), Some(found));
    assert_eq!(find("no-such-program", Some(Path::new("/bin")), path), None);
    assert_eq!(find("../bin/sh", Some(Path::new("/usr")), path), None);
}
