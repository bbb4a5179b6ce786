//! Types 16, 17, 19 and 20: groups of memory sockets, the sockets, and what is mapped to them.

use super::{Structure, names, of_kind, sockets};
use luthier_protocol::facts::{MemoryArray, MemoryDevice, Population, Processor};

/// Every type 16, with what type 19 maps to it.
pub fn arrays(table: &[Structure<'_>]) -> Vec<MemoryArray> {
    let mapped = mapped(table, 19);
    let arrays = of_kind(table, 16);
    arrays.map(|array| MemoryArray { mapped_kib: total(&mapped, array.handle), ..group(array) }).collect()
}

fn group(array: &Structure<'_>) -> MemoryArray {
    let word = |at: usize, words: fn(u8) -> Option<&'static str>| array.byte(at).and_then(words).map(str::to_owned);
    let max_kib = match array.double(0x07) {
        Some(0x8000_0000) => array.quad(0x0F).map(|bytes| bytes / 1024),
        Some(kib) => Some(u64::from(kib)),
        None => None,
    };
    MemoryArray {
        location: word(0x04, names::array_location),
        r#use: word(0x05, names::array_use),
        error_correction: word(0x06, names::error_correction),
        max_kib: max_kib.filter(|kib| *kib > 0),
        devices: array.word(0x0D).map(u32::from),
        mapped_kib: None,
    }
}

/// What is mapped, in KiB, by the handle it is mapped to: a group (type 19) or a single device (type 20).
fn mapped(table: &[Structure<'_>], kind: u8) -> Vec<(u16, u64)> {
    // Where addresses of 64 bits begin: a device's structure says more before them.
    let wide = if kind == 19 { 0x0F } else { 0x13 };
    let row = |row: &Structure<'_>| {
        let kib = match (row.double(0x04)?, row.double(0x08)?) {
            (u32::MAX, _) | (_, u32::MAX) => row.quad(wide + 8)?.checked_sub(row.quad(wide)?)?.checked_add(1)? / 1024,
            (start, end) => u64::from(end).checked_sub(u64::from(start))?.checked_add(1)?,
        };
        (kib > 0).then_some((row.word(0x0C)?, kib))
    };
    of_kind(table, kind).filter_map(row).collect()
}

/// All that is mapped to one handle; `None` where nothing names it.
fn total(mapped: &[(u16, u64)], handle: u16) -> Option<u64> {
    mapped.iter().filter(|(to, _)| *to == handle).map(|(_, kib)| *kib).reduce(u64::saturating_add)
}

/// Every type 17.
pub fn devices(table: &[Structure<'_>], vendor: Option<&str>, processors: &[Processor]) -> Vec<MemoryDevice> {
    let devices: Vec<&Structure<'_>> = of_kind(table, 17).collect();
    let mut rows: Vec<MemoryDevice> = devices.iter().map(|device| socket(device)).collect();
    let locators: Vec<Option<&str>> = rows.iter().map(|row| row.locator.as_deref()).collect();
    let banks: Vec<Option<&str>> = rows.iter().map(|row| row.bank.as_deref()).collect();
    let by_locator = sockets::named(&locators, vendor, processors);
    let by_bank = sockets::named(&banks, vendor, processors);
    let arrays: Vec<&Structure<'_>> = of_kind(table, 16).collect();
    // One group of main memory for each processor: then the group tells the processor.
    let main: Vec<u16> = arrays.iter().filter(|one| one.byte(0x05) == Some(3)).map(|one| one.handle).collect();
    let mapped = mapped(table, 20);
    let names = by_locator.into_iter().zip(by_bank);
    for ((row, device), (locator, bank)) in rows.iter_mut().zip(devices).zip(names) {
        let handle = device.word(0x04);
        let array = arrays.iter().position(|one| Some(one.handle) == handle);
        let grouped = main.iter().position(|one| Some(*one) == handle).filter(|_| main.len() == processors.len());
        row.mapped_kib = total(&mapped, device.handle);
        row.array = array.and_then(|index| u32::try_from(index).ok());
        row.socket = locator.or(bank).or_else(|| grouped.and_then(|index| u32::try_from(index).ok()));
        row.channel = row.locator.as_deref().and_then(channel).or_else(|| row.bank.as_deref().and_then(channel));
    }
    rows
}

fn socket(device: &Structure<'_>) -> MemoryDevice {
    let size_mib = match device.word(0x0C) {
        Some(0xFFFF) | None => None,
        Some(0x7FFF) => device.double(0x1C).map(|mib| u64::from(mib & 0x7FFF_FFFF)).or(Some(0x7FFF)),
        Some(kib) if kib & 0x8000 != 0 => Some(u64::from(kib & 0x7FFF) / 1024),
        Some(mib) => Some(u64::from(mib)),
    };
    let filled = size_mib != Some(0);
    let speed = |short: usize, long: usize| {
        let speed = match device.word(short)? {
            0xFFFF => device.double(long)? & 0x7FFF_FFFF,
            speed => u32::from(speed),
        };
        (filled && speed > 0).then_some(speed)
    };
    let count = |at: usize| device.word(at).filter(|count| filled && !matches!(count, 0 | 0xFFFF)).map(u32::from);
    let text = |at: usize| device.meaningful(at).filter(|_| filled);
    MemoryDevice {
        locator: device.text(0x10),
        bank: device.text(0x11),
        array: None,
        socket: None,
        channel: None,
        mapped_kib: None,
        size_mib,
        r#type: device.byte(0x12).filter(|_| filled).and_then(names::memory).map(str::to_owned),
        form: device.byte(0x0E).and_then(names::memory_form).map(str::to_owned),
        speed_mts: speed(0x15, 0x54),
        configured_mts: speed(0x20, 0x58),
        ranks: device.byte(0x1B).map(|ranks| u32::from(ranks & 15)).filter(|ranks| filled && *ranks > 0),
        total_width: count(0x08),
        data_width: count(0x0A),
        technology: device.byte(0x28).filter(|_| filled).and_then(names::technology).map(str::to_owned),
        voltage_mv: count(0x26),
        vendor: text(0x17),
        part: text(0x1A),
    }
}

/// The channel a name tells: `Channel0`, `CHANNEL A`, `Chn1`, `C0D1`.
fn channel(text: &str) -> Option<String> {
    let upper = text.to_ascii_uppercase();
    for word in ["CHANNEL", "CHAN", "CHN", "CH"] {
        let Some((_, after)) = upper.split_once(word) else { continue };
        let name = after.trim_start_matches([' ', '_', '-', '.']);
        let name: String = name.chars().take_while(char::is_ascii_alphanumeric).collect();
        let digits = name.bytes().take_while(u8::is_ascii_digit).count();
        let name = name.get(..if digits > 0 { digits } else { name.len() })?;
        if digits > 0 || name.len() == 1 {
            return Some(name.to_owned());
        }
    }
    None
}

/// Memory by processor and channel, in the order of the table.
pub fn population(devices: &[MemoryDevice]) -> Vec<Population> {
    let mut rows: Vec<Population> = Vec::new();
    for device in devices {
        let same = |row: &&mut Population| row.socket == device.socket && row.channel == device.channel;
        let size = device.size_mib.unwrap_or_default();
        let filled = u32::from(device.size_mib != Some(0));
        match rows.iter_mut().find(same) {
            Some(row) => {
                row.slots += 1;
                row.populated += filled;
                row.size_mib = row.size_mib.saturating_add(size);
            }
            None => rows.push(Population {
                socket: device.socket,
                channel: device.channel.clone(),
                slots: 1,
                populated: filled,
                size_mib: size,
            }),
        }
    }
    rows
}
