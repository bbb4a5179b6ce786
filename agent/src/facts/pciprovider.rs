//! Whether a processor or the chipset feeds a device or a slot: the way down from the root port tells, by the chips on it,
//! else by the root port's number on its bus. No list of chips is whole; what is not in it is told as unknown.

use super::pci::rate;
use super::pcitree::{Function, Tree, hexadecimal};
use super::probe::Probe;
use luthier_protocol::facts::{PciDevice, Provider, Slot};

const INTEL: u32 = 0x8086;
const AMD: u32 = 0x1022;

/// Ports by which AMD's desktop chipsets hang off the processor. Its server processors have none.
const AMD_CHIPSETS: [u32; 5] = [0x43b0, 0x43c6, 0x43e9, 0x43f4, 0x57ad];

/// First and last number of Intel's chipsets' root ports.
const CHIPSETS: [(u32, u32); 21] = [
    (0x1c10, 0x1c1f),
    (0x1d10, 0x1d1f),
    (0x1d3e, 0x1d3f),
    (0x1e10, 0x1e1f),
    (0x2690, 0x2696),
    (0x3408, 0x3411),
    (0x3420, 0x3421),
    (0x3a40, 0x3a4a),
    (0x3a70, 0x3a7a),
    (0x3b42, 0x3b50),
    (0x7ab0, 0x7acf),
    (0x8c10, 0x8c1f),
    (0x8c90, 0x8c9e),
    (0x8d10, 0x8d1f),
    (0xa110, 0xa11f),
    (0xa167, 0xa16a),
    (0xa190, 0xa19f),
    (0xa1e7, 0xa1ea),
    (0xa290, 0xa29f),
    (0xa2e7, 0xa2ee),
    (0xa32c, 0xa343),
];

/// First and last number of Intel's processors' root ports.
const PROCESSORS: [(u32, u32); 7] = [
    (0x0e01, 0x0e0b),
    (0x2030, 0x2033),
    (0x2f01, 0x2f0b),
    (0x347a, 0x347d),
    (0x352a, 0x352d),
    (0x3c02, 0x3c0b),
    (0x6f01, 0x6f0b),
];

/// Maker and chip.
type Chip = (u32, u32);

/// Fills what feeds each device.
pub fn fill(tree: &Tree, devices: &mut [PciDevice]) {
    let chip = |address: &str| {
        let index = devices.binary_search_by(|device| device.address.as_str().cmp(address)).ok()?;
        let device = devices.get(index)?;
        Some((hexadecimal(device.vendor.as_deref()?)?, hexadecimal(device.device.as_deref()?)?))
    };
    let found: Vec<Option<Provider>> = devices
        .iter()
        .map(|device| tree.find(&device.address).and_then(|function| provider(tree, function, &mut |at| chip(at))))
        .collect();
    for (device, provider) in devices.iter_mut().zip(found) {
        device.provider = provider;
    }
}

/// Fills what feeds a slot and how fast its port could be.
pub fn fill_slot(probe: &mut Probe<'_>, tree: &Tree, slot: &mut Slot) {
    let Some(port) = slot.port.as_deref().and_then(|port| tree.find(port)) else { return };
    let folder = |address: &str| tree.find(address).map(|function| function.folder.clone());
    let fastest = probe.quiet(&format!("{}/max_link_speed", port.folder)).and_then(rate);
    slot.generation = fastest.and_then(generation);
    slot.provider = provider(tree, port, &mut |address| {
        let folder = folder(address)?;
        let mut number = |file: &str| probe.quiet(&format!("{folder}/{file}")).and_then(hexadecimal);
        Some((number("vendor")?, number("device")?))
    });
}

/// The generation that first had a rate.
fn generation(rate: f64) -> Option<u32> {
    let known = [(2.5, 1), (5.0, 2), (8.0, 3), (16.0, 4), (32.0, 5), (64.0, 6)];
    known.iter().find(|(of, _)| (of - rate).abs() < 0.1).map(|(_, generation)| *generation)
}

fn provider(tree: &Tree, function: &Function, chip: &mut dyn FnMut(&str) -> Option<Chip>) -> Option<Provider> {
    let mut ports: Vec<&str> = function.bridges.iter().map(String::as_str).collect();
    if function.is_bridge() {
        ports.push(&function.address);
    }
    let root = *ports.first()?;
    let chips: Vec<Option<Chip>> = ports.iter().map(|port| chip(port)).collect();
    let (kind, source, confidence) = match chips.first()? {
        _ if chips.iter().skip(1).flatten().any(|(maker, chip)| *maker == AMD && AMD_CHIPSETS.contains(chip)) => {
            (Some("chipset"), "switch", "high")
        }
        Some((AMD, _)) => (Some("cpu"), "root port", "high"),
        Some((INTEL, chip)) if within(&CHIPSETS, *chip) => (Some("chipset"), "root port", "high"),
        Some((INTEL, chip)) if within(&PROCESSORS, *chip) => (Some("cpu"), "root port", "high"),
        Some((INTEL, _)) => match by_place(tree, &function.root, root) {
            Some(kind) => (Some(kind), "place", "medium"),
            None => (None, "none", "none"),
        },
        _ => (None, "none", "none"),
    };
    Some(Provider {
        kind: kind.map(str::to_owned),
        // A switch is a port upwards and ports downwards.
        switches: u32::try_from((ports.len() - 1) / 2).unwrap_or_default(),
        source: source.to_owned(),
        confidence: confidence.to_owned(),
    })
}

