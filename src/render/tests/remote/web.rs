//! Files by https: which hosts, which addresses, how much, and whose fault it is.

use std::time::Duration;

use super::{
    ANN, Page, Site, basic, fault, host, page, redirect, remote, remote_with, resource, small, status,
    weather,
};
use crate::model::host::{Credentials, Host};
use crate::model::id::Digest;
use crate::render::remote::Limits;

#[tokio::test]
async fn a_file_comes_with_its_digest_and_is_asked_for_once_per_job() {
    let site = Site::start().await;
    site.put("/a.yaml", page("kind: A"));
    let (remote, _store) = remote(vec![site.host()]);
    let job = remote.visit();
    let first = resource(&job, &site.url("/a.yaml")).await.unwrap();
    assert_eq!(first.digest, Digest::of(b"kind: A").to_string());
    assert_eq!(std::fs::read(&first.place).unwrap(), b"kind: A");
    assert_eq!(first.from, site.url("/a.yaml"));
    site.put("/a.yaml", page("kind: B"));
    let (again, shared) = (resource(&job, &site.url("/a.yaml")).await, job.clone());
    assert_eq!(again.unwrap(), first, "within a job nothing moves");
    assert_eq!(resource(&shared, &site.url("/a.yaml#x")).await.unwrap(), first);
    assert_eq!(site.paths(), ["/a.yaml"]);
    let second = resource(&remote.visit(), &site.url("/a.yaml")).await.unwrap();
    assert_eq!(second.digest, Digest::of(b"kind: B").to_string());
    assert_eq!(site.paths(), ["/a.yaml"]);
    assert_eq!(std::fs::read(&first.place).unwrap(), b"kind: A", "what was fetched stays");
}

#[tokio::test]
async fn many_that_ask_at_once_ask_once() {
    let site = Site::start().await;
    site.put("/a.yaml", Page { pause: Duration::from_millis(200), times: 1, ..page("kind: A") });
    let (remote, _store) = remote(vec![site.host()]);
    let (job, url) = (remote.visit(), site.url("/a.yaml"));
    let all = futures_util::future::join_all((0..8).map(|_| resource(&job, &url))).await;
    assert!(all.iter().all(|one| one.as_ref().unwrap() == all[0].as_ref().unwrap()));
    assert_eq!(site.paths().len(), 1);
}

#[tokio::test]
async fn no_host_is_contacted_that_is_not_listed() {
    let (site, other) = (Site::start().await, Site::start().await);
    site.put("/a.yaml", redirect(other.url("/a.yaml")));
    other.put("/a.yaml", page("kind: A"));
    let (remote, _store) = remote(vec![site.host()]);
    let job = remote.visit();
    let said = fault(resource(&job, &other.url("/a.yaml")).await);
    assert!(said.message.contains(&format!("127.0.0.1:{} is not a host", other.port)), "{said}");
    assert!(
        said.hint.contains("store it in the repository")
            && said.hint.contains("ask whoever runs Tidegate to list 127.0.0.1:"),
        "{said}"
    );
    let said = fault(resource(&job, &site.url("/a.yaml")).await);
    assert!(said.message.contains(&format!("leads to 127.0.0.1:{}", other.port)), "{said}");
    assert_eq!(other.paths(), [""; 0]);
    for not in
        ["https://example.com/a.yaml", "https://127.0.0.1.example.com/a.yaml", "https://github.com/a/b"]
    {
        fault(resource(&job, not).await);
    }
}

