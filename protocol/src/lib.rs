//! The words the controller and the agent both speak.
//!
//! Nothing here does I/O, waits or starts a thread: bytes and values go in, bytes and values come out. The crate exists
//! so that `controller` and `agent` never import each other. Everything that is serialised for the wire, the journal or
//! the JSON output is defined here (or, in the two programs, in a file named for its version).

pub mod bootstrap;
pub mod catalogue;
pub mod change;
pub mod facts;
pub mod frame;
pub mod journal;
pub mod message;
pub mod msgpack;
pub mod name;
pub mod packed;
#[cfg(test)]
mod packed_tests;
pub mod spec;
pub mod task;

/// Version of the conversation on the wire. Both sides say it in their hello and end the session when it differs.
pub const PROTOCOL_VERSION: u32 = 1;

/// A JSON-like value with its keys in the order they were written: module parameters, results, facts.
pub type Value = serde_json::Value;

/// A mapping of [`Value`]s with its keys in the order they were written.
pub type Map = serde_json::Map<String, Value>;
