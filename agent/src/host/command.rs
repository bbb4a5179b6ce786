//! Running a command: its own process group, a deadline, bounded output, and nothing left behind when it is stopped.

use super::stop::{Stop, StopReason};
use super::{Host, sys};
use luthier_protocol::message::{CHUNK, Stream};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, test_kill_process_group};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Between the polite and the final signal.
const GRACE: Duration = Duration::from_secs(2);

/// How long a killed process may take to vanish (it hangs in the kernel otherwise).
const VANISH: Duration = Duration::from_secs(10);

/// How often an exit is looked for where the kernel cannot announce it (before Linux 5.3).
const TICK: Duration = Duration::from_millis(10);

/// A command to run.
#[derive(Debug)]
pub struct Command<'a> {
    /// Program and arguments.
    pub argv: &'a [String],
    /// Working directory.
    pub chdir: Option<&'a str>,
    /// Bytes for its standard input; without them it reads from `/dev/null`.
    pub stdin: Option<&'a [u8]>,
    /// Variables added to the environment.
    pub environment: &'a BTreeMap<String, String>,
    /// When it is killed.
    pub deadline: Option<Instant>,
    /// Most bytes it may print on each of its streams.
    pub limit: usize,
}

/// How a command came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself.
    Exited,
    /// Killed because of a stop request.
    Stopped(StopReason),
    /// Killed at its deadline.
    TimedOut,
    /// Killed because it printed more than its limit.
    Flooded,
}

/// What a command did.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub ending: Ending,
    /// Exit status; 128 + n for signal n.
    pub rc: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// Start, seconds and nanoseconds since 1970-01-01 UTC.
    pub start: (i64, u32),
    /// End, likewise.
    pub end: (i64, u32),
}

impl Host {
    /// Run a command and wait for its end. `output` is given each piece of output as it comes.
    ///
    /// Once the program has exited, what it printed is complete: a process it left in the background is not waited for,
    /// even if it keeps the streams open.
    pub fn run(
        &self,
        command: &Command<'_>,
        stop: &Stop,
        output: &mut dyn FnMut(Stream, &[u8]),
    ) -> io::Result<Finished> {
        let (program, arguments) =
            command.argv.split_first().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "empty command"))?;
        let mut builder = std::process::Command::new(self.program_file(program));
        builder.args(arguments).envs(command.environment).process_group(0);
        if let Some(chdir) = command.chdir {
            builder.current_dir(self.path(chdir));
        }
        builder.stdin(if command.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        builder.stdout(Stdio::piped()).stderr(Stdio::piped());
        let start = sys::now();
        let mut running = Running::start(builder.spawn()?, command, stop)?;
        let (ending, status) = running.drive(output)?;
        Ok(Finished {
            ending,
            rc: status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
            stdout: std::mem::take(&mut running.stdout.kept),
            stderr: std::mem::take(&mut running.stderr.kept),
            start,
            end: sys::now(),
        })
    }
}

/// One output stream of a running command.
struct Pipe {
    stream: Stream,
    fd: Option<OwnedFd>,
    kept: Vec<u8>,
    limit: usize,
}

impl Pipe {
    fn new(stream: Stream, fd: Option<OwnedFd>, limit: usize) -> io::Result<Self> {
        if let Some(fd) = &fd {
            fcntl_setfl(fd, fcntl_getfl(fd)? | OFlags::NONBLOCK)?;
        }
        Ok(Self { stream, fd, kept: Vec::new(), limit })
    }

    /// Read what is there now. False when more came than may be kept.
    fn drain(&mut self, buffer: &mut [u8], output: &mut dyn FnMut(Stream, &[u8])) -> bool {
        while let Some(fd) = &self.fd {
            match rustix::io::read(fd, &mut *buffer) {
                Ok(0) => self.fd = None,
                Ok(length) => {
                    let piece = buffer.get(..length).unwrap_or_default();
                    if self.kept.len() + piece.len() > self.limit {
                        self.fd = None;
                        return false;
                    }
                    self.kept.extend_from_slice(piece);
                    output(self.stream, piece);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return true,
                Err(_) => self.fd = None,
            }
        }
        true
    }
}

struct Running<'a> {
    child: Child,
    group: Option<Pid>,
    exit: Option<OwnedFd>,
    stdin: Option<ChildStdin>,
    unsent: &'a [u8],
    stdout: Pipe,
    stderr: Pipe,
    stop: &'a Stop,
    deadline: Option<Instant>,
}

