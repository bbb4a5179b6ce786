//! A child agent of another user: started through a become program, fed over a pipe, relayed to the controller.

use super::escalate::escalation;
use super::greeting::{Greeting, STACK, START, listen};
use super::inbox::{ChildNews, Inbox};
use super::relay::Relay;
use super::wire::Wire;
use crate::host::{Piped, sys};
use luthier_protocol::bootstrap::{ArchHash, Bootstrap};
use luthier_protocol::frame;
use luthier_protocol::message::{AgentHello, ChildFailure, ControllerHello, StartChild, ToAgent};
use luthier_protocol::name::Seq;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::Builder;
use std::time::{Duration, Instant};

/// Names the folder of all users' states.
const STATE: &str = "LUTHIER_STATE_DIR";

/// How long a dismissed child may take to finish and close its journal.
const FAREWELL: Duration = Duration::from_secs(5);

/// No request is with the child.
const NOTHING: u64 = u64::MAX;

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// A running child agent.
pub struct Child {
    number: u64,
    process: Piped,
    stdin: Option<Box<dyn Write + Send>>,
    inbox: Arc<Inbox>,
    expected: Arc<AtomicU64>,
}

/// Why a child could not be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildError {
    /// For programs.
    pub reason: ChildFailure,
    /// For people.
    pub detail: String,
}

