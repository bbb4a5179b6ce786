//! Processors, memory, firmware's names, uptime, load.

use crate::facts::chassis_name;
use crate::facts::probe::meminfo;
use crate::facts::{FactSource, cpu, cpuinfo};
use crate::host::Host;
use luthier_protocol::{Map, Value};
use serde_json::json;

/// `processor*` and `flags`.
pub fn processors(host: &Host, facts: &mut Map) {
    let text = host.read_text("/proc/cpuinfo").unwrap_or_default();
    let own = cpu::Cpu.read(host, &mut Vec::new());
    let number = |key: &str| own.get(key).and_then(Value::as_u64);
    let online = number("threads").unwrap_or_else(|| u64::from(cpuinfo::processors(&text).len()));
    // Virtual machines of families without packages count each processor as one.
    let packages = number("packages").filter(|count| *count > 0).unwrap_or(online);
    let cores = number("cores").filter(|count| *count > 0).unwrap_or(packages);
    let per_package = (cores / packages.max(1)).max(1);
    let per_core = (online / cores.max(1)).max(1);
    let machine = host.uname().map(|uname| uname.machine).or_else(|| host.read_text("/proc/sys/kernel/arch").ok());
    let classic = classic(machine.unwrap_or_default().trim(), &text);
    let (packages, per_package, per_core, online) = classic.unwrap_or((packages, per_package, per_core, online));
    facts.insert("processor".to_owned(), json!(description(&text)));
    facts.insert("processor_count".to_owned(), json!(packages));
    facts.insert("processor_cores".to_owned(), json!(per_package));
    facts.insert("processor_threads_per_core".to_owned(), json!(per_core));
    facts.insert("processor_vcpus".to_owned(), json!(online));
    facts.insert("processor_nproc".to_owned(), json!(host.usable_cpus().map_or(online, u64::from)));
    if let Some(flags) = cpuinfo::flags(&text) {
        facts.insert("flags".to_owned(), json!(flags));
    }
}

/// Processors, cores of each, threads of a core and all of them as Ansible counts where `/proc/cpuinfo` tells no packages:
/// on ARM and POWER each thread is a processor, and all of a mainframe are one.
fn classic(machine: &str, text: &str) -> Option<(u64, u64, u64, u64)> {
    if ["armv", "aarch", "ppc"].iter().any(|family| machine.starts_with(family)) {
        let keys = text.lines().filter_map(|line| line.split_once(':')).map(|(key, _)| key.trim());
        let count = keys.filter(|key| *key == "processor").count() as u64;
        return (count > 0).then_some((count, 1, 1, count));
    }
    let number = |name: &str| cpuinfo::field(text, name)?.parse::<u64>().ok();
    let threads = number("max thread id").filter(|_| machine == "s390x")?.checked_add(1)?;
    let all = number("# processors")?;
    // To the nearest, halves to the even one, as Python does.
    let (whole, rest) = (all / threads, all % threads * 2);
    let cores = whole + u64::from(rest > threads || rest == threads && whole % 2 == 1);
    Some((1, cores, threads, all))
}

/// Number, vendor and model of each processor, one after another.
fn description(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .filter(|(key, _)| {
            let names = ["processor", "vendor_id", "Vendor", "model name", "Model Name", "cpu", "Processor"];
            names.contains(&key.trim())
        })
        .map(|(_, value)| value.trim())
        .collect()
}

/// `memtotal_mb`, `memfree_mb`, `swaptotal_mb`, `swapfree_mb`, `memory_mb`.
pub fn memory(host: &Host, facts: &mut Map) {
    let Ok(text) = host.read_text("/proc/meminfo") else { return };
    let mib = |field: &str| meminfo(&text, field).map(|kib| kib / 1024);
    let (Some(total), Some(free)) = (mib("MemTotal"), mib("MemFree")) else { return };
    let kib = |field: &str| meminfo(&text, field).unwrap_or(0);
    let unused = (kib("MemFree") + kib("Cached") + kib("Buffers")) / 1024;
    facts.insert("memtotal_mb".to_owned(), json!(total));
    facts.insert("memfree_mb".to_owned(), json!(free));
    let mut swap = Value::Null;
    if let (Some(swap_total), Some(swap_free)) = (mib("SwapTotal"), mib("SwapFree")) {
        facts.insert("swaptotal_mb".to_owned(), json!(swap_total));
        facts.insert("swapfree_mb".to_owned(), json!(swap_free));
        swap = json!({
            "total": swap_total,
            "free": swap_free,
            "used": swap_total.saturating_sub(swap_free),
            "cached": kib("SwapCached") / 1024,
        });
    }
    facts.insert(
        "memory_mb".to_owned(),
        json!({
            "real": {"total": total, "free": free, "used": total.saturating_sub(free)},
            "nocache": {"free": unused, "used": total.saturating_sub(unused)},
            "swap": swap,
        }),
    );
}

