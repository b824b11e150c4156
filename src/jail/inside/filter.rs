//! Seccomp: which system calls there are.
//!
//! A list of what is refused, not of what is allowed: Go's runtime changes what it calls from version to version, and
//! Landlock, the user and the limits stand behind the list. What is newer than the list does not exist.

use std::collections::BTreeMap;

use libc as c;
use seccompiler::SeccompCmpArgLen::Dword;
use seccompiler::SeccompCmpOp::{Eq, MaskedEq, Ne};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, sock_filter,
};

use crate::jail::inside::Refusal;

/// The newest system call that was looked at when this list was made (`mseal`). Also above it are all calls of the x32 way
/// of calling, by which the list could be gone around.
const NEWEST: i64 = 462;

/// The same on all processors; not all of them have a name for it yet.
const FCHMODAT2: i64 = 452;

/// Refused whatever their arguments.
const REFUSED: &[i64] = &[
    // The network, and other ways to talk to somebody.
    c::SYS_socket,
    c::SYS_socketpair,
    c::SYS_connect,
    c::SYS_bind,
    c::SYS_listen,
    c::SYS_accept,
    c::SYS_accept4,
    c::SYS_sendto,
    c::SYS_sendmsg,
    c::SYS_sendmmsg,
    c::SYS_mq_open,
    c::SYS_mq_unlink,
    c::SYS_msgget,
    c::SYS_semget,
    c::SYS_add_key,
    c::SYS_request_key,
    c::SYS_keyctl,
    // Other processes.
    c::SYS_ptrace,
    c::SYS_process_vm_readv,
    c::SYS_process_vm_writev,
    c::SYS_process_madvise,
    c::SYS_process_mrelease,
    c::SYS_kcmp,
    c::SYS_pidfd_open,
    c::SYS_pidfd_getfd,
    c::SYS_pidfd_send_signal,
    c::SYS_rt_tgsigqueueinfo,
    c::SYS_migrate_pages,
    c::SYS_move_pages,
    c::SYS_setpriority,
    c::SYS_ioprio_set,
    c::SYS_sched_setaffinity,
    c::SYS_sched_setattr,
    c::SYS_sched_setparam,
    c::SYS_sched_setscheduler,
    // Nobody leaves the session: it is ended as one group.
    c::SYS_setsid,
    c::SYS_setpgid,
    // Another view of the system.
    c::SYS_unshare,
    c::SYS_setns,
    c::SYS_mount,
    c::SYS_umount2,
    c::SYS_pivot_root,
    c::SYS_chroot,
    c::SYS_move_mount,
    c::SYS_open_tree,
    c::SYS_fsopen,
    c::SYS_fsconfig,
    c::SYS_fsmount,
    c::SYS_fspick,
    c::SYS_mount_setattr,
    c::SYS_name_to_handle_at,
    c::SYS_open_by_handle_at,
    c::SYS_personality,
    c::SYS_quotactl,
    c::SYS_quotactl_fd,
    c::SYS_swapon,
    c::SYS_swapoff,
    c::SYS_acct,
    // Deep into the kernel.
    c::SYS_io_uring_setup,
    c::SYS_io_uring_enter,
    c::SYS_io_uring_register,
    c::SYS_io_setup,
    c::SYS_io_submit,
    c::SYS_bpf,
    c::SYS_perf_event_open,
    c::SYS_userfaultfd,
    c::SYS_kexec_load,
    c::SYS_init_module,
    c::SYS_finit_module,
    c::SYS_delete_module,
    c::SYS_reboot,
    c::SYS_syslog,
    c::SYS_settimeofday,
    c::SYS_clock_settime,
    c::SYS_clock_adjtime,
    c::SYS_adjtimex,
    c::SYS_sethostname,
    c::SYS_setdomainname,
    c::SYS_vhangup,
    c::SYS_fanotify_init,
    c::SYS_fanotify_mark,
    c::SYS_inotify_init1,
    c::SYS_remap_file_pages,
    // Memory that counts as nobody's data.
    c::SYS_memfd_create,
    c::SYS_memfd_secret,
    c::SYS_shmget,
    c::SYS_shmat,
    // What a file is, apart from its content: Landlock has no right for it.
    c::SYS_fchmod,
    c::SYS_fchmodat,
    FCHMODAT2,
    c::SYS_fchown,
    c::SYS_fchownat,
    c::SYS_truncate,
    c::SYS_utimensat,
    c::SYS_setxattr,
    c::SYS_lsetxattr,
    c::SYS_fsetxattr,
    c::SYS_removexattr,
    c::SYS_lremovexattr,
    c::SYS_fremovexattr,
    // Another way to execute.
    c::SYS_execveat,
];

