//! The conversation with one agent: one task a host that writes what is queued and hands out what comes.
//!
//! Hearing never waits for speaking, so two full pipes cannot stop each other. Whatever a host sends that is no message
//! ends its session and nobody else's.

use super::content::{self, ContentSource};
use super::line::{Heard, Line, LineReader, LineWriter, SSH_FAILED};
use super::open::{Listener, Notice};
use super::{SessionError, Settings, escaped};
use luthier_protocol::frame::{Decoder, encode};
use luthier_protocol::journal::{Transaction, UndoReport};
use luthier_protocol::message::{AgentHello, FromAgent, ToAgent, Told};
use luthier_protocol::name::Seq;
use luthier_protocol::task::TaskResult;
use luthier_protocol::{Map, PROTOCOL_VERSION};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, WeakSender};
use tokio::sync::oneshot;

/// Queued messages are put together up to this size before they are written.
const BATCH: usize = 128 * 1024;

/// How much of the end of the agent's standard error is kept for the message of its death.
const ERR_TAIL: usize = 1024;

/// How long a dead agent's status is waited for.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// An answer.
#[derive(Debug)]
pub(super) enum Answer {
    Task(Box<TaskResult>),
    Facts(Map),
    Journal(Vec<Transaction>, Vec<String>),
    Undo(UndoReport),
    Told(Told),
}

/// What a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Task,
    Facts,
    Journal,
    Undo,
    Told,
}

struct Waiter {
    kind: Kind,
    reply: Option<oneshot::Sender<Result<Answer, SessionError>>>,
    content: Option<ContentSource>,
}

/// Requests under way, and the end of it all.
#[derive(Default)]
pub(super) struct Desk {
    inner: Mutex<DeskInner>,
}

#[derive(Default)]
struct DeskInner {
    waiting: HashMap<Seq, Waiter>,
    ended: Option<SessionError>,
    /// We said goodbye.
    leaving: bool,
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, DeskInner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Note a request before it is sent.
    pub(super) fn expect(
        &self,
        seq: Seq,
        kind: Kind,
        content: Option<ContentSource>,
    ) -> Result<oneshot::Receiver<Result<Answer, SessionError>>, SessionError> {
        let (reply, receiver) = oneshot::channel();
        let mut desk = self.lock();
        if let Some(error) = &desk.ended {
            return Err(error.clone());
        }
        if desk.waiting.contains_key(&seq) {
            return Err(SessionError::DuplicateSeq(seq));
        }
        desk.waiting.insert(seq, Waiter { kind, reply: Some(reply), content });
        Ok(receiver)
    }

    /// A request that could not be sent after all.
    pub(super) fn forget(&self, seq: Seq) {
        self.lock().waiting.remove(&seq);
    }

    /// What ended the session, if it has ended.
    pub(super) fn ended(&self) -> Option<SessionError> {
        self.lock().ended.clone()
    }

    /// We are about to say goodbye.
    pub(super) fn leave(&self) {
        self.lock().leaving = true;
    }

    fn is_leaving(&self) -> bool {
        self.lock().leaving
    }

    /// The session is over: everybody who waits is told.
    pub(super) fn end(&self, error: &SessionError) {
        let mut desk = self.lock();
        desk.ended.get_or_insert_with(|| error.clone());
        let waiting = std::mem::take(&mut desk.waiting);
        drop(desk);
        for waiter in waiting.into_values() {
            if let Some(reply) = waiter.reply {
                let _ = reply.send(Err(error.clone()));
            }
        }
    }

    fn answer(&self, seq: Seq, kind: Kind, answer: Result<Answer, SessionError>) -> Result<(), SessionError> {
        let mut desk = self.lock();
        match desk.waiting.get(&seq) {
            Some(waiter) if waiter.kind == kind => {}
            _ => return Err(SessionError::Protocol(format!("it answered request {seq}, which nobody made"))),
        }
        let reply = desk.waiting.remove(&seq).and_then(|waiter| waiter.reply);
        drop(desk);
        if let Some(reply) = reply {
            let _ = reply.send(answer);
        }
        Ok(())
    }

    fn refuse(&self, seq: Seq, message: &str) -> Result<(), SessionError> {
        let kind = self.lock().waiting.get(&seq).map(|waiter| waiter.kind);
        match kind {
            Some(kind) => self.answer(seq, kind, Err(SessionError::Refused(escaped(message)))),
            None => Err(SessionError::Protocol(format!("it refused request {seq}, which nobody made"))),
        }
    }

    fn take_content(&self, seq: Seq) -> Result<ContentSource, SessionError> {
        let found = self.lock().waiting.get_mut(&seq).and_then(|waiter| waiter.content.take());
        found.ok_or_else(|| SessionError::Protocol(format!("it asked for content of request {seq}, which has none")))
    }

    /// The requester is told now; the agent's own answer will find nobody waiting, but its place is kept.
    fn fail_early(&self, seq: Seq, error: SessionError) {
        let reply = self.lock().waiting.get_mut(&seq).and_then(|waiter| waiter.reply.take());
        if let Some(reply) = reply {
            let _ = reply.send(Err(error));
        }
    }
}

