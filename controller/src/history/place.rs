//! Where the history is kept.

use super::HistoryError;
use crate::config::account;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// `$XDG_STATE_HOME/luthier`, or `~/.local/state/luthier`.
pub fn default_folder() -> Result<PathBuf, HistoryError> {
    folder(std::env::var_os("XDG_STATE_HOME"), account::home().map(OsString::from)).ok_or(HistoryError::NoPlace)
}

/// The XDG rules: a relative or empty path does not count.
fn folder(state: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let absolute = |value: OsString| Some(PathBuf::from(value)).filter(|path| path.is_absolute());
    state
        .and_then(absolute)
        .or_else(|| home.and_then(absolute).map(|home| home.join(".local/state")))
        .map(|base| base.join("luthier"))
}

/// Make a folder that only its owner may look into: results can hold what hosts know.
pub(super) fn make_private(path: &Path) -> Result<(), HistoryError> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(HistoryError::file("create", path))
}

/// Create a new file that only its owner may read.
pub(super) fn create_private(path: &Path) -> Result<std::fs::File, HistoryError> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(HistoryError::file("create", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absolute_paths_count() {
        assert_eq!(folder(Some("/s".into()), Some("/h".into())), Some("/s/luthier".into()));
        assert_eq!(folder(Some("rel".into()), Some("/h".into())), Some("/h/.local/state/luthier".into()));
        assert_eq!(folder(Some("".into()), None), None);
    }
}
