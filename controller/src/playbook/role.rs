//! Roles: where they are found and what their folder holds.

use super::reader::{Reader, RoleUse};
use super::types::{Role, Written};
use crate::yaml::{self, Diagnostic, Key, Node, NodeData, Origin, Value, ValueMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which file of each part of a role is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// File of `tasks/`.
    pub tasks: String,
    /// File of `vars/`.
    pub vars: String,
    /// File of `defaults/`.
    pub defaults: String,
    /// File of `handlers/`.
    pub handlers: String,
}

impl Default for Parts {
    fn default() -> Self {
        let main = || "main".to_owned();
        Self { tasks: main(), vars: main(), defaults: main(), handlers: main() }
    }
}

/// A role of a collection: `namespace.collection.role`, or a short name in the collection around it or in those that the
/// play searches.
fn in_collections(reader: &Reader, name: &str, near: &Path) -> Option<PathBuf> {
    let of = |collection: &str, role: &str| {
        let (space, own) = collection.split_once('.')?;
        let inside = Path::new("ansible_collections").join(space).join(own).join("roles").join(role);
        reader.collections().iter().map(|root| root.join(&inside)).find(|path| path.is_dir())
    };
    let mut parts = name.splitn(3, '.');
    if let (Some(space), Some(own), Some(role)) = (parts.next(), parts.next(), parts.next()) {
        return of(&format!("{space}.{own}"), &role.replace('.', "/"));
    }
    let is_collection = |folder: &&Path| {
        let all = folder.parent().and_then(Path::parent).and_then(Path::file_name);
        all.is_some_and(|all| all == "ansible_collections")
    };
    let around = near.ancestors().find(is_collection).map(|folder| folder.join("roles").join(name));
    let around = around.filter(|path| path.is_dir());
    around.or_else(|| reader.searched().iter().find_map(|collection| of(collection, name)))
}

/// The folder of a role, looked for in collections, beside the playbook and in the roles path.
pub(super) fn folder(reader: &Reader, name: &str, near: &Path, origin: &Origin) -> Result<PathBuf, Diagnostic> {
    if let Some(path) = in_collections(reader, name, near) {
        return Ok(path);
    }
    let mut places = vec![near.join("roles"), reader.base().join("roles")];
    places.extend(reader.roles_path().iter().cloned());
    places.extend([near.to_path_buf(), reader.base().to_path_buf()]);
    if let Some(parent) = near.parent() {
        places.push(parent.to_path_buf());
    }
    // `collection.name.role` is looked for by its last part too: collections are often vendored as plain roles.
    let short = name.rsplit('.').next().unwrap_or(name);
    for candidate in [name, short] {
        for place in &places {
            let path = place.join(candidate);
            if path.is_dir() {
                return Ok(path);
            }
        }
    }
    let tried: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
    Err(Diagnostic::error(Some(origin.clone()), format!("role `{name}` was not found"))
        .help(format!("looked in {}", tried.join(", "))))
}

/// A file of a role's part: `tasks/main.yml`, `.yaml`, or a name as it is.
pub(super) fn file(path: &Path, part: &str, name: &str) -> Option<PathBuf> {
    let folder = path.join(part);
    [format!("{name}.yml"), format!("{name}.yaml"), format!("{name}.json"), name.to_owned()]
        .iter()
        .map(|candidate| folder.join(candidate))
        .find(|candidate| candidate.is_file())
}

/// The variables of a role's `defaults/` or `vars/`: a file, or a folder `main/` whose files are read in order.
pub(super) fn variables(path: &Path, part: &str, name: &str) -> Result<Arc<ValueMap>, Diagnostic> {
    let mut all = ValueMap::new();
    let folder = path.join(part).join(name);
    let mut files: Vec<PathBuf> = Vec::new();
    if let Some(file) = file(path, part, name) {
        files.push(file);
    } else if folder.is_dir() {
        let entries = std::fs::read_dir(&folder)
            .map_err(|error| Diagnostic::error(None, format!("failed to list {}: {error}", folder.display())))?;
        files =
            entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).filter(|path| path.is_file()).collect();
        files.sort();
    }
    for file in files {
        let node = yaml::parse_file(&file)?;
        match node.to_value() {
            Value::Null => {}
            Value::Map(map) => all.extend(map.iter().map(|(key, value)| (key.clone(), value.clone()))),
            other => {
                let message = format!("variables must be a mapping, found {}", other.type_name());
                return Err(Diagnostic::error(Some(node.origin), message));
            }
        }
    }
    Ok(Arc::new(all))
}

/// The roles a role's `meta/main.yml` depends on, each a node as in `roles:`, and whether it allows duplicates.
pub(super) fn meta(path: &Path) -> Result<(Vec<Node>, bool), Diagnostic> {
    let Some(file) = file(path, "meta", "main") else { return Ok((Vec::new(), false)) };
    let node = yaml::parse_file(&file)?;
    let mut dependencies = Vec::new();
    let mut duplicates = false;
    if let NodeData::Map(pairs) = &node.data {
        for (key, value) in pairs {
            match key.to_value().as_str() {
                Some("dependencies") => {
                    if let NodeData::List(items) = &value.data {
                        dependencies = items.clone();
                    }
                }
                Some("allow_duplicates") => duplicates = value.to_value() == Value::Bool(true),
                _ => {}
            }
        }
    }
    Ok((dependencies, duplicates))
}

/// A role from its folder, without its tasks.
pub(super) fn load(name: &str, path: &Path, wanted: &RoleUse<'_>) -> Result<(Role, Vec<Node>), Diagnostic> {
    let (dependencies, duplicates) = meta(path)?;
    let values = |written: &[Written]| written.iter().map(|written| written.value.clone()).collect();
    let role = Role {
        name: name.to_owned(),
        path: path.to_path_buf(),
        defaults: variables(path, "defaults", &wanted.parts.defaults)?,
        vars: variables(path, "vars", &wanted.parts.vars)?,
        entry_vars: Arc::new(wanted.vars.clone()),
        params: Arc::new(wanted.params.clone()),
        parts: wanted.parts.clone(),
        when: values(&wanted.keywords.when),
        tags: values(&wanted.keywords.tags),
        included: wanted.included,
        duplicates: duplicates && !wanted.included,
        once: wanted.once,
        parent: wanted.parent.cloned(),
    };
    Ok((role, dependencies))
}

/// Variables a role's own folder gives: `role_name`, `role_path`, `ansible_role_name`.
pub fn magic(role: &Role) -> ValueMap {
    let mut map = ValueMap::new();
    map.insert(Key::from("role_name"), Value::from(role.name.as_str()));
    map.insert(Key::from("ansible_role_name"), Value::from(role.name.as_str()));
    map.insert(Key::from("role_path"), Value::from(role.path.display().to_string()));
    // As in Ansible a role that depends on another is no parent of it here: only one that includes or imports it is.
    let includes = std::iter::once(role).chain(role.parents().map(Arc::as_ref)).filter(|role| role.included);
    let parents =
        includes.filter_map(|role| role.parent.as_ref()).map(|role| Value::from(role.name.as_str())).collect();
    map.insert(Key::from("ansible_parent_role_names"), Value::list(parents));
    map
}
