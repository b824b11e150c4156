//! One exchange with GitHub: who asks, time-outs, redirects, bounded answers.
//!
//! Whether a call may be repeated is decided here for reads, which may, and by the callers for writes: after an unknown
//! outcome they look before they write again. Octocrab's own retries and redirects are off: the first repeat writes,
//! the second lead to other hosts.

use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use octocrab::Octocrab;
use octocrab::models::AppId;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::App;
use super::answer::{Answer, Limit, Raw};
use super::base::Base;
use super::budget::{Budget, Cost};
use super::error::Error;
use super::token::{Key, Tokens};
use crate::model::id::InstallationId;

const CONNECT: Duration = Duration::from_secs(5);
const READ: Duration = Duration::from_secs(20);
const WRITE: Duration = Duration::from_secs(20);

/// A whole exchange, so that an answer that trickles cannot hold a job: the read time-out is per piece.
const EXCHANGE: Duration = Duration::from_secs(45);

/// Bytes of an answer. The largest that we ask for is a page of fifty texts of 65,536 characters, each of which JSON may
/// write in six bytes: 20 MB.
const LARGEST: usize = 32 * 1024 * 1024;

/// A renamed repository redirects once; a chain of renames not much more.
const REDIRECTS: usize = 3;

/// What is slept before a read is tried again.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];

/// How long a call waits for the budget; for longer waits the whole job had better be parked.
const PATIENCE: Duration = Duration::from_secs(2);

/// GitHub asks for a minute where it names no time.
const UNNAMED: Duration = Duration::from_mins(1);

/// HTTP methods that we use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// Reads; may be repeated.
    Get,
    /// Makes; must not be repeated blindly.
    Post,
    /// Changes.
    Patch,
    /// Takes away.
    Delete,
}

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Ask<'a> {
    /// For errors: "reading pull request 12 of acme/shop".
    doing: &'a str,
    method: Method,
    /// From the root, with its query.
    path: String,
    body: Option<&'a Value>,
    cost: Cost,
}

impl<'a> Ask<'a> {
    /// A read.
    pub(super) fn get(doing: &'a str, path: impl Into<String>) -> Self {
        Self { doing, method: Method::Get, path: path.into(), body: None, cost: Cost::Nothing }
    }

    /// A write.
    pub(super) fn write(
        doing: &'a str,
        method: Method,
        path: impl Into<String>,
        body: Option<&'a Value>,
    ) -> Self {
        Self { doing, method, path: path.into(), body, cost: Cost::Write }
    }

    /// The same, paid for as a comment.
    pub(super) fn content(self) -> Self {
        Self { cost: Cost::Content, ..self }
    }

    /// The same, at no cost.
    pub(super) fn free(self) -> Self {
        Self { cost: Cost::Nothing, ..self }
    }
}

/// The connections, the tokens and the budgets.
pub(super) struct Wire {
    /// Speaks as the App itself, with a new JWT each time.
    app: Octocrab,
    /// Speaks as nobody; each call brings its token.
    rest: Octocrab,
    graph: Octocrab,
    base: Base,
    pub(super) tokens: Tokens,
    budget: Budget,
}

impl Wire {
    /// Prepares the connections; nothing is sent yet. Must be called within a Tokio runtime.
    pub(super) fn open(app: &App, api: &str) -> Result<Self, Error> {
        let base = Base::read(api)?;
        let key = Some((AppId(app.id), app.key.expose_secret()));
        let ours =
            |source| Error::ours("preparing the connection to GitHub; is the App's key an RSA key?", source);
        Ok(Self {
            app: client(&base.rest(), key).map_err(ours)?,
            rest: client(&base.rest(), None).map_err(ours)?,
            graph: client(&base.graph(), None).map_err(ours)?,
            base,
            tokens: Tokens::default(),
            budget: Budget::default(),
        })
    }

    /// A call as the App itself. Both that we make, reading and minting tokens, may be repeated.
    pub(super) async fn as_app(&self, ask: &Ask<'_>) -> Result<Answer, Error> {
        self.repeated(None, &self.app, ask).await
    }

    /// A call with a token of an installation; reads are tried up to three times.
    pub(super) async fn call(&self, key: &Key, ask: &Ask<'_>) -> Result<Answer, Error> {
        if ask.method == Method::Get {
            self.repeated(Some(key), &self.rest, ask).await
        } else {
            self.once(Some(key), &self.rest, ask).await
        }
    }

