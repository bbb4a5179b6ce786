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

/// Bytes of configuration space that hold all this looks at.
pub const SPACE: usize = 256;

/// Reads of a function's configuration space what is wanted, and no more.
pub fn read(probe: &mut Probe<'_>, folder: &str) -> Option<Config> {
    let space = probe.host.pieces(&format!("{folder}/config"), SPACE).ok()?;
    decode(&|at| space.word(at))
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
const EXPRESS: u32 = 0x10;

/// From the 32-bit words at multiples of four; each is asked for once.
fn decode(word: &dyn Fn(usize) -> Option<u32>) -> Option<Config> {
    let identity = word(0)?;
    let vendor = identity & 0xFFFF;
    if vendor == 0xFFFF {
        return None;
    }
    let has_list = word(4)? >> 16 & 0x10 != 0;
    let class = word(8)? >> 8;
    let mut link = None;
    let mut at = if has_list { (word(0x34)? & 0xFC) as usize } else { 0 };
    // The list can be no longer than the space allows: a loop ends.
    for _ in 0..48 {
        if at < 0x40 {
            break;
        }
        let Some(head) = word(at) else { break };
        if head & 0xFF == EXPRESS {
            link = express(at, head >> 16, word);
            break;
        }
        at = (head >> 8 & 0xFC) as usize;
    }
    Some(Config { vendor, device: identity >> 16, class, link })
}

fn express(at: usize, kind: u32, word: &dyn Fn(usize) -> Option<u32>) -> Option<Link> {
    // Devices inside the root complex have no link.
    if matches!(kind >> 4 & 15, 9 | 10) {
        return None;
    }
    let (capabilities, status) = (word(at + 12)?, word(at + 16)? >> 16);
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
        bytes[0x50..0x54].copy_from_slice(&[EXPRESS as u8, 0, 2, 0]);
        bytes[0x5C..0x60].copy_from_slice(&[0x43, 0, 0, 0]);
        bytes[0x62..0x64].copy_from_slice(&[0x41, 0]);
        let decode = |bytes: &[u8]| {
            let bytes = crate::host::Pieces::Bytes(bytes.to_vec());
            super::decode(&|at| bytes.word(at))
        };
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
