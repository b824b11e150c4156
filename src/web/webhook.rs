//! `POST /github/webhook`: verified, stored, answered.
//!
//! The signature comes before everything that looks at the body, and before every refusal that would tell a stranger what
//! we expect:
//!
//! | status | when |
//! |---|---|
//! | 401 | no signature, or one that does not fit; nothing is stored |
//! | 413, 408, 400 | more than 25 MB, slower than 10 s, broken off |
//! | 415 | genuine, but not `application/json` (the App's webhook must be set to it) |
//! | 403 | genuine, but for another App: two Apps share a secret, and one of them points here |
//! | 400 | genuine, but without a well-formed `X-GitHub-Delivery` or `X-GitHub-Event` |
//! | 503 | the database did not store it in time; GitHub's deliveries API has it still |
//! | 202 | stored; `known` says whether it had come before |

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use tokio::sync::oneshot;

use crate::model::id::DeliveryId;
use crate::store::{Delivery, Kept};
use crate::web::intake::Waiting;
use crate::web::refusal::Refusal;
use crate::web::{Shared, body, signature};

/// How long a delivery may wait to be stored: with the body's time, what GitHub gives.
const STORING: Duration = Duration::from_secs(8);

/// What a stored delivery is answered with.
#[derive(Debug, serde::Serialize)]
pub(super) struct Taken {
    delivery: DeliveryId,
    known: bool,
}

/// Takes one delivery.
pub(super) async fn take(
    State(shared): State<Shared>,
    request: Request<Body>,
) -> Result<(StatusCode, Json<Taken>), Refusal> {
    let (head, body) = request.into_parts();
    let signed = only(&head.headers, "x-hub-signature-256").ok_or_else(unsigned)?;
    let announced = only(&head.headers, header::CONTENT_LENGTH.as_str()).and_then(|text| text.parse().ok());
    let held = body::read(body, announced, &shared.budget).await?;
    if !signature::is_genuine(&shared.app.webhook_secret, &held.bytes, signed) {
        return Err(unsigned());
    }
    let (id, event) = described(&head.headers, shared.app.id)?;
    let (tell, stored) = oneshot::channel();
    let received = (shared.app.clock)();
    let delivery = Delivery { id: id.clone(), event, body: held.bytes, received };
    let storing = async {
        shared.intake.send(Waiting { delivery, stored: tell }).await.ok()?;
        stored.await.ok()
    };
    match tokio::time::timeout(STORING, storing).await {
        Ok(Some(kept)) => {
            let known = kept == Kept::Known;
            tracing::debug!(delivery.id = %id, delivery.known = known, "a delivery is stored");
            Ok((StatusCode::ACCEPTED, Json(Taken { delivery: id, known })))
        }
        Ok(None) | Err(_) => Err(Refusal::new(503, "the delivery could not be stored; send it again later")),
    }
}

/// What a genuine delivery's headers say.
fn described(headers: &HeaderMap, app_id: u64) -> Result<(DeliveryId, String), Refusal> {
    let kind = only(headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Refusal::new(415, "set the content type of the App's webhook to application/json"));
    }
    if only(headers, "x-github-hook-installation-target-id") != Some(app_id.to_string().as_str()) {
        let sentence =
            "this delivery is for another App: its X-GitHub-Hook-Installation-Target-ID is not our app id";
        return Err(Refusal::new(403, sentence));
    }
    let id = only(headers, "x-github-delivery").and_then(|text| text.parse().ok());
    let id = id.ok_or_else(|| Refusal::new(400, "X-GitHub-Delivery is missing or not an id"))?;
    let is_event = |text: &&str| {
        (1..=64).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    };
    let event = only(headers, "x-github-event").filter(is_event);
    let event = event.ok_or_else(|| Refusal::new(400, "X-GitHub-Event is missing or not an event's name"))?;
    Ok((id, event.to_owned()))
}

/// The value of a header that is there exactly once: of two, another reader might believe the other one.
fn only<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    if values.next().is_some() { None } else { first.to_str().ok() }
}

fn unsigned() -> Refusal {
    Refusal::new(401, "the signature is missing or wrong: the webhook secret there and here must be the same")
}
