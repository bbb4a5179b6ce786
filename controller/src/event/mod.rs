//! The only thing a run says: one enum, handed in one order to every output and to the recorder.

mod sink;

pub use sink::{Listener, Sink};

use luthier_protocol::task::DiffEntry;
use luthier_protocol::{Map, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the events' form.
pub const EVENT_VERSION: u32 = 1;

/// Something a run says. Its JSON form is the `json` output and the recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The run begins.
    RunStarted {
        /// [`EVENT_VERSION`].
        version: u32,
        /// The run's id.
        run: String,
        /// Playbook files as given.
        playbooks: Vec<String>,
        /// Check mode.
        check: bool,
        /// RFC 3339.
        time: String,
        /// The run that this one goes on with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resumes: Option<String>,
    },
    /// A play (or one batch of it) begins.
    PlayStarted {
        /// Its name.
        play: String,
        /// Its hosts.
        hosts: Vec<String>,
    },
    /// A task begins on the first of its hosts.
    TaskStarted {
        /// The play's name.
        play: String,
        /// The task's name.
        task: String,
        /// Whether it is a handler.
        handler: bool,
    },
    /// A host is being connected or has been: for people who wait.
    HostState {
        /// The host.
        host: String,
        /// What it is doing: `connecting`, `pushing`, `ready`, `closed`.
        state: String,
    },
    /// Live output of a running task.
    Output {
        /// The host.
        host: String,
        /// The task's name.
        task: String,
        /// `stdout` or `stderr`.
        stream: String,
        /// Text; bytes that are no UTF-8 are replaced.
        data: String,
    },
    /// A task ended on a host.
    TaskResult(Box<TaskEvent>),
    /// A host has a play behind it: all its tasks are done.
    HostDone {
        /// The play's name.
        play: String,
        /// The host.
        host: String,
    },
    /// Something worth saying that is no result.
    Warning {
        /// The host, if it is about one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host: Option<String>,
        /// The text.
        message: String,
    },
    /// The run ended.
    RunFinished {
        /// Counts by host.
        recap: BTreeMap<String, Recap>,
        /// The exit code.
        exit_code: u8,
        /// What ended the run that was no host's failure: a play whose `hosts` cannot be told.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        errors: Vec<String>,
    },
}

/// A task's end on one host (or one loop item of it).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskEvent {
    /// The play's name.
    pub play: String,
    /// The task's name.
    pub task: String,
    /// Full name of the module.
    pub action: String,
    /// The host.
    pub host: String,
    /// The loop item; absent for the whole task.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub item: Option<Value>,
    /// How it ended.
    pub status: EventStatus,
    /// A failure that `ignore_errors` took.
    pub ignored: bool,
    /// A failure that a `rescue` took.
    pub rescued: bool,
    /// It is a handler.
    pub handler: bool,
    /// The module's values under Ansible's key names.
    pub result: Map,
    /// What changed, where asked for.
    pub diff: Vec<DiffEntry>,
    /// Milliseconds on the host.
    pub duration_ms: u64,
}

/// A loop item that is `null` is an item: an absent key alone means the whole task.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventStatus {
    /// Nothing to change.
    Ok,
    /// Changed.
    Changed,
    /// Failed.
    Failed,
    /// Not carried out.
    Skipped,
    /// The host could not be reached, or was lost.
    Unreachable,
}

/// Counts of one host, Ansible's way: `ok` counts changed and ignored ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub struct Recap {
    /// Tasks that ended well.
    pub ok: u32,
    /// Tasks that changed something.
    pub changed: u32,
    /// Times the host was unreachable.
    pub unreachable: u32,
    /// Tasks that failed.
    pub failed: u32,
    /// Tasks not carried out.
    pub skipped: u32,
    /// Failures taken by `rescue`.
    pub rescued: u32,
    /// Failures taken by `ignore_errors`.
    pub ignored: u32,
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn an_item_that_is_null_stays_an_item() {
        let text = r#"{"event":"task_result","play":"p","task":"t","action":"debug","host":"h","item":null,"status":"ok","ignored":false,"rescued":false,"handler":false,"result":{},"diff":[],"duration_ms":1}"#;
        let event: Event = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&event).unwrap(), text);
        let whole = text.replace("\"item\":null,", "");
        let event: Event = serde_json::from_str(&whole).unwrap();
        assert_eq!(serde_json::to_string(&event).unwrap(), whole);
    }
}
