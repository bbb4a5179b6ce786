//! Traits of the machine itself: firmware, memory modules, processors, nodes.

use super::readings::{Absence, Area, Readings, distinct, part, tally, yes};
use crate::draw::words;
use luthier_protocol::Map;
use luthier_protocol::facts::{Cpu, Firmware, MemoryDevice, Numa, Processor};
use std::collections::{BTreeMap, BTreeSet};

/// Features of a processor that bear on VMs, and that firmware or microcode can take away.
const FLAGS: [&str; 20] = [
    "vmx",
    "svm",
    "ept",
    "npt",
    "vnmi",
    "avic",
    "x2apic",
    "pdpe1gb",
    "constant_tsc",
    "nonstop_tsc",
    "tsc_known_freq",
    "aperfmperf",
    "hwp",
    "aes",
    "avx2",
    "avx512f",
    "sev",
    "sev_es",
    "tdx_host_platform",
    "hypervisor",
];

pub(super) fn firmware(facts: &Map, out: &mut Readings) {
    let Some(firmware) = part::<Firmware>(facts, "firmware") else { return };
    let bios = firmware.bios;
    out.one(Area::Firmware, "BIOS vendor", bios.vendor);
    out.one(Area::Firmware, "BIOS version", bios.version);
    out.one(Area::Firmware, "BIOS date", bios.date);
    out.one(Area::Firmware, "controller release", bios.controller_release);
    out.one(Area::Firmware, "board", firmware.board.product);
    out.one(Area::Firmware, "board version", firmware.board.version);
    out.one(Area::Firmware, "SMBIOS version", firmware.entry_point.version);
    let sockets = firmware.processors.map(|rows| rows.into_iter().enumerate().map(socket).collect::<Vec<_>>());
    out.items(Area::Processors, "socket", Absence::Word("not there"), sockets);
    let arrays = firmware.memory_arrays.as_ref().map(|arrays| {
        let system = arrays.iter().filter(|array| array.r#use.as_deref() == Some("system memory"));
        tally(system.map(|array| array.error_correction.clone().unwrap_or_else(|| "unknown".to_owned())))
    });
    out.one(Area::Memory, "error correction", arrays);
    modules(firmware.memory_devices.as_deref(), out);
}

/// `CPU1` and what is in it.
fn socket((index, processor): (usize, Processor)) -> (String, Option<String>) {
    let name = processor.designation.unwrap_or_else(|| format!("socket {index}"));
    if !processor.populated {
        return (name, Some("empty".to_owned()));
    }
    let cores = match (processor.cores_enabled, processor.cores) {
        (Some(enabled), Some(all)) if enabled != all => format!(", {enabled} of {all} cores enabled"),
        _ => String::new(),
    };
    let status = processor.status.filter(|status| status != "enabled").map(|status| format!(", {status}"));
    (name, processor.model.map(|model| format!("{model}{cores}{}", status.unwrap_or_default())))
}

/// Memory modules: each by its place, and what they make up together.
fn modules(devices: Option<&[MemoryDevice]>, out: &mut Readings) {
    let all = devices.unwrap_or_default();
    let named = |device: &MemoryDevice| device.locator.clone().unwrap_or_else(|| "?".to_owned());
    let unique = all.iter().map(named).collect::<BTreeSet<_>>().len() == all.len();
    let place = |device: &MemoryDevice| match (&device.bank, unique) {
        (Some(bank), false) => format!("{bank} {}", named(device)),
        _ => named(device),
    };
    let content = |device: &MemoryDevice| match device.size_mib? {
        0 => Some("empty".to_owned()),
        mib => Some(words::size(mib.saturating_mul(1024))),
    };
    let rows = devices.map(|devices| devices.iter().map(|device| (place(device), content(device))).collect::<Vec<_>>());
    out.items(Area::Memory, "DIMM", Absence::Word("not there"), rows);
    let filled = || all.iter().filter(|device| device.size_mib != Some(0));
    let each = |text: fn(&MemoryDevice) -> Option<String>| {
        let values: Vec<String> = filled().filter_map(text).collect();
        devices.filter(|_| !values.is_empty()).map(|_| values)
    };
    let speed = |mts: Option<u32>| mts.map(|mts| format!("{mts} MT/s"));
    let configured = each(|device| device.configured_mts.map(|mts| format!("{mts} MT/s")));
    let rated = devices.and_then(|_| distinct(filled().filter_map(|device| speed(device.speed_mts))));
    out.one(Area::Memory, "DIMMs run at", configured.and_then(distinct));
    out.one(Area::Memory, "DIMMs are rated", rated);
    out.one(Area::Memory, "DIMM technology", each(|device| device.r#type.clone()).and_then(distinct));
    out.one(Area::Memory, "DIMM parts", each(|device| Some(device.part.clone()?.trim().to_owned())).map(tally));
    let population = devices.map(|devices| population(devices).into_iter().collect::<Vec<_>>());
    out.items(Area::Memory, "DIMMs", Absence::Inapplicable, population);
}

/// Modules of each processor, or of the machine where places name no processor.
fn population(devices: &[MemoryDevice]) -> BTreeMap<String, Option<String>> {
    let mut sockets: BTreeMap<Option<u32>, Vec<&MemoryDevice>> = BTreeMap::new();
    for device in devices {
        sockets.entry(device.socket).or_default().push(device);
    }
    let row = |(socket, rows): (Option<u32>, Vec<&MemoryDevice>)| {
        let filled: Vec<&&MemoryDevice> = rows.iter().filter(|device| device.size_mib != Some(0)).collect();
        let channels: BTreeSet<&String> = filled.iter().filter_map(|device| device.channel.as_ref()).collect();
        let channels = match channels.len() {
            0 => String::new(),
            number => format!(" in {}", words::count(number, "channel")),
        };
        let mib: Option<u64> = filled.iter().map(|device| device.size_mib).sum();
        let text = mib.map(|mib| {
            format!("{} of {}{channels}, {}", filled.len(), rows.len(), words::size(mib.saturating_mul(1024)))
        });
        (socket.map_or_else(String::new, |socket| format!("processor {socket}")), text)
    };
    sockets.into_iter().map(row).collect()
}

pub(super) fn processors(facts: &Map, out: &mut Readings) {
    let Some(cpu) = part::<Cpu>(facts, "cpu") else { return };
    let area = Area::Processors;
    let number = |number: Option<u32>| number.map(|number| number.to_string());
    let list = |cpus: &Option<Vec<u32>>| {
        cpus.as_deref().map(|cpus| if cpus.is_empty() { "none".to_owned() } else { words::ranges(cpus) })
    };
    out.one(area, "model", cpu.model);
    out.one(area, "packages", number(cpu.packages));
    out.one(area, "cores", number(cpu.cores));
    out.one(area, "threads", number(cpu.threads));
    out.one(area, "offline CPUs", list(&cpu.offline));
    out.one(area, "isolated CPUs", list(&cpu.isolated));
    out.one(area, "CPUs without tick", list(&cpu.nohz_full));
    out.one(area, "microcode", cpu.microcode);
    out.one(area, "SMT", cpu.smt.active.map(|active| if active { "on" } else { "off" }));
    out.one(area, "SMT switch", cpu.smt.control);
    let mut nodes: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for thread in &cpu.topology {
        if let (Some(package), Some(node)) = (thread.package, thread.node) {
            nodes.entry(package).or_default().insert(node);
        }
    }
    out.one(area, "nodes per package", distinct(nodes.values().map(|nodes| nodes.len().to_string())));
    let last = cpu.caches.iter().map(|cache| cache.level).max();
    let caches = cpu.caches.iter().filter(|cache| Some(cache.level) == last && cache.level > 2);
    let caches = tally(caches.filter_map(|cache| cache.size_kib.map(words::size)));
    out.one(area, "last-level caches", last.map(|_| caches));
    let flags = cpu.flags.map(|flags| {
        let there = |name: &str| yes(flags.iter().any(|flag| flag == name)).to_owned();
        FLAGS.iter().map(|name| ((*name).to_owned(), Some(there(name)))).collect::<Vec<_>>()
    });
    out.items(area, "feature", Absence::Unknown, flags);
    let verdicts = cpu.vulnerabilities.map(|rows| rows.into_iter().map(|(name, text)| (name, Some(text))));
    out.items(area, "vulnerability", Absence::Word("not known to this kernel"), verdicts);
}

pub(super) fn nodes(facts: &Map, out: &mut Readings) {
    let Some(numa) = part::<Numa>(facts, "numa") else { return };
    out.one(Area::Memory, "nodes", Some(numa.nodes.len().to_string()));
    let balancing = |value: u32| match value {
        0 => "off".to_owned(),
        1 => "on".to_owned(),
        other => other.to_string(),
    };
    out.one(Area::Memory, "NUMA balancing", numa.balancing.map(balancing));
    for node in &numa.nodes {
        out.amount(Area::Memory, "memory of node", &node.id.to_string(), node.memory_kib);
    }
    let distances = numa.nodes.iter().map(|node| {
        let row = node.distances.as_ref().map(|row| row.iter().map(u32::to_string).collect::<Vec<_>>().join(" "));
        (node.id.to_string(), row)
    });
    out.items(Area::Memory, "distances of node", Absence::Inapplicable, Some(distances));
}
