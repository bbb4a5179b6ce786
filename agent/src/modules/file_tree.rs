//! `file` on whole trees: attributes of everything in a directory, and removal.

use super::ModuleError;
use super::answer::failed_to;
use super::file::Job;
use super::placement::{change, entries, original};
use crate::host::paths::{join, parent};
use crate::host::{Host, Kind};
use luthier_protocol::change::{Change, Resource, Reversal, Run, Scope, State};
use std::collections::BTreeSet;

/// Of one removed tree, more content than this is not kept.
const MOST_ORIGINALS: u64 = 256 * 1024 * 1024;

/// The changes of mode, owner and times of a directory, and of all it holds where the task says so.
pub(super) fn attributes(job: &Job<'_>, path: &str) -> Result<Vec<Change>, ModuleError> {
    let mut walk = Walk { job, seen: BTreeSet::new(), changes: Vec::new() };
    walk.one(path)?;
    if job.recurse {
        walk.inside(path)?;
    }
    Ok(walk.changes)
}

struct Walk<'a> {
    job: &'a Job<'a>,
    /// Paths done: links may lead to the same file twice, or in a circle.
    seen: BTreeSet<String>,
    changes: Vec<Change>,
}

impl Walk<'_> {
    fn one(&mut self, path: &str) -> Result<(), ModuleError> {
        if self.seen.insert(path.to_owned()) {
            self.changes.extend(self.job.attributes_of(path)?);
        }
        Ok(())
    }

    fn inside(&mut self, directory: &str) -> Result<(), ModuleError> {
        for path in entries(self.job.host, directory)? {
            let Some(stat) = self.job.host.lstat(&path).map_err(failed_to("look at", &path))? else { continue };
            let new = !self.seen.contains(&path);
            self.one(&path)?;
            match stat.kind {
                Kind::Directory if new => self.inside(&path)?,
                Kind::Link if self.job.follow => self.behind(directory, &path)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// What a link leads to, if it exists.
    fn behind(&mut self, directory: &str, link: &str) -> Result<(), ModuleError> {
        let target = self.job.host.read_link(link).map_err(failed_to("read link", link))?;
        let target = self.job.host.resolve(&join(directory, &target)).map_err(failed_to("resolve", link))?;
        let Some(stat) = self.job.host.stat(&target).map_err(failed_to("look at", &target))? else { return Ok(()) };
        let new = !self.seen.contains(&target);
        self.one(&target)?;
        if stat.kind == Kind::Directory && new {
            self.inside(&target)?;
        }
        Ok(())
    }
}

/// The changes that remove a path and all below it, deepest first, each with its original.
pub(super) fn removal(host: &Host, path: &str) -> Result<Vec<Change>, ModuleError> {
    if path == "/" {
        return Err(ModuleError::new("refusing to remove /"));
    }
    let mut changes = Vec::new();
    let mut kept = 0;
    remove(host, path, &mut changes, &mut kept)?;
    Ok(changes)
}

fn remove(host: &Host, path: &str, changes: &mut Vec<Change>, kept: &mut u64) -> Result<(), ModuleError> {
    let Some(stat) = host.lstat(path).map_err(failed_to("look at", path))? else { return Ok(()) };
    match stat.kind {
        Kind::Directory => {
            for entry in entries(host, path)? {
                remove(host, &entry, changes, kept)?;
            }
            let state = State::Directory { meta: stat.meta() };
            changes.push(change(path, state, State::Absent, Reversal::Yes, true));
        }
        Kind::File if *kept + stat.size > MOST_ORIGINALS => {
            let state = State::File { content: None, meta: stat.meta() };
            let reason = format!("the tree's content beyond {} MiB is not kept", MOST_ORIGINALS >> 20);
            changes.push(change(path, state, State::Absent, Reversal::No(reason), true));
        }
        Kind::File | Kind::Link => {
            *kept += stat.size;
            let (state, revert) = original(host, path)?;
            changes.push(change(path, state, State::Absent, revert, true));
        }
        Kind::CharDevice | Kind::BlockDevice | Kind::Fifo | Kind::Socket => changes.push(special(path)),
    }
    Ok(())
}

/// Devices, pipes and sockets have no content that could be kept: `rm` removes them and nothing brings them back.
fn special(path: &str) -> Change {
    let argv = ["rm", "-f", "--", path].map(str::to_owned).to_vec();
    let run = Run { argv, chdir: Some(parent(path).to_owned()), ..Run::default() };
    Change {
        resource: Resource::Command(format!("rm -f -- {path}")),
        before: State::NotRun,
        after: State::Run(run),
        scope: Scope::Live,
        converges: true,
        revert: Reversal::No(format!("{path} is a device, pipe or socket")),
    }
}
