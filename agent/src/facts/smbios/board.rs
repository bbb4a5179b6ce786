//! Types 0, 1, 2, 3, 38 and 41: firmware, machine, boards, case, management controller, devices on the board.

use super::{Structure, names, of_kind};
use luthier_protocol::facts::{Bios, Board, BoardPart, Chassis, Ipmi, Onboard, System};

/// Type 0; its age is not known here.
pub fn bios(table: &[Structure<'_>]) -> Bios {
    let Some(bios) = first(table, 0) else { return Bios::default() };
    let release = |at: usize| {
        let (major, minor) = (bios.byte(at)?, bios.byte(at + 1)?);
        (major != 0xFF && minor != 0xFF).then(|| format!("{major}.{minor}"))
    };
    Bios {
        vendor: bios.text(0x04),
        version: bios.text(0x05),
        date: bios.text(0x08),
        age_days: None,
        release: release(0x14),
        controller_release: release(0x16),
    }
}

/// Type 1.
pub fn system(table: &[Structure<'_>]) -> System {
    let Some(system) = first(table, 1) else { return System::default() };
    System {
        vendor: system.text(0x04),
        product: system.text(0x05),
        version: system.meaningful(0x06),
        family: system.meaningful(0x1A),
        sku: system.meaningful(0x19),
    }
}

/// The main board: the type 2 that says so, else the first.
pub fn board(table: &[Structure<'_>]) -> Board {
    let mut boards = table.iter().filter(|one| one.kind == 2);
    let main = boards.clone().find(|one| one.byte(0x0D) == Some(0x0A)).or_else(|| boards.next());
    let Some(board) = main else { return Board::default() };
    Board { vendor: board.text(0x04), product: board.text(0x05), version: board.meaningful(0x06) }
}

/// Every type 2.
pub fn boards(table: &[Structure<'_>]) -> Vec<BoardPart> {
    let boards = of_kind(table, 2);
    boards
        .map(|board| BoardPart {
            product: board.text(0x05),
            r#type: board.byte(0x0D).and_then(names::board).map(str::to_owned),
            location: board.meaningful(0x0A),
        })
        .collect()
}

/// Type 3.
pub fn chassis(table: &[Structure<'_>]) -> Chassis {
    let Some(chassis) = first(table, 3) else { return Chassis::default() };
    Chassis {
        vendor: chassis.meaningful(0x04),
        r#type: chassis.byte(0x05).and_then(names::chassis).map(str::to_owned),
        height_u: chassis.byte(0x11).filter(|height| *height > 0).map(u32::from),
    }
}

/// Every type 38.
pub fn ipmi(table: &[Structure<'_>]) -> Vec<Ipmi> {
    let ways = table.iter().filter(|one| one.kind == 38);
    ways.map(|way| Ipmi {
        interface: way.byte(0x04).and_then(names::ipmi).map(str::to_owned),
        version: way.byte(0x05).filter(|version| *version > 0).map(|bcd| format!("{}.{}", bcd >> 4, bcd & 15)),
    })
    .collect()
}

/// Every type 41.
pub fn onboard(table: &[Structure<'_>]) -> Vec<Onboard> {
    let devices = of_kind(table, 41);
    devices
        .map(|device| Onboard {
            designation: device.text(0x04),
            r#type: device.byte(0x05).and_then(names::onboard).map(str::to_owned),
            enabled: device.byte(0x05).is_some_and(|kind| kind & 0x80 != 0),
            address: address(device, 0x07),
        })
        .collect()
}

/// The first structure of a type.
fn first<'a, 'b>(table: &'b [Structure<'a>], kind: u8) -> Option<&'b Structure<'a>> {
    table.iter().find(|one| one.kind == kind)
}

/// Segment, bus, device and function as the kernel writes them; `None` where the table says that there is none.
pub fn address(structure: &Structure<'_>, at: usize) -> Option<String> {
    let (segment, bus, device) = (structure.word(at)?, structure.byte(at + 2)?, structure.byte(at + 3)?);
    if (segment, bus, device) == (0xFFFF, 0xFF, 0xFF) {
        return None;
    }
    Some(format!("{segment:04x}:{bus:02x}:{:02x}.{}", device >> 3, device & 7))
}

#[cfg(test)]
mod tests {
    use super::super::{Entry, structures};
    use super::*;

    #[test]
    fn ways_to_the_management_controller() {
        let table = b"\x26\x06\x30\x00\x01\x20\0\0\x26\x06\x31\x00\x09\x00\0\0\x26\x04\x32\x00\0\0";
        let (found, _) = structures(table, Entry { major: 3, minor: 2, length: table.len(), count: None });
        let way = Ipmi { interface: Some("KCS".to_owned()), version: Some("2.0".to_owned()) };
        assert_eq!(ipmi(&found), [way, Ipmi::default(), Ipmi::default()]);
    }
}
