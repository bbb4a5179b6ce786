//! How the kernel treats requests to a block device. Which settings a queue has differs with the device and the kernel. The
//! kernel's account: `Documentation/ABI/stable/sysfs-block`.

use super::probe::Probe;
use luthier_protocol::facts::BlockDevice;

/// A device of which only the queue's further settings and its holders are filled.
pub fn read(probe: &mut Probe<'_>, folder: &str) -> BlockDevice {
    let holders = probe.host.list(&format!("{folder}/holders")).ok();
    let mut number = |file: &str| probe.quiet_number::<i64>(&format!("{folder}/{file}"));
    let (wbt_lat_usec, alignment_offset) = (number("queue/wbt_lat_usec"), number("alignment_offset"));
    let mut count = |file: &str| number(file).and_then(|number| u64::try_from(number).ok());
    BlockDevice {
        rq_affinity: count("queue/rq_affinity"),
        nomerges: count("queue/nomerges"),
        max_sectors_kib: count("queue/max_sectors_kb"),
        minimum_io: count("queue/minimum_io_size"),
        optimal_io: count("queue/optimal_io_size"),
        discard_granularity: count("queue/discard_granularity"),
        discard_max_bytes: count("queue/discard_max_bytes"),
        wbt_lat_usec,
        alignment_offset,
        holders,
        ..BlockDevice::default()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::host::Host;

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
        let mut errors = Vec::new();
        let host = Host::under(root.path());
        let device = read(&mut Probe::new(&host, &mut errors), "/sys/block/sda");
        assert_eq!((device.rq_affinity, device.nomerges, device.max_sectors_kib), (Some(1), Some(0), Some(1280)));
        assert_eq!((device.discard_max_bytes, device.alignment_offset), (Some(2_199_023_255_040), Some(-1)));
        assert_eq!((device.wbt_lat_usec, device.optimal_io), (None, None));
        assert_eq!(device.holders, Some(vec!["dm-0".to_owned()]));
        assert_eq!(errors, []);
    }
}
