//! The inventory that the command line names, for the commands that contact nobody.

use super::secrets::vault_secrets;
use super::{CliError, Globals};
use crate::inventory::{Inventory, LoadOptions};
use crate::yaml::Diagnostic;

/// Read the inventory; what is only worth a warning is said.
pub fn load_inventory(globals: &Globals) -> Result<Inventory, CliError> {
    let sources = &globals.options.inventory;
    if sources.is_empty() {
        return Err(CliError::usage("no inventory was given").hint("name one with -i, or in LUTHIER_INVENTORY"));
    }
    let options = LoadOptions { secrets: vault_secrets(globals, &[])?, ..LoadOptions::default() };
    let loaded = Inventory::load(sources, &options)?;
    globals.tell(&loaded.warnings);
    Ok(loaded.inventory)
}

/// The hosts that a pattern and `--limit` select, in order. Names that fit nothing are warned of, as Ansible does.
pub fn select(globals: &Globals, inventory: &Inventory, pattern: &str) -> Result<Vec<String>, CliError> {
    let selection = inventory.select(pattern)?;
    let hosts = match &globals.options.limit {
        Some(limit) => inventory.limit(&selection.hosts, limit)?,
        None => selection.hosts,
    };
    let unknown = selection.unknown;
    let warnings: Vec<Diagnostic> = unknown
        .into_iter()
        .map(|name| Diagnostic::warning(None, format!("\"{name}\" matches no host and no group")))
        .collect();
    globals.tell(&warnings);
    Ok(hosts.into_iter().map(|host| host.0).collect())
}
