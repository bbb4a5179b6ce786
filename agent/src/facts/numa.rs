//! `numa`: memory nodes. The kernel's account: `Documentation/ABI/stable/sysfs-devices-node`.
//!
//! A node may have CPUs without memory, memory without CPUs, or neither; numbers may have gaps. A kernel without NUMA has
//! no such folder, and then no node is made up.

use super::cpuset::CpuSet;
use super::probe::{Probe, meminfo, numbers, page_size};
use super::{FactError, FactSource};
use crate::host::Host;
use crate::host::order::{map, sort};
use luthier_protocol::Value;
use luthier_protocol::facts::Fact;
use luthier_protocol::facts::{Node, NodeAccess, NodeHugePages, NodeKind};
use std::collections::BTreeMap;

const NODES: &str = "/sys/devices/system/node";

/// The source of `numa`.
#[derive(Debug)]
pub struct Numa;

impl FactSource for Numa {
    fn key(&self) -> &'static str {
        "numa"
    }

    fn read(&self, host: &Host, errors: &mut Vec<FactError>) -> Value {
        let mut probe = Probe::new(host, errors);
        let balancing = probe.number("numa.balancing", "/proc/sys/kernel/numa_balancing");
        let nodes = match node_cpus(&mut probe) {
            Some(nodes) => nodes,
            None => {
                probe.note("numa.nodes", NODES, "no such file");
                let numa = luthier_protocol::facts::Numa { supported: false, balancing, nodes: Vec::new() };
                return numa.value();
            }
        };
        let with_memory = probe.quiet(&format!("{NODES}/has_memory")).and_then(CpuSet::from_list);
        let nodes = nodes.into_iter().map(|(id, cpus)| node(&mut probe, id, cpus, with_memory.as_ref())).collect();
        let numa = luthier_protocol::facts::Numa { supported: true, balancing, nodes };
        numa.value()
    }
}

/// The nodes by number with their CPUs (`None`: unreadable); `None` without NUMA.
pub fn node_cpus(probe: &mut Probe<'_>) -> Option<Vec<(u32, Option<CpuSet>)>> {
    let names = probe.host.list(NODES).ok()?;
    let nodes = numbers(&names, "node").into_iter().map(|id| {
        // The mask names online CPUs only; in some captured machines the list was not brought up to date with it.
        let mask = probe.quiet(&format!("{NODES}/node{id}/cpumap")).and_then(CpuSet::from_mask);
        (id, mask.or_else(|| probe.quiet(&format!("{NODES}/node{id}/cpulist")).and_then(CpuSet::from_list)))
    });
    Some(nodes.collect())
}

fn node(probe: &mut Probe<'_>, id: u32, cpus: Option<CpuSet>, with_memory: Option<&CpuSet>) -> Node {
    let key = |name: &str| format!("numa.nodes[].{name}");
    let folder = format!("{NODES}/node{id}");
    if cpus.is_none() {
        probe.note(&key("cpus"), &format!("{folder}/cpumap"), "no such file");
    }
    let path = format!("{folder}/meminfo");
    let text = probe.file(&key("memory_kib"), &path);
    let memory_kib = text.as_deref().and_then(|text| meminfo(text, "MemTotal"));
    let free_kib = text.as_deref().and_then(|text| meminfo(text, "MemFree"));
    if free_kib.is_none() {
        probe.note(&key("memory_kib"), &path, "it has no MemTotal");
        probe.note(&key("free_kib"), &path, if text.is_some() { "it has no MemFree" } else { "no such file" });
    }
    let distances = probe
        .text(&key("distances"), &format!("{folder}/distance"))
        .and_then(|text| text.split_whitespace().map(|word| word.parse().ok()).collect());
    let has_memory = memory_kib.map(|kib| kib > 0).or_else(|| with_memory.map(|set| set.contains(id)));
    let kind = match (cpus.as_ref().map(CpuSet::is_empty), has_memory) {
        (Some(false), Some(true)) => Some(NodeKind::CpuAndMemory),
        (Some(false), Some(false)) => Some(NodeKind::CpuOnly),
        (Some(true), Some(true)) => Some(NodeKind::MemoryOnly),
        (Some(true), Some(false)) => Some(NodeKind::Neither),
        _ => None,
    };
    if kind.is_none() {
        probe.note(&key("kind"), &folder, "its CPUs or its memory are unknown");
    }
    Node {
        id,
        cpus: cpus.map(|set| set.to_vec()),
        memory_kib,
        free_kib,
        distances,
        hugepages: hugepages(probe, &key("hugepages"), &folder),
        numastat: numastat(probe, &folder),
        access: access(probe, &folder),
        kind,
    }
}

fn numastat(probe: &mut Probe<'_>, folder: &str) -> Option<BTreeMap<String, u64>> {
    let path = format!("{folder}/numastat");
    let text = probe.text("numa.nodes[].numastat", &path)?;
    let row = |line: &str| {
        let (name, pages) = line.split_once(' ')?;
        Some((name.to_owned(), pages.trim().parse().ok()?))
    };
    Some(map(text.lines().filter_map(row)))
}

fn access(probe: &mut Probe<'_>, folder: &str) -> Option<NodeAccess> {
    let mut number = |file: &str| probe.quiet_number(&format!("{folder}/access0/initiators/{file}"));
    let read_latency_ns = number("read_latency");
    let access = NodeAccess {
        read_latency_ns,
        write_latency_ns: number("write_latency"),
        read_mbps: number("read_bandwidth"),
        write_mbps: number("write_bandwidth"),
    };
    (access != NodeAccess::default()).then_some(access)
}

fn hugepages(probe: &mut Probe<'_>, key: &str, folder: &str) -> Option<Vec<NodeHugePages>> {
    let folder = format!("{folder}/hugepages");
    let mut sizes: Vec<u64> = probe.list(key, &folder)?.iter().filter_map(|name| page_size(name)).collect();
    sort(&mut sizes);
    let mut pages = Vec::new();
    for size_kib in sizes {
        let folder = format!("{folder}/hugepages-{size_kib}kB");
        pages.push(NodeHugePages {
            size_kib,
            total: probe.number(&format!("{key}.total"), &format!("{folder}/nr_hugepages")),
            free: probe.number(&format!("{key}.free"), &format!("{folder}/free_hugepages")),
            surplus: probe.quiet_number(&format!("{folder}/surplus_hugepages")),
        });
    }
    Some(pages)
}
