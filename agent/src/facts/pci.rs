//! `pci`: every PCI function with its place and its link. The kernel's account: `Documentation/ABI/testing/sysfs-bus-pci`.

use super::cpuset::CpuSet;
use super::pciconfig::{self, Config};
use super::pcitree::{self, Function, Tree};
use super::probe::Probe;
use super::slots::{self, Places};
use super::{FactError, FactSource, pcinames, pcistate};
use crate::host::Host;
use crate::host::order::sort;
use luthier_protocol::Value;
use luthier_protocol::facts::Fact;
use luthier_protocol::facts::{Link, Locality, PciDevice, PciRoot};

/// The source of `pci`.
#[derive(Debug)]
pub struct Pci;

impl FactSource for Pci {
    fn key(&self) -> &'static str {
        "pci"
    }

    fn read(&self, host: &Host, errors: &mut Vec<FactError>) -> Value {
        let mut probe = Probe::new(host, errors);
        let tree = pcitree::read(&mut probe);
        let roots = roots(&mut probe, &tree);
        let places = slots::places(&mut probe, &tree);
        let mut devices = tree.functions.as_ref().map(|functions| {
            let rows = functions.iter().map(|function| device(&mut probe, &tree, function, &roots, &places));
            rows.collect::<Vec<PciDevice>>()
        });
        if let Some(devices) = &mut devices {
            judge_links(devices);
            pcinames::fill(&mut probe, devices);
        }
        let mut pci = luthier_protocol::facts::Pci { devices, roots }.value();
        pcistate::fill(&mut probe, &tree, &mut pci);
        pci
    }
}

/// Every root bus that has a device.
fn roots(probe: &mut Probe<'_>, tree: &Tree) -> Vec<PciRoot> {
    let mut names: Vec<&str> = tree.functions.iter().flatten().map(|function| function.root.as_str()).collect();
    sort(&mut names);
    names.dedup();
    names.retain(|name| !name.is_empty());
    names
        .into_iter()
        .map(|name| {
            let folder = format!("/sys/class/pci_bus/{name}");
            let list = probe.quiet(&format!("{folder}/cpulistaffinity")).and_then(CpuSet::from_list);
            let cpus = list.or_else(|| probe.quiet(&format!("{folder}/cpuaffinity")).and_then(CpuSet::from_mask));
            PciRoot {
                bus: name.to_owned(),
                numa: tree.root_locality(name, cpus.as_ref()),
                cpus: cpus.and_then(|cpus| tree.near(&cpus)).map(|cpus| cpus.to_vec()),
                ..PciRoot::default()
            }
        })
        .collect()
}

fn device(probe: &mut Probe<'_>, tree: &Tree, function: &Function, roots: &[PciRoot], places: &Places) -> PciDevice {
    let folder = &function.folder;
    let key = |field: &str| format!("pci.devices[].{field}");
    let list = probe.quiet(&format!("{folder}/local_cpulist")).and_then(CpuSet::from_list);
    let cpus = list.or_else(|| probe.quiet(&format!("{folder}/local_cpus")).and_then(CpuSet::from_mask));
    let speed = probe.quiet(&format!("{folder}/current_link_speed")).map(str::to_owned);
    let vendor = probe.quiet(&format!("{folder}/vendor")).and_then(pcitree::hexadecimal);
    // Old kernels have no files for the link; a captured machine may hold nothing but the configuration space.
    let config = match (&speed, vendor, function.class) {
        (Some(_), Some(_), Some(_)) => None,
        _ => pciconfig::read(probe, folder)
            .or_else(|| probe.quiet(&format!("{folder}/modalias")).and_then(pciconfig::from_alias)),
    };
    let mut hex = |file: &str| probe.quiet(&format!("{folder}/{file}")).and_then(pcitree::hexadecimal);
    let id = hex("device").or_else(|| config.as_ref().map(|config| config.device));
    let vendor = vendor.or_else(|| config.as_ref().map(|config| config.vendor));
    let class = function.class.or_else(|| config.as_ref().map(|config| config.class));
    let (subsystem_vendor, subsystem_device) = (hex("subsystem_vendor"), hex("subsystem_device"));
    for (field, file, value) in [("class", "class", class), ("vendor", "vendor", vendor), ("device", "device", id)] {
        if value.is_none() {
            probe.note(&key(field), &format!("{folder}/{file}"), "no such file");
        }
    }
    let unknown = Locality { node: None, source: "none".to_owned(), confidence: "none".to_owned() };
    let root = roots.iter().find(|root| root.bus == function.root).map_or(unknown, |root| root.numa.clone());
    let short = |number: Option<u32>| number.filter(|number| *number != 0).map(|number| format!("0x{number:04x}"));
    let last = |link: std::io::Result<String>| link.ok()?.rsplit('/').next().map(str::to_owned);
    let vfs_total = probe.quiet_number(&format!("{folder}/sriov_totalvfs"));
    PciDevice {
        class: class.map(|class| format!("0x{class:06x}")),
        vendor: vendor.map(|vendor| format!("0x{vendor:04x}")),
        device: id.map(|id| format!("0x{id:04x}")),
        subsystem_vendor: short(subsystem_vendor),
        subsystem_device: short(subsystem_device),
        name: None,
        driver: last(probe.host.read_link(&format!("{folder}/driver"))),
        numa: tree.locality(function, cpus.as_ref(), &root),
        local_cpus: cpus.and_then(|cpus| tree.near(&cpus)).map(|cpus| cpus.to_vec()),
        link: link(probe, folder, speed, config.as_ref()),
        slot: places.slot(function),
        label: probe
            .quiet(&format!("{folder}/label"))
            .filter(|label| !label.is_empty())
            .map(str::to_owned)
            .or_else(|| places.label(&function.address)),
        path: function.bridges.clone(),
        iommu_group: last(probe.host.read_link(&format!("{folder}/iommu_group"))).and_then(|group| group.parse().ok()),
        vfs_total,
        vfs: vfs_total.and_then(|_| probe.quiet_number(&format!("{folder}/sriov_numvfs"))),
        physical_function: last(probe.host.read_link(&format!("{folder}/physfn"))),
        address: function.address.clone(),
        ..PciDevice::default()
    }
}

