//! The files a control plane starts from: keys, tokens, a kubeconfig; all in one private folder.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::encoding::PublicKeyX509Der;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use tempfile::TempDir;

use super::Error;

/// Where the files of one control plane are, and the token that two of them hold.
#[derive(Debug)]
pub(super) struct Files {
    /// Where the programs put the certificates they make for themselves.
    pub(super) certificates: PathBuf,
    /// The API server's certificate followed by the authority that signed it. The API server writes this
    /// file before it takes connections; we do not.
    pub(super) certificate: PathBuf,
    /// The key that service account tokens are signed with.
    pub(super) signing_key: PathBuf,
    /// Its public half.
    pub(super) checking_key: PathBuf,
    /// The API server's list of static tokens: one, the administrator's.
    pub(super) tokens: PathBuf,
    /// The administrator's kubeconfig.
    pub(super) kubeconfig: PathBuf,
    /// The administrator's token.
    pub(super) token: SecretString,
}

/// A new folder that only this user can read.
pub(super) fn folder() -> Result<TempDir, Error> {
    tempfile::Builder::new().prefix("control-plane-").tempdir().map_err(|source| Error::File {
        action: "create a folder in",
        path: std::env::temp_dir(),
        source,
    })
}

impl Files {
    /// Writes them for an API server on this port of 127.0.0.1.
    pub(super) fn write(folder: &Path, port: u16) -> Result<Self, Error> {
        let certificates = folder.join("certificates");
        let files = Self {
            certificate: certificates.join("apiserver.crt"),
            certificates,
            signing_key: folder.join("service-accounts.key"),
            checking_key: folder.join("service-accounts.pub"),
            tokens: folder.join("tokens.csv"),
            kubeconfig: folder.join("kubeconfig"),
            token: token()?,
        };
        let token = files.token.expose_secret();
        let (private, public) = signing_keys()?;
        write(&files.signing_key, &private)?;
        write(&files.checking_key, &public)?;
        write(&files.tokens, &format!("{token},admin,admin,\"system:masters\"\n"))?;
        write(&files.kubeconfig, &kubeconfig(port, &files.certificate, token))?;
        Ok(files)
    }
}

fn token() -> Result<SecretString, Error> {
    let mut random = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut random).map_err(|_unspecified| Error::Keys)?;
    Ok(hex::encode(random).into())
}

/// A private key and its public half, as PEM. Elliptic: made in microseconds, where an RSA key takes a good
/// part of a second.
fn signing_keys() -> Result<(String, String), Error> {
    let unspecified = |_unspecified| Error::Keys;
    let private = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .map_err(unspecified)?;
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private.as_ref())
        .map_err(|_rejected| Error::Keys)?;
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(unspecified)?;
    Ok((pem("PRIVATE KEY", private.as_ref()), pem("PUBLIC KEY", public.as_ref())))
}

fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----");
    for (index, letter) in STANDARD.encode(der).chars().enumerate() {
        if index % 64 == 0 {
            text.push('\n');
        }
        text.push(letter);
    }
    text + "\n-----END " + label + "-----\n"
}

/// JSON, which every reader of kubeconfigs takes, so that no path can break the syntax.
fn kubeconfig(port: u16, certificate: &Path, token: &str) -> String {
    serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "control-plane",
        "clusters": [{
            "name": "control-plane",
            "cluster": {
                "server": format!("https://127.0.0.1:{port}"),
                "certificate-authority": certificate,
            },
        }],
        "users": [{ "name": "admin", "user": { "token": token } }],
        "contexts": [{ "name": "control-plane", "context": { "cluster": "control-plane", "user": "admin" } }],
    })
    .to_string()
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|source| Error::File { action: "write", path: path.to_owned(), source })
}
