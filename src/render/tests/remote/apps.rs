//! Apps that name what lies on other hosts, by real kustomize and real helm.

use std::sync::Arc;

use super::git::{FILE, Upstream};
use super::{Site, chart, pack, page, remote, status};
use crate::model::fault::{Failure, Fault};
use crate::model::host::Host;
use crate::model::object::Remote;
use crate::model::target::Capabilities;
use crate::process::{self, Program};
use crate::render::tests::{ids, map, renderers, source, tree};
use crate::render::{Budget, Cache, Limits, Rendered, Renderers, Wanted, render};

/// What renders with these hosts listed.
fn with(hosts: Vec<Host>) -> (Renderers, tempfile::TempDir) {
    let (remote, store) = remote(hosts);
    let cache = Some(Cache::temporary(1 << 20).unwrap());
    (Renderers { remote: Some(remote), cache, ..renderers() }, store)
}

async fn all(renderers: &Renderers, files: &[(&str, &str)], path: &str) -> Result<Rendered, Failure> {
    let root = tree(files);
    let environment = "staging".parse().unwrap();
    let budget = Budget::new(&Limits::default());
    let capabilities = Capabilities::default();
    let wanted = Wanted {
        root: root.path(),
        owner: crate::model::id::RepoId(1),
        omitted: &Arc::default(),
        environment: &environment,
        sources: &[source(path)],
        namespace: None,
        versions: &crate::model::settings::Versions::default(),
        capabilities: &capabilities,
        budget: &budget,
    };
    let rendered = render(renderers, &wanted).await?;
    let said = format!("{:?} {:?} {:?}", rendered.faults, rendered.bundle.warnings, rendered.bundle.objects);
    for never in [root.path().to_str().unwrap(), "tidegate-render-", ".fetched", "/tmp"] {
        assert!(!said.contains(never), "{never}: {said}");
    }
    Ok(rendered)
}

async fn good(renderers: &Renderers, files: &[(&str, &str)], path: &str) -> Rendered {
    let rendered = all(renderers, files, path).await.unwrap();
    assert!(rendered.faults.is_empty(), "{:#?}", rendered.faults);
    rendered
}

