//! Any bytes from a host, in pieces of any size: no panic, and every message that is understood can be said again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use luthier_protocol::frame::{Decoder, encode};
use luthier_protocol::message::FromAgent;

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    let mut decoder = Decoder::new();
    for piece in bytes.chunks(usize::from(size) + 1) {
        decoder.push(piece);
        loop {
            match decoder.next_message::<FromAgent>() {
                Ok(Some(message)) => {
                    let _ = encode(&message);
                }
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
});
