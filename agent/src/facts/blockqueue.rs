//! How the kernel treats requests to a block device. Which settings a queue has differs with the device and the kernel. The
//! kernel's account: `Documentation/ABI/stable/sysfs-block`.

use super::filled::{Field, Form, fill as fill_row, rows_of, text_of};
use super::probe::Probe;
use luthier_protocol::Value;
use luthier_protocol::facts::Fact;

const FIELDS: [Field; 9] = [
    ("rq_affinity", "queue/rq_affinity", Form::Count),
    ("nomerges", "queue/nomerges", Form::Count),
    ("max_sectors_kib", "queue/max_sectors_kb", Form::Count),
    ("minimum_io", "queue/minimum_io_size", Form::Count),
    ("optimal_io", "queue/optimal_io_size", Form::Count),
    ("discard_granularity", "queue/discard_granularity", Form::Count),
    ("discard_max_bytes", "queue/discard_max_bytes", Form::Count),
    ("wbt_lat_usec", "queue/wbt_lat_usec", Form::Number),
    ("alignment_offset", "alignment_offset", Form::Number),
];

/// Fills the further settings of every device's queue, and what is made of it.
pub fn fill(probe: &mut Probe<'_>, block: &mut Value) {
    for row in rows_of(block, "devices") {
        let folder = format!("/sys/block/{}", text_of(row, "name"));
        fill_row(probe, row, &folder, &FIELDS);
        row.insert("holders".to_owned(), probe.host.list(&format!("{folder}/holders")).ok().value());
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::super::gather;
    use crate::host::Host;
    use luthier_protocol::Value;
    use luthier_protocol::facts::{Block, Fact};
    use serde_json::json;

    #[test]
    fn settings_that_are_there_and_not() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join("sys/block/sda").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("queue/rq_affinity", "1\n");
        write("queue/nomerges", "0\n");
        write("queue/max_sectors_kb", "1280\n");
        write("queue/discard_max_bytes", "2199023255040\n");
        write("alignment_offset", "-1\n");
        write("holders/dm-0/x", "");
        let facts = Value::Object(gather(&Host::under(root.path()), &["block".to_owned()]).unwrap());
        let device = &facts["block"]["devices"][0];
        let told = |key: &str| device[key].clone();
        assert_eq!(["rq_affinity", "nomerges", "max_sectors_kib"].map(told), [json!(1), json!(0), json!(1280)]);
        assert_eq!(["discard_max_bytes", "alignment_offset"].map(told), [json!(2_199_023_255_040_u64), json!(-1)]);
        assert_eq!(["wbt_lat_usec", "optimal_io"].map(told), [Value::Null, Value::Null]);
        assert_eq!(device["holders"], json!(["dm-0"]));
        let shape: Block = serde_json::from_value(facts["block"].clone()).unwrap();
        assert_eq!(shape.value(), facts["block"]);
    }
}
