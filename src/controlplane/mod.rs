//! A Kubernetes control plane of its own, on loopback, for as long as somebody holds it.
//!
//! The real etcd, API server, controller manager and scheduler, and kwok in the place of kubelets: pods
//! are scheduled and become ready, but nothing runs in them. It is for tests and for the demonstration
//! on Kubernetes. It keeps nothing: whoever gets hold of its token is its administrator, and with the
//! holder everything is gone, also when the holder was killed (see [`group`]).
//!
//! This module knows nothing of the rest of the crate.

mod error;
mod files;
mod group;
mod ready;
mod tools;

pub use self::error::Error;
pub use self::tools::Tools;

use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;
use tempfile::TempDir;

use self::files::Files;
use self::group::Group;
use self::ready::Deadline;

/// How long a control plane may take from the first program to ready. On two cores it needs some 4 s;
/// the rest is for machines that are busy building.
const START_LIMIT: Duration = Duration::from_mins(2);

/// How often a start is tried when another process took one of the ports we had found free.
const ATTEMPTS: usize = 3;

/// A running control plane with one node. Dropping it ends its programs and removes its folder.
#[derive(Debug)]
pub struct ControlPlane {
    // The order is the order of the end: first the programs, then the folder they write to.
    group: Group,
    files: Files,
    folder: TempDir,
    url: String,
}

