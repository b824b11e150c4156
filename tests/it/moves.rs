//! Objects that move between environments of one repository, on a real cluster: shown as moves on both sides, and the same
//! objects afterwards, whichever side is deployed first and however often.

use github_emulator::MergeMethod;
use serde_json::{Value, json};

use crate::support::checkout::Checkout;
use crate::support::cluster::Cluster;
use crate::support::fixture::NAMES;
use crate::support::world::World;

const X: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {colour: green}\n";
const PAINTED: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {colour: blue}\n";

/// A repository whose two environments share a namespace, and an operator's file beside it.
struct Shop {
    cluster: Cluster,
    checkout: Checkout,
    config: String,
}

impl Shop {
    /// Both deployed; `x` is staging's.
    async fn deployed() -> Self {
        let (cluster, checkout) = (Cluster::start().await, Checkout::of("plain"));
        let namespace = &cluster.staging;
        let environment = |name: &str| {
            format!(
                "  {name}:\n    target: shared\n    namespace: {namespace}\n    sources: [{{path: {name}}}]\n"
            )
        };
        let file =
            format!("version: 1\nenvironments:\n{}{}", environment("production"), environment("staging"));
        let object = |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n");
        checkout.commit(&[
            (".tidegate.yaml", Some(&file)),
            ("staging/x.yaml", Some(X)),
            ("staging/s.yaml", Some(&object("s"))),
            ("production/p.yaml", Some(&object("p"))),
        ]);
        let config = checkout.beside().join("operator.yaml");
        let targets = json!({"targets": {"shared": cluster.target("acme/shop")}});
        std::fs::write(&config, targets.to_string()).unwrap();
        let shop = Self { cluster, checkout, config: config.to_str().unwrap().to_owned() };
        for name in ["staging", "production"] {
            shop.checkout.tidegate(&["apply", name, "--config", &shop.config, "--baseline"]).ended(0);
        }
        shop.checkout.branch("change");
        shop
    }

    fn plan(&self) -> Value {
        let ran =
            ["plan", "--config", &self.config, "--base", "main", "--head", "change", "--format", "json"];
        self.checkout.tidegate(&ran).json()
    }

    /// Applies with the digest that the plan shows now.
    fn apply(&self, name: &str) {
        let plan = self.plan();
        let environments = plan["environments"].as_array().unwrap();
        let one = environments.iter().find(|one| one["name"] == name).unwrap();
        let digest = one["digest"].as_str().unwrap_or_else(|| panic!("no digest: {one:#}"));
        let base = ["--base", "main", "--digest", digest];
        let arguments = [&["apply", name, "--config", &self.config][..], &base].concat();
        self.checkout.tidegate(&arguments).ended(0);
    }

    async fn live(&self, name: &str) -> Option<Value> {
        self.cluster.object("v1", "ConfigMap", &self.cluster.staging, name).await
    }
}

