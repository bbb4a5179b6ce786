//! Everything people and programs get to see: rows that turn events into text, and the one way to stdout and stderr.
//!
//! Data goes to stdout, talk to stderr. Text from hosts passes [`escape`] before it is shown. Besides `cli` nothing else
//! in the program writes to the terminal.

mod colour;
mod diagnostic;
mod diff;
mod escape;
mod format;
mod human;
mod json;
mod junit;
mod progress;
mod screen;
mod table;

pub use colour::{ColourChoice, Paint};
pub use diagnostic::{render_diagnostics, render_error};
pub use diff::unified;
pub use escape::{escape, escape_lines};
pub use format::{Format, Output, Outputs, Style, open};
pub use human::{Human, Live};
pub use json::Json;
pub use junit::Junit;
pub use progress::Progress;
pub use screen::{Captured, Screen};
pub use table::table;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
