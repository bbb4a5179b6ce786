//! What only system calls tell: of this process, of time, and of the machine.

use super::Host;
use rustix::io::fcntl_dupfd_cloexec;
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read};
use std::time::{SystemTime, UNIX_EPOCH};

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

/// Seconds and nanoseconds since 1970-01-01 UTC.
pub fn now() -> (i64, u32) {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX), elapsed.subsec_nanos())
}

/// Effective user id of this process.
pub fn uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// This process's id.
pub fn pid() -> u32 {
    std::process::id()
}

/// What `uname(2)` says.
pub fn uname() -> Uname {
    let uname = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    Uname {
        system: text(uname.sysname()),
        node: text(uname.nodename()),
        release: text(uname.release()),
        version: text(uname.version()),
        machine: text(uname.machine()),
    }
}

/// An environment variable that is set and not empty.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The bytes of the program this process runs.
pub fn own_program() -> io::Result<Vec<u8>> {
    std::fs::read("/proc/self/exe")
}

/// Random letters and digits that nobody can guess.
pub fn random_word() -> io::Result<String> {
    let mut bytes = [0_u8; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Standard input and output without buffers between: every message is one write.
pub fn streams() -> io::Result<(PipeReader, PipeWriter)> {
    let input = fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    let output = fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
    Ok((PipeReader::from(input), PipeWriter::from(output)))
}

impl Host {
    /// Identifies the running boot; empty where the kernel does not tell.
    pub fn boot_id(&self) -> String {
        self.read_text("/proc/sys/kernel/random/boot_id").unwrap_or_default()
    }

    /// Name of the user this process works as; the number where `/etc/passwd` does not know it.
    pub fn own_user(&self) -> String {
        let uid = uid();
        self.account_of(uid)
            .map_or_else(|| if uid == 0 { "root".to_owned() } else { uid.to_string() }, |account| account.name)
    }

    /// `uname(2)`; `None` for a captured machine.
    pub fn uname(&self) -> Option<Uname> {
        self.is_live().then(uname)
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
