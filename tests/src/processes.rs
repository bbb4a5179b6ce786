//! Looking at and ending processes that a test started, always by their number.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Whether a process exists and is no zombie.
pub fn alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')))
}

/// Send a signal (`KILL`, `TERM`, `STOP`, …) to one process. Not being there any more is no error.
pub fn kill(pid: u32, signal: &str) {
    let _ = Command::new("/bin/kill").args(["-s", signal, &pid.to_string()]).output();
}

/// Wait until something holds. The limit only keeps a broken test from hanging: nothing is measured.
pub fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(300);
    while !holds() {
        assert!(Instant::now() < limit, "still waiting for: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Wait for a file to exist with a whole line in it, and return its words as numbers.
pub(crate) fn wait_for_numbers(file: &Path) -> Vec<u32> {
    let mut found = Vec::new();
    wait_for(&format!("numbers in {}", file.display()), || {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        found = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        text.ends_with('\n') && !found.is_empty()
    });
    found
}
