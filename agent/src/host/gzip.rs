//! The gzip wrapping around deflated bytes, with the small check sum.

use super::crc::crc32;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use std::io::{self, Read, Write};

/// No name, no date, any system.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// Pack, quickly rather than tightly.
pub fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(HEAD.to_vec(), Compression::fast());
    encoder.write_all(bytes)?;
    let mut packed = encoder.finish()?;
    packed.extend_from_slice(&crc32(bytes).to_le_bytes());
    // The length counts modulo 2^32, as the format has it.
    packed.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    Ok(packed)
}

/// Unpack piece by piece; an error where it is not gzip. What comes out is not held against the check sum.
pub fn gunzip(packed: &[u8]) -> io::Result<impl Read> {
    body(packed).map(DeflateDecoder::new).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// What follows the header and its optional parts.
fn body(packed: &[u8]) -> Option<&[u8]> {
    let (head, mut rest) = packed.split_first_chunk::<10>()?;
    let [0x1f, 0x8b, 8, flags, ..] = *head else { return None };
    if flags & 4 != 0 {
        let (length, after) = rest.split_first_chunk::<2>()?;
        rest = after.get(u16::from_le_bytes(*length).into()..)?;
    }
    // A name and a remark, each ended by a zero.
    for part in [8, 16] {
        if flags & part != 0 {
            rest = rest.get(rest.iter().position(|byte| *byte == 0)? + 1..)?;
        }
    }
    if flags & 2 != 0 { rest.get(2..) } else { Some(rest) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;
    use flate2::GzBuilder;
    use flate2::read::GzDecoder;

    fn unpacked(mut packed: impl Read) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        packed.read_to_end(&mut bytes).map(|_| bytes)
    }

    #[test]
    fn other_programs_unpack_it() {
        let text = b"some text, some text".repeat(5000);
        let packed = gzip(&text).unwrap();
        assert_eq!(unpacked(GzDecoder::new(packed.as_slice())).unwrap(), text);
        assert_eq!(unpacked(gunzip(&packed).unwrap()).unwrap(), text);
    }

    #[test]
    fn other_programs_packing_is_unpacked() {
        let full = GzBuilder::new().filename("name").comment("remark").extra("extra").mtime(7);
        let mut encoder = full.write(Vec::new(), Compression::best());
        encoder.write_all(b"text").unwrap();
        let packed = encoder.finish().unwrap();
        assert_eq!(unpacked(gunzip(&packed).unwrap()).unwrap(), b"text");
        for length in 0..packed.len() - 8 {
            assert!(gunzip(&packed[..length]).and_then(unpacked).is_err(), "{length}");
        }
        assert!(gunzip(b"plain text, not packed").is_err());
    }
}
