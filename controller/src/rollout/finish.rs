//! The second half of a task: await its items, judge them, tell them, register, notify.

use super::failure::{self, Failure};
use super::host::{Flow, HostRun, Shared};
use super::outcome::{self, Outcome};
use super::start::{Progress, Started};
use super::{flags, looping, remote, run::text, vars_files, verdict};
use crate::event::{Event, EventStatus, TaskEvent};
use crate::plan::PlannedTask;
use crate::template::{Place, Scope, is_omit};
use crate::yaml::Value;
use luthier_protocol::{Map, Value as Json};
use std::sync::Arc;

impl HostRun {
    /// Await a started task and take its consequences.
    pub async fn finish(&mut self, started: Started) -> Flow {
        let fatal = started.fatal;
        let (flow, _) = self.conclude(started).await;
        self.stand_after(flow, fatal).await
    }

    /// Under `any_errors_fatal` wait for the others. Whoever waits here must hold nothing that they need.
    pub async fn stand_after(&mut self, flow: Flow, fatal: bool) -> Flow {
        if fatal && flow == Flow::Next { self.stand_together().await } else { flow }
    }

    /// Like [`HostRun::finish`] without waiting for the others, and hand out what became of the items.
    pub async fn conclude(&mut self, started: Started) -> (Flow, Vec<Outcome>) {
        let place = self.run.place(&started.task.task);
        let mut outcomes = Vec::with_capacity(started.items.len());
        let Started { task, name, items, looped, no_log, ignore_errors, ignore_unreachable, fatal, diff, delegate } =
            started;
        let mut last_scope = None;
        for mut item in items {
            remote::settle(self, &mut item).await;
            let Progress::Done(mut outcome) = item.progress else { continue };
            outcome.item = item.item;
            outcome.label = item.label;
            if !super::until::repeats(&task.task) {
                verdict::apply(&self.run.engine, &task.task, &item.scope, &place, &mut outcome);
            }
            last_scope = Some(item.scope);
            outcomes.push(outcome);
        }
        let telling = Telling { name, looped, no_log, ignore_errors, ignore_unreachable, fatal, diff, delegate };
        let flow = self.conclude_outcomes(&task, &outcomes, &telling, last_scope.unwrap_or_default(), &place).await;
        (flow, outcomes)
    }

    /// Take the result of a `run_once` task that another host carried out.
    pub fn adopt(&mut self, task: &Arc<PlannedTask>, shared: &Shared, scope: &Scope, place: &Place) -> Flow {
        let keywords = &task.keywords;
        // Facts that belong to another host have been given to it.
        let elsewhere = keywords.delegate_to.is_some()
            && flags::truth(self, &keywords.delegate_facts, scope, place).unwrap_or(false);
        if !elsewhere {
            shared.iter().for_each(|outcome| self.adopt_facts(task, outcome));
        }
        let whole = whole(task, shared);
        if !matches!(whole.status, EventStatus::Skipped | EventStatus::Unreachable) {
            self.ran(task);
        }
        self.register(task, &whole);
        let is_taken = match whole.status {
            EventStatus::Failed => flags::truth(self, &keywords.ignore_errors, scope, place).unwrap_or(false),
            EventStatus::Unreachable => flags::truth(self, &keywords.ignore_unreachable, scope, place).unwrap_or(false),
            _ => true,
        };
        if is_taken {
            return Flow::Next;
        }
        // A failure of the one is a failure of all; it was told once.
        self.dragged = true;
        if self.rescues == 0 {
            self.batch.lose(&self.host);
        }
        Flow::Failed
    }

    /// The variables another host's outcome sets are this one's too.
    fn adopt_facts(&self, task: &PlannedTask, outcome: &Outcome) {
        let Some(facts) = outcome.result.get("ansible_facts") else { return };
        if outcome.is_failure() {
            return;
        }
        let Value::Map(facts) = Value::from_json(facts) else { return };
        match &*task.entry.spec.name {
            "include_vars" => self.memory.include(&facts),
            "set_fact" => {
                facts.iter().for_each(|(name, value)| self.memory.set(&name.to_string(), value.clone()));
                if task.task.args.get("cacheable").and_then(|flag| flags::of(&flag.value)) == Some(true) {
                    self.memory.add_facts(&facts);
                }
            }
            _ => self.memory.add_facts(&facts),
        }
    }

