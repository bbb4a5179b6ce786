//! Fact sources: each reads one part of the host through [`Host`] and returns a JSON value. They never print, sleep or
//! run commands, and a value that cannot be read is `null` plus a row in the errors. One file a source, one row in
//! [`ALL`].

mod block;
mod blockqueue;
mod cpu;
mod cpuinfo;
mod cpuset;
mod cputopology;
mod filled;
mod firmware;
mod gather;
mod hugepages;
mod irqs;
mod kernel;
mod ksm;
mod managedby;
mod memory;
mod memoryhealth;
mod net;
mod netsettings;
mod numa;
mod os;
mod pci;
mod pciconfig;
mod pcinames;
mod pcistate;
mod pcitree;
mod power;
mod powerlimits;
mod probe;
mod psi;
mod services;
mod slots;
mod smbios;
mod storage;
mod swap;
mod thp;
mod time;
mod timesources;
mod virt;
mod vms;

pub mod ansible;

#[cfg(test)]
mod rough;
#[cfg(test)]
mod tests;

pub use gather::gather;
pub use smbios::{chassis_name, without_serials};

use crate::host::Host;
use luthier_protocol::Value;

/// One top-level key of the facts.
pub trait FactSource: Sync {
    /// The key (`numa`).
    fn key(&self) -> &'static str;

    /// Whether it is told only to who asks for it by name.
    fn on_request(&self) -> bool {
        false
    }

    /// Read it. What could not be read is pushed to `errors` and left `null`.
    fn read(&self, host: &Host, errors: &mut Vec<FactError>) -> Value;
}

/// A value that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactError {
    /// Dotted key (`thp.enabled`); `numa.nodes[].free_kib` is given once for the first node it is missing of.
    pub key: String,
    /// The file.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// Every fact source, in the order in which the facts are shown.
pub static ALL: &[&dyn FactSource] = &[
    &os::Os,
    &kernel::Kernel,
    &cpu::Cpu,
    &numa::Numa,
    &memory::Memory,
    &hugepages::HugePages,
    &thp::Thp,
    &ksm::Ksm,
    &swap::Swap,
    &psi::Psi,
    &pci::Pci,
    &slots::Slots,
    &net::Net,
    &block::Block,
    &firmware::Firmware,
    &virt::Virt,
    &time::Time,
    &power::Power,
    &irqs::Irqs,
    &services::Services,
    &vms::Vms,
];
