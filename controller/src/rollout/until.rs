//! `until`, `retries`, `delay`: a task is tried again until a condition holds.

use super::host::HostRun;
use super::outcome::Outcome;
use super::remote;
use super::run::text;
use super::start::{Item, Progress, Started};
use crate::plan::PlannedTask;
use crate::template::Place;
use crate::yaml::{Key, Value, ValueMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

impl HostRun {
    /// `until`, `retries`, `delay`.
    pub async fn repeat(&mut self, task: &Arc<PlannedTask>, place: &Place, started: &mut Started, item: &mut Item) {
        let Some(until) = &task.task.until else { return };
        let scope = item.scope.clone();
        let number = |walker: &Self, key: &str, written: &Option<crate::playbook::Written>, default: f64| {
            let Some(written) = written else { return Ok(default) };
            let value = walker.run.engine.render(&written.value, &scope, place).map_err(|error| error.to_string())?;
            let wrong = |_| format!("{}: `{key}` must be a number, found {}", written.origin, value.to_json());
            text(&value).trim().parse::<f64>().map_err(wrong)
        };
        let numbers = number(self, "retries", &task.task.retries, 3.0)
            .and_then(|retries| Ok((retries, number(self, "delay", &task.task.delay, 5.0)?)));
        let (retries, delay) = match numbers {
            Ok((retries, delay)) => (retries.clamp(0.0, 1e9) as u64, delay.clamp(0.0, 86_400.0)),
            Err(message) => {
                item.progress = Progress::Done(Outcome::failed(message));
                return;
            }
        };
        for attempt in 1..=retries.max(1) + 1 {
            item.progress = self.attempt(task, &scope, place, started).await;
            remote::settle(self, item).await;
            let Progress::Done(outcome) = &mut item.progress else { return };
            if outcome.status == crate::event::EventStatus::Unreachable {
                return;
            }
            super::verdict::apply(&self.run.engine, &task.task, &scope, place, outcome);
            outcome.result.insert("attempts".into(), attempt.into());
            let mut seen = scope.clone();
            if let Some(name) = &task.task.register {
                let mut map = ValueMap::new();
                let registered = serde_json::Value::Object(outcome.registered(None));
                map.insert(Key::from(name.as_str()), Value::from_json(&registered));
                seen.push(Arc::new(map));
            }
            match self.run.engine.condition(&until.value, &seen, place) {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => {
                    *outcome = Outcome::failed(format!("the condition at {} failed: {error}", until.origin));
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
