//! The keys that the reader knows, for the reference.

use super::{keywords, play, reader, task};

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
