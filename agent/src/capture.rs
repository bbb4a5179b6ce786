//! What the facts read of this machine, to be replayed elsewhere: paths with their content, without what tells one machine
//! of a build from another (serial numbers, UUIDs, hardware addresses, names and addresses of the network) unless asked for.

use crate::facts;
use crate::host::{Host, Seen};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use luthier_protocol::{Map, Value};
use serde_json::json;

/// Reads all facts of a machine and returns what was read: `{"entries": [{"path", "folder" | "link" | "text" | "base64" |
/// "unreadable"}]}`, by path.
pub fn capture(host: &Host, keep_identity: bool) -> Map {
    let recorded = host.recorded();
    // What the facts say is of no interest here; what they could not read is part of the machine.
    let _ = facts::gather(&recorded, &[]);
    let _ = facts::gather(&recorded, &["vms".to_owned()]);
    facts::ansible::read_all(&recorded);
    let mut entries = Vec::new();
    for (path, seen) in recorded.recording() {
        let seen = if keep_identity { Some(seen) } else { anonymous(&path, seen) };
        if let Some(seen) = seen {
            entries.push(entry(&path, seen));
        }
    }
    Map::from_iter([("entries".to_owned(), Value::Array(entries))])
}

fn entry(path: &str, seen: Seen) -> Value {
    match seen {
        Seen::Folder => json!({"path": path, "folder": true}),
        Seen::Link(target) => json!({"path": path, "link": target}),
        Seen::Unreadable(reason) => json!({"path": path, "unreadable": reason}),
        Seen::File(bytes) => match String::from_utf8(bytes) {
            Ok(text) => json!({"path": path, "text": text}),
            Err(error) => json!({"path": path, "base64": STANDARD.encode(error.into_bytes())}),
        },
    }
}

/// Files whose whole content is about this one machine.
const PRIVATE: [&str; 14] = [
    "/etc/hostname",
    "/etc/machine-id",
    "/etc/resolv.conf",
    "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/domainname",
    "/proc/sys/kernel/random/boot_id",
    "/proc/net/fib_trie",
    "/proc/net/route",
    "/proc/net/if_inet6",
    "/proc/net/ipv6_route",
    "/proc/net/arp",
    "/proc/self/environ",
    "/etc/iscsi/initiatorname.iscsi",
    "/etc/fstab",
];

/// A seen path without what identifies the machine; `None` where nothing of it may stay.
fn anonymous(path: &str, seen: Seen) -> Option<Seen> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let bytes = match seen {
        Seen::File(bytes) => bytes,
        other => return Some(other),
    };
    let private = PRIVATE.contains(&path)
        || path.starts_with("/etc/ssh/")
        || name.ends_with("_serial")
        || matches!(
            name,
            "serial"
                | "product_uuid"
                | "uuid"
                | "wwid"
                | "wwn"
                | "eui"
                | "nguid"
                | "chassis_asset_tag"
                | "board_asset_tag"
                | ".members"
                | "port_name"
                | "fabric_name"
                | "targetname"
                | "persistent_address"
        );
    if private {
        return None;
    }
    Some(Seen::File(match name {
        "DMI" if path.starts_with("/sys/firmware/dmi/") => facts::without_serials(bytes),
        "raw" if path.starts_with("/sys/firmware/dmi/") => facts::without_serials(bytes),
        "address" | "broadcast" | "perm_address" if path.contains("/net/") => zeros(&bytes),
        // What is reached over a network.
        "address" if bytes.starts_with(b"traddr=") => b"traddr=0.0.0.0\n".to_vec(),
        "cmdline" if path == "/proc/cmdline" => without_names(&bytes),
        _ => bytes,
    }))
}

/// A hardware address of the same length without its digits.
fn zeros(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| if byte.is_ascii_hexdigit() { b'0' } else { *byte }).collect()
}

/// Boot parameters without what names disks, addresses and hosts.
fn without_names(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let words = text.trim_end().split(' ').map(|word| match word.split_once('=') {
        Some((key, value))
            if matches!(key, "root" | "resume" | "ip" | "nameserver" | "systemd.hostname" | "BOOTIF")
                || value.contains("UUID") =>
        {
            format!("{key}=removed")
        }
        _ => word.to_owned(),
    });
    let mut line = words.collect::<Vec<_>>().join(" ");
    line.push('\n');
    line.into_bytes()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn machine() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("proc/cmdline", "BOOT_IMAGE=/vmlinuz root=UUID=4c1f quiet ip=192.0.2.9\n");
        write("proc/sys/kernel/hostname", "secret\n");
        write("sys/class/net/eth0/address", "52:54:00:12:34:56\n");
        write("sys/class/net/eth0/mtu", "9000\n");
        write("proc/meminfo", "MemTotal: 4 kB\n");
        write("sys/class/nvme/nvme0/state", "live\n");
        write("sys/class/nvme/nvme0/address", "traddr=192.0.2.9,trsvcid=4420\n");
        write("etc/pve/.members", "{\"nodename\": \"secret\"}");
        write("sys/class/fc_host/host5/port_name", "0x21secret\n");
        write("sys/class/fc_host/host5/fabric_name", "0x10secret\n");
        write("sys/class/iscsi_session/session1/targetname", "iqn.secret\n");
        write("sys/class/iscsi_connection/connection1:0/persistent_address", "192.0.2.9\n");
        root
    }

    #[test]
    fn a_capture_replays_and_names_nobody() {
        let root = machine();
        let captured = capture(&Host::under(root.path()), false);
        let text = serde_json::to_string(&captured).unwrap();
        for secret in ["4c1f", "192.0.2.9", "secret", "52:54"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert!(
            text.contains("00:00:00:00:00:00") && text.contains("9000") && text.contains("MemTotal: 4 kB"),
            "{text}"
        );
        let whole = serde_json::to_string(&capture(&Host::under(root.path()), true)).unwrap();
        assert!(whole.contains("52:54:00:12:34:56") && whole.contains("4c1f"));
    }
}
