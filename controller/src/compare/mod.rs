//! Hosts of one model compared: facts in, what is out of line out. It computes and does nothing else: it must not know of
//! hosts' names beyond telling them, nor of sessions or files.
//!
//! `hardware`, `cards`, `system` and `tuning` read the traits that machines of one model should share; `gathering` puts hosts of
//! one model together; `norm` tells the majority from deviants; `report` and `text` write that for programs and people.

mod cards;
mod gathering;
mod hardware;
mod model;
mod norm;
mod readings;
mod report;
mod system;
mod text;
mod tuning;

#[cfg(test)]
mod tests;

pub use gathering::Gathering;
pub use norm::{Alone, Comparison, Deviant, Difference, Group, Verdict};
pub use readings::{Area, Family};
