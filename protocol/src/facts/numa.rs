//! `numa`: memory nodes.

use super::shape::shape;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

shape! {
    /// The NUMA nodes of a host.
    pub struct Numa {
        /// Whether the kernel tells nodes at all. Without it `nodes` is empty and the host is one node.
        ["", "`/sys/devices/system/node` exists"]
        supported: bool,
        /// Automatic NUMA balancing: 0 off, 1 on, 2 memory tiering, 3 both.
        ["", "`/proc/sys/kernel/numa_balancing`"]
        balancing: Option<u32>,
        /// One row for each online node, by number; numbers may have gaps.
        ["", "see `numa.nodes[]`"]
        nodes: Vec<Node>,
    }

    /// One node.
    pub struct Node {
        /// Number of the node.
        ["", "`/sys/devices/system/node/nodeN`"]
        id: u32,
        /// Its CPUs; empty for a node of memory only.
        ["list of CPUs", "`nodeN/cpumap`, else `nodeN/cpulist`"]
        cpus: Option<Vec<u32>>,
        /// Memory; 0 for a node without memory.
        ["KiB", "`nodeN/meminfo`: `MemTotal`"]
        memory_kib: Option<u64>,
        /// Free memory.
        ["KiB", "`nodeN/meminfo`: `MemFree`"]
        free_kib: Option<u64>,
        /// Distance to each node, in the order of `nodes`; 10 is local.
        ["", "`nodeN/distance`"]
        distances: Option<Vec<u32>>,
        /// Huge pages of each size.
        ["", "see `numa.nodes[].hugepages[]`"]
        hugepages: Option<Vec<NodeHugePages>>,
        /// Where allocations came from since the machine started: `numa_hit`, `numa_miss`, `numa_foreign`, `interleave_hit`,
        /// `local_node`, `other_node`.
        ["pages by name", "`nodeN/numastat`"]
        numastat: Option<BTreeMap<String, u64>>,
        /// Speed as the firmware's HMAT table tells; `null` where there is none.
        ["", "see `numa.nodes[].access`"]
        access: Option<NodeAccess>,
        /// `cpu+mem`, `cpu-only`, `mem-only`, or `none` (an I/O node); `null` when memory or CPUs are unknown.
        ["", "from `cpus` and `memory_kib`, else `has_memory`"]
        kind: Option<NodeKind>,
    }

    /// How fast a node's memory is from the CPUs nearest to it.
    pub struct NodeAccess {
        /// Time of a read.
        ["nanoseconds", "`nodeN/access0/initiators/read_latency`"]
        read_latency_ns: Option<u64>,
        /// Time of a write.
        ["nanoseconds", "`nodeN/access0/initiators/write_latency`"]
        write_latency_ns: Option<u64>,
        /// Rate of reads.
        ["MB/s", "`nodeN/access0/initiators/read_bandwidth`"]
        read_mbps: Option<u64>,
        /// Rate of writes.
        ["MB/s", "`nodeN/access0/initiators/write_bandwidth`"]
        write_mbps: Option<u64>,
    }

    /// Huge pages of one size on one node.
    pub struct NodeHugePages {
        /// Page size.
        ["KiB", "`nodeN/hugepages/hugepages-SIZEkB`"]
        size_kib: u64,
        /// Pages in the pool.
        ["pages", "`nr_hugepages`"]
        total: Option<u64>,
        /// Pages in nobody's use.
        ["pages", "`free_hugepages`"]
        free: Option<u64>,
        /// Pages above the wanted number.
        ["pages", "`surplus_hugepages`"]
        surplus: Option<u64>,
    }
}

/// What a node is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeKind {
    /// CPUs and memory.
    #[serde(rename = "cpu+mem")]
    CpuAndMemory,
    /// CPUs without memory.
    #[serde(rename = "cpu-only")]
    CpuOnly,
    /// Memory without CPUs (CXL, persistent, high-bandwidth or GPU memory).
    #[serde(rename = "mem-only")]
    MemoryOnly,
    /// Neither: a node that only starts transfers.
    #[serde(rename = "none")]
    Neither,
}

impl super::Fact for NodeKind {
    fn value(&self) -> crate::Value {
        let word = match self {
            Self::CpuAndMemory => "cpu+mem",
            Self::CpuOnly => "cpu-only",
            Self::MemoryOnly => "mem-only",
            Self::Neither => "none",
        };
        crate::Value::from(word)
    }
}
