//! The line to the controller, as far as writing goes.

use super::inbox::Inbox;
use luthier_protocol::frame;
use luthier_protocol::message::{AgentHello, FromAgent};
use luthier_protocol::msgpack::fits;
use luthier_protocol::packed::pack;
use luthier_protocol::task::{MAX_RESULT, Status};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// Writes whole messages, one at a time, whichever thread they come from.
pub struct Wire {
    output: Mutex<Box<dyn Write + Send>>,
    inbox: Arc<Inbox>,
}

impl Wire {
    /// Over a stream. When writing fails the inbox learns that the line is gone.
    pub fn new(output: Box<dyn Write + Send>, inbox: Arc<Inbox>) -> Self {
        Self { output: Mutex::new(output), inbox }
    }

    /// Say that the program runs, and hello, in one piece: the controller has both at once.
    pub fn begin(&self, ready: &str, hello: &AgentHello) {
        let mut bytes = ready.as_bytes().to_vec();
        bytes.extend(frame::encode(&FromAgent::Hello(hello.clone())).unwrap_or_default());
        self.write(&bytes);
    }

    /// Send a message. A line that is gone is not an error here: the inbox ends the session.
    pub fn send(&self, message: &FromAgent) {
        self.relay(&pack(message));
    }

    /// Send a message whose bytes are at hand.
    pub fn relay(&self, body: &[u8]) {
        let bytes = match frame::frames(body) {
            Ok(bytes) => bytes,
            Err(error) => {
                let fatal = FromAgent::Fatal { message: error.to_string() };
                self.inbox.lost();
                frame::encode(&fatal).unwrap_or_default()
            }
        };
        self.write(&bytes);
    }

    /// Send a task's result; one that is too large becomes a failure that says so.
    pub fn send_result(&self, result: luthier_protocol::task::TaskResult) -> Status {
        let (seq, duration_us, changed) = (result.seq, result.duration_us, result.result.get("changed").cloned());
        let status = result.status;
        let message = FromAgent::Result(Box::new(result));
        let body = pack(&message);
        if body.len() <= MAX_RESULT && fits(&body) {
            self.relay(&body);
            return status;
        }
        let mut text = format!("the result is larger than {} MiB", MAX_RESULT / 1024 / 1024);
        if body.len() <= MAX_RESULT {
            text = "the result has too many parts".to_owned();
        }
        let mut small = crate::task::refusal(seq, Status::Failed, &text);
        small.duration_us = duration_us;
        small.result.insert("changed".to_owned(), changed.unwrap_or_default());
        self.send(&FromAgent::Result(Box::new(small)));
        Status::Failed
    }

    fn write(&self, bytes: &[u8]) {
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        if output.write_all(bytes).and_then(|()| output.flush()).is_err() {
            self.inbox.lost();
        }
    }
}
