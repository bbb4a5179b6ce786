//! The folder of journals: naming, finding, listing, and dropping the oldest.

use super::error::JournalError;
use super::file::JournalFile;
use crate::host::{crc32, log};
use luthier_protocol::journal::Transaction;
use luthier_protocol::name::{HostName, RunId};
use std::path::{Path, PathBuf};

/// Transactions kept for one inventory host.
const KEEP: usize = 20;

/// Bytes kept for one inventory host.
const KEEP_BYTES: u64 = 256 * 1024 * 1024;

const SUFFIX: &str = ".journal";

/// Path of a new transaction's file. The name sorts by time and names the host by a check sum, so that another host's
/// files (several inventory names may mean this machine) need not be opened.
pub(super) fn path(folder: &Path, host: &HostName, now: (i64, u32), pid: u32) -> PathBuf {
    folder.join(format!("{:012}{:09}-{}-{pid}{SUFFIX}", now.0, now.1, mark(host)))
}

fn mark(host: &HostName) -> String {
    format!("{:08x}", crc32(host.as_str().as_bytes()))
}

/// Transactions of a run on a host, newest first; and what is wrong with journals that cannot be read: whose they are,
/// nobody can tell.
pub fn find(
    folder: &Path,
    run: Option<&RunId>,
    host: Option<&HostName>,
) -> Result<(Vec<JournalFile>, Vec<String>), JournalError> {
    let (mut files, mut unread) = (Vec::new(), Vec::new());
    for (name, _) in names(folder, host)?.into_iter().rev() {
        let file = match JournalFile::open(&folder.join(name)) {
            Ok(file) => file,
            // Cut off before its first change, or pruned this moment: nothing was done under it.
            Err(JournalError::Torn) => continue,
            Err(JournalError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                unread.push(error.to_string());
                continue;
            }
        };
        let opened = file.opened();
        if run.is_none_or(|run| opened.run == *run) && host.is_none_or(|host| opened.host == *host) {
            files.push(file);
        }
    }
    Ok((files, unread))
}

/// Transactions as the controller sees them, oldest first; and what is wrong with journals that cannot be read.
pub fn list(
    folder: &Path,
    run: Option<&RunId>,
    host: Option<&HostName>,
) -> Result<(Vec<Transaction>, Vec<String>), JournalError> {
    let (files, unread) = find(folder, run, host)?;
    let transactions = files.into_iter().rev().map(|file| file.transaction()).collect();
    Ok((transactions, unread))
}

/// Drop transactions of a host beyond what is kept: first those that have nothing left to take back, then the oldest.
/// One that is being written stays, and one that cannot be read: it may be a later version's.
pub(super) fn prune(folder: &Path, host: &HostName) -> Result<(), JournalError> {
    let mut names = names(folder, Some(host))?;
    let mut count = names.len();
    let mut bytes: u64 = names.iter().map(|(_, length)| length).sum();
    // The newest one always stays, however large.
    names.pop();
    for is_last_resort in [false, true] {
        for (name, length) in &names {
            if count <= KEEP && bytes <= KEEP_BYTES {
                return Ok(());
            }
            let path = folder.join(name);
            let is_free = match JournalFile::open(&path) {
                Ok(mut file) => (is_last_resort || file.is_settled()) && file.lock().unwrap_or(false),
                Err(JournalError::Torn) => true,
                Err(_) => {
                    if !is_last_resort {
                        // What is not ours to drop takes nobody's place.
                        count = count.saturating_sub(1);
                        bytes = bytes.saturating_sub(*length);
                    }
                    false
                }
            };
            if is_free {
                log::remove(&path)
                    .map_err(|source| JournalError::Write { path: path.display().to_string(), source })?;
                count = count.saturating_sub(1);
                bytes = bytes.saturating_sub(*length);
            }
        }
    }
    Ok(())
}

/// Names and lengths of the files of one host, or of all, oldest first.
fn names(folder: &Path, host: Option<&HostName>) -> Result<Vec<(String, u64)>, JournalError> {
    let wanted = host.map(|host| format!("-{}-", mark(host)));
    let files =
        log::files_in(folder).map_err(|source| JournalError::Read { path: folder.display().to_string(), source })?;
    Ok(files
        .into_iter()
        .filter(|(name, _)| name.ends_with(SUFFIX) && wanted.as_ref().is_none_or(|wanted| name.contains(wanted)))
        .collect())
}
