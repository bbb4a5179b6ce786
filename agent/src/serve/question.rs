//! Questions of the controller that are no tasks: they change nothing on the machine.

use super::job;
use crate::capture::capture;
use crate::host::hashes::Algorithm;
use crate::host::{Host, Kind};
use crate::journal::Ledger;
use luthier_protocol::message::{PIECE, Question, Told};
use std::path::Path;

/// The answer, or why there is none, for people.
pub fn tell(host: &Host, state: &Path, ledger: &mut Ledger, question: &Question) -> Result<Told, String> {
    match question {
        Question::Job { id, erase } => {
            let (file, result) = job::status(state, id, *erase).map_err(|error| format!("job {id}: {error}"))?;
            Ok(Told::Job { file, result })
        }
        Question::File { path } => file(host, path),
        Question::Piece { path, offset, length } => host
            .read_piece(path, *offset, (*length).min(PIECE))
            .map(Told::Piece)
            .map_err(|error| format!("cannot read {path}: {error}")),
        Question::Capture { keep_identity } => Ok(Told::Capture(capture(host, *keep_identity))),
        Question::Settle => ledger.close().map(|()| Told::Settled).map_err(|error| error.to_string()),
    }
}

fn file(host: &Host, path: &str) -> Result<Told, String> {
    let path = host.absolute(path);
    let wrong = |error: std::io::Error| format!("cannot read {path}: {error}");
    let Some(stat) = host.stat(&path).map_err(wrong)? else {
        return Ok(Told::File { path, size: None, is_directory: false, sha1: None });
    };
    match stat.kind {
        Kind::File => {
            let sha1 = host.digest(&path, Algorithm::Sha1).map_err(wrong)?;
            Ok(Told::File { path, size: Some(stat.size), is_directory: false, sha1: Some(sha1) })
        }
        Kind::Directory => Ok(Told::File { path, size: Some(stat.size), is_directory: true, sha1: None }),
        _ => Err(format!("{path} is a device, pipe or socket, no file")),
    }
}
