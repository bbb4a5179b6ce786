//! Undoing a run from the journal: newest change first, compare-and-swap, each step journalled.

use crate::change::{self, Undoing, UndoneHow, Written};
use crate::host::Host;
use crate::journal::{self, Intent, JournalError, JournalFile};
use luthier_protocol::change::{Probe, Resource, State};
use luthier_protocol::journal::{ChangeState, UndoOutcome, UndoReport, UndoRequest, UndoRow};
use std::collections::HashMap;
use std::path::Path;

/// Undo what the request names from the journals in a folder.
pub fn rollback(host: &Host, folder: &Path, request: &UndoRequest) -> UndoReport {
    let mut rows = Vec::new();
    // Where only asked: what a resource would be after the undoing of newer changes.
    let mut pretended = HashMap::new();
    match journal::find(folder, Some(&request.run), Some(&request.host)) {
        // Those that cannot be read the controller knows from the list it asked for before.
        Ok((files, _)) => {
            for mut file in files {
                if !undo_file(host, &mut file, request, &mut pretended, &mut rows) {
                    break;
                }
            }
        }
        Err(error) => rows.push(failed(&folder.display().to_string(), &error)),
    }
    UndoReport { seq: request.seq, rows }
}

/// Undo one transaction. False: older ones must wait for it.
fn undo_file(
    host: &Host,
    file: &mut JournalFile,
    request: &UndoRequest,
    pretended: &mut HashMap<Resource, Written>,
    rows: &mut Vec<UndoRow>,
) -> bool {
    let label = format!("transaction of process {}", file.opened().pid);
    let ready =
        file.lock().and_then(|locked| if locked && !request.check { file.mend().map(|()| locked) } else { Ok(locked) });
    match ready {
        Ok(true) => {}
        Ok(false) => {
            let detail = "an agent is still at work on it".to_owned();
            rows.push(UndoRow { task: String::new(), resource: label, outcome: UndoOutcome::Blocked, detail });
            return false;
        }
        Err(error) => {
            rows.push(failed(&label, &error));
            return false;
        }
    }
    let entries: Vec<_> = file.entries().iter().rev().cloned().collect();
    for entry in entries {
        if entry.seq < request.from_task || entry.seq > request.to_task {
            continue;
        }
        let (task, resource) = (entry.task.clone(), entry.resource.label().to_owned());
        if entry.state == ChangeState::Undone {
            let detail = "undone before".to_owned();
            rows.push(UndoRow { task, resource, outcome: UndoOutcome::AlreadyOriginal, detail });
            continue;
        }
        let how = match file.intent(&entry) {
            Ok(intent) if request.check => pretend(host, &intent, entry.state == ChangeState::Done, pretended),
            Ok(intent) => undo_entry(host, file, &intent, entry.state == ChangeState::Done),
            Err(error) => UndoneHow { outcome: UndoOutcome::Failed, detail: error.to_string() },
        };
        rows.push(UndoRow { task, resource, outcome: how.outcome, detail: how.detail });
    }
    if !request.check
        && let Err(error) = file.add_rolled_back()
    {
        rows.push(failed(&label, &error));
    }
    true
}

fn undo_entry(host: &Host, file: &mut JournalFile, intent: &Intent, done: bool) -> UndoneHow {
    if !done && let Resource::Path(path) = &intent.resource {
        // Litter only: whether it can be removed does not change what became of the original.
        let _ = host.remove_unfinished(path, file.opened().pid);
    }
    let how = undo_intent(host, intent, done, false);
    if matches!(how.outcome, UndoOutcome::Restored | UndoOutcome::AlreadyOriginal)
        && let Err(error) = file.add_undone(intent.number)
    {
        return UndoneHow { outcome: how.outcome, detail: error.to_string() };
    }
    how
}

fn undo_intent(host: &Host, intent: &Intent, done: bool, check: bool) -> UndoneHow {
    let original = match intent.original() {
        Ok(original) => original,
        Err(error) => {
            return UndoneHow {
                outcome: UndoOutcome::Failed,
                detail: format!("the journalled original is damaged: {error}"),
            };
        }
    };
    let written = Written { state: intent.after.clone(), sha256: intent.after_sha256.clone() };
    let undoing = Undoing {
        resource: &intent.resource,
        original: &original,
        written: &written,
        revert: &intent.revert,
        done,
        environment: &intent.environment,
    };
    change::undo(host, &undoing, check)
}

/// What undoing would do, given what undoing the newer changes would have done.
fn pretend(host: &Host, intent: &Intent, done: bool, pretended: &mut HashMap<Resource, Written>) -> UndoneHow {
    let told = probe(intent);
    // What several commands tell of in the same way is one resource.
    let resource = told.map_or_else(|| intent.resource.clone(), |probe| Resource::Command(probe.argv.join("\0")));
    let value = |text: &str| Written { state: State::Value(text.to_owned()), sha256: None };
    let after = match told {
        Some(probe) => value(&probe.after),
        None => Written { state: intent.after.clone(), sha256: intent.after_sha256.clone() },
    };
    let how = match pretended.get(&resource) {
        Some(now) if *now != after => {
            UndoneHow { outcome: UndoOutcome::Drifted, detail: format!("would be {}", change::describe(&now.state)) }
        }
        Some(_) => UndoneHow { outcome: UndoOutcome::Restored, detail: String::new() },
        None => undo_intent(host, intent, done, true),
    };
    if how.outcome == UndoOutcome::Restored {
        let original = match (told, &resource) {
            (Some(probe), _) => Some(value(&probe.before)),
            (None, Resource::Command(_)) => None,
            (None, _) => intent.original().ok().map(|original| change::written(&original)),
        };
        if let Some(original) = original {
            pretended.insert(resource, original);
        }
    }
    how
}

fn probe(intent: &Intent) -> Option<&Probe> {
    match &intent.after {
        State::Run(run) => run.probe.as_ref(),
        _ => None,
    }
}

fn failed(resource: &str, error: &JournalError) -> UndoRow {
    let (task, resource) = (String::new(), resource.to_owned());
    UndoRow { task, resource, outcome: UndoOutcome::Failed, detail: error.to_string() }
}
