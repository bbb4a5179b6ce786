//! Commands that only look: checkers and tools whose output is read. Nothing here changes the host for good.

use super::Host;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What a command said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Exit status; 128 + n for signal n.
    pub rc: i32,
    /// Standard output; bytes that are no UTF-8 are replaced.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
}

/// A checker that takes longer hangs.
const DEADLINE: Duration = Duration::from_secs(120);
/// Of each stream, more is not kept.
const MOST_OUTPUT: u64 = 1024 * 1024;

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Host {
    /// Run a program that only reads and return what it said. It has no input, the C locale, and two minutes.
    pub fn query(&self, argv: &[String]) -> io::Result<Answer> {
        let (program, arguments) = argv.split_first().ok_or_else(|| io::Error::other("empty command"))?;
        let mut child = Command::new(self.program_file(program))
            .args(arguments)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let stdout = reader(child.stdout.take());
        let stderr = reader(child.stderr.take());
        let rc = wait(&mut child, program)?;
        Ok(Answer { rc, stdout: text(stdout), stderr: text(stderr) })
    }

    /// Run a program on a private temporary file that holds `content`; `argv` makes the command line from its path.
    pub fn query_on(&self, content: &[u8], mode: u32, argv: impl FnOnce(&str) -> Vec<String>) -> io::Result<Answer> {
        let scratch = Scratch::new(content, mode)?;
        self.query(&argv(&scratch.0.to_string_lossy()))
    }
}

/// Where system programs lie, in the order they are looked for; after these, where PATH says.
const FOLDERS: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

impl Host {
    /// The path of an installed program on the host; `None` where it is not installed.
    pub fn program(&self, name: &str) -> Option<String> {
        let path = if self.is_live() { super::sys::variable("PATH").unwrap_or_default() } else { String::new() };
        let folders = FOLDERS.into_iter().chain(path.split(':').filter(|folder| folder.starts_with('/')));
        folders.map(|folder| format!("{folder}/{name}")).find(|file| {
            let metadata = fs::metadata(self.path(file));
            metadata.is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
        })
    }

    /// A program as this process starts it: below the host's root, where the host has it there.
    pub(super) fn program_file(&self, program: &str) -> PathBuf {
        let below = self.path(program);
        if program.starts_with('/') && below.exists() { below } else { PathBuf::from(program) }
    }
}

/// A temporary file that goes away with the value.
struct Scratch(PathBuf);

impl Scratch {
    fn new(content: &[u8], mode: u32) -> io::Result<Self> {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!(".luthier-check-{}-{number}", std::process::id()));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let scratch = Self(path);
        file.write_all(content)?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        Ok(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A file left behind in the temporary folder does no harm, and there is nobody to tell.
        let _ = fs::remove_file(&self.0);
    }
}

fn reader<R: Read + Send + 'static>(stream: Option<R>) -> Option<thread::JoinHandle<Vec<u8>>> {
    stream.map(|mut stream| {
        thread::spawn(move || {
            let mut kept = Vec::new();
            let _ = stream.by_ref().take(MOST_OUTPUT).read_to_end(&mut kept);
            let _ = io::copy(&mut stream, &mut io::sink());
            kept
        })
    })
}

fn text(reader: Option<thread::JoinHandle<Vec<u8>>>) -> String {
    let bytes = reader.and_then(|thread| thread.join().ok()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn wait(child: &mut Child, program: &str) -> io::Result<i32> {
    use std::os::unix::process::ExitStatusExt;
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1));
        }
        if start.elapsed() > DEADLINE {
            if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
                let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            }
            child.wait()?;
            return Err(io::Error::other(format!("{program} did not end within {} seconds", DEADLINE.as_secs())));
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_checker_sees_the_content_and_nothing_is_left() {
        let host = Host::live();
        let mut seen = String::new();
        let answer = host
            .query_on(b"good\n", 0o640, |path| {
                path.clone_into(&mut seen);
                ["sh", "-c", "cat \"$1\"; stat -c %a \"$1\" >&2; exit 3", "-", path].map(str::to_owned).to_vec()
            })
            .unwrap();
        assert_eq!((answer.rc, answer.stdout.as_str(), answer.stderr.as_str()), (3, "good\n", "640\n"));
        assert!(!std::path::Path::new(&seen).exists());
        assert!(host.query(&["/no/such/program".to_owned()]).is_err());
    }
}
