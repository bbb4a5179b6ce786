//! `vms`: only when asked for.

use super::shape::shape;

shape! {
    /// A VM as the kernel sees it: a QEMU process and its threads.
    pub struct Vm {
        /// Name.
        ["", "`/run/libvirt/qemu/NAME.pid`, else `-name` in `/proc/PID/cmdline`"]
        name: String,
        /// Process.
        ["", "`/run/libvirt/qemu/NAME.pid`, else `/proc`"]
        pid: u32,
        /// Virtual CPUs by number.
        ["", "see `vms[].vcpus[]`"]
        vcpus: Vec<VmThread>,
        /// I/O threads by number.
        ["", "see `vms[].vcpus[]`"]
        iothreads: Vec<VmThread>,
        /// CPUs that QEMU's main thread may run on.
        ["CPU list as text", "`/proc/PID/status`: `Cpus_allowed_list`"]
        emulator_cpus: Option<String>,
        /// Nodes it may have memory from.
        ["node list as text", "`/proc/PID/status`: `Mems_allowed_list`"]
        memory_nodes: Option<String>,
        /// Memory it holds, without huge pages of pools.
        ["KiB", "`/proc/PID/status`: `VmRSS`"]
        resident_kib: Option<u64>,
        /// Memory of it that was swapped out.
        ["KiB", "`/proc/PID/status`: `VmSwap`"]
        swapped_kib: Option<u64>,
        /// Memory it locked.
        ["KiB", "`/proc/PID/status`: `VmLck`"]
        locked_kib: Option<u64>,
        /// Huge pages of pools that it holds.
        ["KiB", "`/proc/PID/status`: `HugetlbPages`"]
        hugetlb_kib: Option<u64>,
        /// Where its memory lies; `null` where its map cannot be read (it is for root only).
        ["", "see `vms[].nodes[]`"]
        nodes: Option<Vec<VmNode>>,
    }

    /// A thread of a VM.
    pub struct VmThread {
        /// Number of the virtual CPU or I/O thread.
        ["", "`/proc/PID/task/THREAD/comm`"]
        id: u32,
        /// Thread.
        ["", "`/proc/PID/task`"]
        thread: u32,
        /// CPUs it may run on.
        ["CPU list as text", "`/proc/PID/task/THREAD/status`: `Cpus_allowed_list`"]
        cpus: Option<String>,
    }

    /// A VM's memory on one node.
    pub struct VmNode {
        /// Node.
        ["", "`/proc/PID/numa_maps`"]
        node: u32,
        /// Memory there, huge pages included.
        ["KiB", "`/proc/PID/numa_maps`: pages × `kernelpagesize_kB`"]
        kib: u64,
        /// Of that, in pages larger than the smallest.
        ["KiB", "`/proc/PID/numa_maps`"]
        huge_kib: u64,
    }
}
