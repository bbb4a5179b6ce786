//! One machine, arranged: packages with their nodes, cores and root buses.

use super::devices::{self, EmptySlot, Root};
use super::vms::{self, VmBox};
use super::words;
use luthier_protocol::Map;
use luthier_protocol::facts::{Block, Cpu, Firmware, Memory, Net, Node, NodeHugePages, Numa, Pci, Slot, Thread, Vm};
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;

/// A machine as a drawing shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    /// Maker and product, or what else is known of it.
    pub title: String,
    /// What it is made of, in a few words each.
    pub summary: Vec<String>,
    /// Packages, by number.
    pub packages: Vec<Package>,
    /// Nodes without CPUs, and nodes that several packages share.
    pub loose_nodes: Vec<NodeBox>,
    /// Root buses whose node is not known, or that belong to a loose node.
    pub loose_roots: Vec<Root>,
    /// Empty slots that belong to no package of the picture.
    pub loose_slots: Vec<EmptySlot>,
    /// CPUs that are switched off; the kernel does not tell where they are.
    pub offline: Vec<u32>,
    /// Empty processor sockets.
    pub empty_sockets: Vec<String>,
    /// Distances between nodes, in the order of their numbers; empty for fewer than two nodes.
    pub distances: Vec<(u32, Vec<u32>)>,
    /// Running VMs by name; `None` where they were not asked for.
    pub vms: Option<Vec<VmBox>>,
}

/// A package.
#[derive(Debug, Clone, PartialEq)]
pub struct Package {
    /// Number; `None` where the kernel gives none.
    pub id: Option<u32>,
    /// Processor model.
    pub model: Option<String>,
    /// Nodes that lie in it alone; one without a number where the kernel knows no nodes.
    pub nodes: Vec<NodeBox>,
    /// Slots without a card.
    pub slots: Vec<EmptySlot>,
}

/// A node.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeBox {
    /// Number; `None` where the kernel knows no nodes.
    pub id: Option<u32>,
    /// Memory in KiB; 0 for a node without memory.
    pub memory_kib: Option<u64>,
    /// Free memory in KiB.
    pub free_kib: Option<u64>,
    /// Huge page pools that are not empty.
    pub pools: Vec<Pool>,
    /// Cores that share a last-level cache.
    pub caches: Vec<CacheBox>,
    /// Root buses.
    pub roots: Vec<Root>,
    /// Its CPUs as the kernel lists them, where they are not drawn within it: it lies in several packages.
    pub outside: Vec<u32>,
    /// For cores that are drawn outside any node: the nodes they belong to.
    pub shares: Vec<u32>,
}

impl NodeBox {
    /// What is to be said of a node that is drawn without CPUs.
    pub fn elsewhere(&self) -> String {
        match (self.caches.is_empty(), self.outside.as_slice()) {
            (false, _) => String::new(),
            (true, []) => " · no CPUs".to_owned(),
            (true, cpus) => format!(" · CPUs {} of several packages", words::ranges(cpus)),
        }
    }
}

/// A pool of huge pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// Page size in KiB.
    pub size_kib: u64,
    /// Pages.
    pub total: u64,
    /// Pages in nobody's use.
    pub free: Option<u64>,
}

/// Cores that share a last-level cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheBox {
    /// The cache in words (`L3 32 MiB`); `None` where the kernel tells none.
    pub name: Option<String>,
    /// Cores.
    pub cores: Vec<Core>,
}

/// A core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Core {
    /// Its threads' CPU numbers.
    pub cpus: Vec<u32>,
    /// Whether they are kept free of other work.
    pub isolated: bool,
}

/// The facts a drawing reads.
struct Facts {
    cpu: Cpu,
    numa: Numa,
    memory: Memory,
    pci: Pci,
    slots: Vec<Slot>,
    net: Net,
    block: Block,
    firmware: Firmware,
    vms: Option<Vec<Vm>>,
}

impl Facts {
    fn of(map: &Map) -> Self {
        fn part<T: DeserializeOwned + Default>(map: &Map, key: &str) -> T {
            map.get(key).and_then(|value| serde_json::from_value(value.clone()).ok()).unwrap_or_default()
        }
        Self {
            cpu: part(map, "cpu"),
            numa: part(map, "numa"),
            memory: part(map, "memory"),
            pci: part(map, "pci"),
            slots: part(map, "slots"),
            net: part(map, "net"),
            block: part(map, "block"),
            firmware: part(map, "firmware"),
            vms: part(map, Machine::VMS),
        }
    }
}

