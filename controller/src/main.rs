//! The `luthier` program.

use luthier::cli::main_impl;
use std::process::ExitCode;

fn main() -> ExitCode {
    main_impl()
}
