//! Charts from an OCI registry.

use std::sync::Arc;

use serde_json::json;

use super::{ANN, Page, Site, basic, chart, fault, page, redirect, remote, status, weather};
use crate::model::host::{Credentials, Host};
use crate::model::id::Digest;
use crate::render::remote::Chart;

const LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
const MANIFEST: &str = "/v2/charts/web/manifests/1.2.3_b1";

/// A registry that holds `charts/web` 1.2.3+b1; the digest of its layer.
async fn registry() -> (Arc<Site>, Digest) {
    let site = Site::start().await;
    let archive = chart("web", "1.2.3+b1");
    let digest = Digest::of(&archive);
    site.put(MANIFEST, manifest(LAYER, &digest, archive.len()));
    site.put(&blob(&digest), page(archive));
    (site, digest)
}

fn blob(digest: &Digest) -> String {
    format!("/v2/charts/web/blobs/{digest}")
}

fn manifest(kind: &str, digest: &Digest, size: usize) -> Page {
    let text = json!({
        "schemaVersion": 2,
        "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json"},
        "layers": [
            {"mediaType": "application/vnd.cncf.helm.chart.provenance.v1.prov", "digest": digest.to_string(), "size": 1},
            {"mediaType": kind, "digest": digest.to_string(), "size": size},
        ],
    });
    let text = text.to_string();
    Page { headers: vec![("docker-content-digest", Digest::of(text.as_bytes()).to_string())], ..page(text) }
}

fn oci(site: &Site) -> String {
    format!("oci://127.0.0.1:{}/charts", site.port)
}

fn web(repository: &str) -> Chart<'_> {
    Chart { repository, name: "web", version: "1.2.3+b1", digest: None }
}

#[tokio::test]
async fn a_chart_of_an_open_registry_is_fetched_once() {
    let (site, digest) = registry().await;
    let (remote, _store) = remote(vec![site.host()]);
    let url = oci(&site);
    let got = remote.visit().chart(&web(&url)).await.unwrap();
    assert_eq!((got.digest, got.from), (digest.to_string(), format!("{url}/web 1.2.3+b1")));
    assert!(got.place.join("Chart.yaml").is_file());
    assert_eq!(site.paths(), [MANIFEST.to_owned(), blob(&digest)]);
    remote.visit().chart(&web(&url)).await.unwrap();
    assert_eq!(site.paths(), [""; 0]);
}

#[tokio::test]
async fn a_token_is_had_with_the_credentials_of_the_host_that_gives_it() {
    let (site, digest) = registry().await;
    let (tokens, blobs) = (Site::start().await, Site::start().await);
    let challenge = format!(
        "Bearer realm=\"{}\",service=\"reg, one\",scope=\"repository:*:push,pull\"",
        tokens.url("/token?scope=repository:secret:pull&service=mine#x")
    );
    let guard = |path: &str, page: Page| site.put(path, page.guarded("Bearer t0ken", &challenge));
    let pages = site.pages.lock().unwrap().clone();
    guard(MANIFEST, pages[MANIFEST].clone());
    guard(&blob(&digest), redirect(blobs.url("/signed?sig=x")));
    blobs.put("/signed", pages[&blob(&digest)].clone());
    tokens.put("/token", page(json!({"access_token": "t0ken"}).to_string()).guarded(ANN, "Basic"));
    let url = oci(&site);
    let ann = Host { credentials: Some(basic("ann", "hunter2")), ..tokens.host() };
    let own = Host { credentials: Some(basic("reg", "hunter2-of-the-registry")), ..site.host() };

    let (unlisted, _store) = remote(vec![own.clone(), blobs.host()]);
    let said = fault(unlisted.visit().chart(&web(&url)).await);
    assert!(said.message.contains(&format!("leads to 127.0.0.1:{}", tokens.port)), "{said}");
    assert_eq!(tokens.paths(), [""; 0]);
    site.seen();

    // Listed, but not the registry's own: no password buys a token for it.
    let (strange, _store) = remote(vec![own.clone(), ann.clone(), blobs.host()]);
    let said = fault(strange.visit().chart(&web(&url)).await);
    assert!(said.hint.contains(&format!("tokens: 127.0.0.1:{}", tokens.port)), "{said}");
    let asked = "/token?service=reg%2C+one&scope=repository%3Acharts%2Fweb%3Apull".to_owned();
    assert_eq!(tokens.seen(), [(asked.clone(), None)]);
    site.seen();

    let own = Host { tokens: Some(("127.0.0.1".to_owned(), tokens.port)), ..own };
    let (all, _store) = remote(vec![own, ann, blobs.host()]);
    all.visit().chart(&web(&url)).await.unwrap();
    let bearer = Some("Bearer t0ken".to_owned());
    let expected =
        [(MANIFEST.to_owned(), None), (MANIFEST.to_owned(), bearer.clone()), (blob(&digest), bearer)];
    assert_eq!(site.seen(), expected, "the registry sees its token and no password");
    assert_eq!(tokens.seen(), [(asked, Some(ANN.to_owned()))], "only to read, only this repository");
    assert_eq!(blobs.seen(), [("/signed?sig=x".to_owned(), None)], "no token where the bytes lie");

    let (refused, _store) = remote(vec![site.host(), tokens.host(), blobs.host()]);
    assert!(fault(refused.visit().chart(&web(&url)).await).message.contains("does not let us"));
    tokens.put("/token", page("{\"words of a stranger\": 1}"));
    weather(refused.visit().chart(&web(&url)).await);
}