    async fn conclude_outcomes(
        &mut self,
        task: &Arc<PlannedTask>,
        outcomes: &[Outcome],
        telling: &Telling,
        scope: Scope,
        place: &Place,
    ) -> Flow {
        for outcome in outcomes {
            if telling.looped {
                self.tell(task, outcome, telling, outcome.item.as_ref());
            }
            self.take_facts(task, outcome, telling, &scope, place);
        }
        let whole = whole(task, outcomes);
        if !matches!(whole.status, EventStatus::Skipped | EventStatus::Unreachable) {
            self.ran(task);
        }
        self.register(task, &whole);
        self.tell(task, &whole, telling, None);
        if whole.status == EventStatus::Changed {
            self.notify_all(task, &scope, place);
        }
        match whole.status {
            EventStatus::Unreachable if telling.ignore_unreachable => Flow::Next,
            EventStatus::Unreachable => {
                self.batch.lose_contact(&self.host);
                self.fail_all_if(telling.fatal, true);
                Flow::Unreachable
            }
            EventStatus::Failed if !telling.ignore_errors => {
                let result = Value::from_json(&Json::Object(whole.registered(None)));
                let bare = self.bare_name(task, &scope, place);
                self.failure = Some(Failure { task: failure::task(self, task, &bare, &scope, place), result });
                self.failed(telling);
                Flow::Failed
            }
            _ => Flow::Next,
        }
    }

    fn failed(&mut self, telling: &Telling) {
        self.dragged = false;
        if self.rescues == 0 {
            self.batch.lose(&self.host);
        }
        self.fail_all_if(telling.fatal, false);
    }

    /// `any_errors_fatal`: this failure is everybody's.
    fn fail_all_if(&mut self, fatal: bool, is_contact: bool) {
        if fatal {
            self.batch.fail_all(&self.position, is_contact);
            self.fatal = self.batch.fatal();
        }
    }

    fn register(&self, task: &PlannedTask, whole: &Outcome) {
        if let Some(name) = &task.task.register {
            self.memory.set(name, Value::from_json(&Json::Object(whole.registered(None))));
        }
    }

    /// `ansible_facts` in a result become variables of the host (or of the one it was delegated to, where asked for).
    fn take_facts(&self, task: &PlannedTask, outcome: &Outcome, telling: &Telling, scope: &Scope, place: &Place) {
        let Some(facts) = outcome.result.get("ansible_facts") else { return };
        if outcome.is_failure() || matches!(&*task.entry.spec.name, "set_fact" | "include_vars") {
            return;
        }
        if let Value::Map(facts) = Value::from_json(facts) {
            let to_delegate = flags::truth(self, &task.keywords.delegate_facts, scope, place).unwrap_or(false);
            match &telling.delegate {
                Some(delegate) if to_delegate => self.run.memory(delegate).add_facts(&facts),
                _ => self.memory.add_facts(&facts),
            }
            self.read_files_again();
        }
    }

    /// `vars_files` whose names hang on facts, now that there are some.
    fn read_files_again(&self) {
        if !vars_files::hang_on_facts(&self.batch.planned.play) {
            return;
        }
        if let Err(error) = self.batch.read_files(&self.run, &self.host, vars_files::Warns::Late) {
            self.run.warn(Some(&self.host), error.to_string());
            self.run.fail_otherwise();
        }
    }

