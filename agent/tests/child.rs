//! Child agents, started by the real agent program through a stand-in for `sudo`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use luthier_protocol::PROTOCOL_VERSION;
use luthier_protocol::bootstrap::{Word, parse_line};
use luthier_protocol::frame::{Decoder, encode};
use luthier_protocol::message::{ChildFailure, ControllerHello, FromAgent, Question, StartChild, ToAgent};
use luthier_protocol::name::{HostName, RunId};
use luthier_protocol::task::{Identity, Revert, Status, TaskRequest, TaskResult};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const AGENT: &str = env!("CARGO_BIN_EXE_luthier-agent");

/// Asks as sudo does: the password is `right`; without one, user `lucky` needs none.
const SUDO: &str = r#"#!/bin/sh
ask=no; user=
while [ $# -gt 0 ]; do
  case $1 in
    -S) ask=yes ;;
    -p) prompt=$2; shift ;;
    -u) user=$2; shift ;;
    --) shift; break ;;
  esac
  shift
done
if [ "$user" != lucky ]; then
  [ $ask = yes ] || { echo "sudo: a password is required" >&2; exit 1; }
  while :; do
    printf %s "$prompt" >&2
    read -r word || exit 1
    [ "$word" = right ] && break
    echo "Sorry, try again." >&2
  done
fi
exec "$@"
"#;

/// A session with the agent program.
struct Agent {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    decoder: Decoder,
    folder: tempfile::TempDir,
}

fn hash() -> String {
    let output = Command::new("sha256sum").arg(AGENT).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

fn spawn(hash: &str, state: &Path) -> Child {
    Command::new(AGENT)
        .args(["serve", "--nonce", "n0", "--hash", hash])
        .env("LUTHIER_STATE_DIR", state)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

impl Agent {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sudo = folder.path().join("sudo");
        std::fs::write(&sudo, SUDO).unwrap();
        std::fs::set_permissions(&sudo, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut process = spawn(&hash(), folder.path());
        let to = process.stdin.take().unwrap();
        let mut from = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        while parse_line(&line, "n0") != Some(Word::Ready) {
            line.clear();
            assert!(from.read_line(&mut line).unwrap() > 0, "the agent did not start");
        }
        let mut agent = Self { process, to, from, decoder: Decoder::new(), folder };
        assert!(matches!(agent.hear(), FromAgent::Hello(_)));
        agent.say(&ToAgent::Hello(ControllerHello {
            protocol: PROTOCOL_VERSION,
            version: "test".into(),
            run: Some(RunId::from("run")),
            host: HostName::from("kvm1"),
            first_seq: 1,
        }));
        agent
    }

    fn say(&mut self, message: &ToAgent) {
        self.to.write_all(&encode(message).unwrap()).unwrap();
    }

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
            self.decoder.push(buffer.get(..length).unwrap());
        }
    }

    /// What a first request for a user brings about: the outcome of the start, and the request's.
    fn become_user(&mut self, user: &str, password: Option<&str>) -> (FromAgent, TaskResult) {
        self.offer(user, password);
        self.shell(100, Some(user), "true");
        (self.hear(), self.result())
    }

    fn offer(&mut self, user: &str, password: Option<&str>) {
        let program = self.folder.path().join("sudo").to_str().unwrap().to_owned();
        self.say(&ToAgent::StartChild(StartChild {
            identity: identity(user),
            password: password.map(str::to_owned),
            flags: vec!["-H".into(), "-n".into()],
            program,
            agent_path: self.folder.path().to_str().map(str::to_owned),
        }));
    }

    fn shell(&mut self, seq: u64, user: Option<&str>, line: &str) {
        self.say(&ToAgent::Task(Box::new(TaskRequest {
            seq,
            name: "task".into(),
            module: "shell".into(),
            params: [("_raw_params".to_owned(), line.into())].into_iter().collect(),
            content: None,
            check: false,
            diff: false,
            identity: user.map(identity),
            environment: Default::default(),
            deadline_ms: None,
            stop_on_failure: false,
            live: false,
            revert: Revert::Unsaid,
            job: None,
        })));
    }

    fn result(&mut self) -> TaskResult {
        loop {
            if let FromAgent::Result(result) = self.hear() {
                return *result;
            }
        }
    }

    fn finish(mut self) {
        self.say(&ToAgent::Bye);
        assert_eq!(self.hear(), FromAgent::Bye);
        assert_eq!(self.process.wait().unwrap().code(), Some(0));
    }
}

fn identity(user: &str) -> Identity {
    Identity { user: user.to_owned(), method: "sudo".to_owned() }
}

