//! `luthier vault`: files that Ansible Vault reads and writes.

use super::secrets::{ask, bad_input, vault_secret, vault_secrets};
use super::{CliError, ExitCode, Globals};
use crate::vault::{self, Secret, Secrets};
use clap::{Args, Subcommand};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Options of `vault`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  luthier vault encrypt group_vars/all/secrets.yml
  luthier vault view group_vars/all/secrets.yml --vault-password-file .pass
  luthier vault encrypt-string -n db_password 's3cret'
  luthier vault rekey secrets.yml --new-vault-password-file .newpass

Passwords come from --vault-id, --vault-password-file or --ask-vault-pass; with none of them they are asked for.")]
pub struct VaultArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Encrypt files in place
    #[command(
        after_long_help = "Examples:\n  luthier vault encrypt secrets.yml\n  luthier vault encrypt - <plain >secret"
    )]
    Encrypt(Files),
    /// Decrypt files in place
    #[command(
        after_long_help = "Examples:\n  luthier vault decrypt secrets.yml\n  luthier vault decrypt - <secret >plain"
    )]
    Decrypt(Files),
    /// Print decrypted files, changing nothing
    #[command(after_long_help = "Examples:\n  luthier vault view secrets.yml")]
    View(Files),
    /// Encrypt a text as a YAML value
    #[command(
        after_long_help = "Examples:\n  luthier vault encrypt-string -n password 's3cret'\n  luthier vault encrypt-string <file"
    )]
    EncryptString(EncryptString),
    /// Encrypt files with another password
    #[command(after_long_help = "Examples:\n  luthier vault rekey secrets.yml --new-vault-id prod@.newpass")]
    Rekey(Rekey),
}

#[derive(Debug, Args)]
struct Files {
    /// Files; `-` is stdin to stdout
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Encrypt with the password of this id
    #[arg(long, value_name = "ID")]
    encrypt_vault_id: Option<String>,
}

#[derive(Debug, Args)]
struct EncryptString {
    /// The text; without it stdin is read
    #[arg(value_name = "TEXT")]
    text: Option<String>,
    /// Print it as the value of this key
    #[arg(short, long, value_name = "NAME")]
    name: Option<String>,
    /// Encrypt with the password of this id
    #[arg(long, value_name = "ID")]
    encrypt_vault_id: Option<String>,
}

#[derive(Debug, Args)]
struct Rekey {
    /// Files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// New password by name: `NAME@FILE`, `NAME@prompt`
    #[arg(long, value_name = "ID", conflicts_with = "new_vault_password_file")]
    new_vault_id: Option<String>,
    /// File (or program) that holds (or prints) the new password
    #[arg(long, value_name = "FILE")]
    new_vault_password_file: Option<PathBuf>,
}

pub(super) fn vault(args: VaultArgs, globals: &Globals) -> Result<ExitCode, CliError> {
    match args.action {
        Action::Encrypt(args) => {
            let secret = encryption_secret(globals, args.encrypt_vault_id.as_deref())?;
            each(&args.files, globals, |bytes| encrypt(bytes, &secret).map(String::into_bytes))?;
        }
        Action::Decrypt(args) => {
            let secrets = decryption_secrets(globals)?;
            each(&args.files, globals, |bytes| decrypt(bytes, &secrets))?;
        }
        Action::View(args) => {
            let secrets = decryption_secrets(globals)?;
            for file in &args.files {
                globals.screen.data_bytes(&decrypt(&read(file)?, &secrets).map_err(|error| of(file, error))?);
            }
        }
        Action::EncryptString(args) => encrypt_string(args, globals)?,
        Action::Rekey(args) => {
            let old = decryption_secrets(globals)?;
            let new = new_secret(&args, globals)?;
            each(&args.files, globals, |bytes| encrypt(&decrypt(bytes, &old)?, &new).map(String::into_bytes))?;
        }
    }
    Ok(ExitCode::Fine)
}

fn encrypt_string(args: EncryptString, globals: &Globals) -> Result<(), CliError> {
    let secret = encryption_secret(globals, args.encrypt_vault_id.as_deref())?;
    let plain = match args.text {
        Some(text) => text.into_bytes(),
        None => read(Path::new("-"))?,
    };
    let text = vault::encrypt(&plain, secret.password(), Some(&secret.id)).map_err(bad_input)?;
    globals.screen.data(&yaml_value(args.name.as_deref(), &text));
    Ok(())
}

/// The text as a tagged block scalar, as it stands in a variables file.
fn yaml_value(name: Option<&str>, text: &str) -> String {
    let mut out = name.map(|name| format!("{name}: ")).unwrap_or_default();
    out.push_str("!vault |\n");
    for line in text.lines() {
        out.push_str("          ");
        out.push_str(line);
        out.push('\n');
    }
    out
}

fn encrypt(plain: &[u8], secret: &Secret) -> Result<String, CliError> {
    if std::str::from_utf8(plain).is_ok_and(vault::is_vault) {
        return Err(CliError::message(ExitCode::BadInput, "it is encrypted already"));
    }
    vault::encrypt(plain, secret.password(), Some(&secret.id)).map_err(bad_input)
}

fn decrypt(bytes: &[u8], secrets: &Secrets) -> Result<Vec<u8>, CliError> {
    match std::str::from_utf8(bytes) {
        Ok(text) if vault::is_vault(text) => vault::decrypt(text, secrets).map_err(bad_input),
        _ => Err(CliError::message(ExitCode::BadInput, "it is not encrypted")),
    }
}