    pub fn tell(&self, task: &PlannedTask, outcome: &Outcome, telling: &Telling, item: Option<&Value>) {
        let ignored = match outcome.status {
            EventStatus::Failed => telling.ignore_errors,
            EventStatus::Unreachable => telling.ignore_unreachable,
            _ => false,
        };
        let variable = task.task.looped.as_ref().map(|looped| looping::variable(&looped.control));
        let no_log = telling.no_log || outcome.is_secret();
        let mut result = if item.is_some() { outcome.registered(variable) } else { outcome.registered(None) };
        let mut shown = item.map(Value::to_json);
        if no_log {
            result = censored(&result);
            shown = shown.map(|_| Json::from("(censored due to no_log)"));
        } else if let Some(label) = &outcome.label {
            result.insert("_ansible_item_label".into(), label.to_json());
        }
        self.run.emit(Event::TaskResult(Box::new(TaskEvent {
            play: self.batch.name.clone(),
            task: telling.name.clone(),
            action: task.entry.full_name().to_owned(),
            host: self.host.clone(),
            item: shown,
            status: outcome.status,
            ignored,
            rescued: outcome.status == EventStatus::Failed && !ignored && self.rescues > 0,
            handler: task.handler,
            result,
            diff: if telling.diff && !no_log { outcome.diff.clone() } else { Vec::new() },
            duration_ms: outcome.duration_us / 1000,
        })));
    }

    /// Notify the handlers a changed task names.
    pub fn notify_all(&mut self, task: &PlannedTask, scope: &Scope, place: &Place) {
        for written in &task.task.notify {
            let topics = match self.run.engine.render(&written.value, scope, place) {
                Ok(Value::List(items)) => items.iter().map(text).collect(),
                Ok(value) if is_omit(&value) => continue,
                Ok(value) => vec![text(&value)],
                Err(error) => {
                    self.run.warn(Some(&self.host), format!("{}: notify: {error}", written.origin));
                    continue;
                }
            };
            for topic in topics {
                let run = Arc::clone(&self.run);
                let (batch, host, memory) = (Arc::clone(&self.batch), self.host.clone(), Arc::clone(&self.memory));
                let names = |handler: &PlannedTask| {
                    // Its name is rendered with its own variables, not with those of whoever notifies it.
                    let scope = || super::scope::task(&run, &batch, handler, &host, &memory);
                    handler_name(&run, handler, scope, place)
                };
                if !self.notify(&topic, &names) {
                    let message = format!("{}: there is no handler `{topic}`", written.origin);
                    self.run.warn(Some(&self.host), message);
                    self.run.fail_otherwise();
                }
            }
        }
    }
}

/// A handler's name, rendered where it is a template.
fn handler_name(run: &super::run::Run, handler: &PlannedTask, scope: impl FnOnce() -> Scope, place: &Place) -> String {
    match &handler.task.name {
        Some(name) if name.value.has_template() => {
            run.engine.render(&name.value, &scope(), place).map(|value| text(&value)).unwrap_or_default()
        }
        _ => handler.bare_name(),
    }
}

/// How a task's results are told.
#[derive(Default)]
pub struct Telling {
    /// The task's name.
    pub name: String,
    /// It has a loop.
    pub looped: bool,
    /// Nothing of it may be shown.
    pub no_log: bool,
    /// A failure is none.
    pub ignore_errors: bool,
    /// Losing the host is no end.
    pub ignore_unreachable: bool,
    /// A failure is every host's.
    pub fatal: bool,
    /// Show its differences.
    pub diff: bool,
    /// Host it was carried out on, where that is another.
    pub delegate: Option<String>,
}

/// The result of the whole task.
fn whole(task: &PlannedTask, outcomes: &[Outcome]) -> Outcome {
    match (&task.task.looped, outcomes) {
        (Some(looped), _) if outcomes.iter().all(|outcome| outcome.item.is_some()) => {
            outcome::combine(outcomes, looping::variable(&looped.control))
        }
        (_, [only, ..]) => only.clone(),
        (_, []) => Outcome::skipped("no items"),
    }
}

/// What `no_log` leaves of a result.
fn censored(result: &Map) -> Map {
    let mut out = Map::new();
    let text = "the output has been hidden due to the fact that 'no_log: true' was specified for this result";
    out.insert("censored".into(), text.into());
    for key in ["changed", "failed", "skipped", "unreachable", "attempts"] {
        if let Some(value) = result.get(key) {
            out.insert(key.into(), value.clone());
        }
    }
    out
}
