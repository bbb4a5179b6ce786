//! Carries a plan out: hosts, batches, strategies, handlers. It is the only room that starts work on hosts.

mod actions;
mod ahead;
mod batches;
mod connect;
mod content;
mod depth;
mod drive;
mod errand;
mod finish;
mod flags;
mod gather;
mod host;
mod jobs;
mod lockstep;
mod looping;
mod memory;
mod outcome;
mod params;
mod passing;
mod play;
mod prompts;
mod recap;
mod remote;
mod resume;
mod run;
mod scope;
mod start;
mod undo;
mod until;
mod vars_files;
mod verdict;

pub use drive::{RunEnd, carry_out};
pub use memory::{HostMemory, Used};
pub use resume::Earlier;
pub use run::{Asker, Escalation, Options, Parts, Reload, Run};
pub use undo::{HostUndo, Visit, capture, facts, journals, roll_back, wanted_identity};
