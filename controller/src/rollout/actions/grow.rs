//! `add_host` and `group_by`: the inventory of this run grows.

use crate::rollout::host::HostRun;
use crate::rollout::outcome::Outcome;
use crate::yaml::{Key, Value, ValueMap};
use luthier_protocol::{Map, Value as Json};
use std::sync::PoisonError;

fn names(params: &Map, key: &str) -> Vec<String> {
    match params.get(key) {
        Some(Json::Array(items)) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
        Some(Json::String(text)) => text.split(',').map(|name| name.trim().to_owned()).collect(),
        _ => Vec::new(),
    }
}

/// A new host, or further groups and variables of a known one.
pub fn add_host(walker: &HostRun, mut params: Map) -> Outcome {
    let groups = names(&params, "groups");
    let Some(name) = params.get("name").and_then(Json::as_str).map(str::to_owned) else {
        return Outcome::failed("add_host needs a name");
    };
    params.shift_remove("name");
    params.shift_remove("groups");
    let variables: ValueMap =
        params.iter().map(|(key, value)| (Key::from(key.as_str()), Value::from_json(value))).collect();
    let mut inventory = walker.run.inventory.write().unwrap_or_else(PoisonError::into_inner);
    let added = inventory.add_host(&name, &groups, variables);
    drop(inventory);
    let changed = match added {
        Ok(changed) => changed,
        Err(errors) => return Outcome::failed(told(&errors)),
    };
    let shown = serde_json::json!({"host_name": name, "groups": groups, "host_vars": params});
    changed_if(changed).with("add_host", shown)
}

/// This host joins a group.
pub fn group_by(walker: &HostRun, params: &Map) -> Outcome {
    let Some(key) = params.get("key").and_then(Json::as_str) else { return Outcome::failed("group_by needs a key") };
    let group = key.replace(' ', "-");
    let parents = names(params, "parents");
    let mut inventory = walker.run.inventory.write().unwrap_or_else(PoisonError::into_inner);
    let added = inventory.add_group_member(&group, &walker.host, &parents);
    drop(inventory);
    let changed = match added {
        Ok(changed) => changed,
        Err(errors) => return Outcome::failed(told(&errors)),
    };
    changed_if(changed).with("add_group", group).with("parent_groups", parents)
}

fn told(errors: &[crate::yaml::Diagnostic]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn changed_if(changed: bool) -> Outcome {
    let status = if changed { crate::event::EventStatus::Changed } else { crate::event::EventStatus::Ok };
    Outcome::new(status, Map::new())
}
