//! Whole conversations over pipes.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use super::converse::converse;
use crate::host::Host;
use luthier_protocol::frame::{Decoder, encode};
use luthier_protocol::journal::{ChangeState, TransactionState, UndoOutcome, UndoRequest};
use luthier_protocol::message::{AgentHello, ControllerHello, FromAgent, Question, ToAgent, Told};
use luthier_protocol::name::{HostName, RunId};
use luthier_protocol::task::{Content, Revert, Status, TaskRequest, TaskResult};
use luthier_protocol::{Map, PROTOCOL_VERSION, Value};
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::path::Path;
use std::thread::JoinHandle;

/// The controller's end of a conversation with an agent in a thread.
struct Line {
    to: Option<PipeWriter>,
    from: PipeReader,
    decoder: Decoder,
    agent: JoinHandle<u8>,
}

impl Line {
    /// An agent on this machine with its journal in a folder; greeted.
    fn open(state: &Path) -> Self {
        let (input, to) = pipe().unwrap();
        let (from, output) = pipe().unwrap();
        let state = state.to_path_buf();
        let host = Host::live();
        let hello = AgentHello {
            protocol: PROTOCOL_VERSION,
            version: "test".into(),
            hash: "0".repeat(64),
            arch: "x86_64".into(),
            uid: 0,
            user: host.own_user(),
            pid: 1,
            node: "node".into(),
        };
        let agent = std::thread::spawn(move || converse(input, Box::new(output), host, state, "", hello));
        let mut line = Self { to: Some(to), from, decoder: Decoder::new(), agent };
        assert!(matches!(line.hear(), FromAgent::Hello(_)));
        line
    }

    fn greeted(state: &Path) -> Self {
        let mut line = Self::open(state);
        line.say(&ToAgent::Hello(ControllerHello {
            protocol: PROTOCOL_VERSION,
            version: "test".into(),
            run: Some(RunId::from("run")),
            host: HostName::from("kvm1"),
            first_seq: 1,
        }));
        line
    }

    fn say(&mut self, message: &ToAgent) {
        self.raw(&encode(message).unwrap());
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.to.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// The next message that is no heartbeat.
    fn hear(&mut self) -> FromAgent {
        let mut buffer = [0_u8; 4096];
        loop {
            match self.decoder.next_message::<FromAgent>().unwrap() {
                Some(FromAgent::Heartbeat) => continue,
                Some(message) => return message,
                None => {}
            }
            let length = self.from.read(&mut buffer).unwrap();
            assert!(length > 0, "the agent hung up");
            self.decoder.push(&buffer[..length]);
        }
    }

    /// The next result; what comes before it is passed over.
    fn result(&mut self) -> TaskResult {
        loop {
            if let FromAgent::Result(result) = self.hear() {
                return *result;
            }
        }
    }

    fn finish(mut self) -> u8 {
        self.say(&ToAgent::Bye);
        assert_eq!(self.hear(), FromAgent::Bye);
        self.agent.join().unwrap()
    }

    /// Hang up without a word.
    fn cut(mut self) -> u8 {
        self.to = None;
        drop(self.from);
        self.agent.join().unwrap()
    }
}

fn task(seq: u64, module: &str, params: Value) -> TaskRequest {
    let Value::Object(params) = params else { panic!("parameters are a mapping") };
    TaskRequest {
        seq,
        name: format!("task {seq}"),
        module: module.into(),
        params,
        content: None,
        check: false,
        diff: false,
        identity: None,
        environment: Default::default(),
        deadline_ms: None,
        stop_on_failure: false,
        live: false,
        revert: Revert::Unsaid,
        job: None,
    }
}

fn shell(seq: u64, line: &str) -> TaskRequest {
    task(seq, "shell", serde_json::json!({ "_raw_params": line }))
}

fn send(line: &mut Line, task: TaskRequest) {
    line.say(&ToAgent::Task(Box::new(task)));
}

fn text<'a>(result: &'a Map, key: &str) -> &'a str {
    result.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn a_command_from_end_to_end() {
    let state = tempfile::tempdir().unwrap();
    let mut line = Line::greeted(state.path());
    send(&mut line, task(1, "command", serde_json::json!({ "argv": ["printf", "a\\nb\\n"] })));
    assert_eq!(line.hear(), FromAgent::Started { seq: 1 });
    let result = line.result();
    assert_eq!((result.seq, result.status), (1, Status::Changed));
    assert_eq!(text(&result.result, "stdout"), "a\nb");
    assert_eq!(result.result.get("stdout_lines"), Some(&serde_json::json!(["a", "b"])));
    assert_eq!(line.finish(), 0);
}

