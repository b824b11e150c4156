//! What the jail costs: a program in it beside the bare program.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use tidegate::controlplane::Tools;

use crate::Done;
use crate::Extent;
use crate::process::children;
use crate::process::command;
use crate::process::run;
use crate::process::tidegate;
use crate::stats::Sample;
use crate::stats::line;
use crate::stats::number;

/// A program that ends at once.
const TINY: &str = "int main(void) { return 0; }\n";

/// Measures and prints.
pub(crate) fn measure(extent: Extent) -> Done<()> {
    let folder = TempDir::with_prefix("tidegate-bench-")?;
    println!("-- one process in the jail");
    let tiny = tiny(folder.path())?;
    compare("a program that ends at once", &tiny, &[], if extent.quick { 40 } else { 200 })?;
    let kustomize = Tools::built().join("kustomize");
    compare("kustomize version", &kustomize, &["version"], if extent.quick { 20 } else { 100 })
}

/// Turn by turn, so that what else the machine does falls on both.
fn compare(what: &str, program: &Path, arguments: &[&str], times: u32) -> Done<()> {
    let (mut bare, mut jailed, mut more) = (Sample::default(), Sample::default(), Sample::default());
    // The kernel's clock of it ticks a hundred times a second: only the sum over all runs means something.
    let mut cpu = 0.0;
    for time in 0..=times {
        let mut alone = command(program)?;
        let start = children()?;
        let alone = timed(alone.args(arguments), None)?;
        let middle = children()?;
        let mut within = tidegate()?;
        within.args(["jail", "--"]).arg(program).args(arguments);
        let within = timed(&mut within, Some(&specification()))?;
        let end = children()?;
        // The first pair reads the programs from the disk.
        if time > 0 {
            bare.time(alone);
            jailed.time(within);
            more.add(within.as_secs_f64() - alone.as_secs_f64());
            cpu += (end - middle) - (middle - start);
        }
    }
    line(&format!("{what}: bare"), &bare.show(1e3, "ms"));
    line(&format!("{what}: in the jail"), &jailed.show(1e3, "ms"));
    let cpu = number(cpu / f64::from(times) * 1e3);
    line("  the jail's own part, pair by pair", &format!("{}; CPU {cpu} ms", more.show(1e3, "ms")));
    Ok(())
}

/// What a renderer is given, without an app's files.
fn specification() -> Vec<u8> {
    let user = rustix::process::geteuid().is_root().then(|| json!({"uid": 61_184, "gid": 65_520}));
    let limits = json!({"data": 1 << 30, "file": 256 << 20, "cpu": 120, "open": 256, "tasks": user.as_ref().map(|_| 64)});
    let cell = json!({
        "nonce": "0", "parent": std::process::id(), "user": user, "require": true, "read": ["/usr/share/zoneinfo"],
        "write": null, "starts": [], "limits": limits,
    });
    cell.to_string().into_bytes()
}

fn timed(command: &mut Command, input: Option<&[u8]>) -> Done<Duration> {
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let started = Instant::now();
    let mut child = command.spawn()?;
    if let (Some(input), Some(mut pipe)) = (input, child.stdin.take()) {
        pipe.write_all(input)?;
    }
    let output = child.wait_with_output()?;
    let wall = started.elapsed();
    if output.status.success() {
        return Ok(wall);
    }
    Err(format!("{command:?} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr))
        .into())
}

/// Compiled here: a loader of libraries would be measured with another one.
fn tiny(folder: &Path) -> Done<PathBuf> {
    let (source, program) = (folder.join("tiny.c"), folder.join("tiny"));
    std::fs::write(&source, TINY)?;
    run(
        command("cc")?.args(["-static", "-O1", "-o"]).args([&program, &source]),
        &folder.join("cc.out"),
        &[0],
    )?;
    Ok(program)
}
