//! Groups and hosts with the edges between them: which host is in which group, which group is part of which, and the
//! order in which Ansible walks them.

use super::draft::{Draft, Entry};
use crate::yaml::{Diagnostic, Key, Origin, Value, ValueMap};
use indexmap::{IndexMap, IndexSet};
use luthier_protocol::name::HostName;
use std::collections::HashSet;
use std::sync::Arc;

pub(super) type GroupId = usize;
pub(super) type HostId = usize;
/// The group of every host, and the one of hosts without another.
pub(super) const ALL: GroupId = 0;
pub(super) const UNGROUPED: GroupId = 1;

#[derive(Debug, Clone, Default)]
pub(super) struct Group {
    pub(super) vars: ValueMap,
    pub(super) priority: i128,
    pub(super) children: Vec<GroupId>,
    pub(super) parents: Vec<GroupId>,
    pub(super) hosts: IndexSet<HostId>,
    /// Longest way down from `all`.
    pub(super) depth: usize,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Host {
    pub(super) vars: ValueMap,
    /// The groups that name it themselves.
    pub(super) groups: Vec<GroupId>,
    /// The source that named it first, and its folder.
    pub(super) source: Option<Arc<(Value, Value)>>,
}

#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub(super) groups: IndexMap<String, Group>,
    pub(super) hosts: IndexMap<HostName, Host>,
    /// The first host that means this machine.
    pub(super) localhost: Option<HostId>,
}

/// Names that mean this machine even where no inventory names them.
pub(super) const LOCALHOST: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

impl Default for Tree {
    fn default() -> Self {
        let mut tree = Self { groups: IndexMap::new(), hosts: IndexMap::new(), localhost: None };
        let (all, ungrouped) = (tree.add_group("all"), tree.add_group("ungrouped"));
        tree.link(all, ungrouped);
        tree
    }
}

impl Tree {
    pub(super) fn add_group(&mut self, name: &str) -> GroupId {
        match self.groups.get_index_of(name) {
            Some(id) => id,
            None => self.groups.insert_full(name.to_owned(), Group::default()).0,
        }
    }

    pub(super) fn group(&self, id: GroupId) -> Option<(&str, &Group)> {
        self.groups.get_index(id).map(|(name, group)| (name.as_str(), group))
    }

    pub(super) fn host(&self, id: HostId) -> Option<(&HostName, &Host)> {
        self.hosts.get_index(id)
    }

    pub(super) fn host_id(&self, name: &str) -> Option<HostId> {
        self.hosts.get_index_of(&HostName::from(name))
    }

    fn group_mut(&mut self, id: GroupId) -> Option<&mut Group> {
        self.groups.get_index_mut(id).map(|(_, group)| group)
    }

    pub(super) fn add_host(&mut self, name: &str, port: Option<u16>, source: Option<&Arc<(Value, Value)>>) -> HostId {
        let name = HostName::from(name);
        if let Some(id) = self.hosts.get_index_of(&name) {
            return id;
        }
        let mut host = Host { source: source.cloned(), ..Host::default() };
        if let Some(port) = port {
            host.vars.insert(Key::from("ansible_port"), Value::Int(port.into()));
        }
        let local = LOCALHOST.contains(&name.as_str());
        let (id, _) = self.hosts.insert_full(name, host);
        if local && self.localhost.is_none() {
            self.localhost = Some(id);
        }
        id
    }

    pub(super) fn add_member(&mut self, group: GroupId, host: HostId) -> bool {
        let added = self.group_mut(group).is_some_and(|group| group.hosts.insert(host));
        if added && let Some((_, host)) = self.hosts.get_index_mut(host) {
            host.groups.push(group);
        }
        added
    }

    fn remove_member(&mut self, group: GroupId, host: HostId) {
        if let Some(group) = self.group_mut(group) {
            group.hosts.shift_remove(&host);
        }
        if let Some((_, host)) = self.hosts.get_index_mut(host) {
            host.groups.retain(|id| *id != group);
        }
    }

    fn link(&mut self, parent: GroupId, child: GroupId) {
        if let Some(group) = self.group_mut(parent) {
            group.children.push(child);
        }
        if let Some(group) = self.group_mut(child) {
            group.parents.push(parent);
        }
    }

    /// Makes one group part of another.
    pub(super) fn add_child(
        &mut self,
        parent: GroupId,
        child: GroupId,
        origin: Option<&Origin>,
    ) -> Result<(), Diagnostic> {
        let (Some((outer, group)), Some((inner, _))) = (self.group(parent), self.group(child)) else { return Ok(()) };
        if parent != child && group.children.contains(&child) {
            return Ok(());
        }
        if parent == child || child == ALL || self.above(&[parent]).contains(&child) {
            let said = format!("the group `{inner}` cannot be part of `{outer}`: that would be a circle");
            return Err(Diagnostic::error(origin.cloned(), said));
        }
        self.link(parent, child);
        Ok(())
    }

    /// Groups and all that they are part of.
    pub(super) fn above(&self, groups: &[GroupId]) -> IndexSet<GroupId> {
        let mut seen: IndexSet<GroupId> = groups.iter().copied().collect();
        let mut next = 0;
        while let Some(id) = seen.get_index(next) {
            let parents = self.group(*id).map(|(_, group)| group.parents.clone()).unwrap_or_default();
            seen.extend(parents);
            next += 1;
        }
        seen
    }

    /// A group and all that is part of it, level by level.
    pub(super) fn below(&self, group: GroupId) -> IndexSet<GroupId> {
        let mut seen = IndexSet::from([group]);
        let mut next = 0;
        while let Some(id) = seen.get_index(next) {
            let children = self.group(*id).map(|(_, group)| group.children.clone()).unwrap_or_default();
            seen.extend(children);
            next += 1;
        }
        seen
    }

