//! The messages of a session, both ways.

use crate::journal::{Transaction, UndoReport, UndoRequest};
use crate::name::{HostName, RunId, Seq};
use crate::task::{Identity, TaskRequest, TaskResult};
use crate::{Map, Value, packed_enum, packed_struct, packed_words};
use serde::{Deserialize, Serialize};

/// Seconds between heartbeats of an agent.
pub const HEARTBEAT_SECONDS: u64 = 5;

/// A host that says nothing for this many seconds is lost.
pub const SILENCE_SECONDS: u64 = 30;

/// Largest piece of output or content in one message.
pub const CHUNK: usize = 64 * 1024;

/// From the controller to the agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToAgent {
    /// First message.
    Hello(ControllerHello),
    /// How to become another identity: its agent is started for the first request that needs it.
    StartChild(StartChild),
    /// Carry out a task after those already sent.
    Task(Box<TaskRequest>),
    /// A piece of the content the agent asked for with [`FromAgent::NeedContent`].
    Content {
        /// The task's number.
        seq: Seq,
        /// Next bytes.
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
        /// No more follows.
        last: bool,
    },
    /// Stop a task: its processes are killed, its changes undone.
    Cancel {
        /// The task's number.
        seq: Seq,
    },
    /// After a failure with `stop_on_failure`: take up tasks numbered at least `from` again.
    Resume {
        /// First number to carry out.
        from: Seq,
    },
    /// Gather facts.
    Facts {
        /// Answered under this number.
        seq: Seq,
        /// Top-level keys wanted; empty means all.
        only: Vec<String>,
        /// Who reads.
        identity: Option<Identity>,
    },
    /// List the journal's transactions.
    Journal {
        /// Answered under this number.
        seq: Seq,
        /// Only this run.
        run: Option<RunId>,
        /// Only this inventory host.
        host: Option<HostName>,
        /// Whose journal.
        identity: Option<Identity>,
    },
    /// Answer a question that changes nothing a journal knows of.
    Ask {
        /// Answered under this number.
        seq: Seq,
        /// What is asked.
        question: Question,
        /// Who is asked.
        identity: Option<Identity>,
    },
    /// Undo changes of a run.
    Undo {
        /// What to undo.
        request: UndoRequest,
        /// Whose journal.
        identity: Option<Identity>,
    },
    /// The list has ended: finish what was sent, close the transaction, exit.
    Bye,
}

/// The controller's first message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ControllerHello {
    /// [`crate::PROTOCOL_VERSION`].
    pub protocol: u32,
    /// Version of the program, for people.
    pub version: String,
    /// The run this session belongs to; `None` when nothing can change (facts).
    pub run: Option<RunId>,
    /// The host's name in the inventory.
    pub host: HostName,
    /// Number of the first task of this session (a later session of the same run goes on counting).
    pub first_seq: Seq,
}

/// The agent's first message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentHello {
    /// [`crate::PROTOCOL_VERSION`].
    pub protocol: u32,
    /// Version of the program, for people.
    pub version: String,
    /// SHA-256 of the agent's own file, lower-case hexadecimal.
    pub hash: String,
    /// Machine architecture (`x86_64`, `aarch64`).
    pub arch: String,
    /// User id it runs as.
    pub uid: u32,
    /// User name it runs as.
    pub user: String,
    /// Its process id.
    pub pid: u32,
    /// Host name of the machine as the kernel tells it.
    pub node: String,
}

/// How to become another identity: a child agent is started when a request needs it, and again where that failed or it died.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartChild {
    /// For whom.
    pub identity: Identity,
    /// Password for `sudo -S`, `su` or `doas`; never logged.
    pub password: Option<String>,
    /// Extra flags for the become program, split into words.
    pub flags: Vec<String>,
    /// The become program (`sudo`, or a path).
    pub program: String,
    /// Where the operator wants agents to be kept, if anywhere.
    pub agent_path: Option<String>,
}

/// From the agent to the controller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FromAgent {
    /// First message.
    Hello(AgentHello),
    /// Sent every [`HEARTBEAT_SECONDS`].
    Heartbeat,
    /// A child agent runs.
    ChildStarted {
        /// For whom.
        identity: Identity,
        /// What it said of itself.
        hello: AgentHello,
    },
    /// A child agent could not be started; tasks for the identity fail with this message.
    ChildFailed {
        /// For whom.
        identity: Identity,
        /// Why, for people.
        reason: ChildFailure,
        /// What the become program said.
        detail: String,
    },
    /// A task was taken up.
    Started {
        /// The task's number.
        seq: Seq,
    },
    /// Output of a running task.
    Output {
        /// The task's number.
        seq: Seq,
        /// Which stream.
        stream: Stream,
        /// The bytes.
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
    },
    /// The offered content differs from what is there: send it.
    NeedContent {
        /// The task's number.
        seq: Seq,
    },
    /// A task ended.
    Result(Box<TaskResult>),
    /// Facts asked for.
    Facts {
        /// The request's number.
        seq: Seq,
        /// The facts, by top-level key.
        facts: Map,
    },
    /// Transactions asked for.
    Journal {
        /// The request's number.
        seq: Seq,
        /// Oldest first.
        transactions: Vec<Transaction>,
        /// What is wrong with each journal that cannot be read.
        unread: Vec<String>,
    },
    /// The answer to a question.
    Told {
        /// The request's number.
        seq: Seq,
        /// The answer.
        told: Told,
    },
    /// What became of undoing.
    Undo(UndoReport),
    /// A request could not be served at all.
    Refused {
        /// The request's number.
        seq: Seq,
        /// Why, for people.
        message: String,
    },
    /// The session cannot go on.
    Fatal {
        /// Why, for people.
        message: String,
    },
    /// Last message after [`ToAgent::Bye`].
    Bye,
}

