//! Programs that live no longer than their holder.
//!
//! A destructor is not enough: statics are never dropped, and nobody drops anything after SIGKILL. So a
//! watchdog leads a process group of its own that all programs are started into, and reads from a pipe
//! whose other end only this process holds. However this process ends, the kernel closes the pipe, the
//! watchdog reads its end, removes the folder and ends the group, itself included.
//!
//! Why not `PR_SET_PDEATHSIG`: it fires when the *thread* that started the program ends, which for a test
//! is long before the process does.
//!
//! The group also keeps a Ctrl-C in the terminal from reaching the programs before their holder has had
//! its say.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process_group;

use super::Error;

/// What the watchdog does, given the folder as `$1`. A fixed text: nothing from outside becomes part of it.
/// The programs get a second to end by themselves, so that none writes into the folder being removed.
const WATCHDOG: &str = "cat >/dev/null; trap '' TERM; kill -TERM 0; sleep 1; rm -rf -- \"$1\"; kill -KILL 0";

/// How much of a log an error shows, in lines.
const TAIL: usize = 20;

/// A process group and its log files.
#[derive(Debug)]
pub(super) struct Group {
    watchdog: Child,
    leader: Pid,
    programs: Vec<(&'static str, Child)>,
    folder: PathBuf,
}

impl Group {
    /// An empty group, whose logs lie in `folder`. The folder is removed if this process dies.
    pub(super) fn new(folder: &Path) -> Result<Self, Error> {
        let mut watchdog = command(Path::new("/bin/sh"));
        watchdog.args(["-c", WATCHDOG, "watchdog"]).arg(folder).process_group(0);
        watchdog.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let watchdog = watchdog.spawn().map_err(failed("start", "the watchdog (/bin/sh)"))?;
        Ok(Self {
            leader: Pid::from_child(&watchdog),
            watchdog,
            programs: Vec::new(),
            folder: folder.to_owned(),
        })
    }

    /// Starts a program in the group; what it prints goes to a log file of its name. It sees nothing of
    /// this process's environment, so that no proxy or home folder of the user's changes what it does.
    pub(super) fn start(
        &mut self,
        program: &'static str,
        path: &Path,
        arguments: &[String],
    ) -> Result<(), Error> {
        let log = self.log_file(program);
        let output = fs::File::create(&log)
            .and_then(|file| Ok((file.try_clone()?, file)))
            .map_err(|source| Error::File { action: "write", path: log, source })?;
        let mut start = command(path);
        start.args(arguments).env_clear().env("HOME", &self.folder).current_dir(&self.folder);
        start.process_group(self.leader.as_raw_nonzero().get());
        start.stdin(Stdio::null()).stdout(output.0).stderr(output.1);
        let child = start.spawn().map_err(failed("start", program))?;
        self.programs.push((program, child));
        Ok(())
    }

    /// An error if one of the programs has ended.
    pub(super) fn check(&mut self) -> Result<(), Error> {
        for index in 0..self.programs.len() {
            let (program, child) = &mut self.programs[index];
            let program = *program;
            if let Some(status) = child.try_wait().map_err(failed("watch", program))? {
                return Err(Error::Ended { program, status, log: self.tail(program) });
            }
        }
        Ok(())
    }

    /// The last lines that a program wrote.
    pub(super) fn tail(&self, program: &'static str) -> String {
        let bytes = fs::read(self.log_file(program)).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }

    /// The programs and their process ids.
    pub(super) fn processes(&self) -> Vec<(&'static str, u32)> {
        self.programs.iter().map(|(program, child)| (*program, child.id())).collect()
    }

    /// Ends all programs at once and waits until they are gone. They keep nothing that deserves a farewell.
    pub(super) fn end(mut self) -> Result<(), Error> {
        self.kill()
    }

    fn kill(&mut self) -> Result<(), Error> {
        if self.watchdog.try_wait().map_err(failed("watch", "the watchdog"))?.is_some() {
            // The number of a group without leader may be somebody else's by now: kill one by one.
            for (program, child) in &mut self.programs {
                child.kill().map_err(failed("end", program))?;
            }
        } else {
            kill_process_group(self.leader, Signal::KILL).map_err(|errno| Error::Process {
                action: "end",
                program: "the process group".to_owned(),
                source: errno.into(),
            })?;
        }
        for (program, child) in &mut self.programs {
            child.wait().map_err(failed("wait for", program))?;
        }
        self.watchdog.wait().map(drop).map_err(failed("wait for", "the watchdog"))
    }

    fn log_file(&self, program: &str) -> PathBuf {
        self.folder.join(format!("{program}.log"))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            tracing::warn!(error = &error as &dyn std::error::Error, "a control plane may still be running");
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "programs that outlive a call and share a process group; the crate's one starter runs one program to its end"
)]
fn command(program: &Path) -> Command {
    Command::new(program)
}

fn failed(action: &'static str, program: &str) -> impl FnOnce(std::io::Error) -> Error {
    let program = program.to_owned();
    move |source| Error::Process { action, program, source }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;
    use std::time::Instant;

    use super::Group;

    fn sleeper(folder: &Path) -> (Group, u32) {
        let mut group = Group::new(folder).unwrap();
        group.start("sleep", Path::new("/bin/sleep"), &["600".to_owned()]).unwrap();
        let id = group.processes()[0].1;
        assert!(is_alive(id));
        (group, id)
    }

    fn is_alive(id: u32) -> bool {
        // A zombie has a state of Z: it has ended and waits for its parent, which after a kill is not us.
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    }

    #[test]
    fn dropping_the_group_ends_its_programs() {
        let folder = tempfile::tempdir().unwrap();
        let (group, id) = sleeper(folder.path());

        drop(group);

        assert!(!is_alive(id));
    }

    #[test]
    fn a_program_that_ends_is_reported_with_the_end_of_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let mut group = Group::new(folder.path()).unwrap();
        group.start("ls", Path::new("/bin/ls"), &["/no/such/folder".to_owned()]).unwrap();

        let started = Instant::now();
        let error = loop {
            match group.check() {
                Err(error) => break error.to_string(),
                Ok(()) => assert!(started.elapsed() < Duration::from_secs(10), "it should have ended"),
            }
            std::thread::sleep(Duration::from_millis(10));
        };

        assert!(error.starts_with("ls ended with exit status: 2"), "{error}");
        assert!(error.contains("/no/such/folder"), "{error}");
    }

    #[test]
    fn when_the_pipe_to_the_watchdog_closes_programs_and_folder_go() {
        // What the kernel does when this process dies, however it dies.
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        let (mut group, id) = sleeper(&inner);

        drop(group.watchdog.stdin.take());

        let started = Instant::now();
        while is_alive(id) || inner.exists() {
            assert!(started.elapsed() < Duration::from_secs(10), "the watchdog is asleep");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
