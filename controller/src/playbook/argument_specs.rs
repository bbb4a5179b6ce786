//! `meta/argument_specs.yml` of a role: what its parameters must be, as the task that checks them before its first.

use super::keywords::Keywords;
use super::role;
use super::types::{Args, Role, Step, Task, Written};
use crate::yaml::{self, Diagnostic, Key, Origin, Value, ValueMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The task that checks a role's parameters for one of its entry points; `None` where the role says nothing of them.
pub(super) fn task(role: &Arc<Role>, entry: &str) -> Result<Option<Step>, Diagnostic> {
    let Some((specs, file, origin)) = specs(&role.path)? else { return Ok(None) };
    let Some(Value::Map(spec)) = get(&specs, entry) else { return Ok(None) };
    let mut name = format!("Validating arguments against arg spec '{entry}'");
    if let Some(Value::Str(about)) = get(&spec, "short_description") {
        name = format!("{name} - {about}");
    }
    let options = get(&spec, "options").filter(|options| matches!(options, Value::Map(_)));
    let written = |value: Value| Written { value, origin: origin.clone() };
    let pairs = vec![
        ("argument_spec".to_owned(), written(bare(&options.unwrap_or_else(|| Value::map(ValueMap::new()))))),
        ("provided_arguments".to_owned(), written(Value::Map(Arc::clone(&role.params)))),
        ("validate_args_context".to_owned(), written(context(role, entry))),
    ];
    let keywords = Keywords { tags: vec![written(Value::from("always"))], ..Keywords::default() };
    Ok(Some(Step::Task(Arc::new(Task {
        name: Some(written(Value::from(name))),
        origin: origin.clone(),
        module: "ansible.builtin.validate_argument_spec".to_owned(),
        module_origin: origin.clone(),
        args: Args { pairs, dynamic: None },
        keywords,
        looped: None,
        register: None,
        notify: Vec::new(),
        listen: Vec::new(),
        changed_when: None,
        failed_when: None,
        until: None,
        retries: None,
        delay: None,
        revert: None,
        apart: None,
        poll: None,
        role: Some(Arc::clone(role)),
        file,
        import: None,
    }))))
}

/// All entry points, from `meta/argument_specs.yml` or else from `meta/main.yml`.
fn specs(path: &Path) -> Result<Option<(Arc<ValueMap>, PathBuf, Origin)>, Diagnostic> {
    let own = role::file(path, "meta", "argument_specs");
    let Some(file) = own.or_else(|| role::file(path, "meta", "main")) else { return Ok(None) };
    let node = yaml::parse_file(&file)?;
    let Value::Map(map) = node.to_value() else { return Ok(None) };
    Ok(match get(&map, "argument_specs") {
        Some(Value::Map(specs)) => Some((specs, file, node.origin)),
        _ => None,
    })
}

fn get(map: &ValueMap, name: &str) -> Option<Value> {
    map.get(&Key::from(name)).cloned()
}

/// Without what is written for people: that may hold anything.
fn bare(value: &Value) -> Value {
    match value {
        Value::Map(map) => {
            let kept = map.iter().filter(|(key, value)| {
                let is_text = matches!(value, Value::Str(_) | Value::List(_) | Value::Template(_));
                !(is_text && **key == Key::from("description"))
            });
            Value::map(kept.map(|(key, value)| (key.clone(), bare(value))).collect())
        }
        Value::List(items) => Value::list(items.iter().map(bare).collect()),
        other => other.clone(),
    }
}

fn context(role: &Role, entry: &str) -> Value {
    let path = role.path.display().to_string();
    let rows = [("type", "role"), ("name", &role.name), ("argument_spec_name", entry), ("path", &path)];
    Value::map(rows.into_iter().map(|(key, value)| (Key::from(key), Value::from(value))).collect())
}
