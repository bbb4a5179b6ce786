//! What carries the bytes of an SSH connection, whatever it is, on a leash: the library keeps reading what it was given
//! for as long as the other side stays silent, so whoever gives up must be able to cut it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

/// A stream of bytes both ways.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A stream that ends when its [`Leash`] is dropped.
pub(super) struct Carrier {
    stream: Box<dyn Stream>,
    /// `None` once cut.
    leash: Option<oneshot::Receiver<()>>,
}

/// Keeps a [`Carrier`] going.
pub(super) struct Leash {
    _held: oneshot::Sender<()>,
}

impl Carrier {
    /// Take a stream.
    pub(super) fn new(stream: Box<dyn Stream>) -> (Self, Leash) {
        let (held, leash) = oneshot::channel();
        (Self { stream, leash: Some(leash) }, Leash { _held: held })
    }

    fn is_cut(&mut self, cx: &mut Context<'_>) -> bool {
        if let Some(leash) = &mut self.leash
            && Pin::new(leash).poll(cx).is_ready()
        {
            self.leash = None;
        }
        self.leash.is_none()
    }
}

impl AsyncRead for Carrier {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.is_cut(cx) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut *self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Carrier {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_cut(cx) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut *self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_cut(cx) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut *self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn a_reader_that_waits_is_woken_when_the_leash_is_dropped() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let (mut carrier, leash) = Carrier::new(Box::new(ours));
        theirs.write_all(b"ab").await.unwrap();
        let mut two = [0; 2];
        carrier.read_exact(&mut two).await.unwrap();
        assert_eq!(&two, b"ab");
        let waiting = tokio::spawn(async move { carrier.read_u8().await });
        tokio::task::yield_now().await;
        drop(leash);
        assert_eq!(waiting.await.unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }
}