#[tokio::test]
async fn addresses_that_the_internet_does_not_know_need_the_operators_word() {
    let site = Site::start().await;
    site.put("/a.yaml", page("kind: A"));
    site.put("/out.yaml", redirect("https://169.254.169.254/latest/meta-data"));
    let url = format!("http://localhost:{}/a.yaml", site.port);
    let open = |name: &str, port| Host { private: false, ..host(name, port) };
    let (refused, _store) = remote(vec![open("localhost", site.port), open("127.0.0.1", site.port)]);
    for url in [&url, &site.url("/a.yaml")] {
        let said = fault(resource(&refused.visit(), url).await);
        assert!(said.message.contains("a private network") && said.hint.contains("private: true"), "{said}");
        assert!(!said.message.contains("::1"), "{said}");
    }
    assert_eq!(site.paths(), [""; 0], "nothing was connected to");
    let (granted, _store) = remote(vec![host("localhost", site.port)]);
    resource(&granted.visit(), &url).await.unwrap();

    // Not listed, listed, and listed with the word on the name that redirects alone.
    let (unlisted, _store) = remote(vec![site.host()]);
    fault(resource(&unlisted.visit(), &site.url("/out.yaml")).await);
    let (listed, _store) = remote(vec![site.host(), open("169.254.169.254", 443)]);
    let said = fault(resource(&listed.visit(), &site.url("/out.yaml")).await);
    assert!(said.message.contains("169.254.169.254 leads to an address of a private network"), "{said}");
    // As a browser reads them.
    for odd in ["https://2852039166/a.yaml", "https://0xa9fea9fe/a.yaml", "https://[::ffff:a9fe:a9fe]/a.yaml"]
    {
        let entries = vec![open("169.254.169.254", 443), open("::ffff:a9fe:a9fe", 443)];
        let said = fault(resource(&remote(entries).0.visit(), odd).await);
        assert!(said.message.contains("private network"), "{odd}: {said}");
    }
}

#[tokio::test]
async fn only_this_machine_is_asked_without_encryption() {
    let plain = Host { port: Some(80), private: false, ..host("example.com", 80) };
    let (remote, _store) = remote(vec![plain]);
    let said = fault(resource(&remote.visit(), "http://example.com/a.yaml").await);
    assert!(said.message.contains("without encryption"), "{said}");
}

#[tokio::test]
async fn credentials_go_to_their_own_host_alone() {
    let (site, other) = (Site::start().await, Site::start().await);
    site.put("/a.yaml", page("kind: A"));
    site.put("/near.yaml", redirect("/a.yaml"));
    site.put("/far.yaml", redirect(other.url("/a.yaml")));
    site.put("/user.yaml", redirect(format!("http://x:y@127.0.0.1:{}/a.yaml", site.port)));
    other.put("/a.yaml", page("kind: A"));
    other.put("/back.yaml", redirect(site.url("/a.yaml")));
    let ann = Host { credentials: Some(basic("ann", "hunter2")), ..site.host() };
    let token = Some(Credentials::Bearer("hunter2-token".into()));
    let bob = Host { credentials: token, ..other.host() };
    let (remote, _store) = remote(vec![ann.clone(), bob]);
    let job = remote.visit();
    let own = |site: &Site| site.seen().into_iter().map(|(_, proof)| proof).collect::<Vec<_>>();
    resource(&job, &site.url("/near.yaml")).await.unwrap();
    assert_eq!(own(&site), [Some(ANN.to_owned()), Some(ANN.to_owned())]);
    resource(&job, &site.url("/far.yaml")).await.unwrap();
    assert_eq!((own(&site), own(&other)), (vec![Some(ANN.to_owned())], vec![None]));
    resource(&job, &other.url("/back.yaml")).await.unwrap();
    let bearer = Some("Bearer hunter2-token".to_owned());
    assert_eq!(
        (own(&site), own(&other)),
        (vec![None], vec![bearer]),
        "who redirects does not choose what is asked with credentials"
    );
    fault(resource(&job, &site.url("/user.yaml")).await);
    assert!(!format!("{ann:?} {remote:?} {job:?}").contains("hunter2"));
}

