//! Reading files and their attributes.

use super::{Host, planned};
use luthier_protocol::change::{Bytes, Meta, State};
use std::fs;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{FileTypeExt, MetadataExt};

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Regular file.
    File,
    /// Directory.
    Directory,
    /// Symbolic link.
    Link,
    /// Character device.
    CharDevice,
    /// Block device.
    BlockDevice,
    /// Named pipe.
    Fifo,
    /// Socket.
    Socket,
}

/// Attributes of a path, as `stat(2)` gives them.
#[derive(Debug, Clone, PartialEq)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// Permission bits (`0o7777`).
    pub mode: u32,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Length in bytes.
    pub size: u64,
    /// Inode number.
    pub inode: u64,
    /// Device number.
    pub device: u64,
    /// Number of hard links.
    pub links: u64,
    /// Access time, nanoseconds since 1970-01-01 UTC.
    pub atime_ns: i64,
    /// Modification time, likewise.
    pub mtime_ns: i64,
    /// Status change time, likewise.
    pub ctime_ns: i64,
    /// Preferred block size.
    pub block_size: u64,
    /// 512-byte blocks in use.
    pub blocks: u64,
    /// Device number of a special file.
    pub rdev: u64,
}

impl Stat {
    /// Mode and owner as a change carries them.
    pub fn meta(&self) -> Meta {
        Meta { mode: self.mode, uid: self.uid, gid: self.gid, times: None }
    }
}

impl Host {
    /// The whole file.
    pub fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        if let Some(bytes) = self.foretold(path).as_ref().and_then(planned::content) {
            return bytes;
        }
        let outcome = fs::read(self.path(path));
        self.saw_file(path, outcome.as_deref());
        outcome
    }

    /// Part of a file: at most so many bytes from an offset on; fewer only at its end.
    pub fn read_part(&self, path: &str, offset: u64, most: u64) -> io::Result<Vec<u8>> {
        let mut file = fs::File::open(self.path(path))?;
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(offset))?;
        file.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The whole file as text without trailing white space; bytes that are no UTF-8 are replaced.
    pub fn read_text(&self, path: &str) -> io::Result<String> {
        let bytes = self.read(path)?;
        Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }

    /// Attributes of the path itself (a link is not followed); `None` where nothing is there.
    pub fn lstat(&self, path: &str) -> io::Result<Option<Stat>> {
        let real = found(fs::symlink_metadata(self.path(path)))?;
        Ok(match self.foretold(path) {
            Some(state) => planned::attributes(&state, real),
            None => real,
        })
    }

    /// Attributes of what the path leads to; `None` where nothing is there.
    pub fn stat(&self, path: &str) -> io::Result<Option<Stat>> {
        match self.foretold(path) {
            Some(State::Link { target, .. }) if target.starts_with('/') && target != path => self.stat(&target),
            Some(state) => Ok(planned::attributes(&state, found(fs::metadata(self.path(path)))?)),
            None => {
                let stat = found(fs::metadata(self.path(path)))?;
                self.saw_stat(path, stat.as_ref());
                Ok(stat)
            }
        }
    }

    /// Where a symbolic link points, as stored.
    pub fn read_link(&self, path: &str) -> io::Result<String> {
        if let Some(State::Link { target, .. }) = self.foretold(path) {
            return Ok(target);
        }
        let target = fs::read_link(self.path(path))?.to_string_lossy().into_owned();
        self.saw_link(path, &target);
        Ok(target)
    }

    /// Names in a directory, sorted.
    pub fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.path(path))? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        self.saw_folder(path, &names);
        Ok(names)
    }

    /// State of a path as a change carries it; `content` false leaves a file's bytes out.
    pub fn state(&self, path: &str, content: bool) -> io::Result<State> {
        let Some(stat) = self.lstat(path)? else { return Ok(State::Absent) };
        match stat.kind {
            Kind::File => {
                let content = if content { Some(Bytes(self.read(path)?)) } else { None };
                Ok(State::File { content, meta: stat.meta() })
            }
            Kind::Directory => Ok(State::Directory { meta: stat.meta() }),
            Kind::Link => Ok(State::Link { target: self.read_link(path)?, uid: stat.uid, gid: stat.gid }),
            _ => Err(io::Error::other(format!("{path} is a device, pipe or socket"))),
        }
    }
}

fn found(result: io::Result<fs::Metadata>) -> io::Result<Option<Stat>> {
    match result {
        Ok(metadata) => Ok(Some(from_metadata(&metadata))),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

fn from_metadata(metadata: &fs::Metadata) -> Stat {
    let file_type = metadata.file_type();
    let kind = if file_type.is_dir() {
        Kind::Directory
    } else if file_type.is_symlink() {
        Kind::Link
    } else if file_type.is_char_device() {
        Kind::CharDevice
    } else if file_type.is_block_device() {
        Kind::BlockDevice
    } else if file_type.is_fifo() {
        Kind::Fifo
    } else if file_type.is_socket() {
        Kind::Socket
    } else {
        Kind::File
    };
    Stat {
        kind,
        mode: metadata.mode() & 0o7777,
        uid: metadata.uid(),
        gid: metadata.gid(),
        size: metadata.size(),
        inode: metadata.ino(),
        device: metadata.dev(),
        links: metadata.nlink(),
        atime_ns: nanoseconds(metadata.atime(), metadata.atime_nsec()),
        mtime_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
        ctime_ns: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        block_size: metadata.blksize(),
        blocks: metadata.blocks(),
        rdev: metadata.rdev(),
    }
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}
