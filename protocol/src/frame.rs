//! Frames: a message as bytes on a stream, and back.
//!
//! A frame is a 4-byte big-endian length, one kind byte and that many bytes less one of payload. A message is
//! MessagePack (structs as maps, so that a later version may add fields). A message too large for one frame is cut into
//! parts that follow each other without another message in between. A peer is never trusted: lengths are checked
//! before anything is allocated.

use crate::packed::{Packed, pack, unpack};

/// Largest frame (kind byte and payload) in bytes.
pub const MAX_FRAME: usize = 1024 * 1024;

/// Largest hello: who speaks first is not known yet.
pub const MAX_HELLO: usize = 64 * 1024;

/// Largest message, put together from parts: a full result and its envelope.
pub const MAX_MESSAGE: usize = crate::task::MAX_RESULT + MAX_FRAME;

const WHOLE: u8 = 0;
const PART: u8 = 1;
const LAST_PART: u8 = 2;
const HEADER: usize = 5;

/// Why bytes are no frame or no message.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The length field is larger than allowed.
    #[error("frame of {0} bytes is over the limit of {1}")]
    TooLong(usize, usize),
    /// The length field is zero.
    #[error("empty frame")]
    Empty,
    /// A kind byte nobody knows.
    #[error("unknown frame kind {0}")]
    UnknownKind(u8),
    /// Parts add up to more than [`MAX_MESSAGE`].
    #[error("message of more than {MAX_MESSAGE} bytes")]
    MessageTooLong,
    /// A whole message between the parts of another.
    #[error("message in the middle of another")]
    Interleaved,
    /// The payload is not a message of the expected type.
    #[error("not a message: {0}")]
    Decode(String),
}

/// A message as one or more frames, ready to write.
pub fn encode(message: &dyn Packed) -> Result<Vec<u8>, FrameError> {
    frames(&pack(message))
}

/// A message's bytes as one or more frames, ready to write.
pub fn frames(body: &[u8]) -> Result<Vec<u8>, FrameError> {
    if body.len() > MAX_MESSAGE {
        return Err(FrameError::MessageTooLong);
    }
    let room = MAX_FRAME - 1;
    let mut out = Vec::with_capacity(body.len() + HEADER * (body.len() / room + 1));
    if body.len() <= room {
        push_frame(&mut out, WHOLE, body);
        return Ok(out);
    }
    let mut chunks = body.chunks(room).peekable();
    while let Some(chunk) = chunks.next() {
        push_frame(&mut out, if chunks.peek().is_some() { PART } else { LAST_PART }, chunk);
    }
    Ok(out)
}

fn push_frame(out: &mut Vec<u8>, kind: u8, payload: &[u8]) {
    // `payload` is at most MAX_FRAME - 1 bytes, so the length fits.
    let length = (payload.len() + 1) as u32;
    out.extend_from_slice(&length.to_be_bytes());
    out.push(kind);
    out.extend_from_slice(payload);
}

/// Puts frames together from whatever pieces arrive.
#[derive(Debug)]
pub struct Decoder {
    buffer: Vec<u8>,
    consumed: usize,
    parts: Vec<u8>,
    /// Largest frame for now.
    limit: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// An empty decoder.
    pub fn new() -> Self {
        Self { buffer: Vec::new(), consumed: 0, parts: Vec::new(), limit: MAX_FRAME }
    }

    /// An empty decoder for a hello, which takes nothing longer than [`MAX_HELLO`] before [`Decoder::greeted`].
    pub fn for_hello() -> Self {
        Self { limit: MAX_HELLO, ..Self::new() }
    }

    /// The hello was there: longer messages may follow.
    pub fn greeted(&mut self) {
        self.limit = MAX_FRAME;
    }

