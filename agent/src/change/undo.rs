//! A change is taken back: only where the resource is still what the change made of it.

use super::apply::{environment_of, put};
use super::compare::{Written, describe, found, written};
use crate::host::{Command, Ending, Host, Stop, sys};
use luthier_protocol::change::{Change, Meta, Probe, Resource, Reversal, State};
use luthier_protocol::journal::UndoOutcome;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long an undo command may take.
const DEADLINE: Duration = Duration::from_secs(300);

/// Output of an undo command that is kept for its error message.
const OUTPUT: usize = 1024 * 1024;

/// A change to take back.
#[derive(Debug)]
pub struct Undoing<'a> {
    /// What was changed.
    pub resource: &'a Resource,
    /// The original, with its bytes.
    pub original: &'a State,
    /// What the change made, or wanted to make, of it.
    pub written: &'a Written,
    /// Whether it can be taken back at all.
    pub revert: &'a Reversal,
    /// The effect is known to have taken place; otherwise the agent died in the middle of it.
    pub done: bool,
    /// Environment of an undo command.
    pub environment: &'a BTreeMap<String, String>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoneHow {
    /// Outcome.
    pub outcome: UndoOutcome,
    /// Reason or detail for people.
    pub detail: String,
}

impl UndoneHow {
    fn new(outcome: UndoOutcome, detail: impl Into<String>) -> Self {
        Self { outcome, detail: detail.into() }
    }
}

/// Take a change back. With `check`, only tell what would become of it.
pub fn undo(host: &Host, undoing: &Undoing<'_>, check: bool) -> UndoneHow {
    if let Resource::Command(_) = undoing.resource {
        return undo_command(host, undoing, check);
    }
    let path = undoing.resource.label();
    if let Reversal::No(reason) = undoing.revert {
        return UndoneHow::new(UndoOutcome::Irreversible, reason.clone());
    }
    let original = written(undoing.original);
    match found(host, undoing.resource, &original) {
        // Where a change left no trace to tell the two apart, the original is what counts.
        Ok(None) => return UndoneHow::new(UndoOutcome::AlreadyOriginal, ""),
        Ok(Some(_)) => {}
        Err(error) => return UndoneHow::new(UndoOutcome::Failed, format!("cannot read {path}: {error}")),
    }
    match found(host, undoing.resource, undoing.written) {
        Ok(None) => {}
        Ok(Some(_)) if !undoing.done && is_halfway(host, undoing) => {}
        Ok(Some(now)) => {
            let detail = format!("found {now}, the change had made it {}", describe(&undoing.written.state));
            return UndoneHow::new(UndoOutcome::Drifted, detail);
        }
        Err(error) => return UndoneHow::new(UndoOutcome::Failed, format!("cannot read {path}: {error}")),
    }
    if check {
        return UndoneHow::new(UndoOutcome::Restored, "");
    }
    restore(host, undoing, &original)
}

/// Take back a change that failed just now: whatever the attempt left there is our own.
pub fn take_back(host: &Host, change: &Change) -> UndoneHow {
    let original = written(&change.before);
    if let Ok(None) = found(host, &change.resource, &original) {
        return UndoneHow::new(UndoOutcome::AlreadyOriginal, "");
    }
    let undoing = Undoing {
        resource: &change.resource,
        original: &change.before,
        written: &written(&change.after),
        revert: &change.revert,
        done: false,
        environment: &BTreeMap::new(),
    };
    restore(host, &undoing, &original)
}

fn restore(host: &Host, undoing: &Undoing<'_>, original: &Written) -> UndoneHow {
    let path = undoing.resource.label();
    // From what is really there: an agent killed half-way may have left something else than it meant to write.
    let now = match undoing.resource {
        Resource::Path(path) => host.state(path, false),
        _ => Ok(undoing.written.state.clone()),
    };
    let now = match now {
        Ok(now) => now,
        Err(error) => return UndoneHow::new(UndoOutcome::Failed, format!("cannot read {path}: {error}")),
    };
    if let Err(error) = put(host, undoing.resource, &now, undoing.original) {
        let outcome = match (&now, undoing.original) {
            // Somebody put files into a directory that the change made.
            (State::Directory { .. }, State::Absent) if host.list(path).is_ok_and(|names| !names.is_empty()) => {
                UndoOutcome::Drifted
            }
            _ => UndoOutcome::Failed,
        };
        return UndoneHow::new(outcome, error.to_string());
    }
    match found(host, undoing.resource, original) {
        Ok(None) => UndoneHow::new(UndoOutcome::Restored, ""),
        Ok(Some(now)) => UndoneHow::new(UndoOutcome::Failed, format!("restored, but found {now}")),
        Err(error) => UndoneHow::new(UndoOutcome::Failed, format!("cannot read {path}: {error}")),
    }
}

