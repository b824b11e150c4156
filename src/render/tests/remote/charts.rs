//! Charts from a Helm repository.

use super::{ANN, Site, basic, chart, fault, page, remote, status, weather};
use crate::model::host::Host;
use crate::model::id::Digest;
use crate::render::remote::{Chart, Remote};

/// A repository with one chart, `web` 1.2.3, and the digest that its index tells.
async fn repository(digest: &str) -> (std::sync::Arc<Site>, Digest) {
    let site = Site::start().await;
    let archive = chart("web", "1.2.3");
    let own = Digest::of(&archive);
    site.put("/charts/index.yaml", page(format!(
        "apiVersion: v1\nentries:\n  web:\n  - {{version: 9.0.0, urls: [web-9.tgz]}}\n  - version: 1.2.3\n    \
         urls: [files/web-1.2.3.tgz]\n    digest: {}\n",
        digest.replace("OWN", &own.hex())
    )));
    site.put("/charts/files/web-1.2.3.tgz", page(archive));
    (site, own)
}

fn web(repository: &str) -> Chart<'_> {
    Chart { repository, name: "web", version: "1.2.3", digest: None }
}

#[tokio::test]
async fn a_version_is_fetched_once_and_then_had_without_the_network() {
    for told in ["OWN", "sha256:OWN", "''"] {
        let (site, own) = repository(told).await;
        let (remote, store) = remote(vec![site.host()]);
        let url = site.url("/charts/");
        let got = remote.visit().chart(&web(&url)).await.unwrap();
        assert_eq!(
            (got.digest.as_str(), got.from.as_str()),
            (own.to_string().as_str(), format!("{url}web 1.2.3").as_str())
        );
        assert!(
            std::fs::read_to_string(got.place.join("templates/map.yaml")).unwrap().contains("v: \"1.2.3\"")
        );
        assert_eq!(site.paths(), ["/charts/index.yaml", "/charts/files/web-1.2.3.tgz"]);
        site.put("/charts/index.yaml", status(500));
        assert_eq!(remote.visit().chart(&web(&url)).await.unwrap(), got);
        let again =
            Remote::with(vec![site.host()], store.path().join("store"), None, super::small()).unwrap();
        assert_eq!(again.visit().chart(&web(&url)).await.unwrap(), got, "another program finds it too");
        assert_eq!(site.paths(), [""; 0]);
        // Not even that is had from a host that is listed no more.
        let none = Remote::with(Vec::new(), store.path().join("store"), None, super::small()).unwrap();
        fault(none.visit().chart(&web(&url)).await);
    }
}

#[tokio::test]
async fn what_the_disk_lost_is_fetched_again() {
    let (site, _) = repository("OWN").await;
    let (remote, store) = remote(vec![site.host()]);
    let url = site.url("/charts/");
    let got = remote.visit().chart(&web(&url)).await.unwrap();
    let template = got.place.join("templates/map.yaml");
    let whole = std::fs::read(&template).unwrap();
    let sums = store.path().join("store/sums");
    let sum = std::fs::read_dir(sums).unwrap().next().unwrap().unwrap().path();
    for (lost, kept) in [(&template, Some("")), (&template, None), (&sum, Some("")), (&sum, None)] {
        match kept {
            Some(kept) => std::fs::write(lost, kept).unwrap(),
            None => std::fs::remove_file(lost).unwrap(),
        }
        site.seen();
        assert_eq!(remote.visit().chart(&web(&url)).await.unwrap(), got);
        assert_eq!(site.seen().len(), 2, "its index and its archive");
        assert_eq!(std::fs::read(&template).unwrap(), whole);
        assert_eq!(std::fs::read_dir(store.path().join("store/new")).unwrap().count(), 0);
    }
    site.put("/charts/index.yaml", status(500));
    assert_eq!(remote.visit().chart(&web(&url)).await.unwrap(), got);
}

#[tokio::test]
async fn each_chart_of_an_archive_is_its_own() {
    let site = Site::start().await;
    let of = |name: &str| (format!("{name}/Chart.yaml"), format!("name: {name}\nversion: 1.2.3\n"));
    let (web_chart, shop) = (of("web"), of("shop"));
    site.put("/both.tgz", page(super::pack(&[(&web_chart.0, &web_chart.1), (&shop.0, &shop.1)])));
    let versions = "[{version: 1.2.3, urls: [both.tgz]}]";
    site.put("/index.yaml", page(format!("entries: {{web: {versions}, shop: {versions}}}")));
    let (remote, _store) = remote(vec![site.host()]);
    let url = site.url("");
    for (name, text) in [("web", &web_chart.1), ("shop", &shop.1), ("web", &web_chart.1)] {
        let got = remote.visit().chart(&Chart { name, ..web(&url) }).await.unwrap();
        assert_eq!(&std::fs::read_to_string(got.place.join("Chart.yaml")).unwrap(), text);
    }
}

