//! Passwords that people type or keep in files.

use super::{CliError, ExitCode, Globals};
use crate::rollout::Asker;
use crate::vault::{Secret, Secrets, VaultError};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The vault passwords of the command line, in its order; `configured` are files named by a configuration, used when the
/// command line names none.
pub fn vault_secrets(globals: &Globals, configured: &[PathBuf]) -> Result<Secrets, CliError> {
    let options = &globals.options;
    let mut secrets = Secrets::default();
    for id in &options.vault_id {
        let (name, source) = id.rsplit_once('@').unwrap_or(("default", id));
        secrets.push(vault_secret(globals, name, source)?);
    }
    for file in &options.vault_password_file {
        secrets.push(from_file("default", file)?);
    }
    if options.ask_vault_pass {
        secrets.push(vault_secret(globals, "default", "prompt")?);
    }
    if secrets.is_empty() {
        for file in configured {
            secrets.push(from_file("default", file)?);
        }
    }
    Ok(secrets)
}

/// A vault password from `prompt` (asked for) or a file.
pub(super) fn vault_secret(globals: &Globals, id: &str, source: &str) -> Result<Secret, CliError> {
    if source == "prompt" || source == "prompt_ask_vault_pass" {
        let password = ask(globals, &format!("Vault password ({id}): "))?;
        return Secret::new(id, password.into_bytes()).map_err(bad_input);
    }
    from_file(id, Path::new(source))
}

fn from_file(id: &str, file: &Path) -> Result<Secret, CliError> {
    Secret::from_file(id, file).map_err(bad_input)
}

pub(super) fn bad_input(error: VaultError) -> CliError {
    CliError::failed(ExitCode::BadInput, error)
}

/// Asks whoever sits at the terminal; `None` where standard input is none.
pub fn asker(globals: &Globals) -> Option<Asker> {
    if !std::io::stdin().is_terminal() {
        return None;
    }
    let screen = globals.screen.clone();
    Some(Arc::new(move |question: &str, echo: bool| {
        if !echo {
            return screen.drawn_around(|| rpassword::prompt_password(question)).ok();
        }
        screen.talk(question);
        let mut line = String::new();
        let length = screen.drawn_around(|| std::io::stdin().read_line(&mut line)).ok()?;
        (length > 0).then(|| line.trim_end_matches(['\n', '\r']).to_owned())
    }))
}

/// Ask on the terminal, without showing what is typed.
pub fn ask(globals: &Globals, prompt: &str) -> Result<String, CliError> {
    globals.screen.drawn_around(|| rpassword::prompt_password(prompt)).map_err(|error| {
        CliError::message(ExitCode::BadInput, format!("failed to ask for a password: {error}"))
            .hint("without a terminal give a password file")
    })
}
