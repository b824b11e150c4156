//! Tries one thing that the jail forbids, and says how it went: `probe ACT ARGUMENTS…` prints `done` and ends with 0, or says
//! why not and ends with 1.
#![allow(
    clippy::print_stdout,
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
        // In helm's place: it does not come to an end.
        ["template", ..] => std::thread::sleep(Duration::from_mins(10)),
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
