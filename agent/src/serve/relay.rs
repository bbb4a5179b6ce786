//! Passing on what a child agent says.

use super::greeting::Heard;
use super::inbox::Inbox;
use super::wire::Wire;
use luthier_protocol::frame::Decoder;
use luthier_protocol::message::FromAgent;
use luthier_protocol::packed::unpack;
use luthier_protocol::task::Status;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;

/// What a child said on standard error is kept up to this many bytes.
pub const TAIL: usize = 4 * 1024;

/// Passes on what a child says, as far as it was asked.
pub struct Relay {
    /// The child's number.
    pub number: u64,
    /// The request that is with the child.
    pub expected: Arc<AtomicU64>,
    /// Where the session waits.
    pub inbox: Arc<Inbox>,
    /// The line to the controller.
    pub wire: Arc<Wire>,
    /// The end of what it said on standard error.
    pub tail: Vec<u8>,
}

impl Relay {
    /// Listen until the child has ended.
    pub fn run(mut self, heard: &Receiver<Heard>, mut decoder: Decoder) {
        let mut last = None;
        'listen: loop {
            loop {
                let passed = match decoder.next_body() {
                    Ok(Some(body)) => self.pass_on(&body),
                    Ok(None) => break,
                    Err(error) => Err(error.to_string()),
                };
                if let Err(reason) = passed {
                    last = Some(reason);
                    break 'listen;
                }
            }
            match heard.recv() {
                Ok(Heard::Out(bytes)) => decoder.push(&bytes),
                Ok(Heard::Err(bytes)) => self.keep(&bytes),
                Err(_) => break,
            }
        }
        let said = last.unwrap_or_else(|| String::from_utf8_lossy(&self.tail).trim().to_owned());
        self.inbox.child_gone(self.number, said);
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
        let surplus = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..surplus);
    }

    /// One message, its bytes as they came. It is understood first: a child of a lesser user must not speak for tasks
    /// that are not its own, nor end the whole session with what the controller cannot read.
    fn pass_on(&self, body: &[u8]) -> Result<(), String> {
        let message: FromAgent = unpack(body)?;
        let (seq, answer) = match &message {
            FromAgent::Heartbeat | FromAgent::Hello(_) | FromAgent::Bye => return Ok(()),
            FromAgent::ChildStarted { .. } | FromAgent::ChildFailed { .. } => return Ok(()),
            FromAgent::Fatal { message } => return Err(message.clone()),
            FromAgent::Started { seq } | FromAgent::Output { seq, .. } | FromAgent::NeedContent { seq } => (*seq, None),
            FromAgent::Result(result) => {
                (result.seq, Some(!matches!(result.status, Status::Ok | Status::Changed | Status::Skipped)))
            }
            FromAgent::Facts { seq, .. }
            | FromAgent::Journal { seq, .. }
            | FromAgent::Told { seq, .. }
            | FromAgent::Refused { seq, .. } => (*seq, Some(false)),
            FromAgent::Undo(report) => (report.seq, Some(false)),
        };
        if self.expected.load(Ordering::SeqCst) != seq {
            return Err(format!("it spoke of request {seq}, which it does not have"));
        }
        self.wire.relay(body);
        if let Some(failed) = answer {
            self.inbox.answered(self.number, failed);
        }
        Ok(())
    }
}
