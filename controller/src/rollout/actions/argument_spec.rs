//! `validate_argument_spec`: variables against what a role says of its parameters.

use crate::catalog;
use crate::rollout::host::HostRun;
use crate::rollout::outcome::Outcome;
use crate::template::{Place, Scope};
use luthier_protocol::spec::ParamKind;
use luthier_protocol::{Map, Value as Json};

/// Every parameter that is there must fit, and every required one must be there.
pub fn run(walker: &HostRun, params: &Map, scope: &Scope, place: &Place) -> Outcome {
    let map = |name: &str| params.get(name).and_then(Json::as_object).cloned().unwrap_or_default();
    let (spec, mut given) = (map("argument_spec"), map("provided_arguments"));
    for name in spec.keys() {
        if given.contains_key(name) {
            continue;
        }
        if let Some(value) = scope.get(name) {
            match walker.run.engine.render(&value, scope, place) {
                Ok(value) => given.insert(name.clone(), value.to_json()),
                Err(error) => return Outcome::failed(format!("variable `{name}`: {error}")),
            };
        }
    }
    let mut errors = Vec::new();
    check(&spec, &given, "", &mut errors);
    let context = Json::Object(map("validate_args_context"));
    if errors.is_empty() {
        let outcome = Outcome::ok(Map::new()).with("msg", "The arg spec validation passed");
        return outcome.with("validate_args_context", context);
    }
    let message = format!("Validation of arguments failed:\n{}", errors.join("\n"));
    Outcome::failed(message)
        .with("argument_errors", errors)
        .with("argument_spec_data", Json::Object(spec))
        .with("validate_args_context", context)
}

/// The errors of a mapping against its options; `parent` names where it stands.
fn check(spec: &Map, given: &Map, parent: &str, errors: &mut Vec<String>) {
    let found_in = if parent.is_empty() { String::new() } else { format!(" found in {parent}") };
    let mut missing: Vec<&str> = Vec::new();
    for (name, option) in spec {
        let text = |key: &str| option.get(key).and_then(Json::as_str);
        let aliases = option.get("aliases").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        let value = std::iter::once(name.as_str()).chain(aliases).find_map(|name| given.get(name));
        let Some(value) = value.filter(|value| !value.is_null()) else {
            if option.get("required").and_then(Json::as_bool) == Some(true) && !given.contains_key(name) {
                missing.push(name);
            }
            continue;
        };
        let wanted = text("type").unwrap_or("str");
        let Some(value) = converted(wanted, value) else {
            let is = type_name(value);
            errors
                .push(format!("argument '{name}' is of type {is}{found_in} and we were unable to convert to {wanted}"));
            continue;
        };
        check_choices(name, option, &value, &found_in, errors);
        let options = option.get("options").and_then(Json::as_object);
        let inner = if parent.is_empty() { name.clone() } else { format!("{parent} -> {name}") };
        match (&value, options) {
            (Json::Object(map), Some(options)) => check_inner(options, map, &inner, errors),
            (Json::Array(items), _) => check_items(option, name, &inner, items, errors),
            _ => {}
        }
    }
    if !missing.is_empty() {
        missing.sort_unstable();
        errors.push(format!("missing required arguments: {}{found_in}", missing.join(", ")));
    }
}

/// A mapping inside a parameter takes no names its options do not know.
fn check_inner(options: &Map, map: &Map, parent: &str, errors: &mut Vec<String>) {
    let aliases = |option: &Json| -> Vec<String> {
        let names = option.get("aliases").and_then(Json::as_array);
        names.into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
    };
    let known: Vec<String> =
        options.iter().flat_map(|(name, option)| std::iter::once(name.clone()).chain(aliases(option))).collect();
    let unknown: Vec<&str> = map.keys().filter(|name| !known.contains(name)).map(String::as_str).collect();
    if !unknown.is_empty() {
        let names = options.keys().cloned().collect::<Vec<_>>().join(", ");
        errors.push(format!("{} found in {parent}. Supported parameters include: {names}.", unknown.join(", ")));
    }
    check(options, map, parent, errors);
}

fn check_items(option: &Json, name: &str, parent: &str, items: &[Json], errors: &mut Vec<String>) {
    let Some(wanted) = option.get("elements").and_then(Json::as_str) else { return };
    let options = option.get("options").and_then(Json::as_object);
    for item in items {
        match (converted(wanted, item), options) {
            (None, _) => {
                let is = type_name(item);
                let message = format!("Elements value for option '{name}' is of type {is}");
                errors.push(format!("{message} and we were unable to convert to {wanted}"));
            }
            (Some(Json::Object(map)), Some(options)) => check_inner(options, &map, parent, errors),
            _ => {}
        }
    }
}

fn check_choices(name: &str, option: &Json, value: &Json, found_in: &str, errors: &mut Vec<String>) {
    let Some(choices) = option.get("choices").and_then(Json::as_array) else { return };
    let plain = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let all = choices.iter().map(plain).collect::<Vec<_>>();
    let items = value.as_array().map_or_else(|| vec![value.clone()], Clone::clone);
    let wrong: Vec<String> = items.iter().map(plain).filter(|item| !all.contains(item)).collect();
    if !wrong.is_empty() {
        let how = if value.is_array() { "one or more of" } else { "one of" };
        let got = wrong.join(", ");
        errors.push(format!("value of {name} must be {how}: {}, got: {got}{found_in}", all.join(", ")));
    }
}

fn converted(wanted: &str, value: &Json) -> Option<Json> {
    let kind = match wanted {
        "str" => ParamKind::Str,
        "path" => ParamKind::Path,
        "bool" => ParamKind::Bool,
        "int" => ParamKind::Int,
        "float" => ParamKind::Float,
        "list" if value.is_object() => return None,
        "list" => ParamKind::List,
        "dict" => ParamKind::Dict,
        // `raw`, `jsonarg`, `bytes`, `bits`.
        _ => ParamKind::Raw,
    };
    catalog::converted(kind, value.clone())
}

fn type_name(value: &Json) -> &'static str {
    match value {
        Json::Null => "NoneType",
        Json::Bool(_) => "bool",
        Json::Number(number) if number.is_f64() => "float",
        Json::Number(_) => "int",
        Json::String(_) => "str",
        Json::Array(_) => "list",
        Json::Object(_) => "dict",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(spec: Json, given: Json) -> Vec<String> {
        let mut errors = Vec::new();
        let map = |value: Json| value.as_object().cloned().unwrap_or_default();
        check(&map(spec), &map(given), "", &mut errors);
        errors
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let spec = serde_json::json!({
            "a": {"required": true}, "n": {"type": "int"}, "c": {"choices": ["x", "y"]},
            "l": {"type": "list", "elements": "int"},
            "d": {"type": "dict", "options": {"inner": {"required": true, "type": "bool"}}},
        });
        assert_eq!(errors(spec.clone(), serde_json::json!({"a": 1, "n": "5", "c": "x", "l": [1, "2"]})), [""; 0]);
        let all = errors(spec, serde_json::json!({"n": "five", "c": "z", "l": ["q"], "d": {"other": 1}}));
        assert_eq!(all.len(), 6, "{all:?}");
        assert!(all.iter().any(|error| error == "missing required arguments: a"));
        assert!(all.iter().any(|error| error == "missing required arguments: inner found in d"));
        assert!(all.iter().any(|error| error == "value of c must be one of: x, y, got: z"));
        assert!(all.iter().any(|error| error.starts_with("argument 'n' is of type str")));
        assert!(all.iter().any(|error| error.starts_with("other found in d")));
    }
}
