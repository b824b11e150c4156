//! One request and its answer: time-outs, size limits, retries, the server's warnings, its refusals taken apart.

use std::time::Duration;

use http::Request;
use http_body_util::{BodyExt, Limited};
use kube::client::Body;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::cluster::error::Error;

/// Bytes of an answer. A page of a LIST holds at most [`PAGE`] objects of 1.5 MiB at the very worst; real ones are far below.
const ANSWER: usize = 256 << 20;
/// Objects in one page of a LIST.
pub(super) const PAGE: usize = 250;
/// Reading is quick or the server is unwell.
const READ: Duration = Duration::from_secs(20);
/// A write passes admission webhooks, each of which may take up to 30 s by the API's own rule.
const WRITE: Duration = Duration::from_secs(35);
/// Words of a 500 that trying again does not mend: manifests that do not fit their type, and webhooks.
const LASTING: [&str; 5] = [
    "failed to create typed",
    "failed to prune fields",
    "failed to update ManagedFields",
    "failed calling webhook",
    "conversion webhook",
];
/// Waits between the tries of a request that is safe to repeat.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(200), Duration::from_millis(800), Duration::from_secs(3)];
/// The longest wait that the server may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The connection to one API server as one user.
#[derive(Clone)]
pub(super) struct Wire {
    client: kube::Client,
    target: String,
    user: String,
}

/// May a request be sent again when nobody knows whether it took effect?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Yes: twice is the same as once.
    Safe,
    /// No: the caller looks before it tries again.
    Never,
}

/// A request: what it is for people, and for the server.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// Verb and object, as in `patch Deployment shop/web`.
    pub doing: String,
    /// The HTTP method.
    pub method: http::Method,
    /// Path and query.
    pub path: String,
    /// Content type and body.
    pub body: Option<(&'static str, Vec<u8>)>,
    /// What the answer should be.
    pub accept: &'static str,
    /// May it be repeated?
    pub repeat: Repeat,
    /// Bytes that its answer may have.
    pub limit: usize,
}

impl Call {
    /// A reading request.
    pub(super) fn get(doing: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            doing: doing.into(),
            method: http::Method::GET,
            path: path.into(),
            body: None,
            accept: "application/json",
            repeat: Repeat::Safe,
            limit: ANSWER,
        }
    }

    /// A request with a JSON body.
    pub(super) fn send(method: http::Method, doing: impl Into<String>, path: impl Into<String>) -> Self {
        Self { method, repeat: Repeat::Never, ..Self::get(doing, path) }
    }

    /// The same with this JSON as its body.
    pub(super) fn json(mut self, body: &Value) -> Self {
        self.body = Some(("application/json", body.to_string().into_bytes()));
        self
    }

    /// The same with this object as a server-side apply patch. JSON is YAML, so it needs no other form.
    pub(super) fn apply(mut self, body: &Value) -> Self {
        self.body = Some(("application/apply-patch+yaml", body.to_string().into_bytes()));
        self
    }

    /// The same with these operations as a JSON patch.
    pub(super) fn patch(mut self, operations: &Value) -> Self {
        self.body = Some(("application/json-patch+json", operations.to_string().into_bytes()));
        self
    }

    /// The same, safe to repeat.
    pub(super) fn safe(mut self) -> Self {
        self.repeat = Repeat::Safe;
        self
    }
}

/// A success.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// The body.
    pub body: Value,
    /// The texts of `Warning` headers.
    pub warnings: Vec<String>,
}

/// The server's refusal, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Refusal {
    /// The HTTP status.
    pub code: u16,
    /// The server's words.
    pub message: String,
    /// The kind that `details` speaks of.
    pub kind: String,
    /// The causes.
    pub causes: Vec<Reason>,
    /// The texts of `Warning` headers.
    pub warnings: Vec<String>,
}

/// One cause of a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Reason {
    /// `FieldManagerConflict`, `FieldValueInvalid` …
    pub sort: String,
    /// The field, in the server's notation.
    pub field: String,
    /// The server's words.
    pub message: String,
}

impl Refusal {
    /// It is not there.
    pub(super) fn is_missing(&self) -> bool {
        self.code == 404
    }

