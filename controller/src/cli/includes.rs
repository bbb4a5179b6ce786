//! Files and roles that `include_tasks` and `include_role` surely bring in: whether they are there, read well, and come
//! to an end.
//!
//! Only what is known without a host counts: names without templates, in tasks that no condition, no loop and no
//! `rescue` guards.

use crate::plan::{PlannedPlay, PlannedStep, PlannedTask, Planner};
use crate::playbook::{Import, Reader};
use crate::yaml::{Diagnostic, Value, ValueMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Push what is missing, wrong, or included in itself.
pub fn check(reader: &Reader, planner: &Planner, play: &PlannedPlay, errors: &mut Vec<Diagnostic>) {
    let play_vars = &play.play.keywords.vars;
    let vars = reader.vars_files(&play.play.vars_files, &play.play.file, play_vars);
    let mut walk = Walk { reader, planner, vars, stack: Vec::new(), seen: Vec::new(), errors };
    for section in &play.sections {
        walk.steps(&section.steps);
    }
}

struct Walk<'a> {
    reader: &'a Reader,
    planner: &'a Planner,
    /// Of the play's `vars_files`.
    vars: Vec<Arc<ValueMap>>,
    stack: Vec<PathBuf>,
    seen: Vec<PathBuf>,
    errors: &'a mut Vec<Diagnostic>,
}

impl Walk<'_> {
    fn steps(&mut self, list: &[PlannedStep]) {
        for step in list {
            match step {
                PlannedStep::Task(task) => self.task(task),
                PlannedStep::Block(block) if block.rescue.is_empty() => {
                    self.steps(&block.body);
                    self.steps(&block.always);
                }
                PlannedStep::Block(_) => {}
            }
        }
    }

    fn task(&mut self, planned: &PlannedTask) {
        let task = &planned.task;
        let keywords = &planned.keywords;
        let is_guarded = !keywords.when.is_empty() || keywords.ignore_errors.is_some() || task.looped.is_some();
        if task.import != Some(Import::Tasks) || is_guarded {
            return;
        }
        let Some(written) = task.args.get("file").or_else(|| task.args.get("_raw_params")) else { return };
        let Value::Str(name) = &written.value else { return };
        let Some(path) = self.reader.find_tasks(name, &task.file, task.role.as_ref()) else {
            let message = format!("the file `{name}` was not found");
            self.errors.push(Diagnostic::error(Some(written.origin.clone()), message));
            return;
        };
        let mut stack: Vec<&Path> = self.stack.iter().map(PathBuf::as_path).collect();
        if stack.is_empty() {
            stack.push(&task.file);
        }
        if stack.contains(&path.as_path()) {
            let chain = self.reader.chain(stack.into_iter().chain([path.as_path()]));
            let error =
                Diagnostic::error(Some(written.origin.clone()), format!("`{name}` includes itself without end"));
            self.errors.push(error.help(format!("the chain is {chain}; a condition on one of the includes ends it")));
            return;
        }
        if self.seen.contains(&path) {
            return;
        }
        self.seen.push(path.clone());
        let read =
            match self.reader.tasks_file(&path, task.role.as_ref(), [keywords.vars.as_slice(), &self.vars].concat()) {
                // What is included inherits from around the include, not from it.
                Ok((steps, _)) => self.planner.steps(&steps, &planned.outer.as_deref().cloned().unwrap_or_default()),
                Err(errors) => Err(errors),
            };
        match read {
            Ok(steps) => {
                let before = self.stack.len();
                if before == 0 {
                    self.stack.push(task.file.clone());
                }
                self.stack.push(path);
                self.steps(&steps);
                self.stack.truncate(before);
            }
            Err(mut errors) => self.errors.append(&mut errors),
        }
    }
}
