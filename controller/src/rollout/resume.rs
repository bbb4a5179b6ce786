//! What an earlier run has done: `--resume` passes over it and goes on where each host failed.
//!
//! Read from the recorded events alone. Tasks are known by play, host, name and order, so that a playbook may gain and
//! lose tasks in between. From a host's first failure on everything is carried out again.

use crate::event::{Event, EventStatus};
use luthier_protocol::Map;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Key of a result that says in which run a task was done.
pub const DONE_BY: &str = "done_by";

/// A task that needs not be carried out again.
#[derive(Debug, Clone)]
pub struct Done {
    /// It changed something: its handlers are due, unless they are done as well.
    pub changed: bool,
    /// What it returned, for `register`.
    pub result: Map,
}

/// What earlier runs have done.
#[derive(Debug, Default)]
pub struct Earlier {
    run: String,
    rows: Mutex<Rows>,
}

#[derive(Debug, Default)]
struct Rows {
    /// By play, task, whether it is a handler, and host; oldest first.
    done: HashMap<(String, String, bool), HashMap<String, VecDeque<Done>>>,
    /// How many plays of a name a host has behind it.
    over: HashMap<(String, String), usize>,
}

impl Earlier {
    /// Nothing yet; `run` is the id that is told.
    pub fn new(run: &str) -> Self {
        Self { run: run.to_owned(), ..Self::default() }
    }

    /// The run that is resumed.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Take the events of one run; of several the oldest first.
    pub fn add(&self, events: impl Iterator<Item = Event>) {
        let mut rows = self.rows();
        let mut lost: HashSet<String> = HashSet::new();
        for event in events {
            match event {
                Event::HostDone { play, host } => {
                    // A failure in it was rescued.
                    lost.remove(&host);
                    *rows.over.entry((play, host)).or_default() += 1;
                }
                Event::TaskResult(task) if task.item.is_none() => {
                    let is_bad = matches!(task.status, EventStatus::Failed | EventStatus::Unreachable) && !task.ignored;
                    if is_bad {
                        lost.insert(task.host.clone());
                    }
                    // What was passed over in that run is known from the run before it.
                    if lost.contains(&task.host) || task.result.contains_key(DONE_BY) {
                        continue;
                    }
                    let changed = task.status == EventStatus::Changed;
                    let hosts = rows.done.entry((task.play, task.task, task.handler)).or_default();
                    hosts.entry(task.host).or_default().push_back(Done { changed, result: task.result });
                }
                _ => {}
            }
        }
    }

    /// Whether a host has a play of this name behind it; each is told once.
    pub fn is_over(&self, play: &str, host: &str) -> bool {
        let mut rows = self.rows();
        match rows.over.get_mut(&(play.to_owned(), host.to_owned())) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        }
    }

    /// The next result of a task of this name on a host.
    pub fn take(&self, play: &str, task: &str, is_handler: bool, host: &str) -> Option<Done> {
        let mut rows = self.rows();
        let hosts = rows.done.get_mut(&(play.to_owned(), task.to_owned(), is_handler))?;
        hosts.get_mut(host)?.pop_front()
    }

    /// The same of whichever host has one: for tasks one host carries out for all.
    pub fn take_any(&self, play: &str, task: &str, is_handler: bool) -> Option<Done> {
        let mut rows = self.rows();
        let hosts = rows.done.get_mut(&(play.to_owned(), task.to_owned(), is_handler))?;
        hosts.values_mut().find_map(VecDeque::pop_front)
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::TaskEvent;

    fn result(task: &str, host: &str, status: EventStatus) -> Event {
        Event::TaskResult(Box::new(TaskEvent {
            play: "p".into(),
            task: task.into(),
            action: "command".into(),
            host: host.into(),
            item: None,
            status,
            ignored: false,
            rescued: false,
            handler: false,
            result: Map::new(),
            diff: Vec::new(),
            duration_ms: 0,
        }))
    }

    #[test]
    fn what_came_after_a_failure_is_done_again() {
        let earlier = Earlier::new("r");
        let rows = [
            result("one", "a", EventStatus::Changed),
            result("two", "a", EventStatus::Failed),
            result("always", "a", EventStatus::Ok),
            result("one", "b", EventStatus::Ok),
        ];
        earlier.add(rows.into_iter());
        assert!(earlier.take("p", "one", false, "a").is_some_and(|done| done.changed));
        assert!(earlier.take("p", "one", false, "a").is_none(), "each result counts once");
        assert!(earlier.take("p", "two", false, "a").is_none());
        assert!(earlier.take("p", "always", false, "a").is_none());
        assert!(earlier.take_any("p", "one", false).is_some_and(|done| !done.changed));
    }

    #[test]
    fn a_play_that_is_over_counts_once_for_each_time() {
        let earlier = Earlier::new("r");
        let done = || Event::HostDone { play: "p".into(), host: "a".into() };
        earlier.add([done(), done()].into_iter());
        assert_eq!([0; 3].map(|_| earlier.is_over("p", "a")), [true, true, false]);
        assert!(!earlier.is_over("p", "b"));
    }
}
