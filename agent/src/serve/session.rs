//! Carries out what the controller asks for, in order.

use super::child::{Asked, Child};
use super::inbox::{Inbox, Next};
use super::wire::Wire;
use super::{job, question};
use crate::facts;
use crate::host::{Host, StopReason};
use crate::journal::{self, Ledger};
use crate::task::{self, Bench, carry_out, refusal};
use luthier_protocol::PROTOCOL_VERSION;
use luthier_protocol::journal::UndoRequest;
use luthier_protocol::message::{AgentHello, CHUNK, ControllerHello, FromAgent, Question, StartChild, ToAgent};
use luthier_protocol::name::{HostName, RunId, Seq};
use luthier_protocol::task::{Content, Identity, Status, TaskRequest};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Exit codes of the agent.
const FINE: u8 = 0;
const LINE_GONE: u8 = 1;
const PROTOCOL: u8 = 2;

/// Who carries out requests of another identity.
struct Worker {
    /// How to become it.
    start: StartChild,
    /// Its agent, once there was something to do. Where it could not be started or has died, the next request asks anew:
    /// what kept it away may be gone.
    child: Option<Child>,
}

/// One conversation with the controller.
pub struct Session {
    host: Host,
    state: PathBuf,
    hello: AgentHello,
    inbox: Arc<Inbox>,
    wire: Arc<Wire>,
    controller: Option<ControllerHello>,
    ledger: Ledger,
    workers: HashMap<Identity, Worker>,
    /// A task failed with `stop_on_failure`: tasks are dropped until the controller resumes.
    dropping: bool,
    /// Tasks numbered below this are dropped.
    from: Seq,
}

impl Session {
    /// Before the first message.
    pub fn new(host: Host, state: PathBuf, hello: AgentHello, inbox: Arc<Inbox>, wire: Arc<Wire>) -> Self {
        let ledger = Ledger::new(&state, None, HostName::from(""));
        Self {
            host,
            state,
            hello,
            inbox,
            wire,
            controller: None,
            ledger,
            workers: HashMap::new(),
            dropping: false,
            from: 0,
        }
    }

    /// Serve until the end; the exit code.
    pub fn serve(mut self) -> u8 {
        loop {
            let done = match self.inbox.next() {
                Next::Message(message) => self.handle(message),
                // The transaction stays open in the journal: that is what `interrupted` means.
                Next::Gone => Some(LINE_GONE),
                Next::Garbage(reason) => Some(self.fatal(format!("the controller sent no message: {reason}"))),
            };
            if let Some(code) = done {
                self.end_children();
                return code;
            }
        }
    }

    fn handle(&mut self, message: ToAgent) -> Option<u8> {
        let controller = match (message, &self.controller) {
            (ToAgent::Hello(hello), None) => return self.greet(hello),
            (ToAgent::Hello(_), Some(_)) => return Some(self.fatal("a second hello".to_owned())),
            (_, None) => return Some(self.fatal("the first message was no hello".to_owned())),
            (message, Some(_)) => message,
        };
        match controller {
            ToAgent::StartChild(start) => self.start_child(start),
            ToAgent::Task(task) => self.task(*task),
            ToAgent::Resume { from } => {
                self.dropping = false;
                self.from = from;
            }
            ToAgent::Facts { seq, only, identity } => {
                let message = ToAgent::Facts { seq, only: only.clone(), identity: None };
                self.answer(seq, identity, message, |session| session.facts(seq, &only));
            }
            ToAgent::Journal { seq, run, host, identity } => {
                let message = ToAgent::Journal { seq, run: run.clone(), host: host.clone(), identity: None };
                self.answer(seq, identity, message, |session| session.journal(seq, run.as_ref(), host.as_ref()));
            }
            // Nobody is become for that: who does not run has closed what was to be closed, or died over it.
            ToAgent::Ask { seq, question: Question::Settle, identity } if self.is_idle(identity.as_ref()) => {
                self.wire.send(&FromAgent::Refused { seq, message: "no agent runs as that user".to_owned() });
            }
            ToAgent::Ask { seq, question, identity } => {
                let message = ToAgent::Ask { seq, question: question.clone(), identity: None };
                self.answer(seq, identity, message, |session| session.tell(seq, &question));
            }
            ToAgent::Undo { request, identity } => {
                let message = ToAgent::Undo { request: request.clone(), identity: None };
                self.answer(request.seq, identity, message, |session| session.undo(&request));
            }
            ToAgent::Bye => return Some(self.farewell()),
            // The inbox deals with these, and greetings were dealt with above.
            ToAgent::Content { .. } | ToAgent::Cancel { .. } | ToAgent::Hello(_) => {}
        }
        None
    }

