//! Changes of files and directories that several modules want in the same shape.

use super::ModuleError;
use super::answer::failed_to;
use super::ownership::Attributes;
use crate::host::paths::{join, parent};
use crate::host::{Host, Kind};
use luthier_protocol::change::{Bytes, Change, Meta, Resource, Reversal, Scope, State, Times};

/// Larger originals are not kept by the journal: such a change cannot be undone.
const LARGEST_ORIGINAL: u64 = 64 * 1024 * 1024;

/// Where a new file's or directory's group comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Birth {
    /// Moved into place: always the writer's group.
    Moved,
    /// Made in place: a directory with the set-group-id bit passes its group on.
    InPlace,
}

/// One change of a path that takes effect at once.
pub(super) fn change(path: &str, before: State, after: State, revert: Reversal, converges: bool) -> Change {
    Change { resource: Resource::Path(path.to_owned()), before, after, scope: Scope::Live, converges, revert }
}

/// What is at the path now, with a file's content unless it is too large to be kept.
pub(super) fn original(host: &Host, path: &str) -> Result<(State, Reversal), ModuleError> {
    let stat = host.lstat(path).map_err(failed_to("look at", path))?;
    let large = stat.is_some_and(|stat| stat.kind == Kind::File && stat.size > LARGEST_ORIGINAL);
    let state = host.state(path, !large).map_err(failed_to("read", path))?;
    let revert = if large {
        Reversal::No(format!("{path} is larger than {} MiB, its content is not kept", LARGEST_ORIGINAL >> 20))
    } else {
        Reversal::Yes
    };
    Ok((state, revert))
}

/// Mode and owner that a file written anew gets.
pub(super) fn new_file(host: &Host, path: &str, birth: Birth) -> Meta {
    let who = host.who();
    let inherited = if birth == Birth::InPlace { inherited_group(host, path) } else { None };
    Meta { mode: 0o666 & !who.umask, uid: who.uid, gid: inherited.unwrap_or(who.gid), times: None }
}

/// Mode and owner that a directory made anew gets.
pub(super) fn new_directory(host: &Host, path: &str) -> Meta {
    let who = host.who();
    let inherited = inherited_group(host, path);
    let set_group_id = if inherited.is_some() { 0o2000 } else { 0 };
    Meta { mode: (0o777 & !who.umask) | set_group_id, uid: who.uid, gid: inherited.unwrap_or(who.gid), times: None }
}

/// The group that the nearest directory above passes on, if it does.
fn inherited_group(host: &Host, path: &str) -> Option<u32> {
    let mut above = parent(path);
    loop {
        if let Ok(Some(stat)) = host.stat(above) {
            return (stat.mode & 0o2000 != 0).then_some(stat.gid);
        }
        if above == "/" {
            return None;
        }
        above = parent(above);
    }
}

/// The directories that are missing down to `path` itself, outermost first.
pub(super) fn missing_directories(
    host: &Host,
    path: &str,
    attributes: &Attributes,
) -> Result<Vec<Change>, ModuleError> {
    let mut missing = Vec::new();
    let mut at = path.trim_end_matches('/');
    while !at.is_empty() && host.stat(at).map_err(failed_to("look at", at))?.is_none() {
        if let Some(stat) = host.lstat(at).map_err(failed_to("look at", at))? {
            return Err(ModuleError::new(format!("{at} is in the way: {}", kind_name(stat.kind))).with("path", at));
        }
        let meta = attributes.over(&new_directory(host, at), true);
        missing.push(change(at, State::Absent, State::Directory { meta }, Reversal::Yes, true));
        at = if parent(at) == "/" { "" } else { parent(at) };
    }
    missing.reverse();
    Ok(missing)
}

/// The change that gives a path the wanted mode and owner, if it has others. Of a link only the owner is changed.
pub(super) fn attributes_change(
    host: &Host,
    path: &str,
    attributes: &Attributes,
    times: Option<Times>,
) -> Result<Option<Change>, ModuleError> {
    let Some(stat) = host.lstat(path).map_err(failed_to("look at", path))? else { return Ok(None) };
    let present = stat.meta();
    let mut wanted = attributes.over(&present, stat.kind == Kind::Directory);
    if stat.kind == Kind::Link {
        if (wanted.uid, wanted.gid) == (stat.uid, stat.gid) {
            return Ok(None);
        }
        let target = host.read_link(path).map_err(failed_to("read link", path))?;
        let before = State::Link { target: target.clone(), uid: stat.uid, gid: stat.gid };
        let after = State::Link { target, uid: wanted.uid, gid: wanted.gid };
        return Ok(Some(change(path, before, after, Reversal::Yes, true)));
    }
    let mut present = present;
    let now = Times { atime_ns: stat.atime_ns, mtime_ns: stat.mtime_ns };
    if let Some(times) = times.filter(|times| *times != now) {
        present.times = Some(now);
        wanted.times = Some(times);
    }
    if wanted == present {
        return Ok(None);
    }
    let converges = wanted.times.is_none();
    let state = |meta| match stat.kind {
        Kind::Directory => State::Directory { meta },
        _ => State::File { content: None, meta },
    };
    Ok(Some(change(path, state(present), state(wanted), Reversal::Yes, converges)))
}

