//! Carries the bootstrap out: hears whether the agent is cached, sends it where it is not, and hears it start.

use super::line::{Heard, Line, LineReader, LineWriter, SSH_FAILED};
use super::open::{Listener, Notice};
use super::startups::Turn;
use super::{SessionError, Settings, escaped};
use luthier_protocol::bootstrap::{Bootstrap, STOP, Word, parse_line};
use std::time::Duration;
use tokio::time::Instant;

/// What a login shell may print before our first word.
const MAX_NOISE: usize = 64 * 1024;

/// How much of the end of standard error is kept.
const ERR_TAIL: usize = 2048;

/// Sent at once, so that progress shows and a failure is heard in between.
const PIECE: usize = 32 * 1024;

/// How long to wait for the status and last words of a command that ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What is said where a command ended without a status.
pub(super) const CLOSED: &str = "the connection was closed";
/// How often a host may ask for the agent: once a place.
const MAX_PLACES: usize = 8;

/// Exit statuses of programs that cannot be run or crash, and of damaged files taken for scripts.
const CRASHES: &[&str] = &["0", "2", "126", "127", "132", "134", "135", "136", "139"];

/// Random letters that mark our lines.
pub(super) fn nonce() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Why the agent did not begin.
#[derive(Debug)]
pub(super) struct NotBegun {
    /// The reason.
    pub(super) error: SessionError,
    /// It was the cached agent, which is damaged: sending it anew helps.
    pub(super) is_damaged: bool,
    /// The line's turn, where it ended before the host's first word.
    pub(super) turn: Option<Turn>,
}

impl From<SessionError> for NotBegun {
    fn from(error: SessionError) -> Self {
        Self { error, is_damaged: false, turn: None }
    }
}

/// Start the agent. The bytes that came after its word belong to the conversation.
pub(super) async fn start(
    line: &mut Line,
    settings: &Settings,
    script: &Bootstrap,
    listener: &Listener,
) -> Result<Vec<u8>, NotBegun> {
    let mut ear = Ear { nonce: &script.nonce, buffer: Vec::new(), noise: 0, err: Vec::new(), crashed: false };
    let deadline = settings.deadlines.start;
    let mut heard = within("starting the agent", deadline, ear.word(&mut line.reader)).await?;
    if heard.is_ok() {
        line.turn = None;
    }
    for pushed in 0..=MAX_PLACES {
        // Before anything was sent, it is the cached agent that fails.
        let is_cached = pushed == 0 && !script.hashes.is_empty();
        match heard {
            Ok(Word::Ready) => return Ok(ear.buffer),
            Ok(Word::Need { arch, gzip }) => heard = Ok(push(line, &mut ear, settings, &arch, gzip, listener).await?),
            Ok(Word::Failed { kind, detail }) => {
                let is_damaged = is_cached && kind == "hash";
                return Err(NotBegun { is_damaged, ..failed(&kind, &detail).into() });
            }
            Err(error) => return Err(NotBegun { is_damaged: is_cached && ear.crashed, ..error.into() }),
        }
    }
    Err(SessionError::Protocol("the host asks for the agent again and again".to_owned()).into())
}

async fn push(
    line: &mut Line,
    ear: &mut Ear<'_>,
    settings: &Settings,
    arch: &str,
    gzip: bool,
    listener: &Listener,
) -> Result<Word, SessionError> {
    let Some(agent) = settings.agents.get(arch) else {
        // A courtesy: the script ends at once instead of waiting for the line to close.
        let _ = tokio::time::timeout(LAST_WORDS, line.writer.write(STOP.into())).await;
        return Err(SessionError::NoAgent { arch: escaped(arch), known: settings.agents.known() });
    };
    listener(Notice::State("pushing"));
    let (encoding, bytes) = if gzip { ("gzip", agent.packed()?) } else { ("raw", agent.raw()?) };
    let head = Bootstrap::upload_line(encoding, bytes.len(), &agent.sha256);
    let Line { reader, writer, .. } = line;
    let exchange = async {
        let upload = upload(writer, head, bytes, listener);
        tokio::pin!(upload);
        let mut sent = false;
        loop {
            let heard = tokio::select! {
                heard = ear.word(reader) => heard?,
                result = &mut upload, if !sent => {
                    // Where the line is cut, the host's own words tell more: go on hearing.
                    sent = true;
                    if let Err(problem) = result {
                        return tokio::time::timeout(LAST_WORDS, ear.word(reader))
                            .await
                            .unwrap_or(Err(SessionError::WriteFailed(problem)));
                    }
                    continue;
                }
            };
            return Ok(heard);
        }
    };
    within("sending the agent", settings.deadlines.push, exchange).await?
}

