//! `cpu`: processors, topology, caches. The kernel's account: `Documentation/admin-guide/cputopology.rst`.

use super::cpuset::CpuSet;
use super::cputopology::Topology;
use super::probe::{Probe, numbers};
use super::{FactError, FactSource, cpuinfo, cputopology, numa};
use crate::host::Host;
use luthier_protocol::Value;
use luthier_protocol::facts::Fact;
use luthier_protocol::facts::{CpuKind, Smt};
use std::collections::BTreeMap;

const CPUS: &str = "/sys/devices/system/cpu";
const CPUINFO: &str = "/proc/cpuinfo";

/// Enough for the first processor. The rest of the file is not asked for: some kernels interrupt every CPU for it.
const CPUINFO_HEAD: usize = 16 * 1024;

/// The source of `cpu`.
#[derive(Debug)]
pub struct Cpu;

impl FactSource for Cpu {
    fn key(&self) -> &'static str {
        "cpu"
    }

    fn read(&self, host: &Host, errors: &mut Vec<FactError>) -> Value {
        let mut probe = Probe::new(host, errors);
        read(&mut probe).value()
    }
}

fn read(probe: &mut Probe<'_>) -> luthier_protocol::facts::Cpu {
    let folders: CpuSet = numbers(&probe.host.list(CPUS).unwrap_or_default(), "cpu").into_iter().collect();
    let online = online(probe, &folders);
    let mut cpu = luthier_protocol::facts::Cpu::default();
    from_cpuinfo(probe, &mut cpu);
    from_folder(probe, &mut cpu);
    let Some(mut online) = online else {
        probe.note("cpu.online", &format!("{CPUS}/online"), "no CPU is listed there, as a folder, or in /proc/cpuinfo");
        return cpu;
    };
    let present = probe.quiet(&format!("{CPUS}/present")).and_then(CpuSet::from_list).filter(|set| !set.is_empty());
    let mut topology = cputopology::read(probe, &online);
    if topology.is_none()
        && let Some(now) = self::online(probe, &folders)
        && now != online
    {
        // A CPU was taken away while we read.
        topology = cputopology::read(probe, &now);
        online = now;
    }
    cpu.offline = Some(present.unwrap_or(folders).without(&online).to_vec());
    cpu.threads = Some(online.len());
    cpu.online = Some(online.to_vec());
    place(probe, &mut cpu, &online, topology);
    cpu.smt = smt(probe, cpu.threads, cpu.cores);
    cpu.kinds = kinds(probe, &online);
    cpu
}

/// Topology, caches, nodes.
fn place(
    probe: &mut Probe<'_>,
    cpu: &mut luthier_protocol::facts::Cpu,
    online: &CpuSet,
    mut topology: Option<Topology>,
) {
    if topology.is_none() {
        let places = cpuinfo::places(probe.quiet_file(CPUINFO).unwrap_or_default());
        topology = Some(places)
            .filter(|places| places.len() == online.len() as usize)
            .and_then(|p| cputopology::from_places(&p));
    }
    let caches = cputopology::caches(probe, online);
    if caches.is_empty() {
        probe.note("cpu.caches", &format!("{CPUS}/cpu*/cache"), "no such file");
    }
    match topology {
        Some(topology) => {
            cpu.packages = Some(topology.packages);
            cpu.cores = Some(topology.cores);
            cpu.dies = topology.dies;
            cpu.clusters = topology.clusters;
            cpu.topology = topology.threads;
        }
        None => {
            for key in ["cpu.packages", "cpu.cores", "cpu.topology"] {
                probe.note(key, &format!("{CPUS}/cpu*/topology"), "no such file for every online CPU");
            }
        }
    }
    let nodes = numa::node_cpus(probe).unwrap_or_default();
    for (node, cpus) in &nodes {
        for thread in cpu.topology.iter_mut().filter(|thread| cpus.as_ref().is_some_and(|set| set.contains(thread.cpu)))
        {
            thread.node = Some(*node);
        }
    }
    for (set, number) in caches.iter().filter(|set| set.cache.level == 3).zip(0_u32..) {
        for thread in cpu.topology.iter_mut().filter(|thread| set.cpus.contains(thread.cpu)) {
            thread.l3 = Some(number);
        }
    }
    cpu.caches = caches.into_iter().map(|set| set.cache).collect();
}

