//! Output for people: plays, tasks, one line a host and state that matters, equal results folded, a recap.

mod block;
mod live;
mod print;
mod recap;
mod row;

pub use live::Live;
pub use row::Human;
