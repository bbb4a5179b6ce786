//! Running VMs as a drawing shows them: where their threads are pinned, where their memory lies, and what of it stands out.

use super::words;
use luthier_protocol::facts::{Cpu, Thread, Vm, VmNode, VmThread};
use std::collections::{BTreeMap, BTreeSet};

/// Longest name of a VM; those that KubeVirt makes have up to 127 letters.
const NAME: usize = 40;

/// A VM, arranged.
#[derive(Debug, Clone, PartialEq)]
pub struct VmBox {
    /// Letter that marks it in the drawing (`A`, …, `Z`, `AA`).
    pub tag: String,
    /// Name.
    pub name: String,
    /// Virtual CPUs.
    pub vcpus: Vec<Pin>,
    /// I/O threads.
    pub iothreads: Vec<Pin>,
    /// CPUs that QEMU's main thread may run on; `None` when unknown, or where that is all of them.
    pub emulator: Option<Vec<u32>>,
    /// Nodes on which its virtual CPUs may run; empty when no node is known.
    pub nodes: Vec<u32>,
    /// Packages on which its virtual CPUs may run.
    pub packages: Vec<u32>,
    /// Nodes it may have memory from.
    pub memory_nodes: Vec<u32>,
    /// Memory by node; `None` where the host does not tell.
    pub memory: Option<Vec<VmNode>>,
    /// Memory that was swapped out, in KiB.
    pub swapped_kib: u64,
}

/// A thread and where it may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// Number of the virtual CPU or I/O thread.
    pub id: u32,
    /// Where it may run.
    pub place: Place,
}

/// Where a thread may run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// On this CPU alone.
    One(u32),
    /// On some of the CPUs.
    Some(Vec<u32>),
    /// On all of them.
    Anywhere,
    /// It is not known.
    Unknown,
}

/// All VMs, by name.
pub fn arrange(vms: &[Vm], cpu: &Cpu) -> Vec<VmBox> {
    let mut sorted: Vec<&Vm> = vms.iter().collect();
    sorted.sort_by(|one, other| one.name.cmp(&other.name).then(one.pid.cmp(&other.pid)));
    let online: BTreeSet<u32> = cpu.online.clone().unwrap_or_default().into_iter().collect();
    sorted.into_iter().enumerate().map(|(index, vm)| vm_box(index, vm, &online, &cpu.topology)).collect()
}

fn vm_box(index: usize, vm: &Vm, online: &BTreeSet<u32>, topology: &[Thread]) -> VmBox {
    let pin = |thread: &VmThread| Pin { id: thread.id, place: place(thread.cpus.as_deref(), online) };
    let vcpus: Vec<Pin> = vm.vcpus.iter().map(pin).collect();
    let reached = |part: fn(&Thread) -> Option<u32>| {
        let touched = topology.iter().filter(|thread| vcpus.iter().any(|vcpu| vcpu.place.holds(thread.cpu)));
        touched.filter_map(part).collect::<BTreeSet<u32>>().into_iter().collect::<Vec<u32>>()
    };
    let (nodes, packages) = (reached(|thread| thread.node), reached(|thread| thread.package));
    let emulator = match place(vm.emulator_cpus.as_deref(), online) {
        Place::One(cpu) => Some(vec![cpu]),
        Place::Some(cpus) => Some(cpus),
        Place::Anywhere | Place::Unknown => None,
    };
    VmBox {
        tag: tag(index),
        name: vm.name.clone(),
        iothreads: vm.iothreads.iter().map(pin).collect(),
        emulator,
        nodes,
        packages,
        memory_nodes: vm.memory_nodes.as_deref().map(words::numbers).unwrap_or_default(),
        memory: vm.nodes.clone(),
        swapped_kib: vm.swapped_kib.unwrap_or(0),
        vcpus,
    }
}

/// `A` to `Z`, then `AA`, `AB`, …
fn tag(index: usize) -> String {
    let letter = char::from(b'A' + u8::try_from(index % 26).unwrap_or(0));
    match index / 26 {
        0 => letter.to_string(),
        more => format!("{}{letter}", tag(more - 1)),
    }
}

fn place(allowed: Option<&str>, online: &BTreeSet<u32>) -> Place {
    let Some(allowed) = allowed else { return Place::Unknown };
    // The kernel's list also names CPUs that are switched off.
    let cpus: Vec<u32> = words::numbers(allowed).into_iter().filter(|cpu| online.contains(cpu)).collect();
    match cpus.as_slice() {
        [] => Place::Unknown,
        all if all.len() == online.len() => Place::Anywhere,
        [cpu] => Place::One(*cpu),
        _ => Place::Some(cpus),
    }
}

