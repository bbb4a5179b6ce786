//! Includes that include themselves without end.

use super::host::{Flow, HostRun};
use super::outcome::Outcome;
use super::start::{Item, Progress, Started};
use crate::plan::PlannedTask;
use crate::template::Scope;
use std::sync::Arc;

/// A position longer than this is no nesting anybody meant: an include adds two numbers to it.
pub const DEEPEST: usize = 400;

impl HostRun {
    /// Includes that never come to an end would fill the memory: the host fails instead.
    pub async fn too_deep(&mut self, task: &Arc<PlannedTask>, scope: Scope) -> Flow {
        let file = crate::yaml::shown(&task.task.file).display();
        let message =
            format!("{}: tasks are included in each other without end: {file} again and again", task.task.origin);
        let item = Item { scope, item: None, label: None, progress: Progress::Done(Outcome::failed(message)) };
        let started = Started {
            task: Arc::clone(task),
            name: task.full_name(&task.bare_name()),
            items: vec![item],
            looped: false,
            no_log: false,
            ignore_errors: false,
            ignore_unreachable: false,
            fatal: false,
            diff: false,
            delegate: None,
        };
        self.finish(started).await
    }
}
