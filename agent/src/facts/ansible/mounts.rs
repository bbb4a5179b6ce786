//! `mounts`: mounted devices and network shares. Each is asked for its size with a deadline of its own: a network share whose
//! server is gone, or a FUSE program that hangs, would hang us with it.

use crate::host::patience::{PATIENCE, answers};
use crate::host::{FileSystemSize, Host};
use luthier_protocol::{Map, Value};
use serde_json::json;

/// `mounts`.
pub fn mounts(host: &Host, facts: &mut Map) {
    let text = host.read_text("/proc/mounts").unwrap_or_default();
    let uuids = uuids(host);
    let mut mounts: Vec<Map> = Vec::new();
    let mut paths = Vec::new();
    for line in text.lines() {
        let fields: Vec<String> = line.split(' ').map(unescape).collect();
        let [device, mount, kind, options, dump, pass] = fields.as_slice() else { continue };
        let share = device.contains(":/") || device.starts_with("//");
        if kind == "none" || !(device.starts_with('/') || share) {
            continue;
        }
        let uuid = device.rsplit('/').next().and_then(|name| uuids.iter().find(|(device, _)| device == name));
        paths.push(mount.clone());
        let row = json!({
            "mount": mount,
            "device": device,
            "fstype": kind,
            "options": options,
            "dump": dump.parse::<u32>().unwrap_or(0),
            "passno": pass.parse::<u32>().unwrap_or(0),
            "uuid": uuid.map_or("N/A", |(_, uuid)| uuid.as_str()),
        });
        mounts.extend(row.as_object().cloned());
    }
    let asked = host.clone();
    let found = answers(paths.len(), PATIENCE, move |index| asked.file_system_size(paths.get(index)?));
    for (row, size) in mounts.iter_mut().zip(found) {
        match size {
            Some(size) => row.extend(size.map(sizes).unwrap_or_default()),
            None => {
                row.extend([("note".to_owned(), Value::from("Timed out while attempting to get mount information"))])
            }
        }
    }
    let mounts: Vec<Value> = mounts.into_iter().map(Value::Object).collect();
    facts.insert("mounts".to_owned(), Value::from(mounts));
}

fn sizes(size: FileSystemSize) -> Map {
    let mut row = Map::new();
    let mut add = |name: &str, number: u64| row.insert(name.to_owned(), json!(number));
    add("size_total", size.blocks.saturating_mul(size.block_size));
    add("size_available", size.blocks_available.saturating_mul(size.block_size));
    add("block_size", size.block_size);
    add("block_total", size.blocks);
    add("block_available", size.blocks_available);
    add("block_used", size.blocks.saturating_sub(size.blocks_available));
    add("inode_total", size.inodes);
    add("inode_available", size.inodes_free);
    add("inode_used", size.inodes.saturating_sub(size.inodes_free));
    row
}

/// Kernel names of devices with the UUID of what is on them.
fn uuids(host: &Host) -> Vec<(String, String)> {
    let folder = "/dev/disk/by-uuid";
    let names = host.list(folder).unwrap_or_default();
    names
        .into_iter()
        .filter_map(|uuid| {
            let link = host.read_link(&format!("{folder}/{uuid}")).ok()?;
            Some((link.rsplit('/').next()?.to_owned(), uuid))
        })
        .collect()
}

/// Blanks and the like stand in the table as `\040`.
fn unescape(field: &str) -> String {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = tail.get(..3).filter(|_| *first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_in_paths() {
        assert_eq!(unescape("/mnt/a\\040b\\134c"), "/mnt/a b\\c");
        assert_eq!(unescape("/a\\9"), "/a\\9");
    }
}