    fn greet(&mut self, hello: ControllerHello) -> Option<u8> {
        if hello.protocol != PROTOCOL_VERSION {
            let message = format!(
                "the controller speaks version {} of the protocol, this agent {PROTOCOL_VERSION}",
                hello.protocol
            );
            return Some(self.fatal(message));
        }
        self.ledger = Ledger::new(&self.state, hello.run.clone(), hello.host.clone());
        self.from = hello.first_seq;
        self.controller = Some(hello);
        None
    }

    fn fatal(&self, message: String) -> u8 {
        self.wire.send(&FromAgent::Fatal { message });
        PROTOCOL
    }

    fn farewell(&mut self) -> u8 {
        self.end_children();
        if let Err(error) = self.ledger.close() {
            return self.fatal(error.to_string());
        }
        self.wire.send(&FromAgent::Bye);
        FINE
    }

    /// Note how to become somebody. One who was become in another way is let go.
    fn start_child(&mut self, start: StartChild) {
        if self.workers.get(&start.identity).is_some_and(|worker| worker.start == start) {
            return;
        }
        let former = self.workers.insert(start.identity.clone(), Worker { start, child: None });
        if let Some(mut child) = former.and_then(|worker| worker.child) {
            child.dismiss(true);
            child.end();
        }
    }

    /// The child that serves an identity, started if need be; `None` for this process itself.
    fn child(&mut self, identity: Option<&Identity>) -> Result<Option<&mut Child>, String> {
        // This process runs as that user already.
        let Some(identity) = identity.filter(|identity| identity.user != self.hello.user) else { return Ok(None) };
        let (Some(worker), Some(controller)) = (self.workers.get_mut(identity), &self.controller) else {
            return Err(format!("no agent was started for {}", identity.user));
        };
        if let Some(dead) = worker.child.take_if(|child| child.is_gone()) {
            dead.end();
        }
        if worker.child.is_none() {
            match Child::start(&worker.start, &self.hello, controller, &self.inbox, &self.wire) {
                Ok((child, hello)) => {
                    self.wire.send(&FromAgent::ChildStarted { identity: identity.clone(), hello });
                    worker.child = Some(child);
                }
                Err(failure) => {
                    let why = format!("cannot become {}: {}", identity.user, failure.detail);
                    let (reason, detail) = (failure.reason, failure.detail);
                    self.wire.send(&FromAgent::ChildFailed { identity: identity.clone(), reason, detail });
                    return Err(why);
                }
            }
        }
        Ok(worker.child.as_mut())
    }

    /// Whether an identity is another one for which no agent runs.
    fn is_idle(&self, identity: Option<&Identity>) -> bool {
        let worker = identity.and_then(|identity| self.workers.get(identity));
        worker.is_some_and(|worker| worker.child.as_ref().is_none_or(Child::is_gone))
    }

    fn task(&mut self, task: TaskRequest) {
        let (seq, stop_on_failure) = (task.seq, task.stop_on_failure);
        if self.dropping || seq < self.from {
            let result = refusal(seq, Status::Dropped, "not started: an earlier task failed");
            self.wire.send(&FromAgent::Result(Box::new(result)));
            return;
        }
        let failed = if self.inbox.begin(seq) {
            let result = refusal(seq, Status::Cancelled, "cancelled before it was started");
            self.wire.send(&FromAgent::Result(Box::new(result)));
            true
        } else {
            self.carry(task)
        };
        self.inbox.end();
        self.dropping = failed && stop_on_failure;
    }

    /// Carry a task out here or by a child; true when it failed.
    fn carry(&mut self, mut task: TaskRequest) -> bool {
        let seq = task.seq;
        let user = task.identity.as_ref().map_or_else(String::new, |identity| identity.user.clone());
        let child = match self.child(task.identity.as_ref()) {
            Ok(child) => child,
            Err(why) => {
                self.wire.send(&FromAgent::Result(Box::new(refusal(seq, Status::Failed, &why))));
                return true;
            }
        };
        let Some(child) = child else { return self.carry_here(&task) };
        // Dropping is decided here, where all identities' tasks pass.
        task.identity = None;
        task.stop_on_failure = false;
        match child.ask(seq, &ToAgent::Task(Box::new(task))) {
            Asked::Answered { failed } => failed,
            Asked::LineGone => true,
            Asked::Gone(said) => {
                let mut message = format!("agent of {user} ended unexpectedly");
                if !said.is_empty() {
                    message.push_str(": ");
                    message.push_str(&said);
                }
                self.wire.send(&FromAgent::Result(Box::new(refusal(seq, Status::Failed, &message))));
                true
            }
        }
    }

