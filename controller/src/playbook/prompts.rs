//! `vars_prompt:` of a play: variables that a person is asked for.

use super::keywords::unknown_key;
use super::task::key_text;
use super::types::Prompt;
use crate::yaml::{Diagnostic, Node, NodeData, Value};

const KEYS: &[&str] = &["name", "prompt", "default", "private", "confirm", "encrypt", "salt", "salt_size", "unsafe"];

/// The prompts of a play.
pub(super) fn read(node: &Node) -> Result<Vec<Prompt>, Diagnostic> {
    match &node.data {
        NodeData::List(items) => items.iter().map(prompt).collect(),
        _ if node.to_value() == Value::Null => Ok(Vec::new()),
        _ => Err(Diagnostic::error(Some(node.origin.clone()), "vars_prompt must be a list")),
    }
}

fn prompt(node: &Node) -> Result<Prompt, Diagnostic> {
    let NodeData::Map(pairs) = &node.data else {
        return Err(Diagnostic::error(Some(node.origin.clone()), "an entry of vars_prompt must be a mapping"));
    };
    let mut prompt = Prompt {
        name: String::new(),
        origin: node.origin.clone(),
        question: None,
        default: None,
        private: true,
        confirm: false,
        encrypt: None,
        salt: None,
        salt_size: None,
    };
    for (key, value) in pairs {
        let name = key_text(key)?;
        let given = value.to_value();
        let truth = || match &given {
            Value::Bool(flag) => Ok(*flag),
            Value::Str(text) if matches!(&**text, "yes" | "true" | "on") => Ok(true),
            Value::Str(text) if matches!(&**text, "no" | "false" | "off") => Ok(false),
            other => {
                let message = format!("`{name}` of vars_prompt must be yes or no, found {}", other.type_name());
                Err(Diagnostic::error(Some(value.origin.clone()), message))
            }
        };
        let text = || given.as_str().map(str::to_owned);
        match name.as_str() {
            "name" => prompt.name = text().unwrap_or_default(),
            "prompt" => prompt.question = text(),
            "default" => prompt.default = (given != Value::Null).then_some(given.clone()),
            "private" => prompt.private = truth()?,
            "confirm" => prompt.confirm = truth()?,
            "encrypt" => prompt.encrypt = text(),
            "salt" => prompt.salt = text(),
            "salt_size" => prompt.salt_size = Some(given.clone()),
            "unsafe" => {}
            other => return Err(unknown_key("vars_prompt", other, key, &[KEYS])),
        }
    }
    if prompt.name.is_empty() {
        return Err(Diagnostic::error(Some(node.origin.clone()), "an entry of vars_prompt needs a `name`"));
    }
    Ok(prompt)
}