    /// Add bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.consumed > 0 && self.consumed == self.buffer.len() {
            self.buffer.clear();
            self.consumed = 0;
        } else if self.consumed > MAX_FRAME {
            self.buffer.drain(..self.consumed);
            self.consumed = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message, `None` until more bytes come.
    ///
    /// After an error the stream is lost: there is no way to find the next frame.
    pub fn next_message<T: Packed>(&mut self) -> Result<Option<T>, FrameError> {
        match self.next_body()? {
            Some(body) => unpack(&body).map(Some).map_err(FrameError::Decode),
            None => Ok(None),
        }
    }

    /// The bytes of the next whole message, `None` until more bytes come.
    ///
    /// After an error the stream is lost.
    pub fn next_body(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        loop {
            let Some((kind, start, end)) = self.frame()? else { return Ok(None) };
            let payload = self.buffer.get(start..end).unwrap_or_default();
            let message = match kind {
                WHOLE if self.parts.is_empty() => Some(payload.to_vec()),
                WHOLE => return Err(FrameError::Interleaved),
                PART | LAST_PART => {
                    let most = if self.limit < MAX_FRAME { self.limit } else { MAX_MESSAGE };
                    if self.parts.len() + payload.len() > most {
                        return Err(FrameError::MessageTooLong);
                    }
                    self.parts.extend_from_slice(payload);
                    (kind == LAST_PART).then(|| std::mem::take(&mut self.parts))
                }
                other => return Err(FrameError::UnknownKind(other)),
            };
            self.consumed = end;
            if message.is_some() {
                return Ok(message);
            }
        }
    }

    /// Kind and payload bounds of the next complete frame in the buffer.
    fn frame(&self) -> Result<Option<(u8, usize, usize)>, FrameError> {
        let rest = self.buffer.get(self.consumed..).unwrap_or_default();
        let Some(head) = rest.first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*head) as usize;
        if length == 0 {
            return Err(FrameError::Empty);
        }
        if length > self.limit {
            return Err(FrameError::TooLong(length, self.limit));
        }
        match rest.get(4) {
            Some(&kind) if rest.len() >= 4 + length => {
                let start = self.consumed + HEADER;
                Ok(Some((kind, start, self.consumed + 4 + length)))
            }
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;
    use crate::message::FromAgent;

    #[test]
    fn a_message_survives_any_split() {
        let bytes = encode(&FromAgent::Started { seq: 7 }).unwrap();
        for cut in 0..bytes.len() {
            let mut decoder = Decoder::new();
            decoder.push(&bytes[..cut]);
            assert_eq!(decoder.next_message::<FromAgent>().unwrap(), None);
            decoder.push(&bytes[cut..]);
            assert_eq!(decoder.next_message::<FromAgent>().unwrap(), Some(FromAgent::Started { seq: 7 }));
            assert_eq!(decoder.next_message::<FromAgent>().unwrap(), None);
        }
    }

    #[test]
    fn a_large_message_travels_in_parts() {
        let message = FromAgent::Fatal { message: "x".repeat(3 * MAX_FRAME) };
        let bytes = encode(&message).unwrap();
        let mut decoder = Decoder::new();
        let mut found = None;
        for chunk in bytes.chunks(10_000) {
            decoder.push(chunk);
            found = found.or(decoder.next_message::<FromAgent>().unwrap());
        }
        assert_eq!(found, Some(message));
    }

    #[test]
    fn a_two_gigabyte_length_is_refused_before_allocation() {
        let mut decoder = Decoder::new();
        decoder.push(&[0x80, 0, 0, 0, 0, 1]);
        assert!(matches!(decoder.next_message::<FromAgent>(), Err(FrameError::TooLong(0x8000_0000, MAX_FRAME))));
    }

    #[test]
    fn deep_nesting_is_an_error_not_a_stack_overflow() {
        let mut body = vec![0x91_u8; 100_000];
        body.push(0xc0);
        let mut bytes = Vec::new();
        push_frame(&mut bytes, WHOLE, &body);
        let mut decoder = Decoder::new();
        decoder.push(&bytes);
        assert!(decoder.next_message::<crate::Value>().is_err());
    }

    /// `91 c0` is two bytes, and more than a hundred once it is a list in a list.
    fn swollen(length: usize) -> Vec<u8> {
        let mut body = vec![0xdd];
        body.extend_from_slice(&(length as u32).to_be_bytes());
        body.extend([0x91, 0xc0].repeat(length));
        body
    }

    #[test]
    fn what_only_fills_the_memory_is_refused() {
        for body in [swollen(4 << 20), [vec![0xdd, 0, 0x40, 0, 0], vec![0x80; 4 << 20]].concat()] {
            let mut decoder = Decoder::new();
            decoder.push(&frames(&body).unwrap());
            let error = decoder.next_message::<crate::Value>().unwrap_err().to_string();
            assert!(error.contains("too much memory"), "{error}");
        }
        let mut decoder = Decoder::new();
        decoder.push(&frames(&swollen(100_000)).unwrap());
        assert!(decoder.next_message::<crate::Value>().unwrap().is_some());
    }

    #[test]
    fn the_largest_honest_messages_are_read() {
        let content = "x".repeat(crate::task::MAX_RESULT - 1024);
        let file = |number: u32| {
            let path = format!("/usr/share/doc/package-{number}/changelog.Debian.gz");
            serde_json::json!({"path": path, "mode": "0644", "isdir": false, "uid": 0, "pw_name": "root",
                "atime": 1_700_000_000.25, "mtime": 1_700_000_000.25, "size": 12_345, "inode": 1_234_567, "wusr": true})
        };
        let message = crate::message::ToAgent::Content { seq: 1, data: content.clone().into_bytes(), last: true };
        let mut decoder = Decoder::new();
        decoder.push(&encode(&message).unwrap());
        assert!(decoder.next_message().unwrap() == Some(message));
        for value in [content.into(), (0..150_000).map(file).collect::<crate::Value>()] {
            let facts = crate::Map::from_iter([("told".to_owned(), value)]);
            let message = FromAgent::Facts { seq: 1, facts };
            let mut decoder = Decoder::new();
            decoder.push(&encode(&message).unwrap());
            assert!(decoder.next_message().unwrap() == Some(message));
        }
    }

    #[test]
    fn before_the_hello_messages_are_short() {
        let long = encode(&FromAgent::Fatal { message: "x".repeat(MAX_HELLO) }).unwrap();
        let mut decoder = Decoder::for_hello();
        decoder.push(&long[..HEADER]);
        assert!(matches!(decoder.next_message::<FromAgent>(), Err(FrameError::TooLong(_, MAX_HELLO))));
        let mut decoder = Decoder::for_hello();
        for _ in 0..3 {
            let mut part = Vec::new();
            push_frame(&mut part, PART, &[0; MAX_HELLO / 2]);
            decoder.push(&part);
        }
        assert!(matches!(decoder.next_message::<FromAgent>(), Err(FrameError::MessageTooLong)));
        let mut decoder = Decoder::for_hello();
        decoder.push(&encode(&FromAgent::Heartbeat).unwrap());
        decoder.push(&long);
        assert!(decoder.next_message::<FromAgent>().unwrap().is_some());
        decoder.greeted();
        assert!(decoder.next_message::<FromAgent>().unwrap().is_some());
    }

    proptest::proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..2000)) {
            let mut decoder = Decoder::new();
            decoder.push(&bytes);
            while let Ok(Some(_)) = decoder.next_message::<FromAgent>() {}
        }
    }
}