    fn carry_here(&mut self, task: &TaskRequest) -> bool {
        let seq = task.seq;
        self.wire.send(&FromAgent::Started { seq });
        if let (Some(_), Some(controller)) = (&task.job, &self.controller) {
            let result = job::start(&self.host, &self.state, controller, task);
            return self.wire.send_result(result) == Status::Failed;
        }
        let (wire, inbox) = (&self.wire, &self.inbox);
        let limit = match &task.content {
            Some(Content::Offered { size, .. }) => *size,
            _ => 0,
        };
        let result = carry_out(
            &mut Bench {
                host: &self.host,
                ledger: &mut self.ledger,
                stop: inbox.stop(),
                fetch: &mut || {
                    wire.send(&FromAgent::NeedContent { seq });
                    fetch(inbox, limit)
                },
                output: &mut |stream, data| {
                    for piece in data.chunks(CHUNK) {
                        wire.send(&FromAgent::Output { seq, stream, data: piece.to_vec() });
                    }
                },
            },
            task,
        );
        let status = self.wire.send_result(result);
        !matches!(status, Status::Ok | Status::Changed | Status::Skipped)
    }

    /// Answer a request that is no task, here or by a child.
    fn answer(&mut self, seq: Seq, identity: Option<Identity>, message: ToAgent, here: impl FnOnce(&mut Self)) {
        self.inbox.begin(seq);
        let refused = match self.child(identity.as_ref()) {
            Ok(None) => {
                here(self);
                None
            }
            Ok(Some(child)) => match child.ask(seq, &message) {
                Asked::Gone(said) => Some(format!("the agent of that user ended unexpectedly: {said}")),
                Asked::Answered { .. } | Asked::LineGone => None,
            },
            Err(why) => Some(why),
        };
        if let Some(message) = refused {
            self.wire.send(&FromAgent::Refused { seq, message });
        }
        self.inbox.end();
    }

    fn facts(&mut self, seq: Seq, only: &[String]) {
        let answer = match facts::gather(&self.host, only) {
            Ok(facts) => FromAgent::Facts { seq, facts },
            Err(error) => FromAgent::Refused { seq, message: error.to_string() },
        };
        self.wire.send(&answer);
    }

    fn journal(&mut self, seq: Seq, run: Option<&RunId>, host: Option<&HostName>) {
        let answer = match journal::list(self.ledger.folder(), run, host) {
            Ok((transactions, unread)) => FromAgent::Journal { seq, transactions, unread },
            Err(error) => FromAgent::Refused { seq, message: error.to_string() },
        };
        self.wire.send(&answer);
    }

    fn tell(&mut self, seq: Seq, question: &Question) {
        let answer = match question::tell(&self.host, &self.state, &mut self.ledger, question) {
            Ok(told) => FromAgent::Told { seq, told },
            Err(message) => FromAgent::Refused { seq, message },
        };
        self.wire.send(&answer);
    }

    fn undo(&mut self, request: &UndoRequest) {
        // It may be this session's own transaction that is to be undone.
        if let Err(error) = self.ledger.close() {
            self.wire.send(&FromAgent::Refused { seq: request.seq, message: error.to_string() });
            return;
        }
        let report = task::rollback(&self.host, self.ledger.folder(), request);
        self.wire.send(&FromAgent::Undo(report));
    }

    fn end_children(&mut self) {
        let gone = self.inbox.stop().raised() == Some(StopReason::LineGone);
        let mut children: Vec<Child> = self.workers.drain().filter_map(|(_, worker)| worker.child).collect();
        for child in &mut children {
            child.dismiss(!gone);
        }
        for child in children {
            child.end();
        }
    }
}

/// Content from the controller, piece by piece, no more than was announced.
fn fetch(inbox: &Inbox, limit: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    loop {
        match inbox.piece() {
            Ok((data, last)) => {
                bytes.extend_from_slice(&data);
                if bytes.len() as u64 > limit {
                    return Err(format!("more content came than the {limit} bytes announced"));
                }
                if last {
                    return Ok(bytes);
                }
            }
            Err(StopReason::Cancelled) => return Err("cancelled while its content was on the way".to_owned()),
            Err(StopReason::LineGone) => return Err("the line to the controller is gone".to_owned()),
        }
    }
}
