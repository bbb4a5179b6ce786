//! Keywords that are truth values, written plainly or as templates.

use super::host::HostRun;
use crate::plan::PlannedTask;
use crate::playbook::Written;
pub use crate::playbook::as_flag as of;
use crate::template::{Place, Scope};

/// The truth of a keyword; false when it is not there. Errors speak for people.
pub fn truth(walker: &HostRun, written: &Option<Written>, scope: &Scope, place: &Place) -> Result<bool, String> {
    let Some(written) = written else { return Ok(false) };
    let value = walker.run.engine.render(&written.value, scope, place).map_err(|error| error.to_string())?;
    of(&value).ok_or_else(|| format!("{}: expected yes or no, found {}", written.origin, value.to_json()))
}

/// Whether a task only tells what it would do.
pub fn check(walker: &HostRun, task: &PlannedTask, scope: &Scope, place: &Place) -> Result<bool, String> {
    match &task.keywords.check_mode {
        Some(_) => truth(walker, &task.keywords.check_mode, scope, place),
        None => Ok(walker.run.options.check),
    }
}
