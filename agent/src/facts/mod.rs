//! Fact sources: each reads one part of the host through [`Host`] and returns a JSON value. They never print, sleep or
//! run commands, and a value that cannot be read is `null` plus a row in the errors.

use crate::host::Host;
use luthier_protocol::Value;

/// One top-level key of the facts.
pub trait FactSource: Sync {
    /// The key (`numa`).
    fn key(&self) -> &'static str;

    /// Read it. What could not be read is pushed to `errors` and left `null`.
    fn read(&self, host: &Host, errors: &mut Vec<FactError>) -> Value;
}

/// A value that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FactError {
    /// Dotted key (`numa.nodes[1].free_kib`).
    pub key: String,
    /// The file.
    pub path: String,
    /// Why.
    pub reason: String,
}
