//! `luthier rollback`.

use super::args::RollbackArgs;
use super::{CliError, ExitCode, Globals};

pub(super) fn rollback(_args: RollbackArgs, _globals: &Globals) -> Result<ExitCode, CliError> {
    Err(CliError::message(ExitCode::Internal, "`rollback` is not in this build"))
}
