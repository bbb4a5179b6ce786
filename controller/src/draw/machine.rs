//! One machine, arranged: packages with their nodes, cores and root buses.

use super::devices::{self, EmptySlot, Root};
use super::missing::{self, Missing};
use super::vms::{self, VmBox};
use super::words;
use luthier_protocol::Map;
use luthier_protocol::facts::{
    Block, Cache, Cpu, Firmware, Memory, Net, Node, NodeHugePages, Numa, Pci, Slot, Thread, Vm,
};
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
    /// Distances between nodes: a row a node with a column a node, in the order of their numbers; empty for fewer than two nodes.
    pub distances: Vec<(u32, Vec<Option<u32>>)>,
    /// Running VMs by name; `None` where they were not asked for.
    pub vms: Option<Vec<VmBox>>,
    /// What could not be read.
    pub missing: Vec<Missing>,
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
    /// What is to be said of its CPUs where they are not drawn within it, or where only their numbers are known.
    pub remark: Option<String>,
    /// For cores that are drawn outside any node: the nodes they belong to.
    pub shares: Vec<u32>,
}

impl NodeBox {
    /// What is to be said of its CPUs, behind a dot.
    pub fn elsewhere(&self) -> String {
        self.remark.as_ref().map(|remark| format!(" · {remark}")).unwrap_or_default()
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
    /// Whether it is known which CPUs are one core; otherwise each stands for itself.
    pub known: bool,
}

impl CacheBox {
    /// `8 cores`, or `8 CPUs` where nothing is known of cores.
    pub fn count(&self) -> String {
        words::count(self.cores.len(), if self.known { "core" } else { "CPU" })
    }
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

    /// Arranges the facts of a machine. What is missing is left out, and told.
    pub fn new(facts: &Map) -> Self {
        let missing = missing::missing(facts, Self::FACTS.into_iter().chain([Self::VMS]));
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
        let mut loose_nodes: Vec<NodeBox> =
            loose_nodes.map(|node| node_box(&facts, Some(node), &[], &mut roots)).collect();
        let online = facts.cpu.online.as_deref().unwrap_or_default();
        if packages.is_empty() && loose_nodes.is_empty() && !online.is_empty() {
            let threads = bare(online, None);
            loose_nodes.push(node_box(&facts, None, &threads.iter().collect::<Vec<_>>(), &mut roots));
        }
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
            missing,
        }
    }
}

impl Machine {
    /// Whether some list of CPUs is told as `0-6:2`.
    pub fn strides(&self) -> bool {
        let steps = |text: &str| text.contains(':');
        let nodes = self.packages.iter().flat_map(|package| &package.nodes).chain(&self.loose_nodes);
        steps(&words::cpus(&self.offline))
            || nodes.into_iter().any(|node| steps(&node.elsewhere()))
            || self.vms().iter().flat_map(VmBox::words).any(|part| steps(&part))
            || vms::warnings(self.vms()).iter().any(|warning| warning.rsplit(' ').next().is_some_and(steps))
    }

    /// Whether the kernel knows nodes; where it knows none, nothing can be said of them.
    pub fn has_nodes(&self) -> bool {
        let nodes = self.packages.iter().flat_map(|package| &package.nodes).chain(&self.loose_nodes);
        nodes.into_iter().any(|node| node.id.is_some())
    }

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
    let alone = node.filter(|_| threads.is_empty());
    // CPUs of which nothing is known but their node.
    let unplaced = alone.filter(|node| places(facts, node).is_empty());
    let unplaced = unplaced.map(|node| bare(node.cpus.as_deref().unwrap_or_default(), id)).unwrap_or_default();
    let drawn: Vec<&Thread> = threads.iter().copied().chain(&unplaced).collect();
    NodeBox {
        id,
        memory_kib: node.and_then(|node| node.memory_kib),
        free_kib: node.and_then(|node| node.free_kib),
        pools: pools.iter().filter_map(pool).collect(),
        caches: caches(facts, &drawn, id),
        roots: own,
        remark: match alone {
            Some(node) => Some(remark(facts, node)),
            None => facts.cpu.topology.is_empty().then(|| "packages not known".to_owned()),
        },
        shares: if node.is_some() { Vec::new() } else { shared_nodes(threads) },
    }
}

/// CPUs of which only the numbers are known, and perhaps the node.
fn bare(cpus: &[u32], node: Option<u32>) -> Vec<Thread> {
    cpus.iter().map(|cpu| Thread { cpu: *cpu, node, ..Thread::default() }).collect()
}

