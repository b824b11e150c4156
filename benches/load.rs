//! A client that posts signed deliveries as fast as they are answered, over connections that stay open.
//!
//! It writes prepared bytes and reads as little of the answer as it must: on a machine with few cores, what the client
//! takes is taken from the server.

use std::time::Duration;
use std::time::Instant;

use aws_lc_rs::hmac;
use futures_util::future::try_join_all;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::Done;
use crate::stats::Sample;

/// One delivery, prepared but for its id and its length of life.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    before: String,
    after: Vec<u8>,
}

impl Letter {
    /// A delivery of this event to this App, signed as GitHub signs.
    pub(crate) fn new(event: &str, app: u64, secret: &str, payload: &[u8]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let signature = hex::encode(hmac::sign(&key, payload));
        let before = format!(
            "POST /github/webhook HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: GitHub-Hookshot/bench\r\n\
             accept: */*\r\ncontent-type: application/json\r\ncontent-length: {}\r\nx-github-event: {event}\r\n\
             x-github-hook-id: 1\r\nx-github-hook-installation-target-id: {app}\r\n\
             x-github-hook-installation-target-type: integration\r\nx-hub-signature-256: sha256={signature}\r\n\
             x-github-delivery: ",
            payload.len()
        );
        Self { before, after: [b"\r\n\r\n", payload].concat() }
    }
}

/// What a load led to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Load {
    /// Seconds from each request to its answer.
    pub(crate) latency: Sample,
    /// How long it all took.
    pub(crate) wall: Duration,
}

impl Load {
    /// Answers in a second.
    pub(crate) fn rate(&self) -> f64 {
        crate::stats::float(self.latency.len() as u64) / self.wall.as_secs_f64()
    }
}

/// Posts over so many connections for so long. `run` makes the deliveries' ids new. Any answer but 200 and 202 is an error.
pub(crate) async fn load(
    letter: &Letter,
    port: u16,
    (connections, run): (u32, u32),
    time: Duration,
) -> Done<Load> {
    let letter = letter.clone();
    // A thread of its own, so that it competes with nothing else in this process.
    let joined = tokio::task::spawn_blocking(move || -> Done<Load> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let started = Instant::now();
            let end = started + time;
            let all = (0..connections).map(|number| connection(&letter, port, (run, number), end));
            let mut load = Load::default();
            for times in try_join_all(all).await? {
                for time in times {
                    load.latency.time(time);
                }
            }
            load.wall = started.elapsed();
            Ok(load)
        })
    });
    joined.await?
}

async fn connection(
    letter: &Letter,
    port: u16,
    (run, number): (u32, u32),
    end: Instant,
) -> Done<Vec<Duration>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let (mut times, mut request, mut answer) = (Vec::new(), Vec::new(), Vec::with_capacity(4096));
    let mut count = 0_u64;
    while Instant::now() < end {
        request.clear();
        request.extend_from_slice(letter.before.as_bytes());
        request.extend_from_slice(format!("{run:08x}-{number:04x}-4000-8000-{count:012x}").as_bytes());
        request.extend_from_slice(&letter.after);
        let started = Instant::now();
        stream.write_all(&request).await?;
        answer.clear();
        while !complete(&answer)? {
            if stream.read_buf(&mut answer).await? == 0 {
                return Err("the server closed the connection".into());
            }
        }
        times.push(started.elapsed());
        count += 1;
    }
    Ok(times)
}

/// Whether all of a good answer is there.
fn complete(answer: &[u8]) -> Done<bool> {
    let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(false) };
    let text = std::str::from_utf8(answer.get(..head).unwrap_or_default())?.to_ascii_lowercase();
    if !text.starts_with("http/1.1 200") && !text.starts_with("http/1.1 202") {
        return Err(format!("a delivery was answered: {}", String::from_utf8_lossy(answer)).into());
    }
    let body = answer.get(head + 4..).unwrap_or_default();
    if text.contains("transfer-encoding: chunked") {
        return Ok(body.ends_with(b"0\r\n\r\n"));
    }
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    Ok(body.len() >= length.map_or(Ok(0), str::parse::<usize>)?)
}
