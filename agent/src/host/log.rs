//! Append-only files for the journal: private, synced on demand, locked while in use.

use rustix::fs::{FlockOperation, flock};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a lock is tried.
const ATTEMPTS: u32 = 20;

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(5);

/// An open file of records.
#[derive(Debug)]
pub struct Log {
    file: File,
    path: PathBuf,
    length: u64,
}

impl Log {
    /// A new, empty, locked file that only its owner may read. Its folder is made where it is missing.
    pub fn create(path: &Path) -> io::Result<Self> {
        let folder = path.parent().unwrap_or(Path::new("/"));
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        for ours in [Some(folder), folder.parent()].into_iter().flatten() {
            // In a folder shared by all users somebody may have been there first.
            if fs::symlink_metadata(ours)?.uid() != rustix::process::geteuid().as_raw() {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("{} is not ours", ours.display())));
            }
        }
        let file = OpenOptions::new().read(true).append(true).create_new(true).mode(0o600).open(path)?;
        // Whoever lists the folder may hold it for a moment.
        flock(&file, FlockOperation::LockExclusive)?;
        File::open(folder)?.sync_all()?;
        Ok(Self { file, path: path.to_path_buf(), length: 0 })
    }

    /// An existing file, for reading and appending.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).append(true).open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { file, path: path.to_path_buf(), length })
    }

    /// Take the lock; false when another process works on the file. Those who only ask hold it for a moment: try again.
    pub fn lock(&self) -> io::Result<bool> {
        for _ in 0..ATTEMPTS {
            if self.try_lock(FlockOperation::NonBlockingLockExclusive)? {
                return Ok(true);
            }
            std::thread::sleep(PAUSE);
        }
        Ok(false)
    }

    /// Whether a process works on the file now.
    pub fn is_locked(&self) -> io::Result<bool> {
        let free = self.try_lock(FlockOperation::NonBlockingLockShared)?;
        if free {
            flock(&self.file, FlockOperation::Unlock)?;
        }
        Ok(!free)
    }

    fn try_lock(&self, operation: FlockOperation) -> io::Result<bool> {
        match flock(&self.file, operation) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its length in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Put bytes at its end: all of them or, on an error, none.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(bytes) {
            // Half a record would hide every later one.
            self.file.set_len(self.length)?;
            return Err(error);
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Cut off what lies behind a length.
    pub fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.length = length;
        Ok(())
    }

    /// Until this returns, what was appended may be lost at a power cut.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Bytes from an offset on; fewer than asked for at the end of the file.
    pub fn read_at(&mut self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let length = length.min(usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX));
        self.file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::with_capacity(length);
        Read::by_ref(&mut self.file).take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Files of a folder with their lengths, by name; empty where there is no folder.
pub fn files_in(folder: &Path) -> io::Result<Vec<(String, u64)>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        // A file may vanish between the listing and the look.
        if let Ok(metadata) = entry.metadata()
            && metadata.is_file()
        {
            files.push((entry.file_name().to_string_lossy().into_owned(), metadata.len()));
        }
    }
    super::order::sort(&mut files);
    Ok(files)
}

/// Remove a file of the journal.
pub fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}
/// Whether files can be kept in a folder, which need not exist yet. Nothing is made.
pub fn can_hold(folder: &Path) -> bool {
    use rustix::fs::{Access, access};
    let existing = folder.ancestors().find(|ancestor| ancestor.exists());
    existing.is_some_and(|ancestor| access(ancestor, Access::WRITE_OK | Access::EXEC_OK).is_ok())
}
