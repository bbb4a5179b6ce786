//! A task's parameters against the module's spec: names before anything is contacted, types once they are rendered.

use super::entry::Entry;
use crate::yaml::{Value, nearest};
use luthier_protocol::Map;
use luthier_protocol::spec::{ParamKind, ParamSpec};
use serde_json::Value as Json;

/// Why parameters are not those of the module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParamError {
    /// The parameter it is about; `None` when one is missing.
    pub param: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What was expected.
    pub help: Option<String>,
}

impl ParamError {
    fn new(param: Option<&str>, message: String, help: Option<String>) -> Self {
        Self { param: param.map(str::to_owned), message, help }
    }
}

/// The parameter of a name or alias.
fn find<'a>(entry: &'a Entry, name: &str) -> Option<&'a ParamSpec> {
    entry.spec.params.iter().find(|param| param.name == name || param.aliases.iter().any(|alias| alias == name))
}

/// Check names, required parameters, exclusions, and the values that hold no template.
pub fn check<'a>(entry: &Entry, given: impl Iterator<Item = (&'a str, &'a Value)>) -> Vec<ParamError> {
    let mut errors = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for (name, value) in given {
        let Some(param) = find(entry, name) else {
            if !entry.open {
                errors.push(unknown(entry, name));
            }
            continue;
        };
        names.push(&param.name);
        if !value.has_template()
            && !matches!(value, Value::Null | Value::Vault(_))
            && let Err(error) = convert_one(entry, param, value.to_json())
        {
            errors.push(error);
        }
    }
    errors.extend(check_presence(entry, &names));
    errors
}

fn unknown(entry: &Entry, name: &str) -> ParamError {
    let known = || entry.spec.params.iter().map(|param| &*param.name);
    let help = match nearest(name, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it takes {}", known().collect::<Vec<_>>().join(", ")),
    };
    ParamError::new(Some(name), format!("module `{}` has no parameter `{name}`", entry.spec.name), Some(help))
}

fn check_presence(entry: &Entry, names: &[&str]) -> Vec<ParamError> {
    let mut errors = Vec::new();
    for param in entry.spec.params.iter().filter(|param| param.required) {
        if !names.contains(&&*param.name) {
            errors.push(ParamError::new(
                None,
                format!("module `{}` needs the parameter `{}`", entry.spec.name, param.name),
                Some(param.doc.to_string()),
            ));
        }
    }
    for row in entry.spec.mutually_exclusive.iter() {
        let both: Vec<&str> = row.iter().map(|name| &**name).filter(|name| names.contains(name)).collect();
        if both.len() > 1 {
            let message = format!("module `{}` takes only one of {}", entry.spec.name, both.join(", "));
            errors.push(ParamError::new(both.get(1).copied(), message, None));
        }
    }
    for row in entry.spec.required_one_of.iter() {
        if !row.iter().any(|name| names.contains(&&**name)) {
            let message = format!("module `{}` needs one of {}", entry.spec.name, row.join(", "));
            errors.push(ParamError::new(None, message, None));
        }
    }
    errors
}

/// Rendered parameters as the module wants them: canonical names, converted types, defaults filled in.
pub fn convert(entry: &Entry, given: Map) -> Result<Map, ParamError> {
    let mut out = Map::new();
    let mut names: Vec<String> = Vec::new();
    for (name, value) in given {
        let Some(param) = find(entry, &name) else {
            if entry.open {
                out.insert(name, value);
                continue;
            }
            return Err(unknown(entry, &name));
        };
        names.push(param.name.to_string());
        if value.is_null() && !param.required {
            continue;
        }
        out.insert(param.name.to_string(), convert_one(entry, param, value)?);
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    if let Some(error) = check_presence(entry, &names).into_iter().next() {
        return Err(error);
    }
    for param in entry.spec.params.iter() {
        if let Some(default) = &param.default
            && !out.contains_key(&*param.name)
        {
            out.insert(param.name.to_string(), convert_one(entry, param, default_value(param.kind, default))?);
        }
    }
    Ok(out)
}

/// A default as the spec writes it.
fn default_value(kind: ParamKind, text: &str) -> Json {
    match kind {
        ParamKind::List => {
            let inner = text.trim_start_matches('[').trim_end_matches(']');
            inner.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Json::from).collect()
        }
        // Text that would not be seen as such is quoted: empty, with blanks, with control characters (as JSON).
        _ if text.len() > 1 && text.starts_with('\'') && text.ends_with('\'') => Json::from(text.trim_matches('\'')),
        _ if text.starts_with('"') => serde_json::from_str(text).unwrap_or_else(|_| Json::from(text)),
        _ => Json::from(text),
    }
}