impl Machine {
    /// The keys of the facts that a drawing reads.
    pub const FACTS: [&'static str; 8] = ["cpu", "numa", "memory", "pci", "slots", "net", "block", "firmware"];

    /// The key of the facts that VMs are drawn from, where they are wanted.
    pub const VMS: &'static str = "vms";

    /// Arranges the facts of a machine. What is missing is left out.
    pub fn new(facts: &Map) -> Self {
        let facts = Facts::of(facts);
        let processors = facts.firmware.processors.clone().unwrap_or_default();
        let populated: Vec<bool> = processors.iter().map(|one| one.populated).collect();
        let mut roots = devices::roots(&facts.pci, &facts.slots, &facts.net, &facts.block);
        let mut slots = devices::empty_slots(&facts.slots, &facts.pci, &populated);
        let ids: BTreeSet<Option<u32>> = facts.cpu.topology.iter().map(|thread| thread.package).collect();
        let filled: Vec<u32> =
            (0_u32..).zip(&populated).filter(|(_, filled)| **filled).map(|(index, _)| index).collect();
        let mut packages = Vec::new();
        for (rank, id) in ids.iter().copied().enumerate() {
            let threads: Vec<&Thread> = facts.cpu.topology.iter().filter(|thread| thread.package == id).collect();
            let nodes = nodes(&facts, &threads, id, &mut roots);
            let own: Vec<Option<u32>> = nodes.iter().map(|node| node.id).collect();
            let socket = if filled.len() == ids.len() { filled.get(rank).copied() } else { u32::try_from(rank).ok() };
            let belongs = |slot: &EmptySlot| match slot.node {
                Some(node) => own.contains(&Some(node)),
                None => slot.socket.is_some() && slot.socket == socket && !slot.dead,
            };
            let (own_slots, rest) = slots.into_iter().partition(belongs);
            slots = rest;
            packages.push(Package { id, model: facts.cpu.model.clone(), nodes, slots: own_slots });
        }
        let loose_nodes = facts.numa.nodes.iter().filter(|node| !placed(&packages, node.id));
        let loose_nodes = loose_nodes.map(|node| node_box(&facts, Some(node), &[], &mut roots)).collect();
        let empty = processors.iter().enumerate().filter(|(_, one)| !one.populated);
        let name = |index: usize, designation: &Option<String>| {
            designation.clone().unwrap_or_else(|| format!("socket {index}"))
        };
        Self {
            title: title(&facts.firmware),
            summary: summary(&facts),
            loose_nodes,
            loose_roots: roots.into_iter().filter(|root| !root.branches.is_empty()).collect(),
            loose_slots: slots,
            offline: facts.cpu.offline.clone().unwrap_or_default(),
            empty_sockets: empty.map(|(index, one)| name(index, &one.designation)).collect(),
            distances: distances(&facts.numa),
            vms: facts.vms.as_deref().map(|vms| vms::arrange(vms, &facts.cpu)),
            packages,
        }
    }
}

impl Machine {
    /// Its VMs.
    pub fn vms(&self) -> &[VmBox] {
        self.vms.as_deref().unwrap_or_default()
    }
}

fn placed(packages: &[Package], id: u32) -> bool {
    packages.iter().any(|package| package.nodes.iter().any(|node| node.id == Some(id)))
}

/// The nodes that lie in this package alone; one without a number for CPUs in no such node.
fn nodes(facts: &Facts, threads: &[&Thread], package: Option<u32>, roots: &mut Vec<Root>) -> Vec<NodeBox> {
    let shared =
        |node: Option<u32>| facts.cpu.topology.iter().any(|thread| thread.node == node && thread.package != package);
    let mut boxes = Vec::new();
    for node in &facts.numa.nodes {
        let own: Vec<&Thread> = threads.iter().copied().filter(|thread| thread.node == Some(node.id)).collect();
        if !own.is_empty() && !shared(Some(node.id)) {
            boxes.push(node_box(facts, Some(node), &own, roots));
        }
    }
    let others: Vec<&Thread> = threads
        .iter()
        .copied()
        .filter(|thread| !boxes.iter().any(|one: &NodeBox| one.id == thread.node && one.id.is_some()))
        .collect();
    if !others.is_empty() {
        boxes.push(node_box(facts, None, &others, roots));
    }
    boxes
}

fn node_box(facts: &Facts, node: Option<&Node>, threads: &[&Thread], roots: &mut Vec<Root>) -> NodeBox {
    let id = node.map(|node| node.id);
    let (own, rest) = roots.drain(..).partition(|root| id.is_some() && root.node == id && !root.branches.is_empty());
    *roots = rest;
    let pools = node.and_then(|node| node.hugepages.as_deref()).unwrap_or_default();
    let pool = |pool: &NodeHugePages| {
        let total = pool.total.filter(|total| *total > 0)?;
        Some(Pool { size_kib: pool.size_kib, total, free: pool.free })
    };
    NodeBox {
        id,
        memory_kib: node.and_then(|node| node.memory_kib),
        free_kib: node.and_then(|node| node.free_kib),
        pools: pools.iter().filter_map(pool).collect(),
        caches: caches(facts, threads),
        roots: own,
        outside: node.and_then(|node| node.cpus.clone()).filter(|_| threads.is_empty()).unwrap_or_default(),
        shares: if node.is_some() { Vec::new() } else { shared_nodes(threads) },
    }
}

fn shared_nodes(threads: &[&Thread]) -> Vec<u32> {
    threads.iter().filter_map(|thread| thread.node).collect::<BTreeSet<u32>>().into_iter().collect()
}

/// Cores by the last-level cache they share.
fn caches(facts: &Facts, threads: &[&Thread]) -> Vec<CacheBox> {
    let level = facts.cpu.caches.iter().map(|cache| cache.level).max();
    let mut rest: Vec<&Thread> = threads.to_vec();
    let mut boxes = Vec::new();
    for cache in facts.cpu.caches.iter().filter(|cache| Some(cache.level) == level) {
        let (own, others): (Vec<&Thread>, Vec<&Thread>) =
            rest.into_iter().partition(|thread| cache.cpus.contains(&thread.cpu));
        rest = others;
        if !own.is_empty() {
            let size = cache.size_kib.map(|kib| format!(" {}", words::size(kib))).unwrap_or_default();
            boxes.push(CacheBox { name: Some(format!("L{}{size}", cache.level)), cores: cores(facts, &own) });
        }
    }
    if !rest.is_empty() {
        boxes.push(CacheBox { name: None, cores: cores(facts, &rest) });
    }
    boxes
}

fn cores(facts: &Facts, threads: &[&Thread]) -> Vec<Core> {
    let isolated = facts.cpu.isolated.as_deref().unwrap_or_default();
    let mut found: Vec<([Option<u32>; 3], Core)> = Vec::new();
    for thread in threads {
        // A core without a number is told apart from the others by its CPU.
        let core = thread.core.or(Some(thread.cpu));
        let key = [thread.package, thread.die, core];
        let off_limits = isolated.contains(&thread.cpu);
        match found.iter_mut().find(|(other, _)| *other == key) {
            Some((_, core)) => {
                core.cpus.push(thread.cpu);
                core.isolated &= off_limits;
            }
            None => found.push((key, Core { cpus: vec![thread.cpu], isolated: off_limits })),
        }
    }
    found.into_iter().map(|(_, core)| core).collect()
}

fn title(firmware: &Firmware) -> String {
    let parts = [firmware.system.vendor.as_deref(), firmware.system.product.as_deref()];
    let text = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    if text.is_empty() { "machine of unknown make".to_owned() } else { text }
}

fn summary(facts: &Facts) -> Vec<String> {
    let mut parts = Vec::new();
    let number = |number: Option<u32>, one: &str| number.map(|number| words::count(number as usize, one));
    parts.extend(number(facts.cpu.packages, "package"));
    parts.extend(number(facts.cpu.cores, "core"));
    parts.extend(number(facts.cpu.threads, "thread"));
    if facts.numa.supported {
        parts.push(words::count(facts.numa.nodes.len(), "node"));
    }
    parts.extend(facts.memory.total_kib.map(words::size));
    let dimms = facts.firmware.memory_devices.as_deref().unwrap_or_default();
    if !dimms.is_empty() {
        let filled = dimms.iter().filter(|dimm| dimm.size_mib != Some(0)).count();
        parts.push(format!("{filled} of {} DIMMs", dimms.len()));
    }
    if let Some(version) = &facts.firmware.bios.version {
        let date = facts.firmware.bios.date.as_ref().map(|date| format!(" of {date}")).unwrap_or_default();
        parts.push(format!("firmware {version}{date}"));
    }
    parts
}

fn distances(numa: &Numa) -> Vec<(u32, Vec<u32>)> {
    if numa.nodes.len() < 2 {
        return Vec::new();
    }
    numa.nodes.iter().filter_map(|node| Some((node.id, node.distances.clone()?))).collect()
}
