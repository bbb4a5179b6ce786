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

/// An include counts once for each item it brought in.
fn count_include(recap: &mut BTreeMap<String, Recap>, task: &TaskEvent) {
    let is_loop = task.result.contains_key("results");
    match task.status {
        EventStatus::Ok if task.item.is_some() || !is_loop => recap.entry(task.host.clone()).or_default().ok += 1,
        EventStatus::Ok => {}
        _ if task.item.is_some() => {}
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

#[cfg(test)]
mod tests {
    use super::*;

    fn event(action: &str, item: Option<&str>, status: EventStatus, result: serde_json::Value) -> Event {
        Event::TaskResult(Box::new(TaskEvent {
            play: "p".into(),
            task: "t".into(),
            action: action.into(),
            host: "h".into(),
            item: item.map(Into::into),
            status,
            ignored: false,
            rescued: false,
            handler: false,
            result: result.as_object().cloned().unwrap_or_default(),
            diff: Vec::new(),
            duration_ms: 0,
        }))
    }

    #[test]
    fn an_include_counts_for_each_item_and_a_task_once() {
        let mut recap = BTreeMap::new();
        let whole = || serde_json::json!({"results": []});
        for action in ["ansible.builtin.include_tasks", "ansible.builtin.debug"] {
            count(&mut recap, &event(action, Some("a"), EventStatus::Ok, serde_json::json!({})));
            count(&mut recap, &event(action, Some("b"), EventStatus::Ok, serde_json::json!({})));
            count(&mut recap, &event(action, None, EventStatus::Ok, whole()));
        }
        assert_eq!(recap.get("h").map(|row| row.ok), Some(3));
    }
}
