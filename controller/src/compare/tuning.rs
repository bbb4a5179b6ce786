//! Traits an operator sets: huge pages, samepage merging, the memory manager, frequencies and idle states.

use super::readings::{Absence, Area, Readings, distinct, part, yes};
use crate::draw::words;
use luthier_protocol::facts::{Cpu, Daemon, HugePages, IdleState, Memory, Policy, Power, Thp};
use luthier_protocol::{Map, Value};
use std::collections::BTreeMap;

/// Settings of samepage merging; the other files are counters.
const KSM: [&str; 13] = [
    "run",
    "pages_to_scan",
    "sleep_millisecs",
    "merge_across_nodes",
    "use_zero_pages",
    "max_page_sharing",
    "smart_scan",
    "advisor_mode",
    "advisor_max_cpu",
    "advisor_max_pages_to_scan",
    "advisor_min_pages_to_scan",
    "advisor_target_scan_time",
    "stable_node_chains_prune_millisecs",
];

/// Those that `ksmtuned` and the kernel's own advisor turn all the time.
const KSM_TURNED: [&str; 3] = ["run", "pages_to_scan", "sleep_millisecs"];

/// Settings of khugepaged; the other files are counters.
const KHUGEPAGED: [&str; 7] = [
    "defrag",
    "pages_to_scan",
    "scan_sleep_millisecs",
    "alloc_sleep_millisecs",
    "max_ptes_none",
    "max_ptes_swap",
    "max_ptes_shared",
];

/// Settings that the kernel derives from the size of memory, in KiB.
const DERIVED: [&str; 1] = ["min_free_kbytes"];

/// Pools have a trait of their own, which counts what was asked for.
const POOLS: [&str; 2] = ["nr_hugepages", "nr_overcommit_hugepages"];

pub(super) fn memory(facts: &Map, out: &mut Readings) {
    let Some(memory) = part::<Memory>(facts, "memory") else { return };
    out.amount(Area::Memory, "memory", "", memory.total_kib);
    for name in DERIVED {
        let value = memory.settings.get(name).copied().flatten();
        out.amount(Area::Memory, "setting", &format!("vm.{name}"), value.and_then(|kib| u64::try_from(kib).ok()));
    }
    let exact = memory.settings.into_iter();
    let exact = exact.filter(|(name, _)| !DERIVED.contains(&name.as_str()) && !POOLS.contains(&name.as_str()));
    let exact = exact.map(|(name, value)| (format!("vm.{name}"), value.map(|value| value.to_string())));
    out.items(Area::Memory, "setting", Absence::Inapplicable, Some(exact));
}

pub(super) fn huge_pages(facts: &Map, out: &mut Readings) {
    let Some(pages) = part::<HugePages>(facts, "hugepages") else { return };
    out.one(Area::Pages, "default huge page", pages.default_size_kib.map(words::size));
    // Surplus pages come and go with who needs them.
    let pools = pages.sizes.as_ref().map(|sizes| {
        let wanted =
            |total: Option<u64>, surplus: Option<u64>| Some(total?.saturating_sub(surplus.unwrap_or(0)).to_string());
        sizes.iter().map(|size| (words::size(size.size_kib), wanted(size.total, size.surplus))).collect::<Vec<_>>()
    });
    out.items(Area::Pages, "huge pages of", Absence::Word("not supported"), pools);
    let over = pages.sizes.as_ref().map(|sizes| {
        let row = |count: Option<u64>| count.map(|count| count.to_string());
        sizes.iter().map(|size| (words::size(size.size_kib), row(size.overcommit))).collect::<Vec<_>>()
    });
    out.items(Area::Pages, "huge pages beyond the pool of", Absence::Inapplicable, over);
    let mounts = pages.mounts.map(|mounts| {
        let text = mounts.iter().map(|mount| {
            let size = mount.size_kib.map(|kib| format!(" ({})", words::size(kib))).unwrap_or_default();
            format!("{}{size}", mount.path)
        });
        distinct(text).unwrap_or_else(|| "nowhere".to_owned())
    });
    out.one(Area::Pages, "hugetlbfs is mounted at", mounts);
}

