//! One throwaway PostgreSQL server per test process, a schema per test.
//!
//! The server dies with this process whatever ends it: `setpriv --pdeathsig` has the kernel signal it, from a thread that
//! lives as long as the process. PostgreSQL refuses to run as root, so as root it runs as `nobody`. Its folder is removed
//! by the next run, because nothing runs in a process that was killed.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection};

const NOBODY: u32 = 65534;
const PREFIX: &str = "tidegate-test-postgres-";
const MISSING: &str = "PostgreSQL's server is missing: install Debian's package `postgresql` \
                       (its programs are looked for in /usr/lib/postgresql/*/bin)";

/// The address of what behaves as a new, empty database.
pub(super) async fn database() -> String {
    static SERVER: OnceLock<u16> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let port = *SERVER.get_or_init(start);
    // A schema of its own is as good as a database, and made without copying one.
    let name = format!("test{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let mut admin = connect(port).await;
    sqlx::query(AssertSqlSafe(format!("CREATE SCHEMA {name}"))).execute(&mut admin).await.unwrap();
    admin.close().await.unwrap();
    format!("postgres://postgres@127.0.0.1:{port}/postgres?options[search_path]={name}")
}

async fn connect(port: u16) -> sqlx::PgConnection {
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match sqlx::PgConnection::connect(&url).await {
            Ok(connection) => return connection,
            Err(error) => assert!(Instant::now() < deadline, "PostgreSQL does not answer: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Starts the server on a thread of its own that then sleeps for ever, and gives its port.
fn start() -> u16 {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let (port, mut server) = launch();
        tell.send(port).unwrap();
        // Ends only if the server does.
        let status = server.wait().unwrap();
        eprintln!("PostgreSQL ended: {status}");
    });
    told.recv().expect("PostgreSQL did not start; the thread above says why")
}

fn launch() -> (u16, Child) {
    let programs = programs();
    let data = fresh_folder();
    let init = as_user(&programs.join("initdb"))
        .args(["--auth=trust", "--username=postgres", "--no-sync", "--encoding=UTF8", "--locale=C", "-D"])
        .arg(&data)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(init.status.success(), "initdb failed: {}", String::from_utf8_lossy(&init.stderr));
    // Free when asked; should another process take it first, the server ends and the test says so.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let log = fs::File::create(data.join("test.log")).unwrap();
    let server = as_user(&programs.join("postgres"))
        .arg("-D")
        .arg(&data)
        .args(["-p", &port.to_string(), "-h", "127.0.0.1"])
        .args(["-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "full_page_writes=off"])
        .args(["-c", "synchronous_commit=off", "-c", "max_connections=200", "-c", "shared_buffers=32MB"])
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    (port, server)
}

/// The program, run so that it dies with the calling thread, and never as root.
#[expect(clippy::disallowed_methods, reason = "a test starts its own database server")]
fn as_user(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "QUIT"]).current_dir("/").env_clear().env("PATH", "/usr/bin:/bin");
    if rustix::process::geteuid().is_root() {
        command.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".to_owned()]);
    }
    command.arg("--").arg(program);
    command
}

fn programs() -> PathBuf {
    let mut found: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .expect(MISSING)
        .map(|entry| entry.unwrap().path().join("bin"))
        .filter(|bin| bin.join("initdb").exists() && bin.join("postgres").exists())
        .collect();
    found.sort();
    found.pop().expect(MISSING)
}

/// An empty folder of the server's user; those of processes that are gone are removed on the way.
fn fresh_folder() -> PathBuf {
    let base = std::env::temp_dir();
    for entry in fs::read_dir(&base).unwrap().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            // Another run may be removing it too.
            fs::remove_dir_all(entry.path()).unwrap_or_default();
        }
    }
    let folder = base.join(format!("{PREFIX}{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    if rustix::process::geteuid().is_root() {
        chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    folder
}