    /// Is it the server that is unwell rather than the request that is wrong?
    pub(super) fn is_weather(&self) -> bool {
        matches!(self.code, 429 | 502 | 503 | 504)
            || (self.code == 500 && !LASTING.iter().any(|words| self.message.contains(words)))
    }
}

/// Why a request has no success to show.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The server said no.
    Refused(Refusal),
    /// The server said nothing, or nothing that can be read. It may have acted.
    Silent(Box<dyn std::error::Error + Send + Sync>),
}

impl Trouble {
    /// The refusal, if it is one that is not the weather's.
    pub(super) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) if !refusal.is_weather() => Some(refusal),
            Self::Refused(_) | Self::Silent(_) => None,
        }
    }
}

impl Wire {
    /// Over this client, for this target, as this user.
    pub(super) fn new(client: kube::Client, target: String, user: String) -> Self {
        Self { client, target, user }
    }

    /// The operator's name of the target.
    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// The namespace of the kubeconfig's context.
    pub(super) fn default_namespace(&self) -> &str {
        self.client.default_namespace()
    }

    /// Sends a request, again if that is safe, and reads its answer whole.
    pub(super) async fn call(&self, call: &Call) -> Result<Answer, Trouble> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let (trouble, after) = match self.once(call).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let passing = match &trouble {
                // A 429 was not served at all, so anything may be sent again.
                Trouble::Refused(refusal) if refusal.code == 429 => true,
                Trouble::Refused(refusal) => call.repeat == Repeat::Safe && refusal.is_weather(),
                Trouble::Silent(_) => call.repeat == Repeat::Safe,
            };
            match pauses.next() {
                Some(pause) if passing => sleep(after.unwrap_or(pause)).await,
                Some(_) | None => return Err(trouble),
            }
        }
    }

    /// The body of a success, or an error of ours.
    pub(super) async fn value(&self, call: &Call) -> Result<Value, Error> {
        self.call(call).await.map(|answer| answer.body).map_err(|trouble| self.error(&call.doing, trouble))
    }

    /// The body of a success, or none if it is not there.
    pub(super) async fn find(&self, call: &Call) -> Result<Option<Value>, Error> {
        match self.call(call).await {
            Ok(answer) => Ok(Some(answer.body)),
            Err(Trouble::Refused(refusal)) if refusal.is_missing() => Ok(None),
            Err(trouble) => Err(self.error(&call.doing, trouble)),
        }
    }

    /// Trouble that has nothing to do with one object, as an error.
    pub(super) fn error(&self, doing: &str, trouble: Trouble) -> Error {
        let (target, doing) = (self.target.clone(), doing.to_owned());
        match trouble {
            Trouble::Silent(source) => Error::Away { target, doing, source },
            Trouble::Refused(refusal) => {
                let (code, message) = (refusal.code, refusal.message.clone());
                match code {
                    401 | 403 => Error::Denied { target, user: self.user.clone(), doing, message },
                    _ if refusal.is_weather() => Error::Unwell { target, doing, code, message },
                    _ => Error::Refused { target, doing, code, message },
                }
            }
        }
    }

    /// Opens a request whose answer comes in pieces.
    pub(super) async fn open(&self, call: &Call) -> Result<Body, Trouble> {
        let request = request(call)?;
        let response = timeout(READ, self.client.send(request))
            .await
            .map_err(|late| Trouble::Silent(Box::new(late)))?
            .map_err(|error| Trouble::Silent(Box::new(error)))?;
        if response.status().is_success() {
            return Ok(response.into_body());
        }
        let code = response.status().as_u16();
        let bytes = timeout(READ, Limited::new(response.into_body(), 1 << 20).collect())
            .await
            .map_err(|late| Trouble::Silent(Box::new(late)))?
            .map_err(Trouble::Silent)?
            .to_bytes();
        Err(Trouble::Refused(refusal(code, &bytes, Vec::new())))
    }

    /// One try; with a failure comes the pause that the server asked for.
    async fn once(&self, call: &Call) -> Result<Answer, (Trouble, Option<Duration>)> {
        let limit = if call.method == http::Method::GET { READ } else { WRITE };
        let silent = |source: Box<dyn std::error::Error + Send + Sync>| (Trouble::Silent(source), None);
        let request = request(call).map_err(|trouble| (trouble, None))?;
        let work = async {
            let response = self.client.send(request).await.map_err(|error| silent(Box::new(error)))?;
            let code = response.status().as_u16();
            let after = pause(response.headers());
            let warnings = warnings(response.headers());
            let bytes =
                Limited::new(response.into_body(), call.limit).collect().await.map_err(silent)?.to_bytes();
            if (200..300).contains(&code) {
                let body = serde_json::from_slice(&bytes).map_err(|error| silent(Box::new(error)))?;
                Ok(Answer { body, warnings })
            } else {
                Err((Trouble::Refused(refusal(code, &bytes, warnings)), after))
            }
        };
        timeout(limit, work).await.map_err(|late| silent(Box::new(late)))?
    }
}

