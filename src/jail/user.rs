//! Who a run is. Root makes each run a user of its own; anybody else can only be themselves.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::jail::spec::User;

/// The range in which systemd makes users for a while (`DynamicUser=`): no account lies in it.
const FIRST: u32 = 61_184;
/// How many there are.
const COUNT: u32 = 65_519 - FIRST + 1;
/// The group of all runs: above that range, where systemd and the distributions name nobody.
const GROUP: u32 = 65_520;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// The user of the next run. Runs of the same moment are never the same user, so that the limit of tasks counts one run and
/// none can send signals to another. Several servers on one machine begin at different places.
pub(super) fn next() -> Option<User> {
    let gid = group()?;
    let turn = NEXT.fetch_add(1, Ordering::Relaxed);
    // A large prime spreads numbers of processes that follow one another.
    let begin = std::process::id().wrapping_mul(1_299_709) % COUNT;
    Some(User { uid: FIRST + begin.wrapping_add(turn % COUNT) % COUNT, gid })
}

/// The group that may enter our folders; none where we are not root.
pub(super) fn group() -> Option<u32> {
    rustix::process::geteuid().is_root().then_some(GROUP)
}
