//! Who this process is and what it may do: what the kernel decides new files' owners and permissions by.

use super::{Host, sys};
use rustix::fs::Access;

/// The process's ids and what follows for files it creates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Who {
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Real user id.
    pub real_uid: u32,
    /// Real group id.
    pub real_gid: u32,
    /// Permission bits that new files do not get.
    pub umask: u32,
    /// Process id.
    pub pid: u32,
}

/// What [`Host::may`] asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Read it.
    Read,
    /// Write to it.
    Write,
    /// Run it, or enter the directory.
    Execute,
}

impl Host {
    /// Who this process is.
    pub fn who(&self) -> Who {
        Who {
            uid: sys::uid(),
            gid: rustix::process::getegid().as_raw(),
            real_uid: rustix::process::getuid().as_raw(),
            real_gid: rustix::process::getgid().as_raw(),
            umask: umask(),
            pid: sys::pid(),
        }
    }

    /// Whether the kernel would let this process do it.
    pub fn may(&self, path: &str, wish: Wish) -> bool {
        if let Some(state) = self.foretold(path) {
            // What a check would have made is ours; whether it would be executable does not matter to a check.
            return !matches!(state, luthier_protocol::change::State::Absent);
        }
        let access = match wish {
            Wish::Read => Access::READ_OK,
            Wish::Write => Access::WRITE_OK,
            Wish::Execute => Access::EXEC_OK,
        };
        rustix::fs::access(self.path(path), access).is_ok()
    }
}

/// The umask, read without changing it: setting and restoring it would race with other threads.
fn umask() -> u32 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("Umask:"))
        .and_then(|octal| u32::from_str_radix(octal.trim(), 8).ok())
        .unwrap_or(0o022)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_new_file_is_ours_and_obeys_the_umask() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new");
        std::fs::write(&file, "").unwrap();
        let metadata = std::fs::metadata(&file).unwrap();
        let host = Host::under(folder.path());
        let who = host.who();
        assert_eq!((metadata.uid(), metadata.mode() & 0o777), (who.uid, 0o666 & !who.umask));
        assert!(host.may("/new", Wish::Read) && !host.may("/none", Wish::Read));
    }
}
