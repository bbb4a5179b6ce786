//! `until`, `retries`, `delay`: a task is tried again until a condition holds.

use super::flags;
use super::host::HostRun;
use super::outcome::Outcome;
use super::remote;
use super::run::text;
use super::start::{Item, Progress, Started};
use crate::plan::PlannedTask;
use crate::playbook::{Task, Written};
use crate::template::Place;
use crate::yaml::{Key, Value, ValueMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Whether a task may be carried out more than once: `retries` without `until` means until it does not fail.
pub fn repeats(task: &Task) -> bool {
    task.until.is_some() || task.retries.is_some()
}

impl HostRun {
    /// `until`, `retries`, `delay`.
    pub async fn repeat(&mut self, task: &Arc<PlannedTask>, place: &Place, started: &mut Started, item: &mut Item) {
        let scope = item.scope.clone();
        let number = |walker: &Self, key: &str, written: &Option<Written>, default: f64| {
            let value = flags::value(&walker.run.engine, written, &scope, place)?;
            let (Some(written), Some(value)) = (written, value) else { return Ok(default) };
            let wrong = |_| format!("{}: `{key}` must be a number, found {}", written.origin, value.to_json());
            text(&value).trim().parse::<f64>().map_err(wrong)
        };
        // Three more attempts where only a condition is written, none where neither is (`retries` may be omitted).
        let default = if task.task.until.is_some() { 3.0 } else { 0.0 };
        let numbers = number(self, "retries", &task.task.retries, default)
            .and_then(|retries| Ok((retries, number(self, "delay", &task.task.delay, 5.0)?)));
        let (retries, delay) = match numbers {
            Ok((retries, delay)) => {
                (retries.clamp(0.0, 1e9) as u64, if delay < 0.0 { 1.0 } else { delay.clamp(0.0, 86_400.0) })
            }
            Err(message) => {
                item.progress = Progress::Done(Outcome::failed(message));
                return;
            }
        };
        for attempt in 1..=retries + 1 {
            item.progress = self.attempt(task, &scope, place, started).await;
            remote::settle(self, item).await;
            let Progress::Done(outcome) = &mut item.progress else { return };
            if outcome.status == crate::event::EventStatus::Unreachable {
                return;
            }
            super::verdict::apply(&self.run.engine, &task.task, &scope, place, outcome);
            if retries == 0 {
                return;
            }
            outcome.result.insert("attempts".into(), attempt.into());
            let mut seen = scope.clone();
            if let Some(name) = &task.task.register {
                let mut map = ValueMap::new();
                let registered = serde_json::Value::Object(outcome.registered(None));
                map.insert(Key::from(name.as_str()), Value::from_json(&registered));
                seen.push(Arc::new(map));
            }
            let holds = match &task.task.until {
                Some(until) => self
                    .run
                    .engine
                    .condition(&until.value, &seen, place)
                    .map_err(|error| format!("the condition at {} failed: {error}", until.origin)),
                None => Ok(!outcome.is_failure()),
            };
            match holds {
                Ok(true) => return,
                Ok(false) => {}
                Err(message) => {
                    *outcome = Outcome::failed(message);
                    return;
                }
            }
            if attempt > retries || self.batch.halted.load(Ordering::SeqCst) || self.run.is_stopping() {
                outcome.status = crate::event::EventStatus::Failed;
                outcome.result.insert("attempts".into(), attempt.saturating_sub(1).max(1).into());
                return;
            }
            tokio::time::sleep(Duration::from_secs_f64(delay)).await;
        }
    }
}
