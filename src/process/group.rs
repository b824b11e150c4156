//! The process group of one program: its limits, and its end.

use std::io;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;

use crate::process::Limits;

/// A program and all that it starts (unless that leaves the group on purpose); killed when dropped.
pub(super) struct Group {
    leader: Option<Pid>,
}

impl Group {
    /// The group of a program that was started as its leader.
    pub(super) fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self { leader: id.and_then(Pid::from_raw) }
    }

    /// Kills all of it, once.
    pub(super) fn kill(&mut self) {
        if let Some(leader) = self.leader.take() {
            match kill_process_group(leader, Signal::KILL) {
                // The only fault there can be is that nobody is left.
                Ok(()) | Err(_) => {}
            }
        }
    }

    /// Sets the system's limits of the leader; what it starts from now on inherits them.
    ///
    /// They come into force a moment after the program starts: there is no safe way to set them before.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn bound(&self, limits: &Limits) -> io::Result<()> {
        use rustix::process::{Resource, Rlimit, prlimit};

        let Some(leader) = self.leader else { return Ok(()) };
        let wanted = [
            (Resource::Data, limits.data),
            (Resource::Fsize, limits.file),
            (Resource::Cpu, limits.cpu),
            (Resource::Core, limits.data.map(|_| 0)),
        ];
        for (resource, most) in wanted {
            let Some(most) = most else { continue };
            match prlimit(Some(leader), resource, Rlimit { current: Some(most), maximum: Some(most) }) {
                // It has ended already; or our own limit is lower still, which holds too.
                Ok(_) | Err(rustix::io::Errno::SRCH | rustix::io::Errno::PERM) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Other systems cannot limit a process from outside; time and output are limited everywhere.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(super) fn bound(&self, _limits: &Limits) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
