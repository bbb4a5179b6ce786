//! `luthier man`: manual pages.

use super::{CliError, CommandLine, ExitCode, Globals};
use clap::{Args, CommandFactory};
use std::path::{Path, PathBuf};

/// Options of `man`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  luthier man | man -l -                     read the main page
  luthier man run | man -l -                 the page of a command
  luthier man vault view | man -l -          and of one in it
  luthier man -d /usr/local/share/man/man1   write all pages")]
pub struct ManArgs {
    /// The page of this command instead of the main one
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    command: Vec<String>,
    /// Write all pages into this folder
    #[arg(short, long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn man(args: ManArgs, globals: &Globals) -> Result<ExitCode, CliError> {
    let mut root = CommandLine::command().disable_help_subcommand(true);
    root.build();
    if let Some(dir) = &args.dir {
        std::fs::create_dir_all(dir).map_err(|error| {
            CliError::message(ExitCode::Internal, format!("failed to make {}: {error}", dir.display()))
        })?;
        write_pages(dir, "luthier", &root)?;
        return Ok(ExitCode::Fine);
    }
    let mut command = &root;
    for name in &args.command {
        command = command.find_subcommand(name).ok_or_else(|| {
            let names = args.command.join(" ");
            CliError::usage(format!("there is no command \"{names}\"")).hint("see `luthier --help`")
        })?;
    }
    globals.screen.data_bytes(&page(command)?);
    Ok(ExitCode::Fine)
}

/// The page of a command and those of the commands in it.
fn write_pages(dir: &Path, name: &str, command: &clap::Command) -> Result<(), CliError> {
    write_page(dir, &format!("{name}.1"), command)?;
    command.get_subcommands().try_for_each(|inner| write_pages(dir, &format!("{name}-{}", inner.get_name()), inner))
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
