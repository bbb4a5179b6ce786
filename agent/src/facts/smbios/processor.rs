//! Types 4 and 7: processor sockets and caches.

use super::{Structure, of_kind};
use luthier_protocol::facts::{FirmwareCache, Processor};

/// Every type 4.
pub fn processors(table: &[Structure<'_>]) -> Vec<Processor> {
    of_kind(table, 4).map(processor).collect()
}

fn processor(socket: &Structure<'_>) -> Processor {
    let status = socket.byte(0x18).unwrap_or_default();
    let populated = status & 0x40 != 0;
    let word = match status & 7 {
        1 => Some("enabled"),
        2 => Some("disabled by user"),
        3 => Some("disabled by firmware"),
        4 => Some("idle"),
        _ => None,
    };
    let text = |at: usize| socket.meaningful(at).filter(|_| populated);
    let count = |small: usize, large: usize| {
        let count = match socket.byte(small)? {
            0xFF => socket.word(large).unwrap_or(0xFF),
            count => u16::from(count),
        };
        (populated && count > 0).then(|| u32::from(count))
    };
    let mhz = |at: usize| socket.word(at).filter(|mhz| populated && *mhz > 0).map(u32::from);
    Processor {
        designation: socket.text(0x04),
        populated,
        status: word.filter(|_| populated).map(str::to_owned),
        vendor: text(0x07),
        model: text(0x10),
        cores: count(0x23, 0x2A),
        cores_enabled: count(0x24, 0x2C),
        threads: count(0x25, 0x2E),
        max_mhz: mhz(0x14),
        current_mhz: mhz(0x16),
    }
}

/// Every type 7.
pub fn caches(table: &[Structure<'_>]) -> Vec<FirmwareCache> {
    of_kind(table, 7).map(cache).collect()
}

fn cache(cache: &Structure<'_>) -> FirmwareCache {
    let configuration = cache.word(0x05);
    // Bit 15 (bit 31 of the longer field) tells the unit: 64 KiB or 1 KiB.
    let short = |size: u16| u64::from(size & 0x7FFF) << if size & 0x8000 != 0 { 6 } else { 0 };
    let long = |size: u32| u64::from(size & 0x7FFF_FFFF) << if size & 0x8000_0000 != 0 { 6 } else { 0 };
    let size = match (cache.word(0x09), cache.double(0x17)) {
        (Some(0xFFFF) | None, Some(size)) => Some(long(size)),
        (Some(size), _) => Some(short(size)),
        (None, None) => None,
    };
    FirmwareCache {
        designation: cache.text(0x04),
        level: configuration.map(|bits| u32::from(bits & 7) + 1),
        size_kib: size,
        enabled: configuration.map(|bits| bits & 0x80 != 0),
    }
}
