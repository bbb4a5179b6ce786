//! `slots`: what the board's table says about its slots, joined with the devices that are there. Firmware often states
//! addresses that are wrong (all alike, all zero, of devices that do not exist): a stated address is believed only when
//! nothing speaks against it.

use super::cpuset::CpuSet;
use super::firmware::{TABLES, Tables};
use super::pci::rate;
use super::pcitree::{self, Function, Tree};
use super::probe::Probe;
use super::smbios::{self, TableSlot};
use super::{FactError, FactSource};
use crate::host::Host;
use crate::host::order::sort;
use luthier_protocol::Value;
use luthier_protocol::facts::Fact;
use luthier_protocol::facts::{Locality, Processor, Slot, Socket};

const SLOTS: &str = "/sys/bus/pci/slots";

/// The source of `slots`.
#[derive(Debug)]
pub struct Slots;

impl FactSource for Slots {
    fn key(&self) -> &'static str {
        "slots"
    }

    fn read(&self, host: &Host, errors: &mut Vec<FactError>) -> Value {
        let mut probe = Probe::new(host, errors);
        let tree = pcitree::read(&mut probe);
        let mut places = places(&mut probe, &tree);
        if let Some(reason) = places.crowded.take() {
            probe.note("slots", &format!("{TABLES}/DMI"), &reason);
        }
        for slot in &mut places.slots {
            let port = slot.port.as_deref().and_then(|port| tree.find(port));
            let fastest = port.and_then(|port| probe.quiet(&format!("{}/max_link_speed", port.folder)).and_then(rate));
            slot.generation = fastest.and_then(generation);
        }
        places.slots.value()
    }
}

/// The generation of PCI Express that first had a rate, in GT/s.
fn generation(rate: f64) -> Option<u32> {
    let known = [(2.5, 1), (5.0, 2), (8.0, 3), (16.0, 4), (32.0, 5), (64.0, 6)];
    known.iter().find(|(of, _)| (of - rate).abs() < 0.1).map(|(_, generation)| *generation)
}

/// The slots, and the names of devices on the board.
#[derive(Debug)]
pub struct Places {
    slots: Vec<Slot>,
    labels: Vec<(String, String)>,
    /// Why some slots of the table are left out, where some are.
    crowded: Option<String>,
}

impl Places {
    /// Name of the slot a function is in.
    pub fn slot(&self, function: &Function) -> Option<String> {
        let slot = self.slots.iter().find(|slot| slot.devices.contains(&function.address))?;
        slot.designation.clone()
    }

    /// Name of a function on the board.
    pub fn label(&self, address: &str) -> Option<String> {
        let mut named = self.labels.iter().filter(|(at, _)| at == address);
        // One address under two names is as good as none.
        match (named.next(), named.next()) {
            (Some((_, label)), None) => Some(label.clone()),
            _ => None,
        }
    }
}

/// Joins the board's table, the kernel's slots and the devices.
pub fn places(probe: &mut Probe<'_>, tree: &Tree) -> Places {
    let tables = Tables::read(probe);
    let (structures, _) = tables.structures();
    let vendor = smbios::system(&structures).vendor;
    let processors = smbios::processors(&structures);
    let stated = smbios::slots(&structures);
    let kernel = kernel_slots(probe);
    let nodes = node_sockets(probe, tree, &processors);
    let names: Vec<Option<&str>> = stated.iter().map(|slot| slot.designation.as_deref()).collect();
    let named = smbios::named(&names, vendor.as_deref(), &processors);
    let mut slots: Vec<Slot> = Vec::new();
    for (slot, named) in stated.iter().zip(named) {
        slots.push(join(tree, &nodes, &stated, slot, named, &kernel));
    }
    for (name, address) in kernel {
        let own = kernel_slot(tree, &nodes, name, &address);
        let known = |slot: &Slot| {
            slot.designation == own.designation
                || slot.devices.iter().any(|device| device.starts_with(&address))
                || slot.port.is_some() && slot.port == own.port
        };
        if !slots.iter().any(known) {
            slots.push(own);
        }
    }
    let onboard = smbios::onboard(&structures);
    let labels = onboard.into_iter().filter_map(|device| Some((device.address?, device.designation?))).collect();
    Places { slots, labels, crowded: smbios::crowded(&structures, 9) }
}

/// The kernel's slots: name and `DOMAIN:BUS:DEVICE`. Empty slots of hot-plug drivers have no device number and are left out.
fn kernel_slots(probe: &mut Probe<'_>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for name in probe.host.list(SLOTS).unwrap_or_default() {
        let address = probe.quiet(&format!("{SLOTS}/{name}/address")).filter(|text| text.matches(':').count() == 2);
        if let Some(address) = address.map(str::to_owned) {
            found.push((name, address));
        }
    }
    found
}

