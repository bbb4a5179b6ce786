//! `ProxyCommand`: a program whose standard streams carry the connection. It is ended with the connection, or when its
//! time is up, together with whatever it started.

use super::carrier::Stream;
use super::escaped;
use rustix::process::{Pid, Signal, kill_process_group};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, join};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::watch;

/// How much of the end of standard error is kept.
const ERR_TAIL: usize = 1024;

/// How long a program may take to end when its streams are closed, and again when it is asked to.
const END_WAIT: Duration = Duration::from_millis(500);

/// What `%` letters of a command line stand for.
pub(super) struct Tokens<'a> {
    /// `%n`: the name given.
    pub(super) given: &'a str,
    /// `%h`: what is dialled.
    pub(super) address: &'a str,
    /// `%p`: its port.
    pub(super) port: u16,
    /// `%r`: the user.
    pub(super) user: &'a str,
}

impl Tokens<'_> {
    /// Replace the letters.
    pub(super) fn fill(&self, text: &str) -> Result<String, String> {
        let mut out = String::with_capacity(text.len());
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            if letter != '%' {
                out.push(letter);
                continue;
            }
            match letters.next() {
                Some('h') => out.push_str(self.address),
                Some('n') => out.push_str(self.given),
                Some('p') => out.push_str(&self.port.to_string()),
                Some('r') => out.push_str(self.user),
                Some('%') => out.push('%'),
                Some(other) => {
                    return Err(format!("`%{other}` in `{text}` stands for nothing (known: %h %n %p %r %%)"));
                }
                None => return Err(format!("`{text}` ends in a lone %")),
            }
        }
        Ok(out)
    }
}

/// A running program.
pub(super) struct Program {
    group: Option<Pid>,
    heard: Arc<Heard>,
    ended: watch::Receiver<Option<String>>,
}

/// What it said on standard error.
#[derive(Default)]
struct Heard {
    tail: Mutex<Vec<u8>>,
}

