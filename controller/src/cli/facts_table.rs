//! What fits into a line of a host's facts. What is not known is a dash.

use crate::output;
use luthier_protocol::Map;
use luthier_protocol::facts::{Cpu, Firmware, HugePages, Kernel, Memory, Numa, Os};
use serde::Deserialize;

const HEAD: [&str; 10] =
    ["HOST", "SYSTEM", "PROCESSOR", "CPUS", "MEMORY", "DIMMS", "HUGE PAGES", "BIOS", "OS", "KERNEL"];

/// Columns that may be cut so that a line fits.
const MAY_SHRINK: [usize; 3] = [1, 2, 9];

/// What they keep at least.
const SMALLEST: usize = 10;

/// Widest line, where the other columns allow it.
const WIDTH: usize = 120;

/// Lines of hosts.
#[derive(Debug, Default)]
pub(super) struct FactsTable {
    rows: Vec<[String; 10]>,
}

impl FactsTable {
    /// The keys of the facts that a line is made of.
    pub(super) fn wanted() -> Vec<String> {
        ["os", "kernel", "cpu", "numa", "memory", "hugepages", "firmware"].map(str::to_owned).into()
    }

    /// Takes a host.
    pub(super) fn add(&mut self, host: &str, facts: &Map) {
        let firmware: Option<Firmware> = part(facts, "firmware");
        let os: Option<Os> = part(facts, "os");
        let cells = [
            Some(host.to_owned()),
            firmware.as_ref().and_then(|firmware| firmware.system.product.clone()),
            part::<Cpu>(facts, "cpu").and_then(|cpu| cpu.model).map(|model| short(&model)),
            cpus(facts),
            part::<Memory>(facts, "memory").and_then(|memory| memory.total_kib).map(gib),
            firmware.as_ref().and_then(dimms),
            pages(facts),
            firmware.as_ref().and_then(|firmware| firmware.bios.date.as_deref()).map(date),
            os.and_then(|os| Some(format!("{} {}", os.id?, os.version_id.unwrap_or_default()).trim().to_owned())),
            part::<Kernel>(facts, "kernel").and_then(|kernel| kernel.release),
        ];
        let cell = |cell: Option<String>| cell.filter(|text| !text.trim().is_empty()).unwrap_or_else(|| "-".to_owned());
        self.rows.push(cells.map(cell));
    }

    /// All of them, by name.
    pub(super) fn text(mut self) -> String {
        self.rows.sort();
        let mut widths = HEAD.map(|head| head.chars().count());
        for row in &self.rows {
            for (cell, widest) in row.iter().zip(&mut widths) {
                *widest = (*widest).max(cell.chars().count());
            }
        }
        let over = |widths: &[usize]| widths.iter().map(|width| width + 2).sum::<usize>() > WIDTH + 2;
        while over(&widths) {
            let widest = widths
                .iter_mut()
                .enumerate()
                .filter(|(column, width)| MAY_SHRINK.contains(column) && **width > SMALLEST);
            let Some((_, width)) = widest.max_by_key(|(_, width)| **width) else { break };
            *width -= 1;
        }
        for row in &mut self.rows {
            for (cell, width) in row.iter_mut().zip(widths) {
                if cell.chars().count() > width {
                    *cell = cell.chars().take(width.saturating_sub(1)).chain(['…']).collect();
                }
            }
        }
        output::table(HEAD, &self.rows)
    }
}

fn part<'a, T: Deserialize<'a>>(facts: &'a Map, key: &str) -> Option<T> {
    facts.get(key).and_then(|value| T::deserialize(value).ok())
}

/// A processor's name without what every processor's name says: `Xeon Gold 6330`.
fn short(model: &str) -> String {
    let plain = model.replace("(R)", " ").replace("(TM)", " ").replace("(tm)", " ");
    let plain = plain.split(" @").next().unwrap_or_default();
    let words = plain.split_whitespace();
    let told = |word: &&str| {
        let count = word.strip_suffix("-Core").is_some_and(|count| count.parse::<u32>().is_ok());
        !count && !["Intel", "AMD", "CPU", "Processor", "processor", "0"].contains(word)
    };
    words.filter(told).collect::<Vec<_>>().join(" ")
}