fn kernel_slot(tree: &Tree, nodes: &[(u32, u32)], name: String, address: &str) -> Slot {
    let prefix = format!("{address}.");
    let inside: Vec<&Function> =
        tree.functions.iter().flatten().filter(|function| function.address.starts_with(&prefix)).collect();
    let port = match inside.first() {
        Some(function) => function.bridges.last().cloned(),
        None => behind(tree, address),
    };
    Slot {
        riser: riser(&name),
        designation: Some(name),
        in_use: None,
        address: inside.first().map(|function| function.address.clone()),
        socket: socket(tree, nodes, &inside, port.as_deref(), None),
        devices: inside.iter().map(|function| function.address.clone()).collect(),
        port,
        ..Slot::default()
    }
}

fn join(
    tree: &Tree,
    nodes: &[(u32, u32)],
    stated: &[TableSlot],
    slot: &TableSlot,
    named: Option<u32>,
    kernel: &[(String, String)],
) -> Slot {
    let (mut address, doubt) = believe(tree, stated, slot);
    if address.is_none()
        && let Some((_, place)) = kernel.iter().find(|(name, _)| Some(name) == slot.designation.as_ref())
    {
        let prefix = format!("{place}.");
        let inside = tree.functions.iter().flatten().find(|function| function.address.starts_with(&prefix));
        address = inside.map(|function| function.address.clone());
    }
    let port = address.as_deref().and_then(|address| port(tree, address));
    let inside: Vec<&Function> = match (&port, &address) {
        (Some(port), _) => tree.below(port).collect(),
        (None, Some(address)) => beside(tree, address),
        (None, None) => Vec::new(),
    };
    Slot {
        riser: slot.designation.as_deref().and_then(riser),
        designation: slot.designation.clone(),
        r#type: slot.kind.clone(),
        width: slot.lanes,
        physical_width: slot.physical_lanes,
        in_use: slot.in_use,
        stated_address: slot.address.clone(),
        socket: socket(tree, nodes, &inside, port.as_deref(), named),
        devices: inside.iter().map(|function| function.address.clone()).collect(),
        address,
        doubt,
        port,
        ..Slot::default()
    }
}

/// The stated address when nothing speaks against it, else what does.
fn believe(tree: &Tree, stated: &[TableSlot], slot: &TableSlot) -> (Option<String>, Option<String>) {
    let Some(address) = &slot.address else { return (None, None) };
    let doubt = |why: &str| (None, Some(why.to_owned()));
    if tree.functions.as_ref().is_none_or(Vec::is_empty) {
        return doubt("unchecked");
    }
    if stated.iter().filter(|other| other.address.as_ref() == Some(address)).count() > 1 {
        return doubt("duplicate");
    }
    match tree.find(address) {
        Some(function) if function.is_host_bridge() => doubt("host bridge"),
        Some(_) => (Some(address.clone()), None),
        None if behind(tree, address).is_some() => (Some(address.clone()), None),
        None => doubt("no such device"),
    }
}

/// The bridge above the slot: the address itself when it is a bridge with devices below or nothing on its own, else the
/// nearest bridge above it.
fn port(tree: &Tree, address: &str) -> Option<String> {
    match tree.find(address) {
        Some(function) if function.is_bridge() => Some(function.address.clone()),
        Some(function) => function.bridges.last().cloned(),
        None => behind(tree, address),
    }
}

/// The bridge to the bus of an address at which there is nothing: that of the other devices of the bus, else the one that
/// says so.
fn behind(tree: &Tree, address: &str) -> Option<String> {
    let (bus, _) = address.rsplit_once(':')?;
    let functions = || tree.functions.iter().flatten();
    let same = |function: &&Function| function.address.rsplit_once(':').is_some_and(|(other, _)| other == bus);
    if let Some(function) = functions().find(same) {
        return function.bridges.last().cloned();
    }
    functions().find(|bridge| bridge.bus_behind.as_deref() == Some(bus)).map(|bridge| bridge.address.clone())
}

/// The functions of a device that hangs off the root bus itself.
fn beside<'a>(tree: &'a Tree, address: &str) -> Vec<&'a Function> {
    let Some((device, _)) = address.rsplit_once('.') else { return Vec::new() };
    let same = |function: &&Function| function.address.rsplit_once('.').is_some_and(|(other, _)| other == device);
    tree.functions.iter().flatten().filter(same).collect()
}