/// A text or other content that a file shall have.
#[derive(Debug)]
pub(super) struct NewContent<'a> {
    /// The file: absolute, not a directory. A link here is replaced, not followed.
    pub path: &'a str,
    /// Its bytes.
    pub content: Vec<u8>,
    /// Mode and owner that a new file starts from.
    pub fresh: Meta,
    /// Mode and owner that a present file keeps, when they are not its own.
    pub present: Option<Meta>,
    /// What the task asks for on top.
    pub attributes: &'a Attributes,
    /// Keep the old file.
    pub backup: bool,
    /// `changes` is empty after it: true for whole files, false for edits by pattern.
    pub converges: bool,
}

/// The changes for new content, and the backup's path.
pub(super) fn replace(host: &Host, new: NewContent<'_>) -> Result<(Vec<Change>, Option<String>), ModuleError> {
    let (before, revert) = original(host, new.path)?;
    let base = match &before {
        State::File { meta, .. } => new.present.unwrap_or_else(|| meta.clone()),
        State::Directory { .. } => return Err(ModuleError::new(format!("{} is a directory", new.path))),
        _ => new.fresh,
    };
    let meta = new.attributes.over(&base, false);
    let mut changes = Vec::new();
    let mut backup = None;
    if new.backup && before != State::Absent {
        let change = backup_of(host, new.path)?;
        backup = Some(change.resource.label().to_owned());
        changes.push(change);
    }
    let after = State::File { content: Some(Bytes(new.content)), meta };
    changes.push(change(new.path, before, after, revert, new.converges));
    Ok((changes, backup))
}

/// The change that keeps a copy named after the process and the time, as Ansible names it.
fn backup_of(host: &Host, path: &str) -> Result<Change, ModuleError> {
    let stat = host.stat(path).map_err(failed_to("look at", path))?;
    let stat = stat.ok_or_else(|| ModuleError::new(format!("cannot back up {path}: the link leads nowhere")))?;
    let content = host.read(path).map_err(failed_to("read", path))?;
    let now = host.local(host.now_ns().div_euclid(1_000_000_000));
    let stamp =
        format!("{:04}-{:02}-{:02}@{:02}:{:02}:{:02}~", now.year, now.month, now.day, now.hour, now.minute, now.second);
    let name = format!("{path}.{}.{stamp}", host.who().pid);
    let mut meta = stat.meta();
    meta.times = Some(Times { atime_ns: stat.atime_ns, mtime_ns: stat.mtime_ns });
    let after = State::File { content: Some(Bytes(content)), meta };
    Ok(change(&name, State::Absent, after, Reversal::Yes, false))
}

/// Run a task's `validate` command on new content. `%s` stands for the path of a temporary file that holds it.
pub(super) fn validate(host: &Host, command: &str, content: &[u8], mode: u32) -> Result<(), ModuleError> {
    if !command.contains("%s") {
        return Err(ModuleError::new(format!("validate must contain %s: {command}")));
    }
    let words = shlex::split(command).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| ModuleError::new(format!("cannot split the validate command: {command}")))?;
    let answer = host
        .query_on(content, mode, |path| words.iter().map(|word| word.replace("%s", path).replace("%%", "%")).collect())
        .map_err(|error| ModuleError::new(format!("failed to validate: cannot run {command}: {error}")))?;
    if answer.rc == 0 {
        return Ok(());
    }
    Err(ModuleError::new("failed to validate")
        .with("exit_status", answer.rc)
        .with("stdout", answer.stdout)
        .with("stderr", answer.stderr))
}

/// Entries of a directory as paths.
pub(super) fn entries(host: &Host, path: &str) -> Result<Vec<String>, ModuleError> {
    let names = host.list(path).map_err(failed_to("list", path))?;
    Ok(names.iter().map(|name| join(path, name)).collect())
}

/// What a path is, for messages.
pub(super) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Link => "link",
        Kind::CharDevice => "character device",
        Kind::BlockDevice => "block device",
        Kind::Fifo => "named pipe",
        Kind::Socket => "socket",
    }
}
