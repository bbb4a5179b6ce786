//! The tree of a YAML document: every value with the place where it was written.

use super::diagnostic::Diagnostic;
use super::value::{Key, Origin, Value, ValueMap};

/// A piece of a YAML document.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub data: NodeData,
    /// Where it begins; of an alias: where the anchored text stands.
    pub origin: Origin,
    /// Length of a scalar in characters of the file; 0 otherwise.
    pub length: usize,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeData {
    /// Text, number, truth value or nothing.
    Scalar {
        /// The text, unquoted, before any rule turned it into a number or the like.
        text: String,
        /// What it means.
        value: Value,
        /// Written without quotes or block indicator.
        plain: bool,
        /// A tag of Ansible's.
        tag: Option<Tag>,
    },
    /// Sequence.
    List(Vec<Node>),
    /// Mapping, in the order of the file. Merge keys (`<<`) have been applied. A key written twice stands here twice:
    /// the last one counts.
    Map(Vec<(Node, Node)>),
}

/// A tag that Ansible gives a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// `!unsafe`: text that is never a template.
    Unsafe,
    /// `!vault`: encrypted text.
    Vault,
}

impl Node {
    /// Nothing, at a place.
    pub fn null(origin: Origin) -> Self {
        let data = NodeData::Scalar { text: String::new(), value: Value::Null, plain: true, tag: None };
        Self { data, origin, length: 0 }
    }

    /// Whether it is `null` or was left empty.
    pub fn is_null(&self) -> bool {
        matches!(&self.data, NodeData::Scalar { value: Value::Null, .. })
    }

    /// The text of a scalar as written, whatever it means (`yes` for a true).
    pub fn text(&self) -> Option<&str> {
        match &self.data {
            NodeData::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The text of a scalar that means text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.data {
            NodeData::Scalar { value, .. } => value.as_str(),
            _ => None,
        }
    }

    /// The items of a list.
    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.data {
            NodeData::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a mapping, duplicates included.
    pub fn as_map(&self) -> Option<&[(Node, Node)]> {
        match &self.data {
            NodeData::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The entry of a mapping that counts for a textual key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.iter().rev().find(|(name, _)| name.as_str() == Some(key)).map(|(_, value)| value)
    }

    /// Python's name of the type, for messages.
    pub fn type_name(&self) -> &'static str {
        match &self.data {
            NodeData::Scalar { value, .. } => value.type_name(),
            NodeData::List(_) => "list",
            NodeData::Map(_) => "dict",
        }
    }

    /// An error at this place.
    pub fn error(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(Some(self.origin.clone()), message).length(self.length)
    }

    /// The value; of keys written twice the last one counts.
    pub fn to_value(&self) -> Value {
        self.to_value_warn(&mut Vec::new())
    }

    /// The value, with a warning for every key that was written twice.
    pub fn to_value_warn(&self, warnings: &mut Vec<Diagnostic>) -> Value {
        match &self.data {
            NodeData::Scalar { value, .. } => value.clone(),
            NodeData::List(items) => Value::list(items.iter().map(|item| item.to_value_warn(warnings)).collect()),
            NodeData::Map(entries) => {
                let mut map = ValueMap::with_capacity(entries.len());
                for (name, node) in entries {
                    let value = node.to_value_warn(warnings);
                    if map.insert(name.key(), value).is_some() {
                        warnings.push(name.duplicate());
                    }
                }
                Value::map(map)
            }
        }
    }

    /// Warnings for every key written twice, here and below.
    pub fn duplicates(&self, warnings: &mut Vec<Diagnostic>) {
        match &self.data {
            NodeData::Scalar { .. } => {}
            NodeData::List(items) => items.iter().for_each(|item| item.duplicates(warnings)),
            NodeData::Map(entries) => {
                let mut seen = std::collections::HashSet::with_capacity(entries.len());
                for (name, node) in entries {
                    if !seen.insert(name.key()) {
                        warnings.push(name.duplicate());
                    }
                    node.duplicates(warnings);
                }
            }
        }
    }

    fn duplicate(&self) -> Diagnostic {
        Diagnostic::warning(Some(self.origin.clone()), format!("the key `{}` stands here twice", self.key()))
            .length(self.length)
            .help("the last one counts")
    }

    /// As key of a mapping: a scalar's value; a collection, which the parser refuses as a key, its type's name.
    pub fn key(&self) -> Key {
        let NodeData::Scalar { text, value, .. } = &self.data else { return Key::from(self.type_name()) };
        match value {
            Value::Null => Key::Null,
            Value::Bool(value) => Key::Bool(*value),
            Value::Int(number) => Key::Int(*number),
            Value::Float(number) => Key::Float(*number),
            Value::Str(text) => Key::Str(text.clone()),
            _ => Key::from(text.as_str()),
        }
    }

    /// Makes every text here and below data that is never a template.
    pub(super) fn make_unsafe(&mut self) {
        match &mut self.data {
            NodeData::Scalar { text, value, tag, .. } => {
                if matches!(value, Value::Template(_)) {
                    *value = Value::str(text.as_str());
                }
                *tag = tag.or(Some(Tag::Unsafe));
            }
            NodeData::List(items) => items.iter_mut().for_each(Self::make_unsafe),
            NodeData::Map(entries) => entries.iter_mut().for_each(|(_, value)| value.make_unsafe()),
        }
    }

    /// How many nodes it is made of.
    pub(super) fn size(&self) -> usize {
        1 + match &self.data {
            NodeData::Scalar { .. } => 0,
            NodeData::List(items) => items.iter().map(Self::size).sum(),
            NodeData::Map(entries) => entries.iter().map(|(key, value)| key.size() + value.size()).sum(),
        }
    }
}
