//! `luthier template`: a template file rendered as the `template` module would, byte for byte, on stdout.

use super::secrets::vault_secrets;
use super::variables::{input_error, scope};
use super::{CliError, DataFormat, ExitCode, Globals};
use crate::template::{Engine, EngineOptions, FileOptions, Place};
use crate::yaml::decode;
use clap::Args;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Options of `template`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  luthier template sysctl.conf.j2 -e @vars.yml
  luthier template sysctl.conf.j2 -i hosts.ini --host kvm7
  luthier template banner.j2 -e motd=hello -o json")]
pub struct TemplateArgs {
    /// Template file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// With the variables of this host of the inventory
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
}

pub(super) fn template(args: TemplateArgs, globals: &Globals) -> Result<ExitCode, CliError> {
    let format = DataFormat::of(globals)?;
    let scope = scope(globals, args.host.as_deref())?;
    let file: Arc<Path> = args.file.as_path().into();
    let bytes = std::fs::read(&file).map_err(|error| {
        CliError::message(ExitCode::BadInput, format!("failed to read {}: {error}", file.display()))
    })?;
    let text = decode(&bytes, &file)?;
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let place = Place { search: vec![folder.clone(), ".".into()], base: Some(folder) };
    let rendered = Engine::new(EngineOptions { secrets: vault_secrets(globals, &[])?, ..EngineOptions::default() })
        .file(text, &file, &FileOptions::default(), &scope, &place)
        .map_err(input_error)?;
    match format {
        DataFormat::Human => globals.screen.data(&rendered),
        DataFormat::Json => {
            let answer = serde_json::json!({ "result": rendered, "type": "str" });
            globals.screen.data(&format!("{answer}\n"));
        }
    }
    Ok(ExitCode::Fine)
}
