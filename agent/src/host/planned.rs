//! What check mode has foretold: later tasks of a check see the files as they would be by then, so that a `copy` into a
//! folder an earlier task would make is told truly.

use super::{Host, Kind, Stat};
use luthier_protocol::change::{Change, Meta, Resource, State};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// Paths as they would be.
pub type Planned = Arc<Mutex<BTreeMap<String, State>>>;

impl Host {
    /// The same machine as a check sees it.
    #[must_use]
    pub fn as_planned(&self) -> Self {
        Self { sees_plan: true, ..self.clone() }
    }

    /// Remember what these changes would do.
    pub fn plan(&self, changes: &[Change]) {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            let Resource::Path(path) = &change.resource else { continue };
            let mut after = change.after.clone();
            if let State::File { content: content @ None, .. } = &mut after {
                // Only its mode or owner would change; what it would hold by then is known from before, or from the disk.
                *content = match planned.get(path) {
                    Some(State::File { content: known, .. }) => known.clone(),
                    _ => None,
                };
            }
            planned.insert(path.trim_end_matches('/').to_owned(), after);
        }
    }

    /// How a path would be, where a check has foretold it.
    pub(super) fn foretold(&self, path: &str) -> Option<State> {
        if !self.sees_plan {
            return None;
        }
        self.planned.lock().unwrap_or_else(PoisonError::into_inner).get(path.trim_end_matches('/')).cloned()
    }
}

/// The bytes a path would hold; `None` where the disk still has them.
pub(super) fn content(state: &State) -> Option<io::Result<Vec<u8>>> {
    match state {
        State::File { content: Some(bytes), .. } => Some(Ok(bytes.0.clone())),
        State::File { content: None, .. } | State::HardLink { .. } | State::Link { .. } => None,
        State::Directory { .. } => Some(Err(io::Error::from(io::ErrorKind::IsADirectory))),
        _ => Some(Err(io::Error::from(io::ErrorKind::NotFound))),
    }
}

/// Attributes a path would have. `real` is what is there now.
pub(super) fn attributes(state: &State, real: Option<Stat>) -> Option<Stat> {
    let of = |kind: Kind, meta: &Meta, size: u64| {
        let mut stat = real.clone().unwrap_or_else(blank);
        (stat.kind, stat.mode, stat.uid, stat.gid) = (kind, meta.mode, meta.uid, meta.gid);
        stat.size = size;
        if let Some(times) = meta.times {
            (stat.atime_ns, stat.mtime_ns) = (times.atime_ns, times.mtime_ns);
        }
        stat
    };
    let size = real.as_ref().map_or(0, |stat| stat.size);
    match state {
        State::File { content, meta } => {
            Some(of(Kind::File, meta, content.as_ref().map_or(size, |bytes| bytes.0.len() as u64)))
        }
        State::Directory { meta } => Some(of(Kind::Directory, meta, size)),
        State::Link { target, uid, gid } => {
            let meta = Meta { mode: 0o777, uid: *uid, gid: *gid, times: None };
            Some(of(Kind::Link, &meta, target.len() as u64))
        }
        State::HardLink { .. } => Some(Stat { kind: Kind::File, ..real.clone().unwrap_or_else(blank) }),
        _ => None,
    }
}

fn blank() -> Stat {
    Stat {
        kind: Kind::File,
        mode: 0o644,
        uid: 0,
        gid: 0,
        size: 0,
        inode: 0,
        device: 0,
        links: 1,
        atime_ns: 0,
        mtime_ns: 0,
        ctime_ns: 0,
        block_size: 4096,
        blocks: 0,
        rdev: 0,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use luthier_protocol::change::{Reversal, Scope};

    #[test]
    fn a_check_sees_what_an_earlier_task_would_make() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::under(root.path());
        let change = Change {
            resource: Resource::Path("/new".into()),
            before: State::Absent,
            after: State::Directory { meta: Meta { mode: 0o750, uid: 0, gid: 0, times: None } },
            scope: Scope::Live,
            converges: true,
            revert: Reversal::Yes,
        };
        let view = host.as_planned();
        view.plan(&[change]);
        assert_eq!(view.lstat("/new/").unwrap().unwrap().mode, 0o750);
        assert_eq!(host.lstat("/new").unwrap(), None);
    }
}
