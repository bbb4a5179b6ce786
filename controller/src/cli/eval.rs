//! `luthier eval`: the native value of an expression, or a YAML file as it is read.

use super::secrets::vault_secrets;
use super::variables::{input_error, scope};
use super::{CliError, DataFormat, ExitCode, Globals};
use crate::template::{Engine, EngineOptions, Place};
use crate::yaml::{Value, parse_file};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// Options of `eval`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  luthier eval '[1, 2] | sum'
  luthier eval 'groups.kvm | length' -i hosts.ini --host kvm7
  luthier eval 'size | human_to_bytes' -e size=1G -o json
  luthier eval --yaml group_vars/all.yml -o json")]
pub struct EvalArgs {
    /// Expression; braces around it are not needed
    #[arg(value_name = "EXPR", required_unless_present = "yaml", conflicts_with = "yaml", allow_hyphen_values = true)]
    expression: Option<String>,
    /// With the variables of this host of the inventory
    #[arg(long, value_name = "HOST", conflicts_with = "yaml")]
    host: Option<String>,
    /// Print this YAML file as it is understood
    #[arg(long, value_name = "FILE")]
    yaml: Option<PathBuf>,
}

#[derive(Serialize)]
struct Answer<'a> {
    result: &'a Value,
    r#type: &'static str,
}

pub(super) fn eval(args: EvalArgs, globals: &Globals) -> Result<ExitCode, CliError> {
    let format = DataFormat::of(globals)?;
    let value = match (&args.yaml, &args.expression) {
        (Some(file), _) => {
            let mut warnings = Vec::new();
            let value = parse_file(file)?.to_value_warn(&mut warnings);
            globals.tell(&warnings);
            value
        }
        (None, expression) => {
            let scope = scope(globals, args.host.as_deref())?;
            let place = Place { search: vec![".".into()], base: Some(".".into()) };
            Engine::new(EngineOptions { secrets: vault_secrets(globals, &[])?, ..EngineOptions::default() })
                .expression(expression.as_deref().unwrap_or_default(), &scope, &place)
                .map_err(input_error)?
        }
    };
    match (format, &value) {
        (DataFormat::Json, value) => {
            let text = serde_json::to_string(&Answer { result: value, r#type: value.type_name() })
                .map_err(|error| CliError::message(ExitCode::Internal, format!("failed to write JSON: {error}")))?;
            globals.screen.data(&format!("{text}\n"));
        }
        (DataFormat::Human, Value::Str(text)) => globals.screen.data(&format!("{text}\n")),
        (DataFormat::Human, value) => super::data_format::print_json(globals, value)?,
    }
    Ok(ExitCode::Fine)
}
