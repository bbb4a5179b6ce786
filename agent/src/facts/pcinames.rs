//! Names of PCI devices, from the list that a host may have (`pci.ids`).

use super::probe::Probe;
use luthier_protocol::facts::PciDevice;

const LISTS: [&str; 3] = ["/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids", "/usr/share/pci.ids"];

/// Fills in the names that the host's list knows.
pub fn fill(probe: &mut Probe<'_>, devices: &mut [PciDevice]) {
    if devices.is_empty() {
        return;
    }
    let there = LISTS.iter().find(|path| probe.exists(path));
    let Some(text) = there.and_then(|path| probe.quiet_bytes(path)) else { return };
    let text = without_classes(text);
    for device in devices {
        device.name = look_up(text, number(&device.vendor), number(&device.device));
    }
}

/// The list of classes follows that of the makers, and its lines look like those of chips.
fn without_classes(text: &[u8]) -> &[u8] {
    let first = text.windows(5).rposition(|five| five == b"\nC 00");
    first.and_then(|end| text.get(..end)).unwrap_or(text)
}

fn number(id: &Option<String>) -> Option<u32> {
    let text = id.as_deref()?;
    u32::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}

/// Maker and chip. Makers stand at the margin, their chips one tabulator in, subsystems two; each sort is in the order of
/// its ids, so that a list of 35,000 lines need not be read line by line.
fn look_up(text: &[u8], vendor: Option<u32>, device: Option<u32>) -> Option<String> {
    let (vendor, device) = (vendor?, device?);
    let start = first(text, 0, (0, text.len()), vendor);
    let end = first(text, 0, (start, text.len()), vendor + 1);
    let chip = first(text, 1, (start, end), device);
    let named = |at: usize, tabs: usize, wanted: u32| {
        let line = text.get(at..)?.split(|byte| *byte == b'\n').next()?;
        let (id, name) = entry(line, tabs)?;
        (id == wanted).then(|| String::from_utf8_lossy(name))
    };
    Some(format!("{} {}", named(start, 0, vendor)?, named(chip, 1, device)?))
}

/// Where, within bounds, the first entry begins whose id is not below a wanted one; the upper bound where there is none.
fn first(text: &[u8], tabs: usize, within: (usize, usize), wanted: u32) -> usize {
    let (mut low, mut high) = within;
    while low < high {
        let middle = low + (high - low) / 2;
        match last(text, tabs, low, middle) {
            Some((at, id)) if id >= wanted => high = at,
            _ => low = middle + 1,
        }
    }
    high
}

/// The last entry that begins between two places, both included.
fn last(text: &[u8], tabs: usize, low: usize, high: usize) -> Option<(usize, u32)> {
    let mut end = high;
    loop {
        let at = text.get(..end)?.iter().rposition(|byte| *byte == b'\n').map_or(0, |line_end| line_end + 1);
        if at < low {
            return None;
        }
        // Far enough for an id and what must stand around it.
        if let Some((id, _)) = text.get(at..).and_then(|line| entry(line.get(..tabs + 6)?, tabs)) {
            return Some((at, id));
        }
        end = at.checked_sub(1)?;
    }
}

/// `1af4  Red Hat, Inc.`, behind so many tabulators.
fn entry(line: &[u8], tabs: usize) -> Option<(u32, &[u8])> {
    let (indent, rest) = line.split_at_checked(tabs)?;
    let (id, name) = rest.split_at_checked(4)?;
    let mut number = 0;
    for digit in id {
        number = number << 4 | char::from(*digit).to_digit(16)?;
    }
    let is_one = indent.iter().all(|byte| *byte == b'\t');
    Some((number, name.strip_prefix(b"  ").filter(|_| is_one)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makers_and_chips() {
        let text = "# list\n\n1af4  Red Hat, Inc.\n\t1000  Virtio network device\n\t\t108e 0001  Sub\n8086  Intel\n\t1000  82542\nC 00  Old\n\t1001  no\n";
        let name = |vendor, device| look_up(without_classes(text.as_bytes()), Some(vendor), Some(device));
        assert_eq!(name(0x1af4, 0x1000).as_deref(), Some("Red Hat, Inc. Virtio network device"));
        assert_eq!(name(0x8086, 0x1000).as_deref(), Some("Intel 82542"));
        for (vendor, device) in
            [(0x1af4, 0x1001), (0x1af4, 0x108e), (0x8086, 0x1001), (0x8087, 0x1000), (0, 0), (0xffff, 1)]
        {
            assert_eq!(name(vendor, device), None, "{vendor:x}:{device:x}");
        }
        assert_eq!(look_up(b"", Some(1), Some(1)), None);
    }

    #[test]
    fn every_entry_of_a_list_is_found() {
        let mut text = String::from("# list\n");
        for vendor in (0x10..0x4000_u32).step_by(0x491) {
            text += &format!("{vendor:04x}  Maker {vendor}, GmbH \u{e4}\n");
            for device in (0..vendor % 700).step_by(7) {
                text += &format!("\t{device:04x}  Chip {device}\n\t\t{vendor:04x} 0001  Card\n");
            }
        }
        for vendor in (0x10..0x4000_u32).step_by(0x491) {
            for device in 0..vendor % 700 {
                let wanted = (device % 7 == 0).then(|| format!("Maker {vendor}, GmbH \u{e4} Chip {device}"));
                assert_eq!(look_up(text.as_bytes(), Some(vendor), Some(device)), wanted);
            }
        }
    }
}
