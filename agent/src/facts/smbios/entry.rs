//! The entry point: which version the table has, how long it is, and how many structures it holds.

/// What the entry point says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Major version.
    pub major: u8,
    /// Minor version.
    pub minor: u8,
    /// Greatest length of the table in bytes; the table ends there at the latest.
    pub length: usize,
    /// Number of structures; `None` where only the end marker ends the table (64-bit entry points).
    pub count: Option<u16>,
}

/// Decodes a 64-bit (`_SM3_`), a 32-bit (`_SM_`) or a legacy (`_DMI_`) entry point; `None` for anything else.
///
/// Checksums are not held against it: the kernel checked them before it offered the file.
pub fn entry(bytes: &[u8]) -> Option<Entry> {
    let byte = |at: usize| bytes.get(at).copied();
    let word = |at: usize| Some(u16::from_le_bytes([byte(at)?, byte(at + 1)?]));
    if bytes.starts_with(b"_SM3_") {
        let length = u32::from_le_bytes([byte(12)?, byte(13)?, byte(14)?, byte(15)?]);
        return Some(Entry { major: byte(7)?, minor: byte(8)?, length: usize::try_from(length).ok()?, count: None });
    }
    if bytes.starts_with(b"_SM_") {
        // Some firmware writes 2.31 for 2.3 and 2.51 for 2.6.
        let (major, minor) = match (byte(6)?, byte(7)?) {
            (2, 0x1F | 0x21) => (2, 3),
            (2, 0x33) => (2, 6),
            version => version,
        };
        return Some(Entry {
            major,
            minor,
            length: usize::from(word(22)?),
            count: word(28).filter(|count| *count > 0),
        });
    }
    if bytes.starts_with(b"_DMI_") {
        let version = byte(14)?;
        let count = word(12).filter(|count| *count > 0);
        return Some(Entry { major: version >> 4, minor: version & 15, length: usize::from(word(6)?), count });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms() {
        let mut new = *b"_SM3_\0\x18\x03\x02\x00\x01\x00\x10\x20\x00\x00________";
        assert_eq!(entry(&new), Some(Entry { major: 3, minor: 2, length: 0x2010, count: None }));
        new[0] = b'x';
        assert_eq!(entry(&new), None);
        let old = *b"_SM_\0\x1f\x02\x1f\0\0\0\0\0\0\0\0_DMI_\0\x00\x01\0\0\0\0\x07\x00\x23";
        assert_eq!(entry(&old), Some(Entry { major: 2, minor: 3, length: 256, count: Some(7) }));
        let legacy = *b"_DMI_\0\x40\x00\0\0\0\0\x02\x00\x23";
        assert_eq!(entry(&legacy), Some(Entry { major: 2, minor: 3, length: 64, count: Some(2) }));
        assert_eq!(entry(b"_SM3_"), None);
        assert_eq!(entry(b""), None);
    }
}
