//! Tries one thing that the jail forbids, and says how it went: `probe ACT ARGUMENTS…` prints `done` and ends with 0, or says
//! why not and ends with 1.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::exit,
    clippy::disallowed_methods,
    clippy::too_many_lines,
    reason = "a program of its own, of which each line is one thing to try"
)]

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match act(&words) {
        Ok(()) => {
            println!("done");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("refused: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn act(_words: &[&str]) -> Result<(), Box<dyn std::error::Error>> {
    Err("there is no jail here".into())
}

#[cfg(target_os = "linux")]
fn act(words: &[&str]) -> Result<(), Box<dyn std::error::Error>> {
    use std::fs::{File, OpenOptions};
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::net::{SocketAddr, UnixStream};
    use std::path::Path;
    use std::time::Duration;

    use nix::sys::signal::{Signal, kill};
    use nix::time::ClockId;
    use nix::unistd::Pid;

    match words {
        ["read", path] => drop(std::fs::read(path)?),
        ["list", path] => drop(std::fs::read_dir(path)?.count()),
        ["write", path] => drop(OpenOptions::new().append(true).create(true).open(path)?),
        ["remove", path] => std::fs::remove_file(path)?,
        ["fill", path, bytes] => std::fs::write(path, vec![b'x'; bytes.parse()?])?,
        ["tcp", address] => drop(TcpStream::connect(address)?),
        ["listen"] => drop(TcpListener::bind("127.0.0.1:0")?),
        ["udp", address] => drop(UdpSocket::bind("127.0.0.1:0")?.send_to(b"x", address)?),
        ["unix", path] => drop(UnixStream::connect(path)?),
        ["abstract", name] => drop(UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?)?),
        ["pair"] => drop(UnixStream::pair()?),
        ["ptrace"] => nix::sys::ptrace::traceme()?,
        ["signal", pid] => kill(Pid::from_raw(pid.parse()?), Signal::SIGCONT)?,
        ["uring"] => drop(io_uring::IoUring::new(2)?),
        ["unshare"] => nix::sched::unshare(nix::sched::CloneFlags::CLONE_FS)?,
        ["chmod", path] => std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))?,
        ["touch", path] => File::open(path)?.set_modified(std::time::SystemTime::UNIX_EPOCH)?,
        ["session"] => {
            // A leader of a group cannot; none that a test starts is one.
            nix::unistd::setsid()?;
        }
        ["data", bytes] => {
            let mut data: Vec<u8> = Vec::new();
            data.try_reserve_exact(bytes.parse()?)?;
            data.resize(data.capacity(), 1);
            std::hint::black_box(&data);
        }
        // Seconds of the processor's time: on a busy machine more pass on the clock.
        ["spin", seconds] => {
            let seconds = seconds.parse()?;
            while ClockId::CLOCK_PROCESS_CPUTIME_ID.now()?.tv_sec() < seconds {
                std::hint::spin_loop();
            }
        }
        ["wait", seconds] => std::thread::sleep(Duration::from_secs(seconds.parse()?)),
        ["template", act, chart, ..] => return helm(act, Path::new(chart)),
        ["start", program, count] => {
            // All at once: each holds its place until the last one has been started.
            let mut started = Vec::new();
            for _ in 0..count.parse()? {
                let mut command = std::process::Command::new(program);
                command.args(["wait", "1"]).stdout(std::process::Stdio::null());
                started.push(command.spawn());
            }
            for one in started {
                one?.wait()?;
            }
        }
        ["exec", program] => {
            use std::os::unix::process::CommandExt as _;
            return Err(std::process::Command::new(program).arg("pair").exec().into());
        }
        _ => return Err(format!("unknown: {words:?}").into()),
    }
    Ok(())
}

