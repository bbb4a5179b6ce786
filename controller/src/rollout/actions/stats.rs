//! `set_stats`: values of the playbook's own about the run.

use crate::rollout::outcome::Outcome;
use luthier_protocol::{Map, Value as Json};

/// The values under `ansible_stats`, where outputs and `show` find them.
pub fn run(params: &Map) -> Outcome {
    let flag = |name: &str, default: bool| params.get(name).and_then(Json::as_bool).unwrap_or(default);
    let data = params.get("data").and_then(Json::as_object).cloned().unwrap_or_default();
    if let Some(name) = data.keys().find(|name| !super::facts::is_name(name)) {
        return Outcome::failed(format!("`{name}` cannot name a variable: letters, digits and _ only"));
    }
    let stats = serde_json::json!({
        "data": data,
        "per_host": flag("per_host", false),
        "aggregate": flag("aggregate", true),
    });
    Outcome::ok(Map::new()).with("ansible_stats", stats)
}