#[tokio::test]
async fn no_challenge_is_taken_of_a_host_to_which_another_led() {
    let (site, _) = registry().await;
    let other = Site::start().await;
    let challenge = format!("Bearer realm=\"{}\"", site.url("/token"));
    other.put("/manifest", page("").guarded("Bearer none", &challenge));
    site.put(MANIFEST, redirect(other.url("/manifest")));
    // Nor do credentials go where another host says.
    other.put("/back", redirect(site.url("/back")));
    let own = Host { credentials: Some(basic("ann", "hunter2")), ..site.host() };
    let (remote, _store) = remote(vec![own, other.host()]);
    let url = oci(&site);
    fault(remote.visit().chart(&web(&url)).await);
    assert!(!site.paths().iter().any(|path| path.starts_with("/token")));
    site.put(MANIFEST, redirect(other.url("/back")));
    fault(remote.visit().chart(&web(&url)).await);
    let back: Vec<_> = site.seen().into_iter().filter(|(path, _)| path == "/back").collect();
    assert_eq!(back, [("/back".to_owned(), None)]);
}

#[tokio::test]
async fn registries_that_want_a_password_or_a_token_of_the_operators_get_it() {
    let (site, digest) = registry().await;
    let pages = site.pages.lock().unwrap().clone();
    let url = oci(&site);
    for (credentials, proof) in
        [(Some(basic("ann", "hunter2")), ANN), (Some(Credentials::Bearer("mine".into())), "Bearer mine")]
    {
        for path in [MANIFEST, &blob(&digest)] {
            site.put(path, pages[path].clone().guarded(proof, "Basic realm=\"x\""));
        }
        let (with, _store) = remote(vec![Host { credentials, ..site.host() }]);
        with.visit().chart(&web(&url)).await.unwrap();
        let (without, _store) = remote(vec![site.host()]);
        fault(without.visit().chart(&web(&url)).await);
    }
}

#[tokio::test]
async fn what_lies_is_found_out() {
    let (site, digest) = registry().await;
    let (remote, _store) = remote(vec![site.host()]);
    let url = oci(&site);
    let good = site.pages.lock().unwrap()[MANIFEST].clone();
    let told = Digest::of(b"another").to_string();
    site.put(MANIFEST, Page { headers: vec![("docker-content-digest", told)], ..good.clone() });
    assert!(fault(remote.visit().chart(&web(&url)).await).message.contains("manifest"));

    site.put(MANIFEST, good.clone());
    let archive = site.pages.lock().unwrap()[&blob(&digest)].clone();
    site.put(&blob(&digest), page(chart("web", "6.6.6")));
    let said = fault(remote.visit().chart(&web(&url)).await);
    assert!(said.message.contains("is not what its digest says"), "{said}");

    site.put(&blob(&digest), archive);
    for (bad, words) in [
        (manifest("application/vnd.oci.image.layer.v1.tar+gzip", &digest, 9), "not a Helm chart"),
        (manifest(LAYER, &digest, 1 << 20), "is larger than"),
        (page("{\"layers\": 7}"), "manifest"),
        (page("{}"), "not a Helm chart"),
        (
            page(json!({"layers": [{"mediaType": LAYER, "digest": "sha512:00", "size": 1}]}).to_string()),
            "SHA-256",
        ),
        (status(404), "there is no http"),
        (status(403), "does not let us"),
    ] {
        site.put(MANIFEST, bad);
        let said = fault(remote.visit().chart(&web(&url)).await);
        assert!(said.message.contains(words), "{said}");
    }
    site.put(MANIFEST, status(502));
    weather(remote.visit().chart(&web(&url)).await);
    for odd in ["oci://", "oci://127.0.0.1/a/../b", "oci://127.0.0.1/A b", "oci://127.0.0.1/a?b=c"] {
        fault(remote.visit().chart(&web(odd)).await);
    }
    site.put(MANIFEST, good);
    remote.visit().chart(&web(&url)).await.unwrap();
}
