//! A run as the history knows it, and what runs are called.

use luthier_protocol::name::RunId;
use serde::Serialize;

/// What is known of a run when it begins.
#[derive(Debug, Clone)]
pub struct RunMeta {
    /// Its id, from [`new_run_id`].
    pub run: RunId,
    /// Playbook files as given; for an ad-hoc task one text that says which.
    pub playbooks: Vec<String>,
    /// Check mode.
    pub check: bool,
    /// Number of hosts.
    pub hosts: usize,
    /// RFC 3339, from [`now`].
    pub time: String,
}

/// A run in the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunRecord {
    /// Its id.
    pub run: RunId,
    /// When it began, RFC 3339.
    pub time: String,
    /// Playbook files as given.
    pub playbooks: Vec<String>,
    /// Check mode.
    pub check: bool,
    /// Number of hosts.
    pub hosts: usize,
    /// How it stands.
    pub state: RunState,
    /// Its exit code, once it has finished.
    pub exit_code: Option<u8>,
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Its controller is at work.
    Running,
    /// It came to its end, well or badly.
    Finished,
    /// Its controller went away before the end.
    Interrupted,
}

impl RunState {
    /// The word for people and for JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Interrupted => "interrupted",
        }
    }
}

/// A new run id: sorts by time (UTC), safe in file names: `20261122-174501-4f2a`.
pub fn new_run_id() -> RunId {
    let time = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S").to_string();
    RunId(format!("{time}-{:04x}", rand::random::<u16>()))
}

/// Whether a text is a whole run id, not a part of one.
pub fn is_run_id(text: &str) -> bool {
    let form = |part: &str, length: usize, base: u32| part.len() == length && part.chars().all(|c| c.is_digit(base));
    let mut parts = text.split('-');
    let (day, time, rest) = (parts.next(), parts.next(), parts.next());
    parts.next().is_none()
        && day.is_some_and(|day| form(day, 8, 10))
        && time.is_some_and(|time| form(time, 6, 10))
        && rest.is_some_and(|rest| form(rest, 4, 16))
}

/// The time now, RFC 3339 in UTC with whole seconds.
pub fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Whether a text can be a run id: it becomes part of a path.
pub(super) fn is_safe(run: &str) -> bool {
    !run.is_empty() && run.len() <= 64 && run.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_safe_and_have_their_form() {
        let id = new_run_id();
        assert!(is_safe(id.as_str()), "{id}");
        assert_eq!(id.as_str().len(), "20261122-174501-4f2a".len());
        assert!(is_run_id(id.as_str()) && !is_run_id("20261122-174501") && !is_run_id("last"));
        assert!(!is_safe("../x") && !is_safe("") && !is_safe("a/b"));
        assert!(now().parse::<jiff::Timestamp>().is_ok());
    }
}
