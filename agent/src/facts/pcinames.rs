//! Names of PCI devices, from the list that a host may have (`pci.ids`).

use super::probe::Probe;
use crate::host::Pieces;
use luthier_protocol::facts::PciDevice;

const LISTS: [&str; 3] = ["/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids", "/usr/share/pci.ids"];

/// Longer lists are none.
const LIMIT: usize = 16 * 1024 * 1024;

/// Longest line that is looked at.
const LINE: usize = 512;

/// Fills in the names that the host's list knows.
pub fn fill(probe: &mut Probe<'_>, devices: &mut [PciDevice]) {
    if devices.is_empty() {
        return;
    }
    let there = LISTS.iter().find(|path| probe.exists(path));
    let Some(pieces) = there.and_then(|path| probe.host.pieces(path, LIMIT).ok()) else { return };
    let mut list = List::new(pieces);
    for device in devices {
        device.name = list.look_up(number(&device.vendor), number(&device.device));
    }
}

fn number(id: &Option<String>) -> Option<u32> {
    let text = id.as_deref()?;
    u32::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}

/// Bytes that are read at once.
const BLOCK: usize = 4096;

/// A list of names that is read where it is looked at: it is in the order of its ids, so that of some 35,000 lines, 1.3 MB,
/// a few hundred are enough.
struct List {
    pieces: Pieces,
    length: usize,
    /// The block read last, and how many bytes of it there are.
    block: [u8; BLOCK],
    number: usize,
    filled: usize,
    /// The maker looked up last, with the bounds of its chips: devices of one maker come together.
    maker: (u32, usize, usize),
}

impl List {
    fn new(pieces: Pieces) -> Self {
        let length = pieces.length().min(LIMIT);
        let mut list =
            Self { pieces, length, block: [0; BLOCK], number: usize::MAX, filled: 0, maker: (u32::MAX, 0, 0) };
        list.length = list.without_classes();
        list
    }

    /// The block that has a place.
    fn block(&mut self, at: usize) -> &[u8] {
        let number = at / BLOCK;
        if self.number != number {
            self.filled = self.pieces.read(number * BLOCK, &mut self.block).len();
            self.number = number;
        }
        self.block.get(..self.filled).unwrap_or_default()
    }

    fn byte(&mut self, at: usize) -> Option<u8> {
        self.block(at).get(at % BLOCK).copied()
    }

    /// The beginning of a line, at most so many bytes of it.
    fn line(&mut self, at: usize, most: usize) -> Vec<u8> {
        (at..at + most).map_while(|at| self.byte(at).filter(|byte| *byte != b'\n')).collect()
    }

    /// Where the list of classes begins, which follows that of the makers and whose lines look like those of chips.
    fn without_classes(&mut self) -> usize {
        let mut end = self.length;
        while let Some(at) = end.checked_sub(1).map(|end| self.start(end)) {
            if self.line(at, 4) == b"C 00" {
                return at;
            }
            end = at;
        }
        self.length
    }

    /// Where the line begins that has the byte before a place.
    fn start(&mut self, end: usize) -> usize {
        let mut end = end;
        while let Some(last) = end.checked_sub(1) {
            let base = last - last % BLOCK;
            let before = self.block(last).get(..=last - base).unwrap_or_default();
            if let Some(line_end) = before.iter().rposition(|byte| *byte == b'\n') {
                return base + line_end + 1;
            }
            end = base;
        }
        0
    }

    /// Maker and chip. Makers stand at the margin, their chips one tabulator in, subsystems two.
    fn look_up(&mut self, vendor: Option<u32>, device: Option<u32>) -> Option<String> {
        let (vendor, device) = (vendor?, device?);
        if self.maker.0 != vendor {
            let start = self.first(0, (0, self.length), vendor);
            self.maker = (vendor, start, self.first(0, (start, self.length), vendor + 1));
        }
        let (_, start, end) = self.maker;
        let maker = self.named(start, 0, vendor)?;
        let chip = self.first(1, (start, end), device);
        Some(format!("{maker} {}", self.named(chip, 1, device)?))
    }

    fn named(&mut self, at: usize, tabs: usize, wanted: u32) -> Option<String> {
        let line = self.line(at, LINE);
        let (id, name) = entry(&line, tabs)?;
        (id == wanted).then(|| String::from_utf8_lossy(name).into_owned())
    }

    /// Where, within bounds, the first entry begins whose id is not below a wanted one; the upper bound where there is none.
    fn first(&mut self, tabs: usize, within: (usize, usize), wanted: u32) -> usize {
        let (mut low, mut high) = within;
        while low < high {
            let middle = low + (high - low) / 2;
            match self.last(tabs, low, middle) {
                Some((at, id)) if id >= wanted => high = at,
                _ => low = middle + 1,
            }
        }
        high
    }

    /// The last entry that begins between two places, both included.
    fn last(&mut self, tabs: usize, low: usize, high: usize) -> Option<(usize, u32)> {
        let mut end = high;
        loop {
            let at = self.start(end);
            if at < low {
                return None;
            }
            // Far enough for an id and what must stand around it; most lines are told apart by their first letters.
            if self.byte(at + tabs) != Some(b'\t') {
                let line = self.line(at, tabs + 6);
                if let Some((id, _)) = entry(&line, tabs) {
                    return Some((at, id));
                }
            }
            end = at.checked_sub(1)?;
        }
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
        let mut list = List::new(Pieces::Bytes(text.into()));
        let mut name = |vendor, device| list.look_up(Some(vendor), Some(device));
        assert_eq!(name(0x1af4, 0x1000).as_deref(), Some("Red Hat, Inc. Virtio network device"));
        assert_eq!(name(0x8086, 0x1000).as_deref(), Some("Intel 82542"));
        for (vendor, device) in
            [(0x1af4, 0x1001), (0x1af4, 0x108e), (0x8086, 0x1001), (0x8087, 0x1000), (0, 0), (0xffff, 1)]
        {
            assert_eq!(name(vendor, device), None, "{vendor:x}:{device:x}");
        }
        assert_eq!(List::new(Pieces::Bytes(Vec::new())).look_up(Some(1), Some(1)), None);
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
        let mut list = List::new(Pieces::Bytes(text.into()));
        for vendor in (0x10..0x4000_u32).step_by(0x491) {
            for device in 0..vendor % 700 {
                let wanted = (device % 7 == 0).then(|| format!("Maker {vendor}, GmbH \u{e4} Chip {device}"));
                assert_eq!(list.look_up(Some(vendor), Some(device)), wanted);
            }
        }
    }
}