fn convert_one(entry: &Entry, param: &ParamSpec, value: Json) -> Result<Json, ParamError> {
    let wrong = |expected: &str, found: &Json| {
        ParamError::new(
            Some(&param.name),
            format!("`{}` of module `{}` must be {expected}, found {found}", param.name, entry.spec.name),
            Some(param.doc.to_string()),
        )
    };
    let expected = match param.kind {
        ParamKind::Raw | ParamKind::List => "a value",
        ParamKind::Str | ParamKind::Path => "text",
        ParamKind::Bool => "yes or no",
        ParamKind::Int => "a whole number",
        ParamKind::Float => "a number",
        ParamKind::Dict => "a mapping",
    };
    let converted = converted(param.kind, value.clone()).ok_or_else(|| wrong(expected, &value))?;
    let converted = unescaped_choice(param, converted);
    check_choice(entry, param, &converted)?;
    Ok(converted)
}

/// A value as another kind; `None` where that cannot be.
pub fn converted(kind: ParamKind, value: Json) -> Option<Json> {
    Some(match kind {
        ParamKind::Raw => value,
        ParamKind::Str | ParamKind::Path => Json::from(text_of(&value)?),
        ParamKind::Bool => Json::from(bool_of(&value)?),
        ParamKind::Int => Json::from(int_of(&value)?),
        ParamKind::Float => Json::from(float_of(&value)?),
        ParamKind::List => list_of(value),
        ParamKind::Dict => Json::Object(dict_of(&value)?),
    })
}

/// A choice that is a control character may be written by its escape: `'\n'` in single quotes is two characters.
fn unescaped_choice(param: &ParamSpec, value: Json) -> Json {
    let Some(text) = value.as_str() else { return value };
    let meant = param.choices.iter().find(|choice| **choice != text && choice.escape_default().to_string() == text);
    meant.map_or(value.clone(), |choice| Json::from(choice.as_ref()))
}

fn check_choice(entry: &Entry, param: &ParamSpec, value: &Json) -> Result<(), ParamError> {
    if param.choices.is_empty() {
        return Ok(());
    }
    let items = value.as_array().map_or_else(|| vec![value], |items| items.iter().collect());
    for item in items {
        let text = text_of(item).unwrap_or_default();
        if !param.choices.iter().any(|choice| *choice == text) {
            let message = format!("`{}` of module `{}` cannot be `{text}`", param.name, entry.spec.name);
            let help = format!("one of {}", param.choices.join(", "));
            return Err(ParamError::new(Some(&param.name), message, Some(help)));
        }
    }
    Ok(())
}

/// Text as Python's `str()` would give it.
fn text_of(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(value) => Some(if *value { "True" } else { "False" }.to_owned()),
        Json::Null => Some(String::new()),
        // A mapping or list as text would be Python's representation; JSON is what such text is meant to be.
        Json::Array(_) | Json::Object(_) => spaced(value),
    }
}

/// JSON on one line with a blank after commas and colons, as Python writes it.
pub fn spaced(value: &Json) -> Option<String> {
    use serde::Serialize;
    let mut out = Vec::new();
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, Spaced)).ok()?;
    String::from_utf8(out).ok()
}

struct Spaced;

