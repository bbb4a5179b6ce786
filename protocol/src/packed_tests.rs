//! Every type that travels, against another program's library for the same format.

#![expect(clippy::unwrap_used, reason = "tests")]
use crate::Value;
use crate::change::*;
use crate::journal::*;
use crate::message::*;
use crate::name::{HostName, RunId};
use crate::packed::{Packed, pack, unpack};
use crate::task::*;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Debug;

/// What we write the library reads, what it writes we read, and nothing is lost on the way.
fn agree<T: Packed + Serialize + DeserializeOwned + PartialEq + Debug>(values: impl IntoIterator<Item = T>) {
    for value in values {
        let ours = pack(&value);
        assert_eq!(rmp_serde::from_slice::<T>(&ours).unwrap(), value);
        let theirs = rmp_serde::to_vec_named(&value).unwrap();
        assert_eq!(unpack::<T>(&theirs).unwrap(), value);
        assert_eq!(ours.len(), theirs.len(), "{value:?}");
    }
}

fn identity() -> Identity {
    Identity { user: "root".into(), method: "sudo".into() }
}

fn hello() -> AgentHello {
    AgentHello {
        protocol: u32::MAX,
        version: "0".into(),
        hash: "ab".into(),
        arch: "x86_64".into(),
        uid: 1000,
        user: "ä".into(),
        pid: 70_000,
        node: String::new(),
    }
}

fn values() -> Value {
    json!({ "nil": null, "bool": true, "numbers": [0, -1, u64::MAX, i64::MIN, 1.5, 300, -300], "deep": { "text": "ü" } })
}

fn task() -> TaskRequest {
    TaskRequest {
        seq: 7,
        name: "a task".into(),
        module: "copy".into(),
        params: values().as_object().unwrap().clone(),
        content: Some(Content::Inline(vec![0, 255])),
        check: true,
        diff: false,
        identity: Some(identity()),
        environment: [("A".to_owned(), "b".to_owned())].into(),
        deadline_ms: Some(1 << 40),
        stop_on_failure: true,
        live: true,
        revert: Revert::Command("true".into()),
        job: Some(Job { id: "7.1".into(), limit_s: 9 }),
    }
}

#[test]
fn messages_to_the_agent() {
    let run = || Some(RunId::from("r"));
    let undo = UndoRequest { seq: 1, run: "r".into(), host: "h".into(), from_task: 2, to_task: u64::MAX, check: true };
    let mut bare = task();
    bare.content = Some(Content::Offered { sha256: "s".into(), sha1: "t".into(), size: 1 << 33 });
    bare.identity = None;
    bare.revert = Revert::Never;
    agree([
        ToAgent::Hello(ControllerHello {
            protocol: 1,
            version: "1".into(),
            run: run(),
            host: HostName::from("h"),
            first_seq: 3,
        }),
        ToAgent::StartChild(StartChild {
            identity: identity(),
            password: Some("p".into()),
            flags: vec!["-E".into()],
            program: "sudo".into(),
            agent_path: None,
        }),
        ToAgent::Task(Box::new(task())),
        ToAgent::Task(Box::new(bare)),
        ToAgent::Content { seq: 1, data: vec![1; 300], last: false },
        ToAgent::Cancel { seq: 2 },
        ToAgent::Resume { from: 3 },
        ToAgent::Facts { seq: 4, only: vec!["cpu".into()], identity: None },
        ToAgent::Journal { seq: 5, run: run(), host: None, identity: Some(identity()) },
        ToAgent::Undo { request: undo, identity: None },
        ToAgent::Bye,
    ]);
}

#[test]
fn messages_from_the_agent() {
    let object = || values().as_object().unwrap().clone();
    let result = |status| {
        let diff = vec![DiffEntry { before: Value::Null, after: values(), resource: "/x".into() }];
        FromAgent::Result(Box::new(TaskResult { seq: 1, status, result: object(), diff, duration_us: 1 << 20 }))
    };
    let statuses = [
        Status::Ok,
        Status::Changed,
        Status::Failed,
        Status::Skipped,
        Status::Dropped,
        Status::Cancelled,
        Status::TimedOut,
    ];
    agree(statuses.map(result));
    let reasons = [
        ChildFailure::PasswordNeeded,
        ChildFailure::WrongPassword,
        ChildFailure::Refused,
        ChildFailure::NotStarted,
        ChildFailure::TimedOut,
    ];
    agree(reasons.map(|reason| FromAgent::ChildFailed { identity: identity(), reason, detail: "d".into() }));
    agree([Stream::Stdout, Stream::Stderr].map(|stream| FromAgent::Output { seq: 9, stream, data: vec![7; 70_000] }));
    let states = [
        TransactionState::Open,
        TransactionState::Closed,
        TransactionState::Interrupted,
        TransactionState::RolledBack,
        TransactionState::PartlyRolledBack,
    ];
    let changes = [ChangeState::Intended, ChangeState::Done, ChangeState::Undone].map(|state| ChangeSummary {
        seq: 1,
        task: "t".into(),
        resource: "/x".into(),
        state,
    });
    let transactions = states.map(|state| Transaction {
        run: "r".into(),
        host: "h".into(),
        user: "u".into(),
        state,
        opened: 1 << 31,
        changes: changes.to_vec(),
    });
    let outcomes = [
        UndoOutcome::Restored,
        UndoOutcome::AlreadyOriginal,
        UndoOutcome::Drifted,
        UndoOutcome::Blocked,
        UndoOutcome::Irreversible,
        UndoOutcome::Failed,
    ];
    let rows =
        outcomes.map(|outcome| UndoRow { task: "t".into(), resource: "/x".into(), outcome, detail: String::new() });
    agree([
        FromAgent::Hello(hello()),
        FromAgent::Heartbeat,
        FromAgent::ChildStarted { identity: identity(), hello: hello() },
        FromAgent::Started { seq: 0 },
        FromAgent::NeedContent { seq: 128 },
        FromAgent::Facts { seq: 1, facts: object() },
        FromAgent::Journal { seq: 2, transactions: transactions.to_vec(), unread: vec!["torn".into()] },
        FromAgent::Undo(UndoReport { seq: 3, rows: rows.to_vec() }),
        FromAgent::Refused { seq: 4, message: "m".repeat(40) },
        FromAgent::Fatal { message: "m".repeat(300) },
        FromAgent::Bye,
    ]);
}