/// The online CPUs: the kernel's list, else each CPU's own file, else `/proc/cpuinfo`.
fn online(probe: &mut Probe<'_>, folders: &CpuSet) -> Option<CpuSet> {
    let listed = probe.quiet(&format!("{CPUS}/online")).and_then(CpuSet::from_list).filter(|set| !set.is_empty());
    if listed.is_some() {
        return listed;
    }
    let with_topology: CpuSet =
        folders.iter().filter(|cpu| probe.exists(&format!("{CPUS}/cpu{cpu}/topology"))).collect();
    let mut found = CpuSet::default();
    for cpu in folders.iter() {
        // The boot CPU often has no such file; an offline CPU has no topology where others have one.
        let online = match probe.quiet(&format!("{CPUS}/cpu{cpu}/online")) {
            Some(text) => text != "0",
            None => with_topology.is_empty() || with_topology.contains(cpu),
        };
        if online {
            found.insert(cpu);
        }
    }
    if found.is_empty() {
        found = cpuinfo::processors(probe.quiet_file(CPUINFO).unwrap_or_default());
    }
    Some(found).filter(|set| !set.is_empty())
}

fn from_cpuinfo(probe: &mut Probe<'_>, cpu: &mut luthier_protocol::facts::Cpu) {
    let Some(text) = probe.head("cpu.model", CPUINFO, CPUINFO_HEAD) else {
        probe.note("cpu.vendor", CPUINFO, "no such file");
        probe.note("cpu.flags", CPUINFO, "no such file");
        return;
    };
    cpu.vendor = cpuinfo::vendor(&text);
    cpu.model = cpuinfo::model(&text);
    cpu.flags = cpuinfo::flags(&text);
    for (key, missing) in
        [("cpu.vendor", cpu.vendor.is_none()), ("cpu.model", cpu.model.is_none()), ("cpu.flags", cpu.flags.is_none())]
    {
        if missing {
            probe.note(key, CPUINFO, "this processor family does not tell it");
        }
    }
    cpu.microcode = cpuinfo::field(&text, "microcode").map(str::to_owned);
}

fn from_folder(probe: &mut Probe<'_>, cpu: &mut luthier_protocol::facts::Cpu) {
    let microcode = format!("{CPUS}/cpu0/microcode/version");
    if let Some(version) = probe.quiet(&microcode) {
        cpu.microcode = Some(version.to_owned());
    } else if cpu.microcode.is_none() {
        probe.note("cpu.microcode", &microcode, "no such file");
    }
    let mut list = |name: &str| {
        let path = format!("{CPUS}/{name}");
        let text = probe.text(&format!("cpu.{name}"), &path)?;
        CpuSet::from_list(&text).map(|set| set.to_vec())
    };
    cpu.isolated = list("isolated");
    cpu.nohz_full = list("nohz_full");
    let folder = format!("{CPUS}/vulnerabilities");
    let verdicts: BTreeMap<String, String> = probe.folder(&folder);
    if verdicts.is_empty() {
        probe.note("cpu.vulnerabilities", &folder, "no such file");
    } else {
        cpu.vulnerabilities = Some(verdicts);
    }
}

fn smt(probe: &mut Probe<'_>, threads: Option<u32>, cores: Option<u32>) -> Smt {
    let control = probe.text("cpu.smt.control", &format!("{CPUS}/smt/control"));
    let told = probe.quiet(&format!("{CPUS}/smt/active")).map(|text| text == "1");
    let counted = threads.zip(cores).map(|(threads, cores)| threads > cores);
    Smt { control, active: told.or(counted) }
}

/// Kinds of core: Intel names them, elsewhere the relative capacities differ.
fn kinds(probe: &mut Probe<'_>, online: &CpuSet) -> Vec<CpuKind> {
    let capacity =
        |probe: &mut Probe<'_>, cpu: u32| probe.quiet_number::<u32>(&format!("{CPUS}/cpu{cpu}/cpu_capacity"));
    let mut kinds = Vec::new();
    for name in probe.host.list("/sys/devices").unwrap_or_default() {
        let Some(kind) = name.strip_prefix("cpu_") else { continue };
        let Some(set) = probe.quiet(&format!("/sys/devices/{name}/cpus")).and_then(CpuSet::from_list) else { continue };
        let cpus = set.and(online).to_vec();
        if let Some(first) = cpus.first() {
            kinds.push(CpuKind { name: kind.to_owned(), capacity: capacity(probe, *first), cpus });
        }
    }
    let first = online.iter().next().and_then(|cpu| capacity(probe, cpu));
    if kinds.is_empty() && first.is_some() {
        let mut by_capacity: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for cpu in online.iter() {
            if let Some(capacity) = capacity(probe, cpu) {
                by_capacity.entry(capacity).or_default().push(cpu);
            }
        }
        if by_capacity.len() > 1 {
            let kind =
                |(capacity, cpus)| CpuKind { name: format!("capacity-{capacity}"), capacity: Some(capacity), cpus };
            kinds = by_capacity.into_iter().rev().map(kind).collect();
        }
    }
    kinds
}
