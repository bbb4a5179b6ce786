//! The variables a template sees: layers over layers, the last one wins. Some are computed only when touched.

use crate::yaml::{Key, Value, ValueMap};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Something that computes variables when they are asked for, such as `hostvars`.
pub trait Lazy: Send + Sync {
    /// The entry of a name.
    fn get(&self, name: &str) -> Option<Entry>;
    /// The names there are.
    fn names(&self) -> Vec<Arc<str>>;
}

/// What a name stands for.
#[derive(Clone)]
pub enum Entry {
    /// A value; templates in it see the scope in which it was found.
    Value(Value),
    /// A mapping whose entries are computed when touched.
    Lazy(Arc<dyn Lazy>),
    /// Variables of their own, such as `hostvars['h']`: templates in them see them, not the scope around them.
    Scope(Scope),
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => value.fmt(f),
            Self::Lazy(_) => f.write_str("Lazy"),
            Self::Scope(_) => f.write_str("Scope"),
        }
    }
}

#[derive(Clone)]
enum Layer {
    Map(Arc<ValueMap>),
    Lazy(Arc<dyn Lazy>),
    One(Arc<str>, Entry),
}

/// Layers of variables, lowest precedence first. Cloning copies a short list of references.
#[derive(Clone, Default)]
pub struct Scope {
    layers: Vec<Layer>,
    implied: Option<Arc<ValueMap>>,
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scope({} layers)", self.layers.len())
    }
}

impl Scope {
    /// No variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts variables on top.
    pub fn push(&mut self, layer: Arc<ValueMap>) {
        self.layers.push(Layer::Map(layer));
    }

    /// Puts computed variables on top.
    pub fn push_lazy(&mut self, layer: Arc<dyn Lazy>) {
        self.layers.push(Layer::Lazy(layer));
    }

    /// Puts one name on top (`hostvars`, `item`).
    pub fn set(&mut self, name: impl Into<Arc<str>>, entry: Entry) {
        self.layers.push(Layer::One(name.into(), entry));
    }

    /// Puts variables below everything that nobody said: templates may read them, [`Self::get`] and [`Self::names`] do not
    /// know them.
    pub fn imply(&mut self, layer: Arc<ValueMap>) {
        self.implied = Some(layer);
    }

    /// The same with a layer on top.
    #[must_use]
    pub fn with(&self, layer: Arc<ValueMap>) -> Self {
        let mut scope = self.clone();
        scope.push(layer);
        scope
    }

    /// The same with one name on top.
    #[must_use]
    pub fn with_entry(&self, name: impl Into<Arc<str>>, entry: Entry) -> Self {
        let mut scope = self.clone();
        scope.set(name, entry);
        scope
    }

    /// What a name stands for.
    pub fn entry(&self, name: &str) -> Option<Entry> {
        let implied = || self.implied.as_ref()?.get(name).cloned().map(Entry::Value);
        self.said(name).or_else(implied)
    }

    fn said(&self, name: &str) -> Option<Entry> {
        self.layers.iter().rev().find_map(|layer| match layer {
            Layer::Map(map) => map.get(name).cloned().map(Entry::Value),
            Layer::Lazy(lazy) => lazy.get(name),
            Layer::One(own, entry) => (**own == *name).then(|| entry.clone()),
        })
    }

    /// The value of a name as somebody wrote it (not rendered); `None` too for mappings that are computed.
    pub fn get(&self, name: &str) -> Option<Value> {
        match self.said(name)? {
            Entry::Value(value) => Some(value),
            Entry::Lazy(_) | Entry::Scope(_) => None,
        }
    }

    /// All names, lowest layer first, each once.
    pub fn names(&self) -> Vec<Arc<str>> {
        let mut names = indexmap::IndexSet::new();
        for layer in &self.layers {
            match layer {
                Layer::Map(map) => names.extend(map.keys().filter_map(|key| match key {
                    Key::Str(name) => Some(Arc::clone(name)),
                    _ => None,
                })),
                Layer::Lazy(lazy) => names.extend(lazy.names()),
                Layer::One(name, _) => {
                    names.insert(Arc::clone(name));
                }
            }
        }
        names.into_iter().collect()
    }
}

/// Where lookups and includes look for files.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// Folders, nearest first: of a role, of the tasks file, of the playbook. In each, `templates/` or `files/` come first.
    pub search: Vec<PathBuf>,
    /// Folder against which relative names of `fileglob`, `password` and the like stand when nothing is found; usually the playbook's.
    pub base: Option<PathBuf>,
}
