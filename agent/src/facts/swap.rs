//! `swap`: swap space.

use super::probe::{Probe, meminfo};
use super::{FactError, FactSource};
use crate::host::Host;
use luthier_protocol::Value;
use luthier_protocol::facts::Fact;
use luthier_protocol::facts::SwapDevice;

/// The source of `swap`.
#[derive(Debug)]
pub struct Swap;

impl FactSource for Swap {
    fn key(&self) -> &'static str {
        "swap"
    }

    fn read(&self, host: &Host, errors: &mut Vec<FactError>) -> Value {
        let mut probe = Probe::new(host, errors);
        let text = probe.file("swap.total_kib", "/proc/meminfo");
        let amount = |field: &str| text.as_deref().and_then(|text| meminfo(text, field));
        let (total_kib, free_kib) = (amount("SwapTotal"), amount("SwapFree"));
        if total_kib.is_none() || free_kib.is_none() {
            probe.note("swap.total_kib", "/proc/meminfo", "it has no SwapTotal");
            probe.note("swap.free_kib", "/proc/meminfo", "it has no SwapFree");
        }
        let devices =
            probe.file("swap.devices", "/proc/swaps").map(|text| text.lines().skip(1).filter_map(device).collect());
        let swap = luthier_protocol::facts::Swap { total_kib, free_kib, devices };
        swap.value()
    }
}

fn device(line: &str) -> Option<SwapDevice> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [path, kind, size, used, priority] = fields.as_slice() else { return None };
    Some(SwapDevice {
        path: (*path).to_owned(),
        r#type: (*kind).to_owned(),
        size_kib: size.parse().ok()?,
        used_kib: used.parse().ok()?,
        priority: priority.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_line() {
        let device = device("/dev/dm-1    partition\t8388604\t12\t-2").unwrap();
        assert_eq!((device.path.as_str(), device.size_kib, device.priority), ("/dev/dm-1", 8_388_604, -2));
    }
}
