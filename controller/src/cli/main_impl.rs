//! From the process's arguments to its exit code.

use super::{CliError, CommandLine, ExitCode, Globals};
use crate::output::{ColourChoice, Screen, render_diagnostics, render_error};
use clap::Parser;

/// The whole program. Nothing is read or started before the command line is known to be right.
pub fn main_impl() -> std::process::ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(error) => return usage(&error).into(),
    };
    let globals = Globals { options: line.globals, screen: Screen::terminal() };
    log_if_asked(&globals);
    let code = match super::dispatch(line.command, &globals) {
        Ok(code) => code,
        Err(error) => {
            globals.screen.talk(&render(&error, globals.colour()));
            error.exit_code()
        }
    };
    match globals.screen.data_lost() {
        None => code.into(),
        Some(error) => {
            globals.screen.talk(&lost(&error));
            code.gravest(ExitCode::Internal).into()
        }
    }
}

/// Help and version are data on stdout and no error; anything else is bad input.
fn usage(error: &clap::Error) -> ExitCode {
    let printed = error.print();
    match printed {
        _ if error.use_stderr() => ExitCode::BadInput,
        // A reader that went away is no error.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Screen::terminal().talk(&lost(&error.to_string()));
            ExitCode::Internal
        }
        _ => ExitCode::Fine,
    }
}

fn lost(error: &str) -> String {
    format!("error: cannot write to standard output: {error}\n")
}

fn render(error: &CliError, colour: ColourChoice) -> String {
    let colour = colour.wanted(&std::io::stderr());
    match error {
        CliError::Input(diagnostics) => render_diagnostics(diagnostics, colour),
        CliError::Failed { hint, .. } => render_error(error, hint.as_deref(), colour),
    }
}

/// `LUTHIER_LOG` (a filter such as `luthier=debug,russh=info`) or `-vvvv` shows the program's inner life on stderr.
fn log_if_asked(globals: &Globals) {
    let asked = std::env::var("LUTHIER_LOG").ok().filter(|filter| !filter.is_empty());
    let loud = (globals.options.verbose > 3).then(|| "luthier=debug".to_owned());
    let Some(filter) = asked.or(loud) else { return };
    let screen = globals.screen.clone();
    let started = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_ansi(globals.colour().wanted(&std::io::stderr()))
        .with_writer(move || Talk(screen.clone()))
        .try_init();
    if let Err(error) = started {
        globals.warn(&format!("failed to start logging: {error}"));
    }
}

struct Talk(Screen);

impl std::io::Write for Talk {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.talk(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
