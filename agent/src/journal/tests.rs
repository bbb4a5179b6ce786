//! Journals torn, pruned, and asked for steps that cannot be.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::host::Host;
use luthier_protocol::change::{Bytes, Change, Meta, Resource, Reversal, Scope, State};
use luthier_protocol::journal::{ChangeState, TransactionState};
use luthier_protocol::name::{HostName, RunId};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn ledger(state: &Path, run: &str) -> Ledger {
    Ledger::new(state, Some(RunId::from(run)), HostName::from("kvm1"))
}

fn change(path: &str, content: &[u8]) -> Change {
    let meta = Meta { mode: 0o644, uid: 0, gid: 0, times: None };
    Change {
        resource: Resource::Path(path.to_owned()),
        before: State::File { content: Some(Bytes(content.to_vec())), meta },
        after: State::Absent,
        scope: Scope::Live,
        converges: true,
        revert: Reversal::Yes,
    }
}

fn intent(ledger: &mut Ledger, seq: u64, change: &Change) -> Result<u64, JournalError> {
    let owner = Owner { seq, task: "a task", environment: &BTreeMap::new() };
    ledger.intent(&Host::live(), owner, change, (change.after.clone(), None))
}

fn only_file(state: &Path) -> PathBuf {
    let mut files: Vec<PathBuf> =
        fs::read_dir(state.join("journal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    files.remove(0)
}

#[test]
fn nothing_is_written_without_a_change() {
    let state = tempfile::tempdir().unwrap();
    ledger(state.path(), "r").close().unwrap();
    assert!(list(&state.path().join("journal"), None, None).unwrap().0.is_empty());
}

#[test]
fn the_original_comes_back_whole() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = ledger(state.path(), "r");
    let change = change("/etc/file", &[7; 100_000]);
    intent(&mut ledger, 3, &change).unwrap();
    let mut file = JournalFile::open(&only_file(state.path())).unwrap();
    let entry = file.entries()[0].clone();
    assert_eq!((entry.seq, entry.state), (3, ChangeState::Intended));
    assert_eq!(file.intent(&entry).unwrap().original().unwrap(), change.before);
}

#[test]
fn a_journal_torn_at_any_byte_tells_what_was_whole() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = ledger(state.path(), "r");
    let first = intent(&mut ledger, 1, &change("/a", b"one")).unwrap();
    ledger.done(first).unwrap();
    let path = only_file(state.path());
    let lengths = [fs::metadata(&path).unwrap().len() as usize];
    intent(&mut ledger, 2, &change("/b", b"two")).unwrap();
    ledger.close().unwrap();
    let whole = fs::read(&path).unwrap();
    for length in 0..=whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let Ok(mut file) = JournalFile::open(&path) else {
            assert!(length < lengths[0]);
            continue;
        };
        let states: Vec<ChangeState> = file.entries().iter().map(|entry| entry.state).collect();
        if length >= lengths[0] {
            assert_eq!(states[0], ChangeState::Done, "at {length}");
        }
        let closed = file.transaction().state == TransactionState::Closed;
        assert_eq!(closed, length == whole.len(), "at {length}");
        // What is added to a torn file is readable after it was mended.
        let count = states.len();
        file.mend().unwrap();
        if count > 0 {
            file.add_undone(1).unwrap();
            drop(file);
            assert_eq!(JournalFile::open(&path).unwrap().entries()[0].state, ChangeState::Undone, "at {length}");
        }
    }
}

#[test]
fn a_damaged_record_ends_the_file() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = ledger(state.path(), "r");
    intent(&mut ledger, 1, &change("/a", b"one")).unwrap();
    let path = only_file(state.path());
    let length = fs::metadata(&path).unwrap().len() as usize;
    intent(&mut ledger, 2, &change("/b", b"two")).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[length + 40] ^= 0xff;
    fs::write(&path, bytes).unwrap();
    assert_eq!(JournalFile::open(&path).unwrap().entries().len(), 1);
}

#[test]
fn steps_that_cannot_follow_are_refused() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = ledger(state.path(), "r");
    let number = intent(&mut ledger, 1, &change("/a", b"one")).unwrap();
    assert!(matches!(ledger.done(number + 1), Err(JournalError::Transition { .. })));
    ledger.done(number).unwrap();
    assert!(matches!(ledger.done(number), Err(JournalError::Transition { .. })));
    ledger.undone(number).unwrap();
    assert!(matches!(ledger.undone(number), Err(JournalError::Transition { .. })));
}

#[test]
fn open_interrupted_and_closed_are_told_apart() {
    let state = tempfile::tempdir().unwrap();
    let folder = state.path().join("journal");
    let found = || list(&folder, None, None).unwrap().0[0].state;
    let mut open = ledger(state.path(), "r");
    intent(&mut open, 1, &change("/a", b"one")).unwrap();
    assert_eq!(found(), TransactionState::Open);
    drop(open);
    assert_eq!(found(), TransactionState::Interrupted);
    let mut file = JournalFile::open(&only_file(state.path())).unwrap();
    file.add_closed().unwrap();
    assert_eq!(found(), TransactionState::Closed);
    file.add_rolled_back().unwrap();
    assert_eq!(found(), TransactionState::PartlyRolledBack);
    file.add_undone(1).unwrap();
    file.add_rolled_back().unwrap();
    assert_eq!(found(), TransactionState::RolledBack);
}

