//! Where and when it was measured.

use std::fs;

use crate::Extent;
use crate::process::says;
use crate::stats::line;

/// Prints date, machine and versions.
pub(crate) fn tell(extent: Extent) {
    #[expect(clippy::disallowed_methods, reason = "figures carry their date")]
    let now = jiff::Timestamp::now();
    println!("Tidegate's figures: median (min to max). Ratios are taken pair by pair within this run.");
    line("when", &now.strftime("%Y-%m-%d %H:%M UTC").to_string());
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory = field("/proc/meminfo", "MemTotal").replace(" kB", "");
    let memory = memory.parse::<f64>().unwrap_or_default() / f64::from(1 << 20);
    line("machine", &format!("{cores} cores ({}), {memory:.0} GiB", field("/proc/cpuinfo", "model name")));
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split(' ').take(3).collect();
    line("load before the start (1, 5, 15 min): others' work is noise", &load.join(" "));
    line("extent", if extent.quick { "quick" } else { "full" });
    let kubectl = says("kubectl", &["version", "--client"]);
    let versions = [
        says(env!("CARGO_BIN_EXE_tidegate"), &["--version"]),
        says("git", &["--version"]),
        format!("kubectl {}", kubectl.trim_start_matches("Client Version: ")),
        format!("node {}", says("node", &["--version"])),
        says("uname", &["-sr"]),
    ];
    line("versions", &versions.join(", "));
}

fn field(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_once(':')).map_or("unknown", |(_, value)| value.trim()).to_owned()
}
