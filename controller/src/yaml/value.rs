//! A variable's value: what YAML files, inventories, `set_fact` and hosts give, and what templates read.
//!
//! Text that was written by the operator and contains template marks is a [`Value::Template`]: it is rendered when it is
//! read. Text that came from a host or a data file is a [`Value::Str`] whatever it contains: it is never rendered.

use indexmap::{Equivalent, IndexMap};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// A mapping in the order it was written.
pub type ValueMap = IndexMap<Key, Value>;

/// A value. Cloning is cheap: everything large is shared.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// `null`, `None`.
    #[default]
    Null,
    /// Truth value.
    Bool(bool),
    /// Whole number (wider than 64 bits: Python's have no limit, YAML files reach this far).
    Int(i128),
    /// Number.
    Float(f64),
    /// Text that is data.
    Str(Arc<str>),
    /// Text the operator wrote that holds `{{`, `{%` or `{#`.
    Template(Arc<TemplateText>),
    /// Vaulted text that has not been decrypted.
    Vault(Arc<str>),
    /// List.
    List(Arc<Vec<Value>>),
    /// Mapping.
    Map(Arc<ValueMap>),
}

/// Template text and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateText {
    /// The text.
    pub source: String,
    /// File and position of its first letter; `None` for text from the command line.
    pub origin: Option<Origin>,
}

/// A place in a file. Lines and columns count from 1; columns count characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The file.
    pub file: Arc<Path>,
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", shown(&self.file).display(), self.line, self.column)
    }
}

/// A path as people read it best: below the folder that the program was started in without that folder.
pub fn shown(path: &Path) -> &Path {
    static HERE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let here = HERE.get_or_init(|| std::env::current_dir().ok());
    let inner = here.as_ref().and_then(|here| path.strip_prefix(here).ok());
    let is_below = |inner: &&Path| matches!(inner.components().next(), Some(std::path::Component::Normal(_)));
    inner.filter(is_below).unwrap_or(path)
}

/// Key of a mapping. Nearly always text; YAML and Python allow other scalars.
#[derive(Debug, Clone)]
pub enum Key {
    /// Text.
    Str(Arc<str>),
    /// Whole number.
    Int(i128),
    /// Truth value.
    Bool(bool),
    /// Number.
    Float(f64),
    /// `null`.
    Null,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Str(a), Self::Str(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (Self::Null, Self::Null) => true,
            _ => false,
        }
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            // The same hash as `str`, so that maps can be asked with a `&str`.
            Self::Str(text) => (**text).hash(state),
            Self::Int(number) => number.hash(state),
            Self::Bool(value) => value.hash(state),
            Self::Float(number) => number.to_bits().hash(state),
            Self::Null => 0_u8.hash(state),
        }
    }
}

impl Equivalent<Key> for str {
    fn equivalent(&self, key: &Key) -> bool {
        matches!(key, Key::Str(text) if &**text == self)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Str(text) => f.write_str(text),
            Self::Int(number) => write!(f, "{number}"),
            Self::Bool(value) => f.write_str(if *value { "True" } else { "False" }),
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Null => f.write_str("None"),
        }
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self::Str(text.into())
    }
}

impl Value {
    /// Text that is data.
    pub fn str(text: impl Into<Arc<str>>) -> Self {
        Self::Str(text.into())
    }

    /// Text an operator wrote: a template if it holds template marks, data otherwise.
    pub fn written(text: &str, origin: Option<Origin>) -> Self {
        if text.contains("{{") || text.contains("{%") || text.contains("{#") {
            Self::Template(Arc::new(TemplateText { source: text.to_owned(), origin }))
        } else {
            Self::Str(text.into())
        }
    }

    /// A list.
    pub fn list(items: Vec<Value>) -> Self {
        Self::List(Arc::new(items))
    }

    /// A mapping.
    pub fn map(map: ValueMap) -> Self {
        Self::Map(Arc::new(map))
    }

    /// The entry of a mapping.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Map(map) => map.get(key),
            _ => None,
        }
    }

    /// The text, of data or of a template as written.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            Self::Template(text) => Some(&text.source),
            _ => None,
        }
    }

    /// Python's name of the type, for messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) | Self::Template(_) | Self::Vault(_) => "str",
            Self::List(_) => "list",
            Self::Map(_) => "dict",
        }
    }

    /// Whether a template, or encrypted text, stands anywhere in it: something that is only known once it is rendered.
    pub fn has_template(&self) -> bool {
        match self {
            Self::Template(_) | Self::Vault(_) => true,
            Self::List(items) => items.iter().any(Self::has_template),
            Self::Map(map) => map.values().any(Self::has_template),
            _ => false,
        }
    }

    /// Data from a host or a JSON file: nothing in it is ever a template.
    pub fn from_json(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(number) => number
                .as_i64()
                .map(|n| Self::Int(i128::from(n)))
                .or_else(|| number.as_u64().map(|n| Self::Int(i128::from(n))))
                .unwrap_or_else(|| Self::Float(number.as_f64().unwrap_or(f64::NAN))),
            serde_json::Value::String(text) => Self::str(text.as_str()),
            serde_json::Value::Array(items) => Self::list(items.iter().map(Self::from_json).collect()),
            serde_json::Value::Object(map) => {
                Self::map(map.iter().map(|(key, value)| (Key::from(key.as_str()), Self::from_json(value))).collect())
            }
        }
    }

    /// As JSON; whole numbers beyond 64 bits become floating point, templates their text, keys text.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Int(number) => i64::try_from(*number)
                .map(serde_json::Value::from)
                .or_else(|_| u64::try_from(*number).map(serde_json::Value::from))
                .unwrap_or_else(|_| serde_json::Value::from(*number as f64)),
            Self::Float(number) => serde_json::Value::from(*number),
            Self::Str(text) | Self::Vault(text) => serde_json::Value::from(&**text),
            Self::Template(text) => serde_json::Value::from(text.source.as_str()),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Map(map) => map.iter().map(|(key, value)| (key.to_string(), value.to_json())).collect(),
        }
    }
}

impl serde::Serialize for Value {
    /// As JSON would show it, with whole numbers of any size kept exact.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::{SerializeMap, SerializeSeq};
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(number) => match i64::try_from(*number) {
                Ok(small) => serializer.serialize_i64(small),
                Err(_) => serializer.serialize_i128(*number),
            },
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Str(text) | Self::Vault(text) => serializer.serialize_str(text),
            Self::Template(text) => serializer.serialize_str(&text.source),
            Self::List(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                for item in items.iter() {
                    seq.serialize_element(item)?;
                }
                seq.end()
            }
            Self::Map(map) => {
                let mut out = serializer.serialize_map(Some(map.len()))?;
                for (key, value) in map.iter() {
                    out.serialize_entry(&key.to_string(), value)?;
                }
                out.end()
            }
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::str(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::str(text)
    }
}
