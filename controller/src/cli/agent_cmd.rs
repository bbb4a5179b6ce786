//! `luthier agent`: the embedded agent as a file, to inspect it, sign it, or place it on hosts beforehand.

use super::{CliError, ExitCode, Globals};
use crate::session::agents;
use clap::Args;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Options of `agent`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  luthier agent -d luthier-agent                the agent for this machine's architecture
  luthier agent --arch aarch64 --agent-dir /opt/agents -d luthier-agent")]
pub struct AgentArgs {
    /// Architecture as `uname -m` says it [default: this program's]
    #[arg(long, value_name = "ARCH")]
    arch: Option<String>,
    /// File to write; an existing one is replaced
    #[arg(short, long = "destination", value_name = "FILE")]
    destination: PathBuf,
}

pub(super) fn agent(args: AgentArgs, globals: &Globals) -> Result<ExitCode, CliError> {
    let arch = args.arch.as_deref().unwrap_or(std::env::consts::ARCH);
    let agents =
        agents(globals.options.agent_dir.as_deref()).map_err(|error| CliError::failed(ExitCode::BadInput, error))?;
    let Some(agent) = agents.get(arch) else {
        return Err(CliError::usage(format!("there is no agent for {arch}"))
            .hint(format!("there are agents for: {}; --agent-dir adds a folder of them", agents.known())));
    };
    let bytes = agent.raw().map_err(|error| CliError::failed(ExitCode::Internal, error))?;
    write_program(&args.destination, bytes).map_err(|error| {
        CliError::message(ExitCode::Internal, format!("failed to write {}: {error}", args.destination.display()))
    })?;
    globals.screen.talk(&format!("{} bytes for {arch}, SHA-256 {}\n", bytes.len(), agent.sha256));
    Ok(ExitCode::Fine)
}

/// Write a program so that the file is either the old one or the whole new one.
fn write_program(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o755)
        .open(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_is_written_is_whole_and_can_be_run() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent");
        std::fs::write(&path, "old").unwrap();
        write_program(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o700, 0o700);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(write_program(&dir.path().join("none/agent"), b"x").is_err());
    }
}
