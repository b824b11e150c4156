//! The limit: a client that does nothing but send server-side applies, 16 in flight, made ready beforehand.

use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use futures_util::TryStreamExt as _;
use futures_util::stream;
use kube::Client;
use kube::Config;
use kube::config::KubeConfigOptions;
use kube::config::Kubeconfig;

use crate::Done;

/// Requests at the same time.
const FLIGHT: usize = 16;

/// A client of the administrator's.
pub(crate) async fn client(kubeconfig: &Path) -> Done<Client> {
    let file = Kubeconfig::read_from(kubeconfig)?;
    Ok(Client::try_from(Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?)?)
}

/// Sends one apply for each path and body; `dry` changes nothing there.
pub(crate) async fn apply(client: &Client, all: &[(String, Vec<u8>)], dry: bool) -> Done<Duration> {
    let started = Instant::now();
    let query = if dry { "&dryRun=All" } else { "" };
    stream::iter(all.iter().map(Ok::<_, kube::Error>))
        .try_for_each_concurrent(FLIGHT, |(path, body)| async move {
            let request = http::Request::patch(format!("{path}?fieldManager=bare&force=true{query}"))
                .header("content-type", "application/apply-patch+yaml")
                .body(body.clone())
                .map_err(kube::Error::HttpError)?;
            client.request_text(request).await.map(drop)
        })
        .await?;
    Ok(started.elapsed())
}
