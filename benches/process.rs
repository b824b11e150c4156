//! Programs that are measured: how they are started, and what the kernel says they used.

use std::ffi::OsStr;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use tidegate::controlplane::Tools;

use crate::Done;

/// The kernel's clock ticks per second, as `/proc` counts them on every Linux.
const TICKS: f64 = 100.0;

/// A variable of this run.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    #[expect(clippy::disallowed_methods, reason = "the run's own setting, not the product's")]
    let value = std::env::var_os(name);
    value.filter(|value| !value.is_empty())
}

/// A command with nothing of the caller's settings but the search path, the built tools before all else.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Done<Command> {
    let path = variable("PATH").unwrap_or_default();
    let folders = std::iter::once(Tools::built()).chain(std::env::split_paths(&path));
    #[expect(clippy::disallowed_methods, reason = "programs are started as people start them")]
    let mut command = Command::new(program);
    command.env_clear().env("PATH", std::env::join_paths(folders)?);
    command.env("NO_COLOR", "1").stdin(Stdio::null());
    Ok(command)
}

/// The programs that `make tools` fetched: from `KUBEBUILDER_ASSETS`, else built.
pub(crate) fn tools() -> Tools {
    Tools::new(variable("KUBEBUILDER_ASSETS").map(PathBuf::from), Tools::built())
}

/// The program that is measured.
pub(crate) fn tidegate() -> Done<Command> {
    command(env!("CARGO_BIN_EXE_tidegate"))
}

/// What one run of a program took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// From its start to its end.
    pub(crate) wall: Duration,
    /// CPU seconds, its children's with it.
    pub(crate) cpu: f64,
    /// The most memory it held at once, in MiB, as last seen; its children's are not in it.
    pub(crate) peak: f64,
}

/// Runs it to its end, its output to a file of this name; an exit code that is not among `good` is an error in its own words.
pub(crate) fn run(command: &mut Command, output: &Path, good: &[i32]) -> Done<Cost> {
    let errors = output.with_extension("err");
    command.stdout(fs::File::create(output)?).stderr(fs::File::create(&errors)?);
    let (before, started) = (children()?, Instant::now());
    let mut child = command.spawn()?;
    let mut peak = 0.0;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        // It may end between the two questions: then what was seen last stands.
        peak = memory(child.id()).map_or(peak, |(_, most)| most);
        std::thread::sleep(Duration::from_millis(2));
    };
    let wall = started.elapsed();
    if !status.code().is_some_and(|code| good.contains(&code)) {
        let said =
            fs::read_to_string(&errors).unwrap_or_default() + &fs::read_to_string(output).unwrap_or_default();
        let end: Vec<&str> = said.lines().take(20).collect();
        return Err(format!("{command:?} ended with {status}: {}", end.join("\n")).into());
    }
    Ok(Cost { wall, cpu: children()? - before, peak })
}

/// CPU seconds of all children of this process that have ended.
pub(crate) fn children() -> Done<f64> {
    ticks(Path::new("/proc/self/stat"), [13, 14])
}

/// CPU seconds of a running process, all its threads.
pub(crate) fn cpu(id: u32) -> Done<f64> {
    ticks(Path::new(&format!("/proc/{id}/stat")), [11, 12])
}

/// Two fields of a stat file, counted from the one after the program's name, which may hold blanks.
fn ticks(stat: &Path, fields: [usize; 2]) -> Done<f64> {
    let text = fs::read_to_string(stat)?;
    let (_, rest) = text.rsplit_once(')').ok_or("a stat file without a name")?;
    let all: Vec<&str> = rest.split_ascii_whitespace().collect();
    let mut sum = 0.0;
    for field in fields {
        sum += all.get(field).ok_or("a short stat file")?.parse::<f64>()?;
    }
    Ok(sum / TICKS)
}

/// MiB in memory now, and the most there ever was.
pub(crate) fn memory(id: u32) -> Done<(f64, f64)> {
    let text = fs::read_to_string(format!("/proc/{id}/status"))?;
    let field = |name: &str| -> Done<f64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).ok_or("no memory is told")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
    };
    Ok((field("VmRSS:")?, field("VmHWM:")?))
}

/// Waits until a process has nothing more to do: less than 20 ms of CPU in half a second, at most `limit`.
pub(crate) async fn calm(id: u32, limit: Duration) -> Done<()> {
    let started = Instant::now();
    let mut last = cpu(id)?;
    while started.elapsed() < limit {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = cpu(id)?;
        if now - last < 0.021 {
            return Ok(());
        }
        last = now;
    }
    Ok(())
}

/// What a program says on its standard output, its first line.
pub(crate) fn says(program: &str, arguments: &[&str]) -> String {
    let output = command(program).and_then(|mut command| Ok(command.args(arguments).output()?));
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or("not there").trim().to_owned()
}

/// A port of 127.0.0.1 that nobody uses now.
pub(crate) fn port() -> Done<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