#[test]
fn after_a_failure_tasks_are_dropped_until_the_controller_resumes() {
    let state = tempfile::tempdir().unwrap();
    let mut line = Line::greeted(state.path());
    send(&mut line, TaskRequest { stop_on_failure: true, ..shell(1, "echo why >&2; exit 3") });
    send(&mut line, shell(2, "true"));
    line.say(&ToAgent::Resume { from: 4 });
    send(&mut line, shell(3, "true"));
    send(&mut line, shell(4, "true"));
    let failed = line.result();
    assert_eq!((failed.status, text(&failed.result, "msg")), (Status::Failed, "non-zero return code"));
    assert_eq!((failed.result.get("rc"), text(&failed.result, "stderr")), (Some(&3.into()), "why"));
    let states: Vec<Status> = (0..3).map(|_| line.result().status).collect();
    assert_eq!(states, [Status::Dropped, Status::Dropped, Status::Changed]);
    assert_eq!(line.finish(), 0);
}

#[test]
fn a_cancel_kills_the_whole_process_group() {
    let state = tempfile::tempdir().unwrap();
    let mut line = Line::greeted(state.path());
    let file = state.path().join("child");
    send(&mut line, shell(1, &format!("sleep 1000 & echo $! > {}; echo ready; wait", file.display())));
    send(&mut line, shell(2, "true"));
    line.say(&ToAgent::Cancel { seq: 2 });
    assert_eq!(line.hear(), FromAgent::Started { seq: 1 });
    while std::fs::read_to_string(&file).is_ok_and(|text| text.ends_with('\n')).eq(&false) {
        std::thread::yield_now();
    }
    line.say(&ToAgent::Cancel { seq: 1 });
    assert_eq!(line.result().status, Status::Cancelled);
    assert_eq!(line.result().status, Status::Cancelled);
    let child = std::fs::read_to_string(&file).unwrap();
    assert!(is_gone(child.trim()), "process {child} lives");
    assert_eq!(line.finish(), 0);
}

