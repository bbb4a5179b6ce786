//! Walking the table: a structure is a formatted area and the texts behind it.

use super::Entry;

/// The structure that ends a table.
const END: u8 = 127;

/// More structures than there are handles make no sense.
const MOST: usize = 65_536;

/// More structures of a kind than this no machine has; what a table that lies has more of is not looked at.
const MOST_OF_A_KIND: usize = 4096;

/// More slots, likewise: each is looked for among the devices.
const MOST_SLOTS: usize = 1024;

const fn most(kind: u8) -> usize {
    if kind == 9 { MOST_SLOTS } else { MOST_OF_A_KIND }
}

/// The structures of a kind, as many as are believed.
pub fn of_kind<'a, 'b>(table: &'b [Structure<'a>], kind: u8) -> impl Iterator<Item = &'b Structure<'a>> {
    table.iter().filter(move |one| one.kind == kind).take(most(kind))
}

/// Why some structures of a kind are left out, where some are.
pub fn crowded(table: &[Structure<'_>], kind: u8) -> Option<String> {
    let most = most(kind);
    let there = table.iter().filter(|one| one.kind == kind).nth(most).is_some();
    there.then(|| format!("more than {most} structures of type {kind}; the rest is left out"))
}

/// One structure. Every reader checks the formatted area's length: old firmware writes shorter ones.
#[derive(Debug, Clone, Copy)]
pub struct Structure<'a> {
    /// Type.
    pub kind: u8,
    /// Number other structures refer to.
    pub handle: u16,
    /// The formatted area with its four-byte head.
    pub area: &'a [u8],
    texts: &'a [u8],
}

/// Every whole structure, in order, and whether the table ended as it should.
pub fn structures(table: &[u8], entry: Entry) -> (Vec<Structure<'_>>, bool) {
    let table = table.get(..entry.length.min(table.len())).unwrap_or_default();
    let mut found = Vec::new();
    let mut rest = table;
    while entry.count.is_none_or(|count| found.len() < usize::from(count)) {
        if found.len() == MOST {
            return (found, false);
        }
        if rest.len() < 4 && entry.count.is_none() {
            // Tables without an end marker exist; what is there is whole.
            return (found, rest.is_empty());
        }
        let Some((structure, after)) = next(rest) else { return (found, false) };
        let last = structure.kind == END;
        found.push(structure);
        if last {
            break;
        }
        rest = after;
    }
    (found, true)
}

/// The first structure of what is left, and what comes after it; `None` where it does not fit.
fn next(rest: &[u8]) -> Option<(Structure<'_>, &[u8])> {
    let (&kind, &length) = (rest.first()?, rest.get(1)?);
    let handle = u16::from_le_bytes([*rest.get(2)?, *rest.get(3)?]);
    if length < 4 {
        return None;
    }
    let (area, tail) = rest.split_at_checked(usize::from(length))?;
    let end = tail.windows(2).position(|pair| pair == [0, 0])?;
    let (texts, after) = tail.split_at_checked(end + 2)?;
    Some((Structure { kind, handle, area, texts }, after))
}

impl<'a> Structure<'a> {
    /// The byte at an offset; `None` behind the end of the formatted area.
    pub fn byte(&self, at: usize) -> Option<u8> {
        self.area.get(at).copied()
    }

    /// Two bytes, little end first.
    pub fn word(&self, at: usize) -> Option<u16> {
        Some(u16::from_le_bytes([self.byte(at)?, self.byte(at + 1)?]))
    }

    /// Four bytes.
    pub fn double(&self, at: usize) -> Option<u32> {
        Some(u32::from(self.word(at)?) | u32::from(self.word(at + 2)?) << 16)
    }

    /// Eight bytes.
    pub fn quad(&self, at: usize) -> Option<u64> {
        Some(u64::from(self.double(at)?) | u64::from(self.double(at + 4)?) << 32)
    }

    /// The text whose number stands at an offset, without white space around it. Bytes that are no printable ASCII become
    /// dots: firmware leaves all kinds of bytes there.
    pub fn text(&self, at: usize) -> Option<String> {
        let number = usize::from(self.byte(at)?).checked_sub(1)?;
        let bytes: &'a [u8] = self.texts.split(|byte| *byte == 0).nth(number)?;
        let printable = |byte: &u8| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' };
        let text: String = bytes.iter().map(printable).collect();
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Length of the texts with the zeros that end them.
    pub fn text_length(&self) -> usize {
        self.texts.len()
    }

    /// Where a text lies among the texts: its offset and length.
    pub fn text_place(&self, number: u8) -> Option<(usize, usize)> {
        let index = usize::from(number).checked_sub(1)?;
        let mut texts = self.texts.split(|byte| *byte == 0);
        let before: usize = texts.by_ref().take(index).map(|text| text.len() + 1).sum();
        texts.next().filter(|text| !text.is_empty()).map(|text| (before, text.len()))
    }

    /// A text that says something: firmware fills fields with words that mean nothing.
    pub fn meaningful(&self, at: usize) -> Option<String> {
        const FILLERS: [&str; 10] = [
            "not specified",
            "to be filled by o.e.m.",
            "default string",
            "no dimm",
            "unknown",
            "none",
            "n/a",
            "undefined",
            "empty",
            "[empty]",
        ];
        self.text(at).filter(|text| !FILLERS.iter().any(|filler| text.eq_ignore_ascii_case(filler)))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::indexing_slicing, reason = "tests")]

    use super::*;

    const WHOLE: Entry = Entry { major: 3, minor: 0, length: usize::MAX, count: None };

    #[test]
    fn texts_and_numbers() {
        let table = b"\x04\x0a\x07\x00\x01\x02\x34\x12\x78\x56CPU 1\0 x\xffy \0\0\x7f\x04\x08\x00\0\0rest";
        let (found, whole) = structures(table, WHOLE);
        assert!(whole);
        assert_eq!(found.iter().map(|one| (one.kind, one.handle)).collect::<Vec<_>>(), [(4, 7), (127, 8)]);
        assert_eq!(found[0].text(4).as_deref(), Some("CPU 1"));
        assert_eq!(found[0].text(5).as_deref(), Some("x.y"));
        assert_eq!((found[0].word(6), found[0].double(6), found[0].word(9)), (Some(0x1234), Some(0x5678_1234), None));
        assert_eq!(found[1].text(4), None);
    }

    #[test]
    fn tables_that_lie() {
        let looping = b"\x04\x00\x07\x00\0\0\x04\x00\x07\x00\0\0";
        assert!(matches!(structures(looping, WHOLE), (found, false) if found.is_empty()));
        let cut = b"\x01\x04\x01\x00\0\0\x04\x20\x07\x00\x01";
        assert!(matches!(structures(cut, WHOLE), (found, false) if found.len() == 1));
        let without_end = b"\x01\x04\x01\x00abc";
        assert!(matches!(structures(without_end, WHOLE), (found, false) if found.is_empty()));
        let two = b"\x01\x04\x01\x00\0\0\x02\x04\x02\x00\0\0";
        let counted = Entry { count: Some(1), ..WHOLE };
        assert!(matches!(structures(two, counted), (found, true) if found.len() == 1));
        let endless = b"\x01\x04\x01\x00\0\0".repeat(MOST + 1);
        assert!(matches!(structures(&endless, WHOLE), (found, false) if found.len() == MOST));
        let short = Entry { length: 6, ..WHOLE };
        assert!(matches!(structures(two, short), (found, true) if found.len() == 1));
    }
}
