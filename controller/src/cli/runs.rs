//! `luthier runs`: what was run.

use super::data_format::print_json;
use super::{CliError, DataFormat, ExitCode, Globals};
use crate::history::{History, RunRecord, default_folder};
use crate::output::{escape, table};
use clap::Args;

/// Options of `runs`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  luthier runs              the last 20 runs
  luthier runs -n 0         all runs
  luthier runs -o json      for programs

Runs are kept under $XDG_STATE_HOME/luthier (~/.local/state/luthier).")]
pub struct RunsArgs {
    /// Show at most so many; 0 shows all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    number: usize,
}

pub(super) fn runs(args: RunsArgs, globals: &Globals) -> Result<ExitCode, CliError> {
    let format = DataFormat::of(globals)?;
    let mut runs = History::open(&default_folder()?)?.list()?;
    if args.number > 0 {
        runs.truncate(args.number);
    }
    match format {
        DataFormat::Json => print_json(globals, &runs)?,
        DataFormat::Human if runs.is_empty() => globals.screen.talk("no run has been recorded yet\n"),
        DataFormat::Human => {
            let rows: Vec<[String; 5]> = runs.iter().map(row).collect();
            globals.screen.data(&table(["RUN", "TIME", "HOSTS", "RESULT", "PLAYBOOKS"], &rows));
        }
    }
    Ok(ExitCode::Fine)
}

fn row(run: &RunRecord) -> [String; 5] {
    let result = match run.exit_code {
        Some(code) => {
            ExitCode::from_code(code).map_or_else(|| format!("exit {code}"), |code| code.meaning().to_owned())
        }
        None => run.state.word().to_owned(),
    };
    let check = if run.check { " (check)" } else { "" };
    [
        run.run.to_string(),
        run.time.clone(),
        run.hosts.to_string(),
        format!("{result}{check}"),
        escape(&run.playbooks.join(" ")).into_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::RunState;

    #[test]
    fn a_row_says_how_the_run_ended() {
        let run = RunRecord {
            run: "20261122-174501-4f2a".into(),
            time: "2026-11-22T17:45:01Z".into(),
            playbooks: vec!["a.yml".into(), "b\x1b.yml".into()],
            check: true,
            hosts: 3,
            state: RunState::Finished,
            exit_code: Some(2),
        };
        assert_eq!(
            row(&run),
            ["20261122-174501-4f2a", "2026-11-22T17:45:01Z", "3", "failed (check)", "a.yml b\\x1b.yml"]
        );
        let [.., result, _] = row(&RunRecord { exit_code: None, state: RunState::Interrupted, check: false, ..run });
        assert_eq!(result, "interrupted");
    }
}
