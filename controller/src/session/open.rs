//! Opening a session, step by step, and what a session says while it lives.

use super::bootstrap::NotBegun;
use super::handle::Session;
use super::line::Line;
use super::{ConnectionKind, SessionError, Settings, Target};
use super::{bootstrap, local, openssh, ssh, wire};
use luthier_protocol::bootstrap::Bootstrap;
use luthier_protocol::frame::encode;
use luthier_protocol::message::{ControllerHello, Stream, ToAgent};
use luthier_protocol::name::Seq;
use std::sync::Arc;

/// Something that happens in a session without being an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// What the session does: `connecting`, `authenticating`, `pushing`, `ready`.
    State(&'static str),
    /// How much of the agent was sent.
    Pushed {
        /// Bytes sent.
        sent: u64,
        /// Bytes in all.
        total: u64,
    },
    /// A task was taken up.
    Started {
        /// The task's number.
        seq: Seq,
    },
    /// Output of a running task.
    Output {
        /// The task's number.
        seq: Seq,
        /// Which stream.
        stream: Stream,
        /// The bytes, as the host sent them.
        data: Vec<u8>,
    },
    /// Something worth telling a person.
    Warning(String),
}

/// Told everything that happens in a session, in order. Must return soon: the host's conversation waits for it.
pub type Listener = Arc<dyn Fn(Notice) + Send + Sync>;

/// Connect to a host, start its agent and say hello.
pub async fn open(
    settings: &Arc<Settings>,
    target: &Target,
    hello: ControllerHello,
    listener: Listener,
) -> Result<Session, SessionError> {
    let script =
        Bootstrap { hashes: settings.agents.hashes(), nonce: bootstrap::nonce(), place: target.agent_path.clone() };
    match begin(settings, target, &script, &hello, &listener).await {
        // A cached agent that a full disk or a crash of the host left damaged is replaced.
        Err(NotBegun { is_damaged: true, .. }) => begin(settings, target, &script.anew(), &hello, &listener).await,
        other => other,
    }
    .map_err(|not_begun| not_begun.error)
}

async fn begin(
    settings: &Arc<Settings>,
    target: &Target,
    script: &Bootstrap,
    hello: &ControllerHello,
    listener: &Listener,
) -> Result<Session, NotBegun> {
    listener(Notice::State("connecting"));
    let line = match target.connection {
        ConnectionKind::Local => local::start(&script.script())?,
        ConnectionKind::OpenSsh => openssh::start(settings, target, &script.command(), listener)?,
        ConnectionKind::Ssh => ssh::start(settings, target, &script.command(), listener).await?,
    };
    open_on(settings, line, script, hello, listener).await
}

/// The part that is the same for every kind of line.
async fn open_on(
    settings: &Arc<Settings>,
    mut line: Line,
    script: &Bootstrap,
    hello: &ControllerHello,
    listener: &Listener,
) -> Result<Session, NotBegun> {
    let started = bootstrap::start(&mut line, settings, script, listener).await;
    let greeted = match started {
        Ok(rest) => wire::greet(&mut line, settings, rest).await.map_err(NotBegun::from),
        Err(error) => Err(error),
    };
    match greeted {
        Ok((agent, decoder)) => {
            listener(Notice::State("ready"));
            let hello = encode(&ToAgent::Hello(hello.clone())).map_err(wire::unsendable)?;
            Ok(Session::begin(settings, line, decoder, agent, hello, Arc::clone(listener)))
        }
        Err(NotBegun { is_damaged, error }) => {
            let reason = line.keeper.as_ref().and_then(|keeper| keeper.reason());
            line.close().await;
            Err(NotBegun { is_damaged, error: blamed(error, reason) })
        }
    }
}

/// Where what carried the line broke, that is the cause, and it may be a bastion's and not the host's.
fn blamed(error: SessionError, reason: Option<String>) -> SessionError {
    match (error, reason) {
        (SessionError::NotStarted(text), Some(reason)) if text.starts_with(bootstrap::CLOSED) => {
            SessionError::Lost(reason)
        }
        (SessionError::WriteFailed(_), Some(reason)) => SessionError::Lost(reason),
        (error, _) => error,
    }
}
