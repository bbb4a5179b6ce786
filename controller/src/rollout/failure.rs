//! What a `rescue` may know of the task that failed: `ansible_failed_task` and `ansible_failed_result`.

use super::host::HostRun;
use crate::plan::PlannedTask;
use crate::playbook::Written;
use crate::template::{Place, Scope};
use crate::yaml::{Key, Value, ValueMap};

/// A failure that no `rescue` has looked at.
pub struct Failure {
    /// The task, as its keywords say it.
    pub task: Value,
    /// Its result.
    pub result: Value,
}

/// The task of a failure: what was written, rendered as far as that can be done.
pub fn task(walker: &HostRun, task: &PlannedTask, name: &str, scope: &Scope, place: &Place) -> Value {
    let rendered = |written: &Written| walker.run.engine.render(&written.value, scope, place).unwrap_or(Value::Null);
    let list = |items: &[Written]| Value::list(items.iter().map(|written| written.value.clone()).collect());
    let optional = |written: &Option<Written>| written.as_ref().map_or(Value::Null, rendered);
    let written = &task.task;
    let args = written.args.pairs.iter().map(|(name, value)| (Key::from(name.as_str()), rendered(value))).collect();
    let vars = written.keywords.vars.iter().flat_map(|layer| layer.iter());
    let vars: ValueMap = vars
        .map(|(key, value)| (key.clone(), walker.run.engine.render(value, scope, place).unwrap_or(Value::Null)))
        .collect();
    let keywords = &task.keywords;
    let rows = [
        ("name", Value::from(name)),
        ("action", Value::from(written.module.as_str())),
        ("args", Value::map(args)),
        ("vars", Value::map(vars)),
        ("tags", list(&keywords.tags)),
        ("when", list(&written.keywords.when)),
        ("notify", if written.notify.is_empty() { Value::Null } else { list(&written.notify) }),
        ("register", written.register.as_deref().map_or(Value::Null, Value::from)),
        ("loop", written.looped.as_ref().map_or(Value::Null, |looped| rendered(&looped.items))),
        ("delegate_to", optional(&keywords.delegate_to)),
        ("become", optional(&keywords.r#become)),
        ("become_user", optional(&keywords.become_user)),
        ("ignore_errors", optional(&keywords.ignore_errors)),
        ("run_once", optional(&keywords.run_once)),
    ];
    Value::map(rows.into_iter().map(|(key, value)| (Key::from(key), value)).collect())
}
