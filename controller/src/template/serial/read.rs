//! JSON and YAML text as values. What is read is data: nothing in it is ever a template.

use crate::template::error::{Fault, Outcome};
use crate::yaml::{Key, Value, ValueMap, parse_str};
use std::path::Path;
use std::sync::Arc;

/// The value of JSON text.
pub(in crate::template) fn from_json(text: &str) -> Outcome<Value> {
    serde_json::from_str::<serde_json::Value>(text)
        .map(|value| Value::from_json(&value))
        .map_err(|error| Fault::new(format!("invalid JSON: {error}")))
}

/// The documents of YAML text.
pub(in crate::template) fn from_yaml(text: &str) -> Outcome<Vec<Value>> {
    let name: Arc<Path> = Arc::from(Path::new("text"));
    let nodes = parse_str(text, &name).map_err(|error| Fault::new(format!("invalid YAML: {error}")))?;
    Ok(nodes.iter().map(|node| as_data(node.to_value())).collect())
}

fn as_data(value: Value) -> Value {
    match value {
        Value::Template(text) => Value::str(text.source.as_str()),
        Value::List(items) => Value::list(items.iter().cloned().map(as_data).collect()),
        Value::Map(map) => Value::map(
            map.iter().map(|(key, value): (&Key, &Value)| (key.clone(), as_data(value.clone()))).collect::<ValueMap>(),
        ),
        other => other,
    }
}
