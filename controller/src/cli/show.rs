//! `luthier show`: a recorded run again, through the same outputs.

use super::{CliError, ExitCode, Globals};
use crate::event::Event;
use crate::history::{History, RunState, default_folder};
use crate::output::{Outputs, escape};
use clap::Args;

/// Options of `show`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  luthier show last                    the newest run as it was shown
  luthier show last -v                 with the results of all tasks
  luthier show 20261122-17             the run whose id begins so
  luthier show last -o json            its events, one JSON object a line
  luthier show last -o junit >r.xml    as a JUnit report")]
pub struct ShowArgs {
    /// Run id, a unique beginning of one, or `last`
    #[arg(value_name = "RUN")]
    run: String,
}

pub(super) fn show(args: ShowArgs, globals: &Globals) -> Result<ExitCode, CliError> {
    let history = History::open(&default_folder()?)?;
    let run = history.find(&args.run)?;
    let outputs = Outputs::replay(globals.format(), globals.style(), &globals.screen);
    let mut events = history.events(&run.run)?;
    let mut ended_by = Vec::new();
    for event in events.by_ref() {
        outputs.event(&event);
        if let Event::RunFinished { errors, .. } = event {
            ended_by = errors;
        }
    }
    outputs.finish();
    for error in ended_by {
        globals.screen.talk(&format!("error: {}\n", escape(&error)));
    }
    match run.state {
        RunState::Running => globals.warn("the run is not over: this is what it said until now"),
        RunState::Interrupted => globals.warn("the run was interrupted: its recording ends here"),
        RunState::Finished if events.torn() => globals.warn("the recording is damaged: what came after is lost"),
        RunState::Finished => {}
    }
    Ok(ExitCode::Fine)
}
