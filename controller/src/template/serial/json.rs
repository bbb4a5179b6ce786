//! Python's `json.dumps`.

use crate::template::error::{Fault, Outcome};
use crate::template::text;
use crate::yaml::{Key, Value};
use std::fmt::Write as _;

/// Options of `json.dumps`.
#[derive(Debug, Clone)]
pub(in crate::template) struct JsonStyle {
    /// What one level is indented by; none: everything on one line.
    pub(in crate::template) indent: Option<String>,
    pub(in crate::template) sort_keys: bool,
    pub(in crate::template) ascii: bool,
    pub(in crate::template) item_separator: String,
    pub(in crate::template) key_separator: String,
}

impl Default for JsonStyle {
    fn default() -> Self {
        Self {
            indent: None,
            sort_keys: false,
            ascii: true,
            item_separator: ", ".to_owned(),
            key_separator: ": ".to_owned(),
        }
    }
}

/// The text.
pub(in crate::template) fn to_json(value: &Value, style: &JsonStyle) -> Outcome<String> {
    let mut out = String::new();
    write(value, style, 0, &mut out)?;
    Ok(out)
}

fn line(style: &JsonStyle, depth: usize, out: &mut String) {
    if let Some(indent) = &style.indent {
        out.push('\n');
        for _ in 0..depth {
            out.push_str(indent);
        }
    }
}

fn write(value: &Value, style: &JsonStyle, depth: usize, out: &mut String) -> Outcome<()> {
    if depth > 500 {
        return Err(Fault::new("value nests too deep for JSON"));
    }
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(number) => {
            let _ = write!(out, "{number}");
        }
        Value::Float(number) => out.push_str(&float(*number)),
        Value::Str(text) | Value::Vault(text) => quote(text, style.ascii, out),
        Value::Template(text) => quote(&text.source, style.ascii, out),
        Value::List(items) if items.is_empty() => out.push_str("[]"),
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(&style.item_separator);
                }
                line(style, depth + 1, out);
                write(item, style, depth + 1, out)?;
            }
            line(style, depth, out);
            out.push(']');
        }
        Value::Map(map) if map.is_empty() => out.push_str("{}"),
        Value::Map(map) => {
            let mut entries: Vec<(&Key, &Value)> = map.iter().collect();
            if style.sort_keys {
                super::yaml::sort(&mut entries)?;
            }
            out.push('{');
            for (index, (key, item)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push_str(&style.item_separator);
                }
                line(style, depth + 1, out);
                let name = match key {
                    Key::Str(text) => text.to_string(),
                    Key::Bool(value) => value.to_string(),
                    Key::Null => "null".to_owned(),
                    Key::Float(number) => float(*number),
                    Key::Int(number) => number.to_string(),
                };
                quote(&name, style.ascii, out);
                out.push_str(&style.key_separator);
                write(item, style, depth + 1, out)?;
            }
            line(style, depth, out);
            out.push('}');
        }
    }
    Ok(())
}

fn float(number: f64) -> String {
    match text::float(number).as_str() {
        "nan" => "NaN".to_owned(),
        "inf" => "Infinity".to_owned(),
        "-inf" => "-Infinity".to_owned(),
        other => other.to_owned(),
    }
}

fn quote(text: &str, ascii: bool, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if u32::from(c) < 0x20 || (ascii && !c.is_ascii()) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
