//! `block`: block devices and their queues. The kernel's account: `Documentation/ABI/stable/sysfs-block`.

use super::probe::{Probe, choices, chosen};
use super::{FactError, FactSource, pcitree};
use crate::host::Host;
use luthier_protocol::Value;
use luthier_protocol::facts::BlockDevice;
use luthier_protocol::facts::Fact;

const FOLDER: &str = "/sys/block";

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
        let devices = names.map(|names| names.into_iter().filter_map(|name| device(&mut probe, name)).collect());
        luthier_protocol::facts::Block { devices }.value()
    }
}

/// `None` for a loop or RAM disk without a medium.
fn device(probe: &mut Probe<'_>, name: String) -> Option<BlockDevice> {
    let folder = format!("{FOLDER}/{name}");
    let key = |field: &str| format!("block.devices[{name}].{field}");
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
    let above: Vec<String> =
        link.split('/').filter(|part| !part.is_empty() && *part != "..").map(str::to_owned).collect();
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
        parts_of: probe.host.list(&format!("{folder}/slaves")).unwrap_or_default(),
        pci: above.iter().rev().find(|part| pcitree::is_address(part)).cloned(),
        numa_node: numa_node(probe, &above),
        mapper: probe.quiet(&format!("{folder}/dm/name")).map(str::to_owned),
        mapper_kind: probe.quiet(&format!("{folder}/dm/uuid")).and_then(mapper_kind),
        state: probe.quiet(&format!("{folder}/device/state")).map(str::to_owned),
        queues: probe.host.list(&format!("{folder}/mq")).ok().and_then(|queues| u32::try_from(queues.len()).ok()),
        name,
    })
}

/// The node of the nearest device above that tells one.
fn numa_node(probe: &mut Probe<'_>, above: &[String]) -> Option<u32> {
    let devices = above.strip_prefix(&["devices".to_owned()])?;
    (1..=devices.len()).rev().find_map(|depth| {
        let path = devices.get(..depth)?.join("/");
        let node: i64 = probe.quiet_number(&format!("/sys/devices/{path}/numa_node"))?;
        u32::try_from(node).ok()
    })
}

/// `mpath-3600…` is of multipath, `LVM-…` of LVM; other makers put their own word there.
fn mapper_kind(uuid: &str) -> Option<String> {
    let (word, _) = uuid.split_once('-')?;
    let word = word.to_ascii_lowercase();
    Some(if word == "mpath" { "multipath".to_owned() } else { word })
}
