//! The inventory as everybody else sees it: hosts in order, patterns, variables of a host.

use super::pattern::{self, Selection};
use super::ranges::{is_address, parse_address};
use super::tree::{ALL, GroupId, HostId, LOCALHOST, Tree};
use super::vars::{Adjacent, Kind, Reader};
use crate::vault::Secrets;
use crate::yaml::{Diagnostic, Key, Value, ValueMap};
use indexmap::IndexMap;
use luthier_protocol::name::HostName;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Hosts, groups, variables.
#[derive(Debug)]
pub struct Inventory {
    pub(super) tree: Tree,
    order: Vec<HostName>,
    beside_inventory: Vec<Adjacent>,
    beside_playbook: Vec<Adjacent>,
    secrets: Secrets,
    views: Mutex<Views>,
    listing: OnceLock<Arc<IndexMap<String, Vec<HostName>>>>,
}

/// Variables that were put together already.
#[derive(Debug, Default)]
struct Views {
    /// For hosts of the same groups these are the same.
    groups: HashMap<Vec<GroupId>, Arc<GroupView>>,
    hosts: HashMap<HostName, Arc<ValueMap>>,
}

/// What a set of groups gives to each of its hosts.
#[derive(Debug)]
struct GroupView {
    names: Value,
    vars: ValueMap,
}

impl Inventory {
    pub(super) fn new(tree: Tree, beside_inventory: Vec<Adjacent>, secrets: Secrets) -> Self {
        let mut inventory = Self {
            tree,
            order: Vec::new(),
            beside_inventory,
            beside_playbook: Vec::new(),
            secrets,
            views: Mutex::default(),
            listing: OnceLock::new(),
        };
        inventory.changed();
        inventory
    }

    /// Forgets what was put together.
    fn changed(&mut self) {
        self.views = Mutex::default();
        self.listing = OnceLock::new();
        let hosts = self.tree.hosts_of(ALL);
        self.order = hosts.into_iter().filter_map(|id| self.tree.host(id)).map(|(name, _)| name.clone()).collect();
    }

