//! A progress bar for the run on stderr: how far it is, hosts by state, and by name those everybody waits for.

use super::{Output, Screen, escape};
use crate::event::{Event, EventStatus};
use indexmap::IndexMap;
use indicatif::{ProgressBar, ProgressStyle};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A host is called slow after this long.
const SLOW: Duration = Duration::from_secs(3);

/// The bar is drawn this often while nothing happens.
const TICK: Duration = Duration::from_millis(250);

/// Slow hosts named; the others are counted.
const NAMED: usize = 3;

/// The progress bar.
pub struct Progress {
    bar: ProgressBar,
    tally: Arc<Mutex<Tally>>,
    ticker: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// A bar on this screen. `total` is the number of results expected, where it is known.
    pub fn new(screen: &Screen, total: Option<u64>) -> Self {
        let bar = screen.bars().add(ProgressBar::new(total.unwrap_or(0)));
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} [{bar:12}] {pos}/{len} {wide_msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        let tally = Arc::new(Mutex::new(Tally::new(total)));
        let (stop, stopped) = channel::<()>();
        let (drawn, counted) = (bar.clone(), tally.clone());
        let thread = std::thread::Builder::new().name("progress".to_owned()).spawn(move || {
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                draw(&drawn, &counted.lock().unwrap_or_else(PoisonError::into_inner));
                drawn.tick();
            }
        });
        // Without the thread the bar is still drawn at every event.
        Self { bar, tally, ticker: thread.ok().map(|thread| (stop, thread)) }
    }
}

impl Output for Progress {
    fn event(&mut self, event: &Event) {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        if tally.take(event, Instant::now()) {
            draw(&self.bar, &tally);
        }
    }

