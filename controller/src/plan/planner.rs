//! From the playbook as written to the plan.

use super::tags::Selection;
use super::types::{PlannedBlock, PlannedPlay, PlannedStep, PlannedTask, Section};
use super::{check, values};
use crate::catalog::Catalog;
use crate::playbook::{Block, Keywords, Play, Playbook, Step, Task};
use crate::template::Engine;
use crate::yaml::{Diagnostic, Value};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Plans plays, and later the tasks that includes bring in.
#[derive(Clone)]
pub struct Planner {
    catalog: &'static Catalog,
    engine: Arc<Engine>,
    selection: Selection,
}

impl Planner {
    /// A planner.
    pub fn new(catalog: &'static Catalog, engine: Arc<Engine>, selection: Selection) -> Self {
        Self { catalog, engine, selection }
    }

    /// Plan every play. All that is wrong is pushed to `errors`.
    pub fn playbook(&self, playbook: &Playbook, errors: &mut Vec<Diagnostic>) -> Vec<PlannedPlay> {
        playbook.plays.iter().map(|play| self.play(play, errors)).collect()
    }

    fn play(&self, play: &Play, errors: &mut Vec<Diagnostic>) -> PlannedPlay {
        check::play(&self.engine, play, errors);
        values::play(play, errors);
        let outer = &play.keywords;
        let mut main = play.roles.clone();
        main.extend(play.tasks.iter().cloned());
        let sections = [&play.pre_tasks, &main, &play.post_tasks]
            .into_iter()
            .map(|steps| Section { steps: self.list(steps, outer, errors) })
            .collect();
        let handlers = self.handlers(&play.handlers, outer, errors);
        PlannedPlay { play: Arc::new(play.clone()), sections, handlers }
    }

    /// Plan steps that an include brought in, under the keywords around it.
    pub fn steps(&self, steps: &[Step], outer: &Keywords) -> Result<Vec<PlannedStep>, Vec<Diagnostic>> {
        let mut errors = Vec::new();
        let planned = self.list(steps, outer, &mut errors);
        if errors.is_empty() { Ok(planned) } else { Err(errors) }
    }

    /// Plan handlers: a flat list in the order they run; tags do not select among them.
    pub fn handlers(&self, steps: &[Step], outer: &Keywords, errors: &mut Vec<Diagnostic>) -> Vec<Arc<PlannedTask>> {
        let mut out = Vec::new();
        for step in steps {
            match step {
                Step::Task(task) => {
                    out.extend(self.task(task, outer, true, errors).map(Arc::new));
                }
                Step::Block(block) => {
                    let keywords = block.keywords.inherit(outer);
                    out.extend(self.handlers(&block.body, &keywords, errors));
                }
            }
        }
        out
    }

    fn list(&self, steps: &[Step], outer: &Keywords, errors: &mut Vec<Diagnostic>) -> Vec<PlannedStep> {
        steps.iter().filter_map(|step| self.step(step, outer, errors)).collect()
    }

    fn step(&self, step: &Step, outer: &Keywords, errors: &mut Vec<Diagnostic>) -> Option<PlannedStep> {
        match step {
            Step::Block(block) => self.block(block, outer, errors).map(|block| PlannedStep::Block(Arc::new(block))),
            Step::Task(task) => {
                let planned = self.task(task, outer, false, errors)?;
                let selected = self.selection.takes(&self.tags(&planned.keywords));
                selected.then(|| PlannedStep::Task(Arc::new(planned)))
            }
        }
    }

    fn block(&self, block: &Block, outer: &Keywords, errors: &mut Vec<Diagnostic>) -> Option<PlannedBlock> {
        check::keywords(&self.engine, &block.keywords, errors);
        values::keywords(&block.keywords, errors);
        let keywords = block.keywords.inherit(outer);
        let mut list = |steps: &[Step]| self.list(steps, &keywords, errors);
        let planned = PlannedBlock {
            body: list(&block.body),
            rescue: list(&block.rescue),
            always: list(&block.always),
            role: block.role.clone(),
        };
        let empty = planned.body.is_empty() && planned.rescue.is_empty() && planned.always.is_empty();
        (!empty).then_some(planned)
    }

    fn task(
        &self,
        task: &Arc<Task>,
        outer: &Keywords,
        handler: bool,
        errors: &mut Vec<Diagnostic>,
    ) -> Option<PlannedTask> {
        check::task(&self.engine, task, errors);
        values::task(task, errors);
        let Some(entry) = self.catalog.find(&task.module) else {
            let error = Diagnostic::error(
                Some(task.module_origin.clone()),
                format!("there is no module or keyword `{}`", task.module),
            )
            .length(task.module.chars().count());
            errors.push(match self.catalog.nearest(&task.module) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error.help("`luthier modules` lists those there are"),
            });
            return None;
        };
        let keywords = task.keywords.inherit(outer);
        check::params(entry, task, &keywords, errors);
        let outer = task.import.map(|_| Box::new(outer.clone()));
        Some(PlannedTask { task: Arc::clone(task), keywords, entry, handler, outer })
    }

    /// Whether `--tags` and `--skip-tags` select what has these tags.
    pub fn selects(&self, tags: &BTreeSet<String>) -> bool {
        self.selection.takes(tags)
    }

    /// The tags that hold for a task, as text.
    pub fn tags(&self, keywords: &Keywords) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        for tag in &keywords.tags {
            match &tag.value {
                Value::List(items) => out.extend(items.iter().map(text)),
                value => {
                    out.insert(text(value));
                }
            }
        }
        out
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_json().to_string(), str::to_owned)
}
