//! A table without serial numbers, UUIDs and asset tags: the bytes keep their places, so that it decodes as before.

use super::{Entry, structures};

/// Offsets of the numbers of texts that tell one machine from another, by type.
const TEXTS: [(u8, &[usize]); 7] = [
    (1, &[0x07]),
    (2, &[0x07, 0x08]),
    (3, &[0x07, 0x08]),
    (4, &[0x20, 0x21]),
    (17, &[0x18, 0x19]),
    (22, &[0x06, 0x07]),
    (39, &[0x08, 0x09]),
];

/// The table (or one structure) with every such text written over. Types of the makers' own, free texts, additional texts
/// and properties, and how to reach the management controller (which names its host), are written over whole. What stands
/// behind the last whole structure nobody reads, and it goes.
pub fn without_serials(mut table: Vec<u8>) -> Vec<u8> {
    let entry = Entry { major: 3, minor: 0, length: usize::MAX, count: None };
    let mut holes: Vec<(usize, usize)> = Vec::new();
    let (found, _) = structures(&table, entry);
    let mut start = 0;
    for structure in &found {
        let area = structure.area.len();
        let whole = area + structure.text_length();
        let texts = start + area;
        match structure.kind {
            11 | 12 | 40 | 42 | 46 | 128.. => {
                holes.push((start + 4, area.saturating_sub(4)));
                holes.push((texts, structure.text_length()));
            }
            kind => {
                if kind == 1 && area >= 0x18 {
                    holes.push((start + 0x08, 16));
                }
                if kind == 22 && area >= 0x12 {
                    holes.push((start + 0x10, 2));
                }
                let offsets = TEXTS.iter().find(|(own, _)| *own == kind).map_or(&[][..], |(_, offsets)| *offsets);
                for at in offsets {
                    let place = structure.byte(*at).and_then(|number| structure.text_place(number));
                    holes.extend(place.map(|(at, length)| (texts + at, length)));
                }
            }
        }
        start += whole;
    }
    // Noughts make no structure that was none before.
    table.get_mut(start..).unwrap_or_default().fill(0);
    for (at, length) in holes {
        let end = at.saturating_add(length).min(table.len());
        for byte in table.get_mut(at..end).unwrap_or_default() {
            // The zeros between texts stay, or the structures would no longer end where they do.
            if *byte != 0 {
                *byte = b'X';
            }
        }
    }
    table
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::super::{structures, system};
    use super::*;

    #[test]
    fn names_stay_and_serials_go() {
        let mut table = vec![1, 0x1b, 1, 0, 1, 2, 0, 3];
        table.extend([0x42; 16]);
        table.extend([6, 0, 0]);
        table.extend(b"Maker\0Product\0SN12345\0\0");
        table.extend([0x80, 6, 2, 0, 9, 9]);
        table.extend(b"tag 777\0\0");
        table.extend([127, 4, 3, 0, 0, 0]);
        let hidden = without_serials(table.clone());
        assert_eq!(hidden.len(), table.len());
        let text = String::from_utf8_lossy(&hidden);
        assert!(!text.contains("12345") && !text.contains("777") && !text.contains("BBBB"), "{text}");
        let entry = Entry { major: 3, minor: 0, length: usize::MAX, count: None };
        let (found, whole) = structures(&hidden, entry);
        assert!(whole);
        assert_eq!(found.len(), 3);
        assert_eq!(system(&found).product.unwrap(), "Product");
    }

    #[test]
    fn nothing_stays_behind_what_is_malformed_or_the_end() {
        let entry = Entry { major: 3, minor: 0, length: usize::MAX, count: None };
        let first = [1_u8, 0x08, 1, 0, 0, 0, 0, 1];
        for middle in [&[1_u8, 2, 9, 0, 0, 0][..], &[127, 4, 3, 0, 0, 0]] {
            let table = [&first[..], b"SN1\0\0", middle, b"\x01\x08\x01\0\0\0\0\x01SN12345\0\0"].concat();
            let hidden = without_serials(table.clone());
            assert!(!String::from_utf8_lossy(&hidden).contains("SN"), "{hidden:?}");
            let kinds = |table: &[u8]| {
                let (found, whole) = structures(table, entry);
                (found.iter().map(|one| one.kind).collect::<Vec<_>>(), whole)
            };
            assert_eq!(kinds(&hidden), kinds(&table));
        }
    }

    #[test]
    fn numbers_of_batteries_controllers_and_properties_go() {
        let mut battery = vec![22, 0x1a, 1, 0];
        battery.extend([0; 12]);
        battery.extend([0x34, 0x12]);
        battery.extend([0; 8]);
        battery.extend([0, 0]);
        assert!(!without_serials(battery).contains(&0x34));
        for kind in [40, 42, 46] {
            let table = [&[kind, 8, 1, 0, 0x34, 0x34, 0x34, 1][..], b"4c4c4544\0\0"].concat();
            let hidden = without_serials(table);
            assert!(!hidden.contains(&0x34), "{hidden:?}");
        }
    }
}
