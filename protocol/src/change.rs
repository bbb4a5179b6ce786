//! A change as data: what a module wants, what the engine journals, applies, reads back and undoes.

use crate::msgpack::{Reader, Unreadable, Writer};
use crate::packed::Packed;
use crate::{packed_enum, packed_struct, packed_words};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One wanted change of one resource on the host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// What is changed.
    pub resource: Resource,
    /// How it is now, as the module read it. The engine applies only if it is still so.
    pub before: State,
    /// How it shall be.
    pub after: State,
    /// When the change takes effect.
    pub scope: Scope,
    /// After applying, the module's `changes` must be empty (settings do; text edits by pattern, `touch` and commands do not).
    pub converges: bool,
    /// Whether the journal can bring the original back.
    pub revert: Reversal,
}

/// What a change is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Resource {
    /// A file, directory or link by absolute path.
    Path(String),
    /// A kernel attribute (a file under `/sys` or `/proc/sys`) by absolute path: written in place, never replaced.
    Setting(String),
    /// A command line.
    Command(String),
}

/// State of a resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum State {
    /// The path does not exist.
    Absent,
    /// A regular file.
    File {
        /// Its bytes; `None` when the change leaves the content alone (then it is neither journalled nor compared).
        content: Option<Bytes>,
        /// Mode and owner.
        meta: Meta,
    },
    /// A directory (its entries are changes of their own).
    Directory {
        /// Mode and owner.
        meta: Meta,
    },
    /// A symbolic link.
    Link {
        /// Where it points, as stored.
        target: String,
        /// User id of the link itself.
        uid: u32,
        /// Group id of the link itself.
        gid: u32,
    },
    /// A hard link to another path on the same file system.
    HardLink {
        /// The other name.
        target: String,
    },
    /// Value of a kernel attribute without its final newline.
    Value(String),
    /// A command that has not run.
    NotRun,
    /// A command to run.
    Run(Run),
}

/// Mode, owner and times of a file or directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// Permission bits (`0o7777`).
    pub mode: u32,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Access and modification time, only where the change is about times (`touch`) or preserves them.
    #[serde(default)]
    pub times: Option<Times>,
}

/// Access and modification time: nanoseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// Access time.
    pub atime_ns: i64,
    /// Modification time.
    pub mtime_ns: i64,
}

/// Bytes that serialise as bytes, not as a list of numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(#[serde(with = "serde_bytes")] pub Vec<u8>);

/// A command to run: the one change the engine cannot compute before it happens.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Working directory.
    #[serde(default)]
    pub chdir: Option<String>,
    /// Bytes for its standard input.
    #[serde(default)]
    pub stdin: Option<Bytes>,
    /// Shell command that undoes it, run by `/bin/sh -c`.
    #[serde(default)]
    pub undo: Option<String>,
    /// A program that is written to a private file while the command runs; its path is added to the arguments.
    #[serde(default)]
    pub script: Option<Bytes>,
    /// Variables for this command and its undo alone, over those of the task.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// How to tell whether it is in effect. Without it the undo command is run unasked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
}

/// A program that tells what a command has changed: undoing compares with it, as undoing a file compares with the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Program and arguments; it must only look. Its exit status does not count.
    pub argv: Vec<String>,
    /// What it printed before the command, without blanks around it.
    pub before: String,
    /// What it prints once the command has done its work.
    pub after: String,
}

/// When a change takes effect. The codes of the tunables' reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// At once.
    Live,
    /// Only memory or I/O allocated later.
    NextAlloc,
    /// The interface's link drops for seconds.
    LinkReset,
    /// A daemon must be restarted.
    DaemonRestart,
    /// A kernel module must be unloaded and loaded.
    ModuleReload,
    /// The VM's QEMU process must be stopped and started.
    VmRestart,
    /// The guest must be rebooted.
    GuestReboot,
    /// The host must be rebooted.
    HostReboot,
}

/// Whether the journal can bring the original back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reversal {
    /// Yes, from the recorded original (or the command's own `undo`).
    Yes,
    /// No, with the reason for people.
    No(String),
}

impl Resource {
    /// The path or command line as people read it.
    pub fn label(&self) -> &str {
        match self {
            Self::Path(text) | Self::Setting(text) | Self::Command(text) => text,
        }
    }
}

packed_struct!(Change { resource, before, after, scope, converges, revert });
packed_enum!(Resource = Self::Path(String::new()); Path(path), Setting(path), Command(line));
packed_enum!(State = Self::Absent;
    Absent,
    File { content, meta },
    Directory { meta },
    Link { target, uid, gid },
    HardLink { target },
    Value(value),
    NotRun,
    Run(run),
);
packed_struct!(Meta { mode, uid, gid; times });
packed_struct!(Times { atime_ns, mtime_ns });
packed_struct!(Run { argv; chdir, stdin, undo, script, environment, probe });
packed_struct!(Probe { argv, before, after });
packed_words!(Scope {
    Live "live",
    NextAlloc "next-alloc",
    LinkReset "link-reset",
    DaemonRestart "daemon-restart",
    ModuleReload "module-reload",
    VmRestart "vm-restart",
    GuestReboot "guest-reboot",
    HostReboot "host-reboot",
});
packed_enum!(Reversal = Self::Yes; Yes, No(reason));

impl Packed for Bytes {
    fn blank() -> Self {
        Self(Vec::new())
    }

    fn write(&self, out: &mut Writer) {
        self.0.write(out);
    }

    fn read(&mut self, input: &mut Reader<'_>) -> Result<(), Unreadable> {
        self.0.read(input)
    }
}
