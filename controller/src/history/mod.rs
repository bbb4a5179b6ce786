//! What happened: every run recorded as its events, an index of runs, and where to reach the hosts of a run again.
//!
//! The recorder is an output; a recording is replayed into the same outputs. Nothing here is needed for a run to work:
//! a folder that cannot be written is a warning. Passwords and censored results never reach it.

mod error;
mod folder;
mod hosts;
mod index;
mod place;
mod process;
mod recorder;
mod recording;
mod run;

pub use error::HistoryError;
pub use folder::History;
pub use hosts::RunHost;
pub use place::default_folder;
pub use recorder::Recorder;
pub use recording::Events;
pub use run::{RunMeta, RunRecord, RunState, is_run_id, new_run_id, now};