/// What the topology tells of a node's CPUs.
fn places<'a>(facts: &'a Facts, node: &Node) -> Vec<&'a Thread> {
    let cpus = node.cpus.as_deref().unwrap_or_default();
    facts.cpu.topology.iter().filter(|thread| cpus.contains(&thread.cpu)).collect()
}

/// What is to be said of the CPUs of a node that lies in no package alone.
fn remark(facts: &Facts, node: &Node) -> String {
    let Some(cpus) = &node.cpus else { return "CPUs not known".to_owned() };
    if cpus.is_empty() {
        return "no CPUs".to_owned();
    }
    let places = places(facts, node);
    let packages: BTreeSet<Option<u32>> = places.iter().map(|thread| thread.package).collect();
    match (packages.len(), shared_nodes(&places).as_slice()) {
        (0, _) => "packages not known".to_owned(),
        (1, [other]) if *other != node.id => format!("CPUs {}, drawn in node {other}", words::cpus(cpus)),
        (1, _) => format!("CPUs {}, drawn elsewhere", words::cpus(cpus)),
        _ => format!("CPUs {} of several packages", words::cpus(cpus)),
    }
}

fn shared_nodes(threads: &[&Thread]) -> Vec<u32> {
    threads.iter().filter_map(|thread| thread.node).collect::<BTreeSet<u32>>().into_iter().collect()
}

/// Cores by the level-3 cache they share, or by the last level where there is no third. A level above it is of the whole package
/// or machine, and says nothing of which cores are near each other.
fn caches(facts: &Facts, threads: &[&Thread], node: Option<u32>) -> Vec<CacheBox> {
    let levels: BTreeSet<u32> = facts.cpu.caches.iter().map(|cache| cache.level).collect();
    let level = if levels.contains(&3) { Some(3) } else { levels.last().copied() };
    let placed = |cpu: u32| facts.cpu.topology.iter().any(|thread| thread.cpu == cpu);
    let known = threads.iter().all(|thread| placed(thread.cpu));
    let mut rest: Vec<&Thread> = threads.to_vec();
    let mut boxes = Vec::new();
    for cache in facts.cpu.caches.iter().filter(|cache| Some(cache.level) == level) {
        let (own, others): (Vec<&Thread>, Vec<&Thread>) =
            rest.into_iter().partition(|thread| cache.cpus.contains(&thread.cpu));
        rest = others;
        if !own.is_empty() {
            boxes.push(CacheBox { name: Some(cache_name(facts, cache, node)), cores: cores(facts, &own), known });
        }
    }
    if !rest.is_empty() {
        boxes.push(CacheBox { name: None, cores: cores(facts, &rest), known });
    }
    boxes
}

/// `L3 32 MiB`, and what else is to be known of it: the nodes that have a part in it, the cache above it.
fn cache_name(facts: &Facts, cache: &Cache, node: Option<u32>) -> String {
    let title = |cache: &Cache| {
        let size = cache.size_kib.map(|kib| format!(" {}", words::size(kib))).unwrap_or_default();
        format!("L{}{size}", cache.level)
    };
    let mut name = title(cache);
    let holds = |above: &&Cache| above.level > cache.level && cache.cpus.iter().all(|cpu| above.cpus.contains(cpu));
    if let Some(above) = facts.cpu.caches.iter().find(holds) {
        name.push_str(&format!(" below {}", title(above)));
    }
    let threads: Vec<&Thread> =
        facts.cpu.topology.iter().filter(|thread| cache.cpus.contains(&thread.cpu) && thread.node != node).collect();
    match shared_nodes(&threads).as_slice() {
        nodes if node.is_none() || nodes.is_empty() => {}
        nodes => {
            let plural = if nodes.len() == 1 { "" } else { "s" };
            name.push_str(&format!(" shared with node{plural} {}", words::ranges(nodes)));
        }
    }
    name
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

fn distances(numa: &Numa) -> Vec<(u32, Vec<Option<u32>>)> {
    let number = numa.nodes.len();
    if number < 2 || numa.nodes.iter().all(|node| node.distances.is_none()) {
        return Vec::new();
    }
    // A row of another length belongs to other nodes, and nobody knows which.
    let row = |node: &Node| match &node.distances {
        Some(row) if row.len() == number => row.iter().copied().map(Some).collect(),
        _ => vec![None; number],
    };
    numa.nodes.iter().map(|node| (node.id, row(node))).collect()
}

/// A distance in a picture.
pub fn distance(known: Option<u32>) -> String {
    known.map_or_else(|| "-".to_owned(), |distance| distance.to_string())
}
