//! `luthier exec`.

use super::args::ExecArgs;
use super::{CliError, ExitCode, Globals};

pub(super) fn exec(_args: ExecArgs, _globals: &Globals) -> Result<ExitCode, CliError> {
    Err(CliError::message(ExitCode::Internal, "`exec` is not in this build"))
}
