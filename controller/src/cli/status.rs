//! `luthier status`.

use super::args::StatusArgs;
use super::{CliError, ExitCode, Globals};

pub(super) fn status(_args: StatusArgs, _globals: &Globals) -> Result<ExitCode, CliError> {
    Err(CliError::message(ExitCode::Internal, "`status` is not in this build"))
}
