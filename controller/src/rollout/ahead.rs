//! Sending ahead under `strategy: free`: a task whose inputs do not hang on an outstanding result need not wait for it.

use super::host::{Flow, HostRun};
use super::start::{Progress, Started};
use crate::catalog::Side;
use crate::plan::PlannedTask;
use crate::playbook::Strategy;
use crate::template::References;
use crate::yaml::Value;

/// How many tasks of one host may be under way.
pub const DEPTH: usize = 128;

/// Whether a failure of this task must drop what was sent behind it.
pub fn stops_on_failure(walker: &HostRun, task: &PlannedTask) -> bool {
    walker.batch.planned.play.strategy == Strategy::Free && is_plain(task)
}

/// A task whose end the agent itself can judge.
fn is_plain(task: &PlannedTask) -> bool {
    let keywords = &task.keywords;
    task.entry.side == Side::Agent
        && task.task.looped.is_none()
        && !super::until::repeats(&task.task)
        && task.task.apart.is_none()
        && task.task.failed_when.is_none()
        && keywords.ignore_errors.is_none()
        && keywords.ignore_unreachable.is_none()
        && keywords.delegate_to.is_none()
        && keywords.run_once.is_none()
        && !matches!(&*task.entry.spec.name, "setup" | "gather_facts")
}

/// Whether a started task may stay under way while the next one is looked at.
pub fn may_stay(started: &Started) -> bool {
    let settled = |item: &super::start::Item| match &item.progress {
        Progress::Sent(_) => true,
        Progress::Done(outcome) => !outcome.is_failure() && outcome.status == crate::event::EventStatus::Skipped,
    };
    is_plain(&started.task) && started.items.iter().all(settled)
}

impl HostRun {
    /// Whether a task can be sent though earlier results are outstanding.
    pub fn may_send_ahead(&self, task: &PlannedTask) -> bool {
        if self.ahead.is_empty() {
            return true;
        }
        if !is_plain(task) {
            return false;
        }
        let registers: Vec<&str> =
            self.ahead.iter().filter_map(|started| started.task.task.register.as_deref()).collect();
        if registers.is_empty() {
            return true;
        }
        let scope = super::scope::task(&self.run, &self.batch, task, &self.host, &self.memory);
        let independent = |value: &Value| match self.run.engine.references_in(value, &scope) {
            References::Names(names) => !names.iter().any(|name| registers.contains(&&**name)),
            References::Unknown => false,
        };
        inputs(task).into_iter().all(|value| independent(&value))
    }

    /// Await everything that is under way.
    pub async fn drain(&mut self) -> Flow {
        while !self.ahead.is_empty() {
            let flow = self.finish_oldest().await;
            if flow != Flow::Next {
                // The agent dropped what was queued behind the failure; it never ran.
                self.ahead.clear();
                return flow;
            }
        }
        Flow::Next
    }

    /// Await the oldest task that is under way.
    pub async fn finish_oldest(&mut self) -> Flow {
        let Some(started) = self.ahead.pop_front() else { return Flow::Next };
        let flow = self.finish(started).await;
        if flow != Flow::Next {
            self.ahead.clear();
        }
        flow
    }
}

/// Everything in a task that may hold a template; conditions as templates of their own.
fn inputs(task: &PlannedTask) -> Vec<Value> {
    let keywords = &task.keywords;
    let mut values: Vec<Value> = Vec::new();
    for condition in keywords.when.iter().chain(&task.task.changed_when) {
        values.push(expression(&condition.value));
    }
    let options = [
        &keywords.r#become,
        &keywords.become_user,
        &keywords.become_method,
        &keywords.become_flags,
        &keywords.check_mode,
        &keywords.diff,
        &keywords.no_log,
        &keywords.timeout,
        &keywords.remote_user,
        &keywords.connection,
        &task.task.name,
        &task.task.revert,
    ];
    values.extend(options.into_iter().flatten().map(|written| written.value.clone()));
    values.extend(keywords.environment.iter().chain(&keywords.module_defaults).map(|written| written.value.clone()));
    values.extend(task.task.args.pairs.iter().map(|(_, written)| written.value.clone()));
    values.extend(task.task.args.dynamic.iter().map(|written| written.value.clone()));
    if matches!(&*task.entry.spec.name, "template") {
        // The template's file may use any variable.
        values.push(Value::written("{{ lookup('vars', unknown) }}", None));
    }
    values
}

/// A condition as a template, so that its names are seen.
fn expression(value: &Value) -> Value {
    match value {
        Value::Str(text) => Value::written(&format!("{{{{ {text} }}}}"), None),
        Value::List(items) => Value::list(items.iter().map(expression).collect()),
        other => other.clone(),
    }
}
