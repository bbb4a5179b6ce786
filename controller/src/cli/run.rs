//! `luthier run`.

use super::args::RunArgs;
use super::fleet::{self, Fleet};
use super::needed_files::NeededFiles;
use super::record::{self, Recording};
use super::{CliError, ExitCode, Globals, resume};
use crate::catalog::Catalog;
use crate::event::Event;
use crate::history::{RunMeta, new_run_id, now};
use crate::output;
use crate::plan::{self, PlannedPlay, Planner, Selection};
use crate::rollout::{self, Options, RunEnd};
use crate::yaml::{Diagnostic, Value};
use std::collections::HashSet;
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
    let books = read(&args, globals, &fleet, &planner)?;
    if args.list_hosts || args.list_tasks || args.list_tags {
        return list(&args, fleet, &planner, &books, globals);
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
    if let Some(wanted) = &args.start_at_task
        && let Err(near) = rollout::find_start(&plays, wanted)
    {
        let near = near.map_or_else(
            || "tasks that include_tasks and include_role bring in cannot be named".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        globals.tell(&[Diagnostic::warning(None, format!("no task is named `{wanted}`")).help(near)]);
    }
    if fleet.inventory.hosts().is_empty() {
        globals.warn("no inventory with hosts was given: there is only localhost");
    }
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
fn read(
    args: &RunArgs,
    globals: &Globals,
    fleet: &Fleet,
    planner: &Planner,
) -> Result<Vec<(String, Vec<PlannedPlay>)>, CliError> {
    let reader = fleet.reader();
    let mut errors: Vec<Diagnostic> = Vec::new();
    let mut books = Vec::new();
    let mut needed = NeededFiles::new(&fleet.engine, &fleet.base);
    for file in &args.playbooks {
        // Whole paths: where something stands is the same from everywhere.
        let whole = std::path::absolute(file).unwrap_or_else(|_| file.clone());
        let playbook = reader.playbook(&whole, &mut errors);
        let plays = planner.playbook(&playbook, &mut errors);
        for play in &plays {
            needed.check(play, &mut errors);
            super::includes::check(&reader, planner, play, &mut errors);
        }
        books.push((file.display().to_string(), plays));
    }
    errors.sort_by_key(|error| error.origin.as_ref().map(|origin| (origin.file.clone(), origin.line, origin.column)));
    if !errors.is_empty() {
        return Err(errors.into());
    }
    // A handler that could not be read is no reason to say that it does not exist: said only where all was read.
    let plays = books.iter().flat_map(|(_, plays)| plays);
    globals.tell(&plays.flat_map(plan::missing_handlers).collect::<Vec<_>>());
    Ok(books)
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
    super::load::tell_unknown(globals, &fleet.inventory, &limited.unknown);
    let local = plays.iter().all(|play| matches!(play.pattern().as_str(), "localhost" | "127.0.0.1"));
    if limited.hosts.is_empty() && !local {
        return Err(CliError::usage(format!("--limit `{limit}` leaves no host")));
    }
    Ok(())
}

fn list(
    args: &RunArgs,
    fleet: Fleet,
    planner: &Planner,
    books: &[(String, Vec<PlannedPlay>)],
    globals: &Globals,
) -> Result<ExitCode, CliError> {
    let options =
        Options { limit: globals.options.limit.clone(), extra: Arc::clone(&fleet.extra), ..Options::default() };
    let sink = crate::event::Sink::new(vec![super::inspect::warnings(globals)]);
    let run = fleet.into_run(globals, new_run_id(), options, Selection::default(), sink)?;
    for (file, plays) in books {
        if args.list_hosts {
            let mut rows = Vec::new();
            for play in plays {
                rows.push((play, rollout::hosts(&run, play)?));
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

/// Hosts that take part and results to come, as far as both can be told beforehand. What is wrong with a play as a whole is
/// an error.
fn foretold(run: &Arc<rollout::Run>, plays: &[PlannedPlay]) -> Result<(usize, u64), CliError> {
    let (mut hosts, mut results) = (HashSet::new(), 0);
    for play in plays {
        let Some(chosen) = rollout::foretell(run, play)? else { continue };
        let gathers =
            play.play.gather_facts.as_ref().map_or(run.options.gather, |flag| flag.value != Value::Bool(false));
        results += (chosen.len() * (play.tasks().len() + usize::from(gathers))) as u64;
        hosts.extend(chosen);
    }
    Ok((hosts.len(), results))
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
    let id = new_run_id();
    let sink = crate::event::Sink::new(Vec::new());
    let run = fleet.into_run(globals, id.clone(), options, selection, sink.clone())?;
    let (hosts, results) = foretold(&run, &plays)?;
    let outputs = output::open(globals.format(), globals.style(), &globals.screen, Some(results));
    let meta = RunMeta { run: id, playbooks: names.clone(), check, hosts, time: now() };
    let recording = Recording::begin(globals, &meta, &outputs);
    sink.add(outputs.listener());
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
    let errors = end.errors.iter().map(ToString::to_string).collect();
    sink.emit(&Event::RunFinished { recap: end.recap, exit_code: code.code(), errors });
    outputs.finish();
    globals.tell(&end.errors);
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
    if !end.errors.is_empty() {
        code = code.gravest(if end.begun { ExitCode::Failed } else { ExitCode::BadInput });
    }
    let changes = end.recap.values().any(|row| row.changed > 0);
    if detailed && changes { code.gravest(ExitCode::WouldChange) } else { code }
}
