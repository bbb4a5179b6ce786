//! Which package, die, core and caches each online CPU belongs to.
//!
//! Groups come from the kernel's CPU lists, not from its numbers: some machines number every package -1, repeat a core's
//! number in every cluster, or give two packages one number. A list is read once for all CPUs it names, which keeps the
//! number of files small. AMD's modules list two cores as siblings; their different `core_id` tells them apart.

use super::cpuset::CpuSet;
use super::probe::{Probe, kib};
use crate::host::order::{sort, sort_by};
use luthier_protocol::facts::{Cache, Thread};

const PACKAGE_LISTS: [&str; 4] = ["package_cpus_list", "core_siblings_list", "package_cpus", "core_siblings"];
const CORE_LISTS: [&str; 4] = ["core_cpus_list", "thread_siblings_list", "core_cpus", "thread_siblings"];

/// Most caches one CPU can reach; ends the search on a nonsensical tree.
const CACHE_INDEXES: usize = 16;

/// What the tree says about all online CPUs.
#[derive(Debug, Default)]
pub struct Topology {
    /// One row a CPU, ascending.
    pub threads: Vec<Thread>,
    /// Number of packages.
    pub packages: u32,
    /// Number of cores.
    pub cores: u32,
    /// Number of dies; `None` where the kernel knows none.
    pub dies: Option<u32>,
    /// Number of clusters, likewise.
    pub clusters: Option<u32>,
}

/// One online CPU before its groups are numbered.
#[derive(Debug)]
struct Raw {
    cpu: u32,
    package: usize,
    core: usize,
}

#[derive(Debug, PartialEq)]
struct Package {
    cpus: Option<CpuSet>,
    id: Option<u32>,
}

#[derive(Debug, PartialEq)]
struct Core {
    siblings: Option<CpuSet>,
    package: usize,
    die: Option<u32>,
    cluster: Option<u32>,
    id: Option<u32>,
    /// Tells cores without siblings and number apart.
    first: u32,
}

/// Reads the topology of the online CPUs; `None` when some CPU has none (no sysfs, a captured part of it, or a CPU that was
/// taken away meanwhile).
pub fn read(probe: &mut Probe<'_>, online: &CpuSet) -> Option<Topology> {
    let mut reader = Reader {
        online,
        package_list: 0,
        core_list: 0,
        dies: true,
        clusters: true,
        packages: Vec::new(),
        cores: Vec::new(),
    };
    let mut raw = Vec::new();
    for cpu in online.iter() {
        let folder = format!("/sys/devices/system/cpu/cpu{cpu}/topology");
        let package = reader.package(probe, &folder, cpu)?;
        let core = reader.core(probe, &folder, cpu, package)?;
        raw.push(Raw { cpu, package, core });
    }
    if raw.is_empty() {
        return None;
    }
    Some(number(&raw, &reader.packages, &reader.cores))
}

/// The topology as `/proc/cpuinfo` tells it where sysfs does not.
pub fn from_places(places: &[(u32, u32, u32)]) -> Option<Topology> {
    let mut packages: Vec<Package> = Vec::new();
    let mut cores: Vec<Core> = Vec::new();
    let mut raw = Vec::new();
    for &(cpu, package, core) in places {
        let package = position(&mut packages, Package { cpus: None, id: Some(package) });
        let core =
            position(&mut cores, Core { siblings: None, package, die: None, cluster: None, id: Some(core), first: 0 });
        raw.push(Raw { cpu, package, core });
    }
    if raw.is_empty() { None } else { Some(number(&raw, &packages, &cores)) }
}

/// Index of an equal element, which is added when there is none.
fn position<T: PartialEq>(list: &mut Vec<T>, element: T) -> usize {
    match list.iter().position(|other| *other == element) {
        Some(index) => index,
        None => {
            list.push(element);
            list.len() - 1
        }
    }
}

struct Reader<'a> {
    online: &'a CpuSet,
    /// Which of the list files this kernel has: tried first for the next CPU.
    package_list: usize,
    core_list: usize,
    /// Whether this kernel has such numbers at all.
    dies: bool,
    clusters: bool,
    packages: Vec<Package>,
    cores: Vec<Core>,
}