    /// A GraphQL query, never a mutation: it is tried up to three times.
    pub(super) async fn query(
        &self,
        key: &Key,
        doing: &str,
        query: &str,
        variables: Value,
    ) -> Result<Value, Error> {
        let body = json!({"query": query, "variables": variables});
        let ask = Ask::write(doing, Method::Post, "/graphql", Some(&body)).free();
        for pause in PAUSES {
            match self.graphed(key, &ask).await {
                Err(Error::Weather { .. }) => tokio::time::sleep(pause).await,
                settled => return settled,
            }
        }
        self.graphed(key, &ask).await
    }

    /// One try of a query. GraphQL tells limits and failures with status 200.
    async fn graphed(&self, key: &Key, ask: &Ask<'_>) -> Result<Value, Error> {
        let answer = self.once(Some(key), &self.graph, ask).await?;
        match verdict(answer.body) {
            Verdict::Data(data) => Ok(data),
            Verdict::Limited => {
                let wait = self.budget.refused(key.installation, Limit::Unnamed, Instant::now());
                Err(Error::Limited { doing: ask.doing.to_owned(), wait })
            }
            Verdict::Hiccup(message) => Err(Error::weather(ask.doing, message)),
            Verdict::Wrong(message) => {
                Err(Error::Refused { doing: ask.doing.to_owned(), status: 200, message })
            }
        }
    }

    /// Tries up to three times while it is the weather that stops it.
    async fn repeated(&self, key: Option<&Key>, client: &Octocrab, ask: &Ask<'_>) -> Result<Answer, Error> {
        for pause in PAUSES {
            match self.once(key, client, ask).await {
                Err(Error::Weather { .. }) => tokio::time::sleep(pause).await,
                settled => return settled,
            }
        }
        self.once(key, client, ask).await
    }

    /// One try; none for a key is the App itself.
    async fn once(&self, key: Option<&Key>, client: &Octocrab, ask: &Ask<'_>) -> Result<Answer, Error> {
        let raw = match key {
            Some(key) => self.paid(key, client, ask).await?,
            None => self.exchange(client, ask).await?,
        };
        if let Some(limit) = raw.limited() {
            let wait = match (key, limit) {
                (Some(key), limit) => self.budget.refused(key.installation, limit, Instant::now()),
                (None, Limit::For(wait)) => wait,
                (None, Limit::Unnamed) => UNNAMED,
            };
            return Err(Error::Limited { doing: ask.doing.to_owned(), wait });
        }
        let answer = raw.settle(ask.doing, &self.base)?;
        if let Some(key) = key {
            self.budget.answered(key.installation);
        }
        Ok(answer)
    }

    /// Pays, and asks with a token; once more with a new one if it was refused as bad: then nothing had happened.
    async fn paid(&self, key: &Key, client: &Octocrab, ask: &Ask<'_>) -> Result<Raw, Error> {
        self.pay(key.installation, ask).await?;
        // Making a token comes back here for the App's own call, so the future must have a size.
        let token = Box::pin(self.tokens.get(self, key)).await?;
        let mut raw = self.bearing(client, &token.secret, ask).await?;
        if raw.status == 403 && raw.limited().is_none() {
            // What is missing may be granted meanwhile, and only a new token has it.
            self.tokens.forget(key, &token.secret).await;
            raw.lacks = token.lacks;
            return Ok(raw);
        }
        if raw.status != 401 {
            return Ok(raw);
        }
        self.tokens.forget(key, &token.secret).await;
        let token = Box::pin(self.tokens.get(self, key)).await?;
        let raw = self.bearing(client, &token.secret, ask).await?;
        if raw.status == 401 {
            // A token that was minted just now is not known everywhere at GitHub yet; later it is.
            self.tokens.forget(key, &token.secret).await;
            return Err(Error::weather(ask.doing, "GitHub refused a token that it had just made"));
        }
        Ok(raw)
    }

    async fn bearing(&self, client: &Octocrab, token: &SecretString, ask: &Ask<'_>) -> Result<Raw, Error> {
        let client = client.user_access_token(token.expose_secret());
        let client = client.map_err(|source| Error::ours(ask.doing, source))?;
        self.exchange(&client, ask).await
    }

