//! Writing: files by atomic replacement, kernel attributes in place, directories, links, owners, modes and times.
//!
//! Nothing here decides; the change engine calls it after the journal knows.

use super::Host;
use luthier_protocol::change::{Meta, Times};
use rustix::fs::{self as rfs, AtFlags, CWD, Gid, IFlags, Mode, RenameFlags, Timespec, Timestamps, Uid};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Start of the name of a file that is to take another's place; a process id and a number follow.
const TEMPORARY: &str = ".luthier-new-";

static COUNTER: AtomicU64 = AtomicU64::new(0);

impl Host {
    /// Put a file with this content in place, atomically. With `fresh`, fail when something is there already.
    pub fn replace_file(&self, path: &str, content: &[u8], meta: &Meta, fresh: bool) -> io::Result<()> {
        let target = self.path(path);
        place(&target, fresh, |temporary| {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
            file.write_all(content)?;
            if !fresh {
                copy_attributes(&target, &file);
            }
            own(&file, meta)?;
            // After the owner: changing that clears the set-id bits.
            rfs::fchmod(&file, Mode::from_raw_mode(meta.mode))?;
            if let Some(times) = meta.times {
                rfs::futimens(&file, &timestamps(times))?;
            }
            file.sync_all()
        })
    }

    /// Make a directory; fails when something is there already.
    pub fn make_directory(&self, path: &str, meta: &Meta) -> io::Result<()> {
        place(&self.path(path), true, |temporary| {
            DirBuilder::new().mode(0o700).create(temporary)?;
            let folder = File::open(temporary)?;
            own(&folder, meta)?;
            rfs::fchmod(&folder, Mode::from_raw_mode(meta.mode))?;
            match meta.times {
                Some(times) => Ok(rfs::futimens(&folder, &timestamps(times))?),
                None => Ok(()),
            }
        })
    }

    /// Put a symbolic link in place, atomically.
    pub fn make_link(&self, path: &str, to: &str, uid: u32, gid: u32, fresh: bool) -> io::Result<()> {
        place(&self.path(path), fresh, |temporary| {
            symlink(to, temporary)?;
            self.own_link_at(temporary, uid, gid)
        })
    }

    /// Put a hard link to another path in place, atomically.
    pub fn make_hard_link(&self, path: &str, to: &str, fresh: bool) -> io::Result<()> {
        let original = self.path(to);
        place(&self.path(path), fresh, |temporary| fs::hard_link(&original, temporary))
    }

    /// Change the owner of a symbolic link itself.
    pub fn own_link(&self, path: &str, uid: u32, gid: u32) -> io::Result<()> {
        self.own_link_at(&self.path(path), uid, gid)
    }