impl Reader<'_> {
    fn package(&mut self, probe: &mut Probe<'_>, folder: &str, cpu: u32) -> Option<usize> {
        let known = self.packages.iter().position(|package| package.cpus.as_ref().is_some_and(|set| set.contains(cpu)));
        if known.is_some() {
            return known;
        }
        let cpus = group(probe, folder, &PACKAGE_LISTS, &mut self.package_list, self.online);
        let id = id(probe, folder, "physical_package_id");
        if cpus.is_none() && id.is_none() {
            return None;
        }
        Some(position(&mut self.packages, Package { cpus, id }))
    }

    fn core(&mut self, probe: &mut Probe<'_>, folder: &str, cpu: u32, package: usize) -> Option<usize> {
        let id = id(probe, folder, "core_id");
        let known = self.cores.iter().rev().find(|core| core.siblings.as_ref().is_some_and(|set| set.contains(cpu)));
        let (siblings, die, cluster) = match known {
            Some(core) => (core.siblings.clone(), core.die, core.cluster),
            None => {
                let siblings = group(probe, folder, &CORE_LISTS, &mut self.core_list, self.online);
                let die = known_id(probe, folder, "die_id", &mut self.dies);
                (siblings, die, known_id(probe, folder, "cluster_id", &mut self.clusters))
            }
        };
        let nameless = siblings.is_none() && id.is_none();
        if nameless && self.cores.iter().any(|core| core.siblings.is_some()) {
            return None;
        }
        let first = if nameless { cpu } else { 0 };
        let core = Core { siblings, package, die, cluster, id, first };
        // The newest are the likeliest, and a machine has thousands.
        Some(match self.cores.iter().rposition(|other| *other == core) {
            Some(index) => index,
            None => {
                self.cores.push(core);
                self.cores.len() - 1
            }
        })
    }
}

/// A kernel that does not tell such a number of one CPU tells it of none: ask once.
fn known_id(probe: &mut Probe<'_>, folder: &str, name: &str, told: &mut bool) -> Option<u32> {
    let found = if *told { id(probe, folder, name) } else { None };
    *told = found.is_some();
    found
}

/// A number; -1 and 65535 mean that the kernel has none.
fn id(probe: &mut Probe<'_>, folder: &str, name: &str) -> Option<u32> {
    probe
        .quiet_number::<i64>(&format!("{folder}/{name}"))
        .and_then(|id| u32::try_from(id).ok())
        .filter(|id| *id != 0xffff)
}

/// A group of online CPUs from the first of the files that is there.
fn group(probe: &mut Probe<'_>, folder: &str, names: &[&str], likely: &mut usize, online: &CpuSet) -> Option<CpuSet> {
    let order = std::iter::once(*likely).chain((0..names.len()).filter(|index| index != likely));
    for index in order.collect::<Vec<_>>() {
        let Some(name) = names.get(index) else { continue };
        let Some(text) = probe.quiet(&format!("{folder}/{name}")).filter(|text| !text.is_empty()) else { continue };
        let set = if name.ends_with("list") { CpuSet::from_list(text) } else { CpuSet::from_mask(text) };
        if let Some(set) = set {
            *likely = index;
            return Some(set.and(online));
        }
    }
    None
}

/// How many different ones there are; `None` where one is unknown.
fn distinct(pairs: impl Iterator<Item = Option<(usize, u32)>>) -> Option<u32> {
    let mut found: Vec<(usize, u32)> = Vec::new();
    for pair in pairs {
        let pair = pair?;
        // The newest are the likeliest.
        if !found.iter().rev().any(|other| *other == pair) {
            found.push(pair);
        }
    }
    u32::try_from(found.len()).ok().filter(|count| *count > 0)
}

