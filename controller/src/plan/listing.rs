//! What `--list-hosts`, `--list-tasks` and `--list-tags` show.

use super::planner::Planner;
use super::types::{PlannedPlay, PlannedTask};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

fn head(index: usize, play: &PlannedPlay, planner: &Planner) -> String {
    let tags = planner.tags(&play.play.keywords);
    format!("  play #{} ({}): {}\tTAGS: [{}]\n", index + 1, play.pattern(), play.bare_name(), join(&tags))
}

fn join(tags: &BTreeSet<String>) -> String {
    tags.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// Plays with their tasks.
pub fn list_tasks(file: &str, plays: &[PlannedPlay], planner: &Planner) -> String {
    let mut out = format!("\nplaybook: {file}\n");
    for (index, play) in plays.iter().enumerate() {
        let _ = write!(out, "\n{}    tasks:\n", head(index, play, planner));
        for task in visible(play) {
            let name = task.full_name(&task.bare_name());
            let _ = writeln!(out, "      {name}\tTAGS: [{}]", join(&planner.tags(&task.keywords)));
        }
    }
    out
}

/// Plays with the tags of their tasks.
pub fn list_tags(file: &str, plays: &[PlannedPlay], planner: &Planner) -> String {
    let mut out = format!("\nplaybook: {file}\n");
    for (index, play) in plays.iter().enumerate() {
        let tags: BTreeSet<String> = visible(play).iter().flat_map(|task| planner.tags(&task.keywords)).collect();
        let _ = write!(out, "\n{}      TASK TAGS: [{}]\n", head(index, play, planner), join(&tags));
    }
    out
}

/// Plays with their hosts.
pub fn list_hosts(file: &str, plays: &[(&PlannedPlay, Vec<String>)], planner: &Planner) -> String {
    let mut out = format!("\nplaybook: {file}\n");
    for (index, (play, hosts)) in plays.iter().enumerate() {
        let _ = write!(
            out,
            "\n{}    pattern: ['{}']\n    hosts ({}):\n",
            head(index, play, planner),
            play.pattern(),
            hosts.len()
        );
        for host in hosts {
            let _ = writeln!(out, "      {host}");
        }
    }
    out
}

/// Tasks people see in a list: `meta` is not one.
fn visible(play: &PlannedPlay) -> Vec<&Arc<PlannedTask>> {
    play.tasks().into_iter().filter(|task| task.entry.spec.name != "meta").collect()
}
