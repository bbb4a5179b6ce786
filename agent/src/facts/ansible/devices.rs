//! `devices`: disks and their partitions.

use crate::facts::probe::chosen;
use crate::host::Host;
use luthier_protocol::{Map, Value};
use serde_json::json;

const FOLDER: &str = "/sys/block";

/// `devices`.
pub fn devices(host: &Host, facts: &mut Map) {
    let mut devices = Map::new();
    for name in host.list(FOLDER).unwrap_or_default() {
        devices.insert(name.clone(), device(host, &name));
    }
    facts.insert("devices".to_owned(), Value::Object(devices));
}

fn device(host: &Host, name: &str) -> Value {
    let folder = format!("{FOLDER}/{name}");
    let text = |file: &str| host.read_text(&format!("{folder}/{file}")).ok().map(|text| text.trim().to_owned());
    let sectors: u64 = text("size").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut partitions = Map::new();
    for entry in host.list(&folder).unwrap_or_default() {
        if entry.starts_with(name) && text(&format!("{entry}/partition")).is_some() {
            let sectors: u64 = text(&format!("{entry}/size")).and_then(|text| text.parse().ok()).unwrap_or(0);
            let partition = json!({
                "start": text(&format!("{entry}/start")),
                "sectors": sectors,
                "sectorsize": text("queue/logical_block_size").and_then(|text| text.parse::<u64>().ok()).unwrap_or(512),
                "size": size(sectors),
                "holders": host.list(&format!("{folder}/{entry}/holders")).unwrap_or_default(),
            });
            partitions.insert(entry, partition);
        }
    }
    json!({
        // What Ansible says of every device that `/sys/block` links to, real ones too.
        "virtual": 1,
        "model": text("device/model"),
        "vendor": text("device/vendor"),
        "removable": text("removable"),
        "rotational": text("queue/rotational"),
        "scheduler_mode": text("queue/scheduler").map(|text| chosen(&text).to_owned()).unwrap_or_default(),
        "support_discard": text("queue/discard_granularity"),
        "sectors": sectors,
        "sectorsize": text("queue/logical_block_size").unwrap_or_else(|| "512".to_owned()),
        "size": size(sectors),
        "holders": host.list(&format!("{folder}/holders")).unwrap_or_default(),
        "partitions": partitions,
    })
}

/// Sectors of 512 bytes as text for people (`256.00 GB`).
fn size(sectors: u64) -> String {
    let bytes = u128::from(sectors) * 512;
    let units = [("TB", 40), ("GB", 30), ("MB", 20), ("KB", 10)];
    match units.iter().find(|(_, shift)| bytes >> shift > 0) {
        Some((unit, shift)) => {
            let hundredths = (bytes * 100 + (1 << (shift - 1))) >> shift;
            format!("{}.{:02} {unit}", hundredths / 100, hundredths % 100)
        }
        None => format!("{bytes}.00 Bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_for_people() {
        assert_eq!(size(536_870_912), "256.00 GB");
        assert_eq!(size(0), "0.00 Bytes");
        assert_eq!(size(3), "1.50 KB");
    }
}
