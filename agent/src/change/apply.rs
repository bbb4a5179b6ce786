//! A change becomes an effect: only where the resource is still as the module read it, and only believed once read back.

use super::compare::{Written, describe, found, written};
use super::error::{ChangeError, refused};
use crate::host::job::Script;
use crate::host::setting::{choices, chosen};
use crate::host::{Command, Finished, Host, Stop};
use luthier_protocol::change::{Change, Meta, Resource, Run, State};
use luthier_protocol::message::Stream;
use luthier_protocol::task::MAX_RESULT;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::time::Instant;

/// What bounds a running command.
#[derive(Debug)]
pub struct Limits<'a> {
    /// Environment of the task.
    pub environment: &'a BTreeMap<String, String>,
    /// When it is killed.
    pub deadline: Option<Instant>,
    /// Wakes and stops it.
    pub stop: &'a Stop,
}

/// Make a change of a path or setting. Commands are for [`run`].
pub fn apply(host: &Host, change: &Change) -> Result<(), ChangeError> {
    let path = change.resource.label();
    let before = written(&change.before);
    let look = |expected: &Written| {
        found(host, &change.resource, expected).map_err(|error| refused(host, "read", path, error))
    };
    if let Some(found) = look(&before)? {
        return Err(ChangeError::Moved { path: path.to_owned(), expected: describe(&change.before), found });
    }
    put(host, &change.resource, &change.before, &change.after).map_err(|error| overtaken(host, change, error))?;
    if let Some(found) = look(&written(&change.after))? {
        return Err(ChangeError::NotTaken { path: path.to_owned(), expected: describe(&change.after), found });
    }
    Ok(())
}

/// What is new is put in place without overwriting. Where that fails because something is there, somebody else was
/// quicker: nothing of ours is there, and theirs must not be taken back as if it were.
pub(super) fn overtaken(host: &Host, change: &Change, error: ChangeError) -> ChangeError {
    match (&change.before, &error) {
        (State::Absent, ChangeError::Refused { path, source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
            let now = found(host, &change.resource, &written(&State::Absent));
            ChangeError::Moved {
                path: path.clone(),
                expected: describe(&State::Absent),
                found: now.ok().flatten().unwrap_or_else(|| describe(&State::Absent)),
            }
        }
        _ => error,
    }
}

/// Run a command change.
pub fn run(host: &Host, run: &Run, limits: &Limits<'_>, output: &mut dyn FnMut(Stream, &[u8])) -> io::Result<Finished> {
    // It lies there as long as the command runs.
    let script = run.script.as_ref().map(|bytes| Script::write(host, &bytes.0)).transpose()?;
    let mut argv = run.argv.clone();
    argv.extend(script.iter().map(|script| script.path().display().to_string()));
    let environment = environment_of(run, limits.environment);
    let command = Command {
        argv: &argv,
        chdir: run.chdir.as_deref(),
        stdin: run.stdin.as_ref().map(|bytes| bytes.0.as_slice()),
        environment: &environment,
        deadline: limits.deadline,
        limit: MAX_RESULT / 2,
    };
    host.run(&command, limits.stop, output)
}

/// The task's variables and the command's own.
pub(super) fn environment_of<'a>(run: &Run, task: &'a BTreeMap<String, String>) -> Cow<'a, BTreeMap<String, String>> {
    if run.environment.is_empty() {
        return Cow::Borrowed(task);
    }
    let mut all = task.clone();
    all.extend(run.environment.clone());
    Cow::Owned(all)
}

/// Turn one state into another, without looking first.
pub(super) fn put(host: &Host, resource: &Resource, before: &State, after: &State) -> Result<(), ChangeError> {
    match resource {
        Resource::Setting(path) => match after {
            State::Value(value) => {
                // A choice is set by its word alone, not by the line the kernel shows; anything else as it was given.
                let value = if choices(value).is_some() { chosen(value) } else { value };
                host.write_setting(path, value).map_err(|error| refused(host, "set", path, error))
            }
            other => Err(nonsense(path, before, other)),
        },
        Resource::Path(path) => put_path(host, path, before, after),
        Resource::Command(line) => Err(nonsense(line, before, after)),
    }
}

fn put_path(host: &Host, path: &str, before: &State, after: &State) -> Result<(), ChangeError> {
    let (verb, result) = match (before, after) {
        (State::Directory { .. }, State::Absent) => ("remove", host.remove_directory(path)),
        (_, State::Absent) => ("remove", host.remove_file(path)),
        (State::Directory { .. }, State::Directory { meta }) => ("change mode or owner of", host.set_meta(path, meta)),
        (State::Absent, State::Directory { meta }) => ("make directory", host.make_directory(path, meta)),
        (State::Link { target: old, .. }, State::Link { target, uid, gid }) if old == target => {
            ("change the owner of", host.own_link(path, *uid, *gid))
        }
        (State::File { content, .. }, State::File { content: wanted, meta })
            if wanted.is_none() || content == wanted =>
        {
            ("change mode or owner of", host.set_meta(path, meta))
        }
        (State::Directory { .. }, State::Link { .. } | State::File { .. } | State::HardLink { .. }) => {
            host.remove_directory(path).map_err(|error| refused(host, "remove", path, error))?;
            return put_path(host, path, &State::Absent, after);
        }
        (State::File { .. } | State::Link { .. } | State::HardLink { .. }, State::Directory { .. }) => {
            host.remove_file(path).map_err(|error| refused(host, "remove", path, error))?;
            return put_path(host, path, &State::Absent, after);
        }
        (_, State::File { content, meta }) => {
            ("write", write_file(host, path, before, content.as_ref().map(|bytes| bytes.0.as_slice()), meta))
        }
        (_, State::Link { target, uid, gid }) => {
            ("link", host.make_link(path, target, *uid, *gid, *before == State::Absent))
        }
        (_, State::HardLink { target }) => ("link", host.make_hard_link(path, target, *before == State::Absent)),
        _ => return Err(nonsense(path, before, after)),
    };
    result.map_err(|error| refused(host, verb, path, error))
}

fn write_file(host: &Host, path: &str, before: &State, content: Option<&[u8]>, meta: &Meta) -> io::Result<()> {
    host.replace_file(path, content.unwrap_or_default(), meta, *before == State::Absent)
}

fn nonsense(path: &str, before: &State, after: &State) -> ChangeError {
    ChangeError::Nonsense { path: path.to_owned(), before: describe(before), after: describe(after) }
}
