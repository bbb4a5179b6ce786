//! `connection: local`: the same start as over SSH, as a child process of the controller, in the controller's folder.

use super::SessionError;
use super::line::{Line, LineReader, LineWriter};
use std::process::Stdio;
use tokio::process::Command;

/// Run the bootstrap script.
pub(super) fn start(script: &str) -> Result<Line, SessionError> {
    let wrong = |problem: String| SessionError::NotStarted(format!("/bin/sh: {problem}"));
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own: an interrupt typed at the controller must not kill the agent in the middle of a change.
        .process_group(0)
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| wrong(error.to_string()))?;
    let (Some(input), Some(out), Some(err)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
        return Err(wrong("its pipes are missing".to_owned()));
    };
    Ok(Line {
        reader: LineReader::Pipes {
            out: Some(Box::new(out)),
            err: Some(Box::new(err)),
            child: Some(Box::new(child)),
            is_ssh: false,
        },
        writer: LineWriter::Pipe(Box::new(input)),
        keeper: None,
        turn: None,
    })
}
