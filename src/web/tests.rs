//! Through the socket: what a sender sees, and what then lies in the database.

use std::fmt::Write as _;
use std::time::Duration;

use aws_lc_rs::hmac;
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::store::Store;
use crate::web::{App, serve_within};

/// So long that it is never over before a test is.
const GRACE: Duration = Duration::from_mins(5);

const SECRET: &str = "It's a Secret to Everybody";

fn clock() -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000).unwrap()
}

/// A server that runs while a test talks to it.
struct Server {
    address: std::net::SocketAddr,
    store: Store,
    stop: Option<oneshot::Sender<()>>,
    running: JoinSet<std::io::Result<()>>,
}

impl Server {
    async fn start() -> Self {
        Self::start_within(GRACE).await
    }

    /// One that leaves open requests behind after `grace`.
    async fn start_within(grace: Duration) -> Self {
        let store = Store::open("sqlite::memory:", clock()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let app = App { store: store.clone(), id: 123, webhook_secret: SecretString::from(SECRET), clock };
        let mut running = JoinSet::new();
        let shutdown = async move { stopped.await.unwrap_or_default() };
        running.spawn(serve_within(listener, app, shutdown, grace));
        Self { address, store, stop: Some(stop), running }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes and reads until the server closes.
    async fn say(&self, request: &[u8]) -> String {
        let mut stream = self.connect().await;
        // A refusal may come before all of the request was taken.
        stream.write_all(request).await.unwrap_or_default();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap_or_default();
        String::from_utf8(answer).unwrap()
    }

    /// Begins with a delivery; comes back when the server has begun with it and waits for its body.
    async fn begin(&self, post: Post<'_>) -> TcpStream {
        let bytes = post.with("expect", "100-continue").bytes("close");
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let mut stream = self.connect().await;
        stream.write_all(&bytes[..head]).await.unwrap();
        let mut answer = [0; 25];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream
    }

    async fn get(&self, path: &str) -> String {
        self.say(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await
    }

    async fn post(&self, delivery: &Post<'_>) -> String {
        self.say(&delivery.bytes("close")).await
    }

    async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.running.join_next().await.unwrap().unwrap().unwrap();
    }
}

/// One delivery as GitHub sends it; tests change one thing at a time.
struct Post<'a> {
    headers: Vec<(&'a str, String)>,
    body: &'a [u8],
}

impl<'a> Post<'a> {
    fn new(id: &str, body: &'a [u8]) -> Self {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), body);
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("x-github-delivery", id.to_owned()),
            ("x-github-event", "pull_request".to_owned()),
            ("x-github-hook-installation-target-id", "123".to_owned()),
            ("x-hub-signature-256", format!("sha256={}", hex::encode(tag))),
        ];
        Self { headers, body }
    }

    fn with(mut self, name: &'a str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }

    fn bytes(&self, connection: &str) -> Vec<u8> {
        let mut head = format!("POST /github/webhook HTTP/1.1\r\nhost: x\r\nconnection: {connection}\r\n");
        write!(head, "content-length: {}\r\n", self.body.len()).unwrap();
        for (name, value) in &self.headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        [head.as_bytes(), b"\r\n", self.body].concat()
    }
}

/// The status of an answer, and its body.
fn read(answer: &str) -> (u16, &str) {
    let status = answer.get(9..12).and_then(|digits| digits.parse().ok());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status.unwrap_or_else(|| panic!("no answer: {answer:?}")), body)
}

#[tokio::test]
async fn a_genuine_delivery_is_stored_once_and_answered() {
    let server = Server::start().await;
    let post = Post::new("72d3162e-cc78", b"{\"zen\": \"ok\"}");
    let (status, body) = (server.post(&post).await, server.post(&post).await);
    assert_eq!(read(&status), (202, r#"{"delivery":"72d3162e-cc78","known":false}"#));
    assert_eq!(read(&body), (202, r#"{"delivery":"72d3162e-cc78","known":true}"#));
    let kept = server.store.delivery(&"72d3162e-cc78".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((kept.event.as_str(), kept.body.as_slice()), ("pull_request", post.body));
    assert_eq!(server.store.queued().await.unwrap(), 1);
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_genuine_leaves_no_trace() {
    let server = Server::start().await;
    let post = || Post::new("a-1", b"{}");
    let forged = format!("sha256={}", "0".repeat(64));
    for (post, wanted) in [
        (post().without("x-hub-signature-256"), 401),
        (post().with("x-hub-signature-256", &forged), 401),
        (post().with("x-hub-signature-256", "sha1=abc"), 401),
        (Post { body: b"{ }", ..post() }, 401),
        // Nobody learns what else would be wrong before the signature is right.
        (post().with("x-hub-signature-256", &forged).with("content-type", "text/plain"), 401),
        (post().with("content-type", "application/x-www-form-urlencoded"), 415),
        (post().with("x-github-hook-installation-target-id", "124"), 403),
        (post().without("x-github-hook-installation-target-id"), 403),
        (post().with("x-github-delivery", "a/1"), 400),
        (post().without("x-github-delivery"), 400),
        (post().with("x-github-event", "Pull Request"), 400),
        (post().with("x-github-event", ""), 400),
    ] {
        let answer = server.post(&post).await;
        let (status, sentence) = read(&answer);
        assert_eq!(status, wanted, "{:?}: {sentence}", post.headers);
        assert!(sentence.len() > 20 && sentence.ends_with('\n'), "{sentence:?}");
    }
    let twice = Post { headers: [post().headers, post().headers].concat(), body: b"{}" };
    assert_eq!(read(&server.post(&twice).await).0, 401, "two signatures are none");
    assert_eq!(server.store.delivery(&"a-1".parse().unwrap()).await.unwrap(), None);
    assert_eq!(server.store.queued().await.unwrap(), 0);
    let good = post().with("content-type", "Application/JSON; charset=utf-8");
    assert_eq!(read(&server.post(&good).await).0, 202, "and the right one still passes");
}

#[tokio::test]
async fn a_body_larger_than_github_sends_is_refused_in_words() {
    let server = Server::start().await;
    let announced = "POST /github/webhook HTTP/1.1\r\nhost: x\r\nx-hub-signature-256: sha256=0\r\n\
                     content-length: 25000001\r\n\r\n";
    let answer = server.say(announced.as_bytes()).await;
    assert_eq!(read(&answer), (413, "the body is larger than 25 MB, the most that GitHub sends\n"));

    // Without a word about its size, in one chunk after another.
    let mut stream = server.connect().await;
    let head = "POST /github/webhook HTTP/1.1\r\nhost: x\r\nx-hub-signature-256: sha256=0\r\n\
                transfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = [b"100000\r\n".as_slice(), &vec![b' '; 1 << 20], b"\r\n"].concat();
    for _ in 0..25 {
        // The refusal may come before the last chunk.
        stream.write_all(&chunk).await.unwrap_or_default();
    }
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn a_body_of_the_size_that_github_sends_is_taken() {
    let server = Server::start().await;
    let body = vec![b'x'; 25_000_000];
    assert_eq!(read(&server.post(&Post::new("big", &body)).await).0, 202);
    assert_eq!(server.store.delivery(&"big".parse().unwrap()).await.unwrap().unwrap().body, body);
}

#[tokio::test]
async fn other_addresses_and_methods_are_told_in_words() {
    let server = Server::start().await;
    let answer = server.get("/webhook").await;
    assert_eq!(read(&answer), (404, "there is nothing here; deliveries go to /github/webhook\n"));
    let answer = server.get("/github/webhook").await;
    assert_eq!(read(&answer).0, 405);
    assert!(read(&answer).1.contains("POST"), "{answer}");
    assert!(answer.contains("x-request-id: "), "{answer}");
    assert_eq!(read(&server.say(b"nonsense\r\n\r\n").await).0, 400);
}

#[tokio::test]
async fn health_tells_life_and_readiness_apart() {
    let server = Server::start().await;
    assert_eq!(read(&server.get("/healthz").await), (200, "alive\n"));
    assert_eq!(read(&server.get("/readyz").await), (200, "ready\n"));
    server.store.close().await;
    assert_eq!(read(&server.get("/healthz").await), (200, "alive\n"));
    assert_eq!(read(&server.get("/readyz").await), (503, "the database does not answer\n"));
    let answer = server.post(&Post::new("late", b"{}")).await;
    assert_eq!(read(&answer), (503, "the delivery could not be stored; send it again later\n"));
    assert!(answer.contains("retry-after: 5"), "{answer}");
}

#[tokio::test]
async fn an_order_to_stop_lets_open_requests_end() {
    let server = Server::start().await;
    let body = b"{\"a\": 1}";
    let mut open = server.begin(Post::new("slow", body)).await;
    let (address, store) = (server.address, server.store.clone());
    let finish = async {
        // Nobody new comes in; until the order has been heard somebody may.
        while TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        open.write_all(body).await.unwrap();
        let mut answer = String::new();
        open.read_to_string(&mut answer).await.unwrap();
        assert_eq!(read(&answer).0, 202);
    };
    tokio::join!(server.stop(), finish);
    assert!(store.delivery(&"slow".parse().unwrap()).await.unwrap().is_some());
}

#[tokio::test]
async fn one_that_never_ends_its_request_is_left_behind() {
    let grace = Duration::from_millis(300);
    let server = Server::start_within(grace).await;
    let open = server.begin(Post::new("never", b"{\"a\": 1}")).await;
    let asked = std::time::Instant::now();
    server.stop().await;
    assert!(asked.elapsed() >= grace, "{:?}", asked.elapsed());
    drop(open);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_is_stored_whole() {
    const SENDERS: usize = 16;
    const EACH: usize = 40;
    let server = Server::start().await;
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let mut stream = server.connect().await;
        senders.spawn(async move {
            for number in 0..EACH {
                let body = format!("{{\"n\": \"{sender}-{number}\"}}");
                stream
                    .write_all(
                        &Post::new(&format!("f-{sender}-{number}"), body.as_bytes()).bytes("keep-alive"),
                    )
                    .await
                    .unwrap();
                let mut answer = Vec::new();
                while !answer.ends_with(b"}") {
                    answer.push(stream.read_u8().await.unwrap());
                }
                assert!(answer.starts_with(b"HTTP/1.1 202"));
            }
        });
    }
    while let Some(sent) = senders.join_next().await {
        sent.unwrap();
    }
    assert_eq!(server.store.queued().await.unwrap(), u64::try_from(SENDERS * EACH).unwrap());
    server.stop().await;
}