    /// The hosts of a group and of all that is part of it, in Ansible's order.
    pub(super) fn hosts_of(&self, group: GroupId) -> IndexSet<HostId> {
        let mut hosts = IndexSet::new();
        for id in self.below(group) {
            if let Some((_, group)) = self.group(id) {
                hosts.extend(group.hosts.iter().copied());
            }
        }
        hosts
    }

    /// Takes in what a source says.
    pub(super) fn apply(&mut self, draft: Draft, source: Option<&Arc<(Value, Value)>>) -> Result<(), Vec<Diagnostic>> {
        let mut errors = Vec::new();
        for entry in draft.entries {
            match entry {
                Entry::Group(name) => {
                    self.add_group(&name);
                }
                Entry::Hosts { names, group, port, vars } => {
                    let group = group.map(|group| self.add_group(&group));
                    for name in names {
                        let id = self.add_host(&name, port, source);
                        if let Some(group) = group {
                            self.add_member(group, id);
                        }
                        if let Err(error) = self.set_vars(&name, id, &vars) {
                            errors.push(error);
                        }
                    }
                }
                Entry::Variable { group, key, value, origin } => {
                    let id = self.add_group(&group);
                    errors.extend(self.set_group_var(id, key, value, origin.as_ref()).err());
                }
                Entry::Child { parent, child, origin } => {
                    let (parent, child) = (self.add_group(&parent), self.add_group(&child));
                    errors.extend(self.add_child(parent, child, origin.as_ref()).err());
                }
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// A host that is called like a group gives its variables to the group, as Ansible has it.
    fn set_vars(&mut self, name: &str, id: HostId, vars: &[(Key, Value)]) -> Result<(), Diagnostic> {
        let group = self.groups.get_index_of(name);
        for (key, value) in vars {
            match group {
                Some(group) => self.set_group_var(group, key.clone(), value.clone(), None)?,
                None => {
                    if let Some((_, host)) = self.hosts.get_index_mut(id) {
                        host.vars.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn set_group_var(
        &mut self,
        id: GroupId,
        key: Key,
        value: Value,
        origin: Option<&Origin>,
    ) -> Result<(), Diagnostic> {
        let Some(group) = self.group_mut(id) else { return Ok(()) };
        if key != Key::from("ansible_group_priority") {
            group.vars.insert(key, value);
            return Ok(());
        }
        group.priority = match &value {
            Value::Int(number) => *number,
            Value::Bool(yes) => i128::from(*yes),
            other => other
                .as_str()
                .and_then(|text| text.trim().parse().ok())
                .ok_or_else(|| Diagnostic::error(origin.cloned(), "`ansible_group_priority` is a whole number"))?,
        };
        Ok(())
    }

    /// Puts everything right once all sources are read: every group is part of `all`, hosts without a group are
    /// `ungrouped`, depths are known.
    pub(super) fn settle(&mut self) {
        for id in 0..self.groups.len() {
            if id != ALL && self.group(id).is_some_and(|(_, group)| group.parents.is_empty()) {
                self.link(ALL, id);
            }
        }
        for id in 0..self.hosts.len() {
            let Some((_, host)) = self.host(id) else { continue };
            let alone = host.groups.iter().all(|group| matches!(*group, ALL | UNGROUPED));
            let ungrouped = host.groups.contains(&UNGROUPED);
            if ungrouped && !alone {
                self.remove_member(UNGROUPED, id);
            } else if alone && !ungrouped {
                self.add_member(UNGROUPED, id);
            }
        }
        self.measure();
    }

    /// The depth of every group: parents before children, each child below its deepest parent.
    fn measure(&mut self) {
        let mut waiting: Vec<usize> = self.groups.values().map(|group| group.parents.len()).collect();
        let mut ready: Vec<GroupId> = vec![ALL];
        while let Some(id) = ready.pop() {
            let Some((depth, children)) = self.group(id).map(|(_, group)| (group.depth, group.children.clone())) else {
                continue;
            };
            for child in children {
                if let Some(group) = self.group_mut(child) {
                    group.depth = group.depth.max(depth + 1);
                }
                if let Some(count) = waiting.get_mut(child) {
                    *count = count.saturating_sub(1);
                    if *count == 0 {
                        ready.push(child);
                    }
                }
            }
        }
    }

    /// Groups in the order in which their variables are laid over each other.
    pub(super) fn by_precedence(&self, groups: impl IntoIterator<Item = GroupId>) -> Vec<GroupId> {
        let mut sorted: Vec<GroupId> = groups.into_iter().collect();
        sorted.sort_by_cached_key(|id| {
            self.group(*id).map(|(name, group)| (group.depth, group.priority, name.to_owned()))
        });
        sorted
    }

    /// Things worth saying about the names in it.
    pub(super) fn remarks(&self) -> Vec<Diagnostic> {
        let both = self.groups.keys().filter(|name| self.hosts.contains_key(&HostName::from(name.as_str())));
        let mut said: Vec<Diagnostic> = both
            .map(|name| {
                Diagnostic::warning(None, format!("a group and a host are both called `{name}`"))
                    .help("the variables on the host's line count for the whole group")
            })
            .collect();
        let local: HashSet<&str> =
            self.hosts.keys().map(HostName::as_str).filter(|name| LOCALHOST.contains(name)).collect();
        if local.len() > 1 {
            said.push(Diagnostic::warning(None, "several names in the inventory mean this machine"));
        }
        said
    }
}
