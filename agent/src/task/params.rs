//! Parameters as a module may rely on them: under their own names, with defaults filled in.

use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec};
use luthier_protocol::{Map, Value};

/// The given parameters, renamed from aliases, and the spec's defaults for the others.
pub fn complete(spec: &ModuleSpec, given: &Map) -> Map {
    let mut params = given.clone();
    for param in spec.params.iter() {
        if params.contains_key(param.name.as_ref()) {
            continue;
        }
        let aliased = param.aliases.iter().find_map(|alias| params.shift_remove(alias.as_ref()));
        if let Some(value) = aliased.or_else(|| default(param)) {
            params.insert(param.name.to_string(), value);
        }
    }
    params
}

/// The default, which the spec states as YAML text, as a value of the parameter's type.
fn default(param: &ParamSpec) -> Option<Value> {
    let text = param.default.as_deref()?.trim();
    let plain = text.trim_matches(['"', '\'']);
    match param.kind {
        ParamKind::Bool => Some(matches!(plain, "true" | "yes" | "on" | "1").into()),
        ParamKind::Int => plain.parse::<i64>().ok().map(Value::from),
        ParamKind::Float => plain.parse::<f64>().ok().map(Value::from),
        ParamKind::List => {
            let words = plain.trim_start_matches('[').trim_end_matches(']').split(',').map(str::trim);
            Some(words.filter(|word| !word.is_empty()).map(Value::from).collect())
        }
        ParamKind::Dict => serde_json::from_str(text).ok(),
        ParamKind::Raw => Some(serde_json::from_str(text).unwrap_or_else(|_| plain.into())),
        ParamKind::Str | ParamKind::Path => Some(plain.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    fn param(name: &'static str, kind: ParamKind, default: &'static str) -> ParamSpec {
        ParamSpec {
            name: Cow::Borrowed(name),
            aliases: Cow::Borrowed(&[Cow::Borrowed("other")]),
            kind,
            required: false,
            default: Some(Cow::Borrowed(default)),
            choices: Cow::Borrowed(&[]),
            doc: Cow::Borrowed(""),
        }
    }

    #[test]
    fn defaults_take_the_type_of_their_parameter() {
        let expect = [
            (ParamKind::Bool, "yes", Value::from(true)),
            (ParamKind::Int, "12", Value::from(12)),
            (ParamKind::Str, "'12'", Value::from("12")),
            (ParamKind::List, "[a, b]", serde_json::json!(["a", "b"])),
            (ParamKind::Dict, "{}", serde_json::json!({})),
        ];
        for (kind, text, value) in expect {
            assert_eq!(default(&param("p", kind, text)), Some(value));
        }
    }

    #[test]
    fn an_alias_gives_the_parameter_its_value() {
        let spec = ModuleSpec {
            name: Cow::Borrowed("m"),
            aliases: Cow::Borrowed(&[]),
            summary: Cow::Borrowed(""),
            params: Cow::Owned(vec![param("path", ParamKind::Path, "/x")]),
            free_form: None,
            mutually_exclusive: Cow::Borrowed(&[]),
            required_one_of: Cow::Borrowed(&[]),
            revertible: true,
            example: Cow::Borrowed(""),
            returns: Cow::Borrowed(&[]),
        };
        let given = Map::from_iter([("other".to_owned(), Value::from("/y"))]);
        assert_eq!(complete(&spec, &given), Map::from_iter([("path".to_owned(), Value::from("/y"))]));
        assert_eq!(complete(&spec, &Map::new()), Map::from_iter([("path".to_owned(), Value::from("/x"))]));
    }
}