/// Facts and the files below `/sys/class/dmi/id` that they come from.
const DMI: [(&str, &str); 21] = [
    ("bios_date", "bios_date"),
    ("bios_vendor", "bios_vendor"),
    ("bios_version", "bios_version"),
    ("board_asset_tag", "board_asset_tag"),
    ("board_name", "board_name"),
    ("board_serial", "board_serial"),
    ("board_vendor", "board_vendor"),
    ("board_version", "board_version"),
    ("chassis_asset_tag", "chassis_asset_tag"),
    ("chassis_serial", "chassis_serial"),
    ("chassis_vendor", "chassis_vendor"),
    ("chassis_version", "chassis_version"),
    ("form_factor", "chassis_type"),
    ("product_name", "product_name"),
    ("product_serial", "product_serial"),
    ("product_uuid", "product_uuid"),
    ("product_version", "product_version"),
    ("product_family", "product_family"),
    ("product_sku", "product_sku"),
    ("system_vendor", "sys_vendor"),
    ("bios_release", "bios_release"),
];

/// Facts beyond the classic ones: told only where there is something to tell.
const EXTRA: [&str; 3] = ["product_family", "product_sku", "bios_release"];

/// `bios_*`, `board_*`, `chassis_*`, `product_*`, `system_vendor`, `form_factor`; `NA` where the machine has none or
/// does not let us read it.
pub fn dmi(host: &Host, facts: &mut Map) {
    for (fact, file) in DMI {
        let text = host.read_text(&format!("/sys/class/dmi/id/{file}")).ok().map(|text| text.trim().to_owned());
        if text.is_none() && EXTRA.contains(&fact) {
            continue;
        }
        let value = match (fact, text) {
            (_, None) => "NA".to_owned(),
            ("form_factor", Some(number)) => chassis(&number).to_owned(),
            (_, Some(text)) => text,
        };
        facts.insert(fact.to_owned(), json!(value));
    }
}

/// A chassis type in words; what no word stands for stays a number.
fn chassis(number: &str) -> &str {
    match number.parse::<u8>() {
        Ok(1) => "Other",
        Ok(2) => "Unknown",
        // Bit 7 tells of a lock, and the kernel leaves it out.
        Ok(code @ 3..=127) => chassis_name(code).unwrap_or(number),
        _ => number,
    }
}

/// `uptime_seconds`.
pub fn uptime(host: &Host, facts: &mut Map) {
    let text = host.read_text("/proc/uptime").unwrap_or_default();
    if let Some(seconds) = text.split('.').next().and_then(|seconds| seconds.parse::<u64>().ok()) {
        facts.insert("uptime_seconds".to_owned(), json!(seconds));
    }
}

/// `loadavg`.
pub fn load(host: &Host, facts: &mut Map) {
    let text = host.read_text("/proc/loadavg").unwrap_or_default();
    let numbers: Vec<f64> = text.split_whitespace().take(3).filter_map(|word| word.parse().ok()).collect();
    if let [one, five, fifteen] = numbers.as_slice() {
        facts.insert("loadavg".to_owned(), json!({"1m": one, "5m": five, "15m": fifteen}));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_of_families_without_packages() {
        let arm = "processor\t: 0\nCPU part\t: 0xd0c\n\nprocessor\t: 1\nProcessor : x\n";
        assert_eq!(classic("aarch64", arm), Some((2, 1, 1, 2)));
        assert_eq!(classic("ppc64le", arm), Some((2, 1, 1, 2)));
        assert_eq!(classic("x86_64", arm), None);
        let mainframe =
            "vendor_id       : IBM/S390\n# processors    : 6\nmax thread id   : 1\nprocessor 0: version = FF\n";
        assert_eq!(classic("s390x", mainframe), Some((1, 3, 2, 6)));
        assert_eq!(classic("s390x", "# processors : 6\n"), None);
    }
}