#[tokio::test]
async fn redirects_are_counted() {
    let site = Site::start().await;
    for step in 0..7 {
        site.put(&format!("/{step}.yaml"), redirect(format!("/{}.yaml", step + 1)));
    }
    site.put("/7.yaml", page("kind: A"));
    site.put("/loop.yaml", redirect("/loop.yaml"));
    site.put("/nowhere.yaml", status(302));
    let (remote, _store) = remote(vec![site.host()]);
    let job = remote.visit();
    resource(&job, &site.url("/2.yaml")).await.unwrap();
    let said = fault(resource(&job, &site.url("/1.yaml")).await);
    assert!(said.message.contains("redirects more than 5 times"), "{said}");
    site.seen();
    fault(resource(&job, &site.url("/loop.yaml")).await);
    assert_eq!(site.paths().len(), 6);
    weather(resource(&job, &site.url("/nowhere.yaml")).await);
}

#[tokio::test]
async fn no_more_is_read_than_may_come() {
    let site = Site::start().await;
    site.put("/full.yaml", page(vec![b'#'; 64 << 10]));
    site.put("/said.yaml", page(vec![b'#'; (64 << 10) + 1]));
    site.put("/endless.yaml", Page { times: usize::MAX, ..page(vec![b'#'; 8 << 10]) });
    let (remote, _store) = remote(vec![site.host()]);
    let job = remote.visit();
    resource(&job, &site.url("/full.yaml")).await.unwrap();
    for path in ["/said.yaml", "/endless.yaml"] {
        let said = fault(resource(&job, &site.url(path)).await);
        assert!(said.message.contains("is larger than 65536 bytes"), "{said}");
    }
}

#[tokio::test]
async fn what_is_slow_is_the_weather() {
    let site = Site::start().await;
    site.put("/drip.yaml", Page { times: 1_000, pause: Duration::from_millis(50), ..page("#") });
    let (remote, _store) = remote_with(vec![site.host()], Limits { time: Duration::from_secs(1), ..small() });
    let said = weather(resource(&remote.visit(), &site.url("/drip.yaml")).await);
    assert!(said.contains("more than 1 s"), "{said}");
}

#[tokio::test]
async fn each_answer_has_its_meaning() {
    let site = Site::start().await;
    let (remote, _store) = remote(vec![site.host(), host("localhost", 9), host("no-such-host.invalid", 443)]);
    let job = remote.visit();
    for (code, words) in [
        (401, "does not let us"),
        (403, "does not let us"),
        (404, "there is no http"),
        (410, "there is no http"),
        (418, "status 418"),
        (206, "status 206"),
    ] {
        site.put(&format!("/{code}.yaml"), status(code));
        let said = fault(resource(&job, &site.url(&format!("/{code}.yaml?token=hunter2"))).await);
        assert!(said.message.contains(words), "{code}: {said}");
    }
    for code in [408, 429, 500, 502, 503] {
        site.put(&format!("/{code}.yaml"), status(code));
        let said = weather(resource(&job, &site.url(&format!("/{code}.yaml"))).await);
        assert!(said.contains(&code.to_string()), "{code}: {said}");
    }
    site.put("/503.yaml", page("kind: A"));
    resource(&job, &site.url("/503.yaml")).await.expect("weather is not remembered");
    site.seen();
    fault(resource(&job, &site.url("/404.yaml?token=hunter2")).await);
    assert_eq!(site.paths(), [""; 0], "a fault is");
    weather(resource(&job, "http://localhost:9/a.yaml").await);
    weather(resource(&job, "https://no-such-host.invalid/a.yaml").await);
    weather(resource(&job, &site.url("/a.yaml").replace("http:", "https:")).await);
}

#[tokio::test]
async fn one_job_fetches_only_so_many_things() {
    let site = Site::start().await;
    let (remote, _store) = remote_with(vec![site.host()], Limits { things: 2, ..small() });
    let job = remote.visit();
    for name in ["/a.yaml", "/b.yaml"] {
        site.put(name, page(name));
        resource(&job, &site.url(name)).await.unwrap();
    }
    let said = fault(resource(&job, &site.url("/c.yaml")).await);
    assert!(said.message.contains("more than 2"), "{said}");
    resource(&job, &site.url("/a.yaml")).await.unwrap();
}
