//! The end of a connection whose client still sends.
//!
//! To close a socket with bytes that nobody has read resets the connection, and a client that sees the reset may lose answers that it has not
//! read yet (RFC 9112, section 9.6, has the same of HTTP/1.1). So the stream is ended in one direction, and what still comes is read and
//! thrown away until the client closes it, too.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    sync::oneshot,
    time,
};

/// The time that a client is given to close its side, which takes it a round trip.
const PATIENCE: Duration = Duration::from_secs(1);

/// A stream that comes back when who was given it drops it.
pub(crate) struct Lent<S> {
    /// `None` only while it is dropped.
    stream: Option<S>,
    back: Option<oneshot::Sender<S>>,
}

/// Lends a stream; it comes back through the second.
pub(crate) fn lend<S>(stream: S) -> (Lent<S>, oneshot::Receiver<S>) {
    let (back, returned) = oneshot::channel();
    (Lent { stream: Some(stream), back: Some(back) }, returned)
}

impl<S> Drop for Lent<S> {
    fn drop(&mut self) {
        if let (Some(stream), Some(back)) = (self.stream.take(), self.back.take()) {
            // Who does not wait for it has it closed.
            let _ = back.send(stream);
        }
    }
}

/// Ends a stream on which there is nothing more to say, and gives its client a moment to end it, too.
pub(crate) async fn end<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let ended = async {
        stream.shutdown().await?;
        let mut unread = [0; 4096];
        while stream.read(&mut unread).await? > 0 {}
        io::Result::Ok(())
    };
    // A client that does not close it has had its time, and on one that is broken there is nothing to lose.
    let _ = time::timeout(PATIENCE, ended).await;
}

impl<S: Unpin> Lent<S> {
    fn with<T>(&mut self, poll: impl FnOnce(Pin<&mut S>) -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match &mut self.stream {
            Some(stream) => poll(Pin::new(stream)),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lent<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_read(context, buffer))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Lent<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.with(|stream| stream.poll_write(context, buffer))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.with(|stream| stream.poll_write_vectored(context, buffers))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_shutdown(context))
    }
}