/// What a controller asks apart from tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Question {
    /// How far a job is (see [`crate::task::Job`]).
    Job {
        /// Its name.
        id: String,
        /// Forget it afterwards.
        erase: bool,
    },
    /// What a file is, links followed, with its SHA-1.
    File {
        /// Its path; a leading `~` is a home.
        path: String,
    },
    /// A piece of a file: fewer bytes than asked for only at its end.
    Piece {
        /// Its path as [`Told::File`] gave it.
        path: String,
        /// Where it begins.
        offset: u64,
        /// Bytes wanted, at most [`PIECE`].
        length: u64,
    },
    /// Everything that facts read of the machine.
    Capture {
        /// Leave in what tells this machine from others of its build.
        keep_identity: bool,
    },
    /// Close the transaction: what was asked for so far is all there is, unless something unforeseen follows, which then
    /// opens another one. It travels with the last tasks, so that nobody has to wait for the goodbye.
    Settle,
}

/// Most bytes of a file in one answer.
pub const PIECE: u64 = 512 * 1024;

/// An answer to a [`Question`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Told {
    /// How far the job is.
    Job {
        /// Where its result is kept.
        file: String,
        /// The file's content; `None` where there is no such job.
        #[serde(default)]
        result: Option<Map>,
    },
    /// What the file is.
    File {
        /// Its path, absolute.
        path: String,
        /// Bytes; `None` where there is none.
        #[serde(default)]
        size: Option<u64>,
        /// It is a directory.
        #[serde(default)]
        is_directory: bool,
        /// SHA-1 of a regular file, lower-case hexadecimal.
        #[serde(default)]
        sha1: Option<String>,
    },
    /// The bytes.
    Piece(#[serde(with = "serde_bytes")] Vec<u8>),
    /// What was read: `{"entries": [{"path", "folder" | "link" | "text" | "base64" | "unreadable"}]}`.
    Capture(Map),
    /// No transaction is open.
    Settled,
}

/// Output stream of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Why a child agent could not be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildFailure {
    /// The become program asks for a password and none was given.
    PasswordNeeded,
    /// The password was wrong.
    WrongPassword,
    /// The user may not become the other user.
    Refused,
    /// The program or user does not exist, the agent could not be placed or started.
    NotStarted,
    /// It took too long.
    TimedOut,
}

impl FromAgent {
    /// An object that a `Facts` message carries, as a value.
    pub fn facts_value(facts: &Map) -> Value {
        Value::Object(facts.clone())
    }
}

packed_enum!(ToAgent = Self::Bye;
    Hello(hello),
    StartChild(start),
    Task(task),
    Content { seq, data, last },
    Cancel { seq },
    Resume { from },
    Facts { seq, only, identity },
    Journal { seq, run, host, identity },
    Ask { seq, question, identity },
    Undo { request, identity },
    Bye,
);
packed_struct!(ControllerHello { protocol, version, run, host, first_seq });
packed_struct!(AgentHello { protocol, version, hash, arch, uid, user, pid, node });
packed_struct!(StartChild { identity, password, flags, program, agent_path });
packed_enum!(FromAgent = Self::Bye;
    Hello(hello),
    Heartbeat,
    ChildStarted { identity, hello },
    ChildFailed { identity, reason, detail },
    Started { seq },
    Output { seq, stream, data },
    NeedContent { seq },
    Result(result),
    Facts { seq, facts },
    Journal { seq, transactions, unread },
    Told { seq, told },
    Undo(report),
    Refused { seq, message },
    Fatal { message },
    Bye,
);
packed_enum!(Question = Self::File { path: String::new() };
    Job { id, erase },
    File { path },
    Piece { path, offset, length },
    Capture { keep_identity },
    Settle,
);
packed_enum!(Told = Self::Piece(Vec::new());
    Job { file, result },
    File { path, size, is_directory, sha1 },
    Piece(bytes),
    Capture(entries),
    Settled,
);
packed_words!(Stream { Stdout "stdout", Stderr "stderr" });
packed_words!(ChildFailure {
    PasswordNeeded "password_needed",
    WrongPassword "wrong_password",
    Refused "refused",
    NotStarted "not_started",
    TimedOut "timed_out",
});
