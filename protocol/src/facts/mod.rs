//! The shapes of facts, version 1: one file a group of top-level keys, each field with its meaning, unit and source.
//!
//! `null` means "could not be read" everywhere and is explained by a row of `errors`; it never stands for zero.

mod cpu;
mod devices;
mod firmware;
mod memory;
mod numa;
mod pci;
mod reference;
mod services;
mod shape;
mod system;
mod value;
mod vms;

pub use cpu::{Cache, Cpu, CpuKind, Smt, Thread};
pub use devices::{
    Block, BlockDevice, Channels, DefaultRoute, DiskPath, FcHost, Interface, IscsiSession, Net, NvmeController, Rings,
};
pub use firmware::{
    Bios, Board, BoardPart, Chassis, EntryPoint, Firmware, FirmwareCache, Ipmi, MemoryArray, MemoryDevice, Onboard,
    Population, Processor, System,
};
pub use memory::{
    HugePageMount, HugePageSize, HugePages, Memory, MemoryBlocks, MemoryController, Pressure, PressureLine,
    PressureLines, Swap, SwapDevice, Thp, ThpSize,
};
pub use numa::{Node, NodeAccess, NodeHugePages, NodeKind, Numa};
pub use pci::{AerTotals, Link, Locality, Pci, PciDevice, PciRoot, Slot, Socket};
pub use reference::reference;
pub use services::{Daemon, Irq, Irqs};
pub use shape::Row;
pub use system::{Idle, IdleState, Kernel, Kvm, Os, Policy, Power, PtpClock, Time, TimeSource, Uncore, Virt};
pub use value::{Fact, object};
pub use vms::{Vm, VmNode, VmThread};

/// Version of the facts' form (`facts.version`).
pub const FACTS_VERSION: u32 = 1;

/// What may be asked for one by one: the keys of the whole set, in the order in which they are read.
pub const KEYS: [&str; 21] = [
    "os",
    "kernel",
    "cpu",
    "numa",
    "memory",
    "hugepages",
    "thp",
    "ksm",
    "swap",
    "psi",
    "pci",
    "slots",
    "net",
    "block",
    "firmware",
    "virt",
    "time",
    "power",
    "irqs",
    "services",
    "vms",
];