    fn views(&self) -> MutexGuard<'_, Views> {
        // A cache is right however its last writer ended.
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the files of variables that belong to a group or host of the inventory.
    pub(super) fn read_all(&mut self) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
        let mut reader = Reader::new(&self.secrets);
        for place in self.beside_inventory.iter_mut().chain(&mut self.beside_playbook) {
            for kind in [Kind::Group, Kind::Host] {
                let known = |name: &str| match kind {
                    Kind::Group => self.tree.groups.contains_key(name),
                    Kind::Host => LOCALHOST.contains(&name) || self.tree.host_id(name).is_some(),
                };
                let mut names: Vec<String> = place.names(kind).filter(|name| known(name)).map(str::to_owned).collect();
                names.sort();
                for name in names {
                    place.read(kind, &name, &mut reader);
                }
            }
        }
        let Reader { errors, warnings, .. } = reader;
        if errors.is_empty() { Ok(warnings) } else { Err(errors) }
    }

    /// Takes in `group_vars/` and `host_vars/` beside a playbook, instead of those of the playbook before.
    ///
    /// # Errors
    /// Everything in them that cannot be read or understood.
    pub fn set_playbook_dir(&mut self, folder: &Path) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
        self.beside_playbook = vec![Adjacent::new(folder).map_err(|error| vec![error])?];
        self.views = Mutex::default();
        self.read_all()
    }

    /// All hosts, in Ansible's order: those of `all` itself first, then those of its groups level by level.
    pub fn hosts(&self) -> &[HostName] {
        &self.order
    }

    /// Whether the inventory names a host.
    pub fn has_host(&self, name: &str) -> bool {
        self.tree.host_id(name).is_some()
    }

    /// Whether there is a group.
    pub fn has_group(&self, name: &str) -> bool {
        self.tree.groups.contains_key(name)
    }

    /// The groups and the hosts in them: the variable `groups`.
    pub fn groups(&self) -> Arc<IndexMap<String, Vec<HostName>>> {
        let listing = self.listing.get_or_init(|| {
            let name = |id: HostId| self.tree.host(id).map(|(name, _)| name.clone());
            let hosts = |group| self.tree.hosts_of(group).into_iter().filter_map(name).collect();
            Arc::new(self.tree.groups.keys().enumerate().map(|(id, name)| (name.clone(), hosts(id))).collect())
        });
        Arc::clone(listing)
    }

    /// The hosts that a pattern selects, in order.
    ///
    /// # Errors
    /// A regular expression that is none, or a subscript beyond the hosts there are.
    pub fn select(&self, pattern: &str) -> Result<Selection, Diagnostic> {
        pattern::evaluate(&self.tree, &pattern::split(pattern))
    }

    /// The same for a list of patterns, as a play may have it.
    ///
    /// # Errors
    /// As of [`Self::select`].
    pub fn select_all(&self, patterns: &[String]) -> Result<Selection, Diagnostic> {
        let parts: Vec<String> = patterns.iter().flat_map(|pattern| pattern::split(pattern)).collect();
        pattern::evaluate(&self.tree, &parts)
    }

    /// The host or group whose name is most like one that does not exist, if any is.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        let hosts = self.tree.hosts.keys().map(HostName::as_str);
        crate::yaml::nearest(name, self.tree.groups.keys().map(String::as_str).chain(hosts))
    }

    /// Those of some hosts that a limit leaves, and what in it matches nothing in the whole inventory. `@FILE` in it stands
    /// for the patterns in a file, one a line.
    ///
    /// # Errors
    /// As of [`Self::select`]; a file that cannot be read.
    pub fn limit(&self, hosts: &[HostName], pattern: &str) -> Result<Selection, Diagnostic> {
        let mut parts = Vec::new();
        for part in pattern::split(pattern) {
            match part.strip_prefix('@') {
                Some(path) => {
                    let text = std::fs::read_to_string(path).map_err(|error| {
                        Diagnostic::error(None, format!("cannot read the limit file {path}: {error}"))
                    })?;
                    parts.extend(text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()));
                }
                None => parts.push(part),
            }
        }
        let selected = pattern::evaluate(&self.tree, &parts)?;
        let left: std::collections::HashSet<&HostName> = selected.hosts.iter().collect();
        let hosts = hosts.iter().filter(|host| left.contains(host)).cloned().collect();
        Ok(Selection { hosts, unknown: selected.unknown })
    }

    /// A host's variables from everywhere the inventory knows of, with `inventory_hostname`, `group_names` and their
    /// kin. A name that is not in the inventory has what every host has; one that means this machine is local.
    pub fn host_vars(&self, name: &str) -> Arc<ValueMap> {
        let host = HostName::from(name);
        if let Some(vars) = self.views().hosts.get(&host) {
            return Arc::clone(vars);
        }
        let (mut vars, view) = self.merge(name);
        let short = if is_address(name) { name } else { name.split('.').next().unwrap_or(name) };
        vars.insert(Key::from("inventory_hostname"), Value::str(name));
        vars.insert(Key::from("inventory_hostname_short"), Value::str(short));
        vars.insert(Key::from("group_names"), view.names.clone());
        let source =
            self.tree.host_id(name).and_then(|id| self.tree.host(id)).and_then(|(_, host)| host.source.clone());
        if let Some((file, folder)) = source.as_deref() {
            vars.entry(Key::from("inventory_file")).or_insert_with(|| file.clone());
            vars.entry(Key::from("inventory_dir")).or_insert_with(|| folder.clone());
        }
        let vars = Arc::new(vars);
        self.views().hosts.insert(host, Arc::clone(&vars));
        vars
    }

    /// A host's variables as people wrote them.
    pub(super) fn written_vars(&self, name: &str) -> ValueMap {
        self.merge(name).0
    }

    fn merge(&self, name: &str) -> (ValueMap, Arc<GroupView>) {
        let host = self.tree.host_id(name).and_then(|id| self.tree.host(id)).map(|(_, host)| host);
        let view = self.group_view(host.map(|host| host.groups.as_slice()));
        let mut vars = view.vars.clone();
        match host {
            Some(host) => lay(&mut vars, Some(&host.vars)),
            None if LOCALHOST.contains(&name) => {
                vars.insert(Key::from("ansible_connection"), Value::str("local"));
            }
            None => {}
        }
        for place in self.beside_inventory.iter().chain(&self.beside_playbook) {
            lay(&mut vars, place.get(Kind::Host, name));
        }
        (vars, view)
    }

    /// Precedence: `all` in the inventory, its other groups, `group_vars/all` beside inventory and playbook, the files
    /// of the other groups beside inventory and playbook.
    fn group_view(&self, groups: Option<&[GroupId]>) -> Arc<GroupView> {
        let key = groups.map(<[GroupId]>::to_vec).unwrap_or_default();
        if let Some(view) = self.views().groups.get(&key) {
            return Arc::clone(view);
        }
        let above = self.tree.above(&key);
        let sorted = self.tree.by_precedence(above.into_iter().filter(|id| *id != ALL));
        let named: Vec<&str> = sorted.iter().filter_map(|id| self.tree.group(*id)).map(|(name, _)| name).collect();
        let mut vars = ValueMap::new();
        for id in std::iter::once(&ALL).chain(&sorted) {
            lay(&mut vars, self.tree.group(*id).map(|(_, group)| &group.vars));
        }
        for place in self.beside_inventory.iter().chain(&self.beside_playbook) {
            lay(&mut vars, place.get(Kind::Group, "all"));
        }
        for place in self.beside_inventory.iter().chain(&self.beside_playbook) {
            for name in &named {
                lay(&mut vars, place.get(Kind::Group, name));
            }
        }
        let mut names = named.clone();
        names.sort_unstable();
        let names = Value::list(names.into_iter().map(Value::from).collect());
        let view = Arc::new(GroupView { names, vars });
        self.views().groups.insert(key, Arc::clone(&view));
        view
    }

    /// A file of variables that a playbook names, decrypted where all of it is vaulted.
    ///
    /// # Errors
    /// What cannot be read, decrypted or understood.
    pub fn read_vars(&self, path: &Path) -> Result<Value, Diagnostic> {
        let file: Arc<Path> = path.into();
        let text = super::vars::read_text(path, &file, &self.secrets)?;
        Ok(crate::yaml::parse_document(&text, &file)?.to_value())
    }

    /// A vaulted file's content, decrypted; `None` where the file is not vaulted.
    ///
    /// # Errors
    /// What cannot be read or decrypted.
    pub fn read_vaulted(&self, path: &Path) -> Result<Option<Vec<u8>>, Diagnostic> {
        use std::io::Read;
        let failed = |error| Diagnostic::error(None, format!("cannot read {}: {error}", path.display()));
        let mut file = std::fs::File::open(path).map_err(failed)?;
        let mut start = Vec::new();
        file.by_ref().take(15).read_to_end(&mut start).map_err(failed)?;
        if start != b"$ANSIBLE_VAULT;" {
            return Ok(None);
        }
        let mut text = "$ANSIBLE_VAULT;".to_owned();
        file.read_to_string(&mut text).map_err(failed)?;
        let origin = crate::yaml::Origin { file: path.into(), line: 1, column: 1 };
        let plain = crate::vault::decrypt(&text, &self.secrets);
        plain.map(Some).map_err(|error| Diagnostic::error(Some(origin), format!("cannot {error}")))
    }

    /// Adds a host while a run goes on, or more variables and groups to one there is. Says whether anything changed.
    ///
    /// # Errors
    /// A file of variables that now belongs to it cannot be read.
    pub fn add_host(&mut self, name: &str, groups: &[String], vars: ValueMap) -> Result<bool, Vec<Diagnostic>> {
        let (name, port) = match parse_address(name) {
            Some((host, port)) if !host.contains('[') => (host, port),
            _ => (name, None),
        };
        let mut changed = !self.has_host(name);
        let id = self.tree.add_host(name, None, None);
        if changed {
            self.tree.add_member(ALL, id);
        }
        if let Some((_, host)) = self.tree.hosts.get_index_mut(id) {
            let port = port.map(|port| (Key::from("ansible_port"), Value::Int(port.into())));
            for (key, value) in port.into_iter().chain(vars) {
                changed |= host.vars.insert(key, value.clone()).as_ref() != Some(&value);
            }
        }
        for group in groups {
            changed |= !self.has_group(group);
            let group = self.tree.add_group(group);
            changed |= self.tree.add_member(group, id);
        }
        self.put_right(changed)
    }

    /// Puts a host into a group while a run goes on; both the group and those it shall be part of may be new. Says
    /// whether anything changed.
    ///
    /// # Errors
    /// The group would be part of itself, or a file of variables that now belongs to it cannot be read.
    pub fn add_group_member(&mut self, group: &str, host: &str, parents: &[String]) -> Result<bool, Vec<Diagnostic>> {
        let mut changed = !self.has_group(group);
        let id = self.tree.add_group(group);
        for parent in parents {
            changed |= !self.has_group(parent);
            let parent = self.tree.add_group(parent);
            if parent == ALL {
                continue;
            }
            changed |= !self.tree.group(parent).is_some_and(|(_, group)| group.children.contains(&id));
            self.tree.add_child(parent, id, None).map_err(|error| vec![error])?;
        }
        if let Some(host) = self.tree.host_id(host) {
            changed |= self.tree.add_member(id, host);
        }
        self.put_right(changed)
    }

    fn put_right(&mut self, changed: bool) -> Result<bool, Vec<Diagnostic>> {
        if changed {
            self.tree.settle();
            self.changed();
            self.read_all()?;
        }
        Ok(changed)
    }
}

fn lay(vars: &mut ValueMap, over: Option<&ValueMap>) {
    vars.extend(over.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
}
