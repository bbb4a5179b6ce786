//! What came out of an archive against what is in its destination: the changes between them.

use super::ModuleError;
use super::answer::failed_to;
use super::ownership::Attributes;
use super::placement::{self, change, kind_name};
use crate::host::hashes::Algorithm;
use crate::host::paths::join;
use crate::host::{Host, Kind, Stat};
use luthier_protocol::change::{Bytes, Change, Reversal, State, Times};

/// Most bytes of new content: it is held in memory until it is written.
const LARGEST: u64 = 256 * 1024 * 1024;

/// An unpacked archive and where it goes.
#[derive(Debug)]
pub(super) struct Placing<'a> {
    /// The machine.
    pub host: &'a Host,
    /// Folder with what was unpacked.
    pub tree: String,
    /// Destination, links resolved.
    pub dest: String,
    /// Names of the archive's members: directories that are not among them were only made on the way.
    pub members: Vec<String>,
    /// Wanted mode and owner.
    pub attributes: Attributes,
    /// Files that are newer than the archive's stay.
    pub keep_newer: bool,
}

/// The changes that bring the one into the other, directories before what is in them.
pub(super) fn place(placing: &Placing<'_>) -> Result<Vec<Change>, ModuleError> {
    let mut work = Work { placing, changes: Vec::new(), bytes: 0 };
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let staged = join(&placing.tree, &folder);
        let names = placing.host.list(&staged).map_err(failed_to("list", &staged))?;
        let mut below = Vec::new();
        for name in names {
            let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            if work.entry(&name)? {
                below.push(name);
            }
        }
        folders.extend(below.into_iter().rev());
    }
    Ok(work.changes)
}

struct Work<'a> {
    placing: &'a Placing<'a>,
    changes: Vec<Change>,
    bytes: u64,
}

impl Work<'_> {
    /// One entry; true where it is a directory, whose entries are to follow.
    fn entry(&mut self, name: &str) -> Result<bool, ModuleError> {
        let Placing { host, tree, dest, .. } = self.placing;
        let (staged, target) = (join(tree, name), join(dest, name));
        let stat = host.lstat(&staged).map_err(failed_to("look at", &staged))?;
        let stat = stat.ok_or_else(|| ModuleError::new(format!("the name of {name} is not UTF-8")))?;
        let present = host.lstat(&target).map_err(failed_to("look at", &target))?;
        match stat.kind {
            Kind::Directory => self.directory(name, &target, &stat, present.as_ref()).map(|()| true),
            Kind::File => self.file(&staged, &target, &stat, present.as_ref()).map(|()| false),
            Kind::Link => self.link(&staged, &target, &stat, present.as_ref()).map(|()| false),
            kind => Err(ModuleError::new(format!(
                "{name} in the archive is a {}: only files can be undone",
                kind_name(kind)
            ))),
        }
    }

    fn directory(&mut self, name: &str, target: &str, stat: &Stat, present: Option<&Stat>) -> Result<(), ModuleError> {
        let Placing { host, dest, members, attributes, .. } = self.placing;
        let Some(present) = present else {
            let after = State::Directory { meta: attributes.over(&stat.meta(), true) };
            self.changes.push(change(target, State::Absent, after, Reversal::Yes, false));
            return Ok(());
        };
        if present.kind == Kind::Link {
            // The host's own link to another of its folders is followed, as long as it does not lead away.
            let end = host.resolve(target).map_err(failed_to("resolve", target))?;
            let inside = end.strip_prefix(dest.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'));
            if !inside || !super::answer::is_directory(host, target) {
                let message = format!("{target} is a link to {end}: the archive would be unpacked outside {dest}");
                return Err(ModuleError::new(message));
            }
            return Ok(());
        }
        if present.kind != Kind::Directory {
            return Err(in_the_way(target, present.kind));
        }
        // A directory that was only made on the way keeps what it has, but for what the task asks of the topmost.
        let explicit = members.iter().any(|member| member == name);
        let before = present.meta();
        let base = if explicit { stat.meta() } else { before.clone() };
        let meta = attributes.over(&base, true);
        if (explicit || !name.contains('/')) && meta != before {
            let (before, after) = (State::Directory { meta: before }, State::Directory { meta });
            self.changes.push(change(target, before, after, Reversal::Yes, false));
        }
        Ok(())
    }

    fn file(&mut self, staged: &str, target: &str, stat: &Stat, present: Option<&Stat>) -> Result<(), ModuleError> {
        let Placing { host, attributes, keep_newer, .. } = self.placing;
        let mut meta = attributes.over(&stat.meta(), false);
        if let Some(present) = present {
            if present.kind == Kind::Directory {
                return Err(in_the_way(target, present.kind));
            }
            if present.kind == Kind::File {
                if *keep_newer && present.mtime_ns > stat.mtime_ns {
                    return Ok(());
                }
                if self.same(staged, target, stat, present)? {
                    let before = present.meta();
                    if before != meta {
                        let state = |meta| State::File { content: None, meta };
                        self.changes.push(change(target, state(before), state(meta), Reversal::Yes, false));
                    }
                    return Ok(());
                }
            }
        }
        self.bytes += stat.size;
        if self.bytes > LARGEST {
            let message = format!("the archive would bring more than {} MiB of new content", LARGEST >> 20);
            return Err(ModuleError::new(message + ": unpack it with `command: tar`, which cannot be undone"));
        }
        let content = host.read(staged).map_err(failed_to("read", staged))?;
        meta.times = Some(Times { atime_ns: stat.mtime_ns, mtime_ns: stat.mtime_ns });
        let (before, revert) = placement::original(host, target)?;
        let after = State::File { content: Some(Bytes(content)), meta };
        self.changes.push(change(target, before, after, revert, false));
        Ok(())
    }

    fn same(&self, staged: &str, target: &str, stat: &Stat, present: &Stat) -> Result<bool, ModuleError> {
        let digest = |path: &str| self.placing.host.digest(path, Algorithm::Sha256).map_err(failed_to("read", path));
        Ok(stat.size == present.size && digest(staged)? == digest(target)?)
    }

    fn link(&mut self, staged: &str, target: &str, stat: &Stat, present: Option<&Stat>) -> Result<(), ModuleError> {
        let Placing { host, attributes, .. } = self.placing;
        if let Some(present) = present.filter(|present| present.kind == Kind::Directory) {
            return Err(in_the_way(target, present.kind));
        }
        let meta = attributes.over(&stat.meta(), false);
        let to = host.read_link(staged).map_err(failed_to("read link", staged))?;
        let after = State::Link { target: to, uid: meta.uid, gid: meta.gid };
        let (before, revert) = placement::original(host, target)?;
        if before != after {
            self.changes.push(change(target, before, after, revert, false));
        }
        Ok(())
    }
}

