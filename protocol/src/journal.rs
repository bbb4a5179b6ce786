//! What a host's journal tells the controller: transactions and what became of undoing them.

use crate::name::{HostName, RunId, Seq};
use crate::{packed_struct, packed_words};
use serde::{Deserialize, Serialize};

/// One transaction: the changes of one run on one host by one identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transaction {
    /// The run it belongs to.
    pub run: RunId,
    /// The inventory name the host had in that run.
    pub host: HostName,
    /// User whose agent wrote it.
    pub user: String,
    /// How it stands.
    pub state: TransactionState,
    /// When it was opened, seconds since 1970-01-01 UTC.
    pub opened: u64,
    /// Its changes in the order they were made.
    pub changes: Vec<ChangeSummary>,
}

/// How a transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransactionState {
    /// An agent is at work on it now.
    Open,
    /// The host's list ended, well or badly.
    Closed,
    /// The agent or its controller went away before the list ended.
    Interrupted,
    /// All of its changes were undone that can be.
    RolledBack,
    /// Undone in part: some resources had drifted or failed.
    PartlyRolledBack,
}

/// One journalled change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangeSummary {
    /// The task's number in its session.
    pub seq: Seq,
    /// The task's name.
    pub task: String,
    /// Path or command line.
    pub resource: String,
    /// How far it came.
    pub state: ChangeState,
}

/// How far a journalled change came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeState {
    /// Intent written; the agent died before it could say whether the effect took place.
    Intended,
    /// Applied and read back.
    Done,
    /// Undone: the original is back.
    Undone,
}

/// Ask to undo the changes of one run on this host, newest first, compare-and-swap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UndoRequest {
    /// Answered with [`UndoReport`] under this number.
    pub seq: Seq,
    /// Whose changes.
    pub run: RunId,
    /// The inventory name the host had in that run.
    pub host: HostName,
    /// Only changes of tasks numbered at least this.
    pub from_task: Seq,
    /// Only changes of tasks numbered at most this.
    pub to_task: Seq,
    /// Only tell what would be undone.
    pub check: bool,
}

/// What became of an [`UndoRequest`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UndoReport {
    /// The request's number.
    pub seq: Seq,
    /// One row a change, in the order they were undone (newest first).
    pub rows: Vec<UndoRow>,
}

/// What became of undoing one change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UndoRow {
    /// The task's name; empty where the row is about the journal itself.
    pub task: String,
    /// Path or command line.
    pub resource: String,
    /// Outcome.
    pub outcome: UndoOutcome,
    /// Reason or detail for people.
    pub detail: String,
}

/// Outcome of undoing one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UndoOutcome {
    /// The original is back.
    Restored,
    /// It was the original already (never applied, or undone before).
    AlreadyOriginal,
    /// Somebody else changed it since: left alone.
    Drifted,
    /// Undoing is unsafe now; the detail says why.
    Blocked,
    /// The module said that this cannot be undone.
    Irreversible,
    /// Undoing failed.
    Failed,
}

packed_struct!(Transaction { run, host, user, state, opened, changes });
packed_words!(TransactionState {
    Open "open",
    Closed "closed",
    Interrupted "interrupted",
    RolledBack "rolled_back",
    PartlyRolledBack "partly_rolled_back",
});
packed_struct!(ChangeSummary { seq, task, resource, state });
packed_words!(ChangeState { Intended "intended", Done "done", Undone "undone" });
packed_struct!(UndoRequest { seq, run, host, from_task, to_task, check });
packed_struct!(UndoReport { seq, rows });
packed_struct!(UndoRow { task, resource, outcome, detail });
packed_words!(UndoOutcome {
    Restored "restored",
    AlreadyOriginal "already_original",
    Drifted "drifted",
    Blocked "blocked",
    Irreversible "irreversible",
    Failed "failed",
});
