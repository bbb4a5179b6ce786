//! `cpu`: processors, their topology and caches.

use super::shape::shape;
use std::collections::BTreeMap;

shape! {
    /// The processors of a host.
    pub struct Cpu {
        /// Packages (sockets) with an online CPU.
        ["", "distinct `topology/package_cpus_list` (older: `core_siblings`) of online CPUs"]
        packages: Option<u32>,
        /// Dies with an online CPU; `null` on kernels that know no dies.
        ["", "distinct (`package`, `topology/die_id`) of online CPUs"]
        dies: Option<u32>,
        /// Clusters (groups of cores that share something nearer than the die) with an online CPU; `null` where the kernel
        /// knows none.
        ["", "distinct (`package`, `topology/cluster_id`) of online CPUs"]
        clusters: Option<u32>,
        /// Cores with an online CPU.
        ["", "distinct (`topology/core_cpus_list`, `core_id`) of online CPUs"]
        cores: Option<u32>,
        /// Online logical CPUs.
        ["", "`/sys/devices/system/cpu/online`"]
        threads: Option<u32>,
        /// Online logical CPUs.
        ["list of CPUs", "`/sys/devices/system/cpu/online`, else `cpuN/online`, else `/proc/cpuinfo`"]
        online: Option<Vec<u32>>,
        /// CPUs that are present but not online.
        ["list of CPUs", "`/sys/devices/system/cpu/present`, else the `cpuN` folders"]
        offline: Option<Vec<u32>>,
        /// CPUs kept from the scheduler's load balancing by `isolcpus`.
        ["list of CPUs", "`/sys/devices/system/cpu/isolated`, else `isolcpus=` in `/proc/cmdline`"]
        isolated: Option<Vec<u32>>,
        /// CPUs that run without a periodic tick.
        ["list of CPUs", "`/sys/devices/system/cpu/nohz_full`"]
        nohz_full: Option<Vec<u32>>,
        /// Vendor as the processor names itself.
        ["", "`/proc/cpuinfo`: `vendor_id`, `vendor` or `CPU implementer`"]
        vendor: Option<String>,
        /// Model of the first processor.
        ["", "`/proc/cpuinfo`: `model name`, `cpu`, `cpu model`, `uarch`, or the core's name by implementer and part"]
        model: Option<String>,
        /// Microcode revision of the first processor.
        ["", "`cpu0/microcode/version`, else `/proc/cpuinfo`: `microcode`"]
        microcode: Option<String>,
        /// Features of the first processor.
        ["list of names", "`/proc/cpuinfo`: `flags`, `features` or `Features`"]
        flags: Option<Vec<String>>,
        /// Simultaneous multithreading.
        ["", "see `cpu.smt`"]
        smt: Smt,
        /// One row for each online CPU with a topology.
        ["", "see `cpu.topology[]`"]
        topology: Vec<Thread>,
        /// One row for each cache.
        ["", "see `cpu.caches[]`"]
        caches: Vec<Cache>,
        /// Kinds of core of a hybrid processor; empty where all are alike.
        ["", "see `cpu.kinds[]`"]
        kinds: Vec<CpuKind>,
        /// The kernel's verdict on each known hardware vulnerability.
        ["text by name", "`/sys/devices/system/cpu/vulnerabilities/*`"]
        vulnerabilities: Option<BTreeMap<String, String>>,
    }

    /// Simultaneous multithreading.
    pub struct Smt {
        /// What the switch says: `on`, `off`, `forceoff`, `notsupported`, `notimplemented`.
        ["", "`/sys/devices/system/cpu/smt/control`"]
        control: Option<String>,
        /// Whether some core runs more than one thread.
        ["", "`/sys/devices/system/cpu/smt/active`, else more threads than cores"]
        active: Option<bool>,
    }

    /// Where one online CPU sits. `(package, die, core)` names its core, on every machine.
    pub struct Thread {
        /// Number of the logical CPU.
        ["", "`/sys/devices/system/cpu/cpuN`"]
        cpu: u32,
        /// Package. The kernel's number, or a count from 0 where the kernel's numbers do not tell packages apart.
        ["", "`topology/physical_package_id`"]
        package: Option<u32>,
        /// Die within the package; `null` on kernels that know no dies.
        ["", "`topology/die_id`"]
        die: Option<u32>,
        /// Cluster within the package; `null` where the kernel knows none.
        ["", "`topology/cluster_id`"]
        cluster: Option<u32>,
        /// Core within the die. The kernel's number, or a count from 0 where the kernel repeats one for different cores.
        ["", "`topology/core_id`"]
        core: Option<u32>,
        /// NUMA node; `null` when the CPU belongs to none.
        ["", "`/sys/devices/system/node/nodeM/cpumap`"]
        node: Option<u32>,
        /// Level-3 cache, counted from 0 by lowest CPU; `null` when there is none.
        ["", "`cache/index*/shared_cpu_list` of level 3"]
        l3: Option<u32>,
    }

    /// One cache.
    pub struct Cache {
        /// Level: 1, 2, 3 or 4.
        ["", "`cache/indexI/level`"]
        level: u32,
        /// `data`, `instruction` or `unified`.
        ["", "`cache/indexI/type`"]
        r#type: String,
        /// Size.
        ["KiB", "`cache/indexI/size`"]
        size_kib: Option<u64>,
        /// Online CPUs that share it.
        ["list of CPUs", "`cache/indexI/shared_cpu_list`, else `shared_cpu_map`"]
        cpus: Vec<u32>,
    }

    /// One kind of core of a hybrid processor.
    pub struct CpuKind {
        /// `core`, `atom`, `lowpower` (Intel); `capacity-N` (others).
        ["", "`/sys/devices/cpu_*/cpus`, else `cpuN/cpu_capacity`"]
        name: String,
        /// Relative computing capacity, 1024 the strongest; `null` where the kernel does not say.
        ["", "`cpuN/cpu_capacity`"]
        capacity: Option<u32>,
        /// CPUs of this kind.
        ["list of CPUs", "as for `name`"]
        cpus: Vec<u32>,
    }
}
