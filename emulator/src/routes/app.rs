//! The app itself, its installations and their tokens; accounts and teams.

use super::Call;
use super::Handler;
use super::Reply;
use crate::acts::Narrowing;
use crate::auth::Principal;
use crate::clock::written;
use crate::core::World;
use crate::error::Refusal;
use crate::show::extend;
use crate::state::app::Installation;
use crate::state::user::Membership;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

pub(super) const ROUTES: &[(&str, Handler)] = &[
    ("apps/get-authenticated", app),
    ("apps/list-installations", installations),
    ("apps/get-installation", installation),
    ("apps/get-repo-installation", repository_installation),
    ("apps/get-org-installation", account_installation),
    ("apps/get-user-installation", account_installation),
    ("apps/get-by-slug", app_by_slug),
    ("apps/create-installation-access-token", access_token),
    ("apps/revoke-installation-access-token", revoke),
    ("apps/list-repos-accessible-to-installation", repositories),
    ("apps/create-from-manifest", conversion),
    ("teams/get-membership-for-user-in-org", membership),
    ("users/get-by-username", user),
    ("rate-limit/get", rate_limit),
];

fn app(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let app = world.state.apps.get(&call.app()?).ok_or_else(Refusal::not_found)?;
    Ok(Reply::json(200, world.app_json(app)))
}

fn installations(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let app = call.app()?;
    let own = world.state.installations.values().filter(|one| one.app == app);
    let items: Vec<Value> = own.map(|one| world.installation_json(one)).collect();
    Ok(call.page(world, &items))
}

fn own<'a>(world: &'a World<'_>, call: &Call, id: u64) -> Result<&'a Installation, Refusal> {
    let app = call.app()?;
    let found = world.state.installations.get(&id).filter(|one| one.app == app);
    found.ok_or_else(Refusal::not_found)
}

fn installation(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let found = own(world, call, call.id("installation_id")?)?;
    Ok(Reply::json(200, world.installation_json(found)))
}

fn repository_installation(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let app = call.app()?;
    let named = world.state.repository_named(call.param("owner"), call.param("repo"));
    let id = named.ok_or_else(Refusal::not_found)?.id;
    let holds = |one: &&Installation| one.app == app && one.repositories.contains(&id);
    let found = world.state.installations.values().find(holds).ok_or_else(Refusal::not_found)?;
    Ok(Reply::json(200, world.installation_json(found)))
}

fn account_installation(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let app = call.app()?;
    let login = if call.param("org").is_empty() { call.param("username") } else { call.param("org") };
    let account = world.user_id(login)?;
    let is = |one: &&Installation| one.app == app && one.account == account;
    let found = world.state.installations.values().find(is).ok_or_else(Refusal::not_found)?;
    Ok(Reply::json(200, world.installation_json(found)))
}

fn app_by_slug(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let mut all = world.state.apps.values();
    let found = all.find(|app| app.slug == call.param("app_slug")).ok_or_else(Refusal::not_found)?;
    Ok(Reply::json(200, world.app_json(found)))
}

fn revoke(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let Principal::Installation { token, .. } = &call.principal else { return Err(Refusal::forbidden()) };
    world.state.tokens.remove(&token.0);
    Ok(Reply::empty(204))
}

fn access_token(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let id = own(world, call, call.id("installation_id")?)?.id;
    let narrowing = Narrowing { repositories: narrowed(world, call, id)?, permissions: permissions(call) };
    let selected = narrowing.repositories.clone();
    let wanted = narrowing.permissions.clone();
    let (token, expires_at) = world.mint(id, narrowing)?;
    let found = own(world, call, id)?;
    let mut body = json!({
        "token": token,
        "expires_at": written(expires_at),
        "permissions": wanted.as_ref().unwrap_or(&found.permissions),
        "repository_selection": "selected",
    });
    if let Some(selected) = selected {
        let named = selected.iter().filter_map(|id| world.state.repositories.get(id));
        body["repositories"] = named.map(|repository| world.repository_json(repository)).collect();
    }
    Ok(Reply::json(201, body))
}

/// The repositories a token is narrowed to, by name or id; an unknown one refuses the whole.
fn narrowed(world: &World<'_>, call: &Call, id: u64) -> Result<Option<BTreeSet<u64>>, Refusal> {
    let unknown = || {
        let message = "There is at least one repository that does not exist or is not accessible to the parent installation.";
        Refusal::new(422, message)
    };
    let account = own(world, call, id)?.account;
    let login = world.state.login(account);
    let mut chosen = None;
    if let Some(ids) = call.body["repository_ids"].as_array() {
        let set: Option<BTreeSet<u64>> = ids.iter().map(Value::as_u64).collect();
        chosen = Some(set.ok_or_else(unknown)?);
    }
    if let Some(names) = call.body["repositories"].as_array() {
        let find = |name: &Value| Some(world.state.repository_named(login, name.as_str()?)?.id);
        let set: Option<BTreeSet<u64>> = names.iter().map(find).collect();
        chosen.get_or_insert_default().extend(set.ok_or_else(unknown)?);
    }
    Ok(chosen)
}

fn permissions(call: &Call) -> Option<BTreeMap<String, String>> {
    let wanted = call.body["permissions"].as_object()?;
    let pair = |(name, level): (&String, &Value)| (name.clone(), level.as_str().unwrap_or("").to_owned());
    Some(wanted.iter().map(pair).collect())
}

fn repositories(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let Principal::Installation { repositories, .. } = &call.principal else {
        return Err(Refusal::forbidden());
    };
    let seen = repositories.iter().filter_map(|id| world.state.repositories.get(id));
    let items: Vec<Value> = seen.map(|repository| world.repository_json(repository)).collect();
    Ok(call.counted(world, "repositories", &items))
}

/// The last step of the manifest flow: the code is good once.
/// <https://docs.github.com/apps/sharing-github-apps/registering-a-github-app-from-a-manifest>
fn conversion(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let id = world.state.manifest_codes.remove(call.param("code")).ok_or_else(Refusal::not_found)?;
    let app = world.state.apps.get(&id).ok_or_else(Refusal::not_found)?;
    let mut body = world.app_json(app);
    let secrets = json!({
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "webhook_secret": app.webhook_secret,
        "pem": app.private_key_pem,
    });
    extend(&mut body, secrets);
    Ok(Reply::json(201, body))
}

fn membership(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let organization = world.user_id(call.param("org"))?;
    let user = world.user_id(call.param("username"))?;
    let slug = call.param("team_slug").to_owned();
    let team = world.state.teams.get(&(organization, slug)).ok_or_else(Refusal::not_found)?;
    let how = team.members.get(&user).ok_or_else(Refusal::not_found)?;
    let body = json!({
        "url": world.api(&call.path),
        "role": if *how == Membership::Maintainer { "maintainer" } else { "member" },
        "state": if *how == Membership::Pending { "pending" } else { "active" },
    });
    Ok(Reply::json(200, body))
}

fn user(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let id = world.user_id(call.param("username"))?;
    Ok(Reply::json(200, world.public_user_json(id)))
}

#[expect(clippy::unnecessary_wraps, reason = "all routes have one signature")]
fn rate_limit(world: &mut World<'_>, _call: &Call) -> Result<Reply, Refusal> {
    let reset = world.now().as_second() + 3600;
    let limit = |limit: u64| json!({"limit": limit, "used": 0, "remaining": limit, "reset": reset});
    let body = json!({
        "resources": {"core": limit(5000), "search": limit(30), "graphql": limit(5000)},
        "rate": limit(5000),
    });
    Ok(Reply::json(200, body))
}
