//! `block`: block devices and their queues. The kernel's account: `Documentation/ABI/stable/sysfs-block`.

use super::probe::{Probe, choices, chosen, numbered};
use super::{FactError, FactSource, blockqueue, pcitree, storage};
use crate::host::Host;
use luthier_protocol::facts::Fact;
use luthier_protocol::facts::{BlockDevice, DiskPath};
use luthier_protocol::{Map, Value};

const FOLDER: &str = "/sys/block";
const SUBSYSTEMS: &str = "/sys/class/nvme-subsystem";

/// Devices are made of devices that are made of devices, no further.
const DEEPEST: usize = 4;

/// The source of `block`.
#[derive(Debug)]
pub struct Block;

impl FactSource for Block {
    fn key(&self) -> &'static str {
        "block"
    }

    fn read(&self, host: &Host, errors: &mut Vec<FactError>) -> Value {
        let mut probe = Probe::new(host, errors);
        let names = probe.list("block.devices", FOLDER);
        let devices: Option<Vec<BlockDevice>> =
            names.map(|names| names.into_iter().filter_map(|name| device(&mut probe, name)).collect());
        let mut block = Map::new();
        block.insert("devices".to_owned(), devices.value());
        storage::fill(&mut probe, &mut block);
        let mut block = Value::Object(block);
        blockqueue::fill(&mut probe, &mut block);
        block
    }
}

/// `None` for a loop or RAM disk without a medium, and for one way to a disk that the kernel shows as another device.
fn device(probe: &mut Probe<'_>, name: String) -> Option<BlockDevice> {
    let folder = format!("{FOLDER}/{name}");
    let key = |field: &str| format!("block.devices[{name}].{field}");
    if probe.quiet(&format!("{folder}/hidden")) == Some("1") {
        return None;
    }
    let sectors: Option<u64> = probe.number(&key("size_bytes"), &format!("{folder}/size"));
    let pseudo = name.starts_with("loop") || name.starts_with("ram");
    if pseudo && sectors == Some(0) {
        return None;
    }
    let model = probe.quiet(&format!("{folder}/device/model")).map(str::to_owned);
    let scheduler = probe.text(&key("scheduler"), &format!("{folder}/queue/scheduler"));
    let write_cache = probe.text(&key("write_cache"), &format!("{folder}/queue/write_cache"));
    let mut number = |field: &str, file: &str| probe.number::<u64>(&key(field), &format!("{folder}/{file}"));
    let flag = |number: Option<u64>| number.map(|number| number != 0);
    let rotational = flag(number("rotational", "queue/rotational"));
    let removable = flag(number("removable", "removable"));
    let read_only = flag(number("read_only", "ro"));
    let nr_requests = number("nr_requests", "queue/nr_requests");
    let read_ahead_kib = number("read_ahead_kib", "queue/read_ahead_kb");
    let logical_block = number("logical_block", "queue/logical_block_size");
    let physical_block = number("physical_block", "queue/physical_block_size");
    let link = probe.host.read_link(&folder).unwrap_or_default();
    let parts_of = probe.host.list(&format!("{folder}/slaves")).unwrap_or_default();
    let mapper_kind = probe.quiet(&format!("{folder}/dm/uuid")).and_then(mapper_kind);
    let subsystem = link.split('/').find(|part| numbered(part, "nvme-subsys").is_some()).map(str::to_owned);
    let paths = match &subsystem {
        Some(subsystem) => controllers(probe, subsystem),
        None if mapper_kind.as_deref() == Some("multipath") => disks(probe, &parts_of),
        None => Vec::new(),
    };
    let io_policy = subsystem.and_then(|name| probe.quiet(&format!("{SUBSYSTEMS}/{name}/iopolicy")).map(str::to_owned));
    Some(BlockDevice {
        size_bytes: sectors.and_then(|sectors| sectors.checked_mul(512)),
        rotational,
        removable,
        read_only,
        model,
        schedulers: scheduler.as_deref().map(choices),
        scheduler: scheduler.as_deref().map(|text| chosen(text).to_owned()),
        nr_requests,
        read_ahead_kib,
        logical_block,
        physical_block,
        write_cache,
        pci: link.rsplit('/').find(|part| pcitree::is_address(part)).map(str::to_owned).or_else(|| function(&paths)),
        numa_node: numa_node(probe, &name, 0).or_else(|| common(paths.iter().map(|path| path.numa_node))),
        parts_of,
        mapper: probe.quiet(&format!("{folder}/dm/name")).map(str::to_owned),
        mapper_kind,
        state: probe.quiet(&format!("{folder}/device/state")).map(str::to_owned),
        queues: probe.host.list(&format!("{folder}/mq")).ok().and_then(|queues| u32::try_from(queues.len()).ok()),
        paths,
        io_policy,
        name,
        ..BlockDevice::default()
    })
}

/// The disks of a multipath map.
fn disks(probe: &mut Probe<'_>, names: &[String]) -> Vec<DiskPath> {
    let path = |name: &String| {
        let device = format!("{FOLDER}/{name}/device");
        DiskPath {
            state: probe.quiet(&format!("{device}/state")).map(str::to_owned),
            address: probe.host.read_link(&device).ok().and_then(|link| link.rsplit('/').next().map(str::to_owned)),
            numa_node: numa_node(probe, name, 0),
            name: name.clone(),
        }
    };
    names.iter().map(path).collect()
}

