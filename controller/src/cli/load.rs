//! The inventory that the command line names, for the commands that contact nobody.

use super::secrets::vault_secrets;
use super::{CliError, ExitCode, Globals};
use crate::config::Settings as Config;
use crate::inventory::{Inventory, LoadOptions};
use crate::vault::Secrets;
use crate::yaml::Diagnostic;

/// Read the inventory; what is only worth a warning is said.
pub(super) fn load_inventory(globals: &Globals) -> Result<Inventory, CliError> {
    let config = config(globals)?;
    let sources = match globals.options.inventory.as_slice() {
        [] => config.inventory.clone(),
        given => given.to_vec(),
    };
    if sources.is_empty() {
        return Err(CliError::usage("no inventory was given").hint("name one with -i, or in luthier.toml"));
    }
    let secrets = vault_secrets(globals, config.vault_password_file.as_slice())?;
    let options = LoadOptions { secrets, ..LoadOptions::default() };
    let loaded = Inventory::load(&sources, &options)?;
    globals.tell(&loaded.warnings);
    Ok(loaded.inventory)
}

/// The passwords of the command line or, if it names none, of the configuration.
pub(super) fn secrets(globals: &Globals) -> Result<Secrets, CliError> {
    let options = &globals.options;
    if options.ask_vault_pass || !options.vault_id.is_empty() || !options.vault_password_file.is_empty() {
        return vault_secrets(globals, &[]);
    }
    vault_secrets(globals, config(globals)?.vault_password_file.as_slice())
}

fn config(globals: &Globals) -> Result<Config, CliError> {
    let here = std::env::current_dir().map_err(|error| {
        CliError::message(ExitCode::Internal, format!("failed to find the working folder: {error}"))
    })?;
    let (config, warnings) = Config::load(&here)?;
    globals.tell(&warnings);
    Ok(config)
}

/// The hosts that a pattern and `--limit` select, in order. Names that fit nothing are warned of, as Ansible does.
pub(super) fn select(globals: &Globals, inventory: &Inventory, pattern: &str) -> Result<Vec<String>, CliError> {
    let selection = inventory.select(pattern)?;
    tell_unknown(globals, inventory, &selection.unknown);
    let hosts = match &globals.options.limit {
        Some(limit) => {
            let limited = inventory.limit(&selection.hosts, limit)?;
            tell_unknown(globals, inventory, &limited.unknown);
            limited.hosts
        }
        None => selection.hosts,
    };
    Ok(hosts.into_iter().map(|host| host.0).collect())
}

/// Warn of parts of a pattern that match nothing, with the name that may have been meant.
pub(super) fn tell_unknown(globals: &Globals, inventory: &Inventory, unknown: &[String]) {
    let warning = |name: &String| {
        let warning = Diagnostic::warning(None, format!("`{name}` matches no host and no group"));
        match inventory.nearest(name) {
            Some(near) => warning.help(format!("did you mean `{near}`?")),
            None => warning,
        }
    };
    globals.tell(&unknown.iter().map(warning).collect::<Vec<_>>());
}
