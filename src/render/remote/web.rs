//! One answer over HTTP: listed hosts, judged addresses, few redirects, bounded bytes.

use std::error::Error as _;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, LOCATION, WWW_AUTHENTICATE};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use secrecy::{ExposeSecret as _, SecretString};

use crate::model::fault::{Failure, chain};
use crate::model::host::{Credentials, Host};
use crate::render::remote::address::{self, Private};
use crate::render::remote::{Fetched, Inner, words};

/// How long a host may take to be connected to, and to send anything at all.
const SILENCE: Duration = Duration::from_secs(20);

/// The listed hosts, each with connections of its own: to what one entry allows no other may talk.
#[derive(Debug)]
pub(super) struct Hosts {
    entries: Vec<Entry>,
}

/// One listed host.
#[derive(Debug)]
pub(super) struct Entry {
    host: Arc<Host>,
    client: OnceLock<Client>,
}

/// What proves who asks.
#[derive(Debug, Clone)]
pub(super) enum Proof {
    /// Nothing.
    None,
    /// The credentials of the host's own entry.
    Own,
    /// A token that the host's own registry gave.
    Token(SecretString),
}

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Ask<'a> {
    /// Where.
    pub url: Url,
    /// In which form; empty: any.
    pub accept: &'a str,
    /// Who asks.
    pub proof: Proof,
    /// The most bytes that may come.
    pub most: usize,
}

/// What came. The bytes are empty unless the status is 200.
#[derive(Debug)]
pub(super) struct Answer {
    host: String,
    what: String,
    /// The status.
    pub status: StatusCode,
    /// How the host wants to be asked.
    pub challenge: Option<String>,
    /// What the host says that its answer's digest is.
    pub digest: Option<String>,
    bytes: Vec<u8>,
}

impl Hosts {
    pub(super) fn new(hosts: Vec<Host>) -> Self {
        let entry = |host| Entry { host: Arc::new(host), client: OnceLock::new() };
        Self { entries: hosts.into_iter().map(entry).collect() }
    }

    /// The entry of an address's host; `asked` is the host that led there.
    pub(super) fn find(&self, url: &Url, asked: &str) -> Result<&Entry, Failure> {
        let (host, port) = (named(url), url.port_or_known_default());
        let entry = self
            .entries
            .iter()
            .find(|entry| entry.host.name == host && Some(entry.host.port.unwrap_or(443)) == port);
        let Some(entry) = entry else { return Err(words::unlisted(&authority(url), asked)) };
        let plain = url.scheme() == "http" && loopback(&host);
        if url.scheme() != "https" && !plain {
            let message = format!("{} would be asked without encryption", authority(url));
            return Err(words::fault(message, "name it by https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(words::fault(
                format!("an address on {} holds a user or a password", authority(url)),
                "take it out, and ask whoever runs Tidegate to give credentials under render.hosts",
            ));
        }
        // A name is judged when it is looked up; an address is not looked up.
        if host.parse::<IpAddr>().is_ok_and(|address| !address::allowed(address, &entry.host)) {
            return Err(words::private(&host));
        }
        Ok(entry)
    }
}

impl Entry {
    /// What the operator says of it.
    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    /// The header that carries its credentials.
    pub(super) fn own(&self) -> Option<SecretString> {
        Some(SecretString::from(match self.host.credentials.as_ref()? {
            Credentials::Basic { user, password } => {
                let pair = format!("{user}:{}", password.expose_secret());
                format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
            }
            Credentials::Bearer(token) => format!("Bearer {}", token.expose_secret()),
        }))
    }

    /// May this host have tokens that are had at an address with the credentials of that address's own entry?
    pub(super) fn pays(&self, url: &Url) -> bool {
        let pair = self.host.tokens.as_ref();
        pair.is_some_and(|(name, port)| *name == named(url) && Some(*port) == url.port_or_known_default())
    }

    fn client(&self) -> Result<&Client, Failure> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // An error says that it is chosen already; there is one provider in the tree.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let made = Client::builder()
            .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .connect_timeout(SILENCE)
            .read_timeout(SILENCE)
            .dns_resolver(Judge { host: Arc::clone(&self.host) })
            .build()
            .map_err(|error| Failure::ours("prepare to fetch over https", error))?;
        Ok(self.client.get_or_init(|| made))
    }
}

/// Looks one host up, and gives only addresses that were judged: the connection goes to one of them.
struct Judge {
    host: Arc<Host>,
}

