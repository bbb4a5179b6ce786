//! What can go wrong between the controller and one host, said so that a person can act on it.

use std::fmt;
use std::path::{Path, PathBuf};

/// Why a session could not be opened, or what ended it. Cloned to everybody who waits for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// A connection variable or option cannot be used. Found before anything is contacted.
    #[error("{0}")]
    Input(String),
    /// An OpenSSH client configuration file is wrong.
    #[error("{}{message}", Spot(.file, *.line, *.column))]
    SshConfig {
        /// The file.
        file: PathBuf,
        /// Line, counted from 1; 0 when the file itself cannot be read.
        line: usize,
        /// Column, counted from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// An agent program cannot be used.
    #[error("cannot read agent {path}: {reason}", path = .path.display())]
    AgentFile {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// No connection came about.
    #[error("unreachable: {address} port {port}: {cause}")]
    Unreachable {
        /// Address as dialled.
        address: String,
        /// Port as dialled.
        port: u16,
        /// Why.
        cause: Unreachable,
    },
    /// The `ssh` program made no connection; what it said.
    #[error("unreachable: ssh: {0}")]
    OpenSsh(String),
    /// Something answered, but no common ground was found with it.
    #[error("unreachable: {address} port {port}: SSH handshake failed: {reason}")]
    Handshake {
        /// Address as dialled.
        address: String,
        /// Port as dialled.
        port: u16,
        /// Why.
        reason: String,
    },
    /// A host on the way cannot be passed.
    #[error("bastion {bastion}: {source}")]
    Bastion {
        /// Its name as configured.
        bastion: String,
        /// What is wrong with it.
        source: Box<SessionError>,
    },
    /// The host's key is in no known_hosts file.
    #[error(
        "host key unknown: {name} offers {offered}, and no key of it is recorded in {searched}; check it and add it there, or accept new keys with --accept-new-host-keys or `StrictHostKeyChecking accept-new`"
    )]
    HostKeyUnknown {
        /// The host as known_hosts files name it.
        name: String,
        /// Type and fingerprint.
        offered: KeyPrint,
        /// Files that were searched.
        searched: String,
    },
    /// The host offers another key than the recorded ones.
    #[error("host key changed: {name} offers {offered}, but recorded {}; somebody may be listening in, or the host was installed anew: check the key, then remove the recorded line", Rows(.recorded))]
    HostKeyChanged {
        /// The host as known_hosts files name it.
        name: String,
        /// Type and fingerprint.
        offered: KeyPrint,
        /// Every key recorded for the host.
        recorded: Vec<Recorded>,
    },
    /// The host's key, or the authority that signed it, is marked as revoked.
    #[error("host key revoked: {name} offers {offered}, which {}:{line} marks as revoked", .file.display())]
    HostKeyRevoked {
        /// The host as known_hosts files name it.
        name: String,
        /// Type and fingerprint.
        offered: KeyPrint,
        /// File that says so.
        file: PathBuf,
        /// Line, counted from 1.
        line: usize,
    },
    /// The host let nobody in.
    #[error("authentication failed: {user}@{address}: {}", Tried(.tried, .notes, .accepted))]
    AuthFailed {
        /// User name tried.
        user: String,
        /// Address as dialled.
        address: String,
        /// What was tried, in order.
        tried: Vec<String>,
        /// What could not be tried, and why.
        notes: Vec<String>,
        /// Methods the host would still have taken.
        accepted: Vec<String>,
    },
    /// A become password is not for a host that may be another one.
    #[error("the become password was not sent, as the host key changed")]
    PasswordWithheld,
    /// The host gave no channel to run a command on.
    #[error("cannot run a command on the host: {0}")]
    NoExec(String),
    /// A phase took longer than its deadline.
    #[error("{phase} took longer than {seconds} s")]
    Deadline {
        /// What was being done.
        phase: &'static str,
        /// The deadline.
        seconds: u64,
    },
    /// There is no agent for the host's architecture.
    #[error(
        "no agent for architecture {arch}; there is one for {known}. Build one (RUSTFLAGS=\"-C target-feature=+crt-static\" cargo build -p luthier-agent --profile agent --target {arch}-unknown-linux-gnu), name it luthier-agent-{arch} and give its folder by --agent-dir"
    )]
    NoAgent {
        /// As the host's `uname -m` says it.
        arch: String,
        /// Architectures there is an agent for.
        known: String,
    },
    /// No folder on the host can hold the agent.
    #[error("no place for the agent: {0}")]
    NoPlace(String),
    /// The agent could not be written on the host.
    #[error("cannot write the agent: {0}")]
    WriteFailed(String),
    /// The agent that arrived is not the one that was sent.
    #[error("the agent was corrupted on its way: {0}")]
    Damaged(String),
    /// Something else kept the agent from running.
    #[error("the agent did not start: {0}")]
    NotStarted(String),
    /// Agent and controller speak different versions.
    #[error(
        "the agent (version {agent_version}) speaks protocol {agent}, this controller (version {ours_version}) speaks {ours}"
    )]
    Version {
        /// The agent's protocol.
        agent: u32,
        /// The agent's version.
        agent_version: String,
        /// Our protocol.
        ours: u32,
        /// Our version.
        ours_version: String,
    },
    /// What the host sent is no conversation.
    #[error("the host broke the protocol: {0}")]
    Protocol(String),
    /// The connection is gone.
    #[error("connection lost: {0}")]
    Lost(String),
    /// The agent would not serve a request.
    #[error("the agent refused: {0}")]
    Refused(String),
    /// A file that a task needs could not be sent.
    #[error("cannot send {path}: {reason}", path = .path.display())]
    Content {
        /// The file on the controller.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The run was told to stop before the host was connected, or before it had answered.
    #[error("not asked: interrupted")]
    Interrupted,
    /// A request number was used twice.
    #[error("request number {0} is in use")]
    DuplicateSeq(u64),
    /// A message cannot be sent at all.
    #[error("cannot send the request: {0}")]
    Unsendable(String),
}

