//! Changes that a program of the host makes: a service manager, a package manager, the tools of accounts.
//!
//! Each is one command. Where an opposite command exists, the change carries it together with a program that tells
//! whether the change is still in effect, so that undoing compares before it acts, as it does with files.

use super::{ModuleError, Request, RunOutput, Wanted};
use crate::host::query::Answer;
use crate::host::{Command, Ending, Finished, Host, Stop};
use luthier_protocol::Map;
use luthier_protocol::change::{Change, Probe, Resource, Reversal, Run, Scope, State};
use luthier_protocol::task::Revert;

/// Whether and how a command can be undone.
#[derive(Debug)]
pub(super) enum Undo {
    /// By another command, as long as the probe still tells what this one made of it.
    By(Vec<String>, Probe),
    /// Not at all, with the reason for people.
    Never(&'static str),
}

/// One command that changes the host.
#[derive(Debug)]
pub(super) struct Step {
    /// How people see it; `None`: the command line itself.
    pub label: Option<String>,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Variables of its own.
    pub environment: Vec<(String, String)>,
    /// Its opposite.
    pub undo: Undo,
    /// Afterwards the module must find nothing left to do.
    pub converges: bool,
}

impl Step {
    /// A command without input that must have its effect.
    pub(super) fn new(argv: Vec<String>, undo: Undo) -> Self {
        Self { label: None, argv, environment: Vec::new(), undo, converges: true }
    }

    /// As a change. A task's own `revert:` goes before what the module knows.
    pub(super) fn change(self, request: &Request<'_>) -> Change {
        let label = self.label.unwrap_or_else(|| line(&self.argv));
        let (undo, probe, revert) = match (request.revert, self.undo) {
            (Revert::Command(line), _) => (Some(line.clone()), None, Reversal::Yes),
            (Revert::Never, _) => (None, None, Reversal::No("the task says `revert: none`".to_owned())),
            (Revert::Unsaid, Undo::By(argv, probe)) => (Some(line(&argv)), Some(probe), Reversal::Yes),
            (Revert::Unsaid, Undo::Never(reason)) => (None, None, Reversal::No(reason.to_owned())),
        };
        let run =
            Run { argv: self.argv, undo, environment: self.environment.into_iter().collect(), probe, ..Run::default() };
        Change {
            resource: Resource::Command(label),
            before: State::NotRun,
            after: State::Run(run),
            scope: Scope::Live,
            converges: self.converges,
            revert,
        }
    }
}

/// A probe that is a line for the shell.
pub(super) fn shell_probe(script: String, before: &str, after: &str) -> Probe {
    Probe { argv: words(&["/bin/sh", "-c", &script]), before: before.trim().to_owned(), after: after.trim().to_owned() }
}

/// Words as a command line owns them.
pub(super) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Words as a line that the shell reads as the same words.
pub(super) fn line(words: &[String]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// A word as the shell reads it back.
pub(super) fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./=:,@%+^".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The path of a program that must be there.
pub(super) fn need(host: &Host, program: &str) -> Result<String, ModuleError> {
    host.program(program).ok_or_else(|| {
        ModuleError::new(format!("Failed to find required executable \"{program}\" on this host")).with("rc", 2)
    })
}

/// Ask a program that only looks.
pub(super) fn ask(host: &Host, argv: &[String]) -> Result<Answer, ModuleError> {
    host.query(argv).map_err(|error| ModuleError::new(format!("cannot run {}: {error}", line(argv))))
}

/// Run a program that changes nothing outside its own folder, for as long as the task may take. `doing` is for messages.
pub(super) fn look(
    host: &Host,
    request: &Request<'_>,
    argv: &[String],
    stdin: Option<&[u8]>,
    limit: usize,
    doing: &str,
) -> Result<Finished, ModuleError> {
    let failed = |why: &str| ModuleError::new(["failed to ", doing, ": ", why].concat());
    let mut environment = request.environment.clone();
    environment.insert("LC_ALL".to_owned(), "C".to_owned());
    let command = Command { argv, chdir: None, stdin, environment: &environment, deadline: request.deadline, limit };
    let own;
    let stop = match request.stop {
        Some(stop) => stop,
        None => {
            own = Stop::new().map_err(|error| failed(&error.to_string()))?;
            &own
        }
    };
    let finished = host.run(&command, stop, &mut |_, _| {}).map_err(|error| failed(&error.to_string()))?;
    match finished.ending {
        Ending::Exited => Ok(finished),
        Ending::TimedOut => Err(failed("timed out")),
        Ending::Flooded => Err(failed(&format!("it is larger than {} MiB", limit >> 20))),
        Ending::Stopped(_) => Err(failed("cancelled")),
    }
}

/// The command that ended the task's list with an error, and what it said.
pub(super) fn failed_run<'a>(
    request: &Request<'_>,
    wanted: &'a Wanted,
    runs: &'a [RunOutput],
) -> Option<(&'a Change, &'a RunOutput)> {
    let changes = if request.prepared || wanted.prepare.is_empty() { &wanted.changes } else { &wanted.prepare };
    let run = runs.last().filter(|run| run.rc != 0)?;
    let commands = changes.iter().filter(|change| matches!(change.resource, Resource::Command(_)));
    commands.zip(runs).last().map(|(change, _)| (change, run))
}

/// An output stream as text.
pub(super) fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `stdout`, `stderr` and their lines, as results show them.
pub(super) fn put_output(result: &mut Map, stdout: &str, stderr: &str) {
    for (key, text) in [("stdout", stdout), ("stderr", stderr)] {
        let text = text.trim_end_matches(['\r', '\n']);
        result.insert(key.to_owned(), text.into());
        result.insert(format!("{key}_lines"), text.lines().collect::<Vec<_>>().into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_back_as_the_same_words() {
        assert_eq!(line(&words(&["echo", "a b", "it's", "", "x=1"])), r"echo 'a b' 'it'\''s' '' x=1");
    }
}
