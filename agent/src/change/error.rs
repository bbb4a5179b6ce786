//! Why a change could not be made.

use crate::host::Host;
use std::io;

/// Why a change could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The resource is not as the module read it.
    #[error("{path} was changed by somebody else meanwhile: expected {expected}, found {found}")]
    Moved {
        /// Path.
        path: String,
        /// As the module read it.
        expected: String,
        /// As it is.
        found: String,
    },
    /// The effect is not what was asked for.
    #[error("{path} did not take the change: wanted {expected}, found {found}")]
    NotTaken {
        /// Path.
        path: String,
        /// As wanted.
        expected: String,
        /// As it is.
        found: String,
    },
    /// The system refused.
    #[error("cannot {verb} {path}: {reason}")]
    Refused {
        /// What was tried.
        verb: &'static str,
        /// Path.
        path: String,
        /// Why, for people.
        reason: String,
        /// As the system said it.
        #[source]
        source: io::Error,
    },
    /// A combination no module should ask for.
    #[error("cannot change {path} from {before} to {after}")]
    Nonsense {
        /// Path.
        path: String,
        /// State before.
        before: String,
        /// State after.
        after: String,
    },
}

/// A refusal with the reason said so that the operator knows what to do.
pub(super) fn refused(host: &Host, verb: &'static str, path: &str, source: io::Error) -> ChangeError {
    let reason = match source.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
        Some(rustix::io::Errno::PERM | rustix::io::Errno::ACCESS) if host.is_immutable(path) => {
            "it is marked immutable or append-only (chattr)".to_owned()
        }
        Some(rustix::io::Errno::NOSPC | rustix::io::Errno::DQUOT) => "no space is left on its file system".to_owned(),
        Some(rustix::io::Errno::ROFS) => "its file system is mounted read-only".to_owned(),
        Some(rustix::io::Errno::BUSY) => "it is busy: a mount point, or in use by the kernel".to_owned(),
        Some(rustix::io::Errno::NOTEMPTY) => "the directory is not empty".to_owned(),
        Some(rustix::io::Errno::XDEV) => "a hard link cannot leave its file system".to_owned(),
        Some(rustix::io::Errno::INVAL) if verb == "set" => "the kernel does not accept this value".to_owned(),
        _ => source.to_string(),
    };
    ChangeError::Refused { verb, path: path.to_owned(), reason, source }
}