/// Dead, or waiting to be reaped by whoever adopted it.
fn is_gone(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

#[test]
fn a_deadline_ends_a_command() {
    let state = tempfile::tempdir().unwrap();
    let mut line = Line::greeted(state.path());
    send(&mut line, TaskRequest { deadline_ms: Some(50), ..shell(1, "echo begun; sleep 1000") });
    let result = line.result();
    assert_eq!(result.status, Status::TimedOut);
    assert_eq!(text(&result.result, "stdout"), "begun");
    assert_eq!(line.finish(), 0);
}

#[test]
fn live_output_comes_before_the_result() {
    let state = tempfile::tempdir().unwrap();
    let mut line = Line::greeted(state.path());
    send(&mut line, TaskRequest { live: true, ..shell(1, "echo hello") });
    assert_eq!(line.hear(), FromAgent::Started { seq: 1 });
    assert!(matches!(line.hear(), FromAgent::Output { seq: 1, data, .. } if data == b"hello\n"));
    assert_eq!(line.result().status, Status::Changed);
    assert_eq!(line.finish(), 0);
}

#[test]
fn a_lost_line_kills_the_command_and_leaves_the_transaction_interrupted() {
    let state = tempfile::tempdir().unwrap();
    let mut line = Line::greeted(state.path());
    let file = state.path().join("child");
    send(&mut line, shell(1, &format!("echo $$ > {}; sleep 1000", file.display())));
    send(&mut line, shell(2, "true"));
    while std::fs::read_to_string(&file).is_ok_and(|text| text.ends_with('\n')).eq(&false) {
        std::thread::yield_now();
    }
    assert_eq!(line.cut(), 1);
    assert!(is_gone(std::fs::read_to_string(&file).unwrap().trim()));
    let mut line = Line::greeted(state.path());
    line.say(&ToAgent::Journal { seq: 1, run: None, host: None, identity: None });
    let FromAgent::Journal { transactions, .. } = line.hear() else { panic!("no journal") };
    let [one] = transactions.as_slice() else { panic!("one transaction expected") };
    assert_eq!(one.state, TransactionState::Interrupted);
    assert_eq!(one.changes.iter().map(|change| change.state).collect::<Vec<_>>(), [ChangeState::Intended]);
    assert_eq!(line.finish(), 0);
}

#[test]
fn settling_closes_the_transaction_and_what_follows_opens_another() {
    let state = tempfile::tempdir().unwrap();
    let mut line = Line::greeted(state.path());
    send(&mut line, shell(1, "true"));
    line.say(&ToAgent::Ask { seq: 2, question: Question::Settle, identity: None });
    assert_eq!(line.result().status, Status::Changed);
    assert_eq!(line.hear(), FromAgent::Told { seq: 2, told: Told::Settled });
    let states = |line: &mut Line, seq: u64| {
        line.say(&ToAgent::Journal { seq, run: None, host: None, identity: None });
        let FromAgent::Journal { transactions, .. } = line.hear() else { panic!("no journal") };
        transactions.iter().map(|one| one.state).collect::<Vec<_>>()
    };
    assert_eq!(states(&mut line, 3), [TransactionState::Closed]);
    send(&mut line, shell(4, "true"));
    assert_eq!(line.result().status, Status::Changed);
    assert_eq!(states(&mut line, 5), [TransactionState::Closed, TransactionState::Open]);
    assert_eq!(line.cut(), 1);
    let mut line = Line::greeted(state.path());
    assert_eq!(states(&mut line, 1), [TransactionState::Closed, TransactionState::Interrupted]);
    assert_eq!(line.finish(), 0);
}

#[test]
fn offered_content_is_fetched_written_and_undone() {
    let state = tempfile::tempdir().unwrap();
    let path = state.path().join("file");
    std::fs::write(&path, "original\n").unwrap();
    let content = vec![b'x'; 200_000];
    let offered = Content::Offered {
        sha256: crate::change::sha256(&content),
        sha1: crate::host::hashes::digest(&content, crate::host::hashes::Algorithm::Sha1),
        size: content.len() as u64,
    };
    let mut line = Line::greeted(state.path());
    let copy = task(1, "copy", serde_json::json!({ "dest": path.to_str() }));
    send(&mut line, TaskRequest { content: Some(offered), ..copy });
    assert_eq!(line.hear(), FromAgent::Started { seq: 1 });
    assert_eq!(line.hear(), FromAgent::NeedContent { seq: 1 });
    let mut pieces = content.chunks(70_000).peekable();
    while let Some(piece) = pieces.next() {
        line.say(&ToAgent::Content { seq: 1, data: piece.to_vec(), last: pieces.peek().is_none() });
    }
    assert_eq!(line.result().status, Status::Changed);
    assert!(std::fs::read(&path).unwrap() == content);
    for (seq, outcome) in [(2, UndoOutcome::Restored), (3, UndoOutcome::AlreadyOriginal)] {
        let request = UndoRequest {
            seq,
            run: RunId::from("run"),
            host: HostName::from("kvm1"),
            from_task: 0,
            to_task: u64::MAX,
            check: false,
        };
        line.say(&ToAgent::Undo { request, identity: None });
        let FromAgent::Undo(report) = line.hear() else { panic!("no report") };
        assert_eq!(report.rows.iter().map(|row| row.outcome).collect::<Vec<_>>(), [outcome]);
        assert_eq!(std::fs::read(&path).unwrap(), b"original\n");
    }
    assert_eq!(line.finish(), 0);
}

#[test]
fn garbage_ends_the_session_with_a_reason() {
    let state = tempfile::tempdir().unwrap();
    for bytes in [&[0x80, 0, 0, 0, 0, 1][..], &[0, 0, 0, 3, 0, 0xc1, 0xc1], &[0, 0, 0, 1, 9]] {
        let mut line = Line::greeted(state.path());
        line.raw(bytes);
        assert!(matches!(line.hear(), FromAgent::Fatal { .. }));
        assert_eq!(line.agent.join().unwrap(), 2);
    }
}

#[test]
fn the_first_message_must_be_a_hello_of_the_same_version() {
    let state = tempfile::tempdir().unwrap();
    let mut line = Line::open(state.path());
    send(&mut line, shell(1, "true"));
    assert!(matches!(line.hear(), FromAgent::Fatal { .. }));
    let mut line = Line::open(state.path());
    line.say(&ToAgent::Hello(ControllerHello {
        protocol: PROTOCOL_VERSION + 1,
        version: "test".into(),
        run: None,
        host: HostName::from("kvm1"),
        first_seq: 1,
    }));
    assert!(matches!(line.hear(), FromAgent::Fatal { message } if message.contains("version")));
}

#[test]
fn a_session_without_a_run_may_only_read() {
    let state = tempfile::tempdir().unwrap();
    let mut line = Line::open(state.path());
    line.say(&ToAgent::Hello(ControllerHello {
        protocol: PROTOCOL_VERSION,
        version: "test".into(),
        run: None,
        host: HostName::from("kvm1"),
        first_seq: 1,
    }));
    send(&mut line, task(1, "ping", serde_json::json!({})));
    assert_eq!(text(&line.result().result, "ping"), "pong");
    let file = state.path().join("never");
    send(&mut line, shell(2, &format!("touch {}", file.display())));
    assert_eq!(line.result().status, Status::Failed);
    assert!(!file.exists());
    assert_eq!(line.finish(), 0);
}

#[test]
fn a_task_of_an_identity_without_an_agent_fails_and_the_others_go_on() {
    let state = tempfile::tempdir().unwrap();
    let mut line = Line::greeted(state.path());
    let identity = luthier_protocol::task::Identity { user: "nobody-here".into(), method: "sudo".into() };
    send(&mut line, TaskRequest { identity: Some(identity), ..shell(1, "true") });
    send(&mut line, shell(2, "true"));
    assert_eq!(line.result().status, Status::Failed);
    assert_eq!(line.result().status, Status::Changed);
    assert_eq!(line.finish(), 0);
}
