//! What can go wrong with the history.

use std::fmt;
use std::path::PathBuf;

/// Why the history cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// Neither `XDG_STATE_HOME` nor `HOME` nor the account says where.
    #[error("find a place for the history: neither XDG_STATE_HOME nor HOME is set, and the account has no home")]
    NoPlace,
    /// A file or folder.
    #[error("{verb} {}", path.display())]
    File {
        /// What was tried.
        verb: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The index.
    #[error("use the index {}", path.display())]
    Index {
        /// The database.
        path: PathBuf,
        /// Why not.
        #[source]
        source: rusqlite::Error,
    },
    /// The index was written by a later version.
    #[error("use the index {}: it has version {found}, this program knows versions up to {known}", path.display())]
    NewerIndex {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version known.
        known: i64,
    },
    /// A document of a run is not what it should be.
    #[error("read {}: {reason}", path.display())]
    Document {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// No such run.
    #[error("find a run called \"{0}\"")]
    UnknownRun(String),
    /// Nothing has been recorded.
    #[error("find a run: none has been recorded in {}", .0.display())]
    NoRuns(PathBuf),
    /// A prefix of several.
    #[error("choose a run: \"{prefix}\" is the beginning of {}", Newest(.matches))]
    Ambiguous {
        /// As asked for.
        prefix: String,
        /// The runs it fits, newest first.
        matches: Vec<String>,
    },
}

/// So many runs are named.
const NAMED: usize = 5;

struct Newest<'a>(&'a [String]);

impl fmt::Display for Newest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} runs", self.0.len())?;
        f.write_str(if self.0.len() > NAMED { "; the newest are" } else { ":" })?;
        self.0.iter().take(NAMED).try_for_each(|run| write!(f, "\n  {run}"))
    }
}

impl HistoryError {
    pub(super) fn file(verb: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { verb, path, source }
    }
}
