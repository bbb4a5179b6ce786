//! The change engine: a [`Change`](luthier_protocol::change::Change) as data becomes an effect, its inverse, or text.
//!
//! Nothing here knows of modules or of the journal: `task` puts the three together.

mod apply;
mod compare;
mod diff;
mod error;
mod undo;

#[cfg(test)]
mod tests;

pub use apply::{Limits, apply, run};
pub use compare::{Written, describe, sha256, written};
pub use diff::entries;
pub use error::ChangeError;
pub use undo::{Undoing, UndoneHow, take_back, undo};
