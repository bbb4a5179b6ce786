//! `memory`, `hugepages`, `thp`, `swap`, `psi`.

use super::shape::shape;
use std::collections::BTreeMap;

shape! {
    /// Memory of the host.
    pub struct Memory {
        /// Memory the kernel manages.
        ["KiB", "`/proc/meminfo`: `MemTotal`"]
        total_kib: Option<u64>,
        /// Unused memory.
        ["KiB", "`/proc/meminfo`: `MemFree`"]
        free_kib: Option<u64>,
        /// Memory that new programs can have without swapping.
        ["KiB", "`/proc/meminfo`: `MemAvailable`"]
        available_kib: Option<u64>,
        /// Buffers of block devices.
        ["KiB", "`/proc/meminfo`: `Buffers`"]
        buffers_kib: Option<u64>,
        /// Page cache.
        ["KiB", "`/proc/meminfo`: `Cached`"]
        cached_kib: Option<u64>,
        /// Shared memory and tmpfs.
        ["KiB", "`/proc/meminfo`: `Shmem`"]
        shared_kib: Option<u64>,
        /// Kernel object caches.
        ["KiB", "`/proc/meminfo`: `Slab`"]
        slab_kib: Option<u64>,
        /// Memory locked against swapping.
        ["KiB", "`/proc/meminfo`: `Mlocked`"]
        locked_kib: Option<u64>,
        /// Anonymous memory in transparent huge pages.
        ["KiB", "`/proc/meminfo`: `AnonHugePages`"]
        anon_huge_kib: Option<u64>,
        /// Memory in huge page pools of every size.
        ["KiB", "`/proc/meminfo`: `Hugetlb`"]
        hugetlb_kib: Option<u64>,
        /// Memory promised to programs.
        ["KiB", "`/proc/meminfo`: `Committed_AS`"]
        committed_kib: Option<u64>,
        /// Settings of the memory manager by name; a setting this kernel lacks is `null`.
        ["as the kernel counts", "`/proc/sys/vm/*`"]
        settings: BTreeMap<String, Option<i64>>,
        /// One row for each memory controller whose errors are counted; empty where none are.
        ["", "see `memory.edac[]`"]
        edac: Option<Vec<MemoryController>>,
        /// The blocks in which memory is switched on and off; `null` where it cannot be.
        ["", "see `memory.blocks`"]
        blocks: Option<MemoryBlocks>,
    }

    /// Errors of the memory behind one controller. Relative paths start at `/sys/devices/system/edac/mc/NAME`.
    pub struct MemoryController {
        /// Kernel name (`mc0`).
        ["", "`/sys/devices/system/edac/mc`"]
        name: String,
        /// What it is.
        ["", "`mc_name`"]
        mc_name: Option<String>,
        /// Errors that were made good.
        ["", "`ce_count`"]
        ce_count: Option<u64>,
        /// Errors that were not.
        ["", "`ue_count`"]
        ue_count: Option<u64>,
        /// Time over which they were counted.
        ["seconds", "`seconds_since_reset`"]
        seconds_since_reset: Option<u64>,
    }

    /// Blocks of memory that can be switched on and off.
    pub struct MemoryBlocks {
        /// Size of each.
        ["bytes", "`/sys/devices/system/memory/block_size_bytes`"]
        block_size_bytes: Option<u64>,
        /// Blocks there are.
        ["", "`/sys/devices/system/memory/memoryN`"]
        count: u64,
        /// Blocks that are switched on; `null` where there are more than 1,024, which would take long to read.
        ["", "`/sys/devices/system/memory/memoryN/state`"]
        online: Option<u64>,
        /// Blocks that are not, or are just being switched; `null` as `online` is.
        ["", "`/sys/devices/system/memory/memoryN/state`"]
        offline: Option<u64>,
    }

    /// Pools of huge pages.
    pub struct HugePages {
        /// Size given to who asks for no particular one.
        ["KiB", "`/proc/meminfo`: `Hugepagesize`"]
        default_size_kib: Option<u64>,
        /// One row for each size, smallest first.
        ["", "see `hugepages.sizes[]`"]
        sizes: Option<Vec<HugePageSize>>,
        /// Where hugetlbfs is mounted.
        ["", "see `hugepages.mounts[]`"]
        mounts: Option<Vec<HugePageMount>>,
    }

    /// Huge pages of one size.
    pub struct HugePageSize {
        /// Page size.
        ["KiB", "`/sys/kernel/mm/hugepages/hugepages-SIZEkB`"]
        size_kib: u64,
        /// Pages in the pool.
        ["pages", "`nr_hugepages`"]
        total: Option<u64>,
        /// Pages in nobody's use.
        ["pages", "`free_hugepages`"]
        free: Option<u64>,
        /// Free pages already promised.
        ["pages", "`resv_hugepages`"]
        reserved: Option<u64>,
        /// Pages above the wanted number.
        ["pages", "`surplus_hugepages`"]
        surplus: Option<u64>,
        /// Pages that may be added when the pool is empty.
        ["pages", "`nr_overcommit_hugepages`"]
        overcommit: Option<u64>,
    }

    /// A mounted hugetlbfs.
    pub struct HugePageMount {
        /// Mount point.
        ["", "`/proc/mounts`"]
        path: String,
        /// Page size; `null` means the default size.
        ["KiB", "`/proc/mounts`: `pagesize=`"]
        size_kib: Option<u64>,
    }

    /// Transparent huge pages.
    pub struct Thp {
        /// `always`, `madvise` or `never`.
        ["", "`/sys/kernel/mm/transparent_hugepage/enabled`"]
        enabled: Option<String>,
        /// When the kernel compacts memory for them.
        ["", "`/sys/kernel/mm/transparent_hugepage/defrag`"]
        defrag: Option<String>,
        /// The same for shared memory.
        ["", "`/sys/kernel/mm/transparent_hugepage/shmem_enabled`"]
        shmem_enabled: Option<String>,
        /// Whether reads of untouched memory map a huge zero page.
        ["", "`/sys/kernel/mm/transparent_hugepage/use_zero_page`"]
        use_zero_page: Option<bool>,
        /// Size of a transparent huge page.
        ["KiB", "`/sys/kernel/mm/transparent_hugepage/hpage_pmd_size`"]
        size_kib: Option<u64>,
        /// Settings and counters of khugepaged by file name.
        ["as the kernel counts", "`/sys/kernel/mm/transparent_hugepage/khugepaged/*`"]
        khugepaged: Option<BTreeMap<String, i64>>,
        /// Counters since the machine started, among them `thp_fault_alloc`, `thp_fault_fallback`, `thp_collapse_alloc`,
        /// `thp_split_page`.
        ["number by name", "`/proc/vmstat`: `thp_*`"]
        counters: Option<BTreeMap<String, u64>>,
        /// Settings of each further size; empty before Linux 6.8.
        ["", "see `thp.sizes[]`"]
        sizes: Vec<ThpSize>,
    }

    /// Transparent huge pages of one size.
    pub struct ThpSize {
        /// Page size.
        ["KiB", "`hugepages-SIZEkB`"]
        size_kib: u64,
        /// `always`, `inherit`, `madvise` or `never`.
        ["", "`hugepages-SIZEkB/enabled`"]
        enabled: Option<String>,
    }

    /// Swap space.
    pub struct Swap {
        /// All swap space.
        ["KiB", "`/proc/meminfo`: `SwapTotal`"]
        total_kib: Option<u64>,
        /// Unused swap space.
        ["KiB", "`/proc/meminfo`: `SwapFree`"]
        free_kib: Option<u64>,
        /// One row for each swap device or file.
        ["", "see `swap.devices[]`"]
        devices: Option<Vec<SwapDevice>>,
    }

    /// A swap device or file.
    pub struct SwapDevice {
        /// Device or file.
        ["", "`/proc/swaps`"]
        path: String,
        /// `partition` or `file`.
        ["", "`/proc/swaps`"]
        r#type: String,
        /// Size.
        ["KiB", "`/proc/swaps`"]
        size_kib: u64,
        /// Used.
        ["KiB", "`/proc/swaps`"]
        used_kib: u64,
        /// Priority; the highest is used first.
        ["", "`/proc/swaps`"]
        priority: i64,
    }

    /// Pressure stall information.
    pub struct Pressure {
        /// Waiting for CPUs.
        ["", "`/proc/pressure/cpu`"]
        cpu: Option<PressureLines>,
        /// Waiting for memory.
        ["", "`/proc/pressure/memory`"]
        memory: Option<PressureLines>,
        /// Waiting for I/O.
        ["", "`/proc/pressure/io`"]
        io: Option<PressureLines>,
    }

    /// Pressure on one resource.
    pub struct PressureLines {
        /// Some task was waiting.
        ["", "line `some`"]
        some: Option<PressureLine>,
        /// Every task was waiting.
        ["", "line `full`"]
        full: Option<PressureLine>,
    }

    /// Shares of time lost.
    pub struct PressureLine {
        /// Over the last 10 seconds.
        ["percent", "`avg10`"]
        avg10: f64,
        /// Over the last minute.
        ["percent", "`avg60`"]
        avg60: f64,
        /// Over the last five minutes.
        ["percent", "`avg300`"]
        avg300: f64,
        /// Since boot.
        ["microseconds", "`total`"]
        total_us: u64,
    }
}