#[test]
fn what_nobody_can_undo_is_not_left_to_be_undone() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = ledger(state.path(), "r");
    let first = intent(&mut ledger, 1, &change("/a", b"one")).unwrap();
    let mut forever = change("/b", b"one");
    forever.revert = Reversal::No("nobody can".to_owned());
    intent(&mut ledger, 2, &forever).unwrap();
    ledger.close().unwrap();
    let mut file = JournalFile::open(&only_file(state.path())).unwrap();
    file.add_rolled_back().unwrap();
    assert_eq!(file.transaction().state, TransactionState::PartlyRolledBack);
    file.add_undone(first).unwrap();
    file.add_rolled_back().unwrap();
    assert_eq!(JournalFile::open(&only_file(state.path())).unwrap().transaction().state, TransactionState::RolledBack);
}

#[test]
fn the_last_twenty_of_a_host_are_kept() {
    let state = tempfile::tempdir().unwrap();
    let mut other = Ledger::new(state.path(), Some(RunId::from("other")), HostName::from("kvm2"));
    intent(&mut other, 1, &change("/a", b"one")).unwrap();
    other.close().unwrap();
    for run in 0..23 {
        let mut ledger = ledger(state.path(), &format!("r{run:02}"));
        intent(&mut ledger, 1, &change("/a", b"one")).unwrap();
        ledger.close().unwrap();
    }
    let runs: Vec<String> =
        list(&state.path().join("journal"), None, None).unwrap().0.into_iter().map(|row| row.run.0).collect();
    let expected: Vec<String> =
        std::iter::once("other".to_owned()).chain((3..23).map(|run| format!("r{run:02}"))).collect();
    assert_eq!(runs, expected);
}

#[test]
fn what_can_be_taken_back_outlives_what_cannot() {
    let state = tempfile::tempdir().unwrap();
    let mut first = ledger(state.path(), "first");
    intent(&mut first, 1, &change("/a", b"one")).unwrap();
    first.close().unwrap();
    for run in 0..25 {
        let mut ledger = ledger(state.path(), &format!("r{run:02}"));
        let mut change = change("/b", b"one");
        change.revert = Reversal::No("nobody can".to_owned());
        let number = intent(&mut ledger, 1, &change).unwrap();
        ledger.done(number).unwrap();
        ledger.close().unwrap();
    }
    let (rows, _) = list(&state.path().join("journal"), None, None).unwrap();
    assert_eq!(rows.len(), 20);
    assert_eq!((rows[0].run.as_str(), rows[1].run.as_str()), ("first", "r06"));
}

#[test]
fn a_journal_of_another_version_is_told_and_never_dropped() {
    let state = tempfile::tempdir().unwrap();
    let mut first = ledger(state.path(), "first");
    intent(&mut first, 1, &change("/a", b"one")).unwrap();
    first.close().unwrap();
    let path = only_file(state.path());
    let mut bytes = fs::read(&path).unwrap();
    bytes[16] = 2;
    fs::write(&path, bytes).unwrap();
    for run in 0..25 {
        let mut ledger = ledger(state.path(), &format!("r{run:02}"));
        intent(&mut ledger, 1, &change("/a", b"one")).unwrap();
        ledger.close().unwrap();
    }
    let (rows, unread) = list(&state.path().join("journal"), None, None).unwrap();
    assert_eq!((rows.len(), unread.len()), (20, 1));
    assert!(unread[0].contains("another version"), "{unread:?}");
    // Cut off before anything was done under it: nobody needs it, and nobody needs to hear of it.
    for torn in [&b""[..], b"luthier jour", b"luthier journal\n\x01\0\0\0", &[0; 60]] {
        fs::write(&path, torn).unwrap();
        assert!(list(&state.path().join("journal"), None, None).unwrap().1.is_empty(), "{torn:?}");
    }
}

#[test]
fn an_original_that_is_too_large_is_refused_only_where_it_would_be_needed() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = ledger(state.path(), "r");
    let mut change = change("/a", &vec![0; MAX_ORIGINAL + 1]);
    assert!(matches!(intent(&mut ledger, 1, &change), Err(JournalError::TooLarge { .. })));
    change.revert = Reversal::No("the operator says so".to_owned());
    intent(&mut ledger, 1, &change).unwrap();
}

#[test]
fn a_foreign_file_is_no_journal() {
    let state = tempfile::tempdir().unwrap();
    let path = state.path().join("x.journal");
    fs::write(&path, b"luthier journal\n\x02\0\0\0").unwrap();
    assert!(matches!(JournalFile::open(&path), Err(JournalError::Format { reason, .. }) if reason.contains("version")));
}
