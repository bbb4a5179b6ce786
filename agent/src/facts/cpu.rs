//! `cpu`: processors, topology, caches. The kernel's account: `Documentation/admin-guide/cputopology.rst`.

use super::cpuset::CpuSet;
use super::cputopology::Topology;
use super::probe::{Probe, numbers};
use super::{FactError, FactSource, cpuinfo, cputopology, kernel, numa};
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
    let told = probe.exists(&format!("{CPUS}/isolated"));
    let line = if told { None } else { isolcpus(probe.quiet_file("/proc/cmdline").unwrap_or_default()) };
    cpu.isolated = match line {
        // Kernels before 4.2 tell it nowhere else.
        Some(text) => list(probe, "isolated", "/proc/cmdline", &text),
        None => attribute(probe, "isolated"),
    };
    cpu.nohz_full = attribute(probe, "nohz_full");
    let folder = format!("{CPUS}/vulnerabilities");
    let verdicts: BTreeMap<String, String> = probe.folder(&folder);
    if verdicts.is_empty() {
        probe.note("cpu.vulnerabilities", &folder, "no such file");
    } else {
        cpu.vulnerabilities = Some(verdicts);
    }
}

fn attribute(probe: &mut Probe<'_>, name: &str) -> Option<Vec<u32>> {
    let path = format!("{CPUS}/{name}");
    let text = probe.text(&format!("cpu.{name}"), &path)?;
    list(probe, name, &path, &text)
}

/// A list of CPUs; one that is none is noted.
fn list(probe: &mut Probe<'_>, name: &str, path: &str, text: &str) -> Option<Vec<u32>> {
    let set = CpuSet::from_list(text);
    if set.is_none() {
        let text: String = text.chars().take(40).collect();
        probe.note(&format!("cpu.{name}"), path, &format!("{text:?} is not a list of CPUs"));
    }
    set.map(|set| set.to_vec())
}

/// The CPUs of the boot parameter `isolcpus=`, without the words (`domain,managed_irq`) that may stand before them.
fn isolcpus(line: &str) -> Option<String> {
    let words = kernel::words(line);
    let value = words.iter().rev().find_map(|word| word.strip_prefix("isolcpus="))?;
    let numbers = value.split(',').skip_while(|word| word.starts_with(|letter: char| letter.is_ascii_alphabetic()));
    Some(numbers.collect::<Vec<_>>().join(","))
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    #[test]
    fn isolated_cpus_of_old_kernels_and_lists_that_are_none() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("sys/devices/system/cpu")).unwrap();
        std::fs::create_dir_all(root.path().join("proc")).unwrap();
        let write = |path: &str, text: &str| std::fs::write(root.path().join(path), text).unwrap();
        let read = || {
            let mut errors = Vec::new();
            let facts = Cpu.read(&Host::under(root.path()), &mut errors);
            (facts, errors)
        };
        write("sys/devices/system/cpu/online", "0-3\n");
        write("proc/cmdline", "quiet isolcpus=2-3 nohz_full=3\n");
        assert_eq!(read().0["isolated"], serde_json::json!([2, 3]));
        write("proc/cmdline", "isolcpus=domain,managed_irq,1,3\n");
        assert_eq!(read().0["isolated"], serde_json::json!([1, 3]));
        write("sys/devices/system/cpu/isolated", "1\n");
        write("sys/devices/system/cpu/nohz_full", "one\n");
        let (facts, errors) = read();
        assert_eq!((&facts["isolated"], &facts["nohz_full"]), (&serde_json::json!([1]), &Value::Null));
        let row = errors.iter().find(|error| error.key == "cpu.nohz_full").unwrap();
        assert!(row.reason.contains("not a list of CPUs"), "{row:?}");
    }
}
