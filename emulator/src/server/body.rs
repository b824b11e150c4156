//! A body that comes in pieces: a program's output as it is written, or an answer that is slow on purpose.

use axum::body::Body;
use axum::body::Bytes;
use axum::body::HttpBody;
use http_body::Frame;
use std::io::Error;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::channel;

/// Bytes sent by a task elsewhere; an error ends the answer early, so that the receiver notices.
pub(crate) struct Pieces(pub(crate) Receiver<Result<Bytes, Error>>);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|bytes| bytes.map(Frame::data)))
    }
}

/// Why a body could not be read whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It is longer than is allowed.
    TooLong,
    /// The caller broke off in the middle.
    BrokenOff,
}

/// Reads a body whole, if it is no longer than that.
pub(crate) async fn whole(mut body: Body, longest: usize) -> Result<Vec<u8>, Unread> {
    let mut bytes = Vec::new();
    while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(piece) = frame.map_err(|_| Unread::BrokenOff)?.into_data() else { continue };
        if bytes.len() + piece.len() > longest {
            return Err(Unread::TooLong);
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// The bytes, but only after a while.
pub(crate) fn delayed(bytes: Vec<u8>, by: Duration) -> Body {
    let (sender, receiver) = channel(1);
    tokio::spawn(async move {
        tokio::time::sleep(by).await;
        // Nobody reads any more: the caller gave up, which is what the test wanted to see.
        sender.send(Ok(Bytes::from(bytes))).await.ok();
    });
    Body::new(Pieces(receiver))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_is_read_up_to_its_longest() {
        assert_eq!(whole(Body::from("12345"), 5).await, Ok(b"12345".to_vec()));
        assert_eq!(whole(Body::from("123456"), 5).await, Err(Unread::TooLong));
        let (sender, receiver) = channel(2);
        sender.send(Ok(Bytes::from_static(b"12"))).await.unwrap();
        sender.send(Err(Error::other("gone"))).await.unwrap();
        drop(sender);
        assert_eq!(whole(Body::new(Pieces(receiver)), 5).await, Err(Unread::BrokenOff));
    }
}
