//! A task's parameters in each of the forms people write: a mapping, `key=value` text, free text, `args:`.

use super::keywords::written;
use super::types::{Args, Written};
use crate::yaml::{Diagnostic, Node, NodeData, Value, parse_arguments};

/// Modules that take free text, and the parameter it becomes.
const FREE_TEXT: &[(&str, &str)] = &[
    ("command", "_raw_params"),
    ("shell", "_raw_params"),
    ("raw", "_raw_params"),
    ("script", "_raw_params"),
    ("meta", "free_form"),
    ("include_vars", "file"),
    ("include_tasks", "file"),
    ("import_tasks", "file"),
    ("include", "file"),
    ("import_playbook", "file"),
];

/// The last part of a full name: `ansible.builtin.copy` is `copy`.
pub(super) fn short(module: &str) -> &str {
    if module.starts_with("luthier.") { module } else { module.rsplit('.').next().unwrap_or(module) }
}

fn free_text(module: &str) -> Option<&'static str> {
    FREE_TEXT.iter().find(|(name, _)| *name == short(module)).map(|(_, param)| *param)
}

/// Parameters written as the value of the module's key.
pub(super) fn read(module: &str, node: &Node) -> Result<Args, Diagnostic> {
    match &node.data {
        NodeData::Map(pairs) => Ok(Args { pairs: mapping(pairs)?, dynamic: None }),
        NodeData::List(_) => Err(Diagnostic::error(
            Some(node.origin.clone()),
            format!("parameters of `{module}` must be a mapping or text, found a list"),
        )),
        NodeData::Scalar { .. } => match node.to_value() {
            Value::Null => Ok(Args::default()),
            Value::Str(text) => text_args(module, &text, node),
            Value::Template(text) => {
                let source = text.source.trim();
                let whole = source.starts_with("{{") && source.ends_with("}}") && source.matches("{{").count() == 1;
                if whole && free_text(module).is_none() {
                    return Ok(Args { pairs: Vec::new(), dynamic: Some(written(node)) });
                }
                text_args(module, &text.source, node)
            }
            other if free_text(module).is_some() => text_args(module, &plain_text(&other), node),
            other => Err(Diagnostic::error(
                Some(node.origin.clone()),
                format!("parameters of `{module}` must be a mapping or text, found {}", other.type_name()),
            )),
        },
    }
}

fn plain_text(value: &Value) -> String {
    match value {
        Value::Bool(value) => if *value { "true" } else { "false" }.to_owned(),
        other => other.to_json().to_string(),
    }
}

/// Add what `args:` says; what stands at the module's key wins.
pub(super) fn merge(args: &mut Args, module: &str, node: &Node) -> Result<(), Diagnostic> {
    match &node.data {
        NodeData::Map(pairs) => {
            for (name, value) in mapping(pairs)? {
                if args.get(&name).is_none() {
                    args.pairs.push((name, value));
                }
            }
            Ok(())
        }
        _ => match node.to_value() {
            Value::Null => Ok(()),
            Value::Template(_) => {
                args.dynamic = Some(written(node));
                Ok(())
            }
            _ => Err(Diagnostic::error(Some(node.origin.clone()), format!("args of `{module}` must be a mapping"))),
        },
    }
}

fn mapping(pairs: &[(Node, Node)]) -> Result<Vec<(String, Written)>, Diagnostic> {
    let mut out: Vec<(String, Written)> = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        let name = match key.to_value() {
            Value::Str(text) => text.to_string(),
            // Rendered with the parameters; modules that take any name take it then.
            Value::Template(text) => text.source.to_string(),
            other => {
                let message = format!("a parameter's name must be text, found {}", other.type_name());
                return Err(Diagnostic::error(Some(key.origin.clone()), message));
            }
        };
        let entry = Written { value: value.to_value(), origin: key.origin.clone() };
        out.retain(|(known, _)| *known != name);
        out.push((name, entry));
    }
    Ok(out)
}

fn text_args(module: &str, text: &str, node: &Node) -> Result<Args, Diagnostic> {
    let wrong = |message: String| Diagnostic::error(Some(node.origin.clone()), message).length(node.length);
    let free = free_text(module);
    let parsed = parse_arguments(text, free.is_some(), Some(&node.origin))?;
    let place =
        |text: &str| Written { value: Value::written(text, Some(node.origin.clone())), origin: node.origin.clone() };
    let mut pairs: Vec<(String, Written)> =
        parsed.pairs.iter().map(|(name, value)| (name.clone(), place(value))).collect();
    if let Some(raw) = parsed.raw {
        match free {
            Some(param) => pairs.push((param.to_owned(), place(&raw))),
            None => {
                return Err(wrong(format!("`{module}` takes no free text, found `{raw}`"))
                    .help("write its parameters as a mapping, or as key=value"));
            }
        }
    }
    Ok(Args { pairs, dynamic: None })
}