fn in_the_way(path: &str, kind: Kind) -> ModuleError {
    ModuleError::new(format!("{path} is in the way: {}", kind_name(kind)))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::super::tests::machine;
    use super::*;
    use std::os::unix::fs::symlink;

    fn placing<'a>(host: &'a Host, members: &[&str]) -> Placing<'a> {
        Placing {
            host,
            tree: "/tree".to_owned(),
            dest: "/opt".to_owned(),
            members: members.iter().map(|name| (*name).to_owned()).collect(),
            attributes: Attributes::default(),
            keep_newer: false,
        }
    }

    #[test]
    fn only_what_differs_becomes_a_change() {
        let (folder, host) = machine(&[
            ("tree/a/same", "1\n"),
            ("tree/a/other", "2\n"),
            ("tree/b/new", "3\n"),
            ("opt/a/same", "1\n"),
            ("opt/a/other", "9\n"),
        ]);
        symlink("same", folder.path().join("tree/a/link")).unwrap();
        let labels = |changes: &[Change]| changes.iter().map(|one| one.resource.label().to_owned()).collect::<Vec<_>>();
        let changes = place(&placing(&host, &["a/same", "a/other", "b/new"])).unwrap();
        assert_eq!(labels(&changes), ["/opt/b", "/opt/a/link", "/opt/a/other", "/opt/b/new"]);
        let old = std::fs::File::options().write(true).open(folder.path().join("tree/a/other")).unwrap();
        old.set_modified(std::time::UNIX_EPOCH).unwrap();
        let newer = Placing { keep_newer: true, ..placing(&host, &[]) };
        assert_eq!(labels(&place(&newer).unwrap()), ["/opt/b", "/opt/a/link", "/opt/b/new"]);
    }

    #[test]
    fn a_link_on_the_host_leads_nowhere_else() {
        let (folder, host) = machine(&[("tree/a/x", "1\n"), ("opt/real/y", ""), ("etc/z", "")]);
        symlink("real", folder.path().join("opt/a")).unwrap();
        assert_eq!(place(&placing(&host, &[])).unwrap().len(), 1);
        std::fs::remove_file(folder.path().join("opt/a")).unwrap();
        symlink("../etc", folder.path().join("opt/a")).unwrap();
        let error = place(&placing(&host, &[])).unwrap_err().message;
        assert_eq!(error, "/opt/a is a link to /etc: the archive would be unpacked outside /opt");
        std::fs::remove_file(folder.path().join("opt/a")).unwrap();
        std::fs::write(folder.path().join("opt/a"), "").unwrap();
        assert_eq!(place(&placing(&host, &[])).unwrap_err().message, "/opt/a is in the way: file");
    }
}