/// Whether what is there is a stage between the original and the change: the steps of a change of owner and mode, or of
/// replacing a directory, are separate system calls.
fn is_halfway(host: &Host, undoing: &Undoing<'_>) -> bool {
    let Resource::Path(path) = undoing.resource else { return false };
    let original = written(undoing.original);
    let Ok(now) = host.state(path, original.sha256.is_some()) else { return false };
    match (undoing.original, &now, &undoing.written.state) {
        (State::File { meta: old, .. }, State::File { meta, .. }, State::File { meta: new, .. }) => {
            written(&now).sha256 == original.sha256 && is_between(old, meta, new)
        }
        (State::Directory { meta: old }, State::Directory { meta }, State::Directory { meta: new }) => {
            is_between(old, meta, new)
        }
        (State::Directory { .. }, State::Absent, _) | (_, State::Absent, State::Directory { .. }) => true,
        _ => false,
    }
}

/// Each attribute is the old or the new one; changing the owner clears the set-id bits.
fn is_between(old: &Meta, now: &Meta, new: &Meta) -> bool {
    let either = |now: u32, old: u32, new: u32| now == old || now == new;
    either(now.uid, old.uid, new.uid)
        && either(now.gid, old.gid, new.gid)
        && (either(now.mode, old.mode, new.mode) || now.mode == old.mode & !0o6000)
}

fn undo_command(host: &Host, undoing: &Undoing<'_>, check: bool) -> UndoneHow {
    let State::Run(run) = &undoing.written.state else {
        return UndoneHow::new(UndoOutcome::Failed, "the journal does not hold the command");
    };
    let Some(line) = &run.undo else {
        let reason = match undoing.revert {
            Reversal::No(reason) => reason.clone(),
            Reversal::Yes => "the task names no command that undoes it".to_owned(),
        };
        return UndoneHow::new(UndoOutcome::Irreversible, reason);
    };
    if let Some(probe) = &run.probe {
        match probed(host, probe) {
            Ok(now) if now == probe.before => return UndoneHow::new(UndoOutcome::AlreadyOriginal, ""),
            Ok(now) if now == probe.after || !undoing.done => {}
            Ok(now) => {
                let detail = format!("found {}, the change had made it {}", shown(&now), shown(&probe.after));
                return UndoneHow::new(UndoOutcome::Drifted, detail);
            }
            Err(error) => {
                return UndoneHow::new(UndoOutcome::Failed, format!("cannot run {}: {error}", probe.argv.join(" ")));
            }
        }
    }
    if check {
        return UndoneHow::new(UndoOutcome::Restored, format!("by running {line}"));
    }
    let environment = environment_of(run, undoing.environment);
    let argv = ["/bin/sh".to_owned(), "-c".to_owned(), line.clone()];
    let command = Command {
        argv: &argv,
        chdir: run.chdir.as_deref(),
        stdin: None,
        environment: &environment,
        deadline: Some(Instant::now() + DEADLINE),
        limit: OUTPUT,
    };
    // Undoing is not interrupted: a lost line is when it matters most.
    let finished = Stop::new().and_then(|stop| host.run(&command, &stop, &mut |_, _| {}));
    match finished {
        Ok(end) if end.ending == Ending::Exited && end.rc == 0 => {
            match run.probe.as_ref().map(|probe| (probe, probed(host, probe))) {
                Some((probe, Ok(now))) if now != probe.before => {
                    let detail = format!("ran {line}, but found {}", shown(&now));
                    UndoneHow::new(UndoOutcome::Failed, detail)
                }
                _ => UndoneHow::new(UndoOutcome::Restored, format!("by running {line}")),
            }
        }
        Ok(end) if end.ending == Ending::TimedOut => {
            UndoneHow::new(UndoOutcome::Failed, format!("{line}: not finished after {} s", DEADLINE.as_secs()))
        }
        Ok(end) => {
            let said = String::from_utf8_lossy(&end.stderr).trim().to_owned();
            UndoneHow::new(UndoOutcome::Failed, format!("{line}: return code {}: {said}", end.rc))
        }
        Err(error) => UndoneHow::new(UndoOutcome::Failed, format!("cannot run {line} as {}: {error}", sys::uid())),
    }
}

/// What a probe prints now.
fn probed(host: &Host, probe: &Probe) -> std::io::Result<String> {
    host.query(&probe.argv).map(|answer| answer.stdout.trim().to_owned())
}

fn shown(text: &str) -> String {
    if text.is_empty() { "nothing".to_owned() } else { format!("`{text}`") }
}