/// In helm's place: misbehaves as the release is called. What it tried in vain it counts, and fails.
#[cfg(target_os = "linux")]
fn helm(act: &str, chart: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
    use std::fs::OpenOptions;
    use std::io::Write as _;
    use std::net::{TcpStream, UdpSocket};
    use std::os::unix::net::UnixStream;
    use std::process::Command;
    use std::time::Duration;

    use nix::sys::signal::SigSet;

    let told = match act {
        "spins" => loop {
            std::hint::spin_loop();
        },
        "heedless" => {
            // All that can be kept off is.
            SigSet::all().thread_block()?;
            loop {
                std::hint::spin_loop();
            }
        }
        "forks" => {
            let own = std::env::current_exe().unwrap_or_else(|_| "/proc/self/exe".into());
            let start = |_: &i32| Command::new(&own).args(["wait", "30"]).spawn().is_ok();
            let shell = |_: &i32| Command::new("/bin/sh").args(["-c", "sleep 30"]).spawn().is_ok();
            let more = (0..500).filter(start).count() + (0..500).filter(shell).count();
            format!("{more} processes more")
        }
        "threads" => {
            let wait = || std::thread::sleep(Duration::from_secs(30));
            let began = (0..10_000).take_while(|_| std::thread::Builder::new().spawn(wait).is_ok()).count();
            format!("after {began} threads were refused")
        }
        "fills" => {
            let places = ["/tmp/x", "/var/tmp/x", "/dev/shm/x", "/x", "x"].map(std::path::PathBuf::from);
            let own = [chart.join("x"), chart.join("templates/x.yaml"), chart.with_file_name("x")];
            let block = vec![b'x'; 1 << 20];
            let mut bytes = 0;
            for place in places.iter().chain(&own) {
                let Ok(mut file) = OpenOptions::new().create(true).append(true).open(place) else { continue };
                bytes += (0..2_000).map_while(|_| file.write(&block).ok()).sum::<usize>();
            }
            format!("{bytes} bytes written")
        }
        "hoards" => {
            let mut all = Vec::new();
            loop {
                let mut more: Vec<u8> = Vec::new();
                // Refused, it asks again and again for less; then the allocator gives up, as most programs do.
                more.try_reserve_exact(16 << 20)?;
                more.resize(16 << 20, 1);
                all.push(std::hint::black_box(more));
            }
        }
        "calls" => {
            let tcp = ["127.0.0.1:22", "127.0.0.1:443", "169.254.169.254:80", "10.0.0.1:80"];
            let tcp = tcp.iter().filter(|address| match address.parse() {
                Ok(address) => match TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
                    // Who can be refused by the other end has a network.
                    Err(error) => error.kind() != std::io::ErrorKind::PermissionDenied,
                    Ok(_) => true,
                },
                Err(_) => true,
            });
            let udp = UdpSocket::bind("0.0.0.0:0").is_ok();
            let unix = UnixStream::pair().is_ok() || UnixStream::connect("/run/docker.sock").is_ok();
            format!("{} connections", tcp.count() + usize::from(udp) + usize::from(unix))
        }
        "writes" => {
            let files = ["Chart.yaml", "values.yaml", "templates/x.yaml"].map(|name| chart.join(name));
            let write = files.iter().filter(|file| OpenOptions::new().write(true).open(file).is_ok()).count();
            let remove = files.iter().filter(|file| std::fs::remove_file(file).is_ok()).count();
            let rename = files.iter().filter(|file| std::fs::rename(file, chart.join("y")).is_ok()).count();
            let link = std::os::unix::fs::symlink("/etc/passwd", chart.join("z")).is_ok();
            format!("{} inputs changed", write + remove + rename + usize::from(link))
        }
        "reads" => {
            let parent = chart.parent().unwrap_or(chart);
            let near = [
                parent.join(".tidegate.yaml"),
                parent.join("good/m.yaml"),
                parent.join("../../secret/secret.yaml"),
            ];
            let far = [
                "/etc/passwd",
                "/proc/self/environ",
                "/proc/1/environ",
                "/proc/self/maps",
                "/etc/hostname",
                "/dev/zero",
            ];
            let own = far.map(std::path::PathBuf::from);
            let read = near.iter().chain(&own).filter(|path| std::fs::File::open(path).is_ok()).count();
            let list =
                ["/", "/tmp", "/proc", "/etc"].iter().filter(|path| std::fs::read_dir(path).is_ok()).count();
            format!("{} files read", read + list)
        }
        "prints" => pour(&mut std::io::stdout().lock())?,
        "complains" => {
            // Nobody reads all of it: that is no reason to end.
            drop(pour(&mut std::io::stderr().lock()));
            "so much to complain of".to_owned()
        }
        "babbles" => {
            print!("\u{7}a: [\u{1b}[2J");
            return Ok(());
        }
        "poses" => {
            eprintln!("tidegate jail 0: nobody waits");
            std::process::exit(125);
        }
        "crashes" => std::process::abort(),
        _ => {
            std::thread::sleep(Duration::from_mins(10));
            String::new()
        }
    };
    eprintln!("{told}");
    std::process::exit(1)
}

/// Writes half a GiB.
#[cfg(target_os = "linux")]
fn pour(into: &mut impl std::io::Write) -> std::io::Result<String> {
    let line = [&[b'#'; 1_023][..], b"\n"].concat();
    for _ in 0..(512 << 10) {
        into.write_all(&line)?;
    }
    Ok("half a GiB".to_owned())
}
