//! Puts folded blocks into lines.

use super::block::Block;
use crate::event::EventStatus;
use crate::output::{Paint, escape};
use indexmap::IndexMap;

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

fn who(hosts: &[String]) -> String {
    if hosts.len() <= NAMED { names(hosts) } else { format!("{} hosts", hosts.len()) }
}

fn names(hosts: &[String]) -> String {
    hosts.iter().map(|host| escape(host).into_owned()).collect::<Vec<_>>().join(", ")
}
