//! One transaction's file: reading it as far as it is whole, and adding steps that may follow.

use super::error::JournalError;
use super::v1::{self, HEADER, Intent, Opened, RECORD_HEADER, Record};
use crate::host::log::{Log, remove};
use luthier_protocol::change::{Resource, Reversal, State};
use luthier_protocol::journal::{ChangeState, ChangeSummary, Transaction, TransactionState};
use luthier_protocol::name::Seq;
use std::io;
use std::path::Path;

/// One journalled change as far as it is kept in memory.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Number within the transaction.
    pub number: u64,
    /// The task's number.
    pub seq: Seq,
    /// The task's name.
    pub task: String,
    /// What is changed.
    pub resource: Resource,
    /// How far it came.
    pub state: ChangeState,
    /// There is a way to take it back.
    revertible: bool,
    offset: u64,
}

/// A transaction on disk.
#[derive(Debug)]
pub struct JournalFile {
    log: Log,
    opened: Opened,
    entries: Vec<Entry>,
    closed: bool,
    rolled_back: bool,
}

impl JournalFile {
    /// Begin a transaction. Nothing is synced yet: the first intent does that.
    pub fn create(path: &Path, opened: Opened) -> Result<Self, JournalError> {
        let mut log = Log::create(path).map_err(|source| write_error(path, source))?;
        let mut bytes = v1::header();
        let record = Record::Opened(opened.clone());
        bytes.extend(v1::encode(&record).map_err(|source| write_error(path, source))?);
        if let Err(source) = log.append(&bytes) {
            // An empty file would tell nobody anything.
            let _ = remove(path);
            return Err(write_error(path, source));
        }
        Ok(Self { log, opened, entries: Vec::new(), closed: false, rolled_back: false })
    }

