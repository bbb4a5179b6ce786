//! `assert` and `fail`.

use crate::rollout::host::HostRun;
use crate::rollout::outcome::Outcome;
use crate::template::{Place, Scope};
use crate::yaml::Value;
use luthier_protocol::{Map, Value as Json};

/// Every condition must hold.
pub fn run(walker: &HostRun, params: &Map, scope: &Scope, place: &Place) -> Outcome {
    let conditions = match params.get("that") {
        Some(Json::Array(items)) => items.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    };
    for condition in conditions {
        // Written in the playbook, so it may be a template; what it yields never is one.
        let written = match &condition {
            Json::String(text) => Value::written(text, None),
            other => Value::from_json(other),
        };
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

/// Always fails.
pub fn fail(params: &Map) -> Outcome {
    let message = params.get("msg").and_then(Json::as_str).unwrap_or("Failed as requested from task");
    Outcome::failed(message)
}
