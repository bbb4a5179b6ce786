//! The history of one folder: its index, recordings and documents.

use super::hosts::{self, RunHost};
use super::index::Index;
use super::process::Process;
use super::recording::Events;
use super::run::{self, RunMeta, RunRecord, RunState};
use super::{HistoryError, Recorder, place};
use luthier_protocol::name::{HostName, RunId};
use luthier_protocol::task::Identity;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// So many runs are looked through for who worked on a host.
const REMEMBERED: usize = 100;

/// The history. Opening it makes its folder; several controllers may use it at once.
pub struct History {
    folder: PathBuf,
    index: Index,
}

impl History {
    /// Open the history in this folder (see [`super::default_folder`]).
    pub fn open(folder: &Path) -> Result<Self, HistoryError> {
        place::make_private(folder)?;
        place::make_private(&folder.join("runs"))?;
        Ok(Self { folder: folder.to_owned(), index: Index::open(&index_path(folder))? })
    }

    /// A run begins: what records it.
    pub fn recorder(&self, meta: &RunMeta) -> Result<Recorder, HistoryError> {
        // A recorder lives in the event sink, away from this value: it has its own connection to the index.
        let index = Index::open(&index_path(&self.folder))?;
        let recorder = Recorder::new(meta.run.clone(), index, self.path(&meta.run, "jsonl.zst")?)?;
        self.index.begin(meta, &Process::own())?;
        Ok(recorder)
    }

    /// All runs, newest first.
    pub fn list(&self) -> Result<Vec<RunRecord>, HistoryError> {
        self.index.all()
    }

    /// The run with this id, the only one whose id begins so, or the newest for `last`.
    pub fn find(&self, name: &str) -> Result<RunRecord, HistoryError> {
        let mut runs = self.list()?;
        if runs.is_empty() {
            return Err(HistoryError::NoRuns(self.folder.clone()));
        }
        if name == "last" {
            return Ok(runs.swap_remove(0));
        }
        if let Some(at) = runs.iter().position(|run| run.run.as_str() == name) {
            return Ok(runs.swap_remove(at));
        }
        runs.retain(|run| !name.is_empty() && run.run.as_str().starts_with(name));
        match runs.pop() {
            Some(run) if runs.is_empty() => Ok(run),
            None => Err(HistoryError::UnknownRun(name.to_owned())),
            Some(run) => {
                runs.push(run);
                let matches = runs.into_iter().map(|run| run.run.0).collect();
                Err(HistoryError::Ambiguous { prefix: name.to_owned(), matches })
            }
        }
    }

    /// As [`History::find`], but `last` is the newest run that was no check.
    pub fn find_changing(&self, name: &str) -> Result<RunRecord, HistoryError> {
        if name != "last" {
            return self.find(name);
        }
        let newest = self.list()?.into_iter().find(|run| !run.check);
        newest.ok_or_else(|| HistoryError::NoRuns(self.folder.clone()))
    }

    /// What was said in a run.
    pub fn events(&self, run: &RunId) -> Result<Events, HistoryError> {
        Events::open(&self.path(run, "jsonl.zst")?)
    }

    /// Keep where the hosts of a run can be reached again; the last call counts.
    pub fn save_hosts(&self, run: &RunId, hosts: Vec<RunHost>) -> Result<(), HistoryError> {
        hosts::save(&self.path(run, "hosts.json")?, hosts)
    }

    /// Where the hosts of a run can be reached; empty when that was never known.
    pub fn hosts(&self, run: &RunId) -> Result<Vec<RunHost>, HistoryError> {
        hosts::load(&self.path(run, "hosts.json")?)
    }

    /// Who worked on hosts, besides the login user, in the newest runs and in all that were interrupted. What cannot be
    /// read tells nothing.
    pub fn identities(&self) -> Result<BTreeMap<HostName, BTreeSet<Identity>>, HistoryError> {
        let mut known: BTreeMap<HostName, BTreeSet<Identity>> = BTreeMap::new();
        for (age, run) in self.list()?.into_iter().enumerate() {
            if run.check || (age >= REMEMBERED && run.state != RunState::Interrupted) {
                continue;
            }
            for row in self.hosts(&run.run).unwrap_or_default() {
                if !row.identities.is_empty() {
                    known.entry(row.host).or_default().extend(row.identities);
                }
            }
        }
        Ok(known)
    }

    /// Whether it was written down where the hosts of a run can be reached, be it that there were none.
    pub fn has_hosts(&self, run: &RunId) -> bool {
        self.path(run, "hosts.json").is_ok_and(|path| path.exists())
    }

    fn path(&self, run: &RunId, ending: &str) -> Result<PathBuf, HistoryError> {
        if !run::is_safe(run.as_str()) {
            return Err(HistoryError::UnknownRun(run.to_string()));
        }
        Ok(self.folder.join("runs").join(format!("{run}.{ending}")))
    }
}

fn index_path(folder: &Path) -> PathBuf {
    folder.join("index.sqlite")
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
