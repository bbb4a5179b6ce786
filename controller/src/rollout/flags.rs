//! Keywords that are truth values, written plainly or as templates.

use super::host::HostRun;
use crate::plan::PlannedTask;
use crate::playbook::Written;
pub use crate::playbook::as_flag as of;
use crate::template::{Engine, Place, Scope, is_omit};
use crate::yaml::Value;

/// The value of a keyword; `None` where it is not there or its template says `omit`. Errors speak for people.
pub fn value(
    engine: &Engine,
    written: &Option<Written>,
    scope: &Scope,
    place: &Place,
) -> Result<Option<Value>, String> {
    let Some(written) = written else { return Ok(None) };
    let value = engine.render(&written.value, scope, place).map_err(|error| error.to_string())?;
    Ok(Some(value).filter(|value| !is_omit(value)))
}

/// The truth of a keyword; `None` where it is not there.
pub fn known(
    walker: &HostRun,
    written: &Option<Written>,
    scope: &Scope,
    place: &Place,
) -> Result<Option<bool>, String> {
    let found = value(&walker.run.engine, written, scope, place)?;
    let (Some(written), Some(value)) = (written, found) else { return Ok(None) };
    let wrong = || format!("{}: expected yes or no, found {}", written.origin, value.to_json());
    of(&value).map(Some).ok_or_else(wrong)
}

/// The truth of a keyword; false when it is not there.
pub fn truth(walker: &HostRun, written: &Option<Written>, scope: &Scope, place: &Place) -> Result<bool, String> {
    known(walker, written, scope, place).map(|truth| truth.unwrap_or(false))
}

/// Whether a task only tells what it would do.
pub fn check(walker: &HostRun, task: &PlannedTask, scope: &Scope, place: &Place) -> Result<bool, String> {
    Ok(known(walker, &task.keywords.check_mode, scope, place)?.unwrap_or(walker.run.options.check))
}
