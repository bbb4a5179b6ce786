//! `luthier run`.

use super::args::RunArgs;
use super::fleet::{self, Fleet};
use super::record::{self, Recording};
use super::{CliError, ExitCode, Globals, resume};
use crate::catalog::Catalog;
use crate::event::Event;
use crate::history::{RunMeta, new_run_id, now};
use crate::output;
use crate::plan::{self, PlannedPlay, Planner, Selection};
use crate::rollout::{self, Options, RunEnd};
use crate::yaml::Diagnostic;
use std::path::Path;
use std::sync::Arc;

pub(super) fn run(mut args: RunArgs, globals: &Globals) -> Result<ExitCode, CliError> {
    let earlier = match &args.resume {
        Some(name) => {
            let (earlier, playbooks) = resume::load(name)?;
            if args.playbooks.is_empty() {
                args.playbooks = playbooks;
            }
            Some(Arc::new(earlier))
        }
        None => None,
    };
    let base = args.playbooks.first().and_then(|file| file.parent()).unwrap_or(Path::new(""));
    let mut fleet = Fleet::load(globals, base)?;
    let selection = Selection { tags: words(&args.tags), skip: words(&args.skip_tags) };
    let planner = Planner::new(Catalog::builtin(), Arc::clone(&fleet.engine), selection.clone());
    let books = read(&args, &fleet, &planner)?;
    if args.list_hosts || args.list_tasks || args.list_tags {
        return list(&args, &fleet, &planner, &books, globals);
    }
    if args.syntax_check {
        for (file, _) in &books {
            globals.screen.data(&format!("\nplaybook: {file}\n"));
        }
        return Ok(ExitCode::Fine);
    }
    check_beside(&mut fleet, &books)?;
    let plays: Vec<PlannedPlay> = books.into_iter().flat_map(|(_, plays)| plays).collect();
    check_limit(globals, &fleet, &plays)?;
    let options = Options {
        check: args.check,
        diff: args.diff,
        verbosity: globals.options.verbose,
        limit: globals.options.limit.clone(),
        extra: Arc::clone(&fleet.extra),
        escalation: fleet.escalation(globals)?,
        tags: selection.tags.clone(),
        skip_tags: selection.skip.clone(),
        start_at: args.start_at_task.clone(),
        unreachable_counts: fleet.config.unreachable_counts.unwrap_or(true),
        force_handlers: args.force_handlers,
        gather: fleet.config.gathering.as_deref() != Some("explicit"),
        live: true,
        earlier,
    };
    let names: Vec<String> = args.playbooks.iter().map(|file| file.display().to_string()).collect();
    carry_out(globals, fleet, names, plays, options, selection, args.detailed_exitcode)
}