    fn finish(&mut self) {
        if let Some((stop, thread)) = self.ticker.take() {
            drop(stop);
            // A panicked ticker has nothing to tell.
            let _ = thread.join();
        }
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

fn draw(bar: &ProgressBar, tally: &Tally) {
    let (done, length) = tally.position();
    bar.set_length(length);
    bar.set_position(done);
    bar.set_message(tally.message(Instant::now()));
}

/// What the bar shows: counted from events, with no clock of its own.
struct Tally {
    total: Option<u64>,
    results: u64,
    task: String,
    task_done: u64,
    hosts: IndexMap<String, HostTally>,
}

struct HostTally {
    state: HostState,
    since: Instant,
    done: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum HostState {
    Waiting,
    Connecting,
    Running,
    Failed,
    Unreachable,
    Closed,
}

impl Tally {
    fn new(total: Option<u64>) -> Self {
        Self { total, results: 0, task: String::new(), task_done: 0, hosts: IndexMap::new() }
    }

    /// Whether the event changed what is shown.
    fn take(&mut self, event: &Event, now: Instant) -> bool {
        match event {
            Event::PlayStarted { hosts, .. } => {
                let fresh = |_: &String| HostTally { state: HostState::Waiting, since: now, done: false };
                self.hosts = hosts.iter().map(|host| (host.clone(), fresh(host))).collect();
                self.task.clear();
                self.task_done = 0;
            }
            Event::TaskStarted { task, .. } => {
                self.task.clone_from(task);
                self.task_done = 0;
                for host in self.hosts.values_mut() {
                    host.done = false;
                    host.since = now;
                }
            }
            Event::HostState { host, state } => {
                let Some(row) = self.hosts.get_mut(host) else { return false };
                row.state = match (state.as_str(), row.state) {
                    (_, HostState::Failed | HostState::Unreachable) => row.state,
                    ("connecting" | "authenticating" | "pushing", _) => HostState::Connecting,
                    ("closed", _) => HostState::Closed,
                    _ => HostState::Running,
                };
            }
            Event::TaskResult(result) if result.item.is_none() => {
                self.results += 1;
                let current = result.task == self.task;
                self.task_done += u64::from(current);
                let Some(row) = self.hosts.get_mut(&result.host) else { return true };
                row.since = now;
                row.done = current;
                row.state = match result.status {
                    EventStatus::Failed if !result.ignored && !result.rescued => HostState::Failed,
                    EventStatus::Unreachable if !result.ignored => HostState::Unreachable,
                    _ => HostState::Running,
                };
            }
            _ => return false,
        }
        true
    }

    /// Results there are, and results expected. A plan cannot know every include: the end moves along if need be.
    fn position(&self) -> (u64, u64) {
        match self.total {
            Some(total) => (self.results, total.max(self.results)),
            None => {
                let active = u64::try_from(self.active().count()).unwrap_or(u64::MAX);
                (self.task_done, active.max(self.task_done))
            }
        }
    }

    fn active(&self) -> impl Iterator<Item = (&String, &HostTally)> {
        self.hosts
            .iter()
            .filter(|(_, row)| !matches!(row.state, HostState::Failed | HostState::Unreachable | HostState::Closed))
    }

    fn message(&self, now: Instant) -> String {
        let count = |state: HostState| self.hosts.values().filter(|row| row.state == state).count();
        let done = self.hosts.values().filter(|row| row.state == HostState::Running && row.done).count();
        let states = [
            (count(HostState::Connecting), "connecting"),
            (count(HostState::Running).saturating_sub(done), "running"),
            (done, "done"),
            (count(HostState::Failed), "failed"),
            (count(HostState::Unreachable), "unreachable"),
        ];
        let row = |(number, word): &(usize, &str)| (*number > 0).then(|| format!("{number} {word}"));
        // What matters most comes first: the rest may be cut off where the terminal is narrow.
        let mut parts: Vec<String> = self.slow(now).into_iter().collect();
        parts.extend(states.iter().filter_map(row));
        if !self.task.is_empty() {
            parts.push(escape(&self.task).into_owned());
        }
        parts.join(" · ")
    }

    /// `waiting for host7, host9 (12 s)`: named once others have been waited for long enough, slowest first.
    fn slow(&self, now: Instant) -> Option<String> {
        let mut slow: Vec<(Duration, &str)> = self
            .active()
            .filter(|(_, row)| !row.done)
            .map(|(host, row)| (now.saturating_duration_since(row.since), host.as_str()))
            .filter(|(time, _)| *time >= SLOW)
            .collect();
        slow.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
        let longest = slow.first()?.0;
        let names: Vec<_> = slow.iter().take(NAMED).map(|(_, host)| escape(host)).collect();
        let more = slow.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Some(format!("waiting for {}{more} ({} s)", names.join(", "), longest.as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::fixture::result;

    fn tally(total: Option<u64>, now: Instant) -> Tally {
        let mut tally = Tally::new(total);
        let hosts = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
        tally.take(&Event::PlayStarted { play: "p".into(), hosts }, now);
        tally.take(&Event::TaskStarted { play: "p".into(), task: "t".into(), handler: false }, now);
        tally
    }

    #[test]
    fn slow_hosts_are_named_and_failed_ones_are_not_waited_for() {
        let start = Instant::now();
        let mut tally = tally(None, start);
        tally.take(&result("p", "t", "a", EventStatus::Ok), start);
        tally.take(&result("p", "t", "b", EventStatus::Failed), start);
        assert_eq!(tally.position(), (2, 4));
        assert_eq!(tally.message(start + Duration::from_secs(2)), "1 done · 1 failed · t");
        assert_eq!(
            tally.message(start + Duration::from_secs(12)),
            "waiting for c, d, e (12 s) · 1 done · 1 failed · t"
        );
    }

    #[test]
    fn the_end_moves_when_there_is_more_than_was_planned() {
        let start = Instant::now();
        let mut tally = tally(Some(1), start);
        tally.take(&result("p", "t", "a", EventStatus::Ok), start);
        assert_eq!(tally.position(), (1, 1));
        tally.take(&result("p", "t", "b", EventStatus::Changed), start);
        assert_eq!(tally.position(), (2, 2));
    }
}
