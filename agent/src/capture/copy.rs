//! What the facts read of this machine, to be replayed elsewhere: paths with their content, without what tells one machine
//! of a build from another (serial numbers, UUIDs, hardware addresses, names and addresses of the network) unless asked for.

use super::private::anonymous;
use super::shapes::Shapes;
use crate::facts;
use crate::host::{Host, Seen};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use luthier_protocol::{Map, Value};
use serde_json::json;
use std::collections::BTreeMap;

/// Reads all facts of a machine and returns what was read: `{"entries": [{"path", "folder" | "link" | "text" | "base64" |
/// "unreadable"}]}`, by path.
pub fn capture(host: &Host, keep_identity: bool) -> Map {
    let recorded = host.recorded();
    // What the facts say is of no interest here; what they could not read is part of the machine.
    let _ = facts::gather(&recorded, &[]);
    let _ = facts::gather(&recorded, &["vms".to_owned()]);
    facts::ansible::read_all(&recorded);
    let recording = recorded.recording();
    let mut shapes = shapes(host, &recording);
    let mut entries = Vec::new();
    for (path, seen) in recording {
        let kept = if keep_identity {
            Some((path, seen))
        } else {
            anonymous(path, seen).map(|(path, seen)| (shapes.hide(&path), hidden(&path, seen, &mut shapes)))
        };
        entries.extend(kept.map(|(path, seen)| entry(&path, seen)));
    }
    Map::from_iter([("entries".to_owned(), Value::Array(entries))])
}

/// What to look for on this machine. A host that is called as a file of the kernel is, or as its distribution, keeps that
/// word: it names nobody, and without it the capture could not be replayed.
fn shapes(host: &Host, recording: &BTreeMap<String, Seen>) -> Shapes {
    let named = host.uname().map(|uname| uname.node);
    let node = named.or_else(|| host.read_text("/proc/sys/kernel/hostname").ok()).unwrap_or_default();
    let mut shapes = Shapes::of(node.trim());
    let common = recording.iter().any(|(path, seen)| match seen {
        Seen::File(text) if path.ends_with("/os-release") => {
            std::str::from_utf8(text).is_ok_and(|text| shapes.names(text))
        }
        _ => (path.starts_with("/sys/") || path.starts_with("/proc/")) && shapes.names(path),
    });
    if common {
        shapes.forget_name();
    }
    shapes
}

