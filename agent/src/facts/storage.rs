//! What block devices hang off: NVMe controllers, ports of Fibre Channel cards, iSCSI sessions. The kernel's account:
//! `Documentation/ABI/testing/sysfs-class-nvme`, `Documentation/scsi/scsi_fc_transport.rst`.

use super::pcitree;
use super::probe::{Probe, numbered};
use luthier_protocol::facts::{FcHost, IscsiSession, NvmeController};

const NVME: &str = "/sys/class/nvme";
const FC: &str = "/sys/class/fc_host";
const SESSIONS: &str = "/sys/class/iscsi_session";
const CONNECTIONS: &str = "/sys/class/iscsi_connection";

/// Text of one file in the folder of one thing.
fn text(probe: &mut Probe<'_>, class: &str, name: &str, file: &str) -> Option<String> {
    probe.quiet(&format!("{class}/{name}/{file}")).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Every NVMe controller.
pub fn nvme(probe: &mut Probe<'_>) -> Vec<NvmeController> {
    let mut found = Vec::new();
    for name in probe.host.list(NVME).unwrap_or_default() {
        let mut text = |file: &str| text(probe, NVME, &name, file);
        // A link whose controller went away meanwhile.
        let Some(state) = text("state").or_else(|| text("transport")) else { continue };
        found.push(NvmeController {
            model: text("model"),
            firmware_rev: text("firmware_rev"),
            transport: text("transport"),
            address: text("address"),
            state: Some(state),
            queue_count: text("queue_count").and_then(|count| count.parse().ok()),
            sqsize: text("sqsize").and_then(|count| count.parse().ok()),
            numa_node: text("numa_node").and_then(|node| node.parse().ok()),
            name,
        });
    }
    found
}

/// Every port of a Fibre Channel card.
pub fn fc_hosts(probe: &mut Probe<'_>) -> Vec<FcHost> {
    let mut found = Vec::new();
    for name in probe.host.list(FC).unwrap_or_default() {
        let link = probe.host.read_link(&format!("{FC}/{name}")).unwrap_or_default();
        let mut text = |file: &str| text(probe, FC, &name, file);
        found.push(FcHost {
            port_state: text("port_state"),
            speed: text("speed"),
            supported_speeds: text("supported_speeds"),
            port_name: text("port_name"),
            fabric_name: text("fabric_name"),
            pci: link.rsplit('/').find(|part| pcitree::is_address(part)).map(str::to_owned),
            name,
        });
    }
    found
}

/// Every iSCSI session with its first connection.
pub fn iscsi_sessions(probe: &mut Probe<'_>) -> Vec<IscsiSession> {
    let mut found = Vec::new();
    for name in probe.host.list(SESSIONS).unwrap_or_default() {
        let Some(number) = numbered(&name, "session") else { continue };
        let connection = format!("connection{number}:0");
        let address = text(probe, CONNECTIONS, &connection, "persistent_address");
        let port = text(probe, CONNECTIONS, &connection, "persistent_port");
        let portal = match (address, port) {
            (Some(address), Some(port)) if address.contains(':') => Some(format!("[{address}]:{port}")),
            (Some(address), Some(port)) => Some(format!("{address}:{port}")),
            (address, _) => address,
        };
        let mut text = |file: &str| text(probe, SESSIONS, &name, file);
        found.push(IscsiSession {
            state: text("state"),
            targetname: text("targetname"),
            portal,
            ifacename: text("ifacename"),
            recovery_tmo: text("recovery_tmo").and_then(|seconds| seconds.parse().ok()),
            name,
        });
    }
    found
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::super::gather;
    use crate::host::Host;
    use luthier_protocol::Value;
    use serde_json::json;

    #[test]
    fn controllers_ports_and_sessions() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            path
        };
        let write = |path: &str, text: &str| std::fs::write(at(path), format!("{text}\n")).unwrap();
        for (file, text) in [
            ("model", "SAMSUNG MZQL23T8HCLS-00A07"),
            ("firmware_rev", "GDC5602Q"),
            ("transport", "pcie"),
            ("address", "0000:41:00.0"),
            ("state", "live"),
            ("queue_count", "65"),
            ("sqsize", "1023"),
            ("numa_node", "-1"),
        ] {
            write(&format!("sys/class/nvme/nvme0/{file}"), text);
        }
        let port = "devices/pci0000:3a/0000:3a:00.0/0000:3b:00.1/host5/fc_host/host5";
        write(&format!("sys/{port}/port_state"), "Online");
        write(&format!("sys/{port}/speed"), "8 Gbit");
        write(&format!("sys/{port}/supported_speeds"), "4 Gbit, 8 Gbit, 16 Gbit");
        write(&format!("sys/{port}/port_name"), "0x21000024ff000001");
        std::os::unix::fs::symlink(format!("../../{port}"), at("sys/class/fc_host/host5")).unwrap();
        write("sys/class/iscsi_session/session2/state", "LOGGED_IN");
        write("sys/class/iscsi_session/session2/targetname", "iqn.2003-01.org.example:disks");
        write("sys/class/iscsi_session/session2/recovery_tmo", "5");
        write("sys/class/iscsi_connection/connection2:0/persistent_address", "2001:db8::7");
        write("sys/class/iscsi_connection/connection2:0/persistent_port", "3260");
        let facts = Value::Object(gather(&Host::under(root.path()), &["block".to_owned()]).unwrap());
        let nvme = &facts["block"]["nvme"][0];
        assert_eq!((&nvme["firmware_rev"], &nvme["queue_count"]), (&json!("GDC5602Q"), &json!(65)));
        assert_eq!((&nvme["transport"], &nvme["numa_node"]), (&json!("pcie"), &Value::Null));
        let port = &facts["block"]["fc_hosts"][0];
        assert_eq!((&port["port_state"], &port["pci"]), (&json!("Online"), &json!("0000:3b:00.1")));
        assert_eq!((&port["fabric_name"], &port["port_name"]), (&Value::Null, &json!("0x21000024ff000001")));
        let session = json!({"name": "session2", "state": "LOGGED_IN", "targetname": "iqn.2003-01.org.example:disks",
            "portal": "[2001:db8::7]:3260", "ifacename": null, "recovery_tmo": 5});
        assert_eq!(facts["block"]["iscsi_sessions"], json!([session]));
    }
}