/// The processor by the node of what is in the slot or of its port, else by the slot's name.
fn socket(
    tree: &Tree,
    nodes: &[(u32, u32)],
    inside: &[&Function],
    port: Option<&str>,
    named: Option<u32>,
) -> Option<Socket> {
    let port = port.and_then(|port| tree.find(port));
    for function in inside.iter().copied().chain(port) {
        let root: Locality = tree.root_locality(&function.root, None);
        let place = tree.locality(function, None, &root);
        let index = place.node.and_then(|node| nodes.iter().find(|(id, _)| *id == node));
        if let Some((_, index)) = index {
            return Some(Socket { value: *index, source: "device".to_owned(), confidence: place.confidence });
        }
    }
    named.map(|value| Socket { value, source: "designation".to_owned(), confidence: "medium".to_owned() })
}

/// For each node whose CPUs are all of one processor its index: packages by their numbers, populated sockets in the table's
/// order. A node that spans packages (an interleaved machine, one without nodes) tells no processor.
fn node_sockets(probe: &mut Probe<'_>, tree: &Tree, processors: &[Processor]) -> Vec<(u32, u32)> {
    let mut found: Vec<(u32, u32)> = Vec::new();
    let mut packages: Vec<u32> = Vec::new();
    for (node, cpus) in &tree.nodes {
        let own = node_packages(probe, &cpus.and(&tree.online));
        if let [package] = own.as_slice() {
            found.push((*node, *package));
        }
        packages.extend(own);
    }
    sort(&mut packages);
    packages.dedup();
    let filled: Vec<usize> =
        processors.iter().enumerate().filter(|(_, one)| one.populated).map(|(index, _)| index).collect();
    let index = |package: u32| {
        let rank = packages.iter().position(|one| *one == package)?;
        let index = if filled.len() == packages.len() { filled.get(rank).copied()? } else { rank };
        u32::try_from(index).ok()
    };
    found.into_iter().filter_map(|(node, package)| Some((node, index(package)?))).collect()
}

/// The packages of a node's CPUs. Where the kernel lists what is in the first one's package, mostly that is all.
fn node_packages(probe: &mut Probe<'_>, cpus: &CpuSet) -> Vec<u32> {
    let folder = |cpu: u32| format!("/sys/devices/system/cpu/cpu{cpu}/topology");
    let Some(first) = cpus.iter().next().map(folder) else { return Vec::new() };
    let whole = ["package_cpus_list", "core_siblings_list"].iter().any(|file| {
        let set = probe.quiet(&format!("{first}/{file}")).and_then(CpuSet::from_list);
        set.is_some_and(|set| cpus.without(&set).is_empty())
    });
    let mut found = Vec::new();
    for cpu in cpus.iter().take(if whole { 1 } else { usize::MAX }) {
        found.extend(probe.quiet_number::<u32>(&format!("{}/physical_package_id", folder(cpu))));
    }
    sort(&mut found);
    found.dedup();
    found
}

