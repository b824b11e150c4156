//! A chart from a Helm repository: `index.yaml` says where its archive lies.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use reqwest::Url;

use crate::model::fault::{Failure, Fault};
use crate::model::id::Digest;
use crate::render::compute;
use crate::render::remote::archive::{self, Broken};
use crate::render::remote::store::{Kind, broken};
use crate::render::remote::web::{Ask, Proof, ask};
use crate::render::remote::{Chart, Fetched, Inner, Visit, words};
use crate::render::tree::shown;
use crate::yaml::{self, Content, Node};

impl Chart<'_> {
    fn key(&self) -> String {
        ["chart", self.repository, self.name, self.version].join("\n")
    }

    /// What people call it.
    pub(super) fn title(&self) -> String {
        shown(&format!("{} {} of {}", self.name, self.version, self.repository))
    }

    /// A fault about the chart.
    pub(super) fn wrong(&self, fault: Fault) -> Failure {
        let message = format!("the chart {}: {}", self.title(), fault.message);
        Failure::author(Fault { message, ..fault })
    }
}

/// The chart, from the store or by the repository's index.
pub(super) async fn chart(visit: &Visit, chart: &Chart<'_>) -> Result<Fetched, Failure> {
    let inner = &visit.inner;
    let base = Url::parse(&format!("{}/", chart.repository.trim_end_matches('/')))
        .ok()
        .filter(|base| matches!(base.scheme(), "https" | "http"));
    let base = base.ok_or_else(|| {
        let fault = Fault::new("its repository is no address that can be fetched from");
        chart.wrong(fault.hint("name it as https://… or oci://…, or vendor the chart in `charts/`"))
    })?;
    // Before the store is looked into: what a host gave may be had as long as the host is listed.
    inner.hosts.find(&base, &super::web::authority(&base))?;
    if let Some(kept) = kept(inner, chart).await? {
        return Ok(kept);
    }
    let index = visit.index(&base).await?;
    let place = index.place.clone();
    let (name, version) = (chart.name.to_owned(), chart.version.to_owned());
    let limit = inner.limits.index;
    let found = compute(move || look(&place, &name, &version, limit)).await??;
    let (url, digest) = match found {
        Ok(found) => found,
        Err(fault) => return Err(chart.wrong(fault)),
    };
    let url = base.join(&url).map_err(|_| chart.wrong(Fault::new("its address in the index is none")))?;
    let asked = Ask { url, accept: "", proof: Proof::Own, most: inner.limits.chart };
    let bytes = ask(inner, &asked).await?.bytes()?;
    keep(inner, chart, bytes, digest.as_ref()).await
}

/// The address and the digest of a version, by an index on disk.
fn look(
    place: &Path,
    name: &str,
    version: &str,
    limit: usize,
) -> Result<Result<(String, Option<Digest>), Fault>, Failure> {
    let bytes = fs::read(place).map_err(broken)?;
    let limits = yaml::Limits { bytes: limit, ..yaml::Limits::default() };
    let Ok(documents) = yaml::read(&bytes, &limits) else {
        // Its text is another host's: nothing of it is shown.
        return Ok(Err(Fault::new("the repository's index.yaml is no YAML that can be read")
            .hint("look for a mistake in the address of the repository")));
    };
    let versions = documents.first().and_then(|document| document.root.get("entries")?.get(name));
    let bare = |text: &str| text.strip_prefix('v').unwrap_or(text).to_owned();
    let says = |item: &&Node| {
        item.get("version").and_then(Node::text).is_some_and(|text| bare(text) == bare(version))
    };
    let Some(item) = versions.and_then(|versions| versions.items().iter().find(says)) else {
        let message = if versions.is_some() {
            "the repository has no such version"
        } else {
            "the repository has no such chart"
        };
        return Ok(Err(Fault::new(message).hint("run `helm dependency update` and commit Chart.lock")));
    };
    let odd = |message: &str| Fault::new(message).hint("have it indexed anew by `helm repo index`");
    let Some(url) = item.get("urls").and_then(|urls| urls.items().first()?.text()) else {
        return Ok(Err(odd("the repository's index names no address of it")));
    };
    let digest = match item.get("digest").filter(|node| node.content != Content::Null) {
        None => None,
        Some(node) if node.text() == Some("") => None,
        Some(node) => {
            let text = node.text().unwrap_or_default().trim_start_matches("sha256:");
            let Ok(digest) = format!("sha256:{text}").parse() else {
                return Ok(Err(odd("the digest in the repository's index is none of SHA-256")));
            };
            Some(digest)
        }
    };
    Ok(Ok((url.to_owned(), digest)))
}

