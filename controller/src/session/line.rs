//! The bytes between the controller and a host: one command's standard streams, over SSH or from a local child.

use super::startups::Turn;
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::process::Child;

/// How long a command may take to end once its line is closed.
const END_WAIT: Duration = Duration::from_secs(2);

/// Read at once from a local pipe.
const PIPE_READ: usize = 64 * 1024;

/// How the `ssh` program ended when it failed itself, as opposed to the command it ran.
pub(super) const SSH_FAILED: &str = "ssh failed";

/// Something that came up the line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Standard output.
    Out(Vec<u8>),
    /// Standard error.
    Err(Vec<u8>),
    /// The command ended; its status in words.
    Exit(String),
    /// The host refused to run the command.
    Refused,
    /// Nothing more will come.
    End,
}

/// The hearing end.
pub(super) enum LineReader {
    /// A channel of an SSH connection.
    Ssh(ChannelReadHalf),
    /// Pipes.
    Pipes {
        /// Standard output.
        out: Option<Box<dyn AsyncRead + Send + Unpin>>,
        /// Standard error.
        err: Option<Box<dyn AsyncRead + Send + Unpin>>,
        /// The process.
        child: Option<Box<Child>>,
        /// It is the `ssh` program, whose own failures are told by its status.
        is_ssh: bool,
    },
}

/// The speaking end.
pub(super) enum LineWriter {
    /// A channel of an SSH connection.
    Ssh(ChannelWriteHalf<Msg>),
    /// A pipe.
    Pipe(Box<dyn AsyncWrite + Send + Unpin>),
}

/// Keeps the connection under the line, and closes it.
pub(super) trait Keeper: Send {
    /// Close the connection properly.
    fn close(self: Box<Self>) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

    /// Why the connection ended, if it did and somebody said so.
    fn reason(&self) -> Option<String>;

    /// Whether another host than the one that is meant may be at its end: no password may go there.
    fn is_suspect(&self) -> bool;
}

/// Both ends and the connection under them.
pub(super) struct Line {
    /// Hears.
    pub(super) reader: LineReader,
    /// Speaks.
    pub(super) writer: LineWriter,
    /// The connection, where there is one.
    pub(super) keeper: Option<Box<dyn Keeper>>,
    /// Held until the host's first word shows that somebody is logged in, where the line is that of a login under way.
    pub(super) turn: Option<Turn>,
}

impl LineReader {
    /// The next thing that comes. Safe to drop and call again: nothing is lost.
    pub(super) async fn next(&mut self) -> Heard {
        match self {
            Self::Ssh(channel) => next_message(channel).await,
            Self::Pipes { out, err, child, is_ssh } => next_read(out, err, child, *is_ssh).await,
        }
    }
}

async fn next_message(channel: &mut ChannelReadHalf) -> Heard {
    loop {
        return match channel.wait().await {
            Some(ChannelMsg::Data { data }) => Heard::Out(data.into()),
            Some(ChannelMsg::ExtendedData { data, .. }) => Heard::Err(data.into()),
            Some(ChannelMsg::ExitStatus { exit_status }) => Heard::Exit(format!("exit status {exit_status}")),
            Some(ChannelMsg::ExitSignal { signal_name, .. }) => {
                Heard::Exit(super::escaped(&format!("killed by signal {signal_name:?}")))
            }
            Some(ChannelMsg::Failure) => Heard::Refused,
            Some(ChannelMsg::Close) | None => Heard::End,
            Some(_) => continue,
        };
    }
}

type Source = Option<Box<dyn AsyncRead + Send + Unpin>>;

async fn next_read(out: &mut Source, err: &mut Source, child: &mut Option<Box<Child>>, is_ssh: bool) -> Heard {
    loop {
        let mut first = Vec::new();
        let mut second = Vec::new();
        let (is_out, count) = match (out.as_mut(), err.as_mut()) {
            (Some(out), Some(err)) => {
                first.reserve(PIPE_READ);
                second.reserve(4096);
                tokio::select! {
                    read = out.read_buf(&mut first) => (true, read),
                    read = err.read_buf(&mut second) => (false, read),
                }
            }
            (Some(out), None) => {
                first.reserve(PIPE_READ);
                (true, out.read_buf(&mut first).await)
            }
            (None, Some(err)) => {
                second.reserve(4096);
                (false, err.read_buf(&mut second).await)
            }
            (None, None) => return ended(child, is_ssh).await,
        };
        match count {
            Ok(0) | Err(_) if is_out => *out = None,
            Ok(0) | Err(_) => *err = None,
            Ok(_) if is_out => return Heard::Out(first),
            Ok(_) => return Heard::Err(second),
        }
    }
}

async fn ended(child: &mut Option<Box<Child>>, is_ssh: bool) -> Heard {
    let Some(process) = child.as_mut() else { return Heard::End };
    let status = process.wait().await;
    *child = None;
    match status {
        Ok(status) if is_ssh && matches!(status.code(), Some(255) | None) => Heard::Exit(SSH_FAILED.to_owned()),
        Ok(status) => Heard::Exit(status.to_string()),
        Err(_) => Heard::End,
    }
}

impl LineWriter {
    /// Send bytes, waiting while the other side does not take them.
    pub(super) async fn write(&mut self, bytes: Vec<u8>) -> Result<(), String> {
        match self {
            Self::Ssh(channel) => channel.data_bytes(bytes).await.map_err(|error| error.to_string()),
            Self::Pipe(pipe) => {
                pipe.write_all(&bytes).await.map_err(|error| error.to_string())?;
                pipe.flush().await.map_err(|error| error.to_string())
            }
        }
    }
}

impl Line {
    /// Close everything, in bounded time. A dropped channel tells an SSH server nothing, so this must be called.
    pub(super) async fn close(self) {
        let Self { mut reader, writer, keeper, turn: _ } = self;
        if let LineWriter::Ssh(channel) = &writer {
            let _ = tokio::time::timeout(END_WAIT, async {
                let _ = channel.eof().await;
                let _ = channel.close().await;
            })
            .await;
        }
        drop(writer);
        if let LineReader::Pipes { child: Some(process), .. } = &mut reader
            && tokio::time::timeout(END_WAIT, process.wait()).await.is_err()
        {
            let _ = process.kill().await;
        }
        if let Some(keeper) = keeper {
            let _ = tokio::time::timeout(END_WAIT, keeper.close()).await;
        }
    }
}
