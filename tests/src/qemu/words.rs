//! A machine's description as QEMU's command line.

use super::board::{Board, Card, HostBridge};
use super::{Machine, smbios};
use std::fmt::Write as _;
use std::path::Path;

/// Hardware address of the network card through which the machine is reached; its start script knows it by that.
pub(super) const ADDRESS: &str = "52:54:00:4c:55:01";

/// All but kernel, first file system and console. `folder`: where binary tables may be written.
pub(super) fn words(machine: &Machine, port: u16, folder: &Path) -> Vec<String> {
    let mut words = Words { words: ["-nodefaults", "-no-user-config"].map(str::to_owned).into(), slots: 0 };
    words.option("-display", "none");
    let long = machine.board.as_ref().is_some_and(|board| board.long_entry);
    words.option("-machine", if long { "q35,smbios-entry-point-type=64" } else { "q35" });
    words.option("-accel", "tcg");
    words.option("-cpu", "max,vendor=GenuineIntel");
    if !machine.restarts {
        words.words.push("-no-reboot".to_owned());
    }
    words.processors_and_memory(machine);
    for (number, bridge) in machine.bridges.iter().enumerate() {
        words.bridge(number, bridge);
    }
    words.option("-netdev", format!("user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22"));
    words.option("-device", format!("virtio-net-pci,bus=pcie.0,netdev=net,romfile=,mac={ADDRESS}"));
    for device in &machine.devices {
        words.option("-device", device);
    }
    if let Some(board) = &machine.board {
        words.board(machine, board, folder);
    }
    for table in &machine.smbios {
        words.option("-smbios", table);
    }
    words.words.extend(machine.arguments.iter().cloned());
    words.words
}

struct Words {
    words: Vec<String>,
    /// Slot numbers given so far: they must differ in the whole machine.
    slots: usize,
}

impl Words {
    fn option(&mut self, name: &str, value: impl Into<String>) {
        self.words.extend([name.to_owned(), value.into()]);
    }

    fn processors_and_memory(&mut self, machine: &Machine) {
        let Machine { sockets, empty_sockets, cores, threads, .. } = machine;
        let all = sockets + empty_sockets;
        let (cpus, most) = (sockets * cores * threads, all * cores * threads);
        let nodes = &machine.nodes;
        let total =
            if nodes.is_empty() { machine.memory_mib } else { nodes.iter().map(|node| node.memory_mib).sum::<u32>() };
        self.option("-m", format!("{total}M"));
        self.option("-smp", format!("{cpus},maxcpus={most},sockets={all},cores={cores},threads={threads}"));
        for (number, node) in nodes.iter().enumerate() {
            let mut text = format!("node,nodeid={number}");
            if node.memory_mib > 0 {
                self.option("-object", format!("memory-backend-ram,id=mem{number},size={}M", node.memory_mib));
                let _ = write!(text, ",memdev=mem{number}");
            }
            self.option("-numa", text);
            for socket in &node.sockets {
                self.option("-numa", format!("cpu,node-id={number},socket-id={socket}"));
            }
            for (socket, core) in &node.cores {
                self.option("-numa", format!("cpu,node-id={number},socket-id={socket},core-id={core}"));
            }
        }
        for (from, to, value) in &machine.distances {
            self.option("-numa", format!("dist,src={from},dst={to},val={value}"));
        }
    }

    /// A host bridge, its ports, and what is plugged into them.
    fn bridge(&mut self, number: usize, bridge: &HostBridge) {
        let node = bridge.node.map(|node| format!(",numa_node={node}")).unwrap_or_default();
        self.option("-device", format!("pxb-pcie,bus=pcie.0,id=root{number},bus_nr={}{node}", bridge.bus));
        for (index, port) in bridge.ports.iter().enumerate() {
            let id = format!("port{number}x{index}");
            let link = format!("x-speed={},x-width={}", port.speed, port.width);
            let slot = self.slot();
            self.option("-device", format!("pcie-root-port,bus=root{number},id={id},addr={index:#x},{slot},{link}"));
            if let Some(card) = &port.card {
                self.card(card, &id);
            }
        }
    }

    fn slot(&mut self) -> String {
        self.slots += 1;
        format!("chassis={0},slot={0}", self.slots)
    }

    fn card(&mut self, card: &Card, bus: &str) {
        match card {
            Card::Nvme => {
                self.option("-blockdev", format!("null-co,node-name=of-{bus},size=1073741824,read-zeroes=on"));
                self.option("-device", format!("nvme,bus={bus},drive=of-{bus},serial=LAB-{bus}"));
            }
            Card::VirtioNet => self.option("-device", format!("virtio-net-pci,bus={bus},romfile=")),
            Card::E1000e => self.option("-device", format!("e1000e,bus={bus},romfile=")),
            Card::Switch(cards) => {
                let upper = format!("{bus}up");
                self.option("-device", format!("x3130-upstream,bus={bus},id={upper}"));
                for (index, card) in cards.iter().enumerate() {
                    let lower = format!("{bus}d{index}");
                    let slot = self.slot();
                    self.option("-device", format!("xio3130-downstream,bus={upper},id={lower},{slot}"));
                    self.card(card, &lower);
                }
            }
        }
    }

    fn board(&mut self, machine: &Machine, board: &Board, folder: &Path) {
        let Board { maker, product, .. } = board;
        self.option("-smbios", format!("type=0,vendor={maker},version=1.2.3,date=02/29/2024,release=4.5"));
        self.option("-smbios", format!("type=1,manufacturer={maker},product={product},serial=LAB1,family=Laboratory"));
        self.option("-smbios", format!("type=2,manufacturer={maker},product={product} board,version=A1"));
        self.option("-smbios", format!("type=3,manufacturer={maker},version=2U"));
        for (number, structure) in smbios::structures(machine, board).iter().enumerate() {
            let file = folder.join(format!("smbios-{number}"));
            std::fs::write(&file, structure.bytes()).expect("a table");
            self.option("-smbios", format!("file={}", file.display()));
        }
    }
}
