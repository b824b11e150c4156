//! A server that is measured: a child process on a port of its own, with its files in a folder of its own.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::Done;

/// The longest that a server may take to get ready.
const START: Duration = Duration::from_secs(30);

/// A running server. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
    /// From its start until `/readyz` answered 200.
    pub(crate) start: Duration,
}

impl Server {
    /// Starts it and waits until `/readyz` answers 200. What it says goes to `log`.
    pub(crate) async fn start(command: &mut Command, port: u16, log: &Path) -> Done<Self> {
        let file = fs::OpenOptions::new().create(true).append(true).open(log)?;
        command.stdout(file.try_clone()?).stderr(file);
        let started = Instant::now();
        let mut child = command.spawn()?;
        while !ready(port).await {
            let ended = child.try_wait()?;
            if ended.is_some() || started.elapsed() > START {
                drop(child.kill());
                drop(child.wait());
                let said = fs::read_to_string(log).unwrap_or_default();
                return Err(format!("a server did not get ready ({ended:?}): {said}").into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(Self { child, port, start: started.elapsed() })
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It holds nothing that deserves a farewell; an error says that it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn ready(port: u16) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n").await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    ask.await.is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 200"))
}

/// Writes a file that nobody else may read.
pub(crate) fn private(folder: &Path, name: &str, text: &str) -> Done<PathBuf> {
    use std::io::Write as _;
    let path = folder.join(name);
    let mut file = fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&path)?;
    file.write_all(text.as_bytes())?;
    Ok(path)
}
