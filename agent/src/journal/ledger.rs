//! The transaction of one session: opened at its first change, closed when the list ends.

use super::error::JournalError;
use super::file::JournalFile;
use super::store;
use super::v1::{self, Intent, MAX_ORIGINAL, Opened};
use crate::host::{Host, sys};
use luthier_protocol::change::{Change, Reversal, State};
use luthier_protocol::name::{HostName, RunId, Seq};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where a session's changes are written down.
#[derive(Debug)]
pub struct Ledger {
    folder: PathBuf,
    run: Option<RunId>,
    host: HostName,
    open: Option<JournalFile>,
}

/// Whose change it is.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// The task's number.
    pub seq: Seq,
    /// The task's name.
    pub task: &'a str,
    /// The task's environment.
    pub environment: &'a BTreeMap<String, String>,
}

impl Ledger {
    /// For a session of `run` on `host`; without a run nothing may change.
    pub fn new(state: &Path, run: Option<RunId>, host: HostName) -> Self {
        Self { folder: state.join("journal"), run, host, open: None }
    }

    /// The folder of all journals.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Write a change down before it is made; its number.
    ///
    /// `after` is what it wants, without bytes, and their SHA-256.
    pub fn intent(
        &mut self,
        machine: &Host,
        owner: Owner<'_>,
        change: &Change,
        after: (State, Option<String>),
    ) -> Result<u64, JournalError> {
        let (before, original) = split(change)?;
        let undone_by_command = matches!(&change.after, State::Run(run) if run.undo.is_some());
        let intent = Intent {
            number: 0,
            seq: owner.seq,
            task: owner.task.to_owned(),
            resource: change.resource.clone(),
            before,
            original,
            after: after.0,
            after_sha256: after.1,
            scope: change.scope,
            revert: change.revert.clone(),
            environment: if undone_by_command { owner.environment.clone() } else { BTreeMap::new() },
        };
        self.file(machine)?.add_intent(intent)
    }

    fn file(&mut self, machine: &Host) -> Result<&mut JournalFile, JournalError> {
        let file = match self.open.take() {
            Some(file) => file,
            None => {
                let run = self.run.clone().ok_or(JournalError::NoRun)?;
                let now = sys::now();
                let opened = Opened {
                    run,
                    host: self.host.clone(),
                    user: machine.own_user(),
                    opened: u64::try_from(now.0).unwrap_or(0),
                    pid: sys::pid(),
                    boot: machine.boot_id(),
                };
                JournalFile::create(&store::path(&self.folder, &self.host, now, sys::pid()), opened)?
            }
        };
        Ok(self.open.insert(file))
    }

    /// The change was made and read back.
    pub fn done(&mut self, number: u64) -> Result<(), JournalError> {
        self.open.as_mut().map_or(Ok(()), |file| file.add_done(number))
    }

    /// The change was taken back.
    pub fn undone(&mut self, number: u64) -> Result<(), JournalError> {
        self.open.as_mut().map_or(Ok(()), |file| file.add_undone(number))
    }

    /// The list ended: close the transaction, if one was opened, and drop old ones.
    pub fn close(&mut self) -> Result<(), JournalError> {
        if let Some(mut file) = self.open.take() {
            file.add_closed()?;
            drop(file);
            store::prune(&self.folder, &self.host)?;
        }
        Ok(())
    }
}

/// The original without its bytes, and the bytes as they are kept. What cannot be undone needs no original.
fn split(change: &Change) -> Result<(State, Option<luthier_protocol::change::Bytes>), JournalError> {
    let State::File { content, meta } = &change.before else { return Ok((change.before.clone(), None)) };
    let state = State::File { content: None, meta: meta.clone() };
    let (Some(bytes), Reversal::Yes) = (content, &change.revert) else { return Ok((state, None)) };
    let resource = change.resource.label().to_owned();
    if bytes.0.len() > MAX_ORIGINAL {
        return Err(JournalError::TooLarge { resource, size: bytes.0.len(), limit: MAX_ORIGINAL });
    }
    let packed = v1::pack(&bytes.0).map_err(|source| JournalError::Write { path: resource, source })?;
    Ok((state, Some(packed)))
}
