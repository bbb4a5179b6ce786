//! Where the hosts of a run can be reached again, version 1 of that document: what a rollback needs when the inventory
//! has changed since. No passwords.

use super::HistoryError;
use luthier_protocol::name::{HostName, Seq};
use luthier_protocol::task::Identity;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::Path;

/// Version of the document.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    hosts: Vec<RunHost>,
}

/// A host of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunHost {
    /// Its name in the inventory.
    pub host: HostName,
    /// How it was reached: `ssh`, `local`.
    pub connection: String,
    /// Address or name that was connected to.
    pub address: String,
    /// Port, where the inventory or the command line said one.
    #[serde(default)]
    pub port: Option<u16>,
    /// Login user, where one was said.
    #[serde(default)]
    pub user: Option<String>,
    /// Key file, where one was said.
    #[serde(default)]
    pub private_key: Option<String>,
    /// Extra arguments for SSH, where some were said.
    #[serde(default)]
    pub ssh_args: Option<String>,
    /// Where the operator wants the agent kept, if anywhere.
    #[serde(default)]
    pub agent_path: Option<String>,
    /// Everybody whose journal holds changes, besides the login user.
    #[serde(default)]
    pub identities: Vec<Identity>,
    /// Its journals were given changes that may be undone.
    #[serde(default)]
    pub changed: bool,
    /// Number of the last task that was sent.
    pub last_seq: Seq,
}

/// Write the document so that a reader sees the old one or the new one.
pub(super) fn save(path: &Path, hosts: Vec<RunHost>) -> Result<(), HistoryError> {
    let text = serde_json::to_vec(&Document { version: VERSION, hosts })
        .map_err(|error| HistoryError::Document { path: path.to_owned(), reason: error.to_string() })?;
    let temporary = path.with_extension(format!("json.{}", std::process::id()));
    let _ = std::fs::remove_file(&temporary);
    let mut file = super::place::create_private(&temporary)?;
    file.write_all(&text)
        .and_then(|()| file.sync_data())
        .and_then(|()| std::fs::rename(&temporary, path))
        .map_err(HistoryError::file("write", path))
}

/// Read the document back. A run that never got as far as its hosts has none.
pub(super) fn load(path: &Path) -> Result<Vec<RunHost>, HistoryError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(HistoryError::file("read", path)(error)),
    };
    let wrong = |reason: String| HistoryError::Document { path: path.to_owned(), reason };
    let document: Document = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
    if document.version != VERSION {
        return Err(wrong(format!("version {} is not known", document.version)));
    }
    Ok(document.hosts)
}
