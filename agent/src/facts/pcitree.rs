//! The PCI functions of the machine and how they hang together, by the kernel's own folders: the path of a function below
//! `/sys/devices` names every bridge above it.

use super::cpuset::CpuSet;
use super::numa::node_cpus;
use super::pciconfig::SPACE;
use super::probe::Probe;
use crate::host::order::sort;
use luthier_protocol::facts::Locality;

const DEVICES: &str = "/sys/bus/pci/devices";
/// Class of a bridge to another PCI bus, without its programming interface.
const BRIDGE: u32 = 0x0604;

/// One function.
#[derive(Debug, Clone)]
pub struct Function {
    /// `0000:41:00.0`.
    pub address: String,
    /// Its folder.
    pub folder: String,
    /// Root bus (`0000:40`); empty where the path does not tell.
    pub root: String,
    /// Bridges from the root port down.
    pub bridges: Vec<String>,
    /// Class, 24 bits.
    pub class: Option<u32>,
    /// Node by the kernel's word; `None` where it says that it does not know.
    pub node: Option<u32>,
    /// Bus behind a bridge (`0000:41`), which tells where a slot is that nothing is in.
    pub bus_behind: Option<String>,
}

/// All functions by address, and the nodes to place them on.
#[derive(Debug)]
pub struct Tree {
    /// Functions; `None` where the bus cannot be read.
    pub functions: Option<Vec<Function>>,
    /// Nodes with their CPUs.
    pub nodes: Vec<(u32, CpuSet)>,
    /// Online CPUs.
    pub online: CpuSet,
}