#[tokio::test]
async fn digests_are_verified() {
    let (site, own) = repository(&"f".repeat(64)).await;
    let (remote, _store) = remote(vec![site.host()]);
    let url = site.url("/charts");
    let said = fault(remote.visit().chart(&web(&url)).await);
    assert!(said.message.contains("is not what its digest says"), "{said}");
    // To YAML a digest of digits alone is a number: no reason to take it for none.
    for odd in ["nonsense", "sha512:OWN", &"0".repeat(64), "[OWN]"] {
        let (site, _) = repository(odd).await;
        let url = site.url("/charts");
        let (remote, _store) = super::remote(vec![site.host()]);
        let said = fault(remote.visit().chart(&web(&url)).await);
        assert!(said.message.contains("the digest in the repository's index is none"), "{odd}: {said}");
    }

    let (site, _) = repository("''").await;
    let url = site.url("/charts");
    let (remote, _store) = super::remote(vec![site.host()]);
    let (good, bad) = (own, Digest::of(b"another"));
    let wanted = |digest| Chart { digest: Some(digest), ..web(&url) };
    remote.visit().chart(&wanted(&good)).await.unwrap();
    let said = fault(remote.visit().chart(&wanted(&bad)).await);
    assert!(said.message.contains("is not what its digest says"), "{said}");
    remote.visit().chart(&wanted(&good)).await.unwrap();
}

#[tokio::test]
async fn the_index_and_the_archive_may_lie_on_two_listed_hosts() {
    let (site, other) = (Site::start().await, Site::start().await);
    site.put(
        "/index.yaml",
        page(format!("entries: {{web: [{{version: v1.2.3, urls: ['{}']}}]}}", other.url("/web.tgz"))),
    );
    other.put("/web.tgz", page(chart("web", "1.2.3")));
    let ann = Host { credentials: Some(basic("ann", "hunter2")), ..site.host() };
    let url = site.url("");
    let (one, _store) = remote(vec![ann.clone()]);
    let said = fault(one.visit().chart(&web(&url)).await);
    assert!(said.message.contains(&format!("127.0.0.1:{} is not a host", other.port)), "{said}");
    assert_eq!(other.paths(), [""; 0]);
    let (both, _store) = remote(vec![ann, other.host()]);
    both.visit().chart(&web(&url)).await.unwrap();
    assert!(site.seen().iter().all(|(_, proof)| proof.as_deref() == Some(ANN)));
    assert_eq!(other.seen(), [("/web.tgz".to_owned(), None)]);
}

#[tokio::test]
async fn what_the_index_does_not_hold_is_told() {
    let (site, _) = repository("OWN").await;
    let (remote, _store) = remote(vec![site.host()]);
    let (job, url) = (remote.visit(), site.url("/charts"));
    let said = fault(job.chart(&Chart { version: "1.2.4", ..web(&url) }).await);
    assert!(said.message.contains("web 1.2.4 of http") && said.message.contains("no such version"), "{said}");
    assert!(said.hint.contains("helm dependency update"), "{said}");
    let said = fault(job.chart(&Chart { name: "shop", ..web(&url) }).await);
    assert!(said.message.contains("no such chart"), "{said}");
    assert_eq!(site.paths(), ["/charts/index.yaml"], "one index serves all charts of a job");
    for (index, words) in
        [("<html>", "no such chart"), ("{", "no YAML"), ("entries: {web: [{version: 1.2.3}]}", "no address")]
    {
        site.put("/charts/index.yaml", page(index));
        let said = fault(remote.visit().chart(&web(&url)).await);
        assert!(said.message.contains(words), "{said}");
    }
    site.put("/charts/index.yaml", page(vec![b'#'; 70 << 10]));
    assert!(fault(remote.visit().chart(&web(&url)).await).message.contains("is larger than"));
    site.put("/charts/index.yaml", status(503));
    weather(remote.visit().chart(&web(&url)).await);
    site.put("/charts/index.yaml", status(404));
    assert!(fault(remote.visit().chart(&web(&url)).await).message.contains("there is no http"));
    for odd in ["@stable", "alias:stable", "", "s3://bucket/charts", "../charts"] {
        let said = fault(remote.visit().chart(&web(odd)).await);
        assert!(said.hint.contains("https://") && said.hint.contains("vendor"), "{odd}: {said}");
    }
}
