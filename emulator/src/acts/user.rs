//! Accounts and teams come to be.

use crate::core::World;
use crate::state::user::Kind;
use crate::state::user::Membership;
use crate::state::user::User;

impl World<'_> {
    /// The account of that login, made if there is none.
    pub(crate) fn make_user(&mut self, login: &str, kind: Kind) -> u64 {
        if let Some(user) = self.state.user_by_login(login) {
            return user.id;
        }
        let id = self.state.next_id();
        self.state.users.insert(id, User { id, login: login.to_owned(), kind });
        id
    }

    pub(crate) fn join_team(&mut self, organization: u64, slug: &str, user: u64, how: Membership) {
        let team = self.state.teams.entry((organization, slug.to_owned())).or_default();
        team.members.insert(user, how);
    }
}

/// Random bytes in hexadecimal, for secrets and ids.
pub(crate) fn random_hex(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    // The system's generator fails only before it was seeded, at the machine's start; then the counter of
    // the process keeps the values apart, which is all a test needs.
    if aws_lc_rs::rand::fill(&mut buffer).is_err() {
        static COUNTER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let count = COUNTER.fetch_add(1, std::sync::atomic::Ordering::SeqCst).to_le_bytes();
        buffer.iter_mut().zip(count).for_each(|(byte, part)| *byte = part);
    }
    hex::encode(buffer)
}
