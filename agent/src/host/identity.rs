//! Who this process is and on what machine it runs: the few facts that only system calls tell.

use super::Host;
use rustix::process::{getegid, geteuid, getgid, getuid};

/// User and group ids of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ids {
    /// Real user.
    pub uid: u32,
    /// Effective user.
    pub euid: u32,
    /// Real group.
    pub gid: u32,
    /// Effective group.
    pub egid: u32,
}

/// What `uname(2)` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uname {
    /// Kernel name (`Linux`).
    pub system: String,
    /// Host name.
    pub node: String,
    /// Kernel release.
    pub release: String,
    /// Kernel build.
    pub version: String,
    /// Machine architecture.
    pub machine: String,
}

/// Size of a mounted file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSystemSize {
    /// Block size in bytes.
    pub block_size: u64,
    /// Blocks.
    pub blocks: u64,
    /// Blocks an ordinary user can have.
    pub blocks_available: u64,
    /// Inodes.
    pub inodes: u64,
    /// Free inodes.
    pub inodes_free: u64,
}

impl Host {
    /// Ids of this process.
    pub fn ids(&self) -> Ids {
        Ids { uid: getuid().as_raw(), euid: geteuid().as_raw(), gid: getgid().as_raw(), egid: getegid().as_raw() }
    }

    /// `uname(2)`; `None` for a captured machine.
    pub fn uname(&self) -> Option<Uname> {
        if !self.is_live() {
            return None;
        }
        let uname = rustix::system::uname();
        let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
        Some(Uname {
            system: text(uname.sysname()),
            node: text(uname.nodename()),
            release: text(uname.release()),
            version: text(uname.version()),
            machine: text(uname.machine()),
        })
    }

    /// CPUs this process may run on; `None` for a captured machine.
    pub fn usable_cpus(&self) -> Option<u32> {
        if !self.is_live() {
            return None;
        }
        std::thread::available_parallelism().ok().and_then(|count| u32::try_from(count.get()).ok())
    }

    /// `statfs(2)` of a path; `None` for a captured machine and where it fails. It waits for as long as the file system
    /// does: ask only for local ones.
    pub fn file_system_size(&self, path: &str) -> Option<FileSystemSize> {
        if !self.is_live() {
            return None;
        }
        let size = rustix::fs::statvfs(path).ok()?;
        Some(FileSystemSize {
            block_size: size.f_frsize,
            blocks: size.f_blocks,
            blocks_available: size.f_bavail,
            inodes: size.f_files,
            inodes_free: size.f_ffree,
        })
    }
}