/// The link as the kernel's files say, else as the configuration space does; `None` for what has none.
fn link(probe: &mut Probe<'_>, folder: &str, speed: Option<String>, config: Option<&Config>) -> Option<Link> {
    let Some(speed) = speed else { return config.and_then(|config| config.link.clone()) };
    let mut width = |file: &str| probe.quiet_number::<u32>(&format!("{folder}/{file}")).filter(|width| *width < 255);
    let (current, most) = (width("current_link_width"), width("max_link_width").filter(|width| *width > 0));
    let max_speed_gts = probe.quiet(&format!("{folder}/max_link_speed")).and_then(rate);
    // What is no link at all says "Unknown", 0 lanes now and 255 at most.
    if most.is_none() && max_speed_gts.is_none() {
        return None;
    }
    Some(Link { speed_gts: rate(&speed), width: current, max_speed_gts, max_width: most, degraded: None })
}

/// `8.0 GT/s PCIe`, `8 GT/s`; `None` for `Unknown`.
pub fn rate(text: &str) -> Option<f64> {
    let text = text.strip_suffix(" PCIe").unwrap_or(text);
    text.strip_suffix(" GT/s")?.parse().ok()
}

/// Tells of each device whether its link runs below what it and the port above it can.
fn judge_links(devices: &mut [PciDevice]) {
    let judged: Vec<Option<bool>> = devices.iter().map(|device| degraded(device, devices)).collect();
    for (device, degraded) in devices.iter_mut().zip(judged) {
        if let Some(link) = &mut device.link {
            link.degraded = degraded;
        }
    }
}

fn degraded(device: &PciDevice, devices: &[PciDevice]) -> Option<bool> {
    let link = device.link.as_ref().filter(|link| link.width.is_some_and(|width| width > 0))?;
    // A root port's own link, and that of a switch's lower port, is the one below it: it is judged from the other end.
    let bridge = device.class.as_deref().is_some_and(|class| class.starts_with("0x0604"));
    if bridge && device.path.len().is_multiple_of(2) {
        return None;
    }
    let port = device.path.last()?;
    let index = devices.binary_search_by(|other| other.address.as_str().cmp(port)).ok()?;
    let above = devices.get(index)?.link.as_ref()?;
    let speed = link.max_speed_gts?.min(above.max_speed_gts?);
    let width = link.max_width?.min(above.max_width?);
    Some(link.speed_gts? < speed || link.width? < width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        assert_eq!((rate("8.0 GT/s PCIe"), rate("2.5 GT/s"), rate("16 GT/s")), (Some(8.0), Some(2.5), Some(16.0)));
        assert_eq!((rate("Unknown"), rate("Unknown speed")), (None, None));
    }

    #[test]
    fn a_link_is_judged_by_both_ends() {
        let link = |speed: f64, width: u32, max_speed: f64, max_width: u32| {
            Some(Link {
                speed_gts: Some(speed),
                width: Some(width),
                max_speed_gts: Some(max_speed),
                max_width: Some(max_width),
                degraded: None,
            })
        };
        let port = PciDevice {
            address: "0000:00:01.0".to_owned(),
            class: Some("0x060400".to_owned()),
            link: link(8.0, 8, 8.0, 8),
            ..PciDevice::default()
        };
        let card = PciDevice {
            address: "0000:01:00.0".to_owned(),
            class: Some("0x010802".to_owned()),
            link: link(8.0, 8, 16.0, 16),
            path: vec![port.address.clone()],
            ..PciDevice::default()
        };
        let mut devices = vec![port, card];
        let judged = |devices: &mut Vec<PciDevice>| {
            judge_links(devices);
            devices.iter().map(|device| device.link.as_ref().and_then(|link| link.degraded)).collect::<Vec<_>>()
        };
        assert_eq!(judged(&mut devices), [None, Some(false)]);
        devices.iter_mut().skip(1).for_each(|card| card.link = link(8.0, 4, 16.0, 16));
        assert_eq!(judged(&mut devices), [None, Some(true)]);
    }
}
