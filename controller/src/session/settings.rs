//! What all sessions of a run share: deadlines, agents, and everything that is read once and kept.

use super::auth_agent::AuthAgents;
use super::bastion::Bastions;
use super::embedded::Agents;
use super::key_files::KeyFiles;
use super::known_hosts::KnownFiles;
use super::ssh_config::ConfigFiles;
use super::startups::Startups;
use crate::config::account;
use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Asks a person for a secret. Gets the question; `None` when nobody can be asked or the person declined. May block:
/// it is called where that harms nobody.
pub type Prompt = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// How long each phase may take.
#[derive(Debug, Clone)]
pub struct Deadlines {
    /// From the name to agreed keys.
    pub connect: Duration,
    /// Each answer of the server while logging in.
    pub auth: Duration,
    /// From the probe to its answer, and from the started agent to its hello.
    pub start: Duration,
    /// Sending the agent.
    pub push: Duration,
    /// Without a single byte from the host, it is lost.
    pub silence: Duration,
    /// From goodbye to the agent's goodbye.
    pub close: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            auth: Duration::from_secs(20),
            start: Duration::from_secs(30),
            push: Duration::from_secs(60),
            silence: Duration::from_secs(luthier_protocol::message::SILENCE_SECONDS),
            close: Duration::from_secs(15),
        }
    }
}

/// What to do with a host key that no file records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostKeyPolicy {
    /// Refuse it.
    Strict,
    /// Record it; refuse a changed one.
    AcceptNew,
    /// Take any but a revoked one, with a warning.
    Any,
}

/// A secret that never shows in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keep a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one place that must send it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// What all sessions of a run share. Build it with [`Settings::new`], adjust the public fields, put it in an `Arc`.
pub struct Settings {
    /// How long each phase may take.
    pub deadlines: Deadlines,
    /// The agents there are.
    pub agents: Agents,
    /// The operator's home folder (`~`, key files, known_hosts).
    pub home: PathBuf,
    /// Folder of the machine-wide OpenSSH client files.
    pub system: PathBuf,
    /// Policy for every host, whatever files and variables say.
    pub host_keys: Option<HostKeyPolicy>,
    /// Asks for passphrases of encrypted key files.
    pub prompt: Option<Prompt>,
    /// Socket of the authentication agent (`SSH_AUTH_SOCK`).
    pub auth_socket: Option<PathBuf>,
    pub(super) configs: ConfigFiles,
    pub(super) known: KnownFiles,
    pub(super) keys: KeyFiles,
    pub(super) auth_agents: AuthAgents,
    pub(super) startups: Startups,
    pub(super) bastions: Bastions,
    /// Warnings about files that all hosts share: each is told once.
    warned: Mutex<HashSet<String>>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("deadlines", &self.deadlines)
            .field("agents", &self.agents)
            .field("home", &self.home)
            .field("host_keys", &self.host_keys)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Settings as the environment has them (`HOME`, else the home of the account, and `SSH_AUTH_SOCK`), nobody to ask, strict host keys.
    pub fn new(agents: Agents) -> Self {
        let home = account::home().unwrap_or_else(|| PathBuf::from("/"));
        let auth_socket = std::env::var_os("SSH_AUTH_SOCK").filter(|text| !text.is_empty()).map(PathBuf::from);
        Self {
            deadlines: Deadlines::default(),
            agents,
            home,
            system: PathBuf::from("/etc/ssh"),
            host_keys: None,
            prompt: None,
            auth_socket,
            configs: ConfigFiles::default(),
            known: KnownFiles::default(),
            keys: KeyFiles::default(),
            auth_agents: AuthAgents::default(),
            startups: Startups::default(),
            bastions: Bastions::default(),
            warned: Mutex::default(),
        }
    }

    /// Whether this warning is said for the first time in the run.
    pub(super) fn first_time(&self, warning: &str) -> bool {
        self.warned.lock().unwrap_or_else(PoisonError::into_inner).insert(warning.to_owned())
    }

    /// Close what sessions shared: the connections to bastions. To be called when all sessions are closed.
    pub async fn close(&self) {
        let _ = tokio::time::timeout(self.deadlines.close, self.bastions.close()).await;
    }

    /// A path as people write it, with `~` for the home folder; relative ones stay.
    pub fn expand_home(&self, text: &str) -> PathBuf {
        expand_home(&self.home, text)
    }
}

/// A path with a leading `~/` replaced by the home folder.
pub(super) fn expand_home(home: &Path, text: &str) -> PathBuf {
    match text.strip_prefix("~/") {
        Some(rest) => home.join(rest),
        None if text == "~" => home.to_path_buf(),
        None => PathBuf::from(text),
    }
}
