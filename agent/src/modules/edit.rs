//! A text file edited in place: what `lineinfile` and its kin share.

use super::answer::failed_to;
use super::ownership::Attributes;
use super::pattern::latin1;
use super::placement::{self, Birth, NewContent};
use super::{ModuleError, Wanted};
use crate::host::paths::parent;
use crate::host::{Host, Stat};
use luthier_protocol::Map;

/// The outcome of an edit.
#[derive(Debug)]
pub(super) struct Edit<'a> {
    /// The file, links resolved.
    pub path: &'a str,
    /// Its wanted content.
    pub content: Vec<u8>,
    /// Wanted mode and owner.
    pub attributes: &'a Attributes,
    /// Keep the old file.
    pub backup: bool,
    /// Checker of the new content.
    pub validate: Option<&'a str>,
    /// What was done to the content.
    pub message: String,
}

/// The file's lines with their line breaks, as [`latin1`] text; none where there is no file.
pub(super) fn read_lines(host: &Host, path: &str) -> Result<Vec<String>, ModuleError> {
    let content = content(host, path)?.unwrap_or_default();
    Ok(latin1(&content).split_inclusive('\n').map(str::to_owned).collect())
}

/// The file's bytes; `None` where there is no file.
pub(super) fn content(host: &Host, path: &str) -> Result<Option<Vec<u8>>, ModuleError> {
    if host.stat(path).map_err(failed_to("look at", path))?.is_none() {
        return Ok(None);
    }
    host.read(path).map(Some).map_err(failed_to("read", path))
}

/// The changes of an edit, with `msg`; and the backup's path.
pub(super) fn finish(host: &Host, edit: Edit<'_>) -> Result<(Wanted, Option<String>), ModuleError> {
    let old = content(host, edit.path)?;
    let new = edit.content;
    let fresh = placement::new_file(host, edit.path, Birth::Moved);
    let mut message = edit.message;
    let attributes = placement::attributes_change(host, edit.path, edit.attributes, None)?;
    let new_and_other = old.is_none() && !new.is_empty() && edit.attributes.over(&fresh, false) != fresh;
    if attributes.is_some() || new_and_other {
        if !message.is_empty() {
            message.push_str(" and ");
        }
        message.push_str("ownership, perms or SE linux context changed");
    }
    let mut wanted = Wanted { result: Map::from_iter([("msg".to_owned(), message.into())]), ..Wanted::default() };
    if old.as_deref() == Some(new.as_slice()) || (old.is_none() && new.is_empty()) {
        wanted.changes.extend(attributes);
        return Ok((wanted, None));
    }
    if let Some(command) = edit.validate {
        let present = host.stat(edit.path).map_err(failed_to("look at", edit.path))?;
        let base = present.as_ref().map_or_else(|| fresh.clone(), Stat::meta);
        placement::validate(host, command, &new, edit.attributes.over(&base, false).mode)?;
    }
    let none = Attributes::default();
    wanted.changes = placement::missing_directories(host, parent(edit.path), &none)?;
    let content = NewContent {
        path: edit.path,
        content: new,
        fresh,
        present: None,
        attributes: edit.attributes,
        backup: edit.backup,
        converges: false,
    };
    let (changes, backup) = placement::replace(host, content)?;
    wanted.changes.extend(changes);
    Ok((wanted, backup))
}
