//! `memory`: amounts and the memory manager's settings.

use super::probe::{Probe, meminfo};
use super::{FactError, FactSource, memoryhealth};
use crate::host::Host;
use luthier_protocol::Value;
use luthier_protocol::facts::Fact;

const MEMINFO: &str = "/proc/meminfo";

/// Settings below `/proc/sys/vm` that bear on VMs.
const SETTINGS: [&str; 18] = [
    "compaction_proactiveness",
    "dirty_background_bytes",
    "dirty_background_ratio",
    "dirty_bytes",
    "dirty_expire_centisecs",
    "dirty_ratio",
    "dirty_writeback_centisecs",
    "hugetlb_shm_group",
    "max_map_count",
    "min_free_kbytes",
    "nr_hugepages",
    "nr_overcommit_hugepages",
    "overcommit_memory",
    "overcommit_ratio",
    "stat_interval",
    "swappiness",
    "watermark_scale_factor",
    "zone_reclaim_mode",
];

/// The source of `memory`.
#[derive(Debug)]
pub struct Memory;

impl FactSource for Memory {
    fn key(&self) -> &'static str {
        "memory"
    }

    fn read(&self, host: &Host, errors: &mut Vec<FactError>) -> Value {
        let mut probe = Probe::new(host, errors);
        let text = probe.file("memory", MEMINFO);
        let readable = text.is_some();
        let text = text.unwrap_or_default();
        let mut amount = |key: &str, field: &str| {
            let amount = meminfo(&text, field);
            if amount.is_none() && readable {
                probe.note(&format!("memory.{key}"), MEMINFO, &format!("it has no {field}"));
            }
            amount
        };
        let mut memory = luthier_protocol::facts::Memory {
            total_kib: amount("total_kib", "MemTotal"),
            free_kib: amount("free_kib", "MemFree"),
            available_kib: amount("available_kib", "MemAvailable"),
            buffers_kib: amount("buffers_kib", "Buffers"),
            cached_kib: amount("cached_kib", "Cached"),
            shared_kib: amount("shared_kib", "Shmem"),
            slab_kib: amount("slab_kib", "Slab"),
            locked_kib: amount("locked_kib", "Mlocked"),
            anon_huge_kib: amount("anon_huge_kib", "AnonHugePages"),
            hugetlb_kib: amount("hugetlb_kib", "Hugetlb"),
            committed_kib: amount("committed_kib", "Committed_AS"),
            ..Default::default()
        };
        for name in SETTINGS {
            let value = probe.number(&format!("memory.settings.{name}"), &format!("/proc/sys/vm/{name}"));
            memory.settings.insert(name.to_owned(), value);
        }
        let mut memory = memory.value();
        memoryhealth::fill(&mut probe, &mut memory);
        memory
    }
}
