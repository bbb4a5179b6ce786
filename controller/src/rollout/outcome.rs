//! What became of a task (or one loop item of it) on a host, before and after the playbook's own verdict.

use crate::event::EventStatus;
use crate::yaml::Value;
use luthier_protocol::task::{DiffEntry, Status, TaskResult};
use luthier_protocol::{Map, Value as Json};

/// Set in a result that must not be shown though its task does not say so.
pub const SECRET: &str = "_ansible_no_log";

/// What became of one item.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// How it ended.
    pub status: EventStatus,
    /// Return values under Ansible's key names.
    pub result: Map,
    /// Before and after.
    pub diff: Vec<DiffEntry>,
    /// Microseconds on the host.
    pub duration_us: u64,
    /// The loop item.
    pub item: Option<Value>,
    /// What is shown instead of the item.
    pub label: Option<Value>,
}

impl Outcome {
    /// An outcome without diff.
    pub fn new(status: EventStatus, result: Map) -> Self {
        Self { status, result, diff: Vec::new(), duration_us: 0, item: None, label: None }
    }

    /// All well, nothing changed.
    pub fn ok(result: Map) -> Self {
        Self::new(EventStatus::Ok, result)
    }

    /// A failure with a message.
    pub fn failed(message: impl Into<String>) -> Self {
        let mut result = Map::new();
        result.insert("msg".into(), Json::from(message.into()));
        Self::new(EventStatus::Failed, result)
    }

    /// The host is lost.
    pub fn unreachable(message: impl Into<String>) -> Self {
        let mut result = Map::new();
        result.insert("unreachable".into(), true.into());
        result.insert("msg".into(), Json::from(message.into()));
        Self::new(EventStatus::Unreachable, result)
    }

    /// Not carried out.
    pub fn skipped(reason: &str) -> Self {
        let mut result = Map::new();
        result.insert("skip_reason".into(), reason.into());
        Self::new(EventStatus::Skipped, result)
    }

    /// With a further return value.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Json>) -> Self {
        self.result.insert(key.to_owned(), value.into());
        self
    }

    /// From what the agent said.
    pub fn from_agent(answer: TaskResult) -> Self {
        let status = match answer.status {
            Status::Ok => EventStatus::Ok,
            Status::Changed => EventStatus::Changed,
            Status::Skipped => EventStatus::Skipped,
            Status::Failed | Status::Dropped | Status::Cancelled | Status::TimedOut => EventStatus::Failed,
        };
        let mut result = answer.result;
        if status == EventStatus::Failed && !result.contains_key("msg") {
            let message = match answer.status {
                Status::Dropped => "not started: a task before it failed",
                Status::Cancelled => "cancelled",
                Status::TimedOut => "killed: the task's time was up",
                _ => "failed",
            };
            result.insert("msg".into(), message.into());
        }
        if answer.status == Status::TimedOut {
            result.insert("timedout".into(), Json::Object(Map::new()));
        }
        Self { status, result, diff: answer.diff, duration_us: answer.duration_us, item: None, label: None }
    }

    /// Whether it ended badly.
    pub fn is_failure(&self) -> bool {
        matches!(self.status, EventStatus::Failed | EventStatus::Unreachable)
    }

    /// Whether it must not be shown, whatever its task says.
    pub fn is_secret(&self) -> bool {
        self.result.get(SECRET) == Some(&Json::Bool(true))
    }

    /// The result as `register` keeps it: with `changed`, `failed`, `skipped` and the item.
    pub fn registered(&self, variable: Option<&str>) -> Map {
        let mut map = self.result.clone();
        map.shift_remove(SECRET);
        // A module may say `changed` of a failure; else the status tells.
        if !(self.is_failure() && map.contains_key("changed")) {
            map.insert("changed".into(), (self.status == EventStatus::Changed).into());
        }
        if self.status != EventStatus::Unreachable {
            map.insert("failed".into(), (self.status == EventStatus::Failed).into());
        }
        if self.status == EventStatus::Skipped {
            map.insert("skipped".into(), true.into());
        }
        if let (Some(item), Some(variable)) = (&self.item, variable) {
            map.insert("ansible_loop_var".into(), variable.into());
            map.insert(variable.to_owned(), item.to_json());
        }
        map
    }
}

/// The result of a whole loop from those of its items.
pub fn combine(items: &[Outcome], variable: &str) -> Outcome {
    let results: Vec<Json> = items.iter().map(|item| Json::Object(item.registered(Some(variable)))).collect();
    let any = |status: EventStatus| items.iter().any(|item| item.status == status);
    let all_skipped = items.iter().all(|item| item.status == EventStatus::Skipped);
    let (status, message) = if items.is_empty() {
        (EventStatus::Skipped, None)
    } else if any(EventStatus::Unreachable) {
        (EventStatus::Unreachable, Some("the host was lost"))
    } else if any(EventStatus::Failed) {
        (EventStatus::Failed, Some("One or more items failed"))
    } else if all_skipped {
        (EventStatus::Skipped, Some("All items skipped"))
    } else if any(EventStatus::Changed) {
        (EventStatus::Changed, Some("All items completed"))
    } else {
        (EventStatus::Ok, Some("All items completed"))
    };
    let mut result = Map::new();
    result.insert("results".into(), Json::Array(results));
    if items.iter().any(Outcome::is_secret) {
        result.insert(SECRET.into(), true.into());
    }
    if items.is_empty() {
        result.insert("skipped_reason".into(), "No items in the list".into());
    }
    if let Some(message) = message {
        result.insert("msg".into(), message.into());
    }
    if status == EventStatus::Failed && any(EventStatus::Changed) {
        result.insert("changed".into(), true.into());
    }
    Outcome {
        status,
        result,
        diff: Vec::new(),
        duration_us: items.iter().map(|item| item.duration_us).sum(),
        item: None,
        label: None,
    }
}
