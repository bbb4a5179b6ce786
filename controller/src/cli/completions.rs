//! `luthier completions`: scripts that let a shell complete commands and options.

use super::{CliError, CommandLine, ExitCode, Globals};
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Options of `completions`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  luthier completions bash >/etc/bash_completion.d/luthier
  luthier completions zsh >~/.zfunc/_luthier
  luthier completions fish >~/.config/fish/completions/luthier.fish")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn completions(args: CompletionsArgs, globals: &Globals) -> Result<ExitCode, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut CommandLine::command(), "luthier", &mut script);
    globals.screen.data_bytes(&script);
    Ok(ExitCode::Fine)
}
