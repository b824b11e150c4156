//! Accepting connections: not too many at once, and none for ever.
//!
//! One rule covers slow headers, slow bodies and idle connections: a connection on which nothing was answered for a minute
//! is closed. GitHub opens a new one for its next delivery.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

/// Connections at once; more wait in the kernel's queue.
const CONNECTIONS: usize = 1024;
/// The longest time without an answer.
const QUIET: Duration = Duration::from_mins(1);

/// A listener with these two bounds.
pub(super) struct Door {
    listener: TcpListener,
    places: Arc<Semaphore>,
    quiet: Duration,
}

impl Door {
    /// Over a bound socket.
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, places: Arc::new(Semaphore::new(CONNECTIONS)), quiet: QUIET }
    }
}

impl Listener for Door {
    type Io = Guest;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guest, SocketAddr) {
        loop {
            let place = Arc::clone(&self.places).acquire_owned().await;
            match (self.listener.accept().await, place) {
                (Ok((stream, address)), Ok(place)) => {
                    return (Guest::new(stream, self.quiet, place), address);
                }
                (Ok(_), Err(_)) => {}
                (Err(error), _) => {
                    // A guest that left at once is normal; no file descriptor is not, and needs a moment.
                    tracing::debug!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// One connection.
pub(super) struct Guest {
    stream: TcpStream,
    quiet: Duration,
    deadline: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Guest {
    fn new(stream: TcpStream, quiet: Duration, place: OwnedSemaphorePermit) -> Self {
        // Answers are small and whole: waiting to fill a packet only delays them. A socket that cannot be told is gone.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection ended at once");
        }
        Self { stream, quiet, deadline: Box::pin(tokio::time::sleep(quiet)), _place: place }
    }
}

impl AsyncRead for Guest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.deadline.as_mut().poll(task).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_read(task, buffer)
    }
}

impl AsyncWrite for Guest {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        // A guest that does not read its answer is as quiet as one that does not ask.
        if self.deadline.as_mut().poll(task).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write(task, bytes));
        let next = Instant::now() + self.quiet;
        self.deadline.as_mut().reset(next);
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(task)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::serve::Listener;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::{Door, Guest};

    async fn met(quiet: Duration) -> (TcpStream, Guest) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut door = Door { quiet, ..Door::new(listener) };
        let (client, (guest, _)) =
            tokio::join!(async { TcpStream::connect(address).await.unwrap() }, door.accept());
        (client, guest)
    }

    #[tokio::test]
    async fn an_answer_gives_a_guest_more_time_and_a_question_does_not() {
        let (mut client, mut guest) = met(Duration::from_mins(1)).await;
        let begun = guest.deadline.deadline();
        client.write_all(b"x").await.unwrap();
        guest.read_u8().await.unwrap();
        assert_eq!(guest.deadline.deadline(), begun);
        tokio::time::sleep(Duration::from_millis(2)).await;
        guest.write_all(b"y").await.unwrap();
        assert!(guest.deadline.deadline() > begun);
    }

    #[tokio::test]
    async fn a_guest_that_drips_is_sent_away() {
        let (mut client, mut guest) = met(Duration::from_millis(200)).await;
        let drip = async {
            while client.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let read = async {
            loop {
                if let Err(error) = guest.read_u8().await {
                    break error;
                }
            }
        };
        let error = tokio::select! { error = read => error, () = drip => panic!("never sent away") };
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    }
}
