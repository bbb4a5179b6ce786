//! A task's parameters by name, for modules that read them one by one instead of through a type of their own.

use super::ownership::{Asked, Attributes};
use super::{ModuleError, Request};
use crate::host::Host;
use luthier_protocol::Value;

/// Names of the SELinux parameters.
const SELINUX: &[&str] = &["seuser", "serole", "setype", "selevel"];

impl<'a> Request<'a> {
    /// A parameter that is given and not null.
    pub(super) fn value(&self, name: &str) -> Option<&'a Value> {
        self.params.get(name).filter(|value| !value.is_null())
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.value(name).and_then(Value::as_str)
    }

    /// A text that must be there.
    pub(super) fn needed(&self, name: &str) -> Result<&'a str, ModuleError> {
        self.text(name).ok_or_else(|| ModuleError::new(format!("missing required arguments: {name}")))
    }

    /// A truth value; false where it is not given.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.value(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A truth value that holds unless it is denied.
    pub(super) fn unless_denied(&self, name: &str) -> bool {
        self.value(name).and_then(Value::as_bool).unwrap_or(true)
    }

    /// A whole number.
    pub(super) fn int(&self, name: &str) -> Option<i64> {
        let value = self.value(name)?;
        value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
    }

    /// A list of texts; empty where it is not given.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        match self.value(name) {
            Some(Value::Array(items)) => items.iter().map(plain).collect(),
            Some(other) => vec![plain(other)],
            None => Vec::new(),
        }
    }

    /// Wanted mode and owner: the parameters that every module about files takes.
    pub(super) fn attributes(&self, host: &Host) -> Result<Attributes, ModuleError> {
        self.attributes_with(host, self.value("mode"))
    }

    /// The same with another mode than the one that is given.
    pub(super) fn attributes_with(&self, host: &Host, mode: Option<&Value>) -> Result<Attributes, ModuleError> {
        let asked = Asked {
            mode,
            owner: self.text("owner"),
            group: self.text("group"),
            attributes: self.text("attributes"),
            selinux: SELINUX.iter().any(|name| self.value(name).is_some()),
        };
        Attributes::of(host, asked)
    }
}

/// A scalar as text.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
