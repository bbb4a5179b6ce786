//! How a task ends, as values under Ansible's key names.

use crate::modules::ModuleError;
use luthier_protocol::name::Seq;
use luthier_protocol::task::{DiffEntry, Status, TaskResult};
use luthier_protocol::{Map, Value};

/// How a task ended.
#[derive(Debug)]
pub struct Outcome {
    /// Status.
    pub status: Status,
    /// Return values.
    pub result: Map,
    /// Before and after.
    pub diff: Vec<DiffEntry>,
}

impl Outcome {
    /// It went well.
    pub fn fine(status: Status, values: Map, diff: Vec<DiffEntry>) -> Self {
        let mut result = Map::new();
        result.insert("changed".to_owned(), (status == Status::Changed).into());
        if status == Status::Skipped {
            result.insert("skipped".to_owned(), true.into());
        }
        for (key, value) in values {
            if key != "changed" {
                result.insert(key, value);
            }
        }
        Self { status, result, diff }
    }

    /// It did not.
    pub fn failed(status: Status, message: impl Into<String>, values: Map) -> Self {
        let mut result = Map::new();
        result.insert("failed".to_owned(), true.into());
        result.insert("changed".to_owned(), false.into());
        for (key, value) in values {
            result.insert(key, value);
        }
        result.insert("msg".to_owned(), message.into().into());
        Self { status, result, diff: Vec::new() }
    }

    /// Something of the failed task is still there.
    #[must_use]
    pub fn changed(mut self, changed: bool) -> Self {
        self.result.insert("changed".to_owned(), changed.into());
        self
    }

    /// Say more about it.
    #[must_use]
    pub fn add(mut self, more: &str) -> Self {
        if !more.is_empty() {
            let message = self.result.get("msg").and_then(Value::as_str).unwrap_or_default();
            let message = format!("{message}; {more}");
            self.result.insert("msg".to_owned(), message.into());
        }
        self
    }
}

impl From<ModuleError> for Outcome {
    fn from(error: ModuleError) -> Self {
        Self::failed(Status::Failed, error.message, error.result)
    }
}

/// A result for a task that was not carried out.
pub fn refusal(seq: Seq, status: Status, message: &str) -> TaskResult {
    let outcome = Outcome::failed(status, message, Map::new());
    TaskResult { seq, status, result: outcome.result, diff: Vec::new(), duration_us: 0 }
}