/// A content or target without what names the machine by its shape. Tables of firmware and configuration spaces are no text,
/// even where they look like one.
fn hidden(path: &str, seen: Seen, shapes: &mut Shapes) -> Seen {
    match seen {
        Seen::Link(target) => Seen::Link(shapes.hide(&target)),
        Seen::File(bytes) if !path.starts_with("/sys/firmware/dmi/") && !path.ends_with("/config") => {
            Seen::File(match String::from_utf8(bytes) {
                Ok(text) => shapes.hide(&text).into_bytes(),
                Err(error) => error.into_bytes(),
            })
        }
        other => other,
    }
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
        let link = |path: &str, target: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(target, path).unwrap();
        };
        write(
            "proc/cmdline",
            "BOOT_IMAGE=/vmlinuz root=UUID=4c1f quiet ip=192.0.2.9 rd.luks.uuid=luks-a1b2 rd.md.uuid=77aa:88bb isolcpus=1-3 ifname=eth0:52:54:00:12:34:56 rd.lvm.lv=rhel_secret-7/root net=192.0.2.9 hugepages=8\n",
        );
        write("proc/sys/kernel/hostname", "secret-7\n");
        write("etc/hosts", "192.0.2.9 secret-7\n");
        write("etc/nvme/hostnqn", "nqn.2014-08.org.nvmexpress:uuid:4c4c4544-0051-3210-8054-b7c04f4d3333\n");
        write("etc/chrony/chrony.conf", "# of secret-7\nserver time.secret.example iburst\nrefclock PHC /dev/ptp0\n");
        write("etc/systemd/timesyncd.conf", "[Time]\nNTP=time.secret.example 192.0.2.9\n");
        write("sys/class/net/enx525400123456/address", "52:54:00:12:34:56\n");
        write("sys/class/net/enx525400123456/mtu", "9000\n");
        write("sys/class/net/br0/bridge/bridge_id", "8000.525400123456\n");
        write("sys/class/net/br0/address", "52:54:00:ab:cd:ef\n");
        write("sys/block/dm-0/dm/uuid", "mpath-3600508b4000156d700012000000b0000\n");
        write("sys/block/dm-0/dm/name", "rhel_secret--7-root\n");
        write("sys/block/sda/size", "8\n");
        link("dev/disk/by-uuid/4c4c4544-0051-3210-8054-b7c04f4d3333", "../../sda");
        write("sys/bus/pci/slots/U78D2.001.WZS0123-P1-C5/address", "0000:01:00\n");
        write(
            "proc/mounts",
            "/dev/mapper/rhel_secret--7-root / xfs rw,noatime 0 0\nfiler.secret:/x /mnt nfs rw,addr=192.0.2.9 0 0\nhugetlbfs /dev/hugepages hugetlbfs rw,pagesize=1024M 0 0\n",
        );
        write("proc/cpuinfo", "processor : 0\nFeatures : fp\nSerial\t\t: 1000000051a2b3c4\n");
        write("proc/meminfo", "MemTotal: 4 kB\n");
        write("proc/42/comm", "qemu-system-x86\n");
        write("proc/42/cmdline", "/usr/bin/qemu\0-name\0guest=bank-secret\0-m\x004096\0-smbios\0type=1,uuid=a1b2\0");
        write("proc/42/status", "Cpus_allowed_list:\t2-3\n");
        write("proc/42/numa_maps", "7f00 bind:1 file=/dev/hugepages/bank-secret N1=4 kernelpagesize_kB=2048\n");
        write("run/libvirt/qemu/other-secret.pid", "43\n");
        write("run/libvirt/qemu/other-secret.xml", "");
        write("proc/43/status", "Cpus_allowed_list:\t4\n");
        root
    }

    /// What a capture holds, written where it was.
    fn unpacked(captured: &Map) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for entry in captured.get("entries").and_then(Value::as_array).unwrap() {
            let word = |key: &str| entry.get(key).and_then(Value::as_str);
            let path = root.path().join(word("path").unwrap().trim_start_matches('/'));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            match (word("link"), word("text")) {
                (Some(target), _) => std::os::unix::fs::symlink(target, path).unwrap(),
                (_, Some(text)) => std::fs::write(path, text).unwrap(),
                _ => std::fs::create_dir_all(path).unwrap(),
            }
        }
        root
    }

    #[test]
    fn a_capture_replays_and_names_nobody() {
        let root = machine();
        let captured = capture(&Host::under(root.path()), false);
        let text = serde_json::to_string(&captured).unwrap();
        for secret in [
            "4c1f",
            "192.0.2.9",
            "secret",
            "52:54",
            "525400",
            "a1b2",
            "77aa",
            "4c4c4544",
            "3600508b",
            "WZS0123",
            "51a2b3c4",
        ] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        for kept in [
            "00:00:00:00:00:0",
            "9000",
            "MemTotal: 4 kB",
            "isolcpus=1-3",
            "hugepages=8",
            "/dev/mapper/rhel_host-root / xfs rw,noatime",
            "pagesize=1024M",
            "mpath-000",
            "refclock PHC /dev/ptp0",
            "server removed iburst",
            "-P1-C5",
        ] {
            assert!(text.contains(kept), "{kept} not in {text}");
        }
        let whole = serde_json::to_string(&capture(&Host::under(root.path()), true)).unwrap();
        for kept in ["52:54:00:12:34:56", "4c1f", "WZS0123", "bank-secret", "other-secret"] {
            assert!(whole.contains(kept), "{kept} not in {whole}");
        }
        let replayed = unpacked(&captured);
        let facts = |root: &std::path::Path, key: &str| {
            facts::gather(&Host::under(root), &[key.to_owned()]).unwrap().remove(key).unwrap()
        };
        let (live, again) = (facts(root.path(), "block"), facts(replayed.path(), "block"));
        assert_eq!(live.pointer("/devices/0/mapper_kind"), Some(&json!("multipath")));
        assert_eq!(live.pointer("/devices/0/mapper_kind"), again.pointer("/devices/0/mapper_kind"));
        assert_eq!(facts(root.path(), "hugepages"), facts(replayed.path(), "hugepages"));
        let mut live = facts(root.path(), "vms");
        for (index, name) in ["vm42", "vm43"].into_iter().enumerate() {
            *live.get_mut(index).unwrap().get_mut("name").unwrap() = json!(name);
        }
        assert_eq!(live.pointer("/0/nodes/0/kib"), Some(&json!(8192)));
        assert_eq!(live, facts(replayed.path(), "vms"));
    }

    #[test]
    fn a_host_named_as_the_kernel_names_things_replays_all_the_same() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("sys/devices/system/node/node0");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("cpulist"), "0-1\n").unwrap();
        std::fs::create_dir_all(root.path().join("proc/sys/kernel")).unwrap();
        std::fs::write(root.path().join("proc/sys/kernel/hostname"), "node0\n").unwrap();
        let text = serde_json::to_string(&capture(&Host::under(root.path()), false)).unwrap();
        assert!(text.contains("/sys/devices/system/node/node0/cpulist"), "{text}");
    }
}
