//! Machines that are built alike, put together.

use super::Machine;
use super::devices::Branch;
use super::machine::NodeBox;

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
    let mut groups: Vec<(Build, Group)> = Vec::new();
    for (host, machine) in machines {
        let build = Build::of(&machine);
        match groups.iter_mut().find(|(other, _)| other.is_like(&build)) {
            Some((_, group)) => group.hosts.push(host),
            None => groups.push((build, Group { hosts: vec![host], machine })),
        }
    }
    let mut groups: Vec<Group> = groups.into_iter().map(|(_, group)| group).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.hosts.len()));
    groups
}

/// A machine without what changes from hour to hour. VMs count by name and by where they are pinned, not by their memory.
struct Build {
    machine: Machine,
    /// Memory of each node in KiB.
    memory: Vec<Option<u64>>,
}

/// Memory that differs by less than one part in so many is the same: firmware and kernel keep a little more or less.
const CLOSE: u64 = 50;

impl Build {
    fn of(machine: &Machine) -> Self {
        let mut machine = machine.clone();
        let mut memory = Vec::new();
        let nodes = machine.packages.iter_mut().flat_map(|package| &mut package.nodes).chain(&mut machine.loose_nodes);
        for node in nodes {
            memory.push(node.memory_kib);
            lasting(node);
        }
        machine.loose_roots.iter_mut().flat_map(|root| &mut root.branches).for_each(plain);
        // Reasons may name processes.
        machine.missing.iter_mut().for_each(|one| one.reason = None);
        // The whole machine's memory is that of its nodes.
        machine.summary.retain(|part| !part.ends_with("iB"));
        for vm in machine.vms.iter_mut().flatten() {
            vm.memory = None;
            vm.swapped_kib = 0;
        }
        Self { machine, memory }
    }

    fn is_like(&self, other: &Self) -> bool {
        let close = |(one, other): (&Option<u64>, &Option<u64>)| match (one, other) {
            (Some(one), Some(other)) => {
                one == other || (*one.min(other) > 0 && one.abs_diff(*other) <= one.max(other) / CLOSE)
            }
            (one, other) => one == other,
        };
        self.machine == other.machine && self.memory.iter().zip(&other.memory).all(close)
    }
}

fn lasting(node: &mut NodeBox) {
    node.free_kib = None;
    // A node without memory stays told apart by what it is drawn as.
    node.memory_kib = None;
    node.pools.iter_mut().for_each(|pool| pool.free = None);
    node.roots.iter_mut().flat_map(|root| &mut root.branches).for_each(plain);
}

/// A device without who uses it right now: a card lent to a VM has another driver and no interface, disks are named in the
/// order in which they answered, and a link that sleeps is slow.
fn plain(branch: &mut Branch) {
    branch.driver = None;
    branch.used_as.clear();
    if branch.sleeps {
        branch.link = branch.link.as_deref().and_then(|link| link.split(' ').next()).map(str::to_owned);
    }
    branch.branches.iter_mut().for_each(plain);
}
