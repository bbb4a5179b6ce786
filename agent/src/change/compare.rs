//! Comparing a resource with a state: before a change (has somebody else been here?), after it, and before undoing it.

use crate::host::Host;
use crate::host::hashes::{Algorithm, digest};
use crate::host::setting;
use luthier_protocol::change::{Meta, Resource, State};
use std::io;

/// What a change left behind, without the bytes: enough to know one's own work again.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The state; a file's content is left out.
    pub state: State,
    /// SHA-256 of the file's content, where the change was about it; lower-case hexadecimal.
    pub sha256: Option<String>,
}

/// A state without its bytes.
pub fn written(state: &State) -> Written {
    match state {
        State::File { content, meta } => Written {
            state: State::File { content: None, meta: meta.clone() },
            sha256: content.as_ref().map(|bytes| sha256(&bytes.0)),
        },
        State::Run(run) => {
            let mut run = run.clone();
            run.stdin = None;
            run.script = None;
            Written { state: State::Run(run), sha256: None }
        }
        other => Written { state: other.clone(), sha256: None },
    }
}

/// Lower-case hexadecimal SHA-256.
pub fn sha256(bytes: &[u8]) -> String {
    digest(bytes, Algorithm::Sha256)
}

/// `None` when the resource is as expected, otherwise what was found instead, for people.
pub fn found(host: &Host, resource: &Resource, expected: &Written) -> io::Result<Option<String>> {
    match resource {
        Resource::Path(path) => path_found(host, path, expected),
        Resource::Setting(path) => {
            let State::Value(value) = &expected.state else { return Ok(Some("a kernel attribute".to_owned())) };
            let now = host.read_text(path)?;
            Ok(if setting::same(&now, value) { None } else { Some(format!("`{now}`")) })
        }
        // Commands leave nothing to look at.
        Resource::Command(_) => Ok(None),
    }
}

fn path_found(host: &Host, path: &str, expected: &Written) -> io::Result<Option<String>> {
    if let State::HardLink { target } = &expected.state {
        let (here, there) = (host.lstat(path)?, host.lstat(target)?);
        let same = matches!((&here, &there), (Some(a), Some(b)) if a.inode == b.inode && a.device == b.device);
        return Ok(if same { None } else { Some(format!("no hard link to {target}")) });
    }
    let stat = host.lstat(path)?;
    let now = host.state(path, false)?;
    let mtime = stat.map(|stat| stat.mtime_ns);
    let same = match (&now, &expected.state) {
        (State::File { meta, .. }, State::File { meta: wanted, .. }) => {
            if let Some(hash) = &expected.sha256
                && host.digest(path, Algorithm::Sha256)? != *hash
            {
                return Ok(Some("other content".to_owned()));
            }
            same_meta(meta, wanted, mtime)
        }
        (State::Directory { meta }, State::Directory { meta: wanted }) => same_meta(meta, wanted, mtime),
        (now, wanted) => now == wanted,
    };
    Ok(if same { None } else { Some(describe(&now)) })
}

/// Only the modification time counts: reading a file moves its access time.
fn same_meta(now: &Meta, wanted: &Meta, mtime: Option<i64>) -> bool {
    let times = match (wanted.times, mtime) {
        (Some(times), Some(mtime)) => same_time(mtime, times.mtime_ns),
        _ => true,
    };
    now.mode == wanted.mode && now.uid == wanted.uid && now.gid == wanted.gid && times
}

/// Equal as far as the file system keeps time: some know only microseconds or seconds.
fn same_time(now: i64, wanted: i64) -> bool {
    [1, 1_000, 1_000_000_000].into_iter().any(|grain| now == wanted.div_euclid(grain) * grain)
}

/// A state in a few words.
pub fn describe(state: &State) -> String {
    match state {
        State::Absent => "nothing".to_owned(),
        State::File { content, meta } => match content {
            Some(bytes) => format!("a file of {} bytes, {}", bytes.0.len(), describe_meta(meta)),
            None => format!("a file, {}", describe_meta(meta)),
        },
        State::Directory { meta } => format!("a directory, {}", describe_meta(meta)),
        State::Link { target, .. } => format!("a link to {target}"),
        State::HardLink { target } => format!("a hard link to {target}"),
        State::Value(value) => format!("`{value}`"),
        State::NotRun => "a command that has not run".to_owned(),
        State::Run(_) => "a command that ran".to_owned(),
    }
}

fn describe_meta(meta: &Meta) -> String {
    format!("mode {:04o}, owner {}:{}", meta.mode, meta.uid, meta.gid)
}
