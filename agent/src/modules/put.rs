//! One content put to one place: what `copy` and `template` share.

use super::answer::{exists, failed_to, is_directory, with_path_info};
use super::ownership::Attributes;
use super::placement::{self, Birth, NewContent};
use super::{ModuleError, Wanted};
use crate::host::hashes::{Algorithm, digest};
use crate::host::paths::{join, parent};
use crate::host::{Host, Kind, Stat, Wish};
use luthier_protocol::Map;
use luthier_protocol::change::Meta;
use luthier_protocol::task::Content;
use std::borrow::Cow;

/// What shall be put where.
#[derive(Debug)]
pub(super) struct Put<'a> {
    /// Destination, absolute; a final slash means a directory.
    pub dest: String,
    /// Name below a destination that is a directory.
    pub name: Option<&'a str>,
    /// The content.
    pub content: Cow<'a, Content>,
    /// Wanted mode and owner.
    pub attributes: &'a Attributes,
    /// The same for directories that have to be made.
    pub directories: &'a Attributes,
    /// Mode and owner a present file gets instead of keeping its own.
    pub present: Option<Meta>,
    /// Replace a present file.
    pub force: bool,
    /// Keep the old file.
    pub backup: bool,
    /// Write to what a link leads to, instead of replacing the link.
    pub follow: bool,
    /// Checker of the new content.
    pub validate: Option<&'a str>,
    /// SHA-1 that the content must have.
    pub checksum: Option<&'a str>,
    /// Asked again, the module finds nothing to do; false where asking costs too much.
    pub converges: bool,
}

/// The changes that put it there.
pub(super) fn put(host: &Host, put: Put<'_>) -> Result<Wanted, ModuleError> {
    let sha1 = sha1(&put.content);
    if put.checksum.is_some_and(|wanted| !wanted.eq_ignore_ascii_case(&sha1)) {
        let message = "Copied file does not match the expected checksum. Transfer failed.";
        return Err(ModuleError::new(message)
            .with("checksum", sha1)
            .with("expected_checksum", put.checksum.unwrap_or_default()));
    }
    let dest = destination(host, &put)?;
    let mut result = Map::new();
    result.insert("dest".to_owned(), dest.as_str().into());
    if !put.force && exists(host, &dest)? {
        result.insert("msg".to_owned(), "file already exists".into());
        return Ok(Wanted { result: with_path_info(host, result, "dest"), ..Wanted::default() });
    }
    let missing = missing(host, &put, &dest).map_err(|error| error.with("checksum", sha1.clone()))?;
    result.insert("checksum".to_owned(), sha1.as_str().into());
    if let Content::Inline(bytes) = &*put.content {
        result.insert("md5sum".to_owned(), digest(bytes, Algorithm::Md5).into());
    }
    let present = host.lstat(&dest).map_err(failed_to("look at", &dest))?;
    if same(host, &dest, present.as_ref(), &put.content)? {
        let change = attributes(host, &dest, &put)?;
        let result = with_path_info(host, result, "dest");
        return Ok(Wanted { changes: change.into_iter().collect(), result, ..Wanted::default() });
    }
    let Content::Inline(content) = &*put.content else {
        return Ok(Wanted { result, needs_content: true, ..Wanted::default() });
    };
    if missing.is_empty() && !host.may(parent(&dest), Wish::Write) {
        return Err(ModuleError::new(format!("Destination {} not writable", parent(&dest))).about(host, "dest", &dest));
    }
    let fresh = placement::new_file(host, &dest, Birth::Moved);
    if let Some(command) = put.validate {
        let base = present.as_ref().map_or_else(|| fresh.clone(), Stat::meta);
        placement::validate(host, command, content, put.attributes.over(&base, false).mode)
            .map_err(|error| error.with("checksum", sha1).about(host, "dest", &dest))?;
    }
    let new = NewContent {
        path: &dest,
        content: match put.content.into_owned() {
            Content::Inline(bytes) => bytes,
            Content::Offered { .. } => Vec::new(),
        },
        fresh,
        present: put.present,
        attributes: put.attributes,
        backup: put.backup,
        converges: put.converges,
    };
    let (file, backup) = placement::replace(host, new)?;
    if let Some(backup) = backup {
        result.insert("backup_file".to_owned(), backup.into());
    }
    let changes = missing.into_iter().chain(file).collect();
    Ok(Wanted { changes, result: with_path_info(host, result, "dest"), ..Wanted::default() })
}

/// The file's own path: below a directory, and behind a link where links are followed.
fn destination(host: &Host, put: &Put<'_>) -> Result<String, ModuleError> {
    let mut dest = put.dest.clone();
    let named_directory = dest.ends_with('/');
    if named_directory || is_directory(host, &dest) {
        let name = put.name.ok_or_else(|| ModuleError::new("can not use content with a dir as dest"))?;
        dest = join(&dest, name);
        if is_directory(host, &dest) {
            return Err(ModuleError::new(format!("{dest} is a directory")).about(host, "dest", &dest));
        }
    }
    let stat = host.lstat(&dest).map_err(failed_to("look at", &dest))?;
    if put.follow && stat.is_some_and(|stat| stat.kind == Kind::Link) && exists(host, &dest)? {
        return host.resolve(&dest).map_err(failed_to("resolve", &dest));
    }
    Ok(dest)
}

/// Directories to make first: only below a destination that was named as a directory.
fn missing(host: &Host, put: &Put<'_>, dest: &str) -> Result<Vec<luthier_protocol::change::Change>, ModuleError> {
    let folder = parent(dest);
    if exists(host, folder)? {
        return Ok(Vec::new());
    }
    if put.dest.ends_with('/') {
        return placement::missing_directories(host, folder, put.directories);
    }
    Err(ModuleError::new(format!("Destination directory {folder} does not exist")))
}

/// Whether a regular file with that very content is there.
fn same(host: &Host, dest: &str, present: Option<&Stat>, content: &Content) -> Result<bool, ModuleError> {
    let Some(stat) = present.filter(|stat| stat.kind == Kind::File) else { return Ok(false) };
    let reading = failed_to("read", dest);
    match content {
        Content::Inline(bytes) if stat.size == bytes.len() as u64 => Ok(host.read(dest).map_err(reading)? == *bytes),
        Content::Offered { sha256, size, .. } if stat.size == *size => {
            Ok(host.digest(dest, Algorithm::Sha256).map_err(reading)?.eq_ignore_ascii_case(sha256))
        }
        _ => Ok(false),
    }
}

fn attributes(host: &Host, dest: &str, put: &Put<'_>) -> Result<Option<luthier_protocol::change::Change>, ModuleError> {
    placement::attributes_change(host, dest, put.attributes, None)
}

fn sha1(content: &Content) -> String {
    match content {
        Content::Inline(bytes) => digest(bytes, Algorithm::Sha1),
        Content::Offered { sha1, .. } => sha1.clone(),
    }
}
