//! `luthier facts`.

use super::args::FactsArgs;
use super::{CliError, ExitCode, Globals};

pub(super) fn facts(_args: FactsArgs, _globals: &Globals) -> Result<ExitCode, CliError> {
    Err(CliError::message(ExitCode::Internal, "`facts` is not in this build"))
}
