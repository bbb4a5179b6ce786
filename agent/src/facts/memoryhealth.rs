//! Memory as hardware and as the kernel's counters see it. The kernel's account: `Documentation/admin-guide/RAS`,
//! `Documentation/admin-guide/mm/memory-hotplug.rst`.

use super::filled::{Field, Form, fill as fill_row, list, rows};
use super::probe::{Probe, numbers};
use crate::host::order::map;
use luthier_protocol::facts::Fact;
use luthier_protocol::{Map, Value};
use std::collections::BTreeMap;

const CONTROLLERS: &str = "/sys/devices/system/edac/mc";
const BLOCKS: &str = "/sys/devices/system/memory";

/// The kernel makes blocks larger where there is much memory; reading more of them than this would take milliseconds.
const MOST: usize = 1024;

const COUNTS: [Field; 4] = [
    ("mc_name", "mc_name", Form::Text),
    ("ce_count", "ce_count", Form::Count),
    ("ue_count", "ue_count", Form::Count),
    ("seconds_since_reset", "seconds_since_reset", Form::Count),
];
const SIZE: [Field; 1] = [("block_size_bytes", "block_size_bytes", Form::Hex)];

/// Fills the controllers whose errors are counted, and the blocks.
pub fn fill(probe: &mut Probe<'_>, memory: &mut Value) {
    let Some(row) = memory.as_object_mut() else { return };
    // Other names are those of the whole.
    let names = numbers(&probe.host.list(CONTROLLERS).unwrap_or_default(), "mc");
    let names = names.into_iter().map(|number| format!("mc{number}")).collect();
    row.insert("edac".to_owned(), list(rows(probe, CONTROLLERS, names, &COUNTS)));
    row.insert("blocks".to_owned(), blocks(probe).map_or(Value::Null, Value::Object));
}

/// The blocks of memory; `None` on kernels that cannot switch memory.
fn blocks(probe: &mut Probe<'_>) -> Option<Map> {
    let names = numbers(&probe.host.list(BLOCKS).ok()?, "memory");
    let mut row = Map::new();
    fill_row(probe, &mut row, BLOCKS, &SIZE);
    let count = names.len() as u64;
    let online = (names.len() <= MOST).then(|| {
        let mut on = 0;
        for block in names {
            let state = probe.quiet(&format!("{BLOCKS}/memory{block}/state"));
            on += u64::from(state == Some("online"));
        }
        on
    });
    let offline = online.and_then(|online| count.checked_sub(online));
    for (name, value) in [("count", Some(count)), ("online", online), ("offline", offline)] {
        row.insert(name.to_owned(), value.value());
    }
    Some(row)
}

/// What the kernel counts of transparent huge pages.
pub fn thp_counters(probe: &mut Probe<'_>) -> Option<BTreeMap<String, u64>> {
    let text = probe.file("thp.counters", "/proc/vmstat")?;
    let counters = text.lines().filter_map(|line| {
        let (name, count) = line.split_once(' ')?;
        name.starts_with("thp_").then_some((name.to_owned(), count.parse().ok()?))
    });
    Some(map(counters))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::super::gather;
    use super::*;
    use crate::host::Host;
    use luthier_protocol::facts::Memory;
    use serde_json::json;

    #[test]
    fn errors_blocks_and_counters() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let none = Value::Object(gather(&Host::under(root.path()), &["memory".to_owned()]).unwrap());
        assert_eq!((&none["memory"]["edac"], &none["memory"]["blocks"]), (&json!([]), &Value::Null));
        write("proc/meminfo", "MemTotal: 1 kB\n");
        for (file, text) in [("mc_name", "Skylake Socket#0 IMC#0"), ("ce_count", "3"), ("ue_count", "0")] {
            write(&format!("sys/devices/system/edac/mc/mc0/{file}"), text);
        }
        write("sys/devices/system/memory/block_size_bytes", "8000000\n");
        for (block, state) in [(0, "online"), (1, "online"), (32, "offline"), (33, "going-offline")] {
            write(&format!("sys/devices/system/memory/memory{block}/state"), state);
        }
        write("sys/devices/system/memory/probe", "");
        write("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
        write("proc/vmstat", "nr_free_pages 5\nthp_fault_alloc 12\nthp_fault_fallback 3\n");
        write("sys/devices/system/node/node0/hugepages/hugepages-2048kB/surplus_hugepages", "4\n");
        let keys = ["memory", "thp", "numa"].map(str::to_owned);
        let facts = Value::Object(gather(&Host::under(root.path()), &keys).unwrap());
        let row = json!({"name": "mc0", "mc_name": "Skylake Socket#0 IMC#0", "ce_count": 3, "ue_count": 0,
            "seconds_since_reset": null});
        assert_eq!(facts["memory"]["edac"], json!([row]));
        let blocks = json!({"block_size_bytes": 134_217_728, "count": 4, "online": 2, "offline": 2});
        assert_eq!(facts["memory"]["blocks"], blocks);
        let shape: Memory = serde_json::from_value(facts["memory"].clone()).unwrap();
        assert_eq!(shape.value(), facts["memory"]);
        assert_eq!(facts["thp"]["counters"], json!({"thp_fault_alloc": 12, "thp_fault_fallback": 3}));
        assert_eq!(facts["numa"]["nodes"][0]["hugepages"][0]["surplus"], json!(4));
    }
}
