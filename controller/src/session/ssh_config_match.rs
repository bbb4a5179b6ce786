//! `Host` and `Match` lines: when the settings below them hold.

use super::SessionError;
use super::pattern;
use super::ssh_config::Subject;
use super::ssh_config_words::{Word, Wrong};
use super::ssh_options::SshOptions;
use super::ssh_tokens::Tokens;
use std::collections::HashMap;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::{Handle, RuntimeFlavor};

/// How long a command of `Match exec` may take.
const EXEC_LIMIT: Duration = Duration::from_secs(10);

/// How often its end is looked for.
const TICK: Duration = Duration::from_millis(5);

/// When the settings of a block hold.
#[derive(Debug)]
pub(super) enum Condition {
    /// `Host`
    Host(Vec<String>),
    /// `Match`
    Match(Vec<Criterion>),
}

/// One criterion of a `Match` line.
#[derive(Debug)]
pub(super) struct Criterion {
    negated: bool,
    kind: Kind,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    All,
    /// `final` and `canonical`: the second time the files are read.
    Final,
    Host(String),
    OriginalHost(String),
    User(String),
    LocalUser(String),
    Exec(String),
    /// Not understood here: never holds, whether negated or not.
    Never,
}

/// What a `Match` line says.
pub(super) struct Parsed {
    /// When it holds.
    pub(super) condition: Condition,
    /// The files have to be gone through twice.
    pub(super) wants_final: bool,
    /// A criterion that is not understood here.
    pub(super) unknown: Option<String>,
}

/// Read the words of a `Match` line.
pub(super) fn parse(column: usize, words: &[Word]) -> Result<Parsed, Wrong> {
    let mut parsed = Parsed { condition: Condition::Match(Vec::new()), wants_final: false, unknown: None };
    let mut criteria = Vec::new();
    let mut rest = words.iter();
    while let Some((at, word)) = rest.next() {
        let (negated, name) = word.strip_prefix('!').map_or((false, word.as_str()), |name| (true, name));
        let mut value = || match rest.next() {
            Some((_, value)) => Ok(value.clone()),
            None => Err((*at, format!("Match {name} needs a value"))),
        };
        let kind = match name.to_ascii_lowercase().as_str() {
            "all" => {
                let alone = criteria.iter().all(|Criterion { kind, .. }| *kind == Kind::Final) && criteria.len() < 2;
                if !alone || rest.next().is_some() {
                    return Err((*at, "Match all stands alone, or behind final or canonical".to_owned()));
                }
                Kind::All
            }
            "final" => {
                parsed.wants_final = true;
                Kind::Final
            }
            "canonical" => Kind::Final,
            "host" => Kind::Host(value()?),
            "originalhost" => Kind::OriginalHost(value()?),
            "user" => Kind::User(value()?),
            "localuser" => Kind::LocalUser(value()?),
            "exec" => Kind::Exec(value()?),
            "localnetwork" | "tagged" | "command" | "version" | "sessiontype" => {
                value()?;
                parsed.unknown = Some(name.to_owned());
                Kind::Never
            }
            _ => return Err((*at, format!("Match does not know `{name}`"))),
        };
        criteria.push(Criterion { negated, kind });
    }
    if criteria.is_empty() {
        return Err((column, "Match has no criterion".to_owned()));
    }
    parsed.condition = Condition::Match(criteria);
    Ok(parsed)
}

/// One time through the files.
pub(super) struct Pass<'a> {
    /// Whom they are read for.
    pub(super) subject: Subject<'a>,
    /// The host's name: as given, and the second time as found.
    pub(super) host: &'a str,
    /// It is the second time.
    pub(super) is_final: bool,
    /// The operator's home folder.
    pub(super) home: &'a Path,
    /// Results of commands.
    pub(super) commands: &'a Commands,
}

impl Pass<'_> {
    /// Whether a condition holds where its line is reached, with what was set before it.
    pub(super) fn holds(&self, condition: &Condition, options: &SshOptions) -> Result<bool, SessionError> {
        let criteria = match condition {
            Condition::Host(patterns) => {
                return Ok(pattern::list_matches(patterns.iter().map(String::as_str), self.host));
            }
            Condition::Match(criteria) => criteria,
        };
        for criterion in criteria {
            let holds = match &criterion.kind {
                Kind::Never => return Ok(false),
                Kind::All => true,
                Kind::Final => self.is_final,
                Kind::Host(list) => names_match(list, &dialled(options, self.host)),
                Kind::OriginalHost(list) => names_match(list, self.subject.host),
                Kind::User(list) => pattern::list_matches(list.split(','), self.user(options)),
                Kind::LocalUser(list) => pattern::list_matches(list.split(','), self.subject.local_user),
                Kind::Exec(command) => self.run(command, options)?,
            };
            // A command behind a criterion that does not hold is not run.
            if holds == criterion.negated {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn user<'b>(&'b self, options: &'b SshOptions) -> &'b str {
        options.user.as_deref().or(self.subject.user).unwrap_or(self.subject.local_user)
    }

    fn run(&self, command: &str, options: &SshOptions) -> Result<bool, SessionError> {
        let tokens = Tokens {
            host: &dialled(options, self.host),
            given: self.subject.host,
            port: options.port.unwrap_or(22),
            user: self.user(options),
            local_user: self.subject.local_user,
            alias: options.host_key_alias.as_deref(),
            home: self.home,
        };
        self.commands.succeeds(&tokens.expand(command))
    }
}

/// Patterns of host names are compared in lower case.
fn names_match(list: &str, name: &str) -> bool {
    pattern::list_matches(list.to_ascii_lowercase().split(','), name)
}

/// The name to dial, as far as it is known. In HostName only the given name can stand.
pub(super) fn dialled(options: &SshOptions, host: &str) -> String {
    match &options.host_name {
        Some(text) => text.replace("%%", "\0").replace("%h", host).replace('\0', "%"),
        None => host.to_owned(),
    }
}

/// Commands of `Match exec`, each run once in a run.
#[derive(Debug, Default)]
pub(super) struct Commands {
    done: Mutex<HashMap<String, bool>>,
}

impl Commands {
    fn succeeds(&self, command: &str) -> Result<bool, SessionError> {
        let known = || self.done.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&success) = known().get(command) {
            return Ok(success);
        }
        // Other hosts go on meanwhile.
        let several = Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
        let success = if several { tokio::task::block_in_place(|| run(command)) } else { run(command) }
            .map_err(|problem| SessionError::Input(format!("Match exec `{command}`: {problem}")))?;
        known().insert(command.to_owned(), success);
        Ok(success)
    }
}

/// Whether a command of the operator's shell ends well.
fn run(command: &str) -> Result<bool, String> {
    let shell = std::env::var_os("SHELL").filter(|text| !text.is_empty()).unwrap_or_else(|| "/bin/sh".into());
    let mut child = Command::new(&shell)
        .arg("-c")
        .arg(command)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| format!("cannot run {}: {error}", shell.display()))?;
    let deadline = Instant::now() + EXEC_LIMIT;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status.success()),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(TICK),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("it took longer than {} s", EXEC_LIMIT.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}
