//! A task's parameters, rendered and converted.

use super::host::HostRun;
use super::run::text;
use crate::catalog;
use crate::plan::PlannedTask;
use crate::template::{Place, Scope, is_omit};
use crate::yaml::{Key, Value};
use luthier_protocol::Map;

/// Names, in rendered form. Errors speak for people.
pub fn render(walker: &HostRun, task: &PlannedTask, scope: &Scope, place: &Place) -> Result<Map, String> {
    let engine = &walker.run.engine;
    let mut given = Map::new();
    for (name, value) in module_defaults(walker, task, scope, place)? {
        given.insert(name, value);
    }
    if let Some(dynamic) = &task.task.args.dynamic {
        match engine.render(&dynamic.value, scope, place).map_err(|error| error.to_string())? {
            Value::Map(map) => {
                for (key, value) in map.iter() {
                    given.insert(key.to_string(), value.to_json());
                }
            }
            other => {
                return Err(format!("{}: parameters must be a mapping, found {}", dynamic.origin, other.type_name()));
            }
        }
    }
    for (name, written) in &task.task.args.pairs {
        // Conditions are expressions: their module evaluates them itself.
        let raw = matches!((&*task.entry.spec.name, name.as_str()), ("assert", "that") | ("debug", "var"));
        if raw {
            given.insert(name.clone(), written.value.to_json());
            continue;
        }
        let value = engine.render(&written.value, scope, place).map_err(|error| error.to_string())?;
        let name = if name.contains("{{") {
            let rendered = engine.render(&Value::written(name, Some(written.origin.clone())), scope, place);
            text(&rendered.map_err(|error| error.to_string())?)
        } else {
            name.clone()
        };
        if is_omit(&value) {
            given.shift_remove(&name);
            continue;
        }
        given.insert(name, without_omitted(value).to_json());
    }
    free_text(task, &mut given)?;
    catalog::convert(task.entry, given).map_err(|error| match error.help {
        Some(help) => format!("{} ({help})", error.message),
        None => error.message,
    })
}

/// Free text becomes the parameter the module names for it.
fn free_text(task: &PlannedTask, given: &mut Map) -> Result<(), String> {
    let Some(raw) = given.shift_remove("_raw_params") else { return Ok(()) };
    match &task.entry.spec.free_form {
        Some(param) => {
            given.insert(param.to_string(), raw);
            Ok(())
        }
        None => Err(format!("module `{}` takes no free text", task.entry.spec.name)),
    }
}

/// `module_defaults` for this module, inner ones winning.
fn module_defaults(walker: &HostRun, task: &PlannedTask, scope: &Scope, place: &Place) -> Result<Map, String> {
    let mut out = Map::new();
    for written in &task.keywords.module_defaults {
        let Value::Map(rows) =
            walker.run.engine.render(&written.value, scope, place).map_err(|error| error.to_string())?
        else {
            continue;
        };
        for (name, defaults) in rows.iter() {
            let Key::Str(name) = name else { continue };
            let same = task.entry.spec.name == **name || task.entry.spec.aliases.iter().any(|alias| alias == &**name);
            if let (true, Value::Map(defaults)) = (same, defaults) {
                // The nearest row for a module stands alone.
                out = defaults.iter().map(|(key, value)| (key.to_string(), value.to_json())).collect();
            }
        }
    }
    Ok(out)
}

/// Entries of mappings and lists that are the omit placeholder are left out.
fn without_omitted(value: Value) -> Value {
    match value {
        Value::Map(map) => Value::map(
            map.iter()
                .filter(|(_, value)| !is_omit(value))
                .map(|(key, value)| (key.clone(), without_omitted(value.clone())))
                .collect(),
        ),
        Value::List(items) => {
            Value::list(items.iter().filter(|item| !is_omit(item)).map(|item| without_omitted(item.clone())).collect())
        }
        other => other,
    }
}
