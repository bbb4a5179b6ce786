//! Kernel attributes: whether two spellings mean the same value, and the change from one to another.

use super::ModuleError;
use crate::host::Host;
use luthier_protocol::change::{Change, Resource, Reversal, Scope, State};
use std::io::ErrorKind;

/// What the kernel calls what it lacks when a file is missing: path prefix and remedy. The longest prefix counts.
const ORIGINS: &[(&str, &str)] = &[
    ("/proc/sys/kernel/numa_balancing", "the kernel needs CONFIG_NUMA_BALANCING"),
    ("/proc/sys/kernel/sched_", "since Linux 5.13 scheduler knobs live in /sys/kernel/debug/sched"),
    ("/proc/sys/net/bridge", "the module br_netfilter is not loaded"),
    ("/proc/sys/net/netfilter", "the module nf_conntrack is not loaded"),
    ("/proc/sys/vm/compact", "the kernel needs CONFIG_COMPACTION"),
    ("/proc/sys/vm/nr_hugepages", "the kernel needs CONFIG_HUGETLBFS"),
    ("/proc/sys/vm/nr_overcommit_hugepages", "the kernel needs CONFIG_HUGETLBFS"),
    ("/proc/sys/vm/zone_reclaim_mode", "the kernel needs CONFIG_NUMA"),
    ("/sys/devices/system/cpu/cpufreq", "the kernel needs CONFIG_CPU_FREQ and a driver that fits the CPU"),
    ("/sys/devices/system/cpu/cpuidle", "the kernel needs CONFIG_CPU_IDLE"),
    ("/sys/devices/system/cpu/intel_pstate", "the driver intel_pstate is not in use"),
    ("/sys/devices/system/cpu/amd_pstate", "the driver amd_pstate is not in use"),
    ("/sys/devices/system/cpu/smt", "the kernel needs CONFIG_HOTPLUG_SMT"),
    ("/sys/devices/system/node", "the kernel needs CONFIG_NUMA"),
    ("/sys/kernel/debug", "debugfs is not mounted, or the kernel is locked down"),
    ("/sys/kernel/iommu_groups", "the IOMMU is off in firmware or on the kernel command line"),
    ("/sys/kernel/mm/hugepages", "the kernel needs CONFIG_HUGETLBFS, and the CPU pages of that size"),
    ("/sys/kernel/mm/ksm", "the kernel needs CONFIG_KSM"),
    ("/sys/kernel/mm/lru_gen", "the kernel needs CONFIG_LRU_GEN (Linux 6.1)"),
    ("/sys/kernel/mm/transparent_hugepage", "the kernel needs CONFIG_TRANSPARENT_HUGEPAGE"),
    ("/sys/module/kvm/", "the module kvm is not loaded"),
    ("/sys/module/kvm_amd/", "the module kvm_amd is not loaded"),
    ("/sys/module/kvm_intel/", "the module kvm_intel is not loaded"),
    ("/sys/module/nvme_core/", "the module nvme_core is not loaded"),
    ("/sys/module/vhost_net/", "the module vhost_net is not loaded"),
    ("/sys/module/zswap/", "the kernel needs CONFIG_ZSWAP"),
];

/// Read an attribute; a missing one is an error that says what the kernel lacks, where that is known.
pub(super) fn read(host: &Host, path: &str) -> Result<String, ModuleError> {
    host.read_text(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => missing(path),
        _ => ModuleError::new(format!("cannot read {path}: {error}")).with("path", path),
    })
}

/// The error for an attribute that this kernel does not have.
pub(super) fn missing(path: &str) -> ModuleError {
    let origin = ORIGINS.iter().filter(|(prefix, _)| path.starts_with(prefix)).max_by_key(|(prefix, _)| prefix.len());
    let reason = origin.map(|(_, reason)| format!(": {reason}")).unwrap_or_default();
    ModuleError::new(format!("{path} does not exist on this host{reason}")).with("path", path)
}

/// The change that gives an attribute a value, if it has another.
pub(super) fn change(host: &Host, path: &str, value: &str) -> Result<Option<Change>, ModuleError> {
    let present = read(host, path)?;
    if let Some(choices) = choices(&present)
        && !choices.contains(&value)
    {
        let message = format!("{path} takes one of {}, not {value}", choices.join(", "));
        return Err(ModuleError::new(message).with("path", path));
    }
    if same(&present, value) {
        return Ok(None);
    }
    Ok(Some(Change {
        resource: Resource::Setting(path.to_owned()),
        before: State::Value(present),
        after: State::Value(value.to_owned()),
        scope: Scope::Live,
        converges: true,
        revert: Reversal::Yes,
    }))
}

/// Whether two texts mean the same value. The kernel shows choices as `always [madvise] never`, puts tabs between numbers,
/// and pads masks with zeros and commas.
pub(super) fn same(left: &str, right: &str) -> bool {
    let words = |text: &str| chosen(text).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let (left, right) = (words(left), words(right));
    left.len() == right.len() && left.iter().zip(&right).all(|(left, right)| same_word(left, right))
}

fn same_word(left: &str, right: &str) -> bool {
    if left == right {
        return true;
    }
    if let (Some(left), Some(right)) = (number(left), number(right)) {
        return left == right;
    }
    matches!((mask(left), mask(right)), (Some(left), Some(right)) if left == right)
}

fn number(word: &str) -> Option<i128> {
    match word.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}

/// A mask's digits without padding; only where at least one group has the kernel's eight digits.
fn mask(word: &str) -> Option<String> {
    let digits: String = word.split(',').collect();
    let padded = word.split(',').next_back().is_some_and(|group| group.len() == 8);
    let hexadecimal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    (hexadecimal && (padded || !word.contains(',')))
        .then(|| digits.to_ascii_lowercase().trim_start_matches('0').to_owned())
}

/// The words of a file that shows a choice with the chosen one in brackets.
fn choices(text: &str) -> Option<Vec<&str>> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let bracketed = |word: &&&str| word.starts_with('[') && word.ends_with(']') && word.len() > 2;
    if words.len() < 2 || text.contains('\n') || words.iter().filter(bracketed).count() != 1 {
        return None;
    }
    Some(words.iter().map(|word| word.trim_start_matches('[').trim_end_matches(']')).collect())
}

/// The chosen word of a choice; any other text as it is.
pub(super) fn chosen(text: &str) -> &str {
    if choices(text).is_none() {
        return text.trim();
    }
    let inside = text.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    inside.map_or(text, |(word, _)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_value_are_equal() {
        for (left, right) in [
            ("always [madvise] never", "madvise"),
            ("4096\t87380\t6291456", "4096 87380 6291456"),
            ("0x10", "16"),
            ("00000000,000000ff", "ff"),
            (" 1 ", "01"),
        ] {
            assert!(same(left, right), "{left} = {right}");
        }
        for (left, right) in
            [("always [madvise] never", "never"), ("1 2", "12"), ("1", "0"), ("ff", "fe"), ("[a]", "a")]
        {
            assert!(!same(left, right), "{left} != {right}");
        }
    }

    #[test]
    fn a_missing_attribute_names_what_the_kernel_lacks() {
        assert!(missing("/sys/module/kvm_intel/parameters/nested").message.contains("kvm_intel is not loaded"));
        assert_eq!(missing("/sys/x").message, "/sys/x does not exist on this host");
    }
}
