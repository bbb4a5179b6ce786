//! `copy` of a directory that is on the host already.

use super::answer::failed_to;
use super::ownership::Attributes;
use super::placement::{self, Birth, NewContent, change, entries};
use super::{ModuleError, Request, Wanted};
use crate::host::paths::{base_name, join};
use crate::host::{Host, Kind, Stat};
use luthier_protocol::Map;
use luthier_protocol::change::{Change, Reversal, State};

/// Deeper trees are taken for loops of links.
const DEEPEST: usize = 100;

/// The changes that make the destination hold everything the source holds. Nothing is removed there.
///
/// As with Ansible, `owner` and `group` apply to all of the copy and `mode` to its top only; the rest keeps the source's.
pub(super) fn changes(
    host: &Host,
    request: &Request<'_>,
    src: &str,
    attributes: &Attributes,
) -> Result<Wanted, ModuleError> {
    let given = request.needed("dest")?;
    let dest = host.absolute(given);
    let into = request.text("src").is_some_and(|src| src.ends_with('/'));
    let top = if into { dest.trim_end_matches('/').to_owned() } else { join(&dest, base_name(src)) };
    let mut changes =
        placement::missing_directories(host, crate::host::paths::parent(&top), &attributes.without_mode())?;
    let tree = Tree {
        host,
        follow: request.unless_denied("local_follow"),
        backup: request.flag("backup"),
        attributes: attributes.without_mode(),
    };
    tree.directory(src.trim_end_matches('/'), &top, &mut changes, 0)?;
    top_attributes(host, &dest, &top, attributes, &mut changes)?;
    let mut result = Map::new();
    result.insert("dest".to_owned(), given.into());
    Ok(Wanted { changes, result: super::answer::with_path_info(host, result, "dest"), ..Wanted::default() })
}

/// Mode and owner of the destination itself, which may be one of the directories made here.
fn top_attributes(
    host: &Host,
    dest: &str,
    top: &str,
    attributes: &Attributes,
    changes: &mut Vec<Change>,
) -> Result<(), ModuleError> {
    let dest = dest.trim_end_matches('/');
    for change in changes.iter_mut().filter(|change| change.resource.label() == dest) {
        if let State::Directory { meta } = &mut change.after {
            *meta = attributes.over(meta, true);
            return Ok(());
        }
    }
    if dest != top || !changes.iter().any(|change| change.resource.label() == dest) {
        changes.extend(placement::attributes_change(host, dest, attributes, None)?);
    }
    Ok(())
}

struct Tree<'a> {
    host: &'a Host,
    follow: bool,
    backup: bool,
    attributes: Attributes,
}

impl Tree<'_> {
    fn directory(&self, src: &str, dest: &str, changes: &mut Vec<Change>, depth: usize) -> Result<(), ModuleError> {
        if depth > DEEPEST {
            return Err(ModuleError::new(format!("cannot copy {src}: more than {DEEPEST} directories deep")));
        }
        match self.host.stat(dest).map_err(failed_to("look at", dest))? {
            Some(stat) if stat.kind == Kind::Directory => {
                changes.extend(placement::attributes_change(self.host, dest, &self.attributes, None)?);
            }
            Some(stat) => {
                let kind = placement::kind_name(stat.kind);
                return Err(ModuleError::new(format!("cannot copy directory {src} over {dest}: it is a {kind}")));
            }
            None => {
                let mut meta = placement::new_directory(self.host, dest);
                if let Some(stat) = self.host.stat(src).map_err(failed_to("look at", src))? {
                    meta.mode = stat.mode;
                }
                let meta = self.attributes.over(&meta, true);
                changes.push(change(dest, State::Absent, State::Directory { meta }, Reversal::Yes, true));
            }
        }
        for from in entries(self.host, src)? {
            let to = join(dest, base_name(&from));
            let Some(stat) = self.source(&from)? else {
                return Err(ModuleError::new(format!("cannot copy {from}: the link leads nowhere")));
            };
            match stat.kind {
                Kind::Directory => self.directory(&from, &to, changes, depth + 1)?,
                Kind::Link => self.link(&from, &to, changes)?,
                Kind::File => self.file(&from, &to, &stat, changes)?,
                kind => {
                    let kind = placement::kind_name(kind);
                    return Err(ModuleError::new(format!("cannot copy {from}: it is a {kind}")));
                }
            }
        }
        Ok(())
    }

    fn source(&self, path: &str) -> Result<Option<Stat>, ModuleError> {
        let stat = if self.follow { self.host.stat(path) } else { self.host.lstat(path) };
        stat.map_err(failed_to("look at", path))
    }

    fn file(&self, from: &str, to: &str, source: &Stat, changes: &mut Vec<Change>) -> Result<(), ModuleError> {
        let content = self.host.read(from).map_err(failed_to("read", from))?;
        let present = self.host.lstat(to).map_err(failed_to("look at", to))?;
        let same = match &present {
            Some(stat) if stat.kind == Kind::File && stat.size == source.size => {
                self.host.read(to).map_err(failed_to("read", to))? == content
            }
            _ => false,
        };
        if same {
            changes.extend(placement::attributes_change(self.host, to, &self.attributes, None)?);
            return Ok(());
        }
        let mut fresh = placement::new_file(self.host, to, Birth::InPlace);
        fresh.mode = source.mode;
        let kept = present.map(|stat| luthier_protocol::change::Meta { mode: source.mode, ..stat.meta() });
        let new = NewContent {
            path: to,
            content,
            fresh,
            present: kept,
            attributes: &self.attributes,
            backup: self.backup,
            converges: true,
        };
        changes.extend(placement::replace(self.host, new)?.0);
        Ok(())
    }

    fn link(&self, from: &str, to: &str, changes: &mut Vec<Change>) -> Result<(), ModuleError> {
        let target = self.host.read_link(from).map_err(failed_to("read link", from))?;
        let (before, revert) = placement::original(self.host, to)?;
        if matches!(&before, State::Link { target: present, .. } if *present == target) {
            return Ok(());
        }
        if matches!(before, State::Directory { .. }) {
            return Err(ModuleError::new(format!("cannot copy link {from} over {to}: it is a directory")));
        }
        let who = self.host.who();
        let uid = self.attributes.uid.unwrap_or(who.uid);
        let gid = self.attributes.gid.unwrap_or(who.gid);
        changes.push(change(to, before, State::Link { target, uid, gid }, revert, true));
        Ok(())
    }
}
