//! What outlives a session: processes of their own, and the files they leave their results in.

use rustix::fs::StatVfsMountFlags;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Stack of the thread that waits for a job's end.
const STACK: usize = 64 * 1024;

/// The file in which a job keeps its result.
#[derive(Debug, Clone)]
pub struct JobFile {
    path: PathBuf,
}

impl JobFile {
    /// Of the job with this name; the name must be no path.
    pub fn new(state: &Path, id: &str) -> io::Result<Self> {
        let harmless = |letter: char| letter.is_ascii_alphanumeric() || letter == '.' || letter == '-';
        if id.is_empty() || id.len() > 64 || id.starts_with('.') || !id.chars().all(harmless) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("`{id}` names no job")));
        }
        Ok(Self { path: state.join("jobs").join(id) })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replace its content, atomically; its folder is made where it is missing.
    pub fn write(&self, bytes: &[u8]) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let temporary = self.path.with_file_name(format!(".{}", super::sys::random_word()?));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        let written = file.write_all(bytes).and_then(|()| fs::rename(&temporary, &self.path));
        if written.is_err() {
            // What could not be written in full is of no use.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// Its content; `None` where there is no such job.
    pub fn read(&self) -> io::Result<Option<Vec<u8>>> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Remove it.
    pub fn erase(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

/// Start this very program again with these arguments and this standard input, and wait for the first line it prints.
/// It lives on when this process ends.
pub fn detach(arguments: &[String], input: &[u8]) -> io::Result<String> {
    let mut child = Command::new("/proc/self/exe")
        .args(arguments)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let given = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(input));
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout.take(4096)).read_line(&mut line)?;
    }
    given?;
    std::thread::Builder::new().stack_size(STACK).spawn(move || {
        // Nobody asks for its status: its result is in its file.
        let _ = child.wait();
    })?;
    Ok(line.trim().to_owned())
}

/// Leave the session of whoever started this process, so that its end is not ours.
pub fn leave_session() -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}

/// When a process started, in clock ticks since boot; `None` where it does not run.
pub fn started(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in brackets and may hold anything; the state is the first word behind it.
    let mut words = text.get(text.rfind(')')? + 1..)?.split_ascii_whitespace();
    let state = words.next()?;
    if matches!(state, "Z" | "X") { None } else { words.nth(18)?.parse().ok() }
}

/// A program in a private folder of its own; both are removed when this is dropped.
#[derive(Debug)]
pub struct Script {
    folder: PathBuf,
    path: PathBuf,
}

impl Script {
    /// Write it where programs may be run.
    pub fn write(host: &super::Host, bytes: &[u8]) -> io::Result<Self> {
        let home = host.account_of(super::sys::uid()).map(|account| account.home);
        let places = home.iter().map(String::as_str).chain(["/var/tmp", "/tmp", "/run"]);
        let mut last = io::Error::new(io::ErrorKind::NotFound, "no folder where programs may be run");
        for place in places.filter(|place| *place != "/" && runs_programs(&host.path(place))) {
            match Self::write_in(&host.path(place), bytes) {
                Ok(script) => return Ok(script),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn write_in(place: &Path, bytes: &[u8]) -> io::Result<Self> {
        let folder = place.join(format!(".luthier-script-{}", super::sys::random_word()?));
        DirBuilder::new().mode(0o700).create(&folder)?;
        let script = Self { path: folder.join("script"), folder };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o700).open(&script.path)?;
        file.write_all(bytes)?;
        Ok(script)
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // The script may have removed itself; a folder that stays is empty and private.
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_dir(&self.folder);
    }
}

fn runs_programs(place: &Path) -> bool {
    rustix::fs::statvfs(place).is_ok_and(|found| !found.f_flag.contains(StatVfsMountFlags::NOEXEC))
}

impl super::Host {
    /// A piece of a file: fewer bytes than asked for only at its end.
    pub fn read_piece(&self, path: &str, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.path(path))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.take(length).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::host::{Host, sys};

    #[test]
    fn a_job_is_named_by_no_path() {
        let folder = tempfile::tempdir().unwrap();
        for id in ["", ".", "../x", "a/b", ".hidden", "a\nb"] {
            assert!(JobFile::new(folder.path(), id).is_err(), "{id:?}");
        }
        let file = JobFile::new(folder.path(), "j12.34").unwrap();
        assert!(file.read().unwrap().is_none());
        file.write(b"one").unwrap();
        file.write(b"two").unwrap();
        assert_eq!(file.read().unwrap().unwrap(), b"two");
        file.erase().unwrap();
        assert!(file.read().unwrap().is_none());
        assert_eq!(fs::read_dir(folder.path().join("jobs")).unwrap().count(), 0);
    }

    #[test]
    fn a_running_process_has_a_start() {
        let first = started(sys::pid()).unwrap();
        assert_eq!(started(sys::pid()), Some(first));
        assert_eq!(started(0), None);
    }

    #[test]
    fn a_script_is_gone_when_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let script = Script::write_in(folder.path(), b"#!/bin/sh\n").unwrap();
        assert_eq!(fs::read(script.path()).unwrap(), b"#!/bin/sh\n");
        drop(script);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn pieces_make_up_the_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), b"0123456789").unwrap();
        let host = Host::under(folder.path());
        assert_eq!(host.read_piece("/file", 0, 4).unwrap(), b"0123");
        assert_eq!(host.read_piece("/file", 8, 4).unwrap(), b"89");
        assert_eq!(host.read_piece("/file", 20, 4).unwrap(), b"");
    }
}
