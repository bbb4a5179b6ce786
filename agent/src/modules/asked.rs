//! A task's parameters by name, for modules with more of them than a type of their own is worth.

use super::{ModuleError, Request};
use luthier_protocol::Value;

/// A text; numbers and truth values as YAML writes them. Empty text counts as given.
pub(super) fn text(request: &Request<'_>, name: &str) -> Option<String> {
    match request.params.get(name)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A text that must not be empty.
pub(super) fn word(request: &Request<'_>, name: &str) -> Option<String> {
    text(request, name).filter(|text| !text.is_empty())
}

/// A truth value that may be left open.
pub(super) fn choice(request: &Request<'_>, name: &str) -> Option<bool> {
    request.params.get(name).and_then(Value::as_bool)
}

/// A truth value; not given is false.
pub(super) fn flag(request: &Request<'_>, name: &str) -> bool {
    choice(request, name).unwrap_or(false)
}

/// A whole number.
pub(super) fn number(request: &Request<'_>, name: &str) -> Option<i64> {
    match request.params.get(name)? {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|float| float as i64)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A list of texts; `None` where it is not given. A text is split at commas.
pub(super) fn list(request: &Request<'_>, name: &str) -> Option<Vec<String>> {
    let words =
        |text: &str| text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect();
    match request.params.get(name)? {
        Value::Null => None,
        Value::Array(items) => {
            let plain = |item: &Value| item.as_str().map_or_else(|| item.to_string(), |text| text.trim().to_owned());
            Some(items.iter().map(plain).filter(|item| !item.is_empty()).collect())
        }
        Value::String(text) => Some(words(text)),
        other => Some(vec![other.to_string()]),
    }
}

/// The task's name parameter.
pub(super) fn name(request: &Request<'_>) -> Result<String, ModuleError> {
    word(request, "name").ok_or_else(|| ModuleError::new("missing required arguments: name"))
}
