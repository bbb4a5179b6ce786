//! Rows whose fields each are one small file of a folder: a table says which, and one loop reads them. Code of its own for
//! every field would be some hundred bytes each, and the agent travels.

use super::probe::{Probe, choices, chosen};
use luthier_protocol::{Map, Value};

/// How a file's text becomes a value; what does not is `null`.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// As it stands; empty is nothing.
    Text,
    /// A number.
    Number,
    /// A number that is not negative: those that are stand for "unknown".
    Count,
    /// A hexadecimal number without a sign before it.
    Hex,
    /// Whether a number is not 0.
    Flag,
    /// A list of words.
    Words,
    /// The word in brackets.
    Chosen,
}

/// A field's name, its file, and how to read that.
pub type Field = (&'static str, &'static str, Form);

/// Fills the fields of a row from a folder, each with a value or `null`; whether there was any value.
pub fn fill(probe: &mut Probe<'_>, row: &mut Map, folder: &str, fields: &[Field]) -> bool {
    let mut any = false;
    for (name, file, form) in fields {
        let value = probe.quiet(&format!("{folder}/{file}")).map_or(Value::Null, |text| form.value(text));
        any |= !value.is_null();
        row.insert((*name).to_owned(), value);
    }
    any
}

/// A row for each of some folders, with its `name`; folders that hold none of the fields are left out.
pub fn rows(probe: &mut Probe<'_>, class: &str, names: Vec<String>, fields: &[Field]) -> Vec<Map> {
    let mut found = Vec::new();
    for name in names {
        let folder = format!("{class}/{name}");
        let mut row = Map::new();
        row.insert("name".to_owned(), Value::String(name));
        if fill(probe, &mut row, &folder, fields) {
            found.push(row);
        }
    }
    found
}

/// The rows of a list within a value that are mappings.
pub fn rows_of<'a>(value: &'a mut Value, list: &str) -> impl Iterator<Item = &'a mut Map> {
    let rows = value.get_mut(list).and_then(Value::as_array_mut);
    rows.into_iter().flatten().filter_map(Value::as_object_mut)
}

/// The text of a row's field.
pub fn text_of(row: &Map, field: &str) -> String {
    row.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Rows as a value.
pub fn list(rows: Vec<Map>) -> Value {
    Value::Array(rows.into_iter().map(Value::Object).collect())
}

impl Form {
    fn value(self, text: &str) -> Value {
        let number = || text.parse::<i64>().ok();
        match self {
            Self::Text if text.is_empty() => Value::Null,
            Self::Text => Value::from(text),
            Self::Number => Value::from(number()),
            Self::Count => Value::from(number().filter(|number| *number >= 0)),
            Self::Hex => Value::from(i64::from_str_radix(text, 16).ok()),
            Self::Flag => Value::from(number().map(|number| number != 0)),
            Self::Words => Value::from(choices(text)),
            Self::Chosen => Value::from(chosen(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::host::Host;
    use serde_json::json;

    #[test]
    fn forms_of_text() {
        for (form, text, value) in [
            (Form::Text, "live", json!("live")),
            (Form::Text, "", Value::Null),
            (Form::Number, "-1", json!(-1)),
            (Form::Number, "x", Value::Null),
            (Form::Count, "-1", Value::Null),
            (Form::Count, "7", json!(7)),
            (Form::Hex, "8000000", json!(134_217_728)),
            (Form::Flag, "0", json!(false)),
            (Form::Words, "a [b]", json!(["a", "b"])),
            (Form::Chosen, "a [b]", json!("b")),
        ] {
            assert_eq!(form.value(text), value, "{form:?} {text}");
        }
    }

    #[test]
    fn rows_of_a_class() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("class/a")).unwrap();
        std::fs::create_dir_all(root.path().join("class/b")).unwrap();
        std::fs::write(root.path().join("class/b/state"), "live\n").unwrap();
        let mut errors = Vec::new();
        let host = Host::under(root.path());
        let mut probe = Probe::new(&host, &mut errors);
        let names = vec!["a".to_owned(), "b".to_owned()];
        let found = rows(&mut probe, "/class", names, &[("state", "state", Form::Text), ("of", "x", Form::Count)]);
        assert_eq!(list(found), json!([{"name": "b", "state": "live", "of": null}]));
    }
}
