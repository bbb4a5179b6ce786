//! A PCI function's configuration space (PCI Local Bus 3.0 section 6, PCI Express Base section 7.5): what it is, and its
//! PCI Express link. An ordinary user may read the first 64 bytes only, which hold no capabilities.

use super::probe::Probe;
use luthier_protocol::facts::Link;

/// What the configuration space says.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Maker.
    pub vendor: u32,
    /// Chip.
    pub device: u32,
    /// Class, 24 bits.
    pub class: u32,
    /// PCI Express link; `None` for a function without one, or where the capabilities cannot be read.
    pub link: Option<Link>,
}

/// Reads a function's configuration space.
pub fn read(probe: &mut Probe<'_>, folder: &str) -> Option<Config> {
    decode(&probe.head_bytes(&format!("{folder}/config"), 256)?)
}

/// What the text by which drivers are found says: `pci:v00008086d00001237sv…sd…bc06sc00i00`. Its letters are lower case
/// and its digits upper case.
pub fn from_alias(text: &str) -> Option<Config> {
    let mut rest = text.strip_prefix("pci:")?;
    let mut field = |name: &str, digits: usize| {
        let (number, behind) = rest.strip_prefix(name)?.split_at_checked(digits)?;
        rest = behind;
        u32::from_str_radix(number, 16).ok()
    };
    let (vendor, device) = (field("v", 8)?, field("d", 8)?);
    let (_, _) = (field("sv", 8)?, field("sd", 8)?);
    let class = field("bc", 2)? << 16 | field("sc", 2)? << 8 | field("i", 2)?;
    Some(Config { vendor, device, class, link: None })
}

/// Identity of the capability that describes a PCI Express link.
const EXPRESS: u8 = 0x10;

fn decode(bytes: &[u8]) -> Option<Config> {
    let byte = |at: usize| bytes.get(at).copied();
    let word = |at: usize| Some(u32::from(u16::from_le_bytes([byte(at)?, byte(at + 1)?])));
    let vendor = word(0)?;
    if vendor == 0xFFFF {
        return None;
    }
    let class = u32::from(byte(9)?) | word(10)? << 8;
    let mut link = None;
    let mut at = if word(6)? & 0x10 == 0 { 0 } else { usize::from(byte(0x34)? & 0xFC) };
    // The list can be no longer than the space allows: a loop ends.
    for _ in 0..48 {
        if at < 0x40 {
            break;
        }
        let (Some(id), Some(next)) = (byte(at), byte(at + 1)) else { break };
        if id == EXPRESS {
            link = express(at, &word);
            break;
        }
        at = usize::from(next & 0xFC);
    }
    Some(Config { vendor, device: word(2)?, class, link })
}

fn express(at: usize, word: &dyn Fn(usize) -> Option<u32>) -> Option<Link> {
    // Devices inside the root complex have no link.
    if matches!(word(at + 2)? >> 4 & 15, 9 | 10) {
        return None;
    }
    let (capabilities, status) = (word(at + 12)? | word(at + 14)? << 16, word(at + 18)?);
    let most = capabilities >> 4 & 0x3F;
    let width = status >> 4 & 0x3F;
    let speed_gts = rate(status & 15);
    let max_width = (most > 0).then_some(most);
    max_width.map(|_| Link {
        speed_gts,
        width: Some(width),
        max_speed_gts: rate(capabilities & 15),
        max_width,
        degraded: None,
    })
}

/// GT/s of a speed code.
fn rate(code: u32) -> Option<f64> {
    [2.5, 5.0, 8.0, 16.0, 32.0, 64.0].get(code.checked_sub(1)? as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_and_link() {
        let mut bytes = [0u8; 256];
        bytes[..12].copy_from_slice(&[0x86, 0x80, 0x21, 0x15, 7, 4, 0x10, 0, 1, 0, 0, 2]);
        bytes[0x34] = 0x40;
        bytes[0x40..0x42].copy_from_slice(&[1, 0x50]);
        bytes[0x50..0x54].copy_from_slice(&[EXPRESS, 0, 2, 0]);
        bytes[0x5C..0x60].copy_from_slice(&[0x43, 0, 0, 0]);
        bytes[0x62..0x64].copy_from_slice(&[0x41, 0]);
        let config = decode(&bytes).unwrap_or(Config { vendor: 0, device: 0, class: 0, link: None });
        assert_eq!((config.vendor, config.device, config.class), (0x8086, 0x1521, 0x02_0000));
        let link = config.link.unwrap_or_default();
        assert_eq!(
            (link.speed_gts, link.width, link.max_speed_gts, link.max_width),
            (Some(2.5), Some(4), Some(8.0), Some(4))
        );
        bytes[0x41] = 0x40;
        assert_eq!(decode(&bytes).and_then(|config| config.link), None, "a list that loops");
        assert_eq!(decode(&bytes[..64]).map(|config| config.link), Some(None));
        assert_eq!(decode(&bytes[..8]), None);
        let alias = from_alias("pci:v00008086d00001237sv00001AF4sd00001100bc06sc01i02");
        assert_eq!(alias.map(|alias| (alias.vendor, alias.device, alias.class)), Some((0x8086, 0x1237, 0x06_0102)));
        assert_eq!(from_alias("pci:v00008086d*sv*sd*bc06sc00i00"), None);
    }
}
