#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::event::Event;
use crate::history::{RunState, now};
use crate::output::Output;
use crate::output::fixture;
use luthier_protocol::task::Identity;

fn meta(run: &str) -> RunMeta {
    RunMeta { run: run.into(), playbooks: vec!["site.yml".into()], check: false, hosts: 6, time: now() }
}

fn record(history: &History, run: &str, events: &[Event]) {
    let mut recorder = history.recorder(&meta(run)).unwrap();
    for event in events {
        recorder.event(event);
    }
    recorder.finish();
    assert!(recorder.failure().is_none());
}

#[test]
fn what_was_recorded_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let history = History::open(&dir.path().join("state/luthier")).unwrap();
    let events = fixture::run();
    record(&history, "20261122-174501-4f2a", &events);
    let mut back = history.events(&"20261122-174501-4f2a".into()).unwrap();
    assert_eq!(back.by_ref().collect::<Vec<_>>(), events);
    assert!(!back.torn());
    let run = history.find("last").unwrap();
    assert_eq!((run.state, run.exit_code, run.hosts), (RunState::Finished, Some(2), 6));
    assert_eq!(run.playbooks, ["site.yml"]);
}

#[test]
fn a_torn_recording_reads_up_to_where_it_is_torn() {
    let dir = tempfile::tempdir().unwrap();
    let history = History::open(dir.path()).unwrap();
    let events = fixture::run();
    record(&history, "r1", &events);
    let path = dir.path().join("runs/r1.jsonl.zst");
    let whole = std::fs::read(&path).unwrap();
    for length in [whole.len() - 1, whole.len() - 5, whole.len() / 2, 3, 0] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let mut reader = history.events(&"r1".into()).unwrap();
        let back: Vec<Event> = reader.by_ref().collect();
        assert!(events.starts_with(&back), "cut at {length}");
    }
}

#[test]
fn a_recording_can_be_read_before_it_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let history = History::open(dir.path()).unwrap();
    let events = fixture::run();
    let mut recorder = history.recorder(&meta("r1")).unwrap();
    recorder.event(&events[0]);
    recorder.event(&events[1]);
    // The writer flushes by itself; how soon is not this test's matter.
    let mut back = Vec::new();
    while back.len() < 2 {
        std::thread::sleep(std::time::Duration::from_millis(5));
        back = history.events(&"r1".into()).unwrap().collect();
    }
    assert_eq!(back, events[..2]);
    assert_eq!(history.find("r1").unwrap().state, RunState::Running);
    drop(recorder);
    // The process is alive, but the run never said that it ended.
    assert_eq!(history.find("r1").unwrap().exit_code, None);
}

#[test]
fn damage_is_an_end_and_unknown_events_are_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let history = History::open(dir.path()).unwrap();
    let events = fixture::run();
    record(&history, "r1", &events);
    let path = dir.path().join("runs/r1.jsonl.zst");
    let mut text = zstd::decode_all(std::fs::File::open(&path).unwrap()).unwrap();
    let start = text.iter().position(|b| *b == b'\n').unwrap() + 1;
    text.splice(start..start, b"{\"event\":\"wave_started\",\"wave\":1}\n".iter().copied());
    std::fs::write(&path, zstd::encode_all(&text[..], 3).unwrap()).unwrap();
    assert_eq!(history.events(&"r1".into()).unwrap().collect::<Vec<_>>(), events);
    std::fs::write(&path, b"not zstd at all").unwrap();
    let mut reader = history.events(&"r1".into()).unwrap();
    assert_eq!(reader.by_ref().count(), 0);
    assert!(reader.torn());
}

#[test]
fn runs_are_found_by_what_is_unique() {
    let dir = tempfile::tempdir().unwrap();
    let history = History::open(dir.path()).unwrap();
    assert!(matches!(history.find("last"), Err(HistoryError::NoRuns(_))));
    for run in ["20261122-1000-aa", "20261122-1000-ab", "20261123-0900-cc"] {
        record(&history, run, &[]);
    }
    assert_eq!(history.find("20261123").unwrap().run.as_str(), "20261123-0900-cc");
    assert_eq!(history.find("20261122-1000-ab").unwrap().run.as_str(), "20261122-1000-ab");
    assert_eq!(history.list().unwrap()[0].run.as_str(), "20261123-0900-cc");
    assert!(matches!(history.find("20261122"), Err(HistoryError::Ambiguous { matches, .. }) if matches.len() == 2));
    let many = HistoryError::Ambiguous { prefix: "2".into(), matches: (20..40).map(|id| id.to_string()).collect() };
    assert_eq!(
        many.to_string(),
        "choose a run: \"2\" is the beginning of 20 runs; the newest are\n  20\n  21\n  22\n  23\n  24"
    );
    assert!(matches!(history.find("x"), Err(HistoryError::UnknownRun(_))));
    assert!(matches!(history.find(""), Err(HistoryError::UnknownRun(_))));
    assert!(matches!(history.events(&"../../etc/passwd".into()), Err(HistoryError::UnknownRun(_))));
}

#[test]
fn hosts_of_a_run_come_back_and_files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let history = History::open(&dir.path().join("h")).unwrap();
    let run = RunId::from("r1");
    assert_eq!(history.hosts(&run).unwrap(), []);
    let host = RunHost {
        host: "kvm1".into(),
        connection: "ssh".into(),
        address: "10.0.0.1".into(),
        port: Some(2222),
        user: Some("op".into()),
        private_key: None,
        ssh_args: None,
        agent_path: None,
        identities: vec![Identity { user: "root".into(), method: "sudo".into() }],
        changed: true,
        last_seq: 20,
    };
    history.save_hosts(&run, Vec::new()).unwrap();
    history.save_hosts(&run, vec![host.clone()]).unwrap();
    assert_eq!(history.hosts(&run).unwrap(), [host]);
    let mode = |path: &str| std::fs::metadata(dir.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("h"), 0o700);
    assert_eq!(mode("h/runs/r1.hosts.json"), 0o600);
}

#[test]
fn several_controllers_share_one_index() {
    let dir = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let folder = dir.path();
            scope.spawn(move || {
                let history = History::open(folder).unwrap();
                record(&history, &format!("run-{number}"), &fixture::run());
            });
        }
    });
    let runs = History::open(dir.path()).unwrap().list().unwrap();
    assert_eq!(runs.len(), 8);
    assert!(runs.iter().all(|run| run.exit_code == Some(2)));
}

#[test]
fn an_index_of_a_later_version_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(History::open(dir.path()).unwrap());
    let connection = rusqlite::Connection::open(dir.path().join("index.sqlite")).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(History::open(dir.path()), Err(HistoryError::NewerIndex { found: 99, .. })));
}
