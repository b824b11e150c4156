//! What people may do. Whatever is unclear is no permission.

use serde::Deserialize;

use super::GitHub;
use super::error::{Error, present};
use super::page::escape;
use super::token::{Key, Scope};
use super::wire::Ask;
use crate::model::github::Standing;
use crate::model::id::{Login, Repo, UserId};
use crate::model::settings::Permission;

/// Octocrab's own struct cannot read most of what GitHub says here.
#[derive(Deserialize)]
struct Told {
    /// `admin`, `write`, `read` or `none`: maintain is told as write, triage as read.
    #[serde(default)]
    permission: Option<String>,
    /// The real role, which may be one that an organisation made up.
    #[serde(default)]
    role_name: Option<String>,
    #[serde(default)]
    user: Option<Account>,
}

#[derive(Deserialize)]
struct Account {
    id: u64,
    login: String,
}

#[derive(Deserialize)]
struct Membership {
    #[serde(default)]
    state: Option<String>,
}

impl GitHub {
    /// What somebody may do in the repository; none: refuse, GitHub does not say clearly who they are and what they may.
    /// On a public repository everybody may read.
    /// <https://docs.github.com/en/rest/collaborators/collaborators#get-repository-permissions-for-a-user>
    pub(crate) async fn standing(&self, repo: &Repo, login: &Login) -> Result<Option<Standing>, Error> {
        let doing = format!("asking what {login} may do in {}", repo.name);
        let (key, root) = Self::acting(repo);
        let path = format!("{root}/collaborators/{}/permission", escape(login.as_str()));
        let Some(answer) = present(self.wire().call(&key, &Ask::get(&doing, path)).await)? else {
            return Ok(None);
        };
        let told: Told = answer.read(&doing)?;
        Ok(told.standing(login))
    }

    /// Is somebody in a team, `org/slug` or `slug` of the repository's owner? Needs the opt-in `members: read`.
    /// <https://docs.github.com/en/rest/teams/members#get-team-membership-for-a-user>
    pub(crate) async fn is_member(&self, repo: &Repo, team: &str, login: &Login) -> Result<bool, Error> {
        let (org, slug) = team.split_once('/').unwrap_or((repo.name.owner(), team));
        let doing = format!("asking whether {login} is in the team {org}/{slug}");
        let (org, slug, login) = (escape(org), escape(slug), escape(login.as_str()));
        let path = format!("/orgs/{org}/teams/{slug}/memberships/{login}");
        let key = Key::of(repo, Scope::Members);
        // A token that cannot be made must not read as "not a member", so it is made first.
        self.wire().tokens.get(self.wire(), &key).await?;
        let Some(answer) = present(self.wire().call(&key, &Ask::get(&doing, path)).await)? else {
            return Ok(false);
        };
        let told: Membership = answer.read(&doing)?;
        Ok(told.state.as_deref() == Some("active"))
    }
}

impl Told {
    fn standing(self, login: &Login) -> Option<Standing> {
        let user = self.user.filter(|user| user.login.eq_ignore_ascii_case(login.as_str()))?;
        let base = self.permission.as_deref().and_then(permission)?;
        let role = self.role_name.as_deref().and_then(permission).unwrap_or(base);
        Some(Standing { user: UserId(user.id), permission: role })
    }
}

fn permission(word: &str) -> Option<Permission> {
    use Permission::{Admin, Maintain, None, Read, Triage, Write};
    [None, Read, Triage, Write, Maintain, Admin].into_iter().find(|known| known.word() == word)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Told;
    use crate::model::settings::Permission;

    fn read(value: Value) -> Option<(u64, Permission)> {
        let told: Told = serde_json::from_value(value).unwrap();
        told.standing(&"alice".parse().unwrap()).map(|standing| (standing.user.0, standing.permission))
    }

    #[test]
    fn roles_of_githubs_own_count_and_others_fall_back_to_their_base() {
        let user = json!({"id": 3, "login": "Alice"});
        for (base, role, wanted) in [
            ("admin", "admin", Permission::Admin),
            ("write", "maintain", Permission::Maintain),
            ("write", "write", Permission::Write),
            ("read", "triage", Permission::Triage),
            ("read", "read", Permission::Read),
            ("none", "none", Permission::None),
            ("write", "release-captain", Permission::Write),
            ("read", "auditor", Permission::Read),
        ] {
            let told = json!({"permission": base, "role_name": role, "user": user});
            assert_eq!(read(told), Some((3, wanted)), "{role}");
        }
        assert_eq!(read(json!({"permission": "write", "user": user})), Some((3, Permission::Write)));
    }

    #[test]
    fn what_is_unclear_is_no_permission() {
        let user = json!({"id": 3, "login": "alice"});
        for told in [
            json!({"permission": "admin", "role_name": "admin", "user": null}),
            json!({"permission": "admin", "role_name": "admin"}),
            json!({"permission": "admin", "user": {"id": 4, "login": "mallory"}}),
            json!({"permission": "emperor", "role_name": "admin", "user": user}),
            json!({"role_name": "admin", "user": user}),
        ] {
            assert_eq!(read(told.clone()), None, "{told}");
        }
    }
}
