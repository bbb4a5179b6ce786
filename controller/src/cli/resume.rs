//! `--resume`: the run that is gone on with, from the history.

use super::{CliError, ExitCode};
use crate::event::Event;
use crate::history::{History, RunRecord, RunState, default_folder};
use crate::rollout::Earlier;
use std::path::PathBuf;

/// More runs than this are not gone on with one after another.
const LONGEST: usize = 64;

/// What the run has done, with those it went on with itself, and its playbooks.
pub(super) fn load(name: &str) -> Result<(Earlier, Vec<PathBuf>), CliError> {
    let history = History::open(&default_folder()?)?;
    let record = history.find(name)?;
    if record.check {
        return Err(CliError::usage(format!("run {} was a check: it has done nothing", record.run)));
    }
    if record.state == RunState::Running {
        return Err(CliError::usage(format!("run {} is still at work", record.run)));
    }
    let playbooks: Vec<PathBuf> = record.playbooks.iter().map(PathBuf::from).collect();
    if let Some(first) = record.playbooks.first().filter(|first| first.starts_with("exec ")) {
        return Err(CliError::usage(format!("run {} was no playbook but `{first}`", record.run)));
    }
    let earlier = Earlier::new(record.run.as_str());
    for events in chain(&history, record)?.into_iter().rev() {
        earlier.add(events.into_iter());
    }
    Ok((earlier, playbooks))
}

/// The events of the run, of the one it went on with, and so on back.
fn chain(history: &History, newest: RunRecord) -> Result<Vec<Vec<Event>>, CliError> {
    let mut all = Vec::new();
    let mut next = Some(newest.run);
    while let Some(run) = next.take() {
        if all.len() >= LONGEST {
            return Err(CliError::message(ExitCode::BadInput, format!("run {run} is one of too many to go on with")));
        }
        let events: Vec<Event> = history.events(&run)?.collect();
        next = events.iter().find_map(|event| match event {
            Event::RunStarted { resumes, .. } => resumes.clone().map(Into::into),
            _ => None,
        });
        all.push(events);
    }
    Ok(all)
}