/// The riser that a name tells: `Riser 1`, `RISER2`, `Rear Riser`.
fn riser(name: &str) -> Option<String> {
    let at = name.to_ascii_uppercase().find("RISER")?;
    let behind = name.get(at + 5..)?;
    let separators = behind.len() - behind.trim_start_matches([' ', '_', '-', '#', '.']).len();
    let label = behind.get(separators..)?;
    let length = label.bytes().take_while(u8::is_ascii_alphanumeric).count();
    // `Riser 1A` is one; `Riser Slot` names no number.
    let numbered = label.bytes().next().is_some_and(|byte| byte.is_ascii_digit()) || length == 1;
    let end = if numbered { at + 5 + separators + length } else { at + 5 };
    let start = if numbered { at } else { 0 };
    name.get(start..end).map(|riser| riser.trim().to_owned())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn risers() {
        for (name, expected) in [
            ("Riser 1 Slot 2", Some("Riser 1")),
            ("PCIE RISER2 SLOT3", Some("RISER2")),
            ("PCI Riser_A", Some("Riser_A")),
            ("Rear Riser", Some("Rear Riser")),
            ("CPU1 SLOT2", None),
        ] {
            assert_eq!(riser(name).as_deref(), expected, "{name}");
        }
    }

    fn function(address: &str, class: u32, bridges: &[&str], node: Option<u32>) -> Function {
        let bridges = bridges.iter().map(|bridge| (*bridge).to_owned()).collect();
        let root = "0000:00".to_owned();
        let (address, folder, class) = (address.to_owned(), String::new(), Some(class));
        Function { address, folder, root, bridges, class, node, bus_behind: None }
    }

    fn tree() -> Tree {
        let vacant = function("0000:00:02.0", 0x0006_0400, &[], Some(1));
        let functions = vec![
            function("0000:00:00.0", 0x0006_0000, &[], None),
            function("0000:00:01.0", 0x0006_0400, &[], Some(1)),
            Function { bus_behind: Some("0000:02".to_owned()), ..vacant },
            function("0000:01:00.0", 0x0001_0802, &["0000:00:01.0"], None),
        ];
        Tree { functions: Some(functions), nodes: Vec::new(), online: super::super::cpuset::CpuSet::default() }
    }

    fn slot(name: &str, address: &str) -> TableSlot {
        let address = (!address.is_empty()).then(|| address.to_owned());
        TableSlot { designation: Some(name.to_owned()), address, ..TableSlot::default() }
    }

    #[test]
    fn addresses_that_are_not_believed() {
        let stated = [
            slot("of the card", "0000:01:00.0"),
            slot("of the port", "0000:00:01.0"),
            slot("host bridge", "0000:00:00.0"),
            slot("gone", "0000:07:00.0"),
            slot("twin", "0000:01:01.0"),
            slot("twin", "0000:01:01.0"),
            slot("silent", ""),
        ];
        let joined: Vec<Slot> =
            stated.iter().map(|slot| join(&tree(), &[(1, 0)], &stated, slot, Some(3), &[])).collect();
        let doubts: Vec<Option<&str>> = joined.iter().map(|slot| slot.doubt.as_deref()).collect();
        let twin = Some("duplicate");
        assert_eq!(doubts, [None, None, Some("host bridge"), Some("no such device"), twin, twin, None]);
        for slot in joined.iter().take(2) {
            assert_eq!(slot.port.as_deref(), Some("0000:00:01.0"));
            assert_eq!(slot.devices, ["0000:01:00.0"]);
            let socket = slot.socket.clone().unwrap_or_default();
            assert_eq!((socket.value, socket.source.as_str()), (0, "device"));
        }
        let empty = slot("of the card that is not there", "0000:02:00.0");
        let empty = join(&tree(), &[(1, 0)], &[], &empty, None, &[]);
        assert_eq!((empty.port.as_deref(), empty.doubt.as_deref()), (Some("0000:00:02.0"), None));
        assert_eq!((empty.socket.map(|socket| socket.value), empty.devices.len()), (Some(0), 0));
        let kernel = kernel_slot(&tree(), &[(1, 0)], "7".to_owned(), "0000:02:00");
        assert_eq!((kernel.port.as_deref(), kernel.address), (Some("0000:00:02.0"), None));
        let silent = joined.last().and_then(|slot| slot.socket.clone()).unwrap_or_default();
        assert_eq!((silent.value, silent.source.as_str()), (3, "designation"));
    }

    #[test]
    fn a_node_of_two_packages_tells_no_processor() {
        let root = tempfile::tempdir().unwrap();
        for (cpu, package, list) in [(0, 0, "0-1"), (1, 0, "0-1"), (2, 1, "2-3"), (3, 1, "2-3")] {
            let folder = root.path().join(format!("sys/devices/system/cpu/cpu{cpu}/topology"));
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("physical_package_id"), format!("{package}\n")).unwrap();
            // A kernel without the list is asked for each CPU.
            if cpu < 2 {
                std::fs::write(folder.join("core_siblings_list"), list).unwrap();
            }
        }
        let host = Host::under(root.path());
        let sockets = |nodes: &[(u32, &str)]| {
            let nodes = nodes.iter().filter_map(|(id, list)| Some((*id, CpuSet::from_list(list)?))).collect();
            let tree = Tree { nodes, online: CpuSet::from_list("0-3").unwrap_or_default(), ..tree() };
            node_sockets(&mut Probe::new(&host, &mut Vec::new()), &tree, &[])
        };
        assert_eq!(sockets(&[(0, "0-3")]), []);
        assert_eq!(sockets(&[(0, "0-1"), (1, "2-3")]), [(0, 0), (1, 1)]);
        assert_eq!(sockets(&[(0, "0"), (1, "1-2"), (2, "3")]), [(0, 0), (2, 1)]);
        let slots = [slot("CPU2 SLOT4", "0000:01:00.0")];
        let joined = join(&tree(), &sockets(&[(1, "0-3")]), &slots, &slots[0], Some(1), &[]);
        let socket = joined.socket.unwrap_or_default();
        assert_eq!((socket.value, socket.source.as_str()), (1, "designation"));
    }
}
