//! People, bots and organisations, and what role they have in a repository.

use std::collections::BTreeMap;

/// What kind of account it is, in GitHub's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A person.
    User,
    /// The account an app acts as; its login ends with `[bot]`.
    Bot,
    /// An organisation.
    Organization,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::User => "User",
            Kind::Bot => "Bot",
            Kind::Organization => "Organization",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: u64,
    pub(crate) login: String,
    pub(crate) kind: Kind,
}

/// A collaborator's role in a repository, weakest first.
///
/// <https://docs.github.com/rest/collaborators/collaborators#get-repository-permissions-for-a-user>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// May read.
    Read,
    /// May manage issues; the `permission` of the REST answer still says `read`.
    Triage,
    /// May push.
    Write,
    /// May manage the repository; the `permission` of the REST answer says `write`.
    Maintain,
    /// May do everything.
    Admin,
}

impl Role {
    /// The role's own name, as in `role_name`.
    pub fn name(self) -> &'static str {
        match self {
            Role::Read => "read",
            Role::Triage => "triage",
            Role::Write => "write",
            Role::Maintain => "maintain",
            Role::Admin => "admin",
        }
    }

    /// The legacy permission GitHub maps the role to, as in `permission`.
    pub fn permission(self) -> &'static str {
        match self {
            Role::Read | Role::Triage => "read",
            Role::Write | Role::Maintain => "write",
            Role::Admin => "admin",
        }
    }
}

/// A team of an organisation: who is in it and whether the invitation was accepted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Team {
    pub(crate) members: BTreeMap<u64, Membership>,
}

/// How someone belongs to a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// A member.
    Member,
    /// A maintainer of the team.
    Maintainer,
    /// Invited, has not accepted.
    Pending,
}