/// The one change of an environment in a plan.
fn change<'p>(plan: &'p Value, name: &str) -> &'p Value {
    let environments = plan["environments"].as_array().unwrap();
    let one = environments.iter().find(|one| one["name"] == name).unwrap();
    assert_eq!(one["changes"].as_array().unwrap().len(), 1, "{one:#}");
    &one["changes"][0]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moves_is_shown_as_a_move_and_stays_in_whatever_order_it_is_deployed() {
    for order in [["staging", "production"], ["production", "staging"]] {
        let shop = Shop::deployed().await;
        let uid = shop.live("x").await.unwrap()["metadata"]["uid"].clone();
        shop.checkout.commit(&[("staging/x.yaml", None), ("production/x.yaml", Some(PAINTED))]);
        let plan = shop.plan();
        let (loses, gets) = (change(&plan, "staging"), change(&plan, "production"));
        for change in [loses, gets] {
            assert_eq!((&change["action"], &change["id"]["name"]), (&json!("move"), &json!("x")), "{plan:#}");
            assert_eq!(change["transfer"]["from"]["environment"], "staging");
            assert_eq!(change["transfer"]["to"], json!({"environment": "production", "app": "production"}));
        }
        assert_eq!(loses["paths"], json!([]));
        assert_eq!(gets["paths"][0]["path"], "/data/colour");
        for name in [order[0], order[0], order[1], order[1]] {
            shop.apply(name);
            assert_eq!(shop.live("x").await.unwrap()["metadata"]["uid"], uid, "after {name} of {order:?}");
        }
        assert_eq!(shop.live("x").await.unwrap()["data"]["colour"], "blue");
        // Whoever lost it has nothing more to do with it, and whoever got it deletes it once nobody holds it.
        let ran =
            shop.checkout.tidegate(&["plan", "--config", &shop.config, "--base", "main", "--head", "change"]);
        assert!(ran.ended(0).out.contains("no change"), "everything is as it should be");
        shop.checkout.commit(&[("production/x.yaml", None)]);
        shop.apply("staging");
        assert!(shop.live("x").await.is_some(), "it is not staging's any more");
        shop.apply("production");
        assert!(shop.live("x").await.is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_takes_goes_and_what_both_hold_is_refused() {
    let shop = Shop::deployed().await;
    shop.checkout.commit(&[("production/x.yaml", Some(X))]);
    let plan = shop.plan();
    let errors = plan["environments"][0]["errors"].to_string();
    assert!(
        errors.contains("cannot be taken over") && errors.contains("remove it from `staging`"),
        "{errors}"
    );
    // One that does not render may be about to take it, so nothing goes until that is known.
    shop.checkout.commit(&[("staging/x.yaml", None), ("production/x.yaml", Some("kind: [\n"))]);
    assert_eq!(change(&shop.plan(), "staging")["action"], "keep");
    shop.apply("staging");
    assert!(shop.live("x").await.is_some());
    shop.checkout.commit(&[("production/x.yaml", None)]);
    assert_eq!(change(&shop.plan(), "staging")["action"], "delete");
    shop.apply("staging");
    assert!(shop.live("x").await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_app_moves_what_it_renders() {
    let shop = Shop::deployed().await;
    let uid = shop.live("x").await.unwrap()["metadata"]["uid"].clone();
    let file = std::fs::read_to_string(shop.checkout.path().join(".tidegate.yaml")).unwrap();
    let renamed = file.replace("{path: staging}", "{path: renamed}");
    let s = std::fs::read_to_string(shop.checkout.path().join("staging/s.yaml")).unwrap();
    shop.checkout.commit(&[
        (".tidegate.yaml", Some(&renamed)),
        ("staging/x.yaml", None),
        ("staging/s.yaml", None),
        ("renamed/x.yaml", Some(X)),
        ("renamed/s.yaml", Some(&s)),
    ]);
    let plan = shop.plan();
    let staging = &plan["environments"][1];
    assert_eq!(
        (&staging["counts"]["move"], &staging["counts"]["delete"]),
        (&json!(2), &json!(0)),
        "{staging:#}"
    );
    assert_eq!(
        staging["changes"][0]["transfer"],
        json!({"from": {"environment": "staging", "app": "staging"}, "to": {"environment": "staging", "app": "renamed"}})
    );
    shop.apply("staging");
    assert_eq!(shop.live("x").await.unwrap()["metadata"]["uid"], uid);
    let ran = shop.checkout.tidegate(&[
        "plan",
        "staging",
        "--config",
        &shop.config,
        "--base",
        "main",
        "--head",
        "change",
    ]);
    assert!(ran.ended(0).out.contains("no change"));
}

#[test]
fn two_renders_show_the_same_move() {
    let checkout = Checkout::of("plain");
    let environment = |name: &str| {
        format!("  {name}:\n    target: shared\n    namespace: shop\n    sources: [{{path: {name}}}]\n")
    };
    let file = format!("version: 1\nenvironments:\n{}{}", environment("production"), environment("staging"));
    let other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n";
    checkout.commit(&[
        (".tidegate.yaml", Some(&file)),
        ("staging/x.yaml", Some(X)),
        ("staging/s.yaml", Some(other)),
        ("production/p.yaml", Some(&other.replace("other", "p"))),
    ]);
    checkout.branch("change");
    checkout.commit(&[("staging/x.yaml", None), ("production/x.yaml", Some(X))]);
    let plan = checkout.tidegate(&["plan", "--rendered", "--base", "main", "--format", "json"]).json();
    for name in ["staging", "production"] {
        let change = change(&plan, name);
        assert_eq!(change["action"], "move", "{change:#}");
        assert_eq!(change["transfer"]["from"], json!({"environment": "staging", "app": "staging"}));
    }
}

#[test]
fn commits_that_wait_to_be_deployed_are_named_where_they_touched_what_is_pending() {
    let checkout = Checkout::of("plain");
    let config = checkout.beside().join("operator.yaml");
    let targets = json!({"targets": {"staging": {"directory": {"path": checkout.beside().join("live")}}}});
    std::fs::write(&config, targets.to_string()).unwrap();
    let config = config.to_str().unwrap();
    checkout.tidegate(&["apply", "staging", "--config", config, "--baseline"]).ended(0);
    let web = std::fs::read_to_string(checkout.path().join("apps/web.yaml")).unwrap();
    let titled = |title: &str, path: &str, text: &str| {
        checkout.commit(&[(path, Some(text))]);
        checkout.git(&["commit", "--quiet", "--amend", "--message", title]);
    };
    titled("Paint it <b>red</b>", "apps/web.yaml", &web.replace("green", "red"));
    titled("Words only", "README.md", "Nothing here.\n");
    titled("Paint it blue", "apps/web.yaml", &web.replace("green", "blue"));
    checkout.branch("change");
    titled("Another", "apps/more.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\n");
    let arguments =
        ["plan", "staging", "--config", config, "--base", "main", "--head", "change", "--format", "json"];
    let plan = checkout.tidegate(&arguments).json();
    let pending = plan["environments"][0]["pending"].as_array().unwrap_or_else(|| panic!("{plan:#}"));
    let titles: Vec<&str> = pending.iter().map(|commit| commit["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["Paint it blue", "Paint it <b>red</b>"]);
    checkout.tidegate(&["apply", "staging", "--config", config, "--rev", "main"]).ended(0);
    let plan = checkout.tidegate(&arguments).json();
    assert_eq!(plan["environments"][0].get("pending"), None, "{plan:#}");
}

#[tokio::test]
async fn whoever_commands_a_move_must_be_allowed_to_deploy_both() {
    let cluster = Cluster::start().await;
    let world = World::start(&json!({"shared": cluster.target("acme/shop")}), &[]).await;
    let (repository, _) = world.repository("acme/shop", "plain", NAMES);
    let namespace = &cluster.staging;
    let environment = |name: &str, deploy: &str| {
        format!(
            "  {name}:\n    target: shared\n    namespace: {namespace}\n    sources: [{{path: {name}}}]\n    deploy: {deploy}\n"
        )
    };
    let file = format!(
        "version: 1\nenvironments:\n{}{}",
        environment("production", "{when: merge, before_merge: any-time}"),
        environment("staging", "{when: merge, before_merge: any-time, allow: {permission: maintain}}")
    );
    let files = [
        (".tidegate.yaml", Some(file.as_str())),
        ("staging/x.yaml", Some(X)),
        ("staging/s.yaml", Some("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: s}\n")),
        ("production/p.yaml", Some("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: p}\n")),
    ];
    repository.commit("main", "Set it up", "ann", &files).unwrap();
    world.settle().await;
    let live = async || cluster.object("v1", "ConfigMap", namespace, "x").await.unwrap();
    let part_of = |live: &Value| live["metadata"]["labels"]["applyset.kubernetes.io/part-of"].clone();
    let before = live().await;

    let pull = world
        .previewed(&repository, "move", &[("staging/x.yaml", None), ("production/x.yaml", Some(X))])
        .await;
    let (_, replies) = world.says(&pull, "bob", "/deploy production").await;
    let said = replies.concat();
    assert!(said.contains("objects would leave") && said.contains("maintain"), "{said}");
    assert_eq!(part_of(&live().await), part_of(&before), "nothing moved");

    let (asked, replies) = world.says(&pull, "ann", "/deploy production").await;
    assert_eq!(asked.reactions.last().map(|(_, what)| what.as_str()), Some("rocket"), "{replies:#?}");
    let after = live().await;
    assert_ne!(part_of(&after), part_of(&before));
    pull.merge("ann", MergeMethod::Squash).unwrap();
    world.settle().await;
    assert_eq!(live().await["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(part_of(&live().await), part_of(&after));
    world.finish().await;
}
