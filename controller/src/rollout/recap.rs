//! Counts per host, as Ansible counts them, and the exit code they mean.

use crate::event::{Event, EventStatus, Recap};
use std::collections::BTreeMap;

/// Count one event.
pub fn count(recap: &mut BTreeMap<String, Recap>, event: &Event) {
    let Event::TaskResult(task) = event else { return };
    if task.item.is_some() || task.action.ends_with(".meta") || task.action == "meta" {
        return;
    }
    let row = recap.entry(task.host.clone()).or_default();
    match task.status {
        EventStatus::Ok => row.ok += 1,
        EventStatus::Changed => {
            row.ok += 1;
            row.changed += 1;
        }
        EventStatus::Skipped => row.skipped += 1,
        EventStatus::Unreachable if task.ignored => {
            row.ignored += 1;
            row.skipped += 1;
        }
        EventStatus::Unreachable => row.unreachable += 1,
        EventStatus::Failed if task.ignored => {
            row.ok += 1;
            row.ignored += 1;
            if task.result.get("changed").and_then(serde_json::Value::as_bool) == Some(true) {
                row.changed += 1;
            }
        }
        EventStatus::Failed if task.rescued => row.rescued += 1,
        EventStatus::Failed => row.failed += 1,
    }
}
