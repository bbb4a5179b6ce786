//! The journal on the host's disk: what is about to be changed and how it was, written and synced *before* the effect.
//!
//! One file a transaction (the changes of one session of a run on one inventory host by one user). Its writer holds a
//! lock on it, so an open transaction can be told from an interrupted one. `v1` names the format on disk.

mod error;
mod file;
mod ledger;
mod store;
mod v1;

#[cfg(test)]
mod tests;

pub use error::JournalError;
pub use file::JournalFile;
pub use ledger::{Ledger, Owner};
pub use store::{find, list};
pub use v1::{Intent, MAX_ORIGINAL};
