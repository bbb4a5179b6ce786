//! PCI as a picture needs it: root buses with ports, slots and the devices an operator looks for.

use super::words;
use luthier_protocol::facts::{Block, BlockDevice, Link, Net, Pci, PciDevice, Slot};

/// A root bus.
#[derive(Debug, Clone, PartialEq)]
pub struct Root {
    /// Domain and bus.
    pub bus: String,
    /// Node; `None` when unknown.
    pub node: Option<u32>,
    /// What the node is known from, where that is not the kernel's own word.
    pub source: Option<String>,
    /// Devices and ports with something below.
    pub branches: Vec<Branch>,
    /// Functions that are the chipset's own and are not drawn.
    pub hidden: usize,
}

/// A device, or a port with devices below it.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// Address.
    pub address: String,
    /// What it is (`Ethernet`, `port`).
    pub kind: String,
    /// Name of the chip, where the host knows it.
    pub name: Option<String>,
    /// Names the system uses it by (`ens1f0`, `nvme0n1`).
    pub used_as: Vec<String>,
    /// Driver.
    pub driver: Option<String>,
    /// Slot or place on the board.
    pub slot: Option<String>,
    /// Link in words (`x8 gen 4`).
    pub link: Option<String>,
    /// What the link could be, where it runs below that.
    pub degraded: Option<String>,
    /// Whether its link slows down when there is nothing to do.
    pub sleeps: bool,
    /// Functions that are alike and drawn as one.
    pub functions: usize,
    /// Virtual functions it has (each of them), which are not drawn one by one.
    pub vfs: usize,
    /// What hangs below.
    pub branches: Vec<Branch>,
}

/// A slot with nothing in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmptySlot {
    /// Name with its width.
    pub name: String,
    /// Node of the port above it; `None` when unknown.
    pub node: Option<u32>,
    /// Processor it belongs to, counted from 0; `None` when unknown.
    pub socket: Option<u32>,
    /// Whether its processor's socket is empty, so that nothing put there will work.
    pub dead: bool,
}

/// Every root bus with what is worth drawing.
pub fn roots(pci: &Pci, slots: &[Slot], net: &Net, block: &Block) -> Vec<Root> {
    let devices = pci.devices.as_deref().unwrap_or_default();
    let sight = Sight { devices, slots, net, block };
    let mut buses: Vec<Root> = pci
        .roots
        .iter()
        .map(|root| Root { bus: root.bus.clone(), node: root.numa.node, source: None, branches: Vec::new(), hidden: 0 })
        .collect();
    for root in &mut buses {
        let own: Vec<&PciDevice> = devices.iter().filter(|device| bus_of(device) == root.bus).collect();
        root.branches = sight.branches(&own, None);
        let drawn = own.iter().filter(|device| sight.is_drawn(device)).count();
        root.hidden = own.len() - drawn;
        let told = own.iter().filter(|device| device.numa.node.is_some()).map(|device| &device.numa);
        if let Some(numa) = told.clone().find(|numa| numa.source == "numa_node").or_else(|| told.clone().next()) {
            root.node = numa.node;
            root.source = (numa.source != "numa_node").then(|| numa.source.clone());
        }
    }
    buses
}

/// Domain and bus of the root port above a device, or of the device itself.
fn bus_of(device: &PciDevice) -> String {
    let top = device.path.first().map_or(device.address.as_str(), String::as_str);
    top.rsplit_once(':').map_or(String::new(), |(bus, _)| bus.to_owned())
}

/// Slots without a card.
pub fn empty_slots(slots: &[Slot], pci: &Pci, populated: &[bool]) -> Vec<EmptySlot> {
    let devices = pci.devices.as_deref().unwrap_or_default();
    let empty = slots.iter().filter(|slot| slot.devices.is_empty() && slot.in_use != Some(true));
    empty
        .filter_map(|slot| {
            let port = slot.port.as_deref().and_then(|port| devices.iter().find(|device| device.address == port));
            let socket = slot.socket.as_ref().map(|socket| socket.value);
            let dead = socket.is_some_and(|socket| populated.get(socket as usize) == Some(&false));
            let width = slot.width.map(|width| format!(" (x{width})")).unwrap_or_default();
            Some(EmptySlot {
                name: format!("{}{width}", slot.designation.as_deref()?),
                node: port.and_then(|port| port.numa.node),
                socket,
                dead,
            })
        })
        .collect()
}

struct Sight<'a> {
    devices: &'a [PciDevice],
    slots: &'a [Slot],
    net: &'a Net,
    block: &'a Block,
}