pub(super) fn transparent(facts: &Map, out: &mut Readings) {
    let Some(thp) = part::<Thp>(facts, "thp") else { return };
    out.one(Area::Pages, "THP", thp.enabled);
    out.one(Area::Pages, "THP defrag", thp.defrag);
    out.one(Area::Pages, "THP of shared memory", thp.shmem_enabled);
    out.one(Area::Pages, "THP zero page", thp.use_zero_page.map(yes));
    let sizes = thp.sizes.into_iter().map(|size| (words::size(size.size_kib), size.enabled));
    out.items(Area::Pages, "THP of", Absence::Inapplicable, Some(sizes));
    let settings = thp.khugepaged.map(|files| {
        let own = files.into_iter().filter(|(name, _)| KHUGEPAGED.contains(&name.as_str()));
        own.map(|(name, value)| (name, Some(value.to_string()))).collect::<Vec<_>>()
    });
    out.items(Area::Pages, "khugepaged", Absence::Inapplicable, settings);
}

pub(super) fn merging(facts: &Map, out: &mut Readings) {
    let Some(files) = part::<BTreeMap<String, Value>>(facts, "ksm") else { return };
    let text = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let daemons = part::<BTreeMap<String, Daemon>>(facts, "services").unwrap_or_default();
    let daemon = daemons.get("ksmtuned").is_some_and(|daemon| daemon.active == Some(true));
    let advisor = files.get("advisor_mode").and_then(Value::as_str).is_some_and(|mode| mode != "none");
    let own = files.iter().filter(|(name, _)| {
        KSM.contains(&name.as_str()) && !((daemon || advisor) && KSM_TURNED.contains(&name.as_str()))
    });
    let rows: Vec<_> = own.map(|(name, value)| (name.clone(), text(value))).collect();
    out.items(Area::Pages, "KSM", Absence::Inapplicable, Some(rows));
}

pub(super) fn power(facts: &Map, out: &mut Readings) {
    let Some(power) = part::<Power>(facts, "power") else { return };
    let area = Area::Power;
    let policies = &power.policies;
    let mut each = |name: &'static str, told: fn(&Policy) -> Option<String>| {
        let none = || policies.is_empty().then(|| "left to firmware or hypervisor".to_owned());
        out.one(area, name, distinct(policies.iter().filter_map(told)).or_else(none));
    };
    each("frequency driver", |policy| policy.driver.clone());
    each("governor", |policy| policy.governor.clone());
    each("energy preference", |policy| policy.preference.clone().or_else(|| Some("none".to_owned())));
    each("lowest frequency", |policy| limit(policy.min_khz?, policy.hardware_min_khz));
    // The highest frequency of a core may be its own: silicon differs.
    each("highest frequency", |policy| limit(policy.max_khz?, policy.hardware_max_khz));
    out.one(area, "boost", power.turbo.map(|on| if on { "on" } else { "off" }));
    out.one(area, "pstate mode", power.pstate);
    out.one(area, "platform profile", power.platform_profile);
    let cpus = part::<Cpu>(facts, "cpu").and_then(|cpu| cpu.online).map(|cpus| words::ranges(&cpus));
    let bias = |(value, own): (String, String)| {
        if Some(&own) == cpus.as_ref() { value } else { format!("{value} on CPUs {own}") }
    };
    let biases: Vec<String> = power.energy_bias.into_iter().map(bias).collect();
    out.one(area, "energy bias", Some(distinct(biases).unwrap_or_else(|| "none".to_owned())));
    let idle = power.idle;
    out.one(area, "idle driver", idle.driver);
    out.one(area, "idle governor", idle.governor);
    let names: Vec<String> = idle.states.iter().filter_map(|state| state.name.clone()).collect();
    out.one(area, "idle states", Some(if names.is_empty() { "none".to_owned() } else { names.join(", ") }));
    let states =
        idle.states.iter().filter_map(|state| Some((state.name.clone()?, Some(switched(state, cpus.as_deref())))));
    out.items(area, "idle state", Absence::Inapplicable, Some(states));
}

/// A limit in MHz, or that it is the hardware's own.
fn limit(khz: u64, hardware: Option<u64>) -> Option<String> {
    Some(if Some(khz) == hardware { "the hardware's".to_owned() } else { format!("{} MHz", khz / 1000) })
}

fn switched(state: &IdleState, online: Option<&str>) -> String {
    match words::ranges(&state.disabled_cpus) {
        off if off.is_empty() => "used".to_owned(),
        off if Some(off.as_str()) == online => "off".to_owned(),
        off => format!("off on CPUs {off}"),
    }
}