    /// Read a transaction. A torn last record is ignored.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let read = |source| JournalError::Read { path: path.display().to_string(), source };
        let format =
            |reason: &str| JournalError::Format { path: path.display().to_string(), reason: reason.to_owned() };
        let mut log = Log::open(path).map_err(read)?;
        let head = log.read_at(0, HEADER as usize).map_err(read)?;
        if head != v1::header() {
            // Cut short, or never more than room on the disk: a machine that stopped leaves zeros, too.
            if v1::header().starts_with(&head) || head.iter().all(|byte| *byte == 0) {
                return Err(JournalError::Torn);
            }
            let ours = head.starts_with(v1::MAGIC);
            return Err(format(if ours { "it was written by another version" } else { "it is no journal" }));
        }
        let Some((Record::Opened(opened), mut offset)) = record_at(&mut log, HEADER).map_err(read)? else {
            return Err(JournalError::Torn);
        };
        let mut file = Self { log, opened, entries: Vec::new(), closed: false, rolled_back: false };
        while let Some((record, next)) = record_at(&mut file.log, offset).map_err(read)? {
            file.replay(record, offset);
            offset = next;
        }
        Ok(file)
    }

    fn replay(&mut self, record: Record, offset: u64) {
        match record {
            Record::Opened(_) => {}
            Record::Intent(intent) => self.entries.push(entry(&intent, offset)),
            Record::Done { number } => self.mark(number, ChangeState::Done),
            Record::Undone { number } => self.mark(number, ChangeState::Undone),
            Record::Closed => self.closed = true,
            Record::RolledBack { .. } => self.rolled_back = true,
        }
    }

    fn mark(&mut self, number: u64, state: ChangeState) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.number == number) {
            entry.state = state;
        }
    }

    /// Take the writer's lock; false when an agent is at work on the transaction.
    pub fn lock(&mut self) -> Result<bool, JournalError> {
        let path = self.log.path().to_path_buf();
        self.log.lock().map_err(|source| write_error(&path, source))
    }

    /// Whose transaction it is.
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// Its changes, oldest first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether nothing is left in it that could be taken back.
    pub fn is_settled(&self) -> bool {
        self.entries.iter().all(|entry| entry.state == ChangeState::Undone || !entry.revertible)
    }

    /// The full record of a change.
    pub fn intent(&mut self, entry: &Entry) -> Result<Intent, JournalError> {
        let path = self.log.path().display().to_string();
        match record_at(&mut self.log, entry.offset) {
            Ok(Some((Record::Intent(intent), _))) => Ok(*intent),
            Ok(_) => Err(JournalError::Format { path, reason: format!("change {} is damaged", entry.number) }),
            Err(source) => Err(JournalError::Read { path, source }),
        }
    }

    /// Write down what is about to be done, and wait until it is on disk.
    pub fn add_intent(&mut self, mut intent: Intent) -> Result<u64, JournalError> {
        intent.number = self.entries.last().map_or(1, |entry| entry.number + 1);
        let number = intent.number;
        let entry = entry(&intent, self.log.length());
        let start = self.log.length();
        self.append(&Record::Intent(Box::new(intent)))?;
        if let Err(error) = self.sync() {
            // Not known to be on disk: as if it had never been written.
            let _ = self.log.truncate(start);
            return Err(error);
        }
        self.entries.push(entry);
        Ok(number)
    }

    /// The effect took place and was read back. Not synced: a lost `done` is found out by looking at the resource.
    pub fn add_done(&mut self, number: u64) -> Result<(), JournalError> {
        self.step(number, ChangeState::Done)
    }

    /// The original is back.
    pub fn add_undone(&mut self, number: u64) -> Result<(), JournalError> {
        self.step(number, ChangeState::Undone)?;
        self.sync()
    }

    fn step(&mut self, number: u64, wanted: ChangeState) -> Result<(), JournalError> {
        let found = self.entries.iter().find(|entry| entry.number == number).map(|entry| entry.state);
        let record = match (found, wanted) {
            (Some(ChangeState::Intended), ChangeState::Done) => Record::Done { number },
            (Some(ChangeState::Intended | ChangeState::Done), ChangeState::Undone) => Record::Undone { number },
            (found, wanted) => {
                return Err(JournalError::Transition {
                    number,
                    found: found.map_or("unknown", word),
                    wanted: word(wanted),
                });
            }
        };
        self.append(&record)?;
        self.mark(number, wanted);
        Ok(())
    }

    /// The host's list ended.
    pub fn add_closed(&mut self) -> Result<(), JournalError> {
        self.append(&Record::Closed)?;
        self.closed = true;
        self.sync()
    }

    /// Somebody asked to undo it.
    pub fn add_rolled_back(&mut self) -> Result<(), JournalError> {
        let complete = self.is_settled();
        self.append(&Record::RolledBack { complete })?;
        self.rolled_back = true;
        self.sync()
    }

    /// Cut off a torn last record, so that new ones can follow.
    pub fn mend(&mut self) -> Result<(), JournalError> {
        let path = self.log.path().to_path_buf();
        let mut offset = HEADER;
        while let Some((_, next)) = record_at(&mut self.log, offset)
            .map_err(|source| JournalError::Read { path: path.display().to_string(), source })?
        {
            offset = next;
        }
        if offset < self.log.length() {
            self.log.truncate(offset).map_err(|source| write_error(&path, source))?;
        }
        Ok(())
    }

    fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        let result = v1::encode(record).and_then(|bytes| self.log.append(&bytes));
        result.map_err(|source| write_error(self.log.path(), source))
    }

    fn sync(&self) -> Result<(), JournalError> {
        self.log.sync().map_err(|source| write_error(self.log.path(), source))
    }

    /// The transaction as the controller sees it. The lock tells whether somebody is at work on it.
    pub fn transaction(&self) -> Transaction {
        let state = match (self.rolled_back, self.closed) {
            // What nobody can undo is no part that is left to do.
            (true, _) if self.is_settled() => TransactionState::RolledBack,
            (true, _) => TransactionState::PartlyRolledBack,
            (false, true) => TransactionState::Closed,
            (false, false) if self.log.is_locked().unwrap_or(true) => TransactionState::Open,
            (false, false) => TransactionState::Interrupted,
        };
        Transaction {
            run: self.opened.run.clone(),
            host: self.opened.host.clone(),
            user: self.opened.user.clone(),
            state,
            opened: self.opened.opened,
            changes: self.entries.iter().map(summary).collect(),
        }
    }
}

/// Whether a change can be taken back, as `change::undo` judges it.
fn is_revertible(intent: &Intent) -> bool {
    match (&intent.resource, &intent.after) {
        (Resource::Command(_), State::Run(run)) => run.undo.is_some(),
        _ => intent.revert == Reversal::Yes,
    }
}

fn summary(entry: &Entry) -> ChangeSummary {
    ChangeSummary {
        seq: entry.seq,
        task: entry.task.clone(),
        resource: entry.resource.label().to_owned(),
        state: entry.state,
    }
}

fn entry(intent: &Intent, offset: u64) -> Entry {
    Entry {
        number: intent.number,
        seq: intent.seq,
        task: intent.task.clone(),
        resource: intent.resource.clone(),
        state: ChangeState::Intended,
        revertible: is_revertible(intent),
        offset,
    }
}

/// The record at an offset and where the next one begins; `None` at the end or where the file is torn.
fn record_at(log: &mut Log, offset: u64) -> io::Result<Option<(Record, u64)>> {
    let head = log.read_at(offset, RECORD_HEADER)?;
    let Some((length, check)) = v1::record_head(&head) else { return Ok(None) };
    let start = offset + RECORD_HEADER as u64;
    let payload = log.read_at(start, length)?;
    if payload.len() < length {
        return Ok(None);
    }
    Ok(v1::decode(&payload, check).map(|record| (record, start + length as u64)))
}

fn write_error(path: &Path, source: io::Error) -> JournalError {
    JournalError::Write { path: path.display().to_string(), source }
}

fn word(state: ChangeState) -> &'static str {
    match state {
        ChangeState::Intended => "intended",
        ChangeState::Done => "done",
        ChangeState::Undone => "undone",
    }
}