/// Sockets, cores, threads and nodes: `2s 56c 112t 2n`.
fn cpus(facts: &Map) -> Option<String> {
    let cpu: Cpu = part(facts, "cpu").unwrap_or_default();
    let nodes = part::<Numa>(facts, "numa").filter(|numa| numa.supported);
    let nodes = nodes.and_then(|numa| u32::try_from(numa.nodes.len()).ok());
    let counts = [(cpu.packages, 's'), (cpu.cores, 'c'), (cpu.threads, 't'), (nodes, 'n')];
    let known: Vec<String> =
        counts.iter().filter_map(|(count, letter)| Some(format!("{}{letter}", (*count)?))).collect();
    (!known.is_empty()).then(|| known.join(" "))
}

fn gib(kib: u64) -> String {
    let tenths = kib.saturating_mul(10) / 1_048_576;
    if tenths >= 1000 { format!("{}G", tenths / 10) } else { format!("{}.{}G", tenths / 10, tenths % 10) }
}

/// Memory sockets in use, and all: `16/24`.
fn dimms(firmware: &Firmware) -> Option<String> {
    let devices = firmware.memory_devices.as_deref().filter(|devices| !devices.is_empty())?;
    let filled = devices.iter().filter(|device| device.size_mib != Some(0)).count();
    Some(format!("{filled}/{}", devices.len()))
}

/// Pools that are not empty: `512×2M 64×1G`.
fn pages(facts: &Map) -> Option<String> {
    let sizes = part::<HugePages>(facts, "hugepages")?.sizes?;
    let unit = |kib: u64| match kib {
        kib if kib.is_multiple_of(1_048_576) => format!("{}G", kib / 1_048_576),
        kib if kib.is_multiple_of(1024) => format!("{}M", kib / 1024),
        kib => format!("{kib}K"),
    };
    let known = sizes.iter().filter_map(|size| Some((size.total?, size.size_kib)));
    let rows: Vec<(u64, u64)> = known.collect();
    if rows.is_empty() {
        return None;
    }
    let filled = rows.iter().filter(|(total, _)| *total > 0).map(|(total, size)| format!("{total}×{}", unit(*size)));
    let filled: Vec<String> = filled.collect();
    Some(if filled.is_empty() { "0".to_owned() } else { filled.join(" ") })
}

/// A date as firmware writes it (month/day/year), so that it sorts.
fn date(written: &str) -> String {
    match written.split('/').collect::<Vec<_>>().as_slice() {
        [month, day, year] if year.len() == 4 => format!("{year}-{month:0>2}-{day:0>2}"),
        _ => written.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;
    use serde_json::json;

    #[test]
    fn lines_are_sorted_fit_and_have_dashes() {
        let full = json!({
            "os": {"id": "debian", "id_like": [], "name": null, "version_id": "12", "codename": null, "family": null},
            "kernel": {"release": "6.1.0-28-cloud-amd64-with-a-name-that-has-no-end", "version": null, "architecture": null,
                "cmdline": null, "parameters": null, "config": null},
            "hugepages": {"default_size_kib": 2048, "mounts": null, "sizes": [
                {"size_kib": 2048, "total": 512, "free": 0, "reserved": 0, "surplus": 0, "overcommit": 0},
                {"size_kib": 1_048_576, "total": 0, "free": 0, "reserved": 0, "surplus": 0, "overcommit": 0}]},
        });
        let mut table = FactsTable::default();
        table.add("kvm02.some-site.example.net", full.as_object().unwrap());
        table.add("kvm01", &Map::new());
        let text = table.text();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("kvm01") && lines[1].split_whitespace().skip(1).all(|cell| cell == "-"), "{text}");
        assert!(lines[2].contains("512×2M") && lines[2].contains("debian 12") && lines[2].ends_with('…'), "{text}");
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{text}");
    }

    #[test]
    fn names_and_dates() {
        assert_eq!(short("Intel(R) Xeon(R) Gold 6330 CPU @ 2.00GHz"), "Xeon Gold 6330");
        assert_eq!(short("AMD EPYC 7763 64-Core Processor"), "EPYC 7763");
        assert_eq!(
            (date("09/10/2024"), date("9/1/2024"), date("soon")),
            ("2024-09-10".into(), "2024-09-01".into(), "soon".into())
        );
    }
}
