//! Apps, installations and tokens.

use crate::clock::written;
use crate::core::World;
use crate::core::node_id;
use crate::state::app::App;
use crate::state::app::Installation;
use serde_json::Value;
use serde_json::json;

impl World<'_> {
    pub(crate) fn app_json(&self, app: &App) -> Value {
        let count = self.state.installations.values().filter(|one| one.app == app.id).count();
        let mut object = self.app_in_objects(app);
        object["installations_count"] = json!(count);
        object
    }

    /// An app as other objects name it (`app` of a check run, `performed_via_github_app`).
    pub(crate) fn app_in_objects(&self, app: &App) -> Value {
        json!({
            "id": app.id,
            "slug": app.slug,
            "node_id": node_id("App", app.id),
            "client_id": app.client_id,
            "owner": self.user_json(app.owner),
            "name": app.name,
            "description": "",
            "external_url": self.html(&format!("/apps/{}/home", app.slug)),
            "html_url": self.html(&format!("/apps/{}", app.slug)),
            "created_at": written(app.created_at),
            "updated_at": written(app.created_at),
            "permissions": app.permissions,
            "events": app.events,
        })
    }

    pub(crate) fn via_app(&self, app: Option<u64>) -> Value {
        app.and_then(|id| self.state.apps.get(&id)).map_or(Value::Null, |app| self.app_in_objects(app))
    }

    pub(crate) fn installation_json(&self, installation: &Installation) -> Value {
        let app = self.state.apps.get(&installation.app);
        let kind = self.state.users.get(&installation.account).map_or("User", |user| user.kind.name());
        let id = installation.id;
        json!({
            "id": id,
            "client_id": app.map(|app| app.client_id.as_str()),
            "account": self.user_json(installation.account),
            "repository_selection": "selected",
            "access_tokens_url": self.api(&format!("/app/installations/{id}/access_tokens")),
            "repositories_url": self.api("/installation/repositories"),
            "html_url": self.html(&format!("/settings/installations/{id}")),
            "app_id": installation.app,
            "app_slug": app.map(|app| app.slug.as_str()),
            "target_id": installation.account,
            "target_type": kind,
            "permissions": installation.permissions,
            "events": installation.events,
            "created_at": written(installation.created_at),
            "updated_at": written(installation.updated_at),
            "single_file_name": null,
            "has_multiple_single_files": false,
            "single_file_paths": [],
            "suspended_by": installation.suspended.map_or(Value::Null, |(_, by)| self.user_json(by)),
            "suspended_at": installation.suspended.map(|(at, _)| written(at)),
        })
    }
}
