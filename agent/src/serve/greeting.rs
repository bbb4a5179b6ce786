//! The time between starting a become program and the hello of the agent behind it.

use super::child::ChildError;
use super::escalate::{Escalation, Prompt, explained, failure};
use super::relay::TAIL;
use crate::host::{Piped, gzip, sys};
use luthier_protocol::bootstrap::{Bootstrap, STOP, Word, parse_line};
use luthier_protocol::frame::Decoder;
use luthier_protocol::message::{AgentHello, ChildFailure, FromAgent};
use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

/// How long a child may take to say hello.
pub const START: Duration = Duration::from_secs(30);

/// Noise before the child's first word, in bytes.
const NOISE: usize = 256 * 1024;

/// Stack of a child's threads.
pub const STACK: usize = 1024 * 1024;

/// A piece of what a child wrote.
pub enum Heard {
    /// On standard output.
    Out(Vec<u8>),
    /// On standard error.
    Err(Vec<u8>),
}

/// Both streams of a process into one queue, which ends when both have.
pub fn listen(process: &mut Piped) -> io::Result<Receiver<Heard>> {
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
pub struct Greeting<'a> {
    /// Marks its lines.
    pub nonce: &'a str,
    /// How it was started.
    pub escalation: &'a Escalation,
    /// Given when asked for.
    pub password: Option<&'a str>,
    /// Of this agent.
    pub hash: &'a str,
    /// Its standard input.
    pub stdin: Option<Box<dyn Write + Send>>,
    /// What it says.
    pub heard: Receiver<Heard>,
    /// Standard output not looked at yet.
    pub out: Vec<u8>,
    /// The end of its standard error.
    pub err: Vec<u8>,
    /// How often it asked for the password.
    pub prompts: usize,
    /// What failed is the agent that was cached.
    pub is_damaged: bool,
}

impl Greeting<'_> {
    /// Get it started; its hello and what follows it.
    pub fn until_hello(&mut self, deadline: Instant) -> Result<(Decoder, AgentHello), ChildError> {
        let mut was_sent = false;
        loop {
            let word = self.word(deadline).inspect_err(|error| {
                // It ended before its first word, for no reason that a become program tells.
                self.is_damaged = !was_sent && error.reason == ChildFailure::NotStarted;
            })?;
            match word {
                Word::Ready => break,
                Word::Need { gzip, .. } => {
                    was_sent = true;
                    self.upload(gzip)?;
                }
                Word::Failed { kind, detail } => {
                    self.is_damaged = !was_sent && kind == "hash";
                    return Err(ChildError::new(ChildFailure::NotStarted, format!("{kind}: {detail}")));
                }
            }
        }
        let mut decoder = Decoder::for_hello();
        loop {
            decoder.push(&std::mem::take(&mut self.out));
            match decoder.next_message::<FromAgent>() {
                Ok(Some(FromAgent::Hello(hello))) => {
                    decoder.greeted();
                    return Ok((decoder, hello));
                }
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
                let said = if said.is_empty() { "it ended without a word".to_owned() } else { said };
                let detail = explained(reason, &self.escalation.method, &said);
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
            let reason = ChildFailure::WrongPassword;
            return Err(ChildError::new(reason, explained(reason, &self.escalation.method, "")));
        }
        let Some(password) = self.password else {
            let reason = ChildFailure::PasswordNeeded;
            return Err(ChildError::new(reason, explained(reason, &self.escalation.method, &self.said())));
        };
        let line = format!("{password}\n");
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
    fn upload(&mut self, packs: bool) -> Result<(), ChildError> {
        let packed = sys::own_program().and_then(|bytes| if packs { gzip(&bytes) } else { Ok(bytes) });
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
        let encoding = if packs { "gzip" } else { "raw" };
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

/// Whether a program waits for a password: its last line has no end and asks for one.
fn asks(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    let last = text.rsplit('\n').next().unwrap_or_default().trim_end();
    last.ends_with(':') && last.contains("password")
}