impl Resolve for Judge {
    fn resolve(&self, name: Name) -> Resolving {
        let host = Arc::clone(&self.host);
        Box::pin(async move {
            if name.as_str() != host.name {
                return Err(Private.into());
            }
            let found = address::resolve(&host).await??;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Asks, follows redirects to listed hosts, and reads the answer.
pub(super) async fn ask(inner: &Inner, ask: &Ask<'_>) -> Result<Answer, Failure> {
    let (mut url, mut home) = (ask.url.clone(), true);
    for _ in 0..=inner.limits.redirects {
        let entry = inner.hosts.find(&url, &authority(&ask.url))?;
        let host = authority(&url);
        let mut request = entry.client()?.get(url.clone());
        if !ask.accept.is_empty() {
            request = request.header(ACCEPT, ask.accept);
        }
        // To another host go neither its own credentials (somebody else chose what is asked there) nor the first one's.
        // Nor to the first one, once another has said what to ask it.
        home &= url.origin() == ask.url.origin();
        let proof = if home { ask.proof.header(entry) } else { None };
        if let Some(proof) = proof {
            request = request.header(AUTHORIZATION, sensitive(&proof, &host)?);
        }
        let response = request.send().await.map_err(|error| failed(&host, error))?;
        if !response.status().is_redirection() {
            return Answer::read(response, host, ask, home).await;
        }
        url = follow(&url, &response).ok_or_else(|| words::away(&host, "it redirects to nowhere"))?;
    }
    Err(words::fault(
        format!("{} redirects more than {} times", authority(&ask.url), inner.limits.redirects),
        "name the address at which it lies",
    ))
}

impl Proof {
    fn header(&self, entry: &Entry) -> Option<SecretString> {
        match self {
            Self::None => None,
            Self::Own => entry.own(),
            Self::Token(token) => Some(SecretString::from(format!("Bearer {}", token.expose_secret()))),
        }
    }
}

impl Answer {
    /// An answer. Of another host than the one that was asked (not `home`) no challenge is taken.
    async fn read(mut response: Response, host: String, ask: &Ask<'_>, home: bool) -> Result<Self, Failure> {
        let header = |name| {
            let value = response.headers().get(name)?;
            Some(value.to_str().ok()?.to_owned())
        };
        let mut answer = Self {
            what: words::name(&ask.url),
            status: response.status(),
            challenge: header(WWW_AUTHENTICATE.as_str()).filter(|_| home),
            digest: header("docker-content-digest"),
            bytes: Vec::new(),
            host,
        };
        if answer.status != StatusCode::OK {
            return Ok(answer);
        }
        let large = || words::large(&answer.what, ask.most as u64);
        if response.content_length().is_some_and(|length| length > ask.most as u64) {
            return Err(large());
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(&answer.host, error))? {
            if bytes.len() + chunk.len() > ask.most {
                return Err(large());
            }
            bytes.extend_from_slice(&chunk);
        }
        answer.bytes = bytes;
        Ok(answer)
    }

    /// The bytes, or what another status than 200 means.
    pub(super) fn bytes(self) -> Result<Vec<u8>, Failure> {
        match self.status.as_u16() {
            200 => Ok(self.bytes),
            401 | 403 => Err(words::denied(&self.host)),
            404 | 410 => Err(words::fault(
                format!("there is no {}", self.what),
                "look for a mistake in the address or the version; it may also be hidden without credentials",
            )),
            408 | 429 | 500.. => {
                Err(words::away(&self.host, format_args!("status {}", self.status.as_u16())))
            }
            status => Err(words::fault(
                format!("{} answers with status {status}", self.host),
                "look for a mistake in the address",
            )),
        }
    }
}

/// One file of at most so many bytes.
pub(super) async fn file(inner: &Inner, url: &Url, most: usize) -> Result<Fetched, Failure> {
    let asked = Ask { url: url.clone(), accept: "", proof: Proof::Own, most };
    let bytes = ask(inner, &asked).await?.bytes()?;
    let (digest, place) = inner.store.keep_file(bytes).await?;
    Ok(Fetched { from: words::name(url), digest: digest.to_string(), place })
}

fn follow(from: &Url, response: &Response) -> Option<Url> {
    let to = response.headers().get(LOCATION)?.to_str().ok()?;
    from.join(to).ok()
}

fn sensitive(text: &SecretString, host: &str) -> Result<HeaderValue, Failure> {
    // What the error says of the value is left out.
    let mut value = HeaderValue::from_str(text.expose_secret())
        .map_err(|_| words::away(host, "its credentials cannot stand in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A request that found no answer: refused by the judge of addresses, or the weather.
fn failed(host: &str, error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let mut cause = error.source();
    while let Some(source) = cause {
        if source.is::<Private>() {
            return words::private(host);
        }
        cause = source.source();
    }
    words::away(host, chain(&error))
}

/// The host of an address as entries name it.
fn named(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase()
}

/// Host and port of an address, for people.
pub(super) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Is it this very machine, by address or by the name that always means it?
pub(super) fn loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
