//! A channel of a bastion's connection as a stream of bytes. What comes is taken off the connection at once, wherever
//! the reader is: the connection is shared, and a host that is not read must not hold up the others.

use super::link::Link;
use russh::client::Msg;
use russh::{Channel, ChannelMsg};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Bytes that may wait for their reader. The SSH connection inside allows a host far fewer; one that sends more all the
/// same is cut off.
const MOST_WAITING: usize = 64 * 1024 * 1024;

/// The stream.
pub(super) struct Tunnel {
    incoming: UnboundedReceiver<Vec<u8>>,
    /// What is being read, and how much of it was.
    piece: Vec<u8>,
    read: usize,
    waiting: Arc<AtomicUsize>,
    writer: Pin<Box<dyn AsyncWrite + Send>>,
}

impl Tunnel {
    /// Take a channel of a connection, which is kept for as long as the channel.
    pub(super) fn new(channel: Channel<Msg>, link: Arc<Link>) -> Self {
        let writer = Box::pin(channel.make_writer());
        let (mut hears, speaks) = channel.split();
        let (outgoing, incoming) = unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&waiting);
        tokio::spawn(async move {
            loop {
                let message = tokio::select! {
                    message = hears.wait() => message,
                    () = outgoing.closed() => break,
                };
                match message {
                    Some(ChannelMsg::Data { data }) => {
                        let before = count.fetch_add(data.len(), Ordering::SeqCst);
                        if before > MOST_WAITING || outgoing.send(data.into()).is_err() {
                            break;
                        }
                    }
                    Some(ChannelMsg::Eof | ChannelMsg::Close) | None => break,
                    Some(_) => {}
                }
            }
            drop(outgoing);
            // A dropped channel tells the bastion nothing.
            let _ = speaks.close().await;
            drop(link);
        });
        Self { incoming, piece: Vec::new(), read: 0, waiting, writer }
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.read >= self.piece.len() {
            // `None`: the end.
            let Some(piece) = ready!(self.incoming.poll_recv(cx)) else { return Poll::Ready(Ok(())) };
            self.waiting.fetch_sub(piece.len(), Ordering::SeqCst);
            self.piece = piece;
            self.read = 0;
        }
        let rest = self.piece.get(self.read..).unwrap_or_default();
        let count = rest.len().min(buffer.remaining());
        buffer.put_slice(rest.get(..count).unwrap_or_default());
        self.read += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writer.as_mut().poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.as_mut().poll_shutdown(cx)
    }
}