fn number(raw: &[Raw], packages: &[Package], cores: &[Core]) -> Topology {
    let mut ids: Vec<Option<u32>> = packages.iter().map(|package| package.id).collect();
    sort(&mut ids);
    ids.dedup();
    let by_id = ids.len() == packages.len() && !ids.contains(&None);
    let package_number = |index: usize| {
        let id = packages.get(index).and_then(|package| package.id);
        if by_id { id } else { u32::try_from(index).ok() }
    };

    let mut keys: Vec<_> = cores.iter().map(|core| (core.package, core.die, core.id)).collect();
    sort(&mut keys);
    keys.dedup();
    let cores_by_id = keys.len() == cores.len() && !cores.iter().any(|core| core.id.is_none());
    // Otherwise they are counted within their die, in the order in which their first CPUs appear.
    let mut counted: Vec<u32> = Vec::with_capacity(cores.len());
    let mut next: std::collections::BTreeMap<(usize, Option<u32>), u32> = std::collections::BTreeMap::new();
    for core in cores {
        let next = next.entry((core.package, core.die)).or_insert(0);
        counted.push(*next);
        *next += 1;
    }

    let threads = raw
        .iter()
        .map(|thread| {
            let core = cores.get(thread.core);
            Thread {
                cpu: thread.cpu,
                package: package_number(thread.package),
                die: core.and_then(|core| core.die),
                cluster: core.and_then(|core| core.cluster),
                core: if cores_by_id { core.and_then(|core| core.id) } else { counted.get(thread.core).copied() },
                node: None,
                l3: None,
            }
        })
        .collect();
    Topology {
        threads,
        packages: u32::try_from(packages.len()).unwrap_or(u32::MAX),
        cores: u32::try_from(cores.len()).unwrap_or(u32::MAX),
        dies: distinct(cores.iter().map(|core| Some((core.package, core.die?)))),
        clusters: distinct(cores.iter().map(|core| Some((core.package, core.cluster?)))),
    }
}

/// A cache with its CPUs as a set.
#[derive(Debug)]
pub struct CacheSet {
    /// The cache.
    pub cache: Cache,
    /// Its CPUs.
    pub cpus: CpuSet,
}

/// The caches of the online CPUs, by level, type and lowest CPU. A cache is read once for all CPUs that share it.
pub fn caches(probe: &mut Probe<'_>, online: &CpuSet) -> Vec<CacheSet> {
    let mut by_index: Vec<Vec<CacheSet>> = Vec::new();
    let mut map_only = false;
    for cpu in online.iter() {
        for index in 0..CACHE_INDEXES {
            let known = by_index.get(index).is_some_and(|row| row.iter().rev().any(|cache| cache.cpus.contains(cpu)));
            if known {
                continue;
            }
            let folder = format!("/sys/devices/system/cpu/cpu{cpu}/cache/index{index}");
            let Some(cache) = cache(probe, &folder, cpu, online, &mut map_only) else { break };
            if by_index.len() <= index {
                by_index.resize_with(index + 1, Vec::new);
            }
            if let Some(row) = by_index.get_mut(index) {
                row.push(cache);
            }
        }
    }
    let mut all: Vec<CacheSet> = by_index.into_iter().flatten().collect();
    sort_by(&mut all, |a, b| {
        let key = |set: &CacheSet| (set.cache.level, set.cache.cpus.first().copied());
        key(a).cmp(&key(b)).then_with(|| a.cache.r#type.cmp(&b.cache.r#type)).is_gt()
    });
    all
}

fn cache(probe: &mut Probe<'_>, folder: &str, cpu: u32, online: &CpuSet, map_only: &mut bool) -> Option<CacheSet> {
    let level = probe.quiet_number(&format!("{folder}/level"))?;
    let r#type = probe.quiet(&format!("{folder}/type"))?.to_ascii_lowercase();
    let size_kib = probe.quiet(&format!("{folder}/size")).and_then(kib);
    let mut shared = None;
    if !*map_only {
        shared = probe.quiet(&format!("{folder}/shared_cpu_list")).and_then(CpuSet::from_list);
    }
    if shared.is_none() {
        shared = probe.quiet(&format!("{folder}/shared_cpu_map")).and_then(CpuSet::from_mask);
        *map_only = shared.is_some();
    }
    let mut cpus = shared.unwrap_or_default().and(online);
    cpus.insert(cpu);
    Some(CacheSet { cache: Cache { level, r#type, size_kib, cpus: cpus.to_vec() }, cpus })
}
