//! What a test is and how one is found.

use crate::template::error::Outcome;
use crate::template::interpreter::Interpreter;
use crate::template::val::{Args, Val};
use std::collections::HashMap;
use std::sync::LazyLock;

/// A test: what stands before `is`, and the arguments.
pub(in crate::template) type Run = fn(&Interpreter<'_>, Val, Args) -> Outcome<bool>;

/// One row of a table.
#[derive(Clone, Copy)]
pub(in crate::template) struct Test {
    pub(in crate::template) run: Run,
    /// Whether it may be given something undefined.
    pub(in crate::template) takes_undefined: bool,
}

/// A test of defined values.
pub(super) const fn of(run: Run) -> Test {
    Test { run, takes_undefined: false }
}

/// A test that looks at undefined values itself.
pub(super) const fn of_any(run: Run) -> Test {
    Test { run, takes_undefined: true }
}

static ALL: LazyLock<HashMap<&'static str, Test>> =
    LazyLock::new(|| super::GROUPS.iter().flat_map(|group| group.iter().copied()).collect());

/// The test of a name.
pub(in crate::template) fn find(name: &str) -> Option<Test> {
    ALL.get(name).copied()
}

/// All names.
pub(in crate::template) fn names() -> impl Iterator<Item = &'static str> {
    ALL.keys().copied()
}
