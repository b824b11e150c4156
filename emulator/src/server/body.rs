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
