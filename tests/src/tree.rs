//! A folder as it is, to the byte: kind, mode, owner and content of everything below it.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What lies under a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree(BTreeMap<PathBuf, Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    mode: u32,
    uid: u32,
    gid: u32,
    content: Vec<u8>,
}

impl Tree {
    /// Read a folder.
    pub fn read(folder: &Path) -> Self {
        let mut entries = BTreeMap::new();
        collect(folder, folder, &mut entries);
        Self(entries)
    }

    /// How many files, folders and links it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where two trees differ, one line a path.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut rows = Vec::new();
        for (path, entry) in &self.0 {
            match other.0.get(path) {
                None => rows.push(format!("{} is gone", path.display())),
                Some(found) if found != entry => rows.push(format!("{} is {found:?}, was {entry:?}", path.display())),
                Some(_) => {}
            }
        }
        rows.extend(
            other.0.keys().filter(|path| !self.0.contains_key(*path)).map(|path| format!("{} is new", path.display())),
        );
        rows
    }
}

fn collect(base: &Path, folder: &Path, entries: &mut BTreeMap<PathBuf, Entry>) {
    let Ok(list) = std::fs::read_dir(folder) else { return };
    for item in list.flatten() {
        let path = item.path();
        let meta = std::fs::symlink_metadata(&path).expect("an entry just listed");
        let content = if meta.is_file() {
            std::fs::read(&path).unwrap_or_default()
        } else if meta.is_symlink() {
            std::fs::read_link(&path).unwrap_or_default().into_os_string().into_encoded_bytes()
        } else {
            Vec::new()
        };
        let name = path.strip_prefix(base).unwrap_or(&path).to_path_buf();
        entries.insert(name, Entry { mode: meta.mode(), uid: meta.uid(), gid: meta.gid(), content });
        if meta.is_dir() {
            collect(base, &path, entries);
        }
    }
}
