//! JSON in the place of YAML: numbers follow JSON's rules, and Ansible's wrappings mean what they say.

use super::node::{Node, NodeData, Tag};
use super::value::{Origin, Value};
use std::path::Path;
use std::sync::Arc;

/// Ansible tries JSON first: numbers like `1e3` then follow JSON's rules.
pub(super) fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// Ansible's wrappings for what JSON lacks: text that is vaulted or never a template.
pub(super) fn unwrap(node: Node) -> Node {
    let NodeData::Map(entries) = &node.data else { return node };
    let [(key, inner)] = entries.as_slice() else { return node };
    let (Some(name), Some(text)) = (key.text(), inner.text()) else { return node };
    let (value, tag) = match name {
        "__ansible_vault" => (Value::Vault(text.into()), Tag::Vault),
        "__ansible_unsafe" => (Value::str(text), Tag::Unsafe),
        _ => return node,
    };
    let data = NodeData::Scalar { text: text.to_owned(), value, plain: false, tag: Some(tag) };
    Node { data, origin: inner.origin.clone(), length: inner.length }
}

/// A JSON text without places: for what the YAML parser does not take.
pub(super) fn read(text: &str, file: &Arc<Path>) -> Vec<Node> {
    let origin = Origin { file: file.clone(), line: 1, column: 1 };
    serde_json::from_str::<serde_json::Value>(text).map(|value| json_node(&value, &origin)).into_iter().collect()
}

fn json_node(value: &serde_json::Value, origin: &Origin) -> Node {
    let written = |text: &str| NodeData::Scalar {
        text: text.to_owned(),
        value: Value::written(text, Some(origin.clone())),
        plain: false,
        tag: None,
    };
    let data = match value {
        serde_json::Value::String(text) => written(text),
        serde_json::Value::Array(items) => NodeData::List(items.iter().map(|item| json_node(item, origin)).collect()),
        serde_json::Value::Object(map) => {
            let key = |key: &str| Node { data: written(key), origin: origin.clone(), length: 0 };
            NodeData::Map(map.iter().map(|(name, value)| (key(name), json_node(value, origin))).collect())
        }
        other => NodeData::Scalar { text: other.to_string(), value: Value::from_json(other), plain: true, tag: None },
    };
    unwrap(Node { data, origin: origin.clone(), length: 0 })
}
