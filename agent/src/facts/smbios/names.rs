//! Codes of DSP0134 in words.

/// The word of a code in a table that starts at `first`; `None` for codes it does not have or leaves empty.
fn word(table: &[&'static str], first: u8, code: u8) -> Option<&'static str> {
    let word = table.get(usize::from(code.checked_sub(first)?))?;
    (!word.is_empty()).then_some(word)
}

/// Interfaces to a management controller (type 38).
pub fn ipmi(code: u8) -> Option<&'static str> {
    word(&["KCS", "SMIC", "BT", "SSIF"], 1, code)
}

/// What keeps the data of a memory module (type 17).
pub fn technology(code: u8) -> Option<&'static str> {
    word(&["DRAM", "NVDIMM-N", "NVDIMM-F", "NVDIMM-P", "Intel Optane persistent memory"], 3, code)
}

/// Board types (type 2).
pub fn board(code: u8) -> Option<&'static str> {
    const WORDS: [&str; 11] = [
        "server blade",
        "connectivity switch",
        "system management module",
        "processor module",
        "I/O module",
        "memory module",
        "daughter board",
        "motherboard",
        "processor and memory module",
        "processor and I/O module",
        "interconnect board",
    ];
    word(&WORDS, 3, code)
}

/// Chassis types (type 3), as the standard and dmidecode name them.
pub fn chassis(code: u8) -> Option<&'static str> {
    const WORDS: [&str; 34] = [
        "Desktop",
        "Low Profile Desktop",
        "Pizza Box",
        "Mini Tower",
        "Tower",
        "Portable",
        "Laptop",
        "Notebook",
        "Hand Held",
        "Docking Station",
        "All In One",
        "Sub Notebook",
        "Space-saving",
        "Lunch Box",
        "Main Server Chassis",
        "Expansion Chassis",
        "Sub Chassis",
        "Bus Expansion Chassis",
        "Peripheral Chassis",
        "RAID Chassis",
        "Rack Mount Chassis",
        "Sealed-case PC",
        "Multi-system",
        "CompactPCI",
        "AdvancedTCA",
        "Blade",
        "Blade Enclosure",
        "Tablet",
        "Convertible",
        "Detachable",
        "IoT Gateway",
        "Embedded PC",
        "Mini PC",
        "Stick PC",
    ];
    word(&WORDS, 3, code & 0x7f)
}

/// Where a memory array is (type 16).
pub fn array_location(code: u8) -> Option<&'static str> {
    const WORDS: [&str; 8] = [
        "system board",
        "ISA add-on card",
        "EISA add-on card",
        "PCI add-on card",
        "MCA add-on card",
        "PCMCIA add-on card",
        "proprietary add-on card",
        "NuBus",
    ];
    word(&WORDS, 3, code)
}

/// What a memory array is for (type 16).
pub fn array_use(code: u8) -> Option<&'static str> {
    word(&["system memory", "video memory", "flash", "non-volatile RAM", "cache"], 3, code)
}

/// Error correction of a memory array (type 16).
pub fn error_correction(code: u8) -> Option<&'static str> {
    word(&["none", "parity", "single bit", "multi bit", "CRC"], 3, code)
}

/// Memory technology (type 17).
pub fn memory(code: u8) -> Option<&'static str> {
    const WORDS: [&str; 34] = [
        "DRAM",
        "EDRAM",
        "VRAM",
        "SRAM",
        "RAM",
        "ROM",
        "Flash",
        "EEPROM",
        "FEPROM",
        "EPROM",
        "CDRAM",
        "3DRAM",
        "SDRAM",
        "SGRAM",
        "RDRAM",
        "DDR",
        "DDR2",
        "DDR2 FB-DIMM",
        "",
        "",
        "",
        "DDR3",
        "FBD2",
        "DDR4",
        "LPDDR",
        "LPDDR2",
        "LPDDR3",
        "LPDDR4",
        "Logical non-volatile device",
        "HBM",
        "HBM2",
        "DDR5",
        "LPDDR5",
        "HBM3",
    ];
    word(&WORDS, 3, code)
}

/// Form of a memory device (type 17).
pub fn memory_form(code: u8) -> Option<&'static str> {
    const WORDS: [&str; 14] = [
        "SIMM",
        "SIP",
        "Chip",
        "DIP",
        "ZIP",
        "Proprietary Card",
        "DIMM",
        "TSOP",
        "Row Of Chips",
        "RIMM",
        "SODIMM",
        "SRIMM",
        "FB-DIMM",
        "Die",
    ];
    word(&WORDS, 3, code)
}

/// Kind of an onboard device (type 41).
pub fn onboard(code: u8) -> Option<&'static str> {
    const WORDS: [&str; 14] = [
        "Video",
        "SCSI Controller",
        "Ethernet",
        "Token Ring",
        "Sound",
        "PATA Controller",
        "SATA Controller",
        "SAS Controller",
        "Wireless LAN",
        "Bluetooth",
        "WWAN",
        "eMMC",
        "NVMe Controller",
        "UFS Controller",
    ];
    word(&WORDS, 3, code & 0x7f)
}