async fn bad(renderers: &Renderers, files: &[(&str, &str)], path: &str) -> Fault {
    let rendered = all(renderers, files, path).await.unwrap();
    assert_eq!(rendered.faults.len(), 1, "{:#?}", rendered.faults);
    assert!(rendered.faults[0].snippet.is_none(), "{:?}", rendered.faults);
    rendered.faults.into_iter().next().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kustomization_takes_files_and_bases_of_listed_hosts() {
    let (site, upstream) = (Site::start().await, Upstream::start().await);
    site.put("/a.yaml", page(map("from-file")));
    let nested = format!("resources: [{}, ../own]\n", site.url("/b.yaml"));
    site.put("/b.yaml", page(map("nested")));
    let commit = upstream
        .commit(
            "main",
            &[
                (FILE, "web/kustomization.yaml", &nested),
                (FILE, "own/kustomization.yaml", "resources: [own.yaml]\nnameSuffix: -s\n"),
                (FILE, "own/own.yaml", &map("own")),
                (FILE, "part/kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\ncommonAnnotations: {by: component}\n"),
            ],
        )
        .await;
    let kustomization = format!(
        "# first\nresources:\n- local.yaml\n- {}\n- {}\ncomponents: [\"{}\"]\nnamePrefix: x-\n",
        site.url("/a.yaml"),
        upstream.url("//web?ref=main"),
        upstream.url(&format!("//part?ref={}", "main")),
    );
    let local = map("local");
    let files = [("apps/web/kustomization.yaml", kustomization.as_str()), ("apps/web/local.yaml", &local)];
    let (renderers, _store) = with(vec![site.host(), upstream.host()]);
    let rendered = good(&renderers, &files, "apps/web").await;
    assert_eq!(
        ids(&rendered),
        ["ConfigMap x-from-file", "ConfigMap x-local", "ConfigMap x-nested", "ConfigMap x-own-s"]
    );
    for object in &rendered.bundle.objects {
        assert_eq!(object.body["metadata"]["annotations"]["by"], "component");
        assert_eq!(
            object.origin.file.as_deref().map(|file| file.starts_with("apps/web/")),
            Some(true),
            "{:?}",
            object.origin
        );
    }
    let sha = |name: &str| crate::model::id::Digest::of(map(name).as_bytes()).to_string();
    let got: Vec<(String, String)> = rendered
        .bundle
        .remotes
        .iter()
        .map(|Remote { from, digest }| (from.clone(), digest.clone()))
        .collect();
    let mut expected = vec![
        (site.url("/a.yaml"), sha("from-file")),
        (site.url("/b.yaml"), sha("nested")),
        (upstream.url("?ref=main"), format!("commit:{commit}")),
    ];
    expected.sort();
    assert_eq!(got, expected);
}

#[tokio::test]
async fn what_moves_is_seen_at_the_next_job() {
    let site = Site::start().await;
    site.put("/a.yaml", page(map("first")));
    let kustomization = format!("resources: [{}]\n", site.url("/a.yaml"));
    let files = [("web/kustomization.yaml", kustomization.as_str())];
    let (renderers, _store) = with(vec![site.host()]);
    let first = good(&renderers, &files, "web").await;
    site.put("/a.yaml", page(map("moved")));
    let moved = good(&renderers, &files, "web").await;
    assert_eq!(
        (ids(&first), ids(&moved)),
        (vec!["ConfigMap first".to_owned()], vec!["ConfigMap moved".to_owned()])
    );
    assert_ne!(first.bundle.remotes, moved.bundle.remotes, "in what is told, too");
    site.put("/a.yaml", page(map("first")));
    assert_eq!(
        good(&renderers, &files, "web").await.bundle,
        first.bundle,
        "also when it is kept from before"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_fetched_is_told_where_it_is_named() {
    let (site, upstream) = (Site::start().await, Upstream::start().await);
    upstream
        .commit(
            "main",
            &[
                (FILE, "deep/kustomization.yaml", "resources: [https://elsewhere.example.com/a.yaml]\n"),
                (FILE, "broken/kustomization.yaml", "resources: [nothing.yaml]\n"),
                (FILE, "out/kustomization.yaml", "resources: [../../../../etc]\n"),
                (FILE, "yaml/kustomization.yaml", "resources: [a.yaml]\n"),
                (FILE, "yaml/a.yaml", "{words of a stranger"),
            ],
        )
        .await;
    let (renderers, _store) = with(vec![site.host(), upstream.host()]);
    for (address, words) in [
        ("https://other.example.com/a.yaml".to_owned(), "other.example.com is not a host"),
        (site.url("/gone.yaml"), "there is no http"),
        (upstream.url("//nowhere?ref=main"), "no kustomization in `nowhere`"),
        (upstream.url("//deep?ref=main"), "elsewhere.example.com is not a host"),
        (upstream.url("//broken?ref=main"), "there is no `broken/nothing.yaml`"),
        (upstream.url("//out?ref=main"), "leads out of the repository"),
        (upstream.url("//yaml?ref=main"), &upstream.url("?ref=main")),
        ("ssh://git@example.com/a/b".to_owned(), "cannot be fetched"),
    ]
    .map(|(address, words)| (address, words.to_owned()))
    {
        let kustomization = format!("namePrefix: x-\nresources:\n- {address}\n");
        let said = bad(&renderers, &[("web/kustomization.yaml", &kustomization)], "web").await;
        assert!(said.message.contains(&words), "{address}: {said}");
        assert_eq!((said.file.as_deref(), said.line), (Some("web/kustomization.yaml"), Some(3)), "{said}");
    }
    site.put("/away.yaml", status(503));
    let away = format!("resources: [{}]\n", site.url("/away.yaml"));
    let failure = all(&renderers, &[("web/kustomization.yaml", &away)], "web").await.unwrap_err();
    assert!(matches!(failure, Failure::Weather(_)), "{failure}");
    // Patches and generators do not fetch, whoever is listed.
    site.put("/p.yaml", page(map("p")));
    let patch = format!("resources: [a.yaml]\npatches: [{{path: '{}'}}]\n", site.url("/p.yaml"));
    let local = map("a");
    let said = bad(&renderers, &[("web/kustomization.yaml", &patch), ("web/a.yaml", &local)], "web").await;
    assert!(said.message.contains("does not fetch from") && said.line == Some(2), "{said}");
}

#[tokio::test]
async fn without_listed_hosts_nothing_is_fetched() {
    let site = Site::start().await;
    site.put("/a.yaml", page(map("a")));
    let kustomization = format!("resources:\n- {}\n", site.url("/a.yaml"));
    let said = bad(&renderers(), &[("web/kustomization.yaml", &kustomization)], "web").await;
    assert!(said.message.contains("lies on another host, which rendering does not fetch from"), "{said}");
    let chart = format!(
        "apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies: [{{name: web, version: 1.2.3, repository: '{}'}}]\n",
        site.url("")
    );
    let said = bad(&renderers(), &[("app/Chart.yaml", &chart)], "app").await;
    assert!(said.message.contains("does not fetch from"), "{said}");
    assert_eq!(site.paths(), [""; 0]);
}

#[tokio::test]
async fn bases_that_name_one_another_without_end_are_told() {
    let site = Upstream::start().await;
    // Each commit names the next by its branch: as deep as one likes.
    for step in 0..12 {
        let next = format!("resources: [{}]\n", site.url(&format!("?ref=b{}", step + 1)));
        site.commit(&format!("b{step}"), &[(FILE, "kustomization.yaml", &next)]).await;
    }
    let (renderers, _store) = with(vec![site.host()]);
    let first = format!("resources: [{}]\n", site.url("?ref=b0"));
    let said = bad(&renderers, &[("web/kustomization.yaml", &first)], "web").await;
    assert!(said.message.contains("more than 8 deep"), "{said}");
}

/// `app`, which depends on `web` of a version.
fn app(site: &Site, version: &str) -> String {
    format!(
        "apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies:\n- name: web\n  version: \"{version}\"\n  repository: {}\n",
        site.url("/charts")
    )
}

fn publish(site: &Site, versions: &[&str]) {
    let mut index = "entries:\n  web:\n".to_owned();
    for version in versions {
        index.extend(["  - {version: ", version, ", urls: [web-", version, ".tgz]}\n"]);
        site.put(&format!("/charts/web-{version}.tgz"), page(chart("web", version)));
    }
    site.put("/charts/index.yaml", page(index));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chart_takes_what_it_depends_on_from_listed_hosts() {
    let site = Site::start().await;
    publish(&site, &["1.2.3", "1.9.0"]);
    let (renderers, _store) = with(vec![site.host()]);
    let exact = app(&site, "1.2.3");
    let own = map("own");
    let files = [("app/Chart.yaml", exact.as_str()), ("app/templates/own.yaml", own.as_str())];
    let rendered = good(&renderers, &files, "app").await;
    assert_eq!(ids(&rendered), ["ConfigMap own", "ConfigMap web"]);
    let web = rendered.bundle.objects.iter().find(|object| object.id.name == "web").unwrap();
    assert_eq!(
        (web.body["data"]["v"].as_str(), web.origin.file.as_deref()),
        (Some("1.2.3"), Some("app/Chart.yaml"))
    );
    let digest = crate::model::id::Digest::of(&chart("web", "1.2.3")).to_string();
    assert_eq!(rendered.bundle.remotes, [Remote { from: site.url("/charts/web 1.2.3"), digest }]);
    site.seen();
    assert_eq!(good(&renderers, &files, "app").await.bundle, rendered.bundle);
    assert_eq!(site.paths(), [""; 0], "an exact version is pinned");

    let range = app(&site, "^1.2.0");
    let said = bad(&renderers, &[("app/Chart.yaml", &range)], "app").await;
    assert!(said.message.contains("no Chart.lock says which version"), "{said}");
    assert!(said.hint.contains("helm dependency update") && said.line == Some(5), "{said}");

    let lock = |version: &str, url: &str| {
        format!("dependencies:\n- {{name: web, repository: '{url}', version: {version}}}\n")
    };
    let url = site.url("/charts");
    let locked = lock("1.9.0", &url);
    let rendered = good(&renderers, &[("app/Chart.yaml", &range), ("app/Chart.lock", &locked)], "app").await;
    assert_eq!(rendered.bundle.objects[0].body["data"]["v"], "1.9.0");
    for stale in [
        lock("2.0.0", &url),
        lock("1.9.0", "https://other.example.com"),
        lock("1.9", &url),
        lock("1.9.0", &url) + "digest: sha256:00\n",
    ] {
        let said = bad(&renderers, &[("app/Chart.yaml", &range), ("app/Chart.lock", &stale)], "app").await;
        assert!(said.message.contains("app/Chart.lock is out of date") && said.line == Some(5), "{said}");
    }
    let unlisted = exact.replace(&url, "oci://registry.example.com/charts");
    let said = bad(&renderers, &[("app/Chart.yaml", &unlisted)], "app").await;
    assert!(said.message.contains("registry.example.com is not a host") && said.line == Some(5), "{said}");
    assert_eq!(said.file.as_deref(), Some("app/Chart.yaml"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_digest_of_a_lock_is_helms_own() {
    let (site, folder) = (Site::start().await, tempfile::tempdir().unwrap());
    publish(&site, &["1.2.3"]);
    let entry = "condition: web.enabled\n  tags: [a, <b>]\n  alias: other\n  import-values: [x, {parent: p, child: c}]\n";
    let local = "apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies:\n- name: web\n  version: \">=1.0.0 <2.0.0\"\n  repository: file://../web\n  ".to_owned() + entry;
    for (path, text) in [
        ("app/Chart.yaml", local.as_str()),
        ("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.2.3\n"),
    ] {
        std::fs::create_dir_all(folder.path().join(path).parent().unwrap()).unwrap();
        std::fs::write(folder.path().join(path), text).unwrap();
    }
    let mut helm = Program::new(
        renderers().tools.usual("helm").unwrap(),
        folder.path(),
        ["dependency", "update", "app"],
    );
    for name in ["HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
        helm = helm.env(name, folder.path());
    }
    let ended = process::run(&helm).await.unwrap();
    assert!(ended.success(), "{}", ended.message());
    let lock = std::fs::read_to_string(folder.path().join("app/Chart.lock")).unwrap();
    let digest = lock.lines().find(|line| line.starts_with("digest: ")).unwrap();
    // The same chart beside the one that is fetched: only the lock's digest over all of them is Helm's.
    let (renderers, _store) = with(vec![site.host()]);
    let files = [
        ("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.2.3\n"),
        ("app/Chart.yaml", local.as_str()),
        ("app/Chart.lock", lock.as_str()),
    ];
    good(&renderers, &files, "app").await;
    let read = crate::yaml::read(local.as_bytes(), &crate::yaml::Limits::default()).unwrap();
    let locked = crate::yaml::read(lock.as_bytes(), &crate::yaml::Limits::default()).unwrap();
    let items = |root: &crate::yaml::Node| root.get("dependencies").unwrap().items().to_vec();
    let sum = crate::render::local::lock::sum(&items(&read[0].root), &items(&locked[0].root));
    assert_eq!(format!("digest: {sum}"), digest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fetched_chart_is_looked_at_as_any_other() {
    let site = Site::start().await;
    let head = "apiVersion: v2\nname: web\nversion: 1.2.3\n";
    let sub = "apiVersion: v2\nname: sub\nversion: 0.1.0\n";
    let nested =
        format!("{head}dependencies: [{{name: sub, version: 0.1.0, repository: 'https://example.com'}}]\n");
    let archive = [
        ("web/Chart.yaml", nested.as_str()),
        ("web/templates/a.yaml", &map("web")),
        ("web/charts/sub/Chart.yaml", sub),
        ("web/charts/sub/templates/a.yaml", &map("sub")),
    ];
    site.put("/charts/index.yaml", page("entries: {web: [{version: 1.2.3, urls: [web.tgz]}]}"));
    site.put("/charts/web.tgz", page(pack(&archive)));
    let whole = app(&site, "1.2.3");
    let (renderers, _store) = with(vec![site.host()]);
    let rendered = good(&renderers, &[("app/Chart.yaml", &whole)], "app").await;
    assert_eq!(ids(&rendered), ["ConfigMap sub", "ConfigMap web"]);
    assert_eq!(rendered.bundle.remotes.len(), 1);

    let schema = r#"{"$ref": "https://169.254.169.254/latest"}"#;
    for (files, words) in [
        (vec![("web/Chart.yaml", head), ("web/values.schema.json", schema)], "169.254"),
        (vec![("web/Chart.yaml", head), ("web/templates/a.yaml", "{{ fail \"on purpose\" }}")], "on purpose"),
    ] {
        site.put("/charts/web.tgz", page(pack(&files)));
        let (renderers, _store) = with(vec![site.host()]);
        let said = bad(&renderers, &[("app/Chart.yaml", &whole)], "app").await;
        assert!(said.message.contains(words), "{said}");
        assert_eq!(said.file.as_deref(), Some("app/Chart.yaml"), "{said}");
    }
}
