//! What block devices hang off: NVMe controllers, ports of Fibre Channel cards, iSCSI sessions. The kernel's account:
//! `Documentation/ABI/testing/sysfs-class-nvme`, `Documentation/scsi/scsi_fc_transport.rst`.

use super::filled::{Field, Form, list, rows, text_of};
use super::pcitree;
use super::probe::{Probe, numbered};
use luthier_protocol::Map;
use luthier_protocol::facts::Fact;

const NVME: &str = "/sys/class/nvme";
const FC: &str = "/sys/class/fc_host";
const SESSIONS: &str = "/sys/class/iscsi_session";
const CONNECTIONS: &str = "/sys/class/iscsi_connection";

const NVME_FIELDS: [Field; 8] = [
    ("model", "model", Form::Text),
    ("firmware_rev", "firmware_rev", Form::Text),
    ("transport", "transport", Form::Text),
    ("address", "address", Form::Text),
    ("state", "state", Form::Text),
    ("queue_count", "queue_count", Form::Count),
    ("sqsize", "sqsize", Form::Count),
    ("numa_node", "numa_node", Form::Count),
];

const FC_FIELDS: [Field; 5] = [
    ("port_state", "port_state", Form::Text),
    ("speed", "speed", Form::Text),
    ("supported_speeds", "supported_speeds", Form::Text),
    ("port_name", "port_name", Form::Text),
    ("fabric_name", "fabric_name", Form::Text),
];

const SESSION_FIELDS: [Field; 4] = [
    ("state", "state", Form::Text),
    ("targetname", "targetname", Form::Text),
    ("ifacename", "ifacename", Form::Text),
    ("recovery_tmo", "recovery_tmo", Form::Number),
];

/// Fills `nvme`, `fc_hosts` and `iscsi_sessions`. A link whose device went away meanwhile makes no row.
pub fn fill(probe: &mut Probe<'_>, block: &mut Map) {
    let mut of = |class: &str, fields: &[Field]| {
        let names = probe.host.list(class).unwrap_or_default();
        rows(probe, class, names, fields)
    };
    let (nvme, mut ports, mut sessions) = (of(NVME, &NVME_FIELDS), of(FC, &FC_FIELDS), of(SESSIONS, &SESSION_FIELDS));
    for port in &mut ports {
        let link = probe.host.read_link(&format!("{FC}/{}", text_of(port, "name"))).unwrap_or_default();
        let pci = link.rsplit('/').find(|part| pcitree::is_address(part)).map(str::to_owned);
        port.insert("pci".to_owned(), pci.value());
    }
    for session in &mut sessions {
        let portal = portal(probe, &text_of(session, "name"));
        session.insert("portal".to_owned(), portal.value());
    }
    for (name, rows) in [("nvme", nvme), ("fc_hosts", ports), ("iscsi_sessions", sessions)] {
        block.insert(name.to_owned(), list(rows));
    }
}

/// Where the first connection of a session leads.
fn portal(probe: &mut Probe<'_>, session: &str) -> Option<String> {
    let folder = format!("{CONNECTIONS}/connection{}:0", numbered(session, "session")?);
    let address = probe.quiet(&format!("{folder}/persistent_address"))?.to_owned();
    let Some(port) = probe.quiet(&format!("{folder}/persistent_port")) else { return Some(address) };
    Some(if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::super::gather;
    use super::*;
    use crate::host::Host;
    use luthier_protocol::Value;
    use luthier_protocol::facts::Block;
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
        let shape: Block = serde_json::from_value(facts["block"].clone()).unwrap();
        assert_eq!(shape.value(), facts["block"]);
    }
}