    /// Pays for a call; waits if that is short.
    async fn pay(&self, installation: InstallationId, ask: &Ask<'_>) -> Result<(), Error> {
        let begun = Instant::now();
        loop {
            let Err(wait) = self.budget.pay(installation, ask.cost, Instant::now()) else { return Ok(()) };
            if begun.elapsed() + wait > PATIENCE {
                return Err(Error::Limited { doing: ask.doing.to_owned(), wait });
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Sends a request, and again where a renamed repository leads, with the same method and body.
    async fn exchange(&self, client: &Octocrab, ask: &Ask<'_>) -> Result<Raw, Error> {
        let mut path = ask.path.clone();
        for _ in 0..=REDIRECTS {
            let sent = tokio::time::timeout(EXCHANGE, send(client, ask, &path)).await;
            let raw = sent.map_err(|late| Error::weather(ask.doing, late))??;
            let Some(address) = raw.redirect() else { return Ok(raw) };
            path = self.base.within(address).ok_or_else(|| {
                Error::ours(ask.doing, "GitHub redirects to another host, which is not followed")
            })?;
        }
        Err(Error::weather(ask.doing, "GitHub redirects in a circle"))
    }
}

/// What a GraphQL answer means: <https://docs.github.com/en/graphql/overview/rate-limits-and-node-limits-for-the-graphql-api>.
#[derive(Debug, PartialEq)]
enum Verdict {
    /// It is there.
    Data(Value),
    /// Nothing goes for a while.
    Limited,
    /// GitHub could not, this time.
    Hiccup(String),
    /// The query, or our right to it, is at fault.
    Wrong(String),
}

fn verdict(mut body: Value) -> Verdict {
    let errors = body["errors"].take();
    let Some(first) = errors.get(0) else { return Verdict::Data(body["data"].take()) };
    let kinds = || errors.as_array().into_iter().flatten().filter_map(|error| error["type"].as_str());
    let message = first["message"].as_str().unwrap_or("no reason given").chars().take(300).collect();
    if kinds().any(|kind| kind == "RATE_LIMITED") {
        return Verdict::Limited;
    }
    // What is wrong with a query has a type of its own, or a place in the query; "Something went wrong while executing
    // your query" has neither, and no data.
    let wrong = kinds().next().is_some() || first.get("extensions").is_some();
    if wrong || !body["data"].is_null() { Verdict::Wrong(message) } else { Verdict::Hiccup(message) }
}

fn client(root: &str, app: Option<(AppId, &str)>) -> octocrab::Result<Octocrab> {
    let mut builder = Octocrab::builder()
        .base_uri(root)?
        .add_retry_config(octocrab::service::middleware::retry::RetryConfig::None)
        .set_connect_timeout(Some(CONNECT))
        .set_read_timeout(Some(READ))
        .set_write_timeout(Some(WRITE));
    let headers = [
        ("user-agent", concat!("tidegate/", env!("CARGO_PKG_VERSION"))),
        ("x-github-api-version", "2022-11-28"),
        ("accept", "application/vnd.github+json"),
    ];
    for (name, value) in headers {
        if let Ok(name) = name.parse() {
            builder = builder.add_header(name, value.to_owned());
        }
    }
    match app {
        Some((id, key)) => builder.app_from_rsa_pem(id, key)?.build(),
        None => builder.build(),
    }
}

/// Sends a request and reads its answer, whatever it is.
async fn send(client: &Octocrab, ask: &Ask<'_>, path: &str) -> Result<Raw, Error> {
    let sent = match ask.method {
        Method::Get => client._get(path).await,
        Method::Post => client._post(path, ask.body).await,
        Method::Patch => client._patch(path, ask.body).await,
        Method::Delete => client._delete(path, ask.body).await,
    };
    let response = sent.map_err(|error| unsent(ask.doing, error))?;
    let status = response.status().as_u16();
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = response.headers().iter();
    let headers = headers.map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect();
    let body = Limited::new(response.into_body(), LARGEST).collect().await;
    let body = body.map_err(|source| Error::weather(ask.doing, source))?;
    Ok(Raw { status, headers, bytes: body.to_bytes().to_vec(), lacks: String::new() })
}

/// What stops a request on its way is the weather; what stops it before is a defect of ours.
fn unsent(doing: &str, error: octocrab::Error) -> Error {
    use octocrab::Error as Crab;
    if matches!(error, Crab::Service { .. } | Crab::Hyper { .. } | Crab::Other { .. }) {
        Error::weather(doing, error)
    } else {
        Error::ours(doing, error)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Verdict, verdict};

    #[test]
    fn graphql_tells_limits_and_failures_with_a_status_of_success() {
        let limited = json!({"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]});
        assert_eq!(verdict(limited), Verdict::Limited);
        let hiccup = json!({"data": null, "errors": [{"message": "Something went wrong while executing your query."}]});
        assert!(matches!(verdict(hiccup), Verdict::Hiccup(_)));
        let absent =
            json!({"data": {"repository": null}, "errors": [{"type": "NOT_FOUND", "message": "no"}]});
        assert!(matches!(verdict(absent), Verdict::Wrong(_)));
        let syntax = json!({"errors": [{"message": "Parse error", "extensions": {"code": "parse"}}]});
        assert!(matches!(verdict(syntax), Verdict::Wrong(_)));
        assert_eq!(verdict(json!({"data": {"a": 1}})), Verdict::Data(json!({"a": 1})));
    }
}