#[test]
fn questions_and_answers() {
    agree([
        Question::Job { id: "7.1".into(), erase: true },
        Question::File { path: "~/x".into() },
        Question::Piece { path: "/x".into(), offset: u64::MAX, length: 1 },
        Question::Capture { keep_identity: true },
        Question::Settle,
    ]);
    agree([
        Told::Job { file: "/j".into(), result: values().as_object().cloned() },
        Told::File { path: "/x".into(), size: Some(3), is_directory: false, sha1: None },
        Told::Piece(vec![0, 255]),
        Told::Capture(values().as_object().unwrap().clone()),
        Told::Settled,
    ]);
}

#[test]
fn changes() {
    let times = Some(Times { atime_ns: -5, mtime_ns: i64::MAX });
    let meta = |times| Meta { mode: 0o7777, uid: 0, gid: u32::MAX, times };
    let probe = Probe { argv: vec!["look".into()], before: "1".into(), after: String::new() };
    let run = Run {
        argv: vec!["a".into()],
        chdir: Some("/".into()),
        stdin: Some(Bytes(vec![0])),
        undo: None,
        script: Some(Bytes(vec![7])),
        environment: BTreeMap::from([("A".into(), "b".into())]),
        probe: Some(probe),
    };
    agree([
        State::Absent,
        State::File { content: Some(Bytes(vec![1, 2])), meta: meta(times) },
        State::File { content: None, meta: meta(None) },
        State::Directory { meta: meta(None) },
        State::Link { target: "t".into(), uid: 1, gid: 2 },
        State::HardLink { target: "t".into() },
        State::Value("v".into()),
        State::NotRun,
        State::Run(run),
    ]);
    agree([Resource::Path("p".into()), Resource::Setting("s".into()), Resource::Command("c".into())]);
    agree([Reversal::Yes, Reversal::No("n".into())]);
    agree([
        Scope::Live,
        Scope::NextAlloc,
        Scope::LinkReset,
        Scope::DaemonRestart,
        Scope::ModuleReload,
        Scope::VmRestart,
        Scope::GuestReboot,
        Scope::HostReboot,
    ]);
    agree([Change {
        resource: Resource::Path("p".into()),
        before: State::Absent,
        after: State::NotRun,
        scope: Scope::Live,
        converges: true,
        revert: Reversal::Yes,
    }]);
}

/// A message as some other version may write it.
fn taken(message: &Value) -> Result<ToAgent, String> {
    unpack(&rmp_serde::to_vec_named(message).unwrap())
}

#[test]
fn fields_of_another_version_are_passed_over_and_spare_ones_are_blank() {
    let sparse = json!({ "Task": { "future": [{ "x": 1 }], "params": {}, "module": "ping", "name": "n", "seq": 1 } });
    let ToAgent::Task(read) = taken(&sparse).unwrap() else { unreachable!("another message") };
    let blank = TaskRequest {
        seq: 1,
        name: "n".into(),
        module: "ping".into(),
        params: crate::Map::new(),
        content: None,
        check: false,
        diff: false,
        identity: None,
        environment: std::collections::BTreeMap::new(),
        deadline_ms: None,
        stop_on_failure: false,
        live: false,
        revert: Revert::Unsaid,
        job: None,
    };
    assert_eq!(*read, blank);
    assert_eq!(
        taken(&json!({ "Facts": { "seq": 1, "only": [] } })).unwrap(),
        ToAgent::Facts { seq: 1, only: Vec::new(), identity: None }
    );
}

#[test]
fn what_is_no_message_is_refused_with_a_reason() {
    let expect = [
        (json!({ "Cancel": {} }), "missing field seq"),
        (json!({ "Cancel": { "seq": -1 } }), "expected a number that is not negative"),
        (json!({ "Cancel": { "seq": "x" } }), "expected a number that is not negative"),
        (json!({ "Dance": {} }), "unknown variant Dance"),
        (json!("Cancel"), "a variant without its content"),
        (json!({ "Bye": 1 }), "a variant with content it cannot have"),
        (json!({ "Bye": null, "Cancel": { "seq": 1 } }), "expected one variant"),
        (json!(1), "expected a mapping"),
        (json!({ "Content": { "seq": 1, "data": "text", "last": true } }), "expected bytes"),
    ];
    for (message, reason) in expect {
        let said = taken(&message).unwrap_err();
        assert!(said.starts_with(reason), "{said}");
    }
    let twice = [&[0x81, 0xa6][..], b"Cancel", &[0x82, 0xa3], b"seq", &[1, 0xa3], b"seq", &[2]].concat();
    assert!(unpack::<ToAgent>(&twice).unwrap_err().starts_with("a second field seq"));
}

#[test]
fn every_beginning_of_a_message_is_refused() {
    let bytes = pack(&ToAgent::Task(Box::new(task())));
    for length in 0..bytes.len() {
        assert!(unpack::<ToAgent>(bytes.get(..length).unwrap()).is_err(), "{length}");
    }
}