async fn upload(writer: &mut LineWriter, head: String, bytes: &[u8], listener: &Listener) -> Result<(), String> {
    let total = bytes.len() as u64;
    let mut sent = 0_u64;
    writer.write(head.into_bytes()).await?;
    for piece in bytes.chunks(PIECE) {
        writer.write(piece.to_vec()).await?;
        sent += piece.len() as u64;
        listener(Notice::Pushed { sent, total });
    }
    Ok(())
}

fn failed(kind: &str, detail: &str) -> SessionError {
    let detail = escaped(detail);
    match kind {
        "place" => SessionError::NoPlace(detail),
        "write" => SessionError::WriteFailed(detail),
        "hash" | "size" => SessionError::Damaged(detail),
        other => SessionError::NotStarted(format!("{}: {detail}", escaped(other))),
    }
}

async fn within<T>(phase: &'static str, limit: Duration, work: impl Future<Output = T>) -> Result<T, SessionError> {
    tokio::time::timeout(limit, work).await.map_err(|_| SessionError::Deadline { phase, seconds: limit.as_secs() })
}

/// Hears lines until one of ours comes.
struct Ear<'a> {
    nonce: &'a str,
    buffer: Vec<u8>,
    noise: usize,
    err: Vec<u8>,
    /// The command ended as programs do that cannot be run.
    crashed: bool,
}

impl Ear<'_> {
    /// The next of our words. Safe to drop and call again.
    async fn word(&mut self, reader: &mut LineReader) -> Result<Word, SessionError> {
        loop {
            if let Some(word) = self.take_word()? {
                return Ok(word);
            }
            match reader.next().await {
                Heard::Out(bytes) => self.buffer.extend_from_slice(&bytes),
                Heard::Err(bytes) => self.keep_err(&bytes),
                Heard::Refused => return Err(SessionError::NoExec("the host refuses to run commands".to_owned())),
                Heard::Exit(status) => return Err(self.ended(reader, Some(status)).await),
                Heard::End => return Err(self.ended(reader, None).await),
            }
        }
    }

    /// Our word, if a whole line with it is here.
    fn take_word(&mut self) -> Result<Option<Word>, SessionError> {
        while let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
            let rest = self.buffer.split_off(end + 1);
            let line = std::mem::replace(&mut self.buffer, rest);
            if let Some(word) = parse_line(&String::from_utf8_lossy(&line), self.nonce) {
                return Ok(Some(word));
            }
            self.noise += line.len();
            // Kept for the message, should nothing better come: shells complain on standard output, too.
            self.keep_err(&line);
        }
        if self.noise + self.buffer.len() > MAX_NOISE {
            return Err(SessionError::NotStarted(format!(
                "the login shell printed more than {} KiB and started nothing",
                MAX_NOISE / 1024
            )));
        }
        Ok(None)
    }

    fn keep_err(&mut self, bytes: &[u8]) {
        self.err.extend_from_slice(bytes);
        let surplus = self.err.len().saturating_sub(ERR_TAIL);
        self.err.drain(..surplus);
    }

    /// The command is over: gather its status and last words, which may come in any order.
    async fn ended(&mut self, reader: &mut LineReader, status: Option<String>) -> SessionError {
        let mut status = status;
        let deadline = Instant::now() + LAST_WORDS;
        while let Ok(heard) = tokio::time::timeout_at(deadline, reader.next()).await {
            match heard {
                Heard::Out(bytes) => {
                    self.buffer.extend_from_slice(&bytes);
                    if let Ok(Some(Word::Failed { kind, detail })) = self.take_word() {
                        return failed(&kind, &detail);
                    }
                }
                Heard::Err(bytes) => self.keep_err(&bytes),
                Heard::Exit(text) => status = Some(text),
                Heard::Refused => {}
                Heard::End => break,
            }
        }
        let status = status.unwrap_or_else(|| CLOSED.to_owned());
        let rest = std::mem::take(&mut self.buffer);
        self.keep_err(&rest);
        let said = escaped(&String::from_utf8_lossy(&self.err));
        let number = status.rsplit(' ').next().unwrap_or_default();
        self.crashed = status.contains("signal") || (status.starts_with("exit status") && CRASHES.contains(&number));
        if status == SSH_FAILED {
            return SessionError::OpenSsh(if said.is_empty() { "it ended without a word".to_owned() } else { said });
        }
        SessionError::NotStarted(if said.is_empty() { status } else { format!("{status}: {said}") })
    }
}

#[cfg(test)]
#[path = "bootstrap_tests.rs"]
mod tests;
