//! `luthier exec`: one task on the hosts of a pattern.

use super::args::ExecArgs;
use super::fleet::Fleet;
use super::needed_files::NeededFiles;
use super::{CliError, ExitCode, Globals};
use crate::catalog::Catalog;
use crate::plan::{Planner, Selection};
use crate::playbook::Playbook;
use crate::rollout::Options;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) fn exec(args: ExecArgs, globals: &Globals) -> Result<ExitCode, CliError> {
    let fleet = Fleet::load(globals, Path::new(""))?;
    let (module, arguments) = args.module_and_arguments();
    let play = crate::playbook::ad_hoc(&args.pattern, &module, &arguments)?;
    let planner = Planner::new(Catalog::builtin(), Arc::clone(&fleet.engine), Selection::default());
    let mut errors = Vec::new();
    let plays = planner.playbook(&Playbook { file: PathBuf::from("exec"), plays: vec![play] }, &mut errors);
    let mut needed = NeededFiles::new(&fleet.engine, &fleet.base);
    plays.iter().for_each(|play| needed.check(play, &mut errors));
    if !errors.is_empty() {
        return Err(errors.into());
    }
    if fleet.select(globals, &args.pattern)?.is_empty() {
        return Err(CliError::usage(format!("the pattern `{}` selects no host", args.pattern)));
    }
    let options = Options {
        check: args.check,
        diff: args.diff,
        verbosity: globals.options.verbose.max(1),
        limit: globals.options.limit.clone(),
        extra: Arc::clone(&fleet.extra),
        escalation: fleet.escalation(globals)?,
        unreachable_counts: true,
        live: true,
        ..Options::default()
    };
    let name = format!("exec {} {module} {arguments}", args.pattern).trim_end().to_owned();
    super::run::carry_out(globals, fleet, vec![name], plays, options, Selection::default(), args.detailed_exitcode)
}