/// Numbers of virtual CPUs, or how many where that would be too wide for a cell: all cells of a drawing are as wide as the widest.
fn few(ids: &[String]) -> String {
    const WIDE: usize = 7;
    let all = ids.join(",");
    if all.chars().count() > WIDE { format!("{}×", ids.len()) } else { all }
}

impl Place {
    /// Whether the thread may run on this CPU.
    pub fn holds(&self, cpu: u32) -> bool {
        match self {
            Self::One(own) => *own == cpu,
            Self::Some(cpus) => cpus.contains(&cpu),
            Self::Anywhere => true,
            Self::Unknown => false,
        }
    }

    /// Whether it is kept to a part of the machine.
    pub fn is_narrow(&self) -> bool {
        matches!(self, Self::One(_) | Self::Some(_))
    }
}

/// The smallest part of the machine that holds all virtual CPUs of a VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// A node.
    Node(u32),
    /// A package with several nodes, or without any.
    Package(Option<u32>),
    /// The machine.
    Machine,
}

impl VmBox {
    /// Where it is told of.
    pub fn home(&self) -> Home {
        match (self.nodes.as_slice(), self.packages.as_slice()) {
            ([node], _) => Home::Node(*node),
            (_, [package]) => Home::Package(Some(*package)),
            _ => Home::Machine,
        }
    }

    /// Whether it is drawn within these CPUs: some virtual CPU is kept to a part of the machine that reaches there.
    pub fn touches(&self, cpus: &[u32]) -> bool {
        self.vcpus.iter().any(|vcpu| vcpu.place.is_narrow() && cpus.iter().any(|cpu| vcpu.place.holds(*cpu)))
    }

    /// What it has on a core: numbers of the virtual CPUs pinned to each of its threads (`2+3`), how many where those are too long
    /// (`12×`), `~` where some may run among other places, `·` for none.
    pub fn mark(&self, cpus: &[u32]) -> String {
        let mark = |cpu: &u32| {
            let pinned = self.vcpus.iter().filter(|vcpu| vcpu.place == Place::One(*cpu));
            let ids: Vec<String> = pinned.map(|vcpu| vcpu.id.to_string()).collect();
            let roams = self.vcpus.iter().any(|vcpu| vcpu.place.is_narrow() && vcpu.place.holds(*cpu));
            match (ids.is_empty(), roams) {
                (false, _) => few(&ids),
                (true, true) => "~".to_owned(),
                (true, false) => "·".to_owned(),
            }
        };
        let marks: Vec<String> = cpus.iter().map(mark).collect();
        match marks.first() {
            Some(first) if ["~", "·"].contains(&first.as_str()) && marks.iter().all(|mark| mark == first) => {
                first.clone()
            }
            _ => marks.join("+"),
        }
    }

    /// Its name where there is little room.
    pub fn short(&self) -> String {
        words::short(&self.name, NAME)
    }

    /// Where it runs and where its memory lies, in a few words each.
    pub fn words(&self) -> Vec<String> {
        let mut parts = vec![self.placement()];
        parts.extend(self.memory_words());
        let narrow = self.emulator.as_ref().map(|cpus| format!("emulator on CPUs {}", words::cpus(cpus)));
        parts.extend(narrow);
        for thread in &self.iothreads {
            match &thread.place {
                Place::One(cpu) => parts.push(format!("I/O thread {} on CPU {cpu}", thread.id)),
                Place::Some(cpus) => parts.push(format!("I/O thread {} on CPUs {}", thread.id, words::cpus(cpus))),
                Place::Anywhere | Place::Unknown => {}
            }
        }
        parts
    }

