//! Machines that are built alike, put together.

use super::Machine;

/// Machines of one build.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Their hosts, in the order in which they were given.
    pub hosts: Vec<String>,
    /// The first of them.
    pub machine: Machine,
}

impl Group {
    /// `kvm1`, or `38 hosts like this: kvm1, kvm2, …`.
    pub fn heading(&self, most: usize) -> String {
        match self.hosts.as_slice() {
            [host] => host.clone(),
            hosts => super::words::cut(&format!("{} hosts like this: {}", hosts.len(), hosts.join(", ")), most),
        }
    }
}

/// Groups of machines that are built alike, largest first, then in the order in which they were given.
pub fn fold(machines: Vec<(String, Machine)>) -> Vec<Group> {
    let mut groups: Vec<(Machine, Group)> = Vec::new();
    for (host, machine) in machines {
        let build = machine.build();
        match groups.iter_mut().find(|(other, _)| *other == build) {
            Some((_, group)) => group.hosts.push(host),
            None => groups.push((build, Group { hosts: vec![host], machine })),
        }
    }
    let mut groups: Vec<Group> = groups.into_iter().map(|(_, group)| group).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.hosts.len()));
    groups
}