fn request(call: &Call) -> Result<Request<Body>, Trouble> {
    let mut builder = Request::builder()
        .method(call.method.clone())
        .uri(&call.path)
        .header(http::header::ACCEPT, call.accept);
    if let Some((kind, _)) = &call.body {
        builder = builder.header(http::header::CONTENT_TYPE, *kind);
    }
    let body = call.body.as_ref().map_or_else(Body::empty, |(_, bytes)| Body::from(bytes.clone()));
    builder.body(body).map_err(|error| Trouble::Silent(Box::new(error)))
}

fn pause(headers: &http::HeaderMap) -> Option<Duration> {
    let seconds = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}

/// The quoted texts of `Warning: 299 - "text"`.
/// <https://kubernetes.io/docs/reference/using-api/deprecation-policy/#rest-resources-aka-api-objects>
fn warnings(headers: &http::HeaderMap) -> Vec<String> {
    let mut texts = Vec::new();
    for value in headers.get_all(http::header::WARNING) {
        let text = String::from_utf8_lossy(value.as_bytes());
        let Some((_, rest)) = text.split_once('"') else { continue };
        let mut said = String::new();
        let mut chars = rest.chars();
        while let Some(char) = chars.next() {
            match char {
                '"' => break,
                '\\' => said.extend(chars.next()),
                other => said.push(other),
            }
        }
        if !said.is_empty() && !texts.contains(&said) {
            texts.push(said);
        }
    }
    texts
}

fn refusal(code: u16, bytes: &[u8], warnings: Vec<String>) -> Refusal {
    let status: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let text =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let details = status.get("details").cloned().unwrap_or_default();
    let causes = details.get("causes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut message = text(&status, "message");
    if message.is_empty() {
        message = String::from_utf8_lossy(bytes).chars().take(500).collect();
    }
    Refusal {
        code,
        message,
        kind: text(&details, "kind"),
        causes: causes
            .iter()
            .map(|cause| Reason {
                sort: text(cause, "reason"),
                field: text(cause, "field"),
                message: text(cause, "message"),
            })
            .collect(),
        warnings,
    }
}

#[cfg(test)]
mod tests {
    use super::{pause, refusal, warnings};

    #[test]
    fn warnings_are_unquoted_and_said_once() {
        let mut headers = http::HeaderMap::new();
        for text in
            ["299 - \"policy/v1beta1 is deprecated\"", "299 - \"say \\\"x\\\"\"", "299 - \"say \\\"x\\\"\""]
        {
            headers.append("warning", text.parse().unwrap());
        }
        assert_eq!(warnings(&headers), ["policy/v1beta1 is deprecated", "say \"x\""]);
    }

    #[test]
    fn a_pause_that_the_server_asks_for_is_bounded() {
        let mut headers = http::HeaderMap::new();
        headers.insert("retry-after", "3600".parse().unwrap());
        assert_eq!(pause(&headers).unwrap().as_secs(), 10);
    }

    #[test]
    fn refusals_that_are_not_json_keep_their_words() {
        let refusal = refusal(502, b"<html>bad gateway</html>", Vec::new());
        assert_eq!((refusal.code, refusal.message.as_str()), (502, "<html>bad gateway</html>"));
        assert!(refusal.is_weather());
    }

    #[test]
    fn a_manifest_that_cannot_be_typed_is_not_the_weather() {
        let body = br#"{"kind":"Status","message":"failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): .spec.x: field not declared in schema","code":500}"#;
        assert!(!refusal(500, body, Vec::new()).is_weather());
        assert!(refusal(500, b"etcdserver: leader changed", Vec::new()).is_weather());
    }
}