impl Sight<'_> {
    /// What hangs directly below a bridge (or off the root bus) among these devices.
    fn branches(&self, own: &[&PciDevice], bridge: Option<&str>) -> Vec<Branch> {
        let direct = own.iter().filter(|device| device.path.last().map(String::as_str) == bridge);
        together(direct.filter(|device| self.is_drawn(device)).map(|device| self.branch(own, device)).collect())
    }

    /// Devices of interest, and the bridges above them; virtual functions are counted at their physical one.
    fn is_drawn(&self, device: &PciDevice) -> bool {
        if device.physical_function.is_some() {
            return false;
        }
        let interesting = |device: &PciDevice| device.physical_function.is_none() && words::kind(device).is_some();
        interesting(device)
            || self.devices.iter().any(|below| interesting(below) && below.path.contains(&device.address))
    }

    fn branch(&self, own: &[&PciDevice], device: &PciDevice) -> Branch {
        let bridge = device.class.as_deref().is_some_and(|class| class.starts_with("0x0604"));
        // A bridge's slot is told at the bridge, so that what is below need not repeat it.
        let sleeps = device.class.as_deref().is_some_and(words::sleeps);
        let ported = self.slots.iter().find(|slot| slot.port.as_deref() == Some(device.address.as_str()));
        let beside = || device.path.is_empty().then(|| device.slot.clone()).flatten();
        let slot = ported.and_then(|slot| slot.designation.clone()).or_else(beside).or_else(|| device.label.clone());
        let vfs = self
            .devices
            .iter()
            .filter(|other| other.physical_function.as_deref() == Some(device.address.as_str()))
            .count();
        let link = device.link.as_ref().filter(|_| !bridge);
        let port = device.path.last().and_then(|port| self.devices.iter().find(|other| other.address == *port));
        let (now, degraded) =
            link.map_or((None, None), |link| self::link(link, port.and_then(|port| port.link.as_ref()), sleeps));
        Branch {
            kind: words::kind(device).unwrap_or("port").to_owned(),
            name: device.name.clone(),
            used_as: self.used_as(&device.address),
            driver: device.driver.clone(),
            slot,
            link: now,
            degraded,
            sleeps,
            functions: 1,
            vfs,
            branches: self.branches(own, Some(&device.address)),
            address: device.address.clone(),
        }
    }

    fn used_as(&self, address: &str) -> Vec<String> {
        let at = |pci: &Option<String>| pci.as_deref() == Some(address);
        let interfaces = self.net.interfaces.iter().flatten().filter(|one| at(&one.pci)).map(|one| one.name.clone());
        // An NVMe disk with several ways to it belongs to the subsystem, and its ways to the controllers.
        let leads = |disk: &BlockDevice| disk.paths.iter().any(|path| at(&path.address));
        let disks = self.block.devices.iter().flatten().filter(|one| !words::is_way(&one.name));
        let disks = disks.filter(|one| at(&one.pci) || leads(one)).map(|one| one.name.clone());
        interfaces.chain(disks).collect()
    }
}

/// A link in words, and what it could be where it runs below what both ends can do.
fn link(link: &Link, port: Option<&Link>, sleeps: bool) -> (Option<String>, Option<String>) {
    let words = |speed: Option<f64>, width: Option<u32>| match (speed.and_then(words::generation), width) {
        (_, Some(0)) => Some("no link".to_owned()),
        (Some(generation), Some(width)) => Some(format!("x{width} gen {generation}")),
        (None, Some(width)) => Some(format!("x{width}")),
        _ => None,
    };
    let now = words(link.speed_gts, link.width);
    if link.degraded != Some(true) {
        return (now, None);
    }
    let speed = [link.max_speed_gts, port.and_then(|port| port.max_speed_gts)].into_iter().flatten().reduce(f64::min);
    let width = [link.max_width, port.and_then(|port| port.max_width)].into_iter().flatten().min();
    // A graphics card or accelerator that has nothing to do is not broken.
    if sleeps && link.width >= width {
        let best = speed.and_then(words::generation).map(|generation| format!(" (up to gen {generation})"));
        return (now.map(|now| format!("{now}{}", best.unwrap_or_default())), None);
    }
    (now, words(speed, width))
}

/// Functions of one device that differ in nothing but their number, drawn as one.
fn together(branches: Vec<Branch>) -> Vec<Branch> {
    let mut found: Vec<(Branch, Vec<u32>)> = Vec::new();
    for branch in branches {
        let (device, function) = match branch.address.rsplit_once('.') {
            Some((device, function)) => (device.to_owned(), u32::from_str_radix(function, 16).ok()),
            None => (branch.address.clone(), None),
        };
        let twin = found.last_mut().filter(|(last, _)| {
            let alike = Branch {
                address: last.address.clone(),
                used_as: last.used_as.clone(),
                functions: last.functions,
                ..branch.clone()
            };
            function.is_some()
                && branch.branches.is_empty()
                && last.address.starts_with(&format!("{device}."))
                && *last == alike
        });
        match (twin, function) {
            (Some((last, functions)), Some(function)) => {
                functions.push(function);
                last.functions = functions.len();
                last.used_as.extend(branch.used_as);
            }
            _ => found.push((branch, function.into_iter().collect())),
        }
    }
    let told = |(mut branch, functions): (Branch, Vec<u32>)| {
        if let (true, Some((device, _))) = (functions.len() > 1, branch.address.rsplit_once('.')) {
            branch.address = format!("{device}.{}", words::ranges(&functions));
        }
        branch
    };
    found.into_iter().map(told).collect()
}