/// The controllers of an NVMe subsystem.
fn controllers(probe: &mut Probe<'_>, subsystem: &str) -> Vec<DiskPath> {
    let mut names = probe.host.list(&format!("{SUBSYSTEMS}/{subsystem}")).unwrap_or_default();
    names.retain(|name| numbered(name, "nvme").is_some());
    let path = |name: String| {
        let mut text = |file: &str| probe.quiet(&format!("/sys/class/nvme/{name}/{file}")).map(str::to_owned);
        let numa_node = text("numa_node").and_then(|node| node.parse().ok());
        DiskPath { state: text("state"), address: text("address"), numa_node, name }
    };
    names.into_iter().map(path).collect()
}

/// The PCI function that all ways to an NVMe namespace lead through; ways across a network have addresses of another kind.
fn function(paths: &[DiskPath]) -> Option<String> {
    let first = paths.first()?.address.as_ref().filter(|address| pcitree::is_address(address))?;
    paths.iter().all(|path| path.address.as_ref() == Some(first)).then(|| first.clone())
}

/// What all say; `None` where one does not know, or they differ.
fn common(mut nodes: impl Iterator<Item = Option<u32>>) -> Option<u32> {
    let first = nodes.next()??;
    nodes.all(|node| node == Some(first)).then_some(first)
}

/// The node of the nearest device above that tells one, else what all its parts say.
fn numa_node(probe: &mut Probe<'_>, name: &str, depth: usize) -> Option<u32> {
    let folder = format!("{FOLDER}/{name}");
    let link = probe.host.read_link(&folder).unwrap_or_default();
    let mut place = link.split_once("devices/").map(|(_, place)| place).unwrap_or_default();
    while !place.is_empty() {
        let node: Option<i64> = probe.quiet_number(&format!("/sys/devices/{place}/numa_node"));
        if let Some(node) = node.and_then(|node| u32::try_from(node).ok()) {
            return Some(node);
        }
        place = place.rsplit_once('/').map(|(above, _)| above).unwrap_or_default();
    }
    if depth >= DEEPEST {
        return None;
    }
    let parts = probe.host.list(&format!("{folder}/slaves")).unwrap_or_default();
    common(parts.iter().map(|part| numa_node(probe, part, depth + 1)))
}

/// `mpath-3600…` is of multipath, `LVM-…` of LVM; other makers put their own word there.
fn mapper_kind(uuid: &str) -> Option<String> {
    let (word, _) = uuid.split_once('-')?;
    let word = word.to_ascii_lowercase();
    Some(if word == "mpath" { "multipath".to_owned() } else { word })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;
    use serde_json::json;

    #[test]
    fn ways_to_a_disk() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            path
        };
        let write = |path: &str, text: &str| std::fs::write(at(path), text).unwrap();
        let link = |path: &str, target: &str| std::os::unix::fs::symlink(target, at(path)).unwrap();
        for (disk, card, node, state) in
            [("sda", "0000:3b:00.0", "1", "running"), ("sdb", "0000:3c:00.0", "1", "offline")]
        {
            let unit = format!("devices/pci0000:3a/{card}/host1/1:0:0:{node}");
            write(&format!("sys/devices/pci0000:3a/{card}/numa_node"), node);
            write(&format!("sys/{unit}/state"), state);
            write(&format!("sys/{unit}/block/{disk}/size"), "8");
            link(&format!("sys/{unit}/block/{disk}/device"), &format!("../../../1:0:0:{node}"));
            link(&format!("sys/block/{disk}"), &format!("../{unit}/block/{disk}"));
        }
        write("sys/devices/virtual/block/dm-0/dm/uuid", "mpath-3600");
        write("sys/devices/virtual/block/dm-0/slaves/sda", "");
        write("sys/devices/virtual/block/dm-0/slaves/sdb", "");
        link("sys/block/dm-0", "../devices/virtual/block/dm-0");
        write("sys/devices/virtual/nvme-subsystem/nvme-subsys0/iopolicy", "numa\n");
        write("sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1/size", "8");
        write("sys/class/nvme/nvme0/state", "live");
        write("sys/class/nvme/nvme0/numa_node", "0");
        write("sys/class/nvme/nvme0/address", "0000:01:00.0");
        write("sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0/x", "");
        write("sys/block/nvme0c0n1/hidden", "1\n");
        link("sys/class/nvme-subsystem/nvme-subsys0", "../../devices/virtual/nvme-subsystem/nvme-subsys0");
        link("sys/block/nvme0n1", "../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1");
        let facts = Block.read(&Host::under(root.path()), &mut Vec::new());
        let map = &facts["devices"][0];
        assert_eq!(
            (&map["name"], &map["mapper_kind"], &map["numa_node"]),
            (&json!("dm-0"), &json!("multipath"), &json!(1))
        );
        let second = json!({"name": "sdb", "state": "offline", "address": "1:0:0:1", "numa_node": 1});
        assert_eq!(map["paths"][1], second);
        let head = &facts["devices"][1];
        assert_eq!(
            (&head["name"], &head["io_policy"], &head["numa_node"]),
            (&json!("nvme0n1"), &json!("numa"), &json!(0))
        );
        assert_eq!((&head["pci"], facts["devices"].as_array().unwrap().len()), (&json!("0000:01:00.0"), 4));
        let way = json!({"name": "nvme0", "state": "live", "address": "0000:01:00.0", "numa_node": 0});
        assert_eq!(head["paths"], json!([way]));
        assert_eq!((&facts["devices"][2]["pci"], &facts["devices"][2]["paths"]), (&json!("0000:3b:00.0"), &json!([])));
    }
}
