//! What a PCI function is doing: power, errors of its link, and what the firmware calls it. The kernel's account:
//! `Documentation/ABI/testing/sysfs-bus-pci` and `sysfs-bus-pci-devices-aer_stats`.

use super::filled::{Field, Form, fill as fill_row, rows_of, text_of};
use super::pcitree::Tree;
use super::probe::Probe;
use luthier_protocol::facts::Fact;
use luthier_protocol::{Map, Value};

const ALL: [Field; 3] = [
    ("acpi_index", "acpi_index", Form::Count),
    ("revision", "revision", Form::Text),
    ("power_state", "power_state", Form::Text),
];
const OF_LINKS: [Field; 1] = [("l1_aspm", "link/l1_aspm", Form::Flag)];
const OF_CAPABLE: [Field; 1] = [("sriov_drivers_autoprobe", "sriov_drivers_autoprobe", Form::Flag)];
const ROOT: [Field; 2] = [("acpi_path", "path", Form::Text), ("acpi_uid", "uid", Form::Text)];

/// The kernel counts in all three files or in none.
const ERRORS: [(&str, &str); 3] =
    [("correctable", "aer_dev_correctable"), ("nonfatal", "aer_dev_nonfatal"), ("fatal", "aer_dev_fatal")];

/// Fills the state of every function, and what ACPI says of every root bus.
pub fn fill(probe: &mut Probe<'_>, tree: &Tree, pci: &mut Value) {
    // A row for each function.
    for (function, row) in tree.functions.iter().flatten().zip(rows_of(pci, "devices")) {
        let has = |row: &Map, field: &str| row.get(field).is_some_and(|value| !value.is_null());
        fill_row(probe, row, &function.folder, &ALL);
        // Only a link can sleep or fail, and virtual functions have none of their own.
        if has(row, "link") && !has(row, "physical_function") {
            fill_row(probe, row, &function.folder, &OF_LINKS);
            row.insert("aer".to_owned(), errors(probe, &function.folder));
        }
        if has(row, "vfs_total") {
            fill_row(probe, row, &function.folder, &OF_CAPABLE);
        }
    }
    for row in rows_of(pci, "roots") {
        let folder = format!("/sys/devices/pci{}/firmware_node", text_of(row, "bus"));
        fill_row(probe, row, &folder, &ROOT);
    }
}

fn errors(probe: &mut Probe<'_>, folder: &str) -> Value {
    let mut row = Map::new();
    for (name, file) in ERRORS {
        match probe.quiet(&format!("{folder}/{file}")) {
            Some(text) => row.insert(name.to_owned(), total(text).value()),
            None if row.is_empty() => return Value::Null,
            None => row.insert(name.to_owned(), Value::Null),
        };
    }
    Value::Object(row)
}

/// The last line, `TOTAL_ERR_COR 3`, sums up those of single kinds.
fn total(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("TOTAL_ERR_")?.rsplit(' ').next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::super::gather;
    use crate::host::Host;
    use luthier_protocol::Value;
    use luthier_protocol::facts::{Fact, Pci};
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
        let shape: Pci = serde_json::from_value(facts["pci"].clone()).unwrap();
        assert_eq!(shape.value(), facts["pci"]);
        let root = &facts["pci"]["roots"][0];
        assert_eq!((&root["acpi_path"], &root["acpi_uid"]), (&json!("\\_SB_.PC02"), &json!("2")));
    }
}
