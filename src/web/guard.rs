//! Around every request: an id, a span, one line in the log, and no panic that leaves the sender without an answer.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Instant;

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

use crate::web::refusal::Refusal;

const REQUEST_ID: &str = "x-request-id";

/// Runs the request within its span; answers 500 if it panics. The id is ours: a sender's own could forge log lines.
pub(super) async fn watch(request: Request, next: Next) -> Response {
    let id = request_id();
    let span = tracing::info_span!(
        "request",
        request.id = %id,
        http.method = %request.method(),
        // The path alone: a query may hold what should not be in a log.
        http.path = %request.uri().path().chars().take(200).collect::<String>(),
    );
    async {
        let started = Instant::now();
        let mut answer = match unpanicked(next.run(request)).await {
            Ok(answer) => answer,
            Err(panic) => {
                tracing::error!(panic = words(panic.as_ref()), "a request ended in a defect of ours");
                let sentence = format!("a defect of ours; the log has it under request {id}");
                Refusal::new(500, sentence).into_response()
            }
        };
        told(answer.status(), started);
        if let Ok(id) = HeaderValue::from_str(&id) {
            answer.headers_mut().insert(REQUEST_ID, id);
        }
        answer
    }
    .instrument(span)
    .await
}

/// One line: quiet for what went well, so that thousands of deliveries per second do not write thousands of lines.
fn told(status: StatusCode, started: Instant) {
    let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    if status.is_server_error() {
        tracing::warn!(http.status = status.as_u16(), http.millis = millis, "a request could not be served");
    } else if status.is_client_error() {
        tracing::info!(http.status = status.as_u16(), http.millis = millis, "a request was refused");
    } else {
        tracing::debug!(http.status = status.as_u16(), http.millis = millis, "a request was served");
    }
}

/// Sixteen random digits; constant where the system has no randomness, which only makes logs harder to read.
fn request_id() -> String {
    let mut bytes = [0; 8];
    match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => hex::encode(bytes),
        Err(_) => "0".repeat(16),
    }
}

/// The output, or what it panicked with. Handlers share no state that a panic could leave half changed: a transaction
/// that is dropped is rolled back.
async fn unpanicked<T>(work: impl Future<Output = T>) -> Result<T, Box<dyn Any + Send>> {
    let mut work = pin!(work);
    std::future::poll_fn(move |task| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(task))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words")
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::extract::Request;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::watch;

    async fn breaks() -> &'static str {
        panic!("a test of panics")
    }

    #[tokio::test]
    async fn a_panic_is_answered_and_does_not_tell_its_words() {
        let router = Router::new().route("/", get(breaks)).layer(axum::middleware::from_fn(watch));
        let answer = router.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 500);
        let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        let body = axum::body::to_bytes(answer.into_body(), 1000).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert_eq!(text, format!("a defect of ours; the log has it under request {id}\n"));
    }
}