    /// `4 vCPUs pinned`, `2 vCPUs float over CPUs 0-7`, `8 vCPUs float over all CPUs`.
    fn placement(&self) -> String {
        let mut pinned = 0;
        let mut roaming: BTreeMap<&Place, usize> = BTreeMap::new();
        for vcpu in &self.vcpus {
            match &vcpu.place {
                Place::One(_) => pinned += 1,
                other => *roaming.entry(other).or_default() += 1,
            }
        }
        let mut parts = Vec::new();
        if pinned > 0 {
            parts.push(format!("{} pinned", words::count(pinned, "vCPU")));
        }
        for (place, number) in roaming {
            let (verb, number) = (if number == 1 { "floats" } else { "float" }, words::count(number, "vCPU"));
            parts.push(match place {
                Place::Some(cpus) => format!("{number} {verb} over CPUs {}", words::cpus(cpus)),
                Place::Unknown => format!("{number} somewhere"),
                Place::One(_) | Place::Anywhere => format!("{number} {verb} over all CPUs"),
            });
        }
        if parts.is_empty() { "its vCPUs are not known".to_owned() } else { parts.join(", ") }
    }

    /// `16 GiB on node 0`, `2 GiB on node 1 (11 % remote)`, `16 GiB in huge pages`.
    fn memory_words(&self) -> Vec<String> {
        let Some(memory) = &self.memory else { return vec!["memory by node not known".to_owned()] };
        let all: u64 = memory.iter().map(|node| node.kib).sum();
        let huge: u64 = memory.iter().map(|node| node.huge_kib).sum();
        let mut parts: Vec<String> = Vec::new();
        for node in memory.iter().filter(|node| node.kib > 0) {
            let remote = if self.nodes.is_empty() || self.nodes.contains(&node.node) {
                String::new()
            } else {
                match node.kib.saturating_mul(100) / all.max(1) {
                    0 => " (remote, below 1 %)".to_owned(),
                    share => format!(" ({share} % remote)"),
                }
            };
            parts.push(format!("{} on node {}{remote}", words::size(node.kib), node.node));
        }
        parts.push(if huge > 0 { format!("{} in huge pages", words::size(huge)) } else { "no huge pages".to_owned() });
        parts
    }
}

/// What stands out, as facts: pins across nodes, two virtual CPUs on one CPU, memory from elsewhere only, memory swapped out.
pub fn warnings(vms: &[VmBox]) -> Vec<String> {
    let mut found = Vec::new();
    let list = |numbers: &[u32]| words::ranges(numbers);
    for vm in vms {
        let narrow = vm.vcpus.iter().any(|vcpu| vcpu.place.is_narrow());
        if narrow && vm.nodes.len() > 1 {
            let pinned = vm.vcpus.iter().all(|vcpu| matches!(vcpu.place, Place::One(_)));
            let how = if pinned { "are pinned across" } else { "are kept to CPUs of several" };
            found.push(format!("{}: its vCPUs {how} nodes: {}", vm.short(), list(&vm.nodes)));
        }
        let elsewhere = !vm.nodes.is_empty() && !vm.memory_nodes.iter().any(|node| vm.nodes.contains(node));
        if elsewhere && !vm.memory_nodes.is_empty() {
            let (runs, memory) = (list(&vm.nodes), list(&vm.memory_nodes));
            found.push(format!("{}: it runs on node {runs} and may have memory from node {memory} only", vm.short()));
        }
        if vm.swapped_kib > 0 {
            found.push(format!("{}: {} of it are swapped out", vm.short(), words::size(vm.swapped_kib)));
        }
    }
    found.extend(shared(vms));
    found
}

/// CPUs to which more than one virtual CPU is pinned, by the VMs that share them.
fn shared(vms: &[VmBox]) -> Vec<String> {
    let mut owners: BTreeMap<u32, Vec<(usize, String)>> = BTreeMap::new();
    for (index, vm) in vms.iter().enumerate() {
        for vcpu in &vm.vcpus {
            if let Place::One(cpu) = vcpu.place {
                owners.entry(cpu).or_default().push((index, vm.short()));
            }
        }
    }
    let mut together: BTreeMap<Vec<(usize, String)>, Vec<u32>> = BTreeMap::new();
    for (cpu, mut names) in owners.into_iter().filter(|(_, names)| names.len() > 1) {
        names.dedup();
        together.entry(names).or_default().push(cpu);
    }
    let sentence = |(names, cpus): (Vec<(usize, String)>, Vec<u32>)| {
        let names: Vec<String> = names.into_iter().map(|(_, name)| name).collect();
        let which = format!("CPU{} {}", if cpus.len() == 1 { "" } else { "s" }, words::cpus(&cpus));
        match names.as_slice() {
            [one] => format!("{one}: more than one of its vCPUs is pinned to {which}"),
            names => format!("{}: vCPUs of each are pinned to {which}", names.join(" and ")),
        }
    };
    together.into_iter().map(sentence).collect()
}
