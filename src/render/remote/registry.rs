//! A chart from an OCI registry, by the distribution specification: token, manifest, layer.

use reqwest::StatusCode;
use reqwest::Url;
use secrecy::SecretString;
use serde::Deserialize;

use crate::model::fault::{Failure, Fault};
use crate::model::host::Credentials;
use crate::model::id::Digest;
use crate::render::remote::repository::{keep, kept};
use crate::render::remote::web::{Answer, Ask, Proof, ask, authority, loopback};
use crate::render::remote::{Chart, Fetched, Inner, words};

/// The form of a manifest.
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The form of the layer that is a packed chart.
const LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
/// Bytes of a manifest or of a token's answer.
const SMALL: usize = 1 << 20;

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    media_type: String,
    digest: String,
    size: u64,
}

/// What a token's answer holds; both names are in use.
#[derive(Deserialize)]
struct Token {
    token: Option<SecretString>,
    access_token: Option<SecretString>,
}

/// A repository in a registry.
struct Registry<'a> {
    inner: &'a Inner,
    base: Url,
    path: String,
}

/// The chart, from the store or from its registry.
pub(super) async fn chart(inner: &Inner, chart: &Chart<'_>) -> Result<Fetched, Failure> {
    let registry = Registry::of(inner, chart)?;
    if let Some(kept) = kept(inner, chart).await? {
        return Ok(kept);
    }
    // A tag cannot hold a plus sign; Helm writes an underscore for it.
    let tag = chart.version.replace('+', "_");
    let (proof, answer) = registry.first(&format!("manifests/{tag}")).await?;
    let told = answer.digest.clone();
    let bytes = answer.bytes()?;
    let told = told.and_then(|told| told.parse::<Digest>().ok());
    if told.is_some_and(|told| told != Digest::of(&bytes)) {
        return Err(words::mismatch(&format!("the manifest of {}", chart.title())));
    }
    let wrong = |message: &str| chart.wrong(Fault::new(message).hint("have it published by `helm push`"));
    let manifest: Manifest =
        serde_json::from_slice(&bytes).map_err(|_| wrong("its manifest is none that can be read"))?;
    let mut layers = manifest.layers.iter().filter(|layer| layer.media_type == LAYER);
    let (Some(layer), None) = (layers.next(), layers.next()) else {
        return Err(wrong("it is not a Helm chart: its manifest has not one layer with a chart"));
    };
    let digest: Digest = layer.digest.parse().map_err(|_| wrong("its digest is not one of SHA-256"))?;
    if layer.size > inner.limits.chart as u64 {
        return Err(words::large(&format!("the chart {}", chart.title()), inner.limits.chart as u64));
    }
    let url = registry.url(&format!("blobs/{digest}"))?;
    let asked = Ask { url, accept: "", proof, most: inner.limits.chart };
    let bytes = ask(inner, &asked).await?.bytes()?;
    keep(inner, chart, bytes, Some(&digest)).await
}

impl<'a> Registry<'a> {
    fn of(inner: &'a Inner, chart: &Chart<'_>) -> Result<Self, Failure> {
        let rest = chart.repository.strip_prefix("oci://").unwrap_or_default();
        let (host, path) =
            rest.trim_end_matches('/').split_once('/').unwrap_or((rest.trim_end_matches('/'), ""));
        let bare = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let scheme = if loopback(bare.trim_matches(['[', ']'])) { "http" } else { "https" };
        let path = if path.is_empty() { chart.name.to_owned() } else { format!("{path}/{}", chart.name) };
        let part = |part: &str| {
            let letter =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
            part.bytes().all(letter) && part.starts_with(|c: char| c.is_ascii_alphanumeric())
        };
        let base = Url::parse(&format!("{scheme}://{host}/v2/")).ok();
        let Some(base) = base.filter(|_| path.split('/').all(part)) else {
            let fault = Fault::new("its repository is no address of a registry");
            return Err(chart.wrong(fault.hint("as in oci://registry.example.com/charts")));
        };
        inner.hosts.find(&base, &authority(&base))?;
        Ok(Self { inner, base, path })
    }

    fn url(&self, rest: &str) -> Result<Url, Failure> {
        self.base
            .join(&format!("{}/{rest}", self.path))
            .map_err(|error| Failure::ours("make an address", error))
    }

    /// Asks for the manifest, as the registry wants to be asked; what proves us to it holds for what follows.
    async fn first(&self, rest: &str) -> Result<(Proof, Answer), Failure> {
        let entry = self.inner.hosts.find(&self.base, &authority(&self.base))?;
        let bearer = matches!(entry.host().credentials, Some(Credentials::Bearer(_)));
        let proof = if bearer { Proof::Own } else { Proof::None };
        let answer = self.manifest(rest, &proof).await?;
        if answer.status != StatusCode::UNAUTHORIZED || bearer {
            return Ok((proof, answer));
        }
        let challenge = answer.challenge.clone().unwrap_or_default();
        let proof = match challenge.split_once(' ') {
            Some((way, rest)) if way.eq_ignore_ascii_case("bearer") => Proof::Token(self.token(rest).await?),
            _ => Proof::Own,
        };
        let answer = self.manifest(rest, &proof).await?;
        Ok((proof, answer))
    }

    async fn manifest(&self, rest: &str, proof: &Proof) -> Result<Answer, Failure> {
        let asked = Ask { url: self.url(rest)?, accept: MANIFEST, proof: proof.clone(), most: SMALL };
        ask(self.inner, &asked).await
    }

    /// A token to read this one repository, from where the registry says that tokens are had. That host must be listed
    /// too. It gets the credentials of its own entry only if it is the registry itself or the operator pairs the two: the
    /// token goes to the registry, which must not get what another host's credentials are good for.
    async fn token(&self, challenge: &str) -> Result<SecretString, Failure> {
        let host = authority(&self.base);
        let odd = || words::away(&host, "it does not say where tokens are had");
        let mut url = Url::parse(&parameter(challenge, "realm").ok_or_else(odd)?).map_err(|_| odd())?;
        // What is asked for is ours to say, not the registry's.
        url.set_query(None);
        url.set_fragment(None);
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = parameter(challenge, "service") {
                query.append_pair("service", &service);
            }
            query.append_pair("scope", &format!("repository:{}:pull", self.path));
        }
        self.inner.hosts.find(&url, &host)?;
        let mine = url.origin() == self.base.origin();
        let paid = mine || self.inner.hosts.find(&self.base, &host)?.pays(&url);
        let at = authority(&url);
        let proof = if paid { Proof::Own } else { Proof::None };
        let asked = Ask { url, accept: "application/json", proof, most: SMALL };
        let answer = ask(self.inner, &asked).await?;
        if !paid && matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(words::unpaired(&host, &at));
        }
        let token: Option<Token> = serde_json::from_slice(&answer.bytes()?).ok();
        token
            .and_then(|token| token.token.or(token.access_token))
            .ok_or_else(|| words::away(&host, "it gives no token"))
    }
}

/// A parameter of a challenge: `realm="https://…",service="…"`.
fn parameter(challenge: &str, name: &str) -> Option<String> {
    let mut rest = challenge;
    loop {
        let (key, after) = rest.trim_start_matches([' ', ',']).split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_once(',').unwrap_or((after, "")),
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(value.to_owned());
        }
        rest = after;
    }
}