/// Kind of a slot (type 9) without its width.
pub fn slot(code: u8) -> Option<&'static str> {
    Some(match code {
        0x03 => "ISA",
        0x04 => "MCA",
        0x05 => "EISA",
        0x06 => "PCI",
        0x07 => "PC Card (PCMCIA)",
        0x08 => "VLB",
        0x09 => "Proprietary",
        0x0A => "Processor Card",
        0x0B => "Proprietary Memory Card",
        0x0C => "I/O Riser Card",
        0x0D => "NuBus",
        0x0E => "PCI-66",
        0x0F => "AGP",
        0x10 => "AGP 2x",
        0x11 => "AGP 4x",
        0x12 => "PCI-X",
        0x13 => "AGP 8x",
        0x14 => "M.2 Socket 1-DP",
        0x15 => "M.2 Socket 1-SD",
        0x16 => "M.2 Socket 2",
        0x17 => "M.2 Socket 3",
        0x18 => "MXM Type I",
        0x19 => "MXM Type II",
        0x1A => "MXM Type III",
        0x1B => "MXM Type III-HE",
        0x1C => "MXM Type IV",
        0x1D => "MXM 3.0 Type A",
        0x1E => "MXM 3.0 Type B",
        0x1F => "PCI Express 2 SFF-8639 (U.2)",
        0x20 => "PCI Express 3 SFF-8639 (U.2)",
        0x21 => "PCI Express Mini 52-pin with bottom-side keep-outs",
        0x22 => "PCI Express Mini 52-pin without bottom-side keep-outs",
        0x23 => "PCI Express Mini 76-pin",
        0x24 => "PCI Express 4 SFF-8639 (U.2)",
        0x25 => "PCI Express 5 SFF-8639 (U.2)",
        0x26 => "OCP NIC 3.0 Small Form Factor (SFF)",
        0x27 => "OCP NIC 3.0 Large Form Factor (LFF)",
        0x28 => "OCP NIC Prior to 3.0",
        0x30 => "CXL Flexbus 1.0",
        0xA0 => "PC-98/C20",
        0xA1 => "PC-98/C24",
        0xA2 => "PC-98/E",
        0xA3 => "PC-98/Local Bus",
        0xA4 => "PC-98/Card",
        0xA5..=0xAA => "PCI Express",
        0xAB..=0xB0 => "PCI Express 2",
        0xB1..=0xB6 => "PCI Express 3",
        0xB8..=0xBD => "PCI Express 4",
        0xBE..=0xC3 => "PCI Express 5",
        0xC4 => "PCI Express 6+",
        0xC5 => "EDSFF E1",
        0xC6 => "EDSFF E3",
        _ => return None,
    })
}

/// Lanes that a slot's type itself names (`PCI Express 3 x8`).
pub fn slot_lanes(code: u8) -> Option<u32> {
    let first = match code {
        0xA5..=0xAA => 0xA5,
        0xAB..=0xB0 => 0xAB,
        0xB1..=0xB6 => 0xB1,
        0xB8..=0xBD => 0xB8,
        0xBE..=0xC3 => 0xBE,
        _ => return None,
    };
    [None, Some(1), Some(2), Some(4), Some(8), Some(16)].get(usize::from(code - first)).copied().flatten()
}

/// Lanes of a width code (data bus and physical); `None` for widths in bits.
pub fn lanes(code: u8) -> Option<u32> {
    [1, 2, 4, 8, 12, 16, 32].get(usize::from(code.checked_sub(8)?)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_the_standard() {
        assert_eq!((board(0x0A), board(0x0D), board(2)), (Some("motherboard"), Some("interconnect board"), None));
        assert_eq!((chassis(0x17), chassis(0x97), chassis(1)), (Some("Rack Mount Chassis"), chassis(0x17), None));
        assert_eq!((chassis(0x1C), chassis(0x11)), (Some("Blade"), Some("Main Server Chassis")));
        assert_eq!(
            (memory(0x18), memory(0x1A), memory(0x22), memory(0x20)),
            (Some("DDR3"), Some("DDR4"), Some("DDR5"), Some("HBM"))
        );
        assert_eq!(
            (memory(0x1F), memory(0x15), memory(0x24)),
            (Some("Logical non-volatile device"), None, Some("HBM3"))
        );
        assert_eq!((memory_form(9), memory_form(0xD)), (Some("DIMM"), Some("SODIMM")));
        assert_eq!(
            (onboard(0x85), onboard(0xA), onboard(0xF), onboard(3)),
            (Some("Ethernet"), Some("SAS Controller"), Some("NVMe Controller"), Some("Video"))
        );
        assert_eq!(
            (slot(0xBD), slot_lanes(0xBD), slot_lanes(0xB8), slot_lanes(0x06)),
            (Some("PCI Express 4"), Some(16), None, None)
        );
        assert_eq!((lanes(8), lanes(0xD), lanes(0xE), lanes(5)), (Some(1), Some(16), Some(32), None));
        assert_eq!(error_correction(6), Some("multi bit"));
    }
}
