//! Reads messages from a stream.

use super::inbox::Inbox;
use luthier_protocol::frame::Decoder;
use luthier_protocol::message::ToAgent;
use std::io::{self, Read};

/// Bytes read at once.
const PIECE: usize = 64 * 1024;

/// Read until the stream ends or what comes is no message.
pub fn read(mut input: impl Read, inbox: &Inbox) {
    let mut decoder = Decoder::new();
    let mut buffer = vec![0_u8; PIECE];
    // Bytes since the last message: what the next one takes in memory, roughly.
    let mut bytes = 0;
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return inbox.ended(),
            Ok(length) => {
                decoder.push(buffer.get(..length).unwrap_or_default());
                bytes += length;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return inbox.ended(),
        }
        loop {
            match decoder.next_message::<ToAgent>() {
                Ok(Some(message)) => inbox.put(message, std::mem::take(&mut bytes)),
                Ok(None) => break,
                Err(error) => return inbox.garbage(error.to_string()),
            }
        }
    }
}