/// Every file is worked out before the first one is written: a wrong password changes nothing.
fn each(
    files: &[PathBuf],
    globals: &Globals,
    work: impl Fn(&[u8]) -> Result<Vec<u8>, CliError>,
) -> Result<(), CliError> {
    let mut done = Vec::new();
    for file in files {
        done.push((file, work(&read(file)?).map_err(|error| of(file, error))?));
    }
    for (file, bytes) in done {
        if is_stdin(file) {
            globals.screen.data_bytes(&bytes);
        } else {
            replace(file, &bytes).map_err(|error| io("write", file, &error))?;
        }
    }
    Ok(())
}

fn decryption_secrets(globals: &Globals) -> Result<Secrets, CliError> {
    let mut secrets = vault_secrets(globals, &[])?;
    if secrets.is_empty() {
        secrets.push(vault_secret(globals, "default", "prompt")?);
    }
    Ok(secrets)
}

/// The password to encrypt with; one that is typed is typed twice.
fn encryption_secret(globals: &Globals, id: Option<&str>) -> Result<Secret, CliError> {
    let secrets = vault_secrets(globals, &[])?;
    if secrets.is_empty() {
        return typed_twice(globals, id.unwrap_or("default"));
    }
    secrets.find(id).cloned().ok_or_else(|| {
        CliError::usage(format!("there is no vault password called \"{}\"", id.unwrap_or("default")))
            .hint("name it with --vault-id NAME@FILE")
    })
}

fn new_secret(args: &Rekey, globals: &Globals) -> Result<Secret, CliError> {
    if let Some(file) = &args.new_vault_password_file {
        return Secret::from_file("default", file).map_err(bad_input);
    }
    match args.new_vault_id.as_deref().map(|id| id.rsplit_once('@').unwrap_or(("default", id))) {
        Some((id, "prompt")) => typed_twice(globals, id),
        Some((id, source)) => vault_secret(globals, id, source),
        None => typed_twice(globals, "default"),
    }
}

fn typed_twice(globals: &Globals, id: &str) -> Result<Secret, CliError> {
    let first = ask(globals, &format!("New vault password ({id}): "))?;
    if ask(globals, "The same again: ")? != first {
        return Err(CliError::message(ExitCode::BadInput, "the two passwords differ"));
    }
    Secret::new(id, first.into_bytes()).map_err(bad_input)
}

fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

fn read(file: &Path) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    let read = if is_stdin(file) {
        std::io::stdin().lock().read_to_end(&mut bytes).map(drop)
    } else {
        std::fs::read(file).map(|read| bytes = read)
    };
    read.map(|()| bytes).map_err(|error| io("read", file, &error))
}

/// Replace a file at once; it keeps its permissions.
fn replace(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    // A link stays a link: what it points to is replaced.
    let file = std::fs::canonicalize(file)?;
    let permissions = std::fs::metadata(&file)?.permissions();
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let temporary = file.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut out| {
            out.write_all(bytes)?;
            out.set_permissions(permissions)?;
            out.sync_all()
        })
        .and_then(|()| std::fs::rename(&temporary, &file));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

fn io(verb: &str, file: &Path, error: &std::io::Error) -> CliError {
    CliError::message(ExitCode::BadInput, format!("failed to {verb} {}: {error}", file.display()))
}

fn of(file: &Path, error: CliError) -> CliError {
    CliError::message(error.exit_code(), format!("{}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::cli::GlobalArgs;
    use crate::output::Screen;

    fn globals(password_file: &Path) -> Globals {
        let options = GlobalArgs { vault_password_file: vec![password_file.to_owned()], ..GlobalArgs::default() };
        Globals { options, screen: Screen::captured().0 }
    }

    fn files(file: &Path) -> Files {
        Files { files: vec![file.to_owned()], encrypt_vault_id: None }
    }

    #[test]
    fn there_and_back_with_a_new_password() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("old"), "one\n").unwrap();
        std::fs::write(path("new"), "two\n").unwrap();
        std::fs::write(path("f"), "plain\n").unwrap();
        std::fs::set_permissions(path("f"), std::fs::Permissions::from_mode(0o640)).unwrap();
        let (old, new) = (globals(&path("old")), globals(&path("new")));
        let call = |action, globals| vault(VaultArgs { action }, globals);
        call(Action::Encrypt(files(&path("f"))), &old).unwrap();
        assert!(vault::is_vault(&std::fs::read_to_string(path("f")).unwrap()));
        assert!(call(Action::Encrypt(files(&path("f"))), &old).unwrap_err().to_string().contains("encrypted already"));
        let rekey = Rekey { files: vec![path("f")], new_vault_id: None, new_vault_password_file: Some(path("new")) };
        call(Action::Rekey(rekey), &old).unwrap();
        let error = call(Action::Decrypt(files(&path("f"))), &old).unwrap_err();
        assert_eq!(error.exit_code(), ExitCode::BadInput);
        call(Action::Decrypt(files(&path("f"))), &new).unwrap();
        assert_eq!(std::fs::read_to_string(path("f")).unwrap(), "plain\n");
        assert_eq!(std::fs::metadata(path("f")).unwrap().permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn a_string_becomes_a_yaml_value() {
        assert_eq!(yaml_value(Some("key"), "$A\n12\n"), "key: !vault |\n          $A\n          12\n");
    }
}
