//! The plan: what a playbook means once inheritance is resolved, modules are looked up and tags are selected.
//!
//! Pure: it carries nothing out and knows no host but by name.

mod check;
mod listing;
mod notices;
mod planner;
mod tags;
mod types;
mod values;

pub use listing::{list_hosts, list_tags, list_tasks};
pub use notices::missing_handlers;
pub use planner::Planner;
pub use tags::Selection;
pub use types::{PlannedBlock, PlannedPlay, PlannedStep, PlannedTask, Section};
pub use values::percentage;
