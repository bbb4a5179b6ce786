//! One task from end to end: the module says what should change, the journal hears of it, the change engine does it.

mod carry;
mod engine;
mod outcome;
mod params;
mod rollback;

#[cfg(test)]
mod system_stories;
#[cfg(test)]
mod tests;

pub use carry::{Bench, carry_out};
pub use outcome::refusal;
pub use rollback::rollback;
