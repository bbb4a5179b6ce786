//! Why the journal cannot be written or read.

use std::io;

/// Why the journal cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk refuses.
    #[error("cannot write the journal {path}: {source}")]
    Write {
        /// File.
        path: String,
        /// As the system said it.
        #[source]
        source: io::Error,
    },
    /// The file cannot be read.
    #[error("cannot read the journal {path}: {source}")]
    Read {
        /// File.
        path: String,
        /// As the system said it.
        #[source]
        source: io::Error,
    },
    /// The file ends before it says whose transaction it is: nothing was changed under it.
    #[error("the journal breaks off before its first record")]
    Torn,
    /// A file of another program, or of another version of this one.
    #[error("cannot read the journal {path}: {reason}")]
    Format {
        /// File.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The original does not fit.
    #[error(
        "cannot journal {resource}: its original of {size} bytes is too large to keep (limit {limit}), so the change could not be undone"
    )]
    TooLarge {
        /// Path.
        resource: String,
        /// Length of the original.
        size: usize,
        /// Largest original.
        limit: usize,
    },
    /// A step that cannot follow the one before.
    #[error("journal: change {number} is {found}, it cannot become {wanted}")]
    Transition {
        /// The change's number.
        number: u64,
        /// State it is in.
        found: &'static str,
        /// State asked for.
        wanted: &'static str,
    },
    /// The session has no run, so nothing may change.
    #[error("this session belongs to no run: it may only read")]
    NoRun,
}
