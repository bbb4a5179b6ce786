//! Machines with names, for tests of what hardware does to us: each shows one thing that servers have and clouds lack.
//! They are descriptions ([`Machine`]): change what you like before you start one.

use crate::luthier::Luthier;
use crate::qemu::{Board, Card, Dimm, Guest, HostBridge, Machine, Node, Port, Slot, States, System};
use std::path::Path;
use tempfile::TempDir;

/// What other tools than ours say of a machine, for [`Machine::with`]: hwloc, pciutils with its names, dmidecode, numactl,
/// util-linux.
pub const ORACLES: [&str; 6] =
    ["lstopo-no-graphics", "lspci", "/usr/share/misc/pci.ids", "dmidecode", "numactl", "lscpu"];

/// Two sockets, each with a node, memory and a riser. The first riser's slots state their ports' addresses, as some makers
/// do, and the second's those of their cards; each riser has an empty slot.
pub fn two_sockets_with_risers() -> Machine {
    let first = vec![
        Port::empty(16).with(Card::Nvme).called("Riser 1 Slot 1", States::Port),
        Port::empty(8).called("Riser 1 Slot 2", States::Port),
    ];
    let second = vec![
        Port::empty(8).with(Card::E1000e).called("Riser 2 Slot 3", States::Card),
        Port::empty(16).called("Riser 2 Slot 4", States::Card),
        Port::empty(16).with(Card::VirtioNet).called("Riser 2 Slot 5", States::Card),
    ];
    let dimm = |locator, socket, size_mib| Dimm { locator, socket, size_mib };
    let memory = vec![
        dimm("CPU1_DIMM_A1", 0, 256),
        dimm("CPU1_DIMM_B1", 0, 0),
        dimm("CPU2_DIMM_A1", 1, 256),
        dimm("CPU2_DIMM_B1", 1, 0),
    ];
    Machine {
        sockets: 2,
        nodes: vec![node(256, &[0]), node(256, &[1])],
        distances: vec![(0, 1, 21)],
        bridges: vec![bridge(0x20, 0, first), bridge(0x40, 1, second)],
        board: Some(Board { memory, ..board("Riser Server", &["CPU1", "CPU2"]) }),
        ..Machine::plain()
    }
}

/// The same board with the second processor missing: its CPUs and memory are not there, and its riser is dead. One dead
/// slot states an address at which there is nothing, the other none.
pub fn empty_second_socket() -> Machine {
    let first = vec![
        Port::empty(16).with(Card::Nvme).called("CPU1 Riser 1 Slot 1", States::Card),
        Port::empty(8).called("CPU1 Riser 1 Slot 2", States::Port),
    ];
    let dead = |name, states| Slot { name, states };
    let memory = vec![
        Dimm { locator: "P1-DIMMA1", socket: 0, size_mib: 512 },
        Dimm { locator: "P2-DIMMA1", socket: 1, size_mib: 0 },
    ];
    Machine {
        empty_sockets: 1,
        nodes: vec![node(512, &[0, 1])],
        bridges: vec![bridge(0x20, 0, first)],
        board: Some(Board {
            memory,
            dead_slots: vec![
                dead("CPU2 Riser 2 Slot 3", States::Stale { bus: 0x81 }),
                dead("CPU2 Riser 2 Slot 4", States::Nothing),
            ],
            long_entry: true,
            ..board("Half Server", &["CPU1", "CPU2"])
        }),
        ..Machine::plain()
    }
}

/// Two sockets with two threads a core, all DIMMs on the first: the second node has CPUs and a disk, but no memory. A third
/// node has memory only, as memory on CXL has.
pub fn node_without_memory() -> Machine {
    let ports = vec![Port::empty(16).with(Card::Nvme)];
    Machine {
        sockets: 2,
        threads: 2,
        nodes: vec![node(384, &[0]), node(0, &[1]), node(128, &[])],
        distances: vec![(0, 1, 31), (0, 2, 17), (1, 2, 28)],
        bridges: vec![bridge(0x60, 1, ports)],
        ..Machine::plain()
    }
}

/// Two sockets of two nodes each with two threads a core, at uneven distances, and a switch with two cards far out. The
/// nodes of a socket share its last-level cache, as with sub-NUMA clusters.
pub fn four_uneven_nodes() -> Machine {
    let of_core = |socket, core| Node { memory_mib: 128, sockets: Vec::new(), cores: vec![(socket, core)] };
    let ports = vec![Port::empty(16).with(Card::Switch(vec![Card::Nvme, Card::VirtioNet])), Port::empty(4)];
    Machine {
        sockets: 2,
        threads: 2,
        nodes: vec![of_core(0, 0), of_core(0, 1), of_core(1, 0), of_core(1, 1)],
        distances: vec![(0, 1, 12), (2, 3, 13), (0, 2, 21), (0, 3, 32), (1, 2, 31), (1, 3, 24)],
        bridges: vec![bridge(0x40, 3, ports)],
        ..Machine::plain()
    }
}

/// One socket that says nothing of NUMA, a card in a port of the only root bus, and the firmware's own tables.
pub fn uniform() -> Machine {
    let devices =
        ["pcie-root-port,bus=pcie.0,id=only,chassis=1,slot=1", "e1000e,bus=only,romfile="].map(str::to_owned).into();
    Machine { memory_mib: 512, devices, ..Machine::plain() }
}

/// One CPU with Debian and its systemd, named `debian`.
pub fn debian() -> Machine {
    Machine { system: System::Debian, cores: 1, ..Machine::plain() }.named("debian")
}

fn node(memory_mib: u32, sockets: &[u32]) -> Node {
    Node { memory_mib, sockets: sockets.to_vec(), cores: Vec::new() }
}

fn bridge(bus: u8, node: u32, ports: Vec<Port>) -> HostBridge {
    HostBridge { bus, node: Some(node), ports }
}

fn board(product: &'static str, processors: &[&'static str]) -> Board {
    Board {
        maker: "Laboratory",
        product,
        processors: processors.to_vec(),
        memory: Vec::new(),
        dead_slots: Vec::new(),
        long_entry: false,
    }
}

/// Several machines that run at once, in one inventory.
#[derive(Debug)]
pub struct Fleet {
    // Ended before the folder is removed.
    guests: Vec<Guest>,
    folder: TempDir,
}

impl Fleet {
    /// Boot machines side by side; `None` (and said) where this machine cannot. Their names must differ.
    pub fn start(machines: &[Machine]) -> Option<Self> {
        let folder = TempDir::with_prefix("luthier-fleet-").expect("a temporary folder");
        let mut guests = machines.iter().map(Machine::power_on).collect::<Option<Vec<Guest>>>()?;
        guests.iter_mut().for_each(Guest::wait);
        let inventory: String = guests.iter().map(Guest::inventory_line).collect();
        let known: String = guests.iter().map(Guest::known_line).collect();
        std::fs::write(folder.path().join("hosts.ini"), inventory).expect("the inventory");
        std::fs::create_dir_all(folder.path().join("controller/.ssh")).expect("a home for the controller");
        std::fs::write(folder.path().join("controller/.ssh/known_hosts"), known).expect("known hosts");
        Some(Self { guests, folder })
    }

    /// Its temporary folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The machines, in the order of their descriptions.
    pub fn guests(&self) -> &[Guest] {
        &self.guests
    }

    /// The program under test, with all of them as inventory.
    pub fn luthier(&self) -> Luthier {
        Luthier::new(&self.folder().join("controller")).inventory(&self.folder().join("hosts.ini"))
    }
}
