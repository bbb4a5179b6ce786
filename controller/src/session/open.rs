//! Opening a session, step by step, and what a session says while it lives.

use super::bootstrap::NotBegun;
use super::handle::Session;
use super::line::Line;
use super::link::Again;
use super::{ConnectionKind, SessionError, Settings, Target};
use super::{bootstrap, local, openssh, ssh, wire};
use luthier_protocol::bootstrap::Bootstrap;
use luthier_protocol::frame::encode;
use luthier_protocol::message::{ControllerHello, Stream, ToAgent};
use luthier_protocol::name::Seq;
use std::sync::Arc;
use tokio::time::Instant;

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
        ConnectionKind::OpenSsh => return by_openssh(settings, target, script, hello, listener).await,
        ConnectionKind::Ssh => ssh::start(settings, target, &script.command(), listener).await?,
    };
    open_on(settings, line, script, hello, listener).await
}

/// By the `ssh` program: in turn where many want to, and again where a server cut it short, as [`Link::reach`] does it.
///
/// [`Link::reach`]: super::link::Link::reach
async fn by_openssh(
    settings: &Arc<Settings>,
    target: &Target,
    script: &Bootstrap,
    hello: &ControllerHello,
    listener: &Listener,
) -> Result<Session, NotBegun> {
    openssh::check(settings, target, listener)?;
    let mut left = target.connect_timeout.unwrap_or(settings.deadlines.connect);
    let mut turn = settings.startups.enter(openssh::server(settings, target)).await;
    let mut attempt = 1;
    loop {
        let begun = Instant::now();
        let line = openssh::start(settings, target, &script.command(), turn)?;
        let not_begun = match open_on(settings, line, script, hello, listener).await {
            Err(not_begun) if not_begun.turn.is_some() && openssh::is_busy(&not_begun.error) => not_begun,
            other => return other,
        };
        left = left.saturating_sub(begun.elapsed());
        let Some(pause) = Again::Soon.pause(attempt, 1).filter(|pause| *pause < left) else { return Err(not_begun) };
        tokio::time::sleep(pause).await;
        left = left.saturating_sub(pause);
        attempt += 1;
        turn = not_begun.turn;
    }
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
        Err(NotBegun { is_damaged, error, .. }) => {
            let reason = line.keeper.as_ref().and_then(|keeper| keeper.reason());
            let turn = line.turn.take();
            line.close().await;
            Err(NotBegun { is_damaged, error: blamed(error, reason), turn })
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