impl serde_json::ser::Formatter for Spaced {
    fn begin_array_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, first: bool) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, first: bool) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        writer.write_all(b": ")
    }
}

fn bool_of(value: &Json) -> Option<bool> {
    match value {
        Json::Bool(value) => Some(*value),
        Json::Number(number) => match number.as_f64() {
            Some(1.0) => Some(true),
            Some(0.0) => Some(false),
            _ => None,
        },
        Json::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" | "on" | "1" | "true" | "t" | "1.0" => Some(true),
            "n" | "no" | "off" | "0" | "false" | "f" | "0.0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn int_of(value: &Json) -> Option<i64> {
    match value {
        Json::Number(number) => {
            number.as_i64().or_else(|| number.as_f64().filter(|n| n.fract() == 0.0).map(|n| n as i64))
        }
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn float_of(value: &Json) -> Option<f64> {
    match value {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn list_of(value: Json) -> Json {
    match value {
        Json::Array(_) => value,
        Json::String(text) => text.split(',').map(|item| Json::from(item.trim())).collect(),
        Json::Null => Json::Array(Vec::new()),
        other => Json::Array(vec![Json::from(text_of(&other).unwrap_or_default())]),
    }
}

fn dict_of(value: &Json) -> Option<Map> {
    match value {
        Json::Object(map) => Some(map.clone()),
        Json::String(text) => serde_json::from_str::<Map>(text).ok().or_else(|| pairs(text)),
        _ => None,
    }
}

/// `a=1, b=2` as a mapping.
fn pairs(text: &str) -> Option<Map> {
    text.split([',', ' '])
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('=').map(|(key, value)| (key.trim().to_owned(), Json::from(value.trim()))))
        .collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::catalog::Catalog;

    fn entry(name: &str) -> &'static Entry {
        Catalog::builtin().find(name).unwrap()
    }

    #[test]
    fn a_wrong_name_gets_the_nearest_right_one() {
        let value = Value::from("x");
        let errors = check(entry("debug"), [("mgs", &value)].into_iter());
        assert_eq!(errors.first().unwrap().help.as_deref(), Some("did you mean `msg`?"));
    }

    #[test]
    fn types_are_converted_as_ansible_would() {
        let given = serde_json::json!({"that": ["x"], "quiet": "yes"});
        let out = convert(entry("assert"), given.as_object().unwrap().clone()).unwrap();
        assert_eq!(out.get("quiet"), Some(&Json::Bool(true)));
    }

    #[test]
    fn choices_and_defaults_may_be_control_characters() {
        let given = serde_json::json!({"src": "a", "dest": "/b"});
        let out = convert(entry("template"), given.as_object().unwrap().clone()).unwrap();
        assert_eq!(out.get("newline_sequence"), Some(&Json::from("\n")));
        let given = serde_json::json!({"path": "/a", "regexp": "x"});
        let out = convert(entry("replace"), given.as_object().unwrap().clone()).unwrap();
        assert_eq!(out.get("replace"), Some(&Json::from("")));
        let given = serde_json::json!({"src": "a", "dest": "/b", "newline_sequence": "\\r\\n"});
        let out = convert(entry("template"), given.as_object().unwrap().clone()).unwrap();
        assert_eq!(out.get("newline_sequence"), Some(&Json::from("\r\n")));
    }

    #[test]
    fn a_mapping_as_text_is_spaced_json() {
        let value = serde_json::json!({"b": 1, "a": ["x", true, null]});
        assert_eq!(text_of(&value).unwrap(), r#"{"b": 1, "a": ["x", true, null]}"#);
    }

    #[test]
    fn a_missing_parameter_and_a_wrong_choice_are_errors() {
        assert!(convert(entry("assert"), Map::new()).is_err());
        let value = Value::from("flush_handler");
        let errors = check(entry("meta"), [("free_form", &value)].into_iter());
        assert!(errors.first().unwrap().help.as_deref().unwrap().contains("flush_handlers"));
    }
}
