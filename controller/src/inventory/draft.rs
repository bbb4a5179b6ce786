//! What one source says, in its order, before it is put together with the others.

use crate::yaml::{Diagnostic, Key, Origin, Value};

/// The statements of a source.
#[derive(Debug, Default)]
pub struct Draft {
    /// In their order.
    pub entries: Vec<Entry>,
    /// What was passed over.
    pub warnings: Vec<Diagnostic>,
}

/// One statement.
#[derive(Debug)]
pub enum Entry {
    /// A group exists.
    Group(String),
    /// Hosts belong to a group and have variables.
    Hosts {
        /// Their names, ranges expanded.
        names: Vec<String>,
        /// The group; `None` when it is said elsewhere.
        group: Option<String>,
        /// Port, from `name:port`.
        port: Option<u16>,
        /// Variables, for each of them.
        vars: Vec<(Key, Value)>,
    },
    /// A group has a variable.
    Variable {
        /// The group.
        group: String,
        /// Name of the variable.
        key: Key,
        /// Its value.
        value: Value,
        /// Where it is written.
        origin: Option<Origin>,
    },
    /// A group is part of another one. Both exist.
    Child {
        /// The outer group.
        parent: String,
        /// The inner group.
        child: String,
        /// Where it is written.
        origin: Option<Origin>,
    },
}
