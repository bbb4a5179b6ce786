//! `debug`: show a message or a variable.

use crate::rollout::host::HostRun;
use crate::rollout::outcome::Outcome;
use crate::template::{Place, Scope, TemplateErrorKind};
use luthier_protocol::{Map, Value as Json};

/// The message under `msg`, or the variable under its own name.
pub fn run(walker: &HostRun, params: &Map, scope: &Scope, place: &Place) -> Outcome {
    let verbosity = params.get("verbosity").and_then(Json::as_i64).unwrap_or(0);
    if verbosity > i64::from(walker.run.options.verbosity) {
        return Outcome::skipped("Verbosity threshold not met.");
    }
    let mut result = Map::new();
    match params.get("var") {
        Some(Json::String(name)) => {
            let bare = name.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).unwrap_or(name).trim();
            let shown = match walker.run.engine.expression(bare, scope, place) {
                Ok(value) => value.to_json(),
                Err(error) if error.kind == TemplateErrorKind::Undefined => Json::from("VARIABLE IS NOT DEFINED!"),
                Err(error) => return Outcome::failed(error.to_string()),
            };
            result.insert(name.clone(), shown);
        }
        Some(other) => {
            result.insert(other.to_string(), other.clone());
        }
        None => {
            let message = params.get("msg").cloned().unwrap_or_else(|| "Hello world!".into());
            result.insert("msg".into(), message);
        }
    }
    Outcome::ok(result)
}
