//! The modules: each reads the host and returns the changes it wants. None of them acts, prints, sleeps, or knows of
//! check mode, SSH or waves. One file a module, one row in [`ALL`].

mod answer;
mod apt;
mod apt_order;
mod asked;
mod assemble;
mod authorized_key;
mod blockinfile;
mod command;
mod copy;
mod copy_tree;
mod cron;
mod cron_table;
mod declare;
mod dnf;
mod dpkg;
mod edit;
mod file;
mod file_links;
mod file_times;
mod file_tree;
mod find;
mod get_url;
mod getent;
mod given;
mod group;
mod hostname;
mod ini_file;
mod ini_lines;
mod known_hosts;
mod lineinfile;
mod lines;
mod mode;
mod modprobe;
mod mount;
mod mount_table;
mod ownership;
mod package;
mod package_facts;
#[cfg(test)]
mod package_stories;
mod pattern;
mod pattern_translate;
mod ping;
mod placement;
mod put;
mod raw;
mod replace;
mod run_report;
mod script;
mod service;
mod service_facts;
#[cfg(test)]
mod service_stories;
mod setting;
mod setup;
mod shell;
mod slurp;
mod stat;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod stories_host;
#[cfg(test)]
mod stories_ini;
mod sysctl;
mod sysfs;
mod systemd;
mod tempfile;
mod template;
#[cfg(test)]
mod tests;
mod tool;
mod unarchive;
mod unarchive_place;
mod uri;
mod uri_body;
mod user;
mod user_change;
mod wait_for;
mod web;
mod web_answer;

use crate::host::{Host, Stop};
use luthier_protocol::change::Change;
use luthier_protocol::spec::ModuleSpec;
use luthier_protocol::task::{Content, Revert};
use luthier_protocol::{Map, Value};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A module.
pub trait Module: Sync {
    /// Names, parameters, documentation.
    fn spec(&self) -> &'static ModuleSpec;

    /// What is to be changed, against the host as it is now.
    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError>;

    /// The return values once the changes are made. `wanted` is what [`Module::changes`] said, `runs` what its commands
    /// printed, in order; the last may have failed. A `changed: false` among the values says that the commands found nothing to
    /// do after all. The default returns `wanted.result`.
    fn report(
        &self,
        host: &Host,
        request: &Request<'_>,
        wanted: &Wanted,
        runs: &[RunOutput],
    ) -> Result<Map, ModuleError> {
        let _ = (host, request, runs);
        Ok(wanted.result.clone())
    }
}

/// What a module is given.
#[derive(Debug)]
pub struct Request<'a> {
    /// Parameters as the spec names them, converted to its types, defaults filled in.
    pub params: &'a Map,
    /// The task's file content, when it has any and it is at hand.
    pub content: Option<&'a Content>,
    /// Environment for commands.
    pub environment: &'a BTreeMap<String, String>,
    /// The task's `revert:`.
    pub revert: &'a Revert,
    /// What [`Wanted::prepare`] asked for has been done.
    pub prepared: bool,
    /// What the commands of [`Wanted::prepare`] printed, in order.
    pub said: &'a [RunOutput],
    /// When the task is given up; for the host's own calls.
    pub deadline: Option<Instant>,
    /// For how long the task has been waiting: zero when the module is asked first.
    pub elapsed: Duration,
    /// Raised when a look at the host that takes its time shall end; for the host's own calls.
    pub stop: Option<&'a Stop>,
}

/// What a module wants.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Commands to run before anything else can be said (package lists to fetch, a file to download): the module is then
    /// asked again, with [`Request::prepared`]. They alone do not make the task changed; check mode passes over them.
    pub prepare: Vec<Change>,
    /// What the commands print is for the module alone: it is not shown as it comes.
    pub quiet: bool,
    /// Changes in the order they are to be made. Empty: the host is as wanted.
    pub changes: Vec<Change>,
    /// Return values as far as they are known beforehand (all that check mode shows).
    pub result: Map,
    /// The task is skipped, with this reason (`creates` exists).
    pub skipped: Option<String>,
    /// The offered content differs from what is there: fetch it and ask again.
    pub needs_content: bool,
    /// Not so yet: the module wants to be asked again after this long. Waiting is no change; the task waits, not the module.
    pub ask_again: Option<Duration>,
}

/// What a command printed.
#[derive(Debug, Clone, Default)]
pub struct RunOutput {
    /// Exit status; 128 + n for signal n.
    pub rc: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// Start, seconds and nanoseconds since 1970-01-01 UTC.
    pub start: (i64, u32),
    /// End, likewise.
    pub end: (i64, u32),
}

/// Why a module cannot say what to change, or a command's result is a failure: becomes `msg` of a failed task.
#[derive(Debug)]
pub struct ModuleError {
    /// For people.
    pub message: String,
    /// Further return values (`rc`, `stdout`, …).
    pub result: Map,
}

impl ModuleError {
    /// An error with a message only.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), result: Map::new() }
    }

    /// With a further return value.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.result.insert(key.to_owned(), value.into());
        self
    }
}

/// Every module of this agent, sorted by name.
pub static ALL: &[&dyn Module] = &[
    &apt::Apt,
    &assemble::Assemble,
    &authorized_key::AuthorizedKey,
    &blockinfile::BlockInFile,
    &command::Command,
    &copy::Copy,
    &cron::Cron,
    &dnf::Dnf,
    &file::File,
    &find::Find,
    &get_url::GetUrl,
    &getent::Getent,
    &group::Group,
    &hostname::Hostname,
    &ini_file::IniFile,
    &known_hosts::KnownHosts,
    &lineinfile::LineInFile,
    &sysfs::Sysfs,
    &modprobe::Modprobe,
    &mount::Mount,
    &package::Package,
    &package_facts::PackageFacts,
    &ping::Ping,
    &raw::Raw,
    &replace::Replace,
    &script::Script,
    &service::Daemon,
    &service_facts::ServiceFacts,
    &setup::Setup,
    &shell::Shell,
    &slurp::Slurp,
    &stat::Stat,
    &sysctl::Sysctl,
    &systemd::Systemd,
    &tempfile::TempFile,
    &template::Template,
    &unarchive::Unarchive,
    &uri::Uri,
    &user::User,
    &wait_for::WaitFor,
];
