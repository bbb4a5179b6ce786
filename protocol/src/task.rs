//! One task as it travels: the request with rendered parameters, and its result.

use crate::name::Seq;
use crate::{Map, Value, packed_enum, packed_struct, packed_words};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Largest file content that rides inside a task request; larger content is offered by its hash and sent when asked for.
pub const INLINE_CONTENT: usize = 128 * 1024;

/// Largest result a task may return (bytes of its MessagePack form). Beyond it the task fails with a clear message.
pub const MAX_RESULT: usize = 64 * 1024 * 1024;

/// A task to carry out on the host: everything is rendered, nothing is left to look up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskRequest {
    /// Number within the session; results and output name it.
    pub seq: Seq,
    /// The task's name as shown to people, for the journal.
    pub name: String,
    /// Canonical short module name as in the catalogue (`copy`, `luthier.sysfs`).
    pub module: String,
    /// Parameters, already of the types the module's spec names.
    pub params: Map,
    /// File content that belongs to the task (`copy`, `template`, `script`).
    #[serde(default)]
    pub content: Option<Content>,
    /// Only tell what would change.
    #[serde(default)]
    pub check: bool,
    /// Return before and after of each change.
    #[serde(default)]
    pub diff: bool,
    /// Who carries the task out; `None` is the login user. Must have been started by [`crate::message::StartChild`].
    #[serde(default)]
    pub identity: Option<Identity>,
    /// Environment variables added for commands the task runs.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// The task is killed after this many milliseconds; `None` means no limit.
    #[serde(default)]
    pub deadline_ms: Option<u64>,
    /// When this task fails, requests already queued behind it are dropped (answered with [`Status::Dropped`]) until the
    /// controller sends [`crate::message::ToAgent::Resume`].
    #[serde(default)]
    pub stop_on_failure: bool,
    /// Stream the output of commands while they run.
    #[serde(default)]
    pub live: bool,
    /// How to undo what the task does where the module cannot tell by itself.
    #[serde(default)]
    pub revert: Revert,
    /// Do not wait for it: it is carried out by a process of its own that survives the session.
    #[serde(default)]
    pub job: Option<Job>,
}

/// A task that is carried out apart from the session (`async:`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its name, chosen by the controller: letters, digits and dots, not beginning with a dot.
    pub id: String,
    /// It is killed after this many seconds.
    pub limit_s: u64,
}

/// The value of a task's `revert:` key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Revert {
    /// Nothing said: the module's own way.
    #[default]
    Unsaid,
    /// `revert: none`: the operator accepts that this cannot be undone.
    Never,
    /// A shell command that undoes the task.
    Command(String),
}

/// Who carries a task out.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity {
    /// User name on the host.
    pub user: String,
    /// Program that changes the user: `sudo`, `su` or `doas`.
    pub method: String,
}

/// File content of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// The bytes themselves (at most [`INLINE_CONTENT`]).
    Inline(#[serde(with = "serde_bytes")] Vec<u8>),
    /// Too large to send unasked: the agent compares the hash with what is there and asks with
    /// [`crate::message::FromAgent::NeedContent`] when it differs.
    Offered {
        /// SHA-256 of the content, lower-case hexadecimal.
        sha256: String,
        /// SHA-1 of the content, lower-case hexadecimal (Ansible's `checksum`).
        sha1: String,
        /// Length in bytes.
        size: u64,
    },
}

/// How a task ended on the host, before the controller applies `changed_when` and `failed_when`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing was to be changed.
    Ok,
    /// Something was changed (in check mode: would be).
    Changed,
    /// The task failed; its own changes were undone where they could be.
    Failed,
    /// The module had nothing to do (`creates`, check mode of a command).
    Skipped,
    /// Never started: an earlier task failed or the session ended.
    Dropped,
    /// Stopped by a cancel message.
    Cancelled,
    /// Killed by its deadline.
    TimedOut,
}

/// What became of one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskResult {
    /// The request's number.
    pub seq: Seq,
    /// How it ended.
    pub status: Status,
    /// The module's return values under Ansible's key names.
    pub result: Map,
    /// Before and after, where asked for.
    #[serde(default)]
    pub diff: Vec<DiffEntry>,
    /// Microseconds from taking the request up to having the result.
    pub duration_us: u64,
}

/// One resource before and after a change, as text for people. Also the JSON output's form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DiffEntry {
    /// State before: text of a file, or a mapping of attributes.
    pub before: Value,
    /// State after.
    pub after: Value,
    /// What it is about: a path, a setting's name, a command line.
    pub resource: String,
}

packed_struct!(TaskRequest {
    seq, name, module, params;
    content, check, diff, identity, environment, deadline_ms, stop_on_failure, live, revert, job
});
packed_struct!(Job { id, limit_s });
packed_enum!(Revert = Self::Unsaid; Unsaid, Never, Command(line));
packed_struct!(Identity { user, method });
packed_enum!(Content = Self::Inline(Vec::new()); Inline(bytes), Offered { sha256, sha1, size });
packed_words!(Status {
    Ok "ok",
    Changed "changed",
    Failed "failed",
    Skipped "skipped",
    Dropped "dropped",
    Cancelled "cancelled",
    TimedOut "timed_out",
});
packed_struct!(TaskResult { seq, status, result, duration_us; diff });
packed_struct!(DiffEntry { before, after, resource });
