//! Sizes, lists and names as people read them.

use luthier_protocol::facts::PciDevice;

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

/// CPUs as an operator reads them: like `ranges`, but four or more at one distance are `0-110:2`, every second one.
pub fn cpus(numbers: &[u32]) -> String {
    const FEW: usize = 4;
    let mut parts: Vec<String> = Vec::new();
    let mut rest = numbers;
    while let [first, tail @ ..] = rest {
        let step = tail.first().map_or(1, |next| next.saturating_sub(*first));
        let along = rest.iter().zip((0..).map(|index: u32| first.saturating_add(index.saturating_mul(step))));
        let length = along.take_while(|(number, expected)| *number == expected).count();
        let length = if step > 1 && length < FEW { 1 } else { length.max(1) };
        let (run, others) = rest.split_at(length);
        parts.push(match run.last() {
            Some(last) if step > 1 && length > 1 => format!("{first}-{last}:{step}"),
            _ => ranges(run),
        });
        rest = others;
    }
    parts.join(",")
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

/// What a PCI device is to an operator; `None` for the chipset's own parts, which no drawing needs.
pub fn kind(device: &PciDevice) -> Option<&'static str> {
    let number = class_number(device)?;
    // Chipsets have such parts, too, on the root bus itself.
    let beyond = !device.path.is_empty();
    match number {
        0x0502 => Some("CXL memory"),
        0x0500 | 0x0580 if beyond => Some("memory"),
        0x0680 if beyond && device.vendor.as_deref() == Some("0x10de") => Some("NVSwitch"),
        0x0680 if beyond => Some("bridge"),
        number => class(number),
    }
}

fn class_number(device: &PciDevice) -> Option<u32> {
    let class = device.class.as_deref()?;
    Some(u32::from_str_radix(class.strip_prefix("0x").unwrap_or(class), 16).ok()? >> 8)
}

fn class(number: u32) -> Option<&'static str> {
    Some(match number {
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

/// A name in at most so many characters without its middle: names that a program made are told apart by their ends.
pub fn short(name: &str, most: usize) -> String {
    let letters: Vec<char> = name.chars().collect();
    if letters.len() <= most {
        return name.to_owned();
    }
    let end = most / 2;
    let start = most.saturating_sub(end + 1);
    letters.iter().take(start).chain(&['…']).chain(letters.iter().skip(letters.len() - end)).collect()
}

/// A long list parted after the last comma that fits into so many characters; `None` where there is none, and for short ones.
fn torn(list: &str, room: usize) -> Option<(String, String)> {
    const SHORT: usize = 24;
    if list.chars().count() <= SHORT {
        return None;
    }
    let comma = list.chars().take(room).collect::<Vec<_>>().iter().rposition(|letter| *letter == ',')?;
    Some((
        list.chars().take(comma + 1).collect(),
        list.chars().skip(comma + 1).collect::<String>().trim_start().to_owned(),
    ))
}

/// A text in pieces of at most `width` characters, parted at spaces, after commas, and within a word only if nothing else helps.
pub fn pieces(text: &str, width: usize) -> Vec<String> {
    flow(text.split(' ').map(str::to_owned), width)
}

/// As `pieces`, of words that stay together. Runs of spaces within a piece stay.
pub fn flow(words: impl IntoIterator<Item = String>, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut found: Vec<String> = Vec::new();
    let mut line = String::new();
    for mut word in words {
        loop {
            let used = line.chars().count() + usize::from(!line.is_empty());
            let room = width.saturating_sub(used);
            let (head, rest) = match torn(&word, room) {
                _ if word.chars().count() <= room => (word, None),
                Some((head, rest)) => (head, Some(rest)),
                None if line.trim().is_empty() => {
                    (word.chars().take(width).collect(), Some(word.chars().skip(width).collect()))
                }
                None => {
                    found.push(std::mem::take(&mut line));
                    continue;
                }
            };
            if !line.is_empty() || head.is_empty() {
                line.push(' ');
            }
            line.push_str(&head);
            match rest {
                Some(rest) => word = rest,
                None => break,
            }
            found.push(std::mem::take(&mut line));
        }
    }
    found.push(line);
    found.into_iter().map(|line| line.trim_end().to_owned()).collect()
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

/// Whether a disk is the kernel's own name of one way to an NVMe disk (`nvme0c1n1`), which nobody uses.
pub fn is_way(name: &str) -> bool {
    let digits = |text: &str| text.trim_start_matches(|letter: char| letter.is_ascii_digit()).to_owned();
    name.strip_prefix("nvme").is_some_and(|rest| digits(rest).starts_with('c'))
}

/// Whether a device of this class lets its link slow down when there is nothing to do, so that its rate now says nothing.
pub fn sleeps(class: &str) -> bool {
    let class = class.to_lowercase();
    ["0x03", "0x0b40", "0x12"].iter().any(|start| class.starts_with(start))
}

/// Parts joined to lines of at most `width` characters; only a part that is longer than that is torn.
pub fn fill(parts: &[String], between: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        match lines.last_mut() {
            Some(line) if line.chars().count() + between.chars().count() + part.chars().count() <= width => {
                line.push_str(between);
                line.push_str(part);
            }
            _ => lines.extend(pieces(part, width)),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cpus() {
        let even: Vec<u32> = (0..56).map(|cpu| 2 * cpu).collect();
        assert_eq!(cpus(&even), "0-110:2");
        assert_eq!(cpus(&[0, 2, 4]), "0,2,4");
        assert_eq!(cpus(&[0, 1, 2, 3, 8, 10, 12, 14, 20]), "0-3,8-14:2,20");
        assert_eq!(cpus(&[7]), "7");
        assert_eq!(cpus(&[]), "");
        // Whatever the list is, it reads back.
        assert_eq!(cpus(&[0, 40, 41, 80]), "0,40-41,80");
    }

    #[test]
    fn ways_to_a_disk_are_not_disks() {
        assert_eq!(["nvme0n1", "nvme0c1n1", "nvme10c0n2", "sda"].map(is_way), [false, true, true, false]);
    }

    #[test]
    fn long_words_are_parted() {
        assert_eq!(pieces("over CPUs 0-3,8-11,16-19,24-27,32-35", 22), ["over CPUs 0-3,8-11,", "16-19,24-27,32-35"]);
        assert_eq!(pieces("a bbbbbbbbbbbb c", 5), ["a", "bbbbb", "bbbbb", "bb c"]);
        assert_eq!(short("prod_database-000017", 12), "prod_…000017");
        assert_eq!(fill(&["one two".into(), "three".into()], " · ", 6), ["one", "two", "three"]);
    }

    #[test]
    fn lists_and_sizes() {
        assert_eq!(numbers("0-2,8,x,4-3"), [0, 1, 2, 8]);
        assert_eq!(ranges(&numbers("0-2,8")), "0-2,8");
        assert_eq!((decimal(3_840_755_982_336), decimal(480_103_981_056)), ("3.84 TB".into(), "480.1 GB".into()));
        assert_eq!((sleeps("0x030200"), sleeps("0x0B4000"), sleeps("0x020000")), (true, true, false));
    }
}
