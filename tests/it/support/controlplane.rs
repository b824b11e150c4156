//! One Kubernetes control plane for the whole test run, a namespace for each test.
//!
//! It is started by the first test that asks for it and ends with the process. A missing program fails the
//! test with the command that builds it: nothing is skipped. Cluster-scoped objects have no namespace to
//! keep them apart: give them names of the test's own.

use std::path::PathBuf;

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::Client;
use kube::Config;
use kube::api::PostParams;
use kube::config::KubeConfigOptions;
use kube::config::Kubeconfig;
use tidegate::controlplane::ControlPlane;
use tidegate::controlplane::Tools;
use tokio::sync::OnceCell;

/// A failure is kept as well: the second test need not wait for what failed for the first.
static SHARED: OnceCell<Result<ControlPlane, String>> = OnceCell::const_new();

/// The programs that tests start: from `KUBEBUILDER_ASSETS`, else from what `make tools` built.
pub(crate) fn tools() -> Tools {
    #[expect(clippy::disallowed_methods, reason = "the tests' own setting, not the product's")]
    let assets = std::env::var_os("KUBEBUILDER_ASSETS");
    Tools::new(assets.map(PathBuf::from), Tools::built())
}

/// The run's control plane.
pub(crate) async fn shared() -> &'static ControlPlane {
    let start = async || ControlPlane::start(&tools()).await.map_err(|error| chain(&error));
    SHARED.get_or_init(start).await.as_ref().unwrap_or_else(|error| panic!("no control plane: {error}"))
}

/// A client of the administrator's. Make one per test: it belongs to the test's runtime.
pub(crate) async fn client() -> Client {
    client_of(shared().await).await
}

/// A client of the administrator's of a control plane that is not shared.
pub(crate) async fn client_of(plane: &ControlPlane) -> Client {
    let file = Kubeconfig::read_from(plane.kubeconfig()).unwrap();
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

/// Creates a namespace for one test, `PREFIX-` and a number no other test has; returns its name.
pub(crate) async fn namespace(client: &Client, prefix: &str) -> String {
    let namespace = Namespace {
        metadata: kube::api::ObjectMeta { generate_name: Some(format!("{prefix}-")), ..Default::default() },
        ..Default::default()
    };
    let created = Api::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    created.metadata.name.unwrap()
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