/// The same by their older names, which only some processors have.
#[cfg(target_arch = "x86_64")]
const OLDER: &[i64] = &[
    c::SYS_chmod,
    c::SYS_chown,
    c::SYS_lchown,
    c::SYS_utime,
    c::SYS_utimes,
    c::SYS_futimesat,
    c::SYS_inotify_init,
    c::SYS_kexec_file_load,
    c::SYS_modify_ldt,
    c::SYS_iopl,
    c::SYS_ioperm,
    c::SYS_uselib,
    c::SYS_ustat,
    c::SYS_sysfs,
    c::SYS__sysctl,
    c::SYS_nfsservctl,
    c::SYS_lookup_dcookie,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[i64] = &[];

/// Refused where no process may be started.
#[cfg(target_arch = "x86_64")]
const FORKS: &[i64] = &[c::SYS_fork, c::SYS_vfork];
#[cfg(not(target_arch = "x86_64"))]
const FORKS: &[i64] = &[];

/// What `clone` has in common with `unshare`; and the last, by which a child would be the server's.
const CLONES: &[i32] = &[
    c::CLONE_NEWNS,
    c::CLONE_NEWCGROUP,
    c::CLONE_NEWUTS,
    c::CLONE_NEWIPC,
    c::CLONE_NEWUSER,
    c::CLONE_NEWPID,
    c::CLONE_NEWNET,
    c::CLONE_PARENT,
];

/// Makes a file without a name: part of `O_TMPFILE`, the same on all processors.
const NAMELESS: u64 = 0o20_000_000;

/// The filter for the process `own`: may it start others, and does something else already keep its signals to its own
/// (`alone`)? Those that it starts have other numbers, and Go signals its own threads.
pub(super) fn filter(own: u32, starts: bool, alone: bool) -> Result<BpfProgram, Refusal> {
    let of = |error: BackendError| Refusal::of("seccomp", error);
    let filter = SeccompFilter::new(
        rules(u64::from(own), starts, alone).map_err(of)?,
        SeccompAction::Allow,
        SeccompAction::Errno(errno(c::EPERM)),
        TargetArch::try_from(std::env::consts::ARCH).map_err(of)?,
    );
    let program: BpfProgram = filter.and_then(BpfProgram::try_from).map_err(of)?;
    Ok(absent().into_iter().chain(program).collect())
}

fn rules(own: u64, starts: bool, alone: bool) -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    let refused = REFUSED.iter().chain(OLDER).chain(FORKS.iter().filter(|_| !starts));
    rules.extend(refused.map(|call| (*call, Vec::new())));
    let mut add = |call: i64, tests: &[(u8, SeccompCmpOp, u64)]| {
        let tests = tests
            .iter()
            .map(|(argument, test, value)| SeccompCondition::new(*argument, Dword, test.clone(), *value));
        let rule = SeccompRule::new(tests.collect::<Result<_, _>>()?)?;
        rules.entry(call).or_default().push(rule);
        Ok::<_, BackendError>(())
    };
    if !alone {
        for call in [c::SYS_kill, c::SYS_tkill, c::SYS_tgkill, c::SYS_rt_sigqueueinfo] {
            add(call, &[(0, Ne, own)])?;
        }
    }
    // The limits of another process of the same user.
    add(c::SYS_prlimit64, &[(0, Ne, 0), (0, Ne, own)])?;
    // Whom a file sends signals to.
    for command in [c::F_SETOWN, 15] {
        add(c::SYS_fcntl, &[(1, Eq, low(command))])?;
    }
    // What a terminal is made to read; whom a file sends signals to.
    for command in [0x5412, 0x541c, 0x8901, 0x8902] {
        add(c::SYS_ioctl, &[(1, Eq, command)])?;
    }
    // Shared memory counts as nobody's data.
    let shared = low(c::MAP_SHARED | c::MAP_ANONYMOUS);
    add(c::SYS_mmap, &[(3, MaskedEq(shared), shared)])?;
    add(c::SYS_openat, &[(2, MaskedEq(NAMELESS), NAMELESS)])?;
    #[cfg(target_arch = "x86_64")]
    add(c::SYS_open, &[(1, MaskedEq(NAMELESS), NAMELESS)])?;
    for flag in CLONES {
        add(c::SYS_clone, &[(0, MaskedEq(low(*flag)), low(*flag))])?;
    }
    if !starts {
        add(c::SYS_clone, &[(0, MaskedEq(low(c::CLONE_THREAD)), 0)])?;
    }
    Ok(rules)
}

/// Said to be unknown, so that a program takes the older way: what the list does not know, and two that have their
/// arguments in memory, where a filter cannot look.
fn absent() -> [sock_filter; 5] {
    let step = |code: u16, jt: u8, jf: u8, k: u32| sock_filter { code, jt, jf, k };
    let number = |call: i64| u32::try_from(call).unwrap_or(u32::MAX);
    // From <linux/bpf_common.h>: BPF_LD | BPF_W | BPF_ABS, BPF_JMP | BPF_JGT, BPF_JMP | BPF_JEQ, BPF_RET.
    let (load, above, equal, end) = (0x20, 0x25, 0x15, 0x06);
    // SECCOMP_RET_ERRNO.
    let unknown = 0x0005_0000 | errno(c::ENOSYS);
    [
        step(load, 0, 0, 0),
        step(above, 2, 0, number(NEWEST)),
        step(equal, 1, 0, number(c::SYS_clone3)),
        step(equal, 0, 1, number(c::SYS_openat2)),
        step(end, 0, 0, unknown),
    ]
}

fn errno(number: i32) -> u32 {
    number.unsigned_abs()
}

/// Flags are 32 bits of which the highest may be set.
fn low(flags: i32) -> u64 {
    u64::from(flags.cast_unsigned())
}
