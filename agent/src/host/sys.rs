//! What the system says of this process and of time.

use super::Host;
use rustix::io::fcntl_dupfd_cloexec;
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read};
use std::time::{SystemTime, UNIX_EPOCH};

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

/// Machine architecture as `uname -m` says it.
pub fn arch() -> String {
    rustix::system::uname().machine().to_string_lossy().into_owned()
}

/// Host name as the kernel tells it.
pub fn node() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
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
}
