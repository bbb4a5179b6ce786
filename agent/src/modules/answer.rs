//! Return values and errors that several modules share.

use super::ModuleError;
use crate::host::paths::join;
use crate::host::{Host, Kind, Wish};
use luthier_protocol::{Map, Value};
use std::io;

/// Turns an input or output error into a module's, naming what was tried on which path.
pub(super) fn failed_to<'a>(verb: &'a str, path: &'a str) -> impl Fn(io::Error) -> ModuleError + 'a {
    move |error| ModuleError::new(format!("cannot {verb} {path}: {error}"))
}

/// Put a value into a result. Out of line, as it is done everywhere.
#[inline(never)]
pub(super) fn set(result: &mut Map, key: &str, value: Value) {
    result.insert(key.to_owned(), value);
}

/// Whether anything is at the path, a link's target counting and not the link.
pub(super) fn exists(host: &Host, path: &str) -> Result<bool, ModuleError> {
    Ok(host.stat(path).map_err(failed_to("look at", path))?.is_some())
}

/// Whether the path is a directory, or a link to one.
pub(super) fn is_directory(host: &Host, path: &str) -> bool {
    matches!(host.stat(path), Ok(Some(stat)) if stat.kind == Kind::Directory)
}

/// Where a program of the host is: in the `PATH`, or where an administrator's programs are.
pub(super) fn program(host: &Host, name: &str) -> Result<String, ModuleError> {
    let path = crate::host::sys::variable("PATH").unwrap_or_default();
    let folders = path.split(':').chain(["/sbin", "/usr/sbin", "/usr/local/sbin", "/bin", "/usr/bin"]);
    let mut places = folders.filter(|folder| folder.starts_with('/')).map(|folder| join(folder, name));
    let found = places.find(|place| host.may(place, Wish::Execute) && !is_directory(host, place));
    found.ok_or_else(|| ModuleError::new(format!("Failed to find required executable \"{name}\" in paths: {path}")))
}

/// What Ansible adds to the result of every task about a path: owner, mode, size and what it is. Empty where nothing is.
pub(super) fn path_info(host: &Host, path: &str) -> Map {
    let mut info = Map::new();
    let Ok(Some(own)) = host.lstat(path) else { return info };
    // A link that leads nowhere tells nothing, as with Ansible.
    let Ok(Some(target)) = host.stat(path) else { return info };
    let owner = host.account_of(own.uid).map_or_else(|| own.uid.to_string(), |account| account.name);
    let group = host.group_name(own.gid).unwrap_or_else(|| own.gid.to_string());
    info.insert("uid".to_owned(), own.uid.into());
    info.insert("gid".to_owned(), own.gid.into());
    info.insert("owner".to_owned(), owner.into());
    info.insert("group".to_owned(), group.into());
    info.insert("mode".to_owned(), format!("0{:03o}", own.mode).into());
    let state = match own.kind {
        Kind::Link => "link",
        Kind::Directory => "directory",
        _ if target.links > 1 => "hard",
        _ => "file",
    };
    info.insert("state".to_owned(), state.into());
    info.insert("size".to_owned(), own.size.into());
    info
}

/// The result with the path's present owner, mode, size and state; `key` names the path in the result.
pub(super) fn with_path_info(host: &Host, mut result: Map, key: &str) -> Map {
    if let Some(path) = result.get(key).and_then(Value::as_str).map(str::to_owned) {
        result.extend(path_info(host, &path));
    }
    result
}

impl ModuleError {
    /// With the present owner, mode, size and state of the path the task is about.
    pub(super) fn about(mut self, host: &Host, key: &str, path: &str) -> Self {
        self.result.insert(key.to_owned(), path.into());
        self.result.extend(path_info(host, path));
        self
    }
}
