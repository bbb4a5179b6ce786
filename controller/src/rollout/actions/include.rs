//! `include_tasks` and `include_role`: tasks that the run brings in when it comes to them.

use crate::plan::{PlannedStep, PlannedTask};
use crate::playbook::{Block, Import, Keywords, Parts, RoleUse, Step, Written, joined};
use crate::rollout::host::{Flow, HostRun};
use crate::rollout::outcome::Outcome;
use crate::rollout::start::{Item, Progress, Started};
use crate::rollout::{flags, looping, params, run::text};
use crate::template::{Place, Scope};
use crate::yaml::{Diagnostic, Value, ValueMap};
use luthier_protocol::{Map, Value as Json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bring the tasks in, once or for each item, and walk them.
pub async fn run(walker: &mut HostRun, task: &Arc<PlannedTask>, scope: &Scope, place: &Place) -> Flow {
    let flow = walker.drain().await;
    if flow != Flow::Next {
        return flow;
    }
    let rounds = match rounds(walker, task, scope, place) {
        Ok(rounds) => rounds,
        Err(outcome) => return tell(walker, task, vec![(None, *outcome)], false, scope, place).await,
    };
    let looped = task.task.looped.is_some();
    let mut told = Vec::new();
    let mut brought = Vec::new();
    let mut missing = false;
    for (value, own) in rounds {
        let inner = own.as_ref().map_or_else(|| scope.clone(), |own| scope.with(Arc::clone(own)));
        let outcome = match walker.conditions(task, &inner, place) {
            Ok(Some(skipped)) => skipped,
            Err(failed) => *failed,
            Ok(None) => match bring(walker, task, &inner, place, own) {
                Ok((steps, file)) => {
                    brought.push(steps);
                    Outcome::ok(Map::new()).with("include", file)
                }
                Err(message) => {
                    missing = true;
                    Outcome::failed(message)
                }
            },
        };
        told.push((value.filter(|_| looped), outcome));
    }
    let flow = tell(walker, task, told, missing, scope, place).await;
    if flow != Flow::Next {
        return flow;
    }
    let base = walker.position.clone();
    for (number, steps) in brought.iter().enumerate() {
        let mut inner = base.clone();
        inner.push(number as u32);
        let flow = walker.steps(steps, &inner).await;
        if flow != Flow::Next {
            return flow;
        }
    }
    Flow::Next
}

/// The item of each round and its variables; one round without either where there is no loop.
type Rounds = Vec<(Option<Value>, Option<Arc<ValueMap>>)>;

fn rounds(walker: &HostRun, task: &PlannedTask, scope: &Scope, place: &Place) -> Result<Rounds, Box<Outcome>> {
    let Some(looped) = &task.task.looped else { return Ok(vec![(None, None)]) };
    let items = match looping::items(walker, looped, scope, place) {
        Ok(items) => items,
        Err(error) => {
            return Err(Box::new(match walker.conditions(task, scope, place) {
                Ok(Some(skipped)) => skipped,
                _ => Outcome::failed(error.to_string()),
            }));
        }
    };
    let extent =
        looping::extent(walker, &looped.control, scope, place).map_err(|message| Box::new(Outcome::failed(message)))?;
    let round = |(index, value): (usize, &Value)| {
        let round =
            looping::Round { control: &looped.control, index, total: items.len(), items: &items, value, extent };
        (Some(value.clone()), Some(Arc::new(looping::variables(&round))))
    };
    Ok(items.iter().enumerate().map(round).collect())
}

/// Tell the include itself as a task's result. What cannot be brought in (`missing`) cannot be ignored, only rescued.
async fn tell(
    walker: &mut HostRun,
    task: &Arc<PlannedTask>,
    told: Vec<(Option<Value>, Outcome)>,
    missing: bool,
    scope: &Scope,
    place: &Place,
) -> Flow {
    let ignore_errors = !missing && flags::truth(walker, &task.keywords.ignore_errors, scope, place).unwrap_or(false);
    let started = Started {
        task: Arc::clone(task),
        name: walker.name(task, scope, place),
        looped: told.iter().any(|(value, _)| value.is_some()) || (task.task.looped.is_some() && told.is_empty()),
        items: told
            .into_iter()
            .map(|(item, outcome)| Item { scope: scope.clone(), item, label: None, progress: Progress::Done(outcome) })
            .collect(),
        no_log: false,
        ignore_errors,
        ignore_unreachable: false,
        fatal: flags::truth(walker, &task.keywords.any_errors_fatal, scope, place).unwrap_or(false),
        diff: false,
        delegate: None,
    };
    walker.finish(started).await
}

/// The steps of one include, and the file or role they come from.
fn bring(
    walker: &mut HostRun,
    task: &PlannedTask,
    scope: &Scope,
    place: &Place,
    own: Option<Arc<ValueMap>>,
) -> Result<(Vec<PlannedStep>, String), String> {
    let given = params::render(walker, task, scope, place)?;
    let outer = keywords(task, &given, own)?;
    match task.task.import {
        Some(Import::Role) => role(walker, task, &given, &outer),
        _ => tasks(walker, task, &given, &outer),
    }
}

/// What the included tasks inherit: the keywords around the include, its variables, its `apply:`.
fn keywords(task: &PlannedTask, given: &Map, own: Option<Arc<ValueMap>>) -> Result<Keywords, String> {
    let mut outer = task.outer.as_deref().cloned().unwrap_or_default();
    outer.include_vars.extend(task.task.keywords.vars.iter().cloned());
    outer.include_vars.extend(own);
    if let (Some(Import::Role), Some(role)) = (task.task.import, &task.task.role)
        && !role.params.is_empty()
    {
        // Parameters of the role that includes another one win over what it gives to that.
        outer.include_vars.push(Arc::clone(&role.params));
    }
    // Whether the include runs was decided by its own tags; those of `apply` are for what it brings in.
    if let Some(Json::Object(_)) = given.get("apply")
        && let Some(written) = task.task.args.get("apply")
        && let Value::Map(map) = &written.value
    {
        let applied = Keywords::from_map(map, &written.origin).map_err(|error| error.to_string())?;
        outer = applied.inherit(&outer);
    }
    Ok(outer)
}

/// The variables around an include that hold for all hosts' tasks: what the names of imports in it may use.
fn around(walker: &HostRun, outer: &Keywords) -> Vec<Arc<ValueMap>> {
    let of_play = walker.batch.file_variables(&walker.host);
    outer.vars.iter().cloned().chain([of_play]).chain(outer.include_vars.iter().cloned()).collect()
}

fn all(errors: &[Diagnostic]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn tasks(
    walker: &mut HostRun,
    task: &PlannedTask,
    given: &Map,
    outer: &Keywords,
) -> Result<(Vec<PlannedStep>, String), String> {
    let name = given.get("file").and_then(Json::as_str).ok_or("include_tasks needs a file")?;
    let role = task.task.role.as_ref();
    let path = walker
        .run
        .reader
        .find_tasks(name, &task.task.file, role)
        .ok_or_else(|| format!("{}: the file `{name}` was not found", task.task.module_origin))?;
    let (steps, reading) =
        walker.run.reader.tasks_file(&path, role, around(walker, outer)).map_err(|errors| all(&errors))?;
    let steps = walker.run.planner.steps(&steps, outer).map_err(|errors| all(&errors))?;
    add_handlers(walker, &reading.handlers, outer)?;
    Ok((steps, path.display().to_string()))
}

fn role(
    walker: &mut HostRun,
    task: &PlannedTask,
    given: &Map,
    outer: &Keywords,
) -> Result<(Vec<PlannedStep>, String), String> {
    let word = |key: &str| given.get(key).and_then(Json::as_str).unwrap_or("main").to_owned();
    let name = given.get("name").and_then(Json::as_str).ok_or("include_role needs a name")?;
    let name = Written { value: Value::from(name), origin: task.task.module_origin.clone() };
    let near: PathBuf = task.task.file.parent().unwrap_or(Path::new(".")).to_path_buf();
    let wanted = RoleUse {
        name: &name,
        parts: Parts {
            tasks: word("tasks_from"),
            vars: word("vars_from"),
            defaults: word("defaults_from"),
            handlers: word("handlers_from"),
        },
        params: ValueMap::new(),
        vars: joined(&task.task.keywords.vars),
        keywords: Keywords::default(),
        once: given.get("allow_duplicates").and_then(Json::as_bool) == Some(false),
        included: true,
        near: &near,
        parent: task.task.role.as_ref(),
    };
    let (block, reading): (Block, _) =
        walker.run.reader.role(&wanted, around(walker, outer)).map_err(|errors| all(&errors))?;
    if given.get("public").and_then(Json::as_bool) == Some(true) {
        reading.roles.iter().for_each(|role| walker.batch.add_role(role));
    }
    let steps = walker.run.planner.steps(&[Step::Block(Arc::new(block))], outer).map_err(|errors| all(&errors))?;
    add_handlers(walker, &reading.handlers, outer)?;
    Ok((steps, text(&name.value)))
}

fn add_handlers(walker: &mut HostRun, handlers: &[Step], outer: &Keywords) -> Result<(), String> {
    let mut errors = Vec::new();
    let planned = walker.run.planner.handlers(handlers, outer, &mut errors);
    if !errors.is_empty() {
        return Err(all(&errors));
    }
    let numbers = walker.batch.add_handlers(planned);
    walker.bring_handlers(&numbers);
    Ok(())
}
