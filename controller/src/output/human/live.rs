//! Output of commands while they run: shown with the host's name once a command takes long, held back until then.

use crate::output::escape;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A command whose output is shown while it runs has run at least this long.
const LONG: Duration = Duration::from_secs(2);

/// A host that writes no line break is broken off here.
const LONGEST_LINE: usize = 16 * 1024;

/// Most bytes held back per host; what is older is not shown live (the result has it).
const HELD: usize = 256 * 1024;

/// Whether events happen now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Live {
    /// They do: output of long commands is shown as it comes.
    Now,
    /// They happened before: output is part of the results.
    Replay,
}

/// Output that has not been shown yet.
pub(super) struct Stream {
    after: Option<Duration>,
    pending: HashMap<(String, String), Pending>,
}

struct Pending {
    since: Instant,
    text: String,
}

impl Stream {
    pub(super) fn new(live: Live) -> Self {
        Self { after: (live == Live::Now).then_some(LONG), pending: HashMap::new() }
    }

    /// Show output at once, whatever the command takes.
    #[cfg(test)]
    pub(super) fn at_once() -> Self {
        Self { after: Some(Duration::ZERO), pending: HashMap::new() }
    }

    /// More output: the lines to show now.
    pub(super) fn take(&mut self, host: &str, stream: &str, data: &str) -> Vec<String> {
        let Some(after) = self.after else { return Vec::new() };
        let now = Instant::now();
        let pending = self
            .pending
            .entry((host.to_owned(), stream.to_owned()))
            .or_insert_with(|| Pending { since: now, text: String::new() });
        pending.text.push_str(data);
        if now.duration_since(pending.since) < after {
            let excess = pending.text.len().saturating_sub(HELD);
            if excess > 0 {
                let cut = (excess..=pending.text.len()).find(|at| pending.text.is_char_boundary(*at));
                pending.text.drain(..cut.unwrap_or(0));
            }
            return Vec::new();
        }
        let whole = match pending.text.rfind('\n') {
            Some(at) => at + 1,
            None if pending.text.len() >= LONGEST_LINE => pending.text.len(),
            None => 0,
        };
        let shown: String = pending.text.drain(..whole).collect();
        lines(host, stream, &shown)
    }

    /// The host's command has ended: the unfinished line of a command whose output was shown.
    pub(super) fn end(&mut self, host: &str) -> Vec<String> {
        let Some(after) = self.after else { return Vec::new() };
        let mut shown = Vec::new();
        for stream in ["stdout", "stderr"] {
            if let Some(pending) = self.pending.remove(&(host.to_owned(), stream.to_owned()))
                && pending.since.elapsed() >= after
            {
                shown.extend(lines(host, stream, &pending.text));
            }
        }
        shown
    }
}

fn lines(host: &str, stream: &str, text: &str) -> Vec<String> {
    let mark = if stream == "stderr" { '!' } else { '|' };
    // A bare `\r` redraws a line (progress bars of other programs): the last state of it is what counts.
    text.lines()
        .map(|line| line.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default())
        .map(|line| format!("  {} {mark} {}", escape(host), escape(line)))
        .collect()
}