impl ControlPlane {
    /// Starts one and waits until it takes work: the API server is ready, its node is ready, the
    /// controller manager and the scheduler are at work. Gives up after two minutes.
    pub async fn start(tools: &Tools) -> Result<Self, Error> {
        let mut attempt = 1;
        loop {
            match Self::attempt(tools).await {
                Err(error) if error.is_port_taken() && attempt < ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    /// A kubeconfig file for kubectl and others: its only context is the administrator.
    pub fn kubeconfig(&self) -> &Path {
        &self.files.kubeconfig
    }

    /// Where the API server answers: `https://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The bearer token of the administrator (group `system:masters`).
    pub fn token(&self) -> &SecretString {
        &self.files.token
    }

    /// The file with the certificate that the API server's own is to be checked against.
    pub fn certificate(&self) -> &Path {
        &self.files.certificate
    }

    /// The folder with a log file per program, `etcd.log` and so on; it goes with the control plane.
    pub fn logs(&self) -> &Path {
        self.folder.path()
    }

    /// The process ids of its programs by name, for those who measure.
    pub fn processes(&self) -> Vec<(&'static str, u32)> {
        self.group.processes()
    }

    /// Ends the programs and removes the folder, as dropping does, but tells what went wrong and does not
    /// block the caller's thread.
    pub async fn stop(self) -> Result<(), Error> {
        let Self { group, files: _, folder, url: _ } = self;
        let ended = tokio::task::spawn_blocking(move || {
            group.end()?;
            let path = folder.path().to_owned();
            folder.close().map_err(|source| Error::File { action: "remove", path, source })
        });
        ended.await.unwrap_or_else(|broken| Err(Error::Stopped { source: broken }))
    }

    async fn attempt(tools: &Tools) -> Result<Self, Error> {
        let deadline = Deadline::after(START_LIMIT);
        let folder = files::folder()?;
        let ports = Ports::find()?;
        let files = Files::write(folder.path(), ports.api)?;
        let mut group = Group::new(folder.path())?;
        let run = |group: &mut Group, program, arguments: Vec<String>| {
            group.start(program, &tools.path(program)?, &arguments)
        };
        run(&mut group, "etcd", etcd(folder.path(), &ports))?;
        run(&mut group, "kube-apiserver", api_server(&files, &ports))?;
        let client = ready::api_server(&mut group, &files.kubeconfig, deadline).await?;
        run(&mut group, "kube-controller-manager", controller_manager(&files, &ports))?;
        run(&mut group, "kube-scheduler", scheduler(&files, &ports))?;
        run(&mut group, "kwok", kwok(&files, &tools.stages()?))?;
        ready::workers(&mut group, &client, ports.scheduler, deadline).await?;
        Ok(Self { group, files, folder, url: format!("https://127.0.0.1:{}", ports.api) })
    }
}

/// Ports on 127.0.0.1 that were free a moment ago. Nothing holds them until the programs do.
struct Ports {
    etcd: u16,
    peer: u16,
    api: u16,
    manager: u16,
    scheduler: u16,
}

impl Ports {
    fn find() -> Result<Self, Error> {
        let bind = || std::net::TcpListener::bind(("127.0.0.1", 0)).map_err(|source| Error::Port { source });
        // All are held until all are found, so that none is given out twice.
        let held = [bind()?, bind()?, bind()?, bind()?, bind()?];
        let mut ports = [0; 5];
        for (port, listener) in ports.iter_mut().zip(&held) {
            *port = listener.local_addr().map_err(|source| Error::Port { source })?.port();
        }
        let [etcd, peer, api, manager, scheduler] = ports;
        Ok(Self { etcd, peer, api, manager, scheduler })
    }
}

fn etcd(folder: &Path, ports: &Ports) -> Vec<String> {
    let clients = format!("http://127.0.0.1:{}", ports.etcd);
    vec![
        format!("--data-dir={}", folder.join("etcd").display()),
        format!("--listen-client-urls={clients}"),
        format!("--advertise-client-urls={clients}"),
        format!("--listen-peer-urls=http://127.0.0.1:{}", ports.peer),
        // A power cut may lose it all: it is thrown away anyhow.
        "--unsafe-no-fsync".into(),
        "--log-level=error".into(),
    ]
}

fn api_server(files: &Files, ports: &Ports) -> Vec<String> {
    vec![
        format!("--etcd-servers=http://127.0.0.1:{}", ports.etcd),
        format!("--cert-dir={}", files.certificates.display()),
        format!("--secure-port={}", ports.api),
        "--bind-address=127.0.0.1".into(),
        // A /24 would hold only 254 Services.
        "--service-cluster-ip-range=10.0.0.0/16".into(),
        format!("--service-account-issuer=https://127.0.0.1:{}", ports.api),
        format!("--service-account-key-file={}", files.checking_key.display()),
        format!("--service-account-signing-key-file={}", files.signing_key.display()),
        format!("--token-auth-file={}", files.tokens.display()),
        "--authorization-mode=RBAC".into(),
        // Pods need no token here, and would otherwise have to wait for the controller manager.
        "--disable-admission-plugins=ServiceAccount".into(),
        "--allow-privileged=true".into(),
    ]
}

fn controller_manager(files: &Files, ports: &Ports) -> Vec<String> {
    vec![
        format!("--kubeconfig={}", files.kubeconfig.display()),
        format!("--service-account-private-key-file={}", files.signing_key.display()),
        "--use-service-account-credentials=true".into(),
        // At its usual 20 requests a second the whole start takes 10 s instead of 4.
        "--kube-api-qps=500".into(),
        "--kube-api-burst=1000".into(),
        "--leader-elect=false".into(),
        "--bind-address=127.0.0.1".into(),
        format!("--secure-port={}", ports.manager),
        format!("--cert-dir={}", files.certificates.join("manager").display()),
    ]
}

fn scheduler(files: &Files, ports: &Ports) -> Vec<String> {
    vec![
        format!("--kubeconfig={}", files.kubeconfig.display()),
        "--leader-elect=false".into(),
        "--bind-address=127.0.0.1".into(),
        format!("--secure-port={}", ports.scheduler),
        format!("--cert-dir={}", files.certificates.join("scheduler").display()),
    ]
}

fn kwok(files: &Files, stages: &[String]) -> Vec<String> {
    let mut arguments = vec![
        format!("--kubeconfig={}", files.kubeconfig.display()),
        "--manage-all-nodes=true".into(),
        "--node-lease-duration-seconds=40".into(),
    ];
    arguments.extend(stages.iter().map(|stage| format!("--config={stage}")));
    arguments
}
