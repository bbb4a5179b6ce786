//! Puts folded blocks into lines.

use super::block::Block;
use crate::event::EventStatus;
use crate::output::{Paint, escape};
use indexmap::IndexMap;
use std::collections::HashMap;

/// Up to so many hosts are named in a folded line.
const NAMED: usize = 4;

/// Blocks of hosts, equal ones together, in the order in which they came.
pub(super) fn fold(blocks: Vec<(String, Block)>) -> IndexMap<Block, Vec<String>> {
    let mut folded: IndexMap<Block, Vec<String>> = IndexMap::new();
    for (host, block) in blocks {
        folded.entry(block).or_default().push(host);
    }
    folded
}

/// The lines of one block and its hosts.
pub(super) fn lines(hosts: &[String], block: &Block, paint: Paint, verbosity: u8) -> Vec<String> {
    let several = hosts.len() > 1;
    let mut out = vec![format!("  {}: {}", who(hosts), block.summary(paint, several))];
    if several && (hosts.len() <= NAMED || verbosity > 0) {
        // Named already, or all of them wanted.
        if hosts.len() > NAMED {
            out.push(format!("      {}", paint.faint(&names(hosts))));
        }
    } else if several && block.status != EventStatus::Ok && block.status != EventStatus::Skipped {
        let shown: Vec<String> = hosts.iter().take(NAMED).cloned().collect();
        out.push(format!("      {}", paint.faint(&format!("{}, …", names(&shown)))));
    }
    out.extend(block.lines.iter().map(|line| format!("      {line}")));
    out.extend(block.diff.iter().map(|line| format!("      {}", paint.diff_line(line))));
    out
}

/// The line of hosts with which something went wrong that was shown of another.
pub(super) fn same(hosts: &[String], block: &Block, first: &str, paint: Paint, verbosity: u8) -> Vec<String> {
    let words = paint.status(block.status, &block.words);
    let mut out = vec![format!("  {}: {words}, as {}", who(hosts), escape(first))];
    if hosts.len() > NAMED {
        let shown = if verbosity > 0 { hosts } else { hosts.get(..NAMED).unwrap_or(hosts) };
        let more = if verbosity > 0 { "" } else { ", …" };
        out.push(format!("      {}", paint.faint(&format!("{}{more}", names(shown)))));
    }
    out
}

/// How long these hosts took, with the slowest named.
pub(super) fn took(hosts: &[String], took: &HashMap<String, (u64, String)>, paint: Paint) -> Option<String> {
    let rows = || hosts.iter().filter_map(|host| took.get(host).map(|row| (row.0, &row.1, host)));
    let (longest, action, slowest) = rows().max_by_key(|row| row.0)?;
    let shortest = rows().map(|row| row.0).min()?;
    let text = match hosts.len() {
        1 => format!("{action}, {longest} ms"),
        _ => format!("{action}, {shortest} to {longest} ms, longest on {}", escape(slowest)),
    };
    Some(format!("      {}", paint.faint(&text)))
}

fn who(hosts: &[String]) -> String {
    if hosts.len() <= NAMED { names(hosts) } else { format!("{} hosts", hosts.len()) }
}

fn names(hosts: &[String]) -> String {
    hosts.iter().map(|host| escape(host).into_owned()).collect::<Vec<_>>().join(", ")
}