/// Reads the tree. A machine without PCI has no such folder, which is no error.
pub fn read(probe: &mut Probe<'_>) -> Tree {
    let nodes = node_cpus(probe).unwrap_or_default();
    let nodes: Vec<(u32, CpuSet)> = nodes.into_iter().filter_map(|(id, cpus)| Some((id, cpus?))).collect();
    let mut online = probe.quiet("/sys/devices/system/cpu/online").and_then(CpuSet::from_list).unwrap_or_default();
    if online.is_empty() {
        online = nodes.iter().flat_map(|(_, cpus)| cpus.iter()).collect();
    }
    let functions = match probe.host.list(DEVICES) {
        Ok(names) => Some(names.into_iter().filter_map(|name| function(probe, name)).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(Vec::new()),
        Err(_) => probe.list("pci.devices", DEVICES).map(|_| Vec::new()),
    };
    Tree { functions, nodes, online }
}

/// `None` for a device that went away (its link leads nowhere).
fn function(probe: &mut Probe<'_>, address: String) -> Option<Function> {
    let link = probe.host.read_link(&format!("{DEVICES}/{address}")).ok();
    let path = link.as_deref().and_then(|link| link.split_once("devices/")).map(|(_, path)| path.to_owned());
    let folder = match &path {
        Some(path) => format!("/sys/devices/{path}"),
        None => format!("{DEVICES}/{address}"),
    };
    let mut root = String::new();
    let mut bridges = Vec::new();
    // Host bridges may lie deep below platform devices (arm64): only what follows the last `pciDOMAIN:BUS` is PCI.
    for part in path.iter().flat_map(|path| path.split('/')) {
        if let Some(bus) = part.strip_prefix("pci").filter(|bus| bus.contains(':')) {
            bus.clone_into(&mut root);
            bridges.clear();
        } else if !root.is_empty() && part != address && is_address(part) {
            bridges.push(part.to_owned());
        }
    }
    let class = probe.quiet(&format!("{folder}/class")).and_then(hexadecimal);
    let node = probe.quiet_number::<i64>(&format!("{folder}/numa_node")).and_then(|node| u32::try_from(node).ok());
    if class.is_none() && !probe.exists(&folder) {
        probe.note("pci.devices", &folder, "a device is listed, but its folder is missing");
        return None;
    }
    let behind = class.filter(|class| class >> 8 == BRIDGE);
    let behind: Option<u8> = behind.and_then(|_| secondary(probe, &folder));
    let bus_behind = behind.filter(|bus| *bus > 0).and_then(|bus| {
        let (domain, _) = address.split_once(':')?;
        Some(format!("{domain}:{bus:02x}"))
    });
    Some(Function { address, folder, root, bridges, class, node, bus_behind })
}

/// The number of the bus behind a bridge: by its attribute, which kernels before 4.13 lack, else by its configuration space,
/// else by the bus's own folder.
fn secondary(probe: &mut Probe<'_>, folder: &str) -> Option<u8> {
    if let Some(bus) = probe.quiet_number(&format!("{folder}/secondary_bus_number")) {
        return Some(bus);
    }
    let word = probe.host.pieces(&format!("{folder}/config"), SPACE).ok().and_then(|space| space.word(0x18));
    if let Some(word) = word {
        return Some((word >> 8) as u8);
    }
    let names = probe.host.list(&format!("{folder}/pci_bus")).unwrap_or_default();
    names.first().and_then(|name| u8::from_str_radix(name.rsplit(':').next()?, 16).ok())
}

/// `0x1af4` or `1af4`.
pub fn hexadecimal(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}

/// `DOMAIN:BUS:DEVICE.FUNCTION` with any number of digits in the domain.
pub fn is_address(text: &str) -> bool {
    let mut parts = text.rsplitn(3, ':');
    let (device, bus, domain) = (parts.next(), parts.next(), parts.next());
    let hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let device = device.and_then(|device| device.split_once('.'));
    device.is_some_and(|(device, function)| device.len() == 2 && hex(device) && function.len() == 1 && hex(function))
        && bus.is_some_and(|bus| bus.len() == 2 && hex(bus))
        && domain.is_some_and(hex)
}

impl Function {
    /// Whether it is a bridge to another PCI bus.
    pub fn is_bridge(&self) -> bool {
        self.class.is_some_and(|class| class >> 8 == BRIDGE)
    }

    /// Whether it is the host's own bridge.
    pub fn is_host_bridge(&self) -> bool {
        self.class.is_some_and(|class| class >> 8 == 0x0600)
    }
}

impl Tree {
    /// The function at an address.
    pub fn find(&self, address: &str) -> Option<&Function> {
        let functions = self.functions.as_deref()?;
        let index = functions.binary_search_by(|function| function.address.as_str().cmp(address)).ok()?;
        functions.get(index)
    }

    /// Every function somewhere below a bridge.
    pub fn below<'a>(&'a self, bridge: &'a str) -> impl Iterator<Item = &'a Function> {
        self.functions.iter().flatten().filter(move |function| function.bridges.iter().any(|one| one == bridge))
    }

    /// The node that holds these CPUs, when they are fewer than all and one node's.
    pub fn node_of(&self, cpus: &CpuSet) -> Option<u32> {
        let near = self.near(cpus)?;
        let mut holders = self.nodes.iter().filter(|(_, own)| near.iter().all(|cpu| own.contains(cpu)));
        match (holders.next(), holders.next()) {
            (Some((id, _)), None) => Some(*id),
            _ => None,
        }
    }

    /// The online ones of these CPUs, when they are some but not all: all means that the kernel knows none nearer.
    pub fn near(&self, cpus: &CpuSet) -> Option<CpuSet> {
        let near = cpus.and(&self.online);
        (!near.is_empty() && near.len() < self.online.len()).then_some(near)
    }

    /// Where a function is: by its own word, else by what is around it.
    pub fn locality(&self, function: &Function, local_cpus: Option<&CpuSet>, root: &Locality) -> Locality {
        if let Some(node) = function.node {
            return told(node, "numa_node", "high");
        }
        let bridge = function.bridges.iter().rev().find_map(|bridge| self.find(bridge)?.node);
        if let Some(node) = bridge {
            return told(node, "bridge", "medium");
        }
        match local_cpus.and_then(|cpus| self.node_of(cpus)) {
            Some(node) => told(node, "local_cpus", "medium"),
            None => root.clone(),
        }
    }

    /// Where a root bus is: by its CPUs, else by what its devices say when they agree, else by there being one node only.
    pub fn root_locality(&self, root: &str, cpus: Option<&CpuSet>) -> Locality {
        if let Some(node) = cpus.and_then(|cpus| self.node_of(cpus)) {
            return told(node, "root_bus", "medium");
        }
        let same = self.functions.iter().flatten().filter(|function| function.root == root);
        let mut said: Vec<u32> = same.filter_map(|function| function.node).collect();
        sort(&mut said);
        said.dedup();
        match (said.as_slice(), self.nodes.as_slice()) {
            ([node], _) if !root.is_empty() => told(*node, "siblings", "medium"),
            ([], [(node, _)]) => told(*node, "only_node", "medium"),
            _ => Locality { node: None, source: "none".to_owned(), confidence: "none".to_owned() },
        }
    }
}

fn told(node: u32, source: &str, confidence: &str) -> Locality {
    Locality { node: Some(node), source: source.to_owned(), confidence: confidence.to_owned() }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_bus_behind_a_bridge_of_an_old_kernel() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            path
        };
        for (address, bus) in [("0000:00:01.0", "03"), ("0000:00:02.0", "04"), ("0000:00:03.0", "05")] {
            let folder = format!("sys/devices/pci0000:00/{address}");
            std::fs::write(at(&format!("{folder}/class")), "0x060400\n").unwrap();
            std::fs::create_dir_all(at(&format!("{folder}/pci_bus/0000:{bus}/x"))).unwrap();
            let link = at(&format!("sys/bus/pci/devices/{address}"));
            std::os::unix::fs::symlink(format!("../../../devices/pci0000:00/{address}"), link).unwrap();
        }
        let mut config = [0; 64];
        config[0x19] = 0x2a;
        std::fs::write(at("sys/devices/pci0000:00/0000:00:02.0/config"), config).unwrap();
        std::fs::write(at("sys/devices/pci0000:00/0000:00:03.0/secondary_bus_number"), "7\n").unwrap();
        let host = crate::host::Host::under(root.path());
        let functions = read(&mut Probe::new(&host, &mut Vec::new())).functions.unwrap();
        let behind: Vec<Option<&str>> = functions.iter().map(|one| one.bus_behind.as_deref()).collect();
        assert_eq!(behind, [Some("0000:03"), Some("0000:2a"), Some("0000:07")]);
    }

    #[test]
    fn addresses() {
        assert!(is_address("0000:41:00.0") && is_address("10000:00:1d.4"));
        for text in ["0000:41", "pci0000:40", "virtio0", "0000:41:00.", ":41:00.0", "0000:41:0.0"] {
            assert!(!is_address(text), "{text}");
        }
        assert_eq!((hexadecimal("0x010802"), hexadecimal("zz")), (Some(0x0001_0802), None));
    }
}
