//! Remembering what was read of a machine, so that it can be replayed: whatever the facts ask for is in the capture,
//! because the very same reads made it.

use super::{Host, Kind, Stat};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// What a path was when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// A folder.
    Folder,
    /// A symbolic link, as stored.
    Link(String),
    /// A file with its content; a device or socket is a file without any.
    File(Vec<u8>),
    /// A file that could not be read, and why.
    Unreadable(String),
}

/// Paths as they were, without links in them: each lies where the links lead.
pub type Recording = Arc<Mutex<BTreeMap<String, Seen>>>;

/// Links that lead to links are followed so far.
const MOST_LINKS: usize = 40;

impl Host {
    /// The same machine, with everything that is read through it remembered.
    #[must_use]
    pub fn recorded(&self) -> Self {
        Self { recording: Some(Recording::default()), ..self.clone() }
    }

    /// Whether what is read through it is remembered.
    pub(super) fn is_recorded(&self) -> bool {
        self.recording.is_some()
    }

    /// What was read so far.
    pub fn recording(&self) -> BTreeMap<String, Seen> {
        let recording =
            self.recording.as_ref().map(|recording| recording.lock().unwrap_or_else(PoisonError::into_inner));
        recording.map(|recording| recording.clone()).unwrap_or_default()
    }

    /// Remembers the outcome of reading a file.
    pub(super) fn saw_file(&self, path: &str, outcome: Result<&[u8], &io::Error>) {
        self.saw(path, || match outcome {
            Ok(bytes) => Some(Seen::File(bytes.to_vec())),
            // What is not there needs no remembering.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
            Err(error) => Some(Seen::Unreadable(error.to_string())),
        });
    }

    /// Remembers that a folder was listed, with the links in it: a list of names alone cannot be replayed.
    pub(super) fn saw_folder(&self, path: &str, names: &[String]) {
        if self.recording.is_none() {
            return;
        }
        self.saw(path, || Some(Seen::Folder));
        for name in names {
            let path = format!("{}/{name}", path.trim_end_matches('/'));
            match fs::symlink_metadata(self.path(&path)) {
                Ok(metadata) if metadata.is_dir() => self.saw(&path, || Some(Seen::Folder)),
                Ok(metadata) if metadata.is_symlink() => {
                    let target = fs::read_link(self.path(&path)).ok();
                    self.saw_itself(&path, target.map(|target| Seen::Link(target.to_string_lossy().into_owned())));
                }
                // Files that are listed and not read: their names are all that was asked for.
                Ok(_) => self.saw(&path, || Some(Seen::File(Vec::new()))),
                Err(_) => {}
            }
        }
    }

    /// Remembers a link.
    pub(super) fn saw_link(&self, path: &str, target: &str) {
        self.saw_itself(path, Some(Seen::Link(target.to_owned())));
    }

    /// Remembers that a path is there.
    pub(super) fn saw_stat(&self, path: &str, stat: Option<&Stat>) {
        self.saw(path, || match stat?.kind {
            Kind::Directory => Some(Seen::Folder),
            _ => Some(Seen::File(Vec::new())),
        });
    }

    /// Remembers what a path leads to.
    fn saw(&self, path: &str, what: impl FnOnce() -> Option<Seen>) {
        let Some(recording) = &self.recording else { return };
        let Some(what) = what() else { return };
        let mut recording = recording.lock().unwrap_or_else(PoisonError::into_inner);
        let place = self.place(path, &mut recording);
        put(&mut recording, place, what);
    }

    /// Remembers a path itself, whatever it leads to.
    fn saw_itself(&self, path: &str, what: Option<Seen>) {
        let (Some(recording), Some(what)) = (&self.recording, what) else { return };
        let mut recording = recording.lock().unwrap_or_else(PoisonError::into_inner);
        let (folder, name) = path.trim_end_matches('/').rsplit_once('/').unwrap_or_default();
        let folder = self.place(folder, &mut recording);
        put(&mut recording, format!("{folder}/{name}"), what);
    }

    /// Where a path leads, with every link and folder on the way remembered.
    fn place(&self, path: &str, recording: &mut BTreeMap<String, Seen>) -> String {
        let mut rest: Vec<String> = path.split('/').rev().filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let mut place = String::new();
        let mut links = 0;
        while let Some(part) = rest.pop() {
            match part.as_str() {
                "." => continue,
                ".." => {
                    place.truncate(place.rfind('/').unwrap_or(0));
                    continue;
                }
                _ => {}
            }
            let next = format!("{place}/{part}");
            let known = recording.get(&next).cloned().or_else(|| self.link_or_folder(&next));
            if let Some(seen @ (Seen::Link(_) | Seen::Folder)) = &known {
                recording.entry(next.clone()).or_insert_with(|| seen.clone());
            }
            match known {
                Some(Seen::Link(target)) if links < MOST_LINKS => {
                    links += 1;
                    if target.starts_with('/') {
                        place.clear();
                    }
                    rest.extend(target.split('/').rev().filter(|part| !part.is_empty()).map(str::to_owned));
                }
                _ => place = next,
            }
        }
        place
    }

    fn link_or_folder(&self, path: &str) -> Option<Seen> {
        let real = self.path(path);
        let metadata = fs::symlink_metadata(&real).ok()?;
        if metadata.is_symlink() {
            return Some(Seen::Link(fs::read_link(&real).ok()?.to_string_lossy().into_owned()));
        }
        metadata.is_dir().then_some(Seen::Folder)
    }
}

/// What is known in full is not replaced by what only was there.
fn put(recording: &mut BTreeMap<String, Seen>, place: String, what: Seen) {
    let fuller = match (recording.get(&place), &what) {
        (None, _) => true,
        (Some(Seen::File(old)), Seen::File(new)) => new.len() > old.len(),
        (Some(Seen::File(old)), Seen::Unreadable(_)) => old.is_empty(),
        _ => false,
    };
    if fuller && Path::new(&place) != Path::new("") {
        recording.insert(place, what);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::host::Attributes;

    #[test]
    fn what_is_read_is_remembered_where_it_lies() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        fs::create_dir_all(at("sys/devices/pci0000:00/net/eth0")).unwrap();
        fs::create_dir_all(at("sys/class/net")).unwrap();
        fs::write(at("sys/devices/pci0000:00/net/eth0/mtu"), "1500\n").unwrap();
        fs::write(at("sys/devices/pci0000:00/net/eth0/unread"), "x").unwrap();
        std::os::unix::fs::symlink("../../devices/pci0000:00/net/eth0", at("sys/class/net/eth0")).unwrap();
        let host = Host::under(root.path()).recorded();
        host.list("/sys/class/net").unwrap();
        assert_eq!(Attributes::new(&host).text("/sys/class/net/eth0/mtu").unwrap(), "1500");
        assert!(host.read("/sys/none").is_err());
        let recording = host.recording();
        let link = Seen::Link("../../devices/pci0000:00/net/eth0".to_owned());
        assert_eq!(recording.get("/sys/class/net/eth0"), Some(&link));
        assert_eq!(recording.get("/sys/devices/pci0000:00/net/eth0/mtu"), Some(&Seen::File(b"1500\n".to_vec())));
        assert_eq!(recording.get("/sys/devices/pci0000:00"), Some(&Seen::Folder));
        assert!(!recording.keys().any(|path| path.contains("none") || path.contains("unread")), "{recording:?}");
    }
}
