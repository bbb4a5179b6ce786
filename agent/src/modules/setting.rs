//! Kernel attributes: reading one, what the kernel lacks where it is missing, and the change to another value.

use super::ModuleError;
use crate::host::Host;
use crate::host::setting::{choices, same};
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_attribute_names_what_the_kernel_lacks() {
        assert!(missing("/sys/module/kvm_intel/parameters/nested").message.contains("kvm_intel is not loaded"));
        assert_eq!(missing("/sys/x").message, "/sys/x does not exist on this host");
    }
}
