//! `changed_when` and `failed_when`: the playbook's own word on what a task did.

use super::outcome::Outcome;
use crate::event::EventStatus;
use crate::playbook::{Task, Written};
use crate::template::{Engine, Place, Scope};
use crate::yaml::{Key, Value, ValueMap};
use serde_json::Value as Json;
use std::sync::Arc;

/// Apply both to an outcome.
pub fn apply(engine: &Engine, task: &Task, scope: &Scope, place: &Place, outcome: &mut Outcome) {
    if matches!(outcome.status, EventStatus::Skipped | EventStatus::Unreachable) {
        return;
    }
    if let Some(condition) = &task.failed_when {
        match evaluate(engine, task, condition, scope, place, outcome) {
            Ok(true) => {
                outcome.status = EventStatus::Failed;
                outcome.result.insert("failed_when_result".into(), true.into());
            }
            Ok(false) => {
                if outcome.status == EventStatus::Failed {
                    let changed = outcome.result.get("changed").and_then(Json::as_bool).unwrap_or(false);
                    outcome.status = if changed { EventStatus::Changed } else { EventStatus::Ok };
                }
                outcome.result.insert("failed_when_result".into(), false.into());
            }
            Err(message) => {
                fail(outcome, condition, &message);
                return;
            }
        }
    }
    if let Some(condition) = &task.changed_when {
        match evaluate(engine, task, condition, scope, place, outcome) {
            Ok(changed) => {
                if outcome.status == EventStatus::Failed {
                    outcome.result.insert("changed".into(), changed.into());
                } else {
                    outcome.status = if changed { EventStatus::Changed } else { EventStatus::Ok };
                }
            }
            Err(message) => fail(outcome, condition, &message),
        }
    }
}

fn fail(outcome: &mut Outcome, condition: &Written, message: &str) {
    outcome.status = EventStatus::Failed;
    outcome.result.insert("msg".into(), format!("the condition at {} failed: {message}", condition.origin).into());
}

fn evaluate(
    engine: &Engine,
    task: &Task,
    condition: &Written,
    scope: &Scope,
    place: &Place,
    outcome: &Outcome,
) -> Result<bool, String> {
    let mut scope = scope.clone();
    if let Some(name) = &task.register {
        let mut map = ValueMap::new();
        map.insert(Key::from(name.as_str()), Value::from_json(&Json::Object(outcome.registered(None))));
        scope.push(Arc::new(map));
    }
    engine.condition(&condition.value, &scope, place).map_err(|error| error.to_string())
}
