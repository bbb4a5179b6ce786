//! A table with every type that is read, cut short and falsified in every place.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

const SEED: &[u8] = include_bytes!("../../../../fuzz/seeds/smbios/all_types");

/// Reads all there is; what is left is that nothing panics and nothing is made up.
fn read_all(point: &[u8], table: &[u8]) -> usize {
    let whole = Entry { major: 3, minor: 5, length: usize::MAX, count: None };
    let (found, _) = structures(table, entry(point).unwrap_or(whole));
    let vendor = system(&found).vendor;
    let sockets = processors(&found);
    let rows = devices(&found, vendor.as_deref(), &sockets);
    assert!(population(&rows).len() <= rows.len() && rows.len() <= found.len());
    let others = (arrays(&found), caches(&found), bios(&found), board(&found), boards(&found));
    let more = (chassis(&found), onboard(&found), slots(&found), ipmi(&found));
    drop((others, more));
    assert_eq!(without_serials(table.to_vec()).len(), table.len());
    found.len()
}

#[test]
fn every_type_is_there() {
    let (point, table) = SEED.split_at(32);
    let (found, whole) = structures(table, entry(point).unwrap());
    assert!(whole);
    let kinds: Vec<u8> = found.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [0, 1, 2, 3, 4, 7, 9, 16, 17, 19, 20, 41, 127]);
    let sockets = processors(&found);
    let row = &devices(&found, None, &sockets)[0];
    assert_eq!((row.size_mib, row.mapped_kib, row.channel.as_deref()), (Some(65_536), Some(67_108_864), Some("A")));
    let group = &arrays(&found)[0];
    assert_eq!((group.max_kib, group.mapped_kib), (Some(1 << 30), Some(67_108_864)));
    let slot = &slots(&found)[0];
    assert_eq!((slot.address.as_deref(), slot.lanes, slot.physical_lanes), (Some("0000:41:00.0"), Some(16), Some(16)));
    assert_eq!(sockets[0].cores, Some(32));
}

#[test]
fn cut_short_anywhere() {
    let (point, table) = SEED.split_at(32);
    let mut last = 0;
    for length in 0..=table.len() {
        let found = read_all(point, &table[..length]);
        assert!(found >= last, "more bytes tell no less");
        last = found;
    }
    for length in 0..32 {
        read_all(&point[..length], table);
    }
}

#[test]
fn falsified_anywhere() {
    for at in 0..SEED.len() {
        for byte in [0x00, 0x01, 0x7f, 0x80, 0xff] {
            let mut lie = SEED.to_vec();
            lie[at] = byte;
            let (point, table) = lie.split_at(32);
            assert!(read_all(point, table) <= table.len() / 6 + 1);
        }
    }
}
