//! `luthier man`: manual pages.

use super::{CliError, CommandLine, ExitCode, Globals};
use clap::{Args, CommandFactory};
use std::path::{Path, PathBuf};

/// Options of `man`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  luthier man | man -l -                     read the main page
  luthier man run | man -l -                 the page of a command
  luthier man -d /usr/local/share/man/man1   write all pages")]
pub struct ManArgs {
    /// The page of this command instead of the main one
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    command: Option<String>,
    /// Write all pages into this folder
    #[arg(short, long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn man(args: ManArgs, globals: &Globals) -> Result<ExitCode, CliError> {
    let mut root = CommandLine::command().disable_help_subcommand(true);
    root.build();
    if let Some(dir) = &args.dir {
        write_page(dir, "luthier.1", &root)?;
        for command in root.get_subcommands() {
            write_page(dir, &format!("luthier-{}.1", command.get_name()), command)?;
        }
        return Ok(ExitCode::Fine);
    }
    let page = match &args.command {
        None => page(&root)?,
        Some(name) => match root.find_subcommand(name) {
            Some(command) => page(command)?,
            None => return Err(CliError::usage(format!("there is no command \"{name}\"")).hint("see `luthier --help`")),
        },
    };
    globals.screen.data_bytes(&page);
    Ok(ExitCode::Fine)
}

fn page(command: &clap::Command) -> Result<Vec<u8>, CliError> {
    let mut out = Vec::new();
    // Built commands know their full name (`luthier run`); a page is called `luthier-run`.
    let title = command.get_bin_name().unwrap_or("luthier").replace(' ', "-");
    clap_mangen::Man::new(command.clone())
        .title(title)
        .render(&mut out)
        .map_err(|error| CliError::message(ExitCode::Internal, format!("failed to write the page: {error}")))?;
    Ok(out)
}

fn write_page(dir: &Path, name: &str, command: &clap::Command) -> Result<(), CliError> {
    let path = dir.join(name);
    std::fs::write(&path, page(command)?)
        .map_err(|error| CliError::message(ExitCode::Internal, format!("failed to write {}: {error}", path.display())))
}
