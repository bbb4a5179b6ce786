//! A session as the rest of the program holds it.

use super::content::ContentSource;
use super::line::Line;
use super::open::Listener;
use super::unsettled::Unsettled;
use super::wire::{Answer, Conversation, Desk, GOODBYE, HANG_UP, Kind, unsendable};
use super::{SessionError, Settings};
use luthier_protocol::Map;
use luthier_protocol::frame::{Decoder, encode};
use luthier_protocol::journal::{Transaction, UndoReport, UndoRequest};
use luthier_protocol::message::{AgentHello, Question, StartChild, ToAgent, Told};
use luthier_protocol::name::{HostName, RunId, Seq};
use luthier_protocol::task::{Identity, TaskRequest, TaskResult};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{Sender, channel};
use tokio::sync::{Mutex, oneshot, watch};
use tokio::task::AbortHandle;

/// Messages that may wait for a slow line before senders wait.
const QUEUE: usize = 16;

/// An open conversation with the agent of one host. Clones share it; when the last one and the last [`Pending`] are
/// gone, it ends.
#[derive(Clone)]
pub struct Session {
    inner: Arc<Inner>,
}

struct Inner {
    agent: AgentHello,
    queue: Sender<Vec<u8>>,
    desk: Arc<Desk>,
    /// How the agent was told to become others. Held while telling, so that nobody overtakes it.
    children: Mutex<HashMap<Identity, StartChild>>,
    /// The host's key is not the recorded one.
    is_suspect: bool,
    unsettled: Unsettled,
    finished: watch::Receiver<bool>,
    task: AbortHandle,
    close_limit: Duration,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({} pid {})", self.inner.agent.node, self.inner.agent.pid)
    }
}

impl Session {
    pub(super) fn begin(
        settings: &Settings,
        line: Line,
        decoder: Decoder,
        agent: AgentHello,
        hello: Vec<u8>,
        listener: Listener,
    ) -> Self {
        let (queue, outgoing) = channel(QUEUE);
        let is_suspect = line.keeper.as_ref().is_some_and(|keeper| keeper.is_suspect());
        let desk = Arc::new(Desk::default());
        let conversation = Conversation {
            desk: Arc::clone(&desk),
            listener,
            silence: settings.deadlines.silence,
            queue: queue.downgrade(),
        };
        let (done, finished) = watch::channel(false);
        let task = tokio::spawn(async move {
            conversation.run(line, decoder, hello, outgoing).await;
            let _ = done.send(true);
        });
        let inner = Inner {
            agent,
            queue,
            desk,
            children: Mutex::default(),
            is_suspect,
            unsettled: Unsettled::default(),
            finished,
            task: task.abort_handle(),
            close_limit: settings.deadlines.close,
        };
        Self { inner: Arc::new(inner) }
    }

    /// What the agent said of itself.
    pub fn agent(&self) -> &AgentHello {
        &self.inner.agent
    }

    /// What ended the session, if something did.
    pub fn ended(&self) -> Option<SessionError> {
        self.inner.desk.ended()
    }

    async fn send(&self, message: &ToAgent) -> Result<(), SessionError> {
        let bytes = encode(message).map_err(unsendable)?;
        self.inner.queue.send(bytes).await.map_err(|_| self.lost())
    }

    fn lost(&self) -> SessionError {
        self.ended().unwrap_or_else(|| SessionError::Lost(GOODBYE.to_owned()))
    }

    async fn request(
        &self,
        seq: Seq,
        kind: Kind,
        message: &ToAgent,
        content: Option<ContentSource>,
    ) -> Result<oneshot::Receiver<Result<Answer, SessionError>>, SessionError> {
        let answer = self.inner.desk.expect(seq, kind, content)?;
        if let Err(error) = self.send(message).await {
            self.inner.desk.forget(seq);
            return Err(error);
        }
        Ok(answer)
    }

    /// Say how to become another identity; said again only where it changed. Waits for nothing: the agent becomes it for the
    /// first request that needs it, and again where that failed or its child died. A request for which it cannot fails and
    /// says why.
    pub async fn start_child(&self, child: StartChild) -> Result<(), SessionError> {
        if self.inner.is_suspect && child.password.is_some() {
            return Err(SessionError::PasswordWithheld);
        }
        let mut children = self.inner.children.lock().await;
        if children.get(&child.identity) == Some(&child) {
            return Ok(());
        }
        self.send(&ToAgent::StartChild(child.clone())).await?;
        children.insert(child.identity.clone(), child);
        Ok(())
    }

    /// Send a task. It is carried out after those sent before; `content` is what it offers by hash.
    pub async fn submit(&self, task: TaskRequest, content: Option<ContentSource>) -> Result<Pending, SessionError> {
        let seq = task.seq;
        if !task.check {
            self.inner.unsettled.opened(task.identity.as_ref());
        }
        let message = ToAgent::Task(Box::new(task));
        let answer = self.request(seq, Kind::Task, &message, content).await?;
        Ok(Pending { session: self.clone(), seq, answer })
    }