fn failure((message, result): (FromAgent, TaskResult)) -> (ChildFailure, String) {
    match message {
        FromAgent::ChildFailed { reason, detail, .. } => {
            assert_eq!(result.status, Status::Failed);
            (reason, detail)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_child_is_uploaded_started_and_asked() {
    let mut agent = Agent::start();
    let (started, _) = agent.become_user("lucky", None);
    let FromAgent::ChildStarted { hello, .. } = started else { panic!("{started:?}") };
    assert_eq!(hello.hash, hash());
    let cached: PathBuf = agent.folder.path().join("agent").join(hash());
    assert!(cached.exists(), "the child has installed itself");
    agent.shell(1, Some("lucky"), "echo $PPID");
    let result = agent.result();
    assert_eq!((result.seq, result.status), (1, Status::Changed));
    assert_eq!(result.result.get("stdout").unwrap(), &hello.pid.to_string());
    // Asked for in the same way it stays, in another way it is started anew; the second time it is found in the cache.
    agent.offer("lucky", None);
    agent.shell(2, Some("lucky"), "echo $PPID");
    assert_eq!(agent.result().result.get("stdout").unwrap(), &hello.pid.to_string());
    assert!(
        matches!(agent.become_user("lucky", Some("other")), (FromAgent::ChildStarted { hello: other, .. }, _) if other.pid != hello.pid)
    );
    agent.finish();
}

#[test]
fn passwords_are_asked_for_given_and_refused() {
    let mut agent = Agent::start();
    assert_eq!(failure(agent.become_user("other", None)).0, ChildFailure::PasswordNeeded);
    let (reason, detail) = failure(agent.become_user("other", Some("mistaken")));
    assert_eq!(reason, ChildFailure::WrongPassword);
    assert!(detail.contains("the become password is wrong") && !detail.contains("mistaken"), "{detail}");
    assert!(matches!(agent.become_user("other", Some("right")), (FromAgent::ChildStarted { .. }, _)));
    agent.shell(2, Some("other"), "true");
    assert_eq!(agent.result().status, Status::Changed);
    agent.finish();
}

#[test]
fn a_child_that_dies_takes_only_its_own_task_with_it() {
    let mut agent = Agent::start();
    assert!(matches!(agent.become_user("lucky", None), (FromAgent::ChildStarted { .. }, _)));
    agent.shell(1, Some("lucky"), "kill -9 $PPID; sleep 1");
    agent.shell(2, None, "true");
    agent.shell(3, Some("lucky"), "true");
    let result = agent.result();
    assert_eq!(result.status, Status::Failed);
    assert!(result.result.get("msg").unwrap().as_str().unwrap().contains("agent of lucky ended unexpectedly"));
    assert_eq!(agent.result().status, Status::Changed);
    // The next one has an agent of its own.
    assert_eq!(agent.result().status, Status::Changed);
    agent.finish();
}

#[test]
fn a_cancel_reaches_the_childs_task() {
    let mut agent = Agent::start();
    assert!(matches!(agent.become_user("lucky", None), (FromAgent::ChildStarted { .. }, _)));
    agent.shell(1, Some("lucky"), "sleep 1000");
    assert_eq!(agent.hear(), FromAgent::Started { seq: 1 });
    agent.say(&ToAgent::Cancel { seq: 1 });
    assert_eq!(agent.result().status, Status::Cancelled);
    agent.finish();
}

#[test]
fn a_become_program_that_does_not_exist() {
    let mut agent = Agent::start();
    let (place, away) = (agent.folder.path().join("sudo"), agent.folder.path().join("away"));
    std::fs::rename(&place, &away).unwrap();
    assert_eq!(failure(agent.become_user("lucky", None)).0, ChildFailure::NotStarted);
    agent.say(&ToAgent::Ask { seq: 1, question: Question::Settle, identity: Some(identity("lucky")) });
    assert!(matches!(agent.hear(), FromAgent::Refused { seq: 1, .. }));
    // Once it is there the next request finds it.
    std::fs::rename(&away, &place).unwrap();
    agent.shell(2, Some("lucky"), "true");
    assert!(matches!(agent.hear(), FromAgent::ChildStarted { .. }));
    assert_eq!(agent.result().status, Status::Changed);
    agent.finish();
}

#[test]
fn a_program_with_another_hash_does_not_serve() {
    let folder = tempfile::tempdir().unwrap();
    let output = spawn(&"0".repeat(64), folder.path()).wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let word = text.lines().find_map(|line| parse_line(line, "n0"));
    assert!(matches!(word, Some(Word::Failed { kind, .. }) if kind == "hash"), "{text}");
    assert_eq!(output.status.code(), Some(1));
}
