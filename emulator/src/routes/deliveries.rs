//! The app's own record of its webhooks, and asking for one again.

use super::Call;
use super::Handler;
use super::Reply;
use crate::clock::written;
use crate::core::World;
use crate::error::Refusal;
use crate::hooks::Delivery;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

pub(super) const ROUTES: &[(&str, Handler)] = &[
    ("apps/list-webhook-deliveries", list),
    ("apps/get-webhook-delivery", get),
    ("apps/redeliver-webhook-delivery", redeliver),
    ("apps/get-webhook-config-for-app", config),
    ("apps/update-webhook-config-for-app", set_config),
];

fn list(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let app = call.app()?;
    let size = call.query("per_page").and_then(|text| text.parse::<usize>().ok()).unwrap_or(30);
    let before = match call.query("cursor") {
        None => u64::MAX,
        Some(cursor) => {
            let id = cursor.strip_prefix("v1_").and_then(|id| id.parse().ok());
            id.ok_or_else(|| Refusal::new(400, "Bad cursor"))?
        }
    };
    let fits = |delivery: &&Delivery| match call.query("status") {
        Some("success") => (200..300).contains(&delivery.status),
        Some("failure") => !(200..300).contains(&delivery.status),
        _ => true,
    };
    let mut all = world.core.hooks.deliveries();
    all.retain(|delivery| delivery.app == app && delivery.id < before);
    all.sort_by_key(|delivery| std::cmp::Reverse(delivery.id));
    let fitting: Vec<&Delivery> = all.iter().filter(fits).collect();
    let shown: Vec<&Delivery> = fitting.iter().take(size.clamp(1, 100)).copied().collect();
    let items: Vec<Value> = shown.iter().map(|delivery| item(delivery)).collect();
    let mut reply = Reply::json(200, json!(items));
    if let (true, Some(last)) = (fitting.len() > shown.len(), shown.last()) {
        let others = call.query.iter().filter(|(key, _)| key != "cursor");
        let mut pairs = vec![format!("cursor=v1_{}", last.id)];
        pairs.extend(others.map(|(key, value)| format!("{key}={value}")));
        let url = world.api(&format!("{}?{}", call.path, pairs.join("&")));
        reply.headers.push(("link", format!("<{url}>; rel=\"next\"")));
    }
    Ok(reply)
}

fn item(delivery: &Delivery) -> Value {
    let word = if delivery.outcome.is_empty() { "Unknown" } else { &delivery.outcome };
    json!({
        "id": delivery.id,
        "guid": delivery.guid,
        "delivered_at": written(delivery.at),
        "redelivery": delivery.redelivery,
        "duration": delivery.seconds,
        "status": word,
        "status_code": delivery.status,
        "event": delivery.event,
        "action": delivery.action,
        "installation_id": delivery.installation,
        "repository_id": delivery.repository,
        "throttled_at": null,
    })
}

fn found(world: &World<'_>, call: &Call) -> Result<Delivery, Refusal> {
    let (app, id) = (call.app()?, call.id("delivery_id")?);
    let mut all = world.core.hooks.deliveries().into_iter();
    all.find(|delivery| delivery.id == id && delivery.app == app).ok_or_else(Refusal::not_found)
}

fn get(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let delivery = found(world, call)?;
    let mut body = item(&delivery);
    let pairs = delivery.request_headers.iter();
    let headers: Map<String, Value> = pairs.map(|(name, value)| (name.clone(), json!(value))).collect();
    let payload: Value = serde_json::from_slice(&delivery.payload).unwrap_or(Value::Null);
    body["url"] = json!(
        world.state.apps.get(&delivery.app).and_then(|app| app.webhook_url.clone()).unwrap_or_default()
    );
    body["request"] = json!({"headers": headers, "payload": payload});
    body["response"] = json!({"headers": {}, "payload": delivery.answer});
    Ok(Reply::json(200, body))
}

/// The same bytes with the same `X-GitHub-Delivery` again, to where the app now wants them.
fn redeliver(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let delivery = found(world, call)?;
    world.redeliver(delivery)?;
    Ok(Reply::json(202, json!({})))
}

fn config(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let app = world.state.apps.get(&call.app()?).ok_or_else(Refusal::not_found)?;
    let url = app.webhook_url.clone().unwrap_or_default();
    let body = json!({"url": url, "content_type": "json", "insecure_ssl": "0", "secret": "********"});
    Ok(Reply::json(200, body))
}

fn set_config(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let app = world.state.apps.get_mut(&call.app()?).ok_or_else(Refusal::not_found)?;
    if let Some(url) = call.owned("url") {
        app.webhook_url = Some(url);
    }
    if let Some(secret) = call.owned("secret") {
        app.webhook_secret = secret;
    }
    config(world, call)
}
