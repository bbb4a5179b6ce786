//! `thp`: transparent huge pages. The kernel's account: `Documentation/admin-guide/mm/transhuge.rst`.

use super::probe::{Probe, chosen, page_size};
use super::{FactError, FactSource, memoryhealth};
use crate::host::Host;
use crate::host::order::{map, sort};
use luthier_protocol::Value;
use luthier_protocol::facts::Fact;
use luthier_protocol::facts::ThpSize;

const FOLDER: &str = "/sys/kernel/mm/transparent_hugepage";

/// The source of `thp`.
#[derive(Debug)]
pub struct Thp;

impl FactSource for Thp {
    fn key(&self) -> &'static str {
        "thp"
    }

    fn read(&self, host: &Host, errors: &mut Vec<FactError>) -> Value {
        let mut probe = Probe::new(host, errors);
        let Some(names) = probe.list("thp", FOLDER) else { return Value::Null };
        let mut choice = |name: &str| {
            probe.text(&format!("thp.{name}"), &format!("{FOLDER}/{name}")).map(|text| chosen(&text).to_owned())
        };
        let (enabled, defrag, shmem_enabled) = (choice("enabled"), choice("defrag"), choice("shmem_enabled"));
        let use_zero_page = probe.text("thp.use_zero_page", &format!("{FOLDER}/use_zero_page")).map(|text| text == "1");
        let size: Option<u64> = probe.number("thp.size_kib", &format!("{FOLDER}/hpage_pmd_size"));
        let khugepaged = probe.folder(&format!("{FOLDER}/khugepaged"));
        let mut sizes: Vec<u64> = names.iter().filter_map(|name| page_size(name)).collect();
        sort(&mut sizes);
        let sizes = sizes
            .into_iter()
            .map(|size_kib| {
                let path = format!("{FOLDER}/hugepages-{size_kib}kB/enabled");
                // The largest sizes serve shared memory only and have no such file.
                ThpSize { size_kib, enabled: probe.quiet(&path).map(|text| chosen(text).to_owned()) }
            })
            .collect();
        let numbers = khugepaged.into_iter().filter_map(|(name, text)| Some((name, text.parse().ok()?)));
        let khugepaged = Some(map(numbers)).filter(|numbers| !numbers.is_empty());
        if khugepaged.is_none() {
            probe.note("thp.khugepaged", &format!("{FOLDER}/khugepaged"), "no such file");
        }
        let thp = luthier_protocol::facts::Thp {
            enabled,
            defrag,
            shmem_enabled,
            use_zero_page,
            size_kib: size.map(|bytes| bytes / 1024),
            khugepaged,
            counters: memoryhealth::thp_counters(&mut probe),
            sizes,
        };
        thp.value()
    }
}
