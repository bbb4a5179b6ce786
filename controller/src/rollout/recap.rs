//! Counts per host, as Ansible counts them, and the exit code they mean.

use crate::event::{Event, EventStatus, Recap, TaskEvent};
use std::collections::BTreeMap;

/// Count one event.
pub fn count(recap: &mut BTreeMap<String, Recap>, event: &Event) {
    let Event::TaskResult(task) = event else { return };
    let is_include = matches!(task.action.rsplit('.').next(), Some("include_tasks" | "include_role"));
    if is_include {
        return count_include(recap, task);
    }
    if task.item.is_some() || task.action.ends_with(".meta") || task.action == "meta" {
        return;
    }
    count_status(recap, task);
}

/// An include counts once for each item it brought in; one that could not bring anything in was begun and failed.
fn count_include(recap: &mut BTreeMap<String, Recap>, task: &TaskEvent) {
    let is_loop = task.result.contains_key("results");
    match task.status {
        EventStatus::Ok if task.item.is_some() || !is_loop => recap.entry(task.host.clone()).or_default().ok += 1,
        EventStatus::Ok => {}
        _ if task.item.is_some() => {}
        EventStatus::Failed if task.result.contains_key("reason") => {
            recap.entry(task.host.clone()).or_default().ok += 1;
            count_status(recap, task);
        }
        _ => count_status(recap, task),
    }
}

fn count_status(recap: &mut BTreeMap<String, Recap>, task: &TaskEvent) {
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
