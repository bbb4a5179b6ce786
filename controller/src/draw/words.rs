//! Sizes, lists and names as people read them.

/// `512 GiB`, `94.2 GiB`, `640 MiB`.
pub fn size(kib: u64) -> String {
    const GIB: u64 = 1024 * 1024;
    let one_digit = |unit: u64| {
        let tenths = kib.saturating_mul(10).saturating_add(unit / 2) / unit;
        if tenths.is_multiple_of(10) || tenths >= 1000 {
            (tenths / 10).to_string()
        } else {
            format!("{}.{}", tenths / 10, tenths % 10)
        }
    };
    match kib {
        GIB.. => format!("{} GiB", one_digit(GIB)),
        1024.. => format!("{} MiB", one_digit(1024)),
        _ => format!("{kib} KiB"),
    }
}

/// `0-3,8`.
pub fn ranges(numbers: &[u32]) -> String {
    let mut text = String::new();
    let mut rest = numbers.iter().copied().peekable();
    while let Some(low) = rest.next() {
        let mut high = low;
        while let Some(next) = rest.next_if(|next| Some(*next) == high.checked_add(1)) {
            high = next;
        }
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&if high > low { format!("{low}-{high}") } else { low.to_string() });
    }
    text
}

/// `1 core`, `2 cores`.
pub fn count(number: usize, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}

/// Generation of PCI Express by its rate in GT/s.
pub fn generation(gts: f64) -> Option<u32> {
    let rates = [(2.5, 1), (5.0, 2), (8.0, 3), (16.0, 4), (32.0, 5), (64.0, 6)];
    rates.iter().find(|(rate, _)| (rate - gts).abs() < 0.1).map(|(_, generation)| *generation)
}

/// What a class of PCI device is to an operator; `None` for the chipset's own parts, which no drawing needs.
pub fn class(class: &str) -> Option<&'static str> {
    let class = u32::from_str_radix(class.strip_prefix("0x").unwrap_or(class), 16).ok()? >> 8;
    Some(match class {
        0x0100 => "SCSI",
        0x0101 => "IDE",
        0x0104 => "RAID",
        0x0106 => "SATA",
        0x0107 => "SAS",
        0x0108 => "NVMe",
        0x0102 | 0x0103 | 0x0105 | 0x0109..=0x01FF => "storage",
        0x0200 => "Ethernet",
        0x0207 => "InfiniBand",
        0x0201..=0x0206 | 0x0208..=0x02FF => "network",
        0x0300..=0x03FF => "display",
        0x0B40 => "co-processor",
        0x0C03 => "USB",
        0x0C04 => "Fibre Channel",
        0x0C06 => "InfiniBand",
        0x1000..=0x10FF => "crypto",
        0x1200..=0x12FF => "accelerator",
        _ => return None,
    })
}

/// A text in at most so many characters, the rest told by an ellipsis.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// Sizes of disks as their makers count: `3.84 TB`, `480 GB`.
pub fn decimal(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB")];
    for (unit, name) in UNITS {
        if bytes >= unit {
            let hundredths = (bytes.saturating_add(unit / 200) / (unit / 100)).max(100);
            let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
            return format!("{} {name}", text.trim_end_matches('0').trim_end_matches('.'));
        }
    }
    format!("{bytes} bytes")
}

/// The numbers of a list as the kernel writes it (`0-3,8`); what is no number is passed over.
pub fn numbers(list: &str) -> Vec<u32> {
    /// More CPUs than any kernel has.
    const MOST: u32 = 65_536;
    let mut found = std::collections::BTreeSet::new();
    for part in list.split(',') {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(low), Ok(high)) = (low.trim().parse::<u32>(), high.trim().parse::<u32>()) {
            found.extend(low..=high.min(MOST));
        }
    }
    found.into_iter().collect()
}

/// Whether a device of this class lets its link slow down when there is nothing to do, so that its rate now says nothing.
pub fn sleeps(class: &str) -> bool {
    let class = class.to_lowercase();
    ["0x03", "0x0b40", "0x12"].iter().any(|start| class.starts_with(start))
}

/// Parts joined to lines of at most `width` characters, as far as the parts allow it.
pub fn fill(parts: &[String], between: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        match lines.last_mut() {
            Some(line) if line.chars().count() + between.chars().count() + part.chars().count() <= width => {
                line.push_str(between);
                line.push_str(part);
            }
            _ => lines.push(part.clone()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_sizes() {
        assert_eq!(numbers("0-2,8,x,4-3"), [0, 1, 2, 8]);
        assert_eq!(ranges(&numbers("0-2,8")), "0-2,8");
        assert_eq!((decimal(3_840_755_982_336), decimal(480_103_981_056)), ("3.84 TB".into(), "480.1 GB".into()));
        assert_eq!((sleeps("0x030200"), sleeps("0x0B4000"), sleeps("0x020000")), (true, true, false));
    }
}