impl<'a> Running<'a> {
    fn start(mut child: Child, command: &Command<'a>, stop: &'a Stop) -> io::Result<Self> {
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let stdin = child.stdin.take();
        if let Some(stdin) = &stdin {
            fcntl_setfl(stdin, fcntl_getfl(stdin)? | OFlags::NONBLOCK)?;
        }
        let stdout = Pipe::new(Stream::Stdout, child.stdout.take().map(OwnedFd::from), command.limit)?;
        let stderr = Pipe::new(Stream::Stderr, child.stderr.take().map(OwnedFd::from), command.limit)?;
        Ok(Self {
            exit: group.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()),
            child,
            group,
            stdin,
            unsent: command.stdin.unwrap_or_default(),
            stdout,
            stderr,
            stop,
            deadline: command.deadline,
        })
    }

    fn drive(&mut self, output: &mut dyn FnMut(Stream, &[u8])) -> io::Result<(Ending, ExitStatus)> {
        let mut buffer = vec![0_u8; CHUNK];
        let mut ending = Ending::Exited;
        // When the next, harsher step against the group is due.
        let mut harsher: Option<Instant> = None;
        let mut killed = false;
        loop {
            // First whether it has exited, then what it printed: in this order nothing of its own is missed.
            let status = self.child.try_wait()?;
            let fits = self.stdout.drain(&mut buffer, output) & self.stderr.drain(&mut buffer, output);
            self.feed();
            if let Some(status) = status
                && (ending == Ending::Exited || killed || !self.group_lives())
            {
                return Ok((if fits { ending } else { Ending::Flooded }, status));
            }
            let now = Instant::now();
            if ending == Ending::Exited {
                ending = self.judge(fits, now);
                if ending != Ending::Exited {
                    self.signal(Signal::TERM);
                    harsher = Some(now + GRACE);
                }
            } else if harsher.is_some_and(|at| now >= at) {
                if killed {
                    return Err(io::Error::other("it was killed but does not end: it hangs in the kernel"));
                }
                self.signal(Signal::KILL);
                killed = true;
                harsher = Some(now + VANISH);
            }
            self.wait(ending, harsher)?;
        }
    }

    /// Whether something speaks for ending it now.
    fn judge(&self, fits: bool, now: Instant) -> Ending {
        if !fits {
            return Ending::Flooded;
        }
        if let Some(reason) = self.stop.raised() {
            return Ending::Stopped(reason);
        }
        if self.deadline.is_some_and(|at| now >= at) { Ending::TimedOut } else { Ending::Exited }
    }

    /// Give it more of its standard input; a program that does not read it is no error.
    fn feed(&mut self) {
        while let Some(stdin) = &mut self.stdin {
            if self.unsent.is_empty() {
                self.stdin = None;
                return;
            }
            match stdin.write(self.unsent) {
                Ok(length) => self.unsent = self.unsent.get(length..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.stdin = None,
            }
        }
    }

    fn wait(&self, ending: Ending, harsher: Option<Instant>) -> io::Result<()> {
        let mut fds = Vec::with_capacity(5);
        for pipe in [&self.stdout, &self.stderr] {
            if let Some(fd) = &pipe.fd {
                fds.push(PollFd::new(fd, PollFlags::IN));
            }
        }
        if let Some(stdin) = &self.stdin {
            fds.push(PollFd::new(stdin, PollFlags::OUT));
        }
        let mut until = self.deadline;
        if ending == Ending::Exited {
            fds.push(PollFd::new(self.stop.event(), PollFlags::IN));
            if let Some(exit) = &self.exit {
                fds.push(PollFd::new(exit, PollFlags::IN));
            }
        } else {
            until = harsher;
        }
        // While it is being ended, and on old kernels, only looking again tells that the group is gone.
        if ending != Ending::Exited || self.exit.is_none() {
            let tick = Instant::now() + TICK;
            until = Some(until.map_or(tick, |at| at.min(tick)));
        }
        let timeout = until.map(|at| timespec(at.saturating_duration_since(Instant::now())));
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // The group may be gone already.
            let _ = kill_process_group(group, signal);
        }
    }

    fn group_lives(&self) -> bool {
        self.group.is_some_and(|group| test_kill_process_group(group).is_ok())
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec { tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX), tv_nsec: duration.subsec_nanos().into() }
}

/// A long-lived child process with pipes on all three streams.
#[derive(Debug)]
pub struct Piped {
    child: Child,
}

impl Piped {
    /// Start it.
    pub fn start(argv: &[String], environment: &[(&str, &str)]) -> io::Result<Self> {
        let (program, arguments) =
            argv.split_first().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "empty command"))?;
        let child = std::process::Command::new(program)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        Ok(Self { child })
    }

    /// Its standard input, once.
    pub fn stdin(&mut self) -> Option<impl Write + Send + 'static> {
        self.child.stdin.take()
    }

    /// Its standard output, once.
    pub fn stdout(&mut self) -> Option<impl Read + Send + 'static> {
        self.child.stdout.take()
    }

    /// Its standard error, once.
    pub fn stderr(&mut self) -> Option<impl Read + Send + 'static> {
        self.child.stderr.take()
    }

    /// Wait for its end, killing it when it takes longer than `patience`. The exit code, where it gave one.
    pub fn end(&mut self, patience: Duration) -> Option<i32> {
        let limit = Instant::now() + patience;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return status.code(),
                Ok(None) if Instant::now() < limit => std::thread::sleep(TICK),
                _ => {
                    // A program that changed its user cannot be signalled; it ends because its streams are closed.
                    let _ = self.child.kill();
                    return self.child.try_wait().ok().flatten().and_then(|status| status.code());
                }
            }
        }
    }
}
