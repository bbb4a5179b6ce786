//! The variables that `eval` and `template` see: a host's, if one is named, and those of the command line.

use super::load::{load_inventory, secrets};
use super::secrets::bad_input;
use super::{CliError, Globals, extra_vars};
use crate::inventory::Inventory;
use crate::template::{Entry, Lazy, Scope, TemplateError};
use crate::vault::{self, Secrets};
use crate::yaml::{Diagnostic, Key, Value, ValueMap};
use std::sync::Arc;

/// The scope. An inventory is read only if a host is named.
pub(super) fn scope(globals: &Globals, host: Option<&str>) -> Result<Scope, CliError> {
    let mut scope = Scope::new();
    let secrets = secrets(globals)?;
    let extra = Arc::new(revealed(&extra_vars(&globals.options.extra_vars)?, &secrets)?);
    if let Some(host) = host {
        let inventory = Arc::new(load_inventory(globals)?);
        if !inventory.has_host(host) && inventory.select(host)?.hosts.is_empty() {
            return Err(CliError::usage(format!("there is no host \"{host}\" in the inventory")));
        }
        scope.push(Arc::new(revealed(&inventory.host_vars(host), &secrets)?));
        let groups = inventory.groups();
        let groups = groups.iter().map(|(name, hosts)| {
            let hosts = hosts.iter().map(|host| Value::from(host.as_str())).collect();
            (Key::from(name.as_str()), Value::list(hosts))
        });
        scope.set("groups", Entry::Value(Value::map(groups.collect())));
        scope.set("hostvars", Entry::Lazy(Arc::new(HostVars { inventory, extra: Arc::clone(&extra) })));
    }
    scope.push(extra);
    Ok(scope)
}

/// `hostvars`, computed when touched.
struct HostVars {
    inventory: Arc<Inventory>,
    extra: Arc<ValueMap>,
}

impl Lazy for HostVars {
    fn get(&self, name: &str) -> Option<Entry> {
        if !self.inventory.has_host(name) {
            return None;
        }
        let mut scope = Scope::new();
        scope.push(self.inventory.host_vars(name));
        scope.push(Arc::clone(&self.extra));
        Some(Entry::Scope(scope))
    }

    fn names(&self) -> Vec<Arc<str>> {
        self.inventory.hosts().iter().map(|host| Arc::from(host.as_str())).collect()
    }
}

/// Vaulted values decrypted, where there is a password at all; without one they stay as they are and fail when used.
fn revealed(map: &ValueMap, secrets: &Secrets) -> Result<ValueMap, CliError> {
    if secrets.is_empty() {
        return Ok(map.clone());
    }
    map.iter().map(|(key, value)| Ok((key.clone(), reveal(value, secrets)?))).collect()
}

fn reveal(value: &Value, secrets: &Secrets) -> Result<Value, CliError> {
    Ok(match value {
        Value::Vault(text) => {
            let plain = vault::decrypt(text, secrets).map_err(bad_input)?;
            Value::written(&String::from_utf8_lossy(&plain), None)
        }
        Value::List(items) => Value::list(items.iter().map(|item| reveal(item, secrets)).collect::<Result<_, _>>()?),
        Value::Map(map) => Value::map(revealed(map, secrets)?),
        other => other.clone(),
    })
}

/// A template's error as an input error: there is no host whose task could fail.
pub(super) fn input_error(error: TemplateError) -> CliError {
    Diagnostic::error(error.origin, error.message).into()
}
