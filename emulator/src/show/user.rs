//! Accounts.

use crate::core::World;
use crate::core::node_id;
use serde_json::Value;
use serde_json::json;

impl World<'_> {
    /// The short form of an account, used nearly everywhere.
    pub(crate) fn user_json(&self, id: u64) -> Value {
        let Some(user) = self.state.users.get(&id) else { return Value::Null };
        let login = user.login.as_str();
        let api = self.api(&format!("/users/{login}"));
        let html = self.html(&format!("/{login}"));
        json!({
            "login": login,
            "id": user.id,
            "node_id": node_id("User", user.id),
            "avatar_url": self.html(&format!("/avatars/u/{}", user.id)),
            "gravatar_id": "",
            "url": api,
            "html_url": html,
            "followers_url": format!("{api}/followers"),
            "following_url": format!("{api}/following{{/other_user}}"),
            "gists_url": format!("{api}/gists{{/gist_id}}"),
            "starred_url": format!("{api}/starred{{/owner}}{{/repo}}"),
            "subscriptions_url": format!("{api}/subscriptions"),
            "organizations_url": format!("{api}/orgs"),
            "repos_url": format!("{api}/repos"),
            "events_url": format!("{api}/events{{/privacy}}"),
            "received_events_url": format!("{api}/received_events"),
            "type": user.kind.name(),
            "site_admin": false,
        })
    }

    /// The long form, as `GET /users/{username}` answers.
    pub(crate) fn public_user_json(&self, id: u64) -> Value {
        let mut user = self.user_json(id);
        let repositories = self.state.repositories.values().filter(|repository| repository.owner == id);
        let more = json!({
            "name": user["login"], "company": null, "blog": "", "location": null, "email": null,
            "hireable": null, "bio": null, "public_repos": repositories.count(), "public_gists": 0,
            "followers": 0, "following": 0,
            "created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z",
        });
        extend(&mut user, more);
        user
    }
}

/// Adds the keys of one object to another.
pub(crate) fn extend(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}
