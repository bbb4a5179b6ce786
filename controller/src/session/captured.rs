//! A captured machine: the agent runs here as a child on the capture's folder, so that it is read by the very same code.

use super::{Agents, SessionError};
use luthier_protocol::Map;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Reads captured machines: the agent, written to a file once. A program that is still open for writing in some child cannot be
/// started, so it is written before the first one is.
pub struct CaptureReader {
    program: Program,
}

impl CaptureReader {
    /// Takes the agent of this machine's architecture.
    pub fn new(agents: &Agents) -> Result<Self, SessionError> {
        let arch = std::env::consts::ARCH;
        let agent = agents.get(arch).ok_or_else(|| {
            let known = agents.known();
            SessionError::NotStarted(format!("there is no agent for this machine ({arch}); known are {known}"))
        })?;
        Ok(Self { program: Program::new(agent.raw()?)? })
    }

    /// The facts of the machine captured in a folder or a `.tar.zst`. `only` names top-level keys; empty means all.
    pub fn facts(&self, root: &Path, only: &[String]) -> Result<Map, SessionError> {
        if root.is_dir() {
            return self.facts_in(root, root, only);
        }
        let unpacked = Unpacked(std::env::temp_dir().join(format!("luthier-capture-{}", super::bootstrap::nonce())));
        super::replay::unpack(root, &unpacked.0)
            .map_err(|error| SessionError::Input(format!("cannot unpack {}: {error}", root.display())))?;
        self.facts_in(&unpacked.0, root, only)
    }

    /// The facts of the machine in a folder, which came as `given`.
    fn facts_in(&self, root: &Path, given: &Path, only: &[String]) -> Result<Map, SessionError> {
        let wrong = |problem: String| SessionError::Input(format!("cannot read {}: {problem}", given.display()));
        if let Some((link, end)) = super::replay::link_outside(root).map_err(|error| wrong(error.to_string()))? {
            let link = super::escaped(&link.display().to_string());
            let end = super::escaped(&end.display().to_string());
            return Err(wrong(format!("the link {link} leads out of it, to {end}")));
        }
        facts_in(&self.program, root, only)
    }
}

/// A folder of ours, gone when dropped.
struct Unpacked(PathBuf);

impl Drop for Unpacked {
    fn drop(&mut self) {
        // Nobody is left to tell; the folder is for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn facts_in(program: &Program, root: &Path, only: &[String]) -> Result<Map, SessionError> {
    let mut command = Command::new(&program.path);
    command.arg("facts").arg("--root").arg(root).stdin(Stdio::null());
    if !only.is_empty() {
        command.args(["--only", &only.join(",")]);
    }
    let wrong = |problem: String| SessionError::NotStarted(format!("{}: {problem}", program.path.display()));
    let answer = command.output().map_err(|error| wrong(error.to_string()))?;
    if !answer.status.success() {
        return Err(SessionError::Input(super::escaped(String::from_utf8_lossy(&answer.stderr).trim())));
    }
    serde_json::from_slice(&answer.stdout).map_err(|error| wrong(format!("its answer is no JSON object: {error}")))
}

/// The agent as a file of ours, gone when dropped.
struct Program {
    path: PathBuf,
}

impl Program {
    fn new(bytes: &[u8]) -> Result<Self, SessionError> {
        let path =
            std::env::temp_dir().join(format!("luthier-agent-{}-{}", std::process::id(), super::bootstrap::nonce()));
        let written = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o700)
            .open(&path)
            .and_then(|mut file| file.write_all(bytes));
        let program = Self { path };
        written.map_err(|error| SessionError::AgentFile { path: program.path.clone(), reason: error.to_string() })?;
        Ok(program)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Nobody is left to tell; the folder is for temporary files.
        let _ = std::fs::remove_file(&self.path);
    }
}
