//! Encodings of text that base64 may be made of: those of Python's that people write.

use crate::template::error::{Fault, Outcome};

/// A name as Python compares it.
fn plain(name: &str) -> String {
    name.to_lowercase().replace(['_', ' '], "-")
}

/// Text as bytes.
pub(super) fn encode(text: &str, encoding: &str) -> Outcome<Vec<u8>> {
    let narrow = |most: u32| -> Outcome<Vec<u8>> {
        let one = |letter: char| u8::try_from(u32::from(letter)).ok().filter(|byte| u32::from(*byte) <= most);
        let bytes: Option<Vec<u8>> = text.chars().map(one).collect();
        bytes.ok_or_else(|| Fault::new(format!("the text has letters that {encoding} cannot write")))
    };
    let wide = |order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    Ok(match plain(encoding).as_str() {
        "utf-8" | "utf8" | "u8" => text.as_bytes().to_vec(),
        "utf-16" | "utf16" => [vec![0xff, 0xfe], wide(u16::to_le_bytes)].concat(),
        "utf-16-le" | "utf-16le" => wide(u16::to_le_bytes),
        "utf-16-be" | "utf-16be" => wide(u16::to_be_bytes),
        "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" => narrow(0xff)?,
        "ascii" | "us-ascii" => narrow(0x7f)?,
        _ => return Err(Fault::new(format!("unknown encoding: {encoding}"))),
    })
}

/// Bytes as text.
pub(super) fn decode(bytes: Vec<u8>, encoding: &str) -> Outcome<String> {
    let wrong = || Fault::new(format!("decoded base64 is not {encoding} text"));
    let wide = |bytes: &[u8], order: fn([u8; 2]) -> u16| {
        let units: Option<Vec<u16>> = bytes.chunks(2).map(|pair| pair.try_into().ok().map(order)).collect();
        units.and_then(|units| String::from_utf16(&units).ok()).ok_or_else(wrong)
    };
    match plain(encoding).as_str() {
        "utf-8" | "utf8" | "u8" => String::from_utf8(bytes).map_err(|_| Fault::new("decoded base64 is not UTF-8 text")),
        "utf-16" | "utf16" => match bytes.as_slice() {
            [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
            [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
            all => wide(all, u16::from_le_bytes),
        },
        "utf-16-le" | "utf-16le" => wide(&bytes, u16::from_le_bytes),
        "utf-16-be" | "utf-16be" => wide(&bytes, u16::from_be_bytes),
        "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" => Ok(bytes.into_iter().map(char::from).collect()),
        "ascii" | "us-ascii" if bytes.is_ascii() => String::from_utf8(bytes).map_err(|_| wrong()),
        "ascii" | "us-ascii" => Err(wrong()),
        _ => Err(Fault::new(format!("unknown encoding: {encoding}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_pythons() {
        for (text, name, bytes) in [
            ("aé", "utf-8", vec![0x61, 0xc3, 0xa9]),
            ("aé", "UTF_16_LE", vec![0x61, 0, 0xe9, 0]),
            ("aé", "utf-16-be", vec![0, 0x61, 0, 0xe9]),
            ("a", "utf-16", vec![0xff, 0xfe, 0x61, 0]),
            ("aé", "latin-1", vec![0x61, 0xe9]),
        ] {
            assert_eq!(encode(text, name).ok(), Some(bytes.clone()), "{name}");
            assert_eq!(decode(bytes, name).ok().as_deref(), Some(text), "{name}");
        }
        assert!(encode("€", "latin-1").is_err() && encode("é", "ascii").is_err() && encode("a", "cp037").is_err());
        assert!(decode(vec![0x61], "utf-16-le").is_err() && decode(vec![0xe9], "ascii").is_err());
    }
}
