//! `services` and `irqs`.

use super::shape::shape;
use std::collections::BTreeMap;

shape! {
    /// A daemon that tunes hosts, carries their disks, or keeps their time.
    pub struct Daemon {
        /// Whether it is installed.
        ["", "`/usr/lib/systemd/system`, `/lib/systemd/system`, `/etc/systemd/system`, `/etc/init.d`"]
        installed: bool,
        /// Whether it starts with the machine; `null` where it is not installed or there is no systemd.
        ["", "links in `/etc/systemd/system/*.wants`"]
        enabled: Option<bool>,
        /// Whether a process of it runs; `null` where processes cannot be read, or none of it is seen and others' are hidden.
        ["", "`/proc/PID/comm`, else its control group"]
        active: Option<bool>,
        /// Settings of its own that bear on VMs.
        ["text by name", "TuneD: `/etc/tuned/active_profile`, `profile_mode`; ksmtuned: `/etc/ksmtuned.conf`; irqbalance: `/etc/default/irqbalance`, `/etc/sysconfig/irqbalance`"]
        settings: BTreeMap<String, String>,
    }

    /// Interrupts and the CPUs that serve them.
    pub struct Irqs {
        /// CPUs that new interrupts are given to.
        ["CPU list as text", "`/proc/irq/default_smp_affinity`"]
        default_affinity: Option<String>,
        /// CPUs that unbound kernel work may run on.
        ["CPU list as text", "`/sys/devices/virtual/workqueue/cpumask`"]
        workqueue_cpus: Option<String>,
        /// One row for each interrupt that a device or driver has asked for.
        ["", "see `irqs.lines[]`"]
        lines: Option<Vec<Irq>>,
    }

    /// One interrupt.
    pub struct Irq {
        /// Number.
        ["", "`/proc/interrupts`"]
        irq: u32,
        /// Names of those who asked for it (`nvme0q1`, `virtio0-input.0`).
        ["list of names", "`/proc/interrupts`"]
        actions: Vec<String>,
        /// PCI device it belongs to; `null` for others.
        ["address", "`/sys/bus/pci/devices/ADDRESS/msi_irqs`"]
        device: Option<String>,
        /// Times it was served since the machine started.
        ["", "`/proc/interrupts`, all CPUs together"]
        count: u64,
        /// CPUs it may be served by.
        ["CPU list as text", "`/proc/irq/N/smp_affinity_list`"]
        affinity: Option<String>,
        /// CPUs it is served by; `null` on kernels that do not tell.
        ["CPU list as text", "`/proc/irq/N/effective_affinity_list`"]
        effective: Option<String>,
        /// NUMA node of its device; `null` when unknown.
        ["", "`/proc/irq/N/node`"]
        node: Option<u32>,
    }
}
