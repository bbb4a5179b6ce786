//! `assert` and `fail`.

use crate::plan::PlannedTask;
use crate::rollout::host::HostRun;
use crate::rollout::outcome::Outcome;
use crate::template::{Place, Scope};
use crate::yaml::Value;
use luthier_protocol::{Map, Value as Json};

/// Every condition must hold.
pub fn run(walker: &HostRun, task: &PlannedTask, params: &Map, scope: &Scope, place: &Place) -> Outcome {
    let conditions = match params.get("that") {
        Some(Json::Array(items)) => items.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    };
    // Written in the playbook, so it may be a template; what it yields never is one.
    let written = conditions.iter().flat_map(|condition| match condition {
        Json::String(text) => listed(walker, task, text, scope).unwrap_or_else(|| vec![Value::written(text, None)]),
        other => vec![Value::from_json(other)],
    });
    for written in written {
        let condition = written.to_json();
        match walker.run.engine.condition(&written, scope, place) {
            Ok(true) => {}
            Ok(false) => {
                let message = params.get("fail_msg").cloned().unwrap_or_else(|| "Assertion failed".into());
                let mut failed = Outcome::failed("").with("assertion", condition).with("evaluated_to", false);
                failed.result.insert("msg".into(), message);
                return failed;
            }
            Err(error) => return Outcome::failed(error.to_string()).with("assertion", condition),
        }
    }
    let message = params.get("success_msg").cloned().unwrap_or_else(|| "All assertions passed".into());
    Outcome::ok(Map::new()).with("msg", message)
}

/// The conditions in a variable that is all of `{{ name }}`, where the playbook itself writes it as a list. What a host said
/// (a result, a fact, what was made of them, an item) is data and never a condition, so the list must be one that stands in
/// `vars:` of the task or play, in its `vars_files` or in the role.
fn listed(walker: &HostRun, task: &PlannedTask, text: &str, scope: &Scope) -> Option<Vec<Value>> {
    let name = text.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let found = scope.get(name)?;
    let Value::List(items) = &found else { return None };
    let of_files = walker.batch.file_variables(&walker.host);
    let role = task.task.role.iter().flat_map(|role| [&role.vars, &role.defaults]);
    let play = &walker.batch.planned.play.keywords.vars;
    let mut layers = task.task.keywords.vars.iter().chain(play).chain(role).chain([&of_files]);
    layers.any(|layer| layer.get(name) == Some(&found)).then(|| items.to_vec())
}

/// Always fails.
pub fn fail(params: &Map) -> Outcome {
    let message = params.get("msg").and_then(Json::as_str).unwrap_or("Failed as requested from task");
    Outcome::failed(message)
}