fn within(ranges: &[(u32, u32)], chip: u32) -> bool {
    ranges.iter().any(|(first, last)| (*first..=*last).contains(&chip))
}

/// Intel's chipset has its bridge to old devices at `1f.0` and its ports from `1b` to `1e`; the processor's are from `01` to
/// `08`.
fn by_place(tree: &Tree, bus: &str, root: &str) -> Option<&'static str> {
    let device = root.strip_prefix(bus)?.strip_prefix(':')?;
    let device = u32::from_str_radix(device.split_once('.')?.0, 16).ok()?;
    let old = tree.find(&format!("{bus}:1f.0")).is_some_and(|one| one.class.is_some_and(|class| class >> 8 == 0x0601));
    match device {
        0x1b..=0x1e if old => Some("chipset"),
        0x01..=0x08 => Some("cpu"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::cpuset::CpuSet;
    use super::*;

    fn function(address: &str, class: u32, bridges: &[&str]) -> Function {
        Function {
            address: address.to_owned(),
            folder: String::new(),
            root: "0000:00".to_owned(),
            bridges: bridges.iter().map(|bridge| (*bridge).to_owned()).collect(),
            class: Some(class),
            node: None,
            bus_behind: None,
        }
    }

    /// What feeds the last of these devices, its bridges being those before it.
    fn fed(rows: &[(&str, u32, u32)], old: bool) -> Option<(Option<String>, u32, String)> {
        let mut functions: Vec<Function> = Vec::new();
        let mut devices = Vec::new();
        for (at, (address, vendor, device)) in rows.iter().enumerate() {
            let above: Vec<&str> = rows.iter().take(at).map(|(address, ..)| *address).collect();
            let class = if at + 1 == rows.len() { 0x0001_0802 } else { 0x0006_0400 };
            functions.push(function(address, class, &above));
            devices.push(PciDevice {
                address: (*address).to_owned(),
                vendor: Some(format!("0x{vendor:04x}")),
                device: Some(format!("0x{device:04x}")),
                ..PciDevice::default()
            });
        }
        if old {
            functions.push(function("0000:00:1f.0", 0x0006_0100, &[]));
        }
        functions.sort_by(|left, right| left.address.cmp(&right.address));
        let tree = Tree { functions: Some(functions), nodes: Vec::new(), online: CpuSet::default() };
        fill(&tree, &mut devices);
        let last = devices.pop()?.provider?;
        Some((last.kind, last.switches, last.source))
    }

    #[test]
    fn processors_chipsets_and_switches() {
        let told = |kind: &str, switches: u32, source: &str| {
            Some(((!kind.is_empty()).then(|| kind.to_owned()), switches, source.to_owned()))
        };
        let disk = ("0000:05:00.0", 0x144d, 0xa808);
        assert_eq!(fed(&[("0000:00:02.0", 0x8086, 0x2f04), disk], false), told("cpu", 0, "root port"));
        assert_eq!(fed(&[("0000:00:1c.0", 0x8086, 0xa190), disk], true), told("chipset", 0, "root port"));
        let below = [
            ("0000:00:02.0", 0x8086, 0x2030),
            ("0000:01:00.0", 0x10b5, 0x8747),
            ("0000:02:08.0", 0x10b5, 0x8747),
            disk,
        ];
        assert_eq!(fed(&below, false), told("cpu", 1, "root port"));
        let desktop = [
            ("0000:00:02.1", 0x1022, 0x1483),
            ("0000:01:00.2", 0x1022, 0x43e9),
            ("0000:02:00.0", 0x1022, 0x43ea),
            disk,
        ];
        assert_eq!(fed(&desktop, false), told("chipset", 1, "switch"));
        assert_eq!(fed(&[("0000:00:01.1", 0x1022, 0x1483), disk], false), told("cpu", 0, "root port"));
        // Chips nobody has told us of: the number of the port on its bus.
        assert_eq!(fed(&[("0000:00:1d.0", 0x8086, 0xffff), disk], true), told("chipset", 0, "place"));
        assert_eq!(fed(&[("0000:00:1d.0", 0x8086, 0xffff), disk], false), told("", 0, "none"));
        assert_eq!(fed(&[("0000:00:01.0", 0x8086, 0xffff), disk], true), told("cpu", 0, "place"));
        assert_eq!(fed(&[("0000:00:01.0", 0x1b36, 0x000c), disk], true), told("", 0, "none"));
        assert_eq!(fed(&[("0000:00:17.0", 0x8086, 0xa182)], true), None);
    }

    #[test]
    fn generations() {
        assert_eq!((generation(8.0), generation(2.5), generation(3.0)), (Some(3), Some(1), None));
    }
}
