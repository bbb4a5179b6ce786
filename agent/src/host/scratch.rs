//! A private folder for what has to lie on a disk while it is looked at: an archive and what comes out of it.

use super::{Host, sys};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

/// The folder, removed with all that is in it when this is dropped.
#[derive(Debug)]
pub struct Folder {
    real: PathBuf,
    path: String,
}

impl Host {
    /// A new one, where there is more room than in memory.
    pub fn scratch(&self) -> io::Result<Folder> {
        let word = sys::random_word()?;
        let make = |place: &str| -> io::Result<Folder> {
            let path = format!("{place}/.luthier-scratch-{word}");
            let folder = Folder { real: self.path(&path), path };
            DirBuilder::new().mode(0o700).create(&folder.real)?;
            Ok(folder)
        };
        make("/var/tmp").or_else(|_| make("/tmp"))
    }
}

impl Folder {
    /// Where a name in it lies on the host.
    pub fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    /// Put a file into it.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        fs::write(self.real.join(name), bytes)
    }

    /// Make a folder in it.
    pub fn folder(&self, name: &str) -> io::Result<()> {
        fs::create_dir(self.real.join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // It is private: what cannot be removed does no harm, and there is nobody to tell.
        if fs::remove_dir_all(&self.real).is_err() {
            writable(&self.real);
            let _ = fs::remove_dir_all(&self.real);
        }
    }
}

/// Folders of an archive may forbid even their owner to remove what is in them.
fn writable(folder: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            writable(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn nothing_is_left_of_it() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("var/tmp")).unwrap();
        let host = Host::under(root.path());
        let folder = host.scratch().unwrap();
        folder.write("a", b"text").unwrap();
        folder.folder("b").unwrap();
        assert_eq!(host.read(&folder.at("a")).unwrap(), b"text");
        fs::write(folder.real.join("b/c"), "").unwrap();
        fs::set_permissions(folder.real.join("b"), fs::Permissions::from_mode(0o500)).unwrap();
        drop(folder);
        assert_eq!(fs::read_dir(root.path().join("var/tmp")).unwrap().count(), 0);
    }
}