/// Hear the agent's hello. Ours goes with the first request: a round trip of its own it is not worth.
pub(super) async fn greet(
    line: &mut Line,
    settings: &Settings,
    rest: Vec<u8>,
) -> Result<(AgentHello, Decoder), SessionError> {
    let mut decoder = Decoder::for_hello();
    decoder.push(&rest);
    let mut tail = Tail::default();
    let limit = settings.deadlines.start;
    let exchange = async {
        loop {
            match decoder.next_message::<FromAgent>().map_err(broken)? {
                Some(FromAgent::Hello(agent)) => return checked(agent),
                Some(FromAgent::Heartbeat) => continue,
                Some(FromAgent::Fatal { message }) => return Err(gave_up(&message)),
                Some(_) => return Err(SessionError::Protocol("its first message is no hello".to_owned())),
                None => {}
            }
            match tail.next(&mut line.reader, limit).await? {
                Some(bytes) => decoder.push(&bytes),
                None => return Err(tail.gone()),
            }
        }
    };
    let agent = tokio::time::timeout(limit, exchange)
        .await
        .map_err(|_| SessionError::Deadline { phase: "the agent's hello", seconds: limit.as_secs() })??;
    decoder.greeted();
    Ok((agent, decoder))
}

fn checked(agent: AgentHello) -> Result<AgentHello, SessionError> {
    if agent.protocol == PROTOCOL_VERSION {
        return Ok(agent);
    }
    Err(SessionError::Version {
        agent: agent.protocol,
        agent_version: escaped(&agent.version),
        ours: PROTOCOL_VERSION,
        ours_version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

fn broken(error: luthier_protocol::frame::FrameError) -> SessionError {
    SessionError::Protocol(escaped(&error.to_string()))
}

pub(super) fn unsendable(error: luthier_protocol::frame::FrameError) -> SessionError {
    SessionError::Unsendable(error.to_string())
}

fn gave_up(message: &str) -> SessionError {
    SessionError::Lost(format!("the agent gave up: {}", escaped(message)))
}

/// The last of what the agent said on standard error, and how it ended.
#[derive(Default)]
struct Tail {
    err: Vec<u8>,
    status: Option<String>,
}

impl Tail {
    /// The next bytes of the conversation; `None` when no more will come. An SSH server may tell the status before the
    /// last output, so that it ends nothing.
    async fn next(&mut self, reader: &mut LineReader, silence: Duration) -> Result<Option<Vec<u8>>, SessionError> {
        loop {
            let limit = if self.status.is_some() { LAST_WORDS } else { silence };
            match tokio::time::timeout(limit, reader.next()).await {
                Ok(Heard::Out(bytes)) => return Ok(Some(bytes)),
                Ok(Heard::Err(bytes)) => {
                    self.err.extend_from_slice(&bytes);
                    let surplus = self.err.len().saturating_sub(ERR_TAIL);
                    self.err.drain(..surplus);
                }
                Ok(Heard::Exit(text)) => self.status = Some(text),
                Ok(Heard::End | Heard::Refused) => return Ok(None),
                Err(_) if self.status.is_some() => return Ok(None),
                Err(_) => {
                    return Err(SessionError::Lost(format!("the host was silent for {} s", silence.as_secs())));
                }
            }
        }
    }

    /// The agent is gone: how, in words.
    fn gone(&self) -> SessionError {
        let how = match &self.status {
            Some(text) if text == SSH_FAILED => "ssh ended".to_owned(),
            Some(text) => format!("the agent ended ({text})"),
            None => CLOSED.to_owned(),
        };
        let said = escaped(&String::from_utf8_lossy(&self.err));
        SessionError::Lost(if said.is_empty() { how } else { format!("{how}: {said}") })
    }
}

/// The end of a line of which nobody says why.
const CLOSED: &str = "the host closed it";

/// Everything the conversation needs.
pub(super) struct Conversation {
    pub(super) desk: Arc<Desk>,
    pub(super) listener: Listener,
    pub(super) silence: Duration,
    /// Weak, so that the queue ends when the last handle of the session is gone.
    pub(super) queue: WeakSender<Vec<u8>>,
}

impl Conversation {
    /// Talk until the end, then close the line.
    /// `hello` goes out before the first of what is queued.
    pub(super) async fn run(
        self,
        mut line: Line,
        mut decoder: Decoder,
        hello: Vec<u8>,
        mut outgoing: Receiver<Vec<u8>>,
    ) {
        let end = {
            let Line { reader, writer, .. } = &mut line;
            tokio::select! {
                end = self.hear(reader, &mut decoder) => end,
                end = speak(writer, hello, &mut outgoing) => match end {
                    // The host's last words tell more than a broken pipe.
                    Err(problem) => tokio::time::timeout(LAST_WORDS, self.hear(reader, &mut decoder))
                        .await
                        .unwrap_or(SessionError::Lost(problem)),
                    Ok(()) if self.desk.is_leaving() => SessionError::Lost(GOODBYE.to_owned()),
                    Ok(()) => SessionError::Lost("nobody needs it any more".to_owned()),
                },
            }
        };
        let end = match (&end, line.keeper.as_ref().and_then(|keeper| keeper.reason())) {
            (SessionError::Lost(text), Some(reason)) if text == CLOSED => SessionError::Lost(reason),
            _ => end,
        };
        outgoing.close();
        self.desk.end(&end);
        line.close().await;
    }

    /// Hear until something ends the session.
    async fn hear(&self, reader: &mut LineReader, decoder: &mut Decoder) -> SessionError {
        let mut tail = Tail::default();
        loop {
            loop {
                match decoder.next_message::<FromAgent>() {
                    Ok(Some(message)) => {
                        if let Err(end) = self.message(message) {
                            return end;
                        }
                    }
                    Ok(None) => break,
                    Err(error) => return broken(error),
                }
            }
            match tail.next(reader, self.silence).await {
                Ok(Some(bytes)) => decoder.push(&bytes),
                Ok(None) => return tail.gone(),
                Err(lost) => return lost,
            }
        }
    }

    /// Hand one message out.
    fn message(&self, message: FromAgent) -> Result<(), SessionError> {
        match message {
            FromAgent::Heartbeat => {}
            FromAgent::Hello(_) => return Err(SessionError::Protocol("a second hello".to_owned())),
            FromAgent::ChildStarted { identity, hello } => {
                tracing::debug!(user = %identity.user, pid = hello.pid, "child agent started");
            }
            FromAgent::ChildFailed { identity, reason, detail } => {
                // Each of its tasks fails with this, too; the log keeps it for a session that has none.
                tracing::debug!(user = %identity.user, ?reason, detail = %escaped(&detail), "child agent failed");
            }
            FromAgent::Started { seq } => (self.listener)(Notice::Started { seq }),
            FromAgent::Output { seq, stream, data } => (self.listener)(Notice::Output { seq, stream, data }),
            FromAgent::NeedContent { seq } => self.send_content(seq)?,
            FromAgent::Result(result) => self.desk.answer(result.seq, Kind::Task, Ok(Answer::Task(result)))?,
            FromAgent::Facts { seq, facts } => self.desk.answer(seq, Kind::Facts, Ok(Answer::Facts(facts)))?,
            FromAgent::Journal { seq, transactions, unread } => {
                self.desk.answer(seq, Kind::Journal, Ok(Answer::Journal(transactions, unread)))?;
            }
            FromAgent::Told { seq, told } => self.desk.answer(seq, Kind::Told, Ok(Answer::Told(told)))?,
            FromAgent::Undo(report) => self.desk.answer(report.seq, Kind::Undo, Ok(Answer::Undo(report)))?,
            FromAgent::Refused { seq, message } => self.desk.refuse(seq, &message)?,
            FromAgent::Fatal { message } => return Err(gave_up(&message)),
            FromAgent::Bye => return Err(SessionError::Lost(self.farewell())),
        }
        Ok(())
    }

    fn farewell(&self) -> String {
        if self.desk.is_leaving() { GOODBYE.to_owned() } else { "the agent said goodbye unasked".to_owned() }
    }

    /// In a task of its own: hearing must not wait until the host takes it.
    fn send_content(&self, seq: Seq) -> Result<(), SessionError> {
        let source = self.desk.take_content(seq)?;
        let Some(queue) = self.queue.upgrade() else { return Ok(()) };
        let desk = Arc::clone(&self.desk);
        tokio::spawn(async move {
            if let Err(Some((path, reason))) = content::send(source, seq, &queue).await {
                desk.fail_early(seq, SessionError::Content { path, reason });
                if let Ok(bytes) = encode(&ToAgent::Cancel { seq }) {
                    let _ = queue.send(bytes).await;
                }
            }
        });
        Ok(())
    }
}

/// Queued behind the last message: the line may close once that is out.
pub(super) const HANG_UP: Vec<u8> = Vec::new();

/// The end of a session that ended well.
pub(super) const GOODBYE: &str = "the session was closed";

/// Write what is queued, several messages at once where they wait, the first behind `hello`. `Ok` when the queue has ended
/// or says [`HANG_UP`].
async fn speak(writer: &mut LineWriter, hello: Vec<u8>, outgoing: &mut Receiver<Vec<u8>>) -> Result<(), String> {
    let mut before = hello;
    while let Some(message) = outgoing.recv().await {
        let mut is_last = message == HANG_UP;
        let mut bytes = std::mem::take(&mut before);
        bytes.extend_from_slice(&message);
        while bytes.len() < BATCH
            && !is_last
            && let Ok(more) = outgoing.try_recv()
        {
            is_last = more == HANG_UP;
            bytes.extend_from_slice(&more);
        }
        writer.write(bytes).await?;
        if is_last {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
