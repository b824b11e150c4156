//! Who is calling: an app by its JWT, an installation by its token, or nobody in particular.

use crate::contract::Level;
use crate::core::World;
use crate::error::Refusal;
use crate::state::app::App;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::encoding::Pkcs8V1Der;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jsonwebtoken::Algorithm;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::Validation;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// The longest an app's JWT may still be good, in seconds.
/// <https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app>
const LIFETIME: i64 = 600;

/// How far an issuer's clock may run ahead, in seconds.
const AHEAD: i64 = 60;

/// Who a request comes from.
#[derive(Clone, Debug)]
pub(crate) enum Principal {
    App(u64),
    Installation {
        token: Secret,
        app: u64,
        repositories: BTreeSet<u64>,
        permissions: BTreeMap<String, String>,
    },
    Anonymous,
}

/// A token that does not show itself.
#[derive(Clone)]
pub(crate) struct Secret(pub(crate) String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// A new app's key pair.
pub(crate) struct AppKey {
    pub(crate) private_pem: String,
    pub(crate) public_der: Vec<u8>,
}

impl AppKey {
    /// Makes an RSA key of 2048 bits; none when the system gives no randomness.
    pub(crate) fn generate() -> Option<AppKey> {
        let pair = KeyPair::generate(KeySize::Rsa2048).ok()?;
        let der: Pkcs8V1Der<'_> = pair.as_der().ok()?;
        let text = STANDARD.encode(der.as_ref());
        let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
        for line in text.as_bytes().chunks(64) {
            pem.push_str(&String::from_utf8_lossy(line));
            pem.push('\n');
        }
        pem.push_str("-----END PRIVATE KEY-----\n");
        Some(AppKey { private_pem: pem, public_der: pair.public_key().as_ref().to_vec() })
    }
}

pub(crate) fn level_name(level: Level) -> &'static str {
    level.as_str()
}

impl World<'_> {
    /// Reads an `Authorization` header: `Bearer …`, `token …`, or Git's `Basic x-access-token:…`.
    pub(crate) fn authenticate(&self, header: Option<&str>) -> Result<Principal, Refusal> {
        let Some(header) = header else { return Ok(Principal::Anonymous) };
        let bad = || Refusal::new(401, "Bad credentials");
        let (scheme, rest) = header.split_once(' ').ok_or_else(bad)?;
        let secret = match scheme.to_ascii_lowercase().as_str() {
            "bearer" | "token" => rest.trim().to_owned(),
            "basic" => basic(rest).ok_or_else(bad)?,
            _ => return Err(bad()),
        };
        if secret.starts_with("ghs_") {
            return self.token(&secret);
        }
        self.app_by_jwt(&secret).map(Principal::App)
    }

    fn token(&self, text: &str) -> Result<Principal, Refusal> {
        let bad = || Refusal::new(401, "Bad credentials");
        let token = self.state.tokens.get(text).ok_or_else(bad)?;
        if token.expires_at <= self.now() {
            return Err(bad());
        }
        let installation = self.state.installations.get(&token.installation).ok_or_else(bad)?;
        if installation.suspended.is_some() {
            return Err(Refusal::new(403, "This installation has been suspended"));
        }
        let all = &installation.repositories;
        let repositories = token.repositories.as_ref().map_or_else(|| all.clone(), |some| some & all);
        let permissions = token.permissions.as_ref().unwrap_or(&installation.permissions);
        Ok(Principal::Installation {
            token: Secret(text.to_owned()),
            app: installation.app,
            repositories,
            permissions: permissions.clone(),
        })
    }

    /// The times in a JWT are judged by the real clock: the caller signs by its own, which a test's
    /// advancing of the emulator's does not move.
    fn app_by_jwt(&self, jwt: &str) -> Result<u64, Refusal> {
        let bad = |message: &str| Refusal::new(401, message);
        let undecodable = || bad("A JSON web token could not be decoded");
        let claims = unverified(jwt).ok_or_else(undecodable)?;
        let app = self.issuer(&claims["iss"]).ok_or_else(|| bad("Integration not found"))?;
        let mut rules = Validation::new(Algorithm::RS256);
        rules.validate_exp = false;
        rules.validate_aud = false;
        rules.required_spec_claims.clear();
        let key = DecodingKey::from_rsa_der(&app.public_key);
        jsonwebtoken::decode::<Value>(jwt, &key, &rules).map_err(|_| undecodable())?;
        let now = Timestamp::now().as_second();
        let issued = claims["iat"].as_i64().filter(|issued| *issued <= now + AHEAD);
        issued.ok_or_else(|| {
            bad("'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
        })?;
        let expires = claims["exp"].as_i64().filter(|expires| *expires > now).ok_or_else(|| {
            bad("'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires")
        })?;
        if expires > now + LIFETIME {
            return Err(bad("'Expiration time' claim ('exp') is too far in the future"));
        }
        Ok(app.id)
    }

    /// The app an `iss` names: by its id, as a number or as text, or by its client id.
    fn issuer(&self, claim: &Value) -> Option<&App> {
        let named = |app: &&App| match claim {
            Value::Number(number) => number.as_u64() == Some(app.id),
            Value::String(text) => *text == app.client_id || *text == app.id.to_string(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
        };
        self.state.apps.values().find(named)
    }
}

/// The password of `Basic`; Git sends the token so, with `x-access-token` for a name.
fn basic(encoded: &str) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    Some(text.split_once(':')?.1.to_owned())
}

/// The claims of a JWT before its signature is checked; only `iss` is used of them until then.
fn unverified(jwt: &str) -> Option<Value> {
    let middle = jwt.split('.').nth(1)?;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(middle).ok()?;
    serde_json::from_slice(&bytes).ok()
}