/// `a,b` and repeated options as one list.
fn words(given: &[String]) -> Vec<String> {
    given
        .iter()
        .flat_map(|text| text.split(','))
        .map(|word| word.trim().to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}

/// Read and plan every playbook; all that is wrong in all of them at once.
fn read(args: &RunArgs, fleet: &Fleet, planner: &Planner) -> Result<Vec<(String, Vec<PlannedPlay>)>, CliError> {
    let reader = fleet.reader();
    let mut errors: Vec<Diagnostic> = Vec::new();
    let mut books = Vec::new();
    for file in &args.playbooks {
        let playbook = reader.playbook(file, &mut errors);
        let plays = planner.playbook(&playbook, &mut errors);
        for play in &plays {
            super::needed_files::check(&fleet.engine, play, &fleet.base, &mut errors);
            super::includes::check(&reader, planner, play, &mut errors);
        }
        books.push((file.display().to_string(), plays));
    }
    errors.sort_by_key(|error| error.origin.as_ref().map(|origin| (origin.file.clone(), origin.line, origin.column)));
    if errors.is_empty() { Ok(books) } else { Err(errors.into()) }
}

/// Variables beside playbooks in other folders: what is wrong with them is said before any host is contacted.
fn check_beside(fleet: &mut Fleet, books: &[(String, Vec<PlannedPlay>)]) -> Result<(), CliError> {
    let plays = books.iter().flat_map(|(_, plays)| plays);
    let mut folders: Vec<_> = plays.filter_map(|play| play.play.file.parent()).collect();
    folders.sort();
    folders.dedup();
    for folder in folders {
        if let Ok(folder) = std::path::absolute(folder.join("")) {
            fleet.inventory.set_playbook_dir(&folder)?;
        }
    }
    fleet.inventory.set_playbook_dir(&fleet.base)?;
    Ok(())
}

/// `--limit` that leaves no host at all is a mistake.
fn check_limit(globals: &Globals, fleet: &Fleet, plays: &[PlannedPlay]) -> Result<(), CliError> {
    let Some(limit) = &globals.options.limit else { return Ok(()) };
    let all = fleet.inventory.select("all")?;
    let limited = fleet.inventory.limit(&all.hosts, limit)?;
    let local = plays.iter().all(|play| matches!(play.pattern().as_str(), "localhost" | "127.0.0.1"));
    if limited.is_empty() && !local {
        return Err(CliError::usage(format!("--limit `{limit}` leaves no host")));
    }
    Ok(())
}

fn list(
    args: &RunArgs,
    fleet: &Fleet,
    planner: &Planner,
    books: &[(String, Vec<PlannedPlay>)],
    globals: &Globals,
) -> Result<ExitCode, CliError> {
    for (file, plays) in books {
        if args.list_hosts {
            let mut rows = Vec::new();
            for play in plays {
                rows.push((play, fleet.select(globals, &play.pattern())?));
            }
            globals.screen.data(&plan::list_hosts(file, &rows, planner));
        }
        if args.list_tasks {
            globals.screen.data(&plan::list_tasks(file, plays, planner));
        }
        if args.list_tags {
            globals.screen.data(&plan::list_tags(file, plays, planner));
        }
    }
    Ok(ExitCode::Fine)
}

/// Carry plays out, recorded and told, and say how it ended.
pub(super) fn carry_out(
    globals: &Globals,
    fleet: Fleet,
    names: Vec<String>,
    plays: Vec<PlannedPlay>,
    options: Options,
    selection: Selection,
    detailed: bool,
) -> Result<ExitCode, CliError> {
    let check = options.check;
    let resumes = options.earlier.as_ref().map(|earlier| earlier.run().to_owned());
    let tasks: usize = plays.iter().map(|play| play.tasks().len() + 1).sum();
    let hosts = fleet.inventory.hosts().len().max(1);
    let outputs = output::open(globals.format(), globals.style(), &globals.screen, Some((tasks * hosts) as u64));
    let id = new_run_id();
    let meta = RunMeta { run: id.clone(), playbooks: names.clone(), check, hosts, time: now() };
    let recording = Recording::begin(globals, &meta, &outputs);
    let sink = crate::event::Sink::new(vec![outputs.listener()]);
    let run = fleet.into_run(globals, id, options, selection, sink.clone())?;
    sink.emit(&Event::RunStarted {
        version: crate::event::EVENT_VERSION,
        run: run.id.to_string(),
        playbooks: names,
        check,
        time: meta.time,
        resumes,
    });
    let end = fleet::runtime()?.block_on(async {
        fleet::watch_interrupt(&run);
        let keeper = record::keep_hosts(&run, recording.as_ref());
        let end = rollout::carry_out(&run, plays).await;
        keeper.abort();
        end
    });
    if let Some(recording) = &recording {
        recording.save(globals, &run);
    }
    let code = exit_code(&end, detailed && check);
    sink.emit(&Event::RunFinished { recap: end.recap, exit_code: code.code() });
    outputs.finish();
    if !end.errors.is_empty() {
        return Err(end.errors.into());
    }
    Ok(code)
}

fn exit_code(end: &RunEnd, detailed: bool) -> ExitCode {
    if end.interrupted {
        return ExitCode::Interrupted;
    }
    let mut code = ExitCode::of_recap(end.judged.values());
    if end.failed_otherwise {
        code = code.gravest(ExitCode::Internal);
    }
    let changes = end.recap.values().any(|row| row.changed > 0);
    if detailed && changes { code.gravest(ExitCode::WouldChange) } else { code }
}
