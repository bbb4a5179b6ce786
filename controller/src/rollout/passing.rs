//! Tasks that an earlier run has done (`--resume`): told as such, with the consequences they had.

use super::finish::Telling;
use super::host::{Flow, HostRun};
use super::outcome::Outcome;
use super::resume::{DONE_BY, Done};
use crate::catalog::Side;
use crate::event::Event;
use crate::plan::PlannedTask;
use crate::template::{Place, Scope};
use crate::yaml::Value;
use std::sync::Arc;

impl HostRun {
    /// What an earlier run has done of this task. Tasks of the controller itself, and those that gather facts, are
    /// carried out again: later tasks need what they set.
    pub fn earlier(&self, task: &PlannedTask, scope: &Scope, place: &Place, is_once: bool) -> Option<Done> {
        let earlier = self.run.options.earlier.as_ref().filter(|_| task.entry.side == Side::Agent)?;
        let (play, name) = (&self.batch.name, self.name(task, scope, place));
        let own = earlier.take(play, &name, task.handler, &self.host);
        let done = if is_once { own.or_else(|| earlier.take_any(play, &name, task.handler)) } else { own }?;
        // A result that was hidden cannot be registered.
        let is_hidden = task.task.register.is_some() && done.result.contains_key("censored");
        (!is_hidden && !done.result.contains_key("ansible_facts")).then_some(done)
    }

    /// Tell that a task was done by an earlier run, and take its consequences.
    pub fn pass_over(
        &mut self,
        task: &Arc<PlannedTask>,
        done: Done,
        scope: &Scope,
        place: &Place,
    ) -> (Flow, Vec<Outcome>) {
        let run = self.run.options.earlier.as_ref().map(|earlier| earlier.run().to_owned()).unwrap_or_default();
        let name = self.name(task, scope, place);
        if self.batch.announce(&self.position) {
            let play = self.batch.name.clone();
            self.run.emit(Event::TaskStarted { play, task: name.clone(), handler: task.handler });
        }
        if let Some(register) = &task.task.register {
            self.memory.set(register, Value::from_json(&serde_json::Value::Object(done.result.clone())));
        }
        let outcome = Outcome::skipped(&format!("done by run {run}")).with(DONE_BY, run);
        self.tell(task, &outcome, &Telling { name, ..Telling::default() }, None);
        if done.changed {
            self.notify_all(task, scope, place);
        }
        (Flow::Next, vec![Outcome::ok(done.result)])
    }
}
