//! The format of commands that print data: text for people, or JSON.

use super::globals::OutputChoice;
use super::{CliError, Globals};

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataFormat {
    /// For people.
    Human,
    /// One JSON document.
    Json,
}

impl DataFormat {
    /// What `--output` says; `junit` makes no sense for data.
    pub fn of(globals: &Globals) -> Result<Self, CliError> {
        match globals.options.output {
            None | Some(OutputChoice::Human) => Ok(Self::Human),
            Some(OutputChoice::Json) => Ok(Self::Json),
            Some(OutputChoice::Junit) => {
                Err(CliError::usage("this command cannot print junit").hint("use `-o human` or `-o json`"))
            }
        }
    }
}

/// Print a JSON document.
pub(super) fn print_json(globals: &Globals, document: &impl serde::Serialize) -> Result<(), CliError> {
    let mut text = serde_json::to_string_pretty(document)
        .map_err(|error| CliError::message(super::ExitCode::Internal, format!("failed to write JSON: {error}")))?;
    text.push('\n');
    globals.screen.data(&text);
    Ok(())
}
