//! `luthier run`.

use super::args::RunArgs;
use super::{CliError, ExitCode, Globals};

pub(super) fn run(_args: RunArgs, _globals: &Globals) -> Result<ExitCode, CliError> {
    Err(CliError::message(ExitCode::Internal, "`run` is not in this build"))
}