impl Program {
    /// Start it as OpenSSH does: by the operator's shell, which it replaces.
    pub(super) fn start(command: &str) -> Result<(Self, Box<dyn Stream>), String> {
        let shell = std::env::var_os("SHELL").filter(|path| !path.is_empty()).unwrap_or_else(|| "/bin/sh".into());
        let line = command.trim();
        let replaced = line.strip_prefix("exec").is_some_and(|rest| rest.starts_with(char::is_whitespace));
        let line = if replaced { line.to_owned() } else { format!("exec {line}") };
        let mut start = Command::new(&shell);
        start.arg("-c").arg(line).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own: it is ended whole, and not by an interrupt that is typed while hosts are at work.
        start.process_group(0).kill_on_drop(true);
        // Nobody is there to answer it on the terminal: `ssh` and its kin are to fail instead of to wait.
        if std::env::var_os("SSH_ASKPASS").is_none() {
            start.env("SSH_ASKPASS", "false").env("SSH_ASKPASS_REQUIRE", "force");
        }
        let mut child = start.spawn().map_err(|error| format!("cannot be started by {}: {error}", shell.display()))?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(errors)) = streams else {
            return Err("has no pipes".to_owned());
        };
        let heard = Arc::new(Heard::default());
        let (tell, ended) = watch::channel(None);
        tokio::spawn(watch_over(child, errors, Arc::clone(&heard), tell));
        let program = Self { group, heard, ended };
        Ok((program, Box::new(join(output, input))))
    }

    /// What became of it, in words, once it had a moment to say so.
    pub(super) async fn fate(&self) -> String {
        let mut ended = self.ended.clone();
        let waited = tokio::time::timeout(END_WAIT, ended.wait_for(Option::is_some)).await;
        let how = match waited {
            Ok(Ok(status)) => format!("ended ({})", status.as_deref().unwrap_or("unknown status")),
            Ok(Err(_)) | Err(_) => "closed its output".to_owned(),
        };
        format!("{how}{}", self.words())
    }

    /// What it said on standard error, behind a colon; nothing if it said nothing.
    pub(super) fn words(&self) -> String {
        let tail = self.heard.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let said = escaped(&String::from_utf8_lossy(&tail));
        if said.is_empty() { said } else { format!(": {said}") }
    }

    /// Whether a shell could not run it at all, so that another attempt is in vain.
    pub(super) fn is_missing(&self) -> bool {
        self.ended.borrow().as_deref().is_some_and(|status| status.ends_with(" 126") || status.ends_with(" 127"))
    }

    /// Wait for its end once its streams are closed; help it along if it takes long.
    pub(super) async fn end(&self) {
        let mut ended = self.ended.clone();
        for signal in [Signal::TERM, Signal::KILL] {
            if tokio::time::timeout(END_WAIT, ended.wait_for(Option::is_some)).await.is_ok() {
                return;
            }
            self.signal(signal);
        }
        let _ = tokio::time::timeout(END_WAIT, ended.wait_for(Option::is_some)).await;
    }

    fn signal(&self, signal: Signal) {
        // Not once it has ended: the number may be another's by then.
        if let Some(group) = self.group.filter(|_| self.ended.borrow().is_none()) {
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Waits for the end of the program and gathers its words.
async fn watch_over(mut child: Child, errors: ChildStderr, heard: Arc<Heard>, tell: watch::Sender<Option<String>>) {
    let listening = tokio::spawn(listen(errors, heard));
    let status = child.wait().await;
    // Its last words may still lie in the pipe; something it left behind may hold that open.
    let _ = tokio::time::timeout(Duration::from_millis(200), listening).await;
    let _ = tell.send(Some(status.map_or_else(|error| error.to_string(), |status| status.to_string())));
}

async fn listen(mut errors: ChildStderr, heard: Arc<Heard>) {
    let mut buffer = [0; 512];
    while let Ok(count) = errors.read(&mut buffer).await {
        if count == 0 {
            return;
        }
        let mut tail = heard.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend_from_slice(buffer.get(..count).unwrap_or_default());
        let surplus = tail.len().saturating_sub(ERR_TAIL);
        tail.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use tokio::io::AsyncWriteExt;

    const TOKENS: Tokens<'static> = Tokens { given: "web1", address: "10.0.0.1", port: 2222, user: "ops" };

    #[test]
    fn letters_stand_for_the_host() {
        assert_eq!(TOKENS.fill("ssh -W [%h]:%p %r@%n 100%%").unwrap(), "ssh -W [10.0.0.1]:2222 ops@web1 100%");
        assert!(TOKENS.fill("nc %x").unwrap_err().contains("`%x`"));
        assert!(TOKENS.fill("nc %").is_err());
    }

    #[tokio::test]
    async fn a_program_carries_bytes_and_is_ended_with_what_it_started() {
        let (program, mut stream) = Program::start("sh -c 'sleep 1000 & echo $!; cat'").unwrap();
        let mut child = String::new();
        while !child.ends_with('\n') {
            child.push(char::from(stream.read_u8().await.unwrap()));
        }
        stream.write_all(b"ping").await.unwrap();
        let mut back = [0; 4];
        stream.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"ping");
        let path = std::path::PathBuf::from("/proc").join(child.trim()).join("cmdline");
        assert!(path.exists());
        drop(stream);
        drop(program);
        // An orphan that nobody has reaped yet has no command line any more.
        while std::fs::read(&path).is_ok_and(|line| !line.is_empty()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn its_last_words_are_kept() {
        let (program, _stream) = Program::start("exec sh -c 'echo no such host >&2; exit 3'").unwrap();
        assert_eq!(program.fate().await, "ended (exit status: 3): no such host");
        assert!(!program.is_missing());
        let (program, _stream) = Program::start("/nonexistent/program").unwrap();
        assert!(program.fate().await.contains("/nonexistent/program"));
        assert!(program.is_missing());
    }
}
