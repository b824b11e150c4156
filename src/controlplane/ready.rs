//! Waiting until a control plane takes work, with a limit, and with an eye on its programs.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use http::Request;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use kube::Client;
use kube::Config;
use kube::api::PostParams;
use kube::config::KubeConfigOptions;
use kube::config::Kubeconfig;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::Error;
use super::group::Group;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// The longest a single look may take: a program that is just starting may accept and never answer.
const LOOK_LIMIT: Duration = Duration::from_secs(5);

/// When to give up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    limit: Duration,
    end: Instant,
}

impl Deadline {
    pub(super) fn after(limit: Duration) -> Self {
        Self { limit, end: Instant::now() + limit }
    }
}

/// What we wait for: in words for the error, and whose log explains its absence.
#[derive(Clone, Copy)]
struct Sign {
    missing: &'static str,
    program: &'static str,
}

/// Waits until the API server says that it is ready; gives a client of the administrator's.
pub(super) async fn api_server(
    group: &mut Group,
    kubeconfig: &Path,
    deadline: Deadline,
) -> Result<Client, Error> {
    let sign = Sign { missing: "the API server is not ready", program: "kube-apiserver" };
    until(group, sign, deadline, async || {
        // Built anew each time: the certificate it is to trust appears while the API server starts.
        let client = client(kubeconfig).await.ok()?;
        let ready = Request::get("/readyz").body(Vec::new()).ok()?;
        let answer = client.request_text(ready).await.ok()?;
        (answer == "ok").then_some(client)
    })
    .await
}

/// Adds the node and waits until kwok has made it ready, the controller manager has made a service account
/// and the scheduler listens.
pub(super) async fn workers(
    group: &mut Group,
    client: &Client,
    scheduler: u16,
    deadline: Deadline,
) -> Result<(), Error> {
    let nodes: Api<Node> = Api::all(client.clone());
    let node = node().map_err(failed("describe a node"))?;
    nodes.create(&PostParams::default(), &node).await.map_err(failed("create a node"))?;

    let sign = Sign { missing: "the node is not ready", program: "kwok" };
    until(group, sign, deadline, async || is_ready(&nodes.get("node-1").await.ok()?).then_some(())).await?;

    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    let sign = Sign { missing: "there is no service account", program: "kube-controller-manager" };
    until(group, sign, deadline, async || accounts.get("default").await.ok().map(drop)).await?;

    let sign = Sign { missing: "the scheduler does not listen", program: "kube-scheduler" };
    until(group, sign, deadline, async || TcpStream::connect(("127.0.0.1", scheduler)).await.ok().map(drop))
        .await
}

/// Looks again and again until there is something, a program has ended, or the time is over.
async fn until<T>(
    group: &mut Group,
    sign: Sign,
    deadline: Deadline,
    look: impl AsyncFn() -> Option<T>,
) -> Result<T, Error> {
    while Instant::now() < deadline.end {
        group.check()?;
        if let Ok(Some(found)) = tokio::time::timeout(LOOK_LIMIT, look()).await {
            return Ok(found);
        }
        tokio::time::sleep(PAUSE).await;
    }
    let log = group.tail(sign.program);
    Err(Error::Late { what: sign.missing, limit: deadline.limit, program: sign.program, log })
}

async fn client(kubeconfig: &Path) -> Result<Client, Box<dyn std::error::Error + Send + Sync>> {
    let file = Kubeconfig::read_from(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// One node with room for every pod of a test run; kwok fills in the rest.
fn node() -> Result<Node, serde_json::Error> {
    let room = serde_json::json!({ "cpu": "1000", "memory": "1Ti", "pods": "10000" });
    serde_json::from_value(serde_json::json!({
        "metadata": { "name": "node-1", "labels": { "kubernetes.io/hostname": "node-1", "kubernetes.io/os": "linux" } },
        "status": { "allocatable": room, "capacity": room },
    }))
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|one| one.type_ == "Ready" && one.status == "True")
}

fn failed<E>(action: &'static str) -> impl FnOnce(E) -> Error
where
    E: Into<Box<dyn std::error::Error + Send + Sync>> + Display,
{
    move |source| Error::Api { action, source: source.into() }
}
