//! A child agent of another user: started through a become program, fed over a pipe, relayed to the controller.

use super::escalate::{Escalation, Prompt, escalation, failure};
use super::inbox::{ChildNews, Inbox};
use super::wire::Wire;
use crate::host::{Piped, sys};
use flate2::Compression;
use flate2::write::GzEncoder;
use luthier_protocol::bootstrap::{ArchHash, Bootstrap, STOP, Word, parse_line};
use luthier_protocol::frame::{self, Decoder};
use luthier_protocol::message::{AgentHello, ChildFailure, ControllerHello, FromAgent, StartChild, ToAgent};
use luthier_protocol::name::Seq;
use luthier_protocol::task::Status;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

/// How long a child may take to say hello.
const START: Duration = Duration::from_secs(30);

/// How long a dismissed child may take to finish and close its journal.
const FAREWELL: Duration = Duration::from_secs(5);

/// What a child said on standard error is kept up to this many bytes.
const TAIL: usize = 4 * 1024;

/// Noise before the child's first word, in bytes.
const NOISE: usize = 256 * 1024;

const STACK: usize = 1024 * 1024;

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
    fn new(reason: ChildFailure, detail: impl Into<String>) -> Self {
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
        let not_started = |error: io::Error| ChildError::new(ChildFailure::NotStarted, error.to_string());
        let nonce = sys::random_word().map_err(not_started)?;
        let marker = format!("[luthier-{}]", sys::random_word().map_err(not_started)?);
        let script = script(&nonce, own, start.agent_path.clone());
        let escalation = escalation(start, &script, &marker)
            .map_err(|message| ChildError::new(ChildFailure::NotStarted, message))?;
        let mut process = Piped::start(&escalation.argv, &[("LC_ALL", "C")]).map_err(|error| {
            let program = escalation.argv.first().map_or("", String::as_str);
            ChildError::new(ChildFailure::NotStarted, format!("cannot run {program}: {error}"))
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
        };
        let deadline = Instant::now() + START;
        let hello = greeting.until_hello(deadline);
        let Greeting { stdin, heard, err, out, .. } = greeting;
        let (mut decoder, hello) = match hello {
            Ok(found) => found,
            Err(error) => {
                drop((stdin, heard));
                process.end(Duration::ZERO);
                return Err(error);
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
            tail: Mutex::new(err.into_iter().collect()),
        };
        Builder::new().stack_size(STACK).spawn(move || relay.run(&heard, decoder)).map_err(not_started)?;
        let mut child = Self { number, process, stdin, inbox: Arc::clone(inbox), expected };
        child.send(&ToAgent::Hello(controller.clone()));
        Ok((child, hello))
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

/// The bootstrap script of this very agent. The become program cleans the environment, so it names the state's folder.
fn script(nonce: &str, own: &AgentHello, place: Option<String>) -> String {
    let bootstrap = Bootstrap {
        hashes: vec![ArchHash { arch: own.arch.clone(), hash: own.hash.clone() }],
        nonce: nonce.to_owned(),
        place,
    };
    let plain = |path: &String| path.chars().all(|letter| letter.is_alphanumeric() || "/._-+@:, ".contains(letter));
    match sys::variable("LUTHIER_STATE_DIR").filter(plain) {
        Some(folder) => format!("LUTHIER_STATE_DIR=\"{folder}\"; export LUTHIER_STATE_DIR; {}", bootstrap.script()),
        None => bootstrap.script(),
    }
}

/// A piece of what a child wrote.
enum Heard {
    Out(Vec<u8>),
    Err(Vec<u8>),
}

/// Both streams of a process into one queue, which ends when both have.
fn listen(process: &mut Piped) -> io::Result<Receiver<Heard>> {
    let (sender, receiver) = sync_channel(8);
    if let Some(stdout) = process.stdout() {
        let sender = sender.clone();
        Builder::new().stack_size(STACK).spawn(move || pump(stdout, &sender, Heard::Out))?;
    }
    if let Some(stderr) = process.stderr() {
        Builder::new().stack_size(STACK).spawn(move || pump(stderr, &sender, Heard::Err))?;
    }
    Ok(receiver)
}

fn pump(mut stream: impl Read, sender: &SyncSender<Heard>, wrap: fn(Vec<u8>) -> Heard) {
    let mut buffer = vec![0_u8; 64 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => {
                if sender.send(wrap(buffer.get(..length).unwrap_or_default().to_vec())).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// The time between starting the become program and the child's hello.
struct Greeting<'a> {
    nonce: &'a str,
    escalation: &'a Escalation,
    password: Option<&'a str>,
    hash: &'a str,
    stdin: Option<Box<dyn Write + Send>>,
    heard: Receiver<Heard>,
    out: Vec<u8>,
    err: Vec<u8>,
    prompts: usize,
}

impl Greeting<'_> {
    fn until_hello(&mut self, deadline: Instant) -> Result<(Decoder, AgentHello), ChildError> {
        loop {
            match self.word(deadline)? {
                Word::Ready => break,
                Word::Need { gzip, .. } => self.upload(gzip)?,
                Word::Failed { kind, detail } => {
                    return Err(ChildError::new(ChildFailure::NotStarted, format!("{kind}: {detail}")));
                }
            }
        }
        let mut decoder = Decoder::new();
        loop {
            decoder.push(&std::mem::take(&mut self.out));
            match decoder.next_message::<FromAgent>() {
                Ok(Some(FromAgent::Hello(hello))) => return Ok((decoder, hello)),
                Ok(Some(_)) => {
                    return Err(ChildError::new(ChildFailure::NotStarted, "its first message was no hello"));
                }
                Ok(None) => self.more(deadline)?,
                Err(error) => return Err(ChildError::new(ChildFailure::NotStarted, error.to_string())),
            }
        }
    }

    /// The next line that is one of ours; noise is passed over.
    fn word(&mut self, deadline: Instant) -> Result<Word, ChildError> {
        loop {
            while let Some(end) = self.out.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.out.drain(..=end).collect();
                if let Some(word) = parse_line(&String::from_utf8_lossy(&line), self.nonce) {
                    return Ok(word);
                }
            }
            if self.out.len() > NOISE {
                return Err(ChildError::new(ChildFailure::NotStarted, "it prints without end before it starts"));
            }
            self.more(deadline)?;
        }
    }

    /// Wait for something to be said.
    fn more(&mut self, deadline: Instant) -> Result<(), ChildError> {
        match self.heard.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Heard::Out(bytes)) => {
                self.out.extend_from_slice(&bytes);
                if self.escalation.prompt == Prompt::Own && self.prompts == 0 && asks(&bytes) {
                    self.prompted()?;
                }
                Ok(())
            }
            Ok(Heard::Err(bytes)) => {
                self.err.extend_from_slice(&bytes);
                self.look_for_prompt(&bytes)?;
                let surplus = self.err.len().saturating_sub(TAIL);
                self.err.drain(..surplus);
                Ok(())
            }
            Err(RecvTimeoutError::Timeout) => {
                let detail = format!("not started after {} s; {}", START.as_secs(), self.said());
                Err(ChildError::new(ChildFailure::TimedOut, detail.trim_end_matches("; ")))
            }
            Err(RecvTimeoutError::Disconnected) => {
                let said = self.said();
                let reason = failure(&said, self.prompts);
                let detail = if said.is_empty() { "it ended without a word".to_owned() } else { said };
                Err(ChildError::new(reason, detail))
            }
        }
    }

    fn look_for_prompt(&mut self, bytes: &[u8]) -> Result<(), ChildError> {
        match &self.escalation.prompt {
            Prompt::Never => Ok(()),
            Prompt::Own => {
                if asks(bytes) && self.prompts == 0 {
                    self.prompted()
                } else {
                    Ok(())
                }
            }
            Prompt::Text(marker) => {
                let Some(start) = self.err.windows(marker.len()).position(|window| window == marker.as_bytes()) else {
                    return Ok(());
                };
                // What was seen is not counted twice, and is not shown to anybody.
                self.err.drain(start..start + marker.len());
                self.prompted()
            }
        }
    }

    /// It asks for the password: once is right, twice means that it was wrong.
    fn prompted(&mut self) -> Result<(), ChildError> {
        self.prompts += 1;
        if self.prompts > 1 {
            return Err(ChildError::new(ChildFailure::WrongPassword, "the password was refused"));
        }
        let line = format!("{}\n", self.password.unwrap_or_default());
        self.write(line.as_bytes())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), ChildError> {
        let written = match &mut self.stdin {
            Some(stdin) => stdin.write_all(bytes).and_then(|()| stdin.flush()),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        // A program that has ended said why on its standard error, which is what counts.
        if written.is_err() {
            self.stdin = None;
        }
        Ok(())
    }

    /// Send this agent's own file. It may not fit into the pipe, and the reader may hang: a thread of its own writes.
    fn upload(&mut self, gzip: bool) -> Result<(), ChildError> {
        let packed = sys::own_program().and_then(|bytes| if gzip { compress(&bytes) } else { Ok(bytes) });
        let bytes = match packed {
            Ok(bytes) => bytes,
            Err(error) => {
                self.write(STOP.as_bytes())?;
                return Err(ChildError::new(
                    ChildFailure::NotStarted,
                    format!("cannot read the agent's file: {error}"),
                ));
            }
        };
        let encoding = if gzip { "gzip" } else { "raw" };
        let line = Bootstrap::upload_line(encoding, bytes.len(), self.hash);
        let Some(mut stdin) = self.stdin.take() else { return Ok(()) };
        let writer = Builder::new().stack_size(STACK).spawn(move || {
            // A script that gave up said why on its standard output.
            let _ =
                stdin.write_all(line.as_bytes()).and_then(|()| stdin.write_all(&bytes)).and_then(|()| stdin.flush());
            stdin
        });
        let writer = writer.map_err(|error| ChildError::new(ChildFailure::NotStarted, error.to_string()))?;
        let deadline = Instant::now() + START;
        while !writer.is_finished() {
            let tick = (Instant::now() + Duration::from_millis(20)).min(deadline);
            match self.more(tick) {
                Err(error) if error.reason == ChildFailure::TimedOut && Instant::now() < deadline => {}
                // It ended: the writer ends by itself, its pipe is broken.
                Err(error) if error.reason != ChildFailure::TimedOut => break,
                other => other?,
            }
        }
        self.stdin = writer.join().ok();
        Ok(())
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&self.err).trim().to_owned()
    }
}

fn asks(bytes: &[u8]) -> bool {
    String::from_utf8_lossy(bytes).to_ascii_lowercase().contains("password")
}

fn compress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Passes on what a child says, as far as it was asked.
struct Relay {
    number: u64,
    expected: Arc<AtomicU64>,
    inbox: Arc<Inbox>,
    wire: Arc<Wire>,
    tail: Mutex<VecDeque<u8>>,
}

impl Relay {
    fn run(&self, heard: &Receiver<Heard>, mut decoder: Decoder) {
        let mut last = None;
        'listen: loop {
            loop {
                match decoder.next_message::<FromAgent>() {
                    Ok(Some(message)) => {
                        if let Err(reason) = self.pass_on(message) {
                            last = Some(reason);
                            break 'listen;
                        }
                    }
                    Ok(None) => break,
                    Err(error) => {
                        last = Some(error.to_string());
                        break 'listen;
                    }
                }
            }
            match heard.recv() {
                Ok(Heard::Out(bytes)) => decoder.push(&bytes),
                Ok(Heard::Err(bytes)) => self.keep(&bytes),
                Err(_) => break,
            }
        }
        let said = last.unwrap_or_else(|| {
            let tail: Vec<u8> = self.tail.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
            String::from_utf8_lossy(&tail).trim().to_owned()
        });
        self.inbox.child_gone(self.number, said);
    }

    fn keep(&self, bytes: &[u8]) {
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend(bytes);
        let surplus = tail.len().saturating_sub(TAIL);
        tail.drain(..surplus);
    }

    /// One message. A child of a lesser user must not speak for tasks that are not its own.
    fn pass_on(&self, message: FromAgent) -> Result<(), String> {
        let (seq, answer) = match &message {
            FromAgent::Heartbeat | FromAgent::Hello(_) | FromAgent::Bye => return Ok(()),
            FromAgent::ChildStarted { .. } | FromAgent::ChildFailed { .. } => return Ok(()),
            FromAgent::Fatal { message } => return Err(message.clone()),
            FromAgent::Started { seq } | FromAgent::Output { seq, .. } | FromAgent::NeedContent { seq } => (*seq, None),
            FromAgent::Result(result) => {
                (result.seq, Some(!matches!(result.status, Status::Ok | Status::Changed | Status::Skipped)))
            }
            FromAgent::Facts { seq, .. } | FromAgent::Journal { seq, .. } | FromAgent::Refused { seq, .. } => {
                (*seq, Some(false))
            }
            FromAgent::Undo(report) => (report.seq, Some(false)),
        };
        if self.expected.load(Ordering::SeqCst) != seq {
            return Err(format!("it spoke of request {seq}, which it does not have"));
        }
        self.wire.send(&message);
        if let Some(failed) = answer {
            self.inbox.answered(self.number, failed);
        }
        Ok(())
    }
}