    fn own_link_at(&self, path: &Path, uid: u32, gid: u32) -> io::Result<()> {
        let now = rfs::lstat(path)?;
        if now.st_uid == uid && now.st_gid == gid {
            return Ok(());
        }
        Ok(rfs::chownat(CWD, path, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)), AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Change owner, mode and, where given, times of a file or directory.
    pub fn set_meta(&self, path: &str, meta: &Meta) -> io::Result<()> {
        let target = self.path(path);
        let now = rfs::lstat(&target)?;
        if now.st_uid != meta.uid || now.st_gid != meta.gid {
            let (uid, gid) = (Uid::from_raw(meta.uid), Gid::from_raw(meta.gid));
            rfs::chownat(CWD, &target, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        if rfs::lstat(&target)?.st_mode & 0o7777 != meta.mode {
            rfs::chmod(&target, Mode::from_raw_mode(meta.mode))?;
        }
        if let Some(times) = meta.times {
            rfs::utimensat(CWD, &target, &timestamps(times), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Ok(())
    }

    /// Remove a file or link.
    pub fn remove_file(&self, path: &str) -> io::Result<()> {
        let target = self.path(path);
        fs::remove_file(&target)?;
        sync_folder(&target)
    }

    /// Remove an empty directory.
    pub fn remove_directory(&self, path: &str) -> io::Result<()> {
        let target = self.path(path);
        fs::remove_dir(&target)?;
        sync_folder(&target)
    }

    /// Write a kernel attribute: one `write(2)` into what exists, as the kernel takes a value whole or not at all.
    pub fn write_setting(&self, path: &str, value: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).truncate(true).open(self.path(path))?;
        let line = format!("{value}\n");
        let written = file.write(line.as_bytes())?;
        // Some handlers consume the text without its final newline.
        if written + 1 < line.len() {
            return Err(io::Error::other(format!("the kernel took only {written} of {} bytes", line.len())));
        }
        Ok(())
    }

    /// Whether a path carries the immutable or append-only flag (`chattr +i`, `+a`): why even root is refused.
    pub fn is_immutable(&self, path: &str) -> bool {
        let flags = File::open(self.path(path)).and_then(|file| Ok(rfs::ioctl_getflags(&file)?));
        flags.is_ok_and(|flags| flags.intersects(IFlags::IMMUTABLE | IFlags::APPEND))
    }

    /// Remove what a killed agent may have left beside a path: its unfinished replacement.
    pub fn remove_unfinished(&self, path: &str, pid: u32) -> io::Result<()> {
        let target = self.path(path);
        let Some(folder) = target.parent() else { return Ok(()) };
        let prefix = format!("{TEMPORARY}{pid}-");
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if !entry.file_name().to_string_lossy().starts_with(&prefix) {
                continue;
            }
            if entry.file_type()?.is_dir() { fs::remove_dir(entry.path())? } else { fs::remove_file(entry.path())? }
        }
        Ok(())
    }
}

/// Make something under a temporary name, then move it to its place.
fn place(target: &Path, fresh: bool, make: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let temporary = temporary_beside(target)?;
    let result = make(&temporary)
        .and_then(|()| if fresh { move_fresh(&temporary, target) } else { fs::rename(&temporary, target) });
    if result.is_err() {
        // Whichever of the two it is; the first error is the one to tell.
        let _ = fs::remove_file(&temporary).or_else(|_| fs::remove_dir(&temporary));
        return result;
    }
    sync_folder(target)
}

/// Rename without overwriting; file systems that cannot do so look first.
fn move_fresh(from: &Path, to: &Path) -> io::Result<()> {
    match rfs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            if fs::symlink_metadata(to).is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(from, to)
        }
        Err(error) => Err(error.into()),
    }
}

fn temporary_beside(target: &Path) -> io::Result<PathBuf> {
    let folder = target
        .parent()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a path that can be replaced"))?;
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    Ok(folder.join(format!("{TEMPORARY}{}-{number}", std::process::id())))
}

fn sync_folder(target: &Path) -> io::Result<()> {
    match target.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn own(file: &File, meta: &Meta) -> io::Result<()> {
    let now = rfs::fstat(file)?;
    if now.st_uid == meta.uid && now.st_gid == meta.gid {
        return Ok(());
    }
    Ok(rfs::fchown(file, Some(Uid::from_raw(meta.uid)), Some(Gid::from_raw(meta.gid)))?)
}

/// Carry SELinux label, access lists and user attributes over to the replacement, as far as the file system lets us.
/// Capabilities and integrity marks belong to the old bytes.
fn copy_attributes(from: &Path, to: &File) {
    let Ok(length) = rfs::llistxattr_query(from) else { return };
    let mut names = vec![0_u8; length];
    let Ok(length) = rfs::llistxattr(from, &mut names[..]) else { return };
    names.truncate(length);
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        if matches!(name, b"security.capability" | b"security.ima" | b"security.evm") {
            continue;
        }
        let Ok(length) = rfs::lgetxattr_query(from, name) else { continue };
        let mut value = vec![0_u8; length];
        if rfs::lgetxattr(from, name, &mut value[..]).is_ok() {
            let _ = rfs::fsetxattr(to, name, &value, rfs::XattrFlags::empty());
        }
    }
}

fn timestamps(times: Times) -> Timestamps {
    Timestamps { last_access: timespec(times.atime_ns), last_modification: timespec(times.mtime_ns) }
}

fn timespec(nanoseconds: i64) -> Timespec {
    Timespec { tv_sec: nanoseconds.div_euclid(1_000_000_000), tv_nsec: nanoseconds.rem_euclid(1_000_000_000) }
}
