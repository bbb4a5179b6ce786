//! What a PCI function is doing: power, errors of its link, and what the firmware calls it. The kernel's account:
//! `Documentation/ABI/testing/sysfs-bus-pci` and `sysfs-bus-pci-devices-aer_stats`.

use super::probe::Probe;
use luthier_protocol::facts::{AerTotals, PciDevice};

/// A function with its state.
pub fn with_state(probe: &mut Probe<'_>, folder: &str, device: PciDevice) -> PciDevice {
    let at = |file: &str| format!("{folder}/{file}");
    let number = |probe: &mut Probe<'_>, file: &str| probe.quiet_number::<u32>(&at(file));
    // Only a link can sleep or fail, and virtual functions have none of their own.
    let linked = device.link.is_some() && device.physical_function.is_none();
    let capable = device.vfs_total.is_some();
    PciDevice {
        acpi_index: number(probe, "acpi_index").or_else(|| number(probe, "index")),
        revision: probe.quiet(&at("revision")).map(str::to_owned),
        power_state: probe.quiet(&at("power_state")).map(str::to_owned),
        l1_aspm: linked.then(|| number(probe, "link/l1_aspm")).flatten().map(|on| on != 0),
        aer: linked.then(|| errors(probe, folder)).flatten(),
        sriov_drivers_autoprobe: capable
            .then(|| number(probe, "sriov_drivers_autoprobe"))
            .flatten()
            .map(|takes| takes != 0),
        ..device
    }
}

/// `None` where the kernel counts none: all three files are there or none is.
fn errors(probe: &mut Probe<'_>, folder: &str) -> Option<AerTotals> {
    let correctable = probe.quiet(&format!("{folder}/aer_dev_correctable"))?;
    let correctable = total(correctable);
    let mut more = |file: &str| probe.quiet(&format!("{folder}/{file}")).and_then(total);
    Some(AerTotals { correctable, nonfatal: more("aer_dev_nonfatal"), fatal: more("aer_dev_fatal") })
}

/// The last line, `TOTAL_ERR_COR 3`, sums up those of single kinds.
fn total(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("TOTAL_ERR_")?.rsplit(' ').next()?.parse().ok())
}

/// What ACPI says of the host bridge of a root bus.
pub fn firmware_node(probe: &mut Probe<'_>, bus: &str, file: &str) -> Option<String> {
    probe.quiet(&format!("/sys/devices/pci{bus}/firmware_node/{file}")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::super::gather;
    use crate::host::Host;
    use luthier_protocol::Value;
    use serde_json::json;

    #[test]
    fn power_errors_and_names_by_firmware() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            path
        };
        let write = |path: &str, text: &str| std::fs::write(at(path), text).unwrap();
        write("sys/devices/pci0000:40/firmware_node/path", "\\_SB_.PC02\n");
        write("sys/devices/pci0000:40/firmware_node/uid", "2\n");
        for (file, text) in [
            ("class", "0x020000\n"),
            ("vendor", "0x8086\n"),
            ("device", "0x1572\n"),
            ("current_link_speed", "8.0 GT/s PCIe\n"),
            ("max_link_speed", "8.0 GT/s PCIe\n"),
            ("current_link_width", "8\n"),
            ("max_link_width", "8\n"),
            ("acpi_index", "3\n"),
            ("revision", "0x01\n"),
            ("power_state", "D0\n"),
            ("link/l1_aspm", "1\n"),
            ("aer_dev_correctable", "RxErr 4\nBadTLP 1\nTOTAL_ERR_COR 5\n"),
            ("aer_dev_nonfatal", "Undefined 0\nTOTAL_ERR_NONFATAL 0\n"),
            ("sriov_totalvfs", "64\n"),
            ("sriov_drivers_autoprobe", "0\n"),
        ] {
            write(&format!("sys/devices/pci0000:40/0000:40:00.0/{file}"), text);
        }
        write("sys/devices/pci0000:40/0000:40:01.0/class", "0x060000\n");
        for address in ["0000:40:00.0", "0000:40:01.0"] {
            let target = format!("../../../devices/pci0000:40/{address}");
            std::os::unix::fs::symlink(target, at(&format!("sys/bus/pci/devices/{address}"))).unwrap();
        }
        let facts = Value::Object(gather(&Host::under(root.path()), &["pci".to_owned()]).unwrap());
        let (card, bridge) = (&facts["pci"]["devices"][0], &facts["pci"]["devices"][1]);
        assert_eq!(
            (&card["acpi_index"], &card["revision"], &card["power_state"]),
            (&json!(3), &json!("0x01"), &json!("D0"))
        );
        assert_eq!(card["aer"], json!({"correctable": 5, "nonfatal": 0, "fatal": null}));
        assert_eq!((&card["l1_aspm"], &card["sriov_drivers_autoprobe"]), (&json!(true), &json!(false)));
        for key in ["acpi_index", "revision", "power_state", "l1_aspm", "aer", "sriov_drivers_autoprobe"] {
            assert_eq!(bridge[key], Value::Null, "{key}");
        }
        let root = &facts["pci"]["roots"][0];
        assert_eq!((&root["acpi_path"], &root["acpi_uid"]), (&json!("\\_SB_.PC02"), &json!("2")));
    }
}
