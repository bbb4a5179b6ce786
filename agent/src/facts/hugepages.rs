//! `hugepages`: the pools of the whole host and where hugetlbfs is mounted.
//! The kernel's account: `Documentation/admin-guide/mm/hugetlbpage.rst`.

use super::probe::{Probe, kib, meminfo, page_size};
use super::{FactError, FactSource};
use crate::host::Host;
use crate::host::order::sort;
use luthier_protocol::Value;
use luthier_protocol::facts::Fact;
use luthier_protocol::facts::{HugePageMount, HugePageSize};

const POOLS: &str = "/sys/kernel/mm/hugepages";

/// The source of `hugepages`.
#[derive(Debug)]
pub struct HugePages;

impl FactSource for HugePages {
    fn key(&self) -> &'static str {
        "hugepages"
    }

    fn read(&self, host: &Host, errors: &mut Vec<FactError>) -> Value {
        let mut probe = Probe::new(host, errors);
        let default_size_kib =
            probe.file("hugepages.default_size_kib", "/proc/meminfo").and_then(|text| meminfo(&text, "Hugepagesize"));
        if default_size_kib.is_none() {
            probe.note("hugepages.default_size_kib", "/proc/meminfo", "it has no Hugepagesize");
        }
        let sizes = sizes(&mut probe);
        let mounts = probe.file("hugepages.mounts", "/proc/mounts").map(|text| mounts(&text));
        let pages = luthier_protocol::facts::HugePages { default_size_kib, sizes, mounts };
        pages.value()
    }
}

fn sizes(probe: &mut Probe<'_>) -> Option<Vec<HugePageSize>> {
    let mut sizes: Vec<u64> = probe.list("hugepages.sizes", POOLS)?.iter().filter_map(|name| page_size(name)).collect();
    sort(&mut sizes);
    let mut rows = Vec::new();
    for (size_kib, row) in sizes.into_iter().zip(0_usize..) {
        let mut number = |key: &str, name: &str| {
            probe.number(&format!("hugepages.sizes[{row}].{key}"), &format!("{POOLS}/hugepages-{size_kib}kB/{name}"))
        };
        rows.push(HugePageSize {
            size_kib,
            total: number("total", "nr_hugepages"),
            free: number("free", "free_hugepages"),
            reserved: number("reserved", "resv_hugepages"),
            surplus: number("surplus", "surplus_hugepages"),
            overcommit: number("overcommit", "nr_overcommit_hugepages"),
        });
    }
    Some(rows)
}

fn mounts(text: &str) -> Vec<HugePageMount> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(1);
            let (path, kind, options) = (fields.next()?, fields.next()?, fields.next()?);
            let size_kib = options.split(',').find_map(|option| kib(option.strip_prefix("pagesize=")?));
            (kind == "hugetlbfs").then(|| HugePageMount { path: path.to_owned(), size_kib })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_with_and_without_a_size() {
        let text =
            "proc /proc proc rw 0 0\nhugetlbfs /dev/hugepages hugetlbfs rw,pagesize=2M 0 0\nnone /h hugetlbfs rw 0 0";
        let expected = [
            HugePageMount { path: "/dev/hugepages".to_owned(), size_kib: Some(2048) },
            HugePageMount { path: "/h".to_owned(), size_kib: None },
        ];
        assert_eq!(mounts(text), expected);
    }
}