/// The chart as it was fetched before: its version is pinned.
pub(super) async fn kept(inner: &Inner, chart: &Chart<'_>) -> Result<Option<Fetched>, Failure> {
    let pinned = inner.store.pinned(&chart.key()).and_then(|pinned| pinned.parse::<Digest>().ok());
    let wanted = |pinned: &Digest| chart.digest.is_none_or(|digest| digest == pinned);
    let Some(pinned) = pinned.filter(wanted) else { return Ok(None) };
    let (store, id) = (inner.store.clone(), id(&pinned, chart.name));
    let place = compute(move || store.look(Kind::Chart, &id)).await?;
    Ok(place.map(|place| Fetched { from: from(chart), digest: pinned.to_string(), place }))
}

/// What a chart is kept by: one archive may hold several.
fn id(archive: &Digest, name: &str) -> String {
    Digest::of(format!("{archive}\n{name}").as_bytes()).hex()
}

fn from(chart: &Chart<'_>) -> String {
    shown(&format!("{}/{} {}", chart.repository.trim_end_matches('/'), chart.name, chart.version))
}

/// Verifies, unpacks and keeps an archive.
pub(super) async fn keep(
    inner: &Inner,
    chart: &Chart<'_>,
    bytes: Vec<u8>,
    told: Option<&Digest>,
) -> Result<Fetched, Failure> {
    let digest = Digest::of(&bytes);
    if [told, chart.digest].into_iter().flatten().any(|wanted| *wanted != digest) {
        return Err(words::mismatch(&format!("the chart {}", chart.title())));
    }
    let (store, limits) = (inner.store.clone(), inner.limits);
    let (name, version) = (chart.name.to_owned(), chart.version.to_owned());
    let (id, key, pinned) = (id(&digest, chart.name), chart.key(), digest.to_string());
    let waits = Arc::new(());
    let waiting = Arc::downgrade(&waits);
    let kept = compute(move || {
        let scratch = store.scratch()?;
        let size = match archive::unpack(&bytes, scratch.path(), &limits, &waiting) {
            Ok(size) => size,
            Err(Broken::Disk(error)) => return Err(broken(error)),
            Err(Broken::Fault(fault)) => return Ok(Err(fault)),
        };
        if let Err(fault) = is_chart(&scratch.path().join(&name), &name, &version) {
            return Ok(Err(fault));
        }
        let place = store.keep(Kind::Chart, &id, &scratch.path().join(&name), size)?;
        store.pin(&key, &pinned)?;
        Ok(Ok(place))
    });
    let kept = kept.await;
    drop(waits);
    match kept?? {
        Ok(place) => Ok(Fetched { from: from(chart), digest: digest.to_string(), place }),
        Err(fault) => Err(chart.wrong(fault)),
    }
}

/// Does the folder hold the chart of this name and version?
fn is_chart(folder: &Path, name: &str, version: &str) -> Result<(), Fault> {
    let wrong =
        |message: &str| Fault::new(message).hint("have it published anew, as `helm package` makes it");
    let bytes = fs::read(folder.join("Chart.yaml"))
        .map_err(|_| wrong("its archive holds no folder of its name with a Chart.yaml"))?;
    let limits = yaml::Limits { bytes: 1 << 20, nodes: 100_000, depth: 50 };
    let read =
        yaml::read(&bytes, &limits).map_err(|_| wrong("its Chart.yaml is no YAML that can be read"))?;
    let text = |key: &str| read.first().and_then(|document| document.root.get(key)?.text());
    let bare = |text: &str| text.strip_prefix('v').unwrap_or(text).to_owned();
    if text("name") != Some(name) || text("version").map(bare) != Some(bare(version)) {
        return Err(wrong("its archive holds another chart or another version"));
    }
    Ok(())
}
