//! Names of PCI devices, from the list that a host may have (`pci.ids`).

use super::probe::Probe;
use luthier_protocol::facts::PciDevice;
use std::collections::BTreeMap;

const LISTS: [&str; 3] = ["/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids", "/usr/share/pci.ids"];

/// Fills in the names that the host's list knows.
pub fn fill(probe: &mut Probe<'_>, devices: &mut [PciDevice]) {
    if devices.is_empty() {
        return;
    }
    let there = LISTS.iter().find(|path| probe.exists(path));
    let Some(text) = there.and_then(|path| probe.quiet_file(path)) else { return };
    let mut wanted: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
    for device in devices.iter() {
        let (Some(vendor), Some(id)) = (&device.vendor, &device.device) else { continue };
        wanted.entry(digits(vendor)).or_default().insert(digits(id), String::new());
    }
    look_up(text, &mut wanted);
    let names: Vec<Option<String>> = devices
        .iter()
        .map(|device| {
            let name = wanted.get(digits(device.vendor.as_ref()?))?.get(digits(device.device.as_ref()?))?;
            (!name.is_empty()).then(|| name.clone())
        })
        .collect();
    for (device, name) in devices.iter_mut().zip(names) {
        device.name = name;
    }
}

fn digits(number: &str) -> &str {
    number.strip_prefix("0x").unwrap_or(number)
}

/// Vendors stand at the margin, their devices one tabulator in, subsystems two.
fn look_up(text: &str, wanted: &mut BTreeMap<&str, BTreeMap<&str, String>>) {
    let mut vendor: Option<(&str, &mut BTreeMap<&str, String>)> = None;
    for line in text.lines() {
        match line.strip_prefix('\t') {
            None if line.starts_with('#') || line.is_empty() => {}
            // The list of classes follows that of the makers.
            None if line.starts_with("C ") => return,
            None => {
                vendor = line.split_once("  ").and_then(|(id, name)| wanted.get_mut(id).map(|devices| (name, devices)));
            }
            Some(rest) => {
                let Some((maker, devices)) = &mut vendor else { continue };
                let Some((id, name)) = rest.split_once("  ") else { continue };
                if let Some(place) = devices.get_mut(id) {
                    *place = format!("{maker} {name}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makers_and_chips() {
        let text = "# list\n\n1af4  Red Hat, Inc.\n\t1000  Virtio network device\n\t\t108e 0001  Sub\n8086  Intel\n\t1000  82542\nC 00  Old\n\t1001  no\n";
        let mut wanted = BTreeMap::new();
        wanted.insert("1af4", BTreeMap::from([("1000", String::new()), ("1001", String::new())]));
        look_up(text, &mut wanted);
        let found = wanted.get("1af4").map(|devices| devices.values().cloned().collect::<Vec<_>>());
        assert_eq!(found, Some(vec!["Red Hat, Inc. Virtio network device".to_owned(), String::new()]));
    }
}
