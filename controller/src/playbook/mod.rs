//! The playbook as it is written: plays, blocks, tasks, handlers and roles with their places kept and unknown keys refused.
//!
//! Reading is pure but for the files it opens. Nothing is rendered here, and nothing of hosts is known.

mod args;
mod argument_specs;
mod keys;
mod keywords;
mod play;
mod prompts;
mod reader;
mod role;
mod task;
mod types;

pub use keys::keys;
pub use keywords::{Keywords, as_flag};
pub use reader::{Reader, Reading, RenderName, RoleUse, Settings, joined};
pub use role::{Parts, magic as role_variables};
pub use task::ad_hoc;
pub use types::{Args, Block, Import, Loop, LoopControl, Play, Playbook, Prompt, Role, Step, Strategy, Task, Written};
