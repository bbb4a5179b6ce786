//! Which modules and parameters exist, and whether a task's parameters are right: all of it without a host.

mod controller_modules;
mod entry;
mod host_actions;
mod params;
mod reference;

pub use entry::{Catalog, Entry, Side};
pub use params::{ParamError, check, convert, converted, spaced};
pub use reference::reference;
