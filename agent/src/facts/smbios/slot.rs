//! Type 9: slots as the table tells them; whether to believe an address is decided where the devices are known.

use super::{Structure, board, names, of_kind};

/// One slot of the table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableSlot {
    /// Name.
    pub designation: Option<String>,
    /// Kind with its lanes.
    pub kind: Option<String>,
    /// Lanes wired to it.
    pub lanes: Option<u32>,
    /// Lanes that fit into it.
    pub physical_lanes: Option<u32>,
    /// Whether it is in use; `None` where the table says neither yes nor no.
    pub in_use: Option<bool>,
    /// Address.
    pub address: Option<String>,
}

/// Every type 9.
pub fn slots(table: &[Structure<'_>]) -> Vec<TableSlot> {
    of_kind(table, 9).map(slot).collect()
}

fn slot(slot: &Structure<'_>) -> TableSlot {
    let kind = slot.byte(0x05);
    let name = kind.and_then(names::slot);
    let lanes = slot.byte(0x06).and_then(names::lanes).or_else(|| kind.and_then(names::slot_lanes));
    // Behind the peer groups, each of five bytes.
    let physical = slot.byte(0x12).and_then(|groups| slot.byte(0x14 + 5 * usize::from(groups)));
    TableSlot {
        designation: slot.text(0x04),
        kind: name.map(|name| match kind.and_then(names::slot_lanes) {
            Some(lanes) => format!("{name} x{lanes}"),
            None => name.to_owned(),
        }),
        lanes,
        physical_lanes: physical.and_then(names::lanes),
        in_use: match slot.byte(0x07) {
            Some(3) => Some(false),
            Some(4) => Some(true),
            _ => None,
        },
        address: board::address(slot, 0x0D),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::super::{Entry, structures};
    use super::*;

    #[test]
    fn a_riser_slot() {
        let table = b"\x09\x18\x24\x00\x01\xb8\x0d\x04\x04\x01\x00\x04\x03\x00\x00\x41\x08\x0d\x01\x00\x00\x00\x00\x00Riser 1 Slot 2\0\0";
        let entry = Entry { major: 3, minor: 2, length: table.len(), count: None };
        let (found, whole) = structures(table, entry);
        assert!(whole);
        let slots = slots(&found);
        assert_eq!(
            slots.first().unwrap(),
            &TableSlot {
                designation: Some("Riser 1 Slot 2".to_owned()),
                kind: Some("PCI Express 4".to_owned()),
                lanes: Some(16),
                physical_lanes: None,
                in_use: Some(true),
                address: Some("0000:41:01.0".to_owned()),
            }
        );
    }
}