    /// Stop a task. Its result tells what became of it.
    pub async fn cancel(&self, seq: Seq) -> Result<(), SessionError> {
        self.send(&ToAgent::Cancel { seq }).await
    }

    /// After a failure that stopped the list: take up tasks numbered at least `from`.
    pub async fn resume(&self, from: Seq) -> Result<(), SessionError> {
        self.send(&ToAgent::Resume { from }).await
    }

    /// Gather facts; `only` names top-level keys, empty means all.
    pub async fn facts(&self, seq: Seq, only: Vec<String>, identity: Option<Identity>) -> Result<Map, SessionError> {
        let answer = self.request(seq, Kind::Facts, &ToAgent::Facts { seq, only, identity }, None).await?;
        match self.wait(answer).await? {
            Answer::Facts(facts) => Ok(facts),
            other => Err(mixed_up(&other)),
        }
    }

    /// The journal's transactions, oldest first; and what is wrong with each journal that cannot be read.
    pub async fn journal(
        &self,
        seq: Seq,
        run: Option<RunId>,
        host: Option<HostName>,
        identity: Option<Identity>,
    ) -> Result<(Vec<Transaction>, Vec<String>), SessionError> {
        let message = ToAgent::Journal { seq, run, host, identity };
        let answer = self.request(seq, Kind::Journal, &message, None).await?;
        match self.wait(answer).await? {
            Answer::Journal(transactions, unread) => Ok((transactions, unread)),
            other => Err(mixed_up(&other)),
        }
    }

    /// The answer to a question.
    pub async fn ask(&self, seq: Seq, question: Question, identity: Option<Identity>) -> Result<Told, SessionError> {
        let answer = self.request(seq, Kind::Told, &ToAgent::Ask { seq, question, identity }, None).await?;
        match self.wait(answer).await? {
            Answer::Told(told) => Ok(told),
            other => Err(mixed_up(&other)),
        }
    }

    /// Undo changes of a run.
    pub async fn undo(&self, request: UndoRequest, identity: Option<Identity>) -> Result<UndoReport, SessionError> {
        let seq = request.seq;
        let answer = self.request(seq, Kind::Undo, &ToAgent::Undo { request, identity }, None).await?;
        match self.wait(answer).await? {
            Answer::Undo(report) => Ok(report),
            other => Err(mixed_up(&other)),
        }
    }

    /// Say that what was sent so far is probably all, without waiting: transactions close as soon as it is done, and
    /// [`Session::close`] need not wait for a goodbye. `next` gives numbers to requests.
    pub async fn settle(&self, next: &(dyn Fn() -> Seq + Sync)) -> Result<(), SessionError> {
        for identity in self.inner.unsettled.open() {
            let seq = next();
            let message = ToAgent::Ask { seq, question: Question::Settle, identity: identity.clone() };
            let answer = self.request(seq, Kind::Told, &message, None).await?;
            self.inner.unsettled.closing(identity, answer);
        }
        Ok(())
    }

    async fn wait(&self, answer: oneshot::Receiver<Result<Answer, SessionError>>) -> Result<Answer, SessionError> {
        answer.await.unwrap_or_else(|_| Err(self.lost()))
    }

    /// Say goodbye, wait for the agent's goodbye (which closes its transaction) and close the line, in bounded time. Where
    /// no transaction is open, nothing is waited for.
    pub async fn close(self) -> Result<(), SessionError> {
        self.inner.desk.leave();
        let limit = self.inner.close_limit;
        let mut finished = self.inner.finished.clone();
        let farewell = async {
            // Where the line is gone already, its end is what we wait for.
            let _ = self.send(&ToAgent::Bye).await;
            if self.inner.unsettled.is_settled().await {
                let _ = self.inner.queue.send(HANG_UP).await;
            }
            let _ = finished.wait_for(|done| *done).await;
        };
        if tokio::time::timeout(limit, farewell).await.is_err() {
            self.inner.task.abort();
            let error = SessionError::Lost(format!("the agent did not say goodbye within {} s", limit.as_secs()));
            self.inner.desk.end(&error);
            return Err(error);
        }
        match self.lost() {
            SessionError::Lost(text) if text == GOODBYE => Ok(()),
            error => Err(error),
        }
    }
}

fn mixed_up(answer: &Answer) -> SessionError {
    let kind = match answer {
        Answer::Task(_) => "a task's result",
        Answer::Facts(_) => "facts",
        Answer::Journal(..) => "a journal",
        Answer::Undo(_) => "an undo report",
        Answer::Told(_) => "an answer",
    };
    SessionError::Protocol(format!("it answered with {kind}, which was not asked for"))
}

/// A task under way.
pub struct Pending {
    session: Session,
    seq: Seq,
    answer: oneshot::Receiver<Result<Answer, SessionError>>,
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pending({})", self.seq)
    }
}

impl Pending {
    /// The task's number.
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// Wait for the result. Where the line goes, all that wait get the reason.
    pub async fn wait(self) -> Result<TaskResult, SessionError> {
        match self.session.wait(self.answer).await? {
            Answer::Task(result) => Ok(*result),
            other => Err(mixed_up(&other)),
        }
    }
}
