//! What a process can do to itself without a filter: its session, its user, its limits, what it has open.

use std::io;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, Signal, getppid, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::jail::inside::Refusal;
use crate::jail::spec::{Limits, User};

/// Bytes of the stack; more of it would be memory that counts as no data.
const STACK: u64 = 8 << 20;

/// A session of its own: no terminal, and one group that ends as a whole.
pub(super) fn session() -> Result<(), Refusal> {
    match rustix::process::setsid() {
        // Whoever started it made it the leader of a group.
        Ok(_) | Err(Errno::PERM) => Ok(()),
        Err(error) => Err(Refusal::of("a new session", error)),
    }
}

/// Closes all that was inherited beside the three standard streams.
pub(super) fn close() -> Result<(), Refusal> {
    let listed = std::fs::read_dir("/proc/self/fd").map_err(|error| Refusal::of("/proc/self/fd", error))?;
    let open: Vec<i32> = listed
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|open| *open > 2)
        .collect();
    for open in open {
        match nix::unistd::close(open) {
            // The list's own.
            Ok(()) | Err(nix::errno::Errno::EBADF) => {}
            Err(error) => return Err(Refusal::of("an inherited file", error)),
        }
    }
    Ok(())
}

/// The system's limits, for good.
pub(super) fn limits(limits: &Limits) -> Result<(), Refusal> {
    let wanted = [
        (Resource::Core, Some(0)),
        (Resource::Data, limits.data),
        (Resource::Fsize, limits.file),
        (Resource::Cpu, limits.cpu),
        (Resource::Nofile, Some(limits.open)),
        (Resource::Nproc, limits.tasks),
        (Resource::Stack, Some(STACK)),
        (Resource::Memlock, Some(0)),
        (Resource::Msgqueue, Some(0)),
    ];
    for (resource, most) in wanted {
        let Some(most) = most else { continue };
        // One that is lower already holds too.
        let most = rustix::process::getrlimit(resource).maximum.map_or(most, |own| own.min(most));
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
            .map_err(|error| Refusal::of(&format!("the limit {resource:?}"), error))?;
    }
    Ok(())
}

/// Becomes somebody who owns nothing. Groups first: afterwards there is no right to.
pub(super) fn user(user: User) -> Result<(), Refusal> {
    use rustix::process::{Gid, Uid};
    use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    // There is only this thread, so what is set for it is set for the process.
    set_thread_groups(&[])
        .and_then(|()| set_thread_res_gid(gid, gid, gid))
        .and_then(|()| set_thread_res_uid(uid, uid, uid))
        .map_err(|error| {
            Refusal::new(format!(
                "it cannot become the user {}: {error}; give the server CAP_SETUID, CAP_SETGID and CAP_CHOWN, \
                 or run it as a user other than root",
                user.uid
            ))
        })
}

/// Gives up every capability, those that outlive an execution too, and the way to more.
pub(super) fn powers() -> Result<(), Refusal> {
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    let given_up = rustix::thread::clear_ambient_capability_set()
        .and_then(|()| rustix::thread::set_capabilities(None, none))
        .and_then(|()| rustix::thread::set_no_new_privs(true));
    given_up.map_err(|error| Refusal::of("capabilities", error))
}

/// Ends with the process that waits for it, which may have ended already. To be exact with the thread that started it: the
/// server starts programs on the runtime's own threads, which live as long as it does.
pub(super) fn tie(parent: u32) -> Result<(), Refusal> {
    let of = |error: io::Error| Refusal::of("the parent", error);
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| of(error.into()))?;
    // Not to be looked into until the program is there.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
        .map_err(|error| of(error.into()))?;
    let own = getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
    if own == Some(parent) { Ok(()) } else { Err(Refusal::new("nobody waits for it any more")) }
}
