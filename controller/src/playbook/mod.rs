//! The playbook as it is written: plays, blocks, tasks, handlers and roles with their places kept and unknown keys refused.
//!
//! Reading is pure but for the files it opens. Nothing is rendered here, and nothing of hosts is known.

mod args;
mod argument_specs;
mod keywords;
mod play;
mod prompts;
mod reader;
mod role;
mod task;
mod types;

pub use keywords::{Keywords, as_flag};
pub use reader::{Reader, Reading, RenderName, RoleUse, Settings, joined};
pub use role::{Parts, magic as role_variables};
pub use task::ad_hoc;
/// What may be written where: the keys of a play, a task, a block, and those that all three have.
pub fn keys() -> [(&'static str, &'static [&'static str]); 5] {
    [
        ("Plays, blocks, tasks and roles", keywords::SHARED),
        ("Plays", play::OWN),
        ("Blocks", reader::BLOCK),
        ("Tasks and handlers", task::OWN),
        ("`loop_control`", task::LOOP_CONTROL),
    ]
}

pub use types::{Args, Block, Import, Loop, LoopControl, Play, Playbook, Prompt, Role, Step, Strategy, Task, Written};