impl ChildError {
    /// With a reason and a detail.
    pub fn new(reason: ChildFailure, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

/// What became of a request to a child.
#[derive(Debug)]
pub enum Asked {
    /// It was answered; the answer has gone to the controller.
    Answered {
        /// It was a task that failed.
        failed: bool,
    },
    /// The child is gone; what it said last.
    Gone(String),
    /// The line to the controller is gone.
    LineGone,
}

impl Child {
    /// Start an agent for another user and wait for its hello.
    pub fn start(
        start: &StartChild,
        own: &AgentHello,
        controller: &ControllerHello,
        inbox: &Arc<Inbox>,
        wire: &Arc<Wire>,
    ) -> Result<(Self, AgentHello), ChildError> {
        match Self::begin(start, own, controller, (inbox, wire), false) {
            // A cached agent that is damaged is replaced.
            Err((_, true)) => Self::begin(start, own, controller, (inbox, wire), true),
            other => other,
        }
        .map_err(|(error, _)| error)
    }

    /// Start it, or say why not, and whether the cached agent may be damaged. `anew`: what is cached is passed over.
    fn begin(
        start: &StartChild,
        own: &AgentHello,
        controller: &ControllerHello,
        (inbox, wire): (&Arc<Inbox>, &Arc<Wire>),
        anew: bool,
    ) -> Result<(Self, AgentHello), (ChildError, bool)> {
        let not_started = |error: io::Error| (ChildError::new(ChildFailure::NotStarted, error.to_string()), false);
        let nonce = sys::random_word().map_err(not_started)?;
        let marker = format!("[luthier-{}]", sys::random_word().map_err(not_started)?);
        let script = script(&nonce, own, start.agent_path.clone(), anew);
        let escalation = escalation(start, &script, &marker)
            .map_err(|message| (ChildError::new(ChildFailure::NotStarted, message), false))?;
        let mut process = Piped::start(&escalation.argv, &[("LC_ALL", "C")]).map_err(|error| {
            let program = escalation.argv.first().map_or("", String::as_str);
            (ChildError::new(ChildFailure::NotStarted, format!("cannot run {program}: {error}")), false)
        })?;
        let heard = listen(&mut process).map_err(not_started)?;
        let mut greeting = Greeting {
            nonce: &nonce,
            escalation: &escalation,
            password: start.password.as_deref(),
            hash: &own.hash,
            stdin: process.stdin().map(|stdin| Box::new(stdin) as Box<dyn Write + Send>),
            heard,
            out: Vec::new(),
            err: Vec::new(),
            prompts: 0,
            is_damaged: false,
        };
        let deadline = Instant::now() + START;
        let hello = greeting.until_hello(deadline);
        let Greeting { stdin, heard, err, out, is_damaged, .. } = greeting;
        let (mut decoder, hello) = match hello {
            Ok(found) => found,
            Err(error) => {
                drop((stdin, heard));
                process.end(Duration::ZERO);
                return Err((error, is_damaged && !anew));
            }
        };
        decoder.push(&out);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let expected = Arc::new(AtomicU64::new(NOTHING));
        let relay = Relay {
            number,
            expected: Arc::clone(&expected),
            inbox: Arc::clone(inbox),
            wire: Arc::clone(wire),
            tail: err,
        };
        Builder::new().stack_size(STACK).spawn(move || relay.run(&heard, decoder)).map_err(not_started)?;
        let mut child = Self { number, process, stdin, inbox: Arc::clone(inbox), expected };
        child.send(&ToAgent::Hello(controller.clone()));
        Ok((child, hello))
    }

    /// Whether it is known to have ended.
    pub fn is_gone(&self) -> bool {
        self.inbox.is_child_gone(self.number).is_some()
    }

    /// Send a request and wait until its answer has gone to the controller.
    pub fn ask(&mut self, seq: Seq, request: &ToAgent) -> Asked {
        if let Some(said) = self.inbox.is_child_gone(self.number) {
            return Asked::Gone(said);
        }
        self.expected.store(seq, Ordering::SeqCst);
        self.send(request);
        let asked = loop {
            match self.inbox.child_news(self.number) {
                ChildNews::Answered { failed } => break Asked::Answered { failed },
                ChildNews::Gone(said) => break Asked::Gone(said),
                ChildNews::LineGone => break Asked::LineGone,
                ChildNews::Cancelled => self.send(&ToAgent::Cancel { seq }),
                ChildNews::Content(data, last) => self.send(&ToAgent::Content { seq, data, last }),
            }
        };
        self.expected.store(NOTHING, Ordering::SeqCst);
        asked
    }

    /// A child that cannot be written to is about to be reported as gone by its relay.
    fn send(&mut self, message: &ToAgent) {
        let Some(stdin) = &mut self.stdin else { return };
        let written = match frame::encode(message) {
            Ok(bytes) => stdin.write_all(&bytes).and_then(|()| stdin.flush()),
            Err(error) => Err(io::Error::other(error.to_string())),
        };
        if written.is_err() {
            self.stdin = None;
        }
    }

    /// Tell it that nothing more comes: with a farewell its transaction is closed, without one it stays interrupted.
    pub fn dismiss(&mut self, farewell: bool) {
        if farewell {
            self.send(&ToAgent::Bye);
        }
        self.stdin = None;
    }

    /// Wait for its end.
    pub fn end(mut self) {
        self.stdin = None;
        self.process.end(FAREWELL);
    }
}

/// The bootstrap script of this very agent. The become program cleans the environment, so it names the state's folder;
/// and it spoke English so that it could be understood, which the agent's commands need not do.
fn script(nonce: &str, own: &AgentHello, place: Option<String>, anew: bool) -> String {
    let bootstrap = Bootstrap {
        hashes: vec![ArchHash { arch: own.arch.clone(), hash: own.hash.clone() }],
        nonce: nonce.to_owned(),
        place,
    };
    let bootstrap = if anew { bootstrap.anew() } else { bootstrap };
    let export = |name: &str, value: &str| format!("{name}=\"{value}\"; export {name}; ");
    let locale = plain("LC_ALL").map_or_else(|| "unset LC_ALL; ".to_owned(), |value| export("LC_ALL", &value));
    let state = plain(STATE).map_or_else(String::new, |value| export(STATE, &value));
    format!("{locale}{state}{}", bootstrap.script())
}

/// A variable whose value needs no quoting inside double quotes.
fn plain(name: &str) -> Option<String> {
    let harmless = |letter: char| letter.is_alphanumeric() || "/._-+@:, ".contains(letter);
    sys::variable(name).filter(|value| value.chars().all(harmless))
}
