//! Whole machines by QEMU without acceleration: Debian's cloud kernel and hardware as described, with sshd inside. For
//! what a loopback `sshd` cannot show: real NUMA nodes, PCI locality, SMBIOS tables, kernel settings, reboots, systemd.
//!
//! A [`Machine`] is a description, plain data to copy and change. [`Machine::start`] boots it (some seconds), a [`Guest`]
//! is reached by plain `ssh` ([`Guest::run`]) and by the program under test ([`Guest::luthier`]). [`crate::lab`] has
//! machines with names, and boots several at once.

mod board;
mod debian;
mod guest;
mod image;
mod initramfs;
mod smbios;
mod words;

pub use board::{Board, Card, Dimm, HostBridge, Port, Slot, States};
pub use guest::Guest;
pub use smbios::Structure;
use std::path::PathBuf;

/// A machine to build.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Its name: in the inventory, and for itself.
    pub name: String,
    /// CPU sockets with a processor.
    pub sockets: u32,
    /// Sockets after these whose processor is missing.
    pub empty_sockets: u32,
    /// Cores of a socket.
    pub cores: u32,
    /// Threads of a core.
    pub threads: u32,
    /// MiB of memory of a machine without nodes.
    pub memory_mib: u32,
    /// NUMA nodes; empty for a machine that says nothing of NUMA.
    pub nodes: Vec<Node>,
    /// Distance between two nodes, both ways; 20 where nothing is said.
    pub distances: Vec<(u32, u32, u8)>,
    /// Host bridges with ports and cards.
    pub bridges: Vec<HostBridge>,
    /// What the firmware says of the board; `None` for what QEMU says by itself.
    pub board: Option<Board>,
    /// What it runs.
    pub system: System,
    /// Programs and files of this machine that it has as well.
    pub copies: Vec<PathBuf>,
    /// Files with their content.
    pub files: Vec<(PathBuf, Vec<u8>)>,
    /// Text of `-device` options in order (`pxb-pcie,bus_nr=64,numa_node=1,id=far`, …).
    pub devices: Vec<String>,
    /// Text of `-smbios` options in order (`type=1,manufacturer=HP`).
    pub smbios: Vec<String>,
    /// Further QEMU arguments (`-drive`, `-object`, …).
    pub arguments: Vec<String>,
    /// Words added to the kernel's command line.
    pub cmdline: String,
    /// A reboot starts it again; otherwise it ends it.
    pub restarts: bool,
}

/// One NUMA node.
#[derive(Debug, Clone, Default)]
pub struct Node {
    /// MiB of memory; 0 for a node without any.
    pub memory_mib: u32,
    /// Sockets whose CPUs belong to it.
    pub sockets: Vec<u32>,
    /// Socket and core of CPUs that belong to it, where a socket has several nodes.
    pub cores: Vec<(u32, u32)>,
}

/// What a machine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// busybox and sshd in memory: up in a few seconds, and forgets everything at a reboot.
    Small,
    /// Debian's systemd, sshd and tools on a disk, which keeps what is written as long as the [`Guest`] is there.
    Debian,
}

impl Machine {
    /// One socket of two cores, nothing said of NUMA.
    pub fn plain() -> Self {
        Self {
            name: "machine".to_owned(),
            sockets: 1,
            empty_sockets: 0,
            cores: 2,
            threads: 1,
            memory_mib: 1024,
            nodes: Vec::new(),
            distances: Vec::new(),
            bridges: Vec::new(),
            board: None,
            system: System::Small,
            copies: Vec::new(),
            files: Vec::new(),
            devices: Vec::new(),
            smbios: Vec::new(),
            arguments: Vec::new(),
            cmdline: String::new(),
            restarts: false,
        }
    }

    /// Two sockets of two cores with two threads, one node each, of which only the first has memory.
    pub fn lopsided() -> Self {
        let node = |memory_mib, socket| Node { memory_mib, sockets: vec![socket], cores: Vec::new() };
        Self {
            sockets: 2,
            threads: 2,
            nodes: vec![node(768, 0), node(0, 1)],
            distances: vec![(0, 1, 21)],
            ..Self::plain()
        }
    }

    /// Give it another name, for inventories of several machines.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Add programs of this machine (by name, with the libraries they need) and files (by absolute path).
    #[must_use]
    pub fn with(mut self, copies: &[&str]) -> Self {
        self.copies.extend(copies.iter().map(PathBuf::from));
        self
    }

    /// Add a file of this content.
    #[must_use]
    pub fn file(mut self, path: &str, content: &str) -> Self {
        self.files.push((PathBuf::from(path), content.as_bytes().to_vec()));
        self
    }

    /// Let its own reboot start it again, which may take minutes: see [`Guest::reboot`].
    #[must_use]
    pub fn restarting(mut self) -> Self {
        self.restarts = true;
        self
    }

    /// Boot it and wait for its sshd; `None` (and said) where this machine cannot.
    pub fn start(&self) -> Option<Guest> {
        let mut guest = self.power_on()?;
        guest.wait();
        Some(guest)
    }
}