impl SessionError {
    /// Whether the host counts as unreachable (as opposed to: a request failed, or the input is wrong).
    pub fn is_unreachable(&self) -> bool {
        if let Self::Bastion { source, .. } = self {
            return source.is_unreachable();
        }
        !matches!(
            self,
            Self::Input(_)
                | Self::SshConfig { .. }
                | Self::AgentFile { .. }
                | Self::PasswordWithheld
                | Self::Refused(_)
                | Self::Content { .. }
                | Self::Interrupted
                | Self::DuplicateSeq(_)
                | Self::Unsendable(_)
        )
    }
}

/// Why no connection came about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// The name has no address.
    #[error("cannot resolve the name: {0}")]
    Dns(String),
    /// Nobody listens there.
    #[error("connection refused")]
    Refused,
    /// No answer in time.
    #[error("no answer within {0} s")]
    Timeout(u64),
    /// The connection was cut before the two sides knew each other.
    #[error("connection closed during the handshake ({0})")]
    Reset(String),
    /// The network says that there is no way.
    #[error("{0}")]
    Network(String),
    /// The bastion before it does not make the connection.
    #[error("{0}")]
    ByBastion(String),
    /// The program that is to connect does not.
    #[error("ProxyCommand `{command}` {how}")]
    ByProgram {
        /// The command line.
        command: String,
        /// What became of it.
        how: String,
    },
}

/// A key as people compare it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPrint {
    /// Key type (`ssh-ed25519`).
    pub algorithm: String,
    /// `SHA256:` and the hash, as `ssh-keygen -l` prints it.
    pub fingerprint: String,
}

impl fmt::Display for KeyPrint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.algorithm, self.fingerprint)
    }
}

/// A key in a known_hosts file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The key.
    pub key: KeyPrint,
    /// The file.
    pub file: PathBuf,
    /// Line, counted from 1.
    pub line: usize,
}

struct Spot<'a>(&'a Path, usize, usize);

impl fmt::Display for Spot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            0 => write!(f, "{}: ", self.0.display()),
            line => write!(f, "{}:{line}:{}: ", self.0.display(), self.2),
        }
    }
}

struct Rows<'a>(&'a [Recorded]);

impl fmt::Display for Rows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.len() == 1 { "is " } else { "are " })?;
        for (index, row) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{} ({}:{})", row.key, row.file.display(), row.line)?;
        }
        Ok(())
    }
}

struct Tried<'a>(&'a [String], &'a [String], &'a [String]);

impl fmt::Display for Tried<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            f.write_str("there was nothing to try: no key file, no agent key, no password")?;
        } else {
            write!(f, "tried {}", self.0.join(", "))?;
        }
        for note in self.1 {
            write!(f, "; {note}")?;
        }
        if !self.2.is_empty() {
            write!(f, "; the host accepts {}", self.2.join(", "))?;
        }
        Ok(())
    }
}

/// Text from a host, made safe for a terminal: control characters and those that turn the writing direction are
/// escaped, line ends become ` / `.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.trim().chars() {
        match letter {
            '\n' => out.push_str(" / "),
            '\r' => {}
            '\t' => out.push(' '),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                out.extend(letter.escape_unicode());
            }
            other if other.is_control() => out.extend(other.escape_unicode()),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_a_host_cannot_move_the_cursor() {
        assert_eq!(escaped("a\x1b[2Jb\r\nc\u{202e}d\n"), "a\\u{1b}[2Jb / c\\u{202e}d");
    }

    #[test]
    fn a_changed_key_names_both_fingerprints_and_the_line() {
        let print = |text: &str| KeyPrint { algorithm: "ssh-ed25519".into(), fingerprint: text.into() };
        let error = SessionError::HostKeyChanged {
            name: "web1".into(),
            offered: print("SHA256:new"),
            recorded: vec![Recorded { key: print("SHA256:old"), file: "/k".into(), line: 3 }],
        };
        let text = error.to_string();
        assert!(text.contains("offers ssh-ed25519 SHA256:new"), "{text}");
        assert!(text.contains("recorded is ssh-ed25519 SHA256:old (/k:3)"), "{text}");
        assert!(error.is_unreachable());
    }
}
