//! `os`, `kernel`, `virt`, `power`, `time`.

use super::shape::shape;
use std::collections::BTreeMap;

shape! {
    /// The operating system's release.
    pub struct Os {
        /// Short name (`debian`).
        ["", "`/etc/os-release`, else `/usr/lib/os-release`: `ID`"]
        id: Option<String>,
        /// Systems it derives from, nearest first.
        ["list of names", "os-release: `ID_LIKE`"]
        id_like: Vec<String>,
        /// Name for people.
        ["", "os-release: `PRETTY_NAME`"]
        name: Option<String>,
        /// Version number as text.
        ["", "os-release: `VERSION_ID`"]
        version_id: Option<String>,
        /// Code name of the release.
        ["", "os-release: `VERSION_CODENAME`"]
        codename: Option<String>,
        /// `debian`, `rhel`, `suse`, `alpine`, `arch` or `gentoo`; `null` for others.
        ["", "from `id` and `id_like`"]
        family: Option<String>,
    }

    /// The running kernel.
    pub struct Kernel {
        /// Release (`6.1.0-28-amd64`).
        ["", "`/proc/sys/kernel/osrelease`"]
        release: Option<String>,
        /// Build text.
        ["", "`/proc/sys/kernel/version`"]
        version: Option<String>,
        /// Machine architecture (`x86_64`).
        ["", "`/proc/sys/kernel/arch`, else `uname(2)` on the running machine"]
        architecture: Option<String>,
        /// Boot parameters in order, quotes removed.
        ["list of texts", "`/proc/cmdline`"]
        cmdline: Option<Vec<String>>,
        /// Boot parameters by name; the last one counts, and one without a value is an empty text.
        ["text by name", "`/proc/cmdline`"]
        parameters: Option<BTreeMap<String, String>>,
        /// Build options that bear on VMs: `y`, `m`, a value, or `n` when not set.
        ["text by name", "`/boot/config-RELEASE`, else `/proc/config.gz`"]
        config: Option<BTreeMap<String, String>>,
    }

    /// Virtualisation seen from this machine; a machine can be host and guest at once.
    pub struct Virt {
        /// Whether it runs under a hypervisor; the first Xen domain and a partition of s390 without a control program do not.
        ["", "`/proc/cpuinfo`: `hypervisor` (x86); `/sys/hypervisor/type`; DMI names; `/proc/sysinfo`; `/proc/device-tree`"]
        is_guest: Option<bool>,
        /// Hypervisor it runs under (`kvm`, `qemu`, `vmware`, `hyperv`, `xen`, …).
        ["", "`/sys/hypervisor/type`, `/sys/class/dmi/id/{sys_vendor,product_name}`, `/proc/sysinfo`, `/proc/device-tree`"]
        hypervisor: Option<String>,
        /// Container it runs in (`lxc`, `docker`, `podman`, …).
        ["", "`/run/systemd/container`, `/.dockerenv`, `/run/.containerenv`"]
        container: Option<String>,
        /// Whether VMs can run here: `/dev/kvm` is there.
        ["", "`/dev/kvm`"]
        is_host: Option<bool>,
        /// Processor extension for VMs: `vmx`, `svm`, or `null`.
        ["", "`/proc/cpuinfo`: flags"]
        extension: Option<String>,
        /// KVM modules that are loaded.
        ["", "see `virt.kvm[]`"]
        kvm: Vec<Kvm>,
        /// Sockets of libvirt's daemons that are there.
        ["list of paths", "`/run/libvirt/{libvirt-sock,virtqemud-sock}`"]
        libvirt_sockets: Vec<String>,
        /// Loaded modules that VMs use, of `macvtap`, `tun`, `vfio_iommu_type1`, `vfio_pci`, `vhost`, `vhost_net`,
        /// `vhost_vsock`.
        ["list of names", "`/sys/module`"]
        modules: Vec<String>,
        /// Their parameters as the kernel writes them, by module; modules without any are left out.
        ["text by name by module", "`/sys/module/MODULE/parameters/*`"]
        module_parameters: BTreeMap<String, BTreeMap<String, String>>,
        /// IOMMUs that the kernel drives (`dmar0`, `ivhd0`, `smmu3.0x2b400000`); empty without one.
        ["list of names", "`/sys/class/iommu`"]
        iommus: Vec<String>,
        /// Who manages the VMs here: `proxmox`, `ovirt`, `nova`, `kubevirt`, `cloudstack`, `opennebula`, `ganeti`, `incus` or
        /// `lxd`; `libvirt` where it is there and none of those is; `null` where nobody is known.
        ["", "files that each of them leaves on its hosts; `libvirt_sockets`"]
        managed_by: Option<String>,
        /// Services that run here to start VMs anew elsewhere, or that such services build on: of `corosync`, `pacemaker`,
        /// `sbd`, `pve-ha-crm`, `pve-ha-lrm`, `ovirt-ha-agent`.
        ["list of names", "`/sys/fs/cgroup/{,systemd/}system.slice/NAME.service`"]
        ha: Option<Vec<String>>,
        /// Whether the host is of the majority of its cluster; `null` where it is in none, or the cluster does not tell.
        ["", "Proxmox: `/etc/pve/.members`"]
        quorate: Option<bool>,
    }

    /// A loaded KVM module.
    pub struct Kvm {
        /// `kvm`, `kvm_intel` or `kvm_amd`.
        ["", "`/sys/module`"]
        module: String,
        /// Its parameters as the kernel writes them.
        ["text by name", "`/sys/module/MODULE/parameters/*`"]
        parameters: BTreeMap<String, String>,
    }

    /// Power and frequency control.
    pub struct Power {
        /// One row for each frequency policy; empty where the firmware or hypervisor decides.
        ["", "see `power.policies[]`"]
        policies: Vec<Policy>,
        /// Whether the processor may exceed its base frequency.
        ["", "`intel_pstate/no_turbo` (inverted), else `cpufreq/boost`"]
        turbo: Option<bool>,
        /// Mode of the processor maker's driver (`active`, `passive`, `guided`, `off`).
        ["", "`/sys/devices/system/cpu/{intel_pstate,amd_pstate}/status`"]
        pstate: Option<String>,
        /// Idle control.
        ["", "see `power.idle`"]
        idle: Idle,
        /// Hint between performance and energy, 0 (performance) to 15 (energy), by value: the CPUs that have it; empty where the
        /// processor has none.
        ["CPU list as text by value", "`/sys/devices/system/cpu/cpuN/power/energy_perf_bias`"]
        energy_bias: BTreeMap<String, String>,
        /// Firmware's profile (`performance`, `balanced`, `low-power`).
        ["", "`/sys/firmware/acpi/platform_profile`"]
        platform_profile: Option<String>,
        /// Governors that the first policy could have.
        ["list of names", "`/sys/devices/system/cpu/cpufreq/policyN/scaling_available_governors`"]
        available_governors: Option<Vec<String>>,
        /// Preferences between energy and performance that the first policy could have; `null` where the driver has none.
        ["list of names", "`/sys/devices/system/cpu/cpufreq/policyN/energy_performance_available_preferences`"]
        available_preferences: Option<Vec<String>>,
        /// Lowest performance allowed; `null` without Intel's driver.
        ["percent of the highest", "`/sys/devices/system/cpu/intel_pstate/min_perf_pct`"]
        min_perf_pct: Option<u32>,
        /// Highest performance allowed; `null` without Intel's driver.
        ["percent of the highest", "`/sys/devices/system/cpu/intel_pstate/max_perf_pct`"]
        max_perf_pct: Option<u32>,
        /// Whether a CPU that wakes from waiting for I/O is sped up for a moment; `null` without Intel's driver in active mode.
        ["", "`/sys/devices/system/cpu/intel_pstate/hwp_dynamic_boost`"]
        hwp_dynamic_boost: Option<bool>,
        /// Longest time to wake up that is allowed, by value: the CPUs it is set for; `n/a` allows no sleep at all. CPUs without
        /// such a limit are left out.
        ["CPU list as text by microseconds", "`/sys/devices/system/cpu/cpuN/power/pm_qos_resume_latency_us`"]
        pm_qos_resume_latency_us: Option<BTreeMap<String, String>>,
        /// One row for each part of a processor whose caches and links have a frequency of their own.
        ["", "see `power.uncore[]`"]
        uncore: Option<Vec<Uncore>>,
        /// How far links of PCI Express may sleep: `default`, `performance`, `powersave`, `powersupersave`; `null` where the
        /// kernel leaves them alone.
        ["", "`/sys/module/pcie_aspm/parameters/policy`"]
        aspm_policy: Option<String>,
    }

    /// Limits of a frequency outside the cores. Relative paths start at `/sys/devices/system/cpu/intel_uncore_frequency/NAME`.
    pub struct Uncore {
        /// The part (`package_00_die_00`).
        ["", "`/sys/devices/system/cpu/intel_uncore_frequency`"]
        name: String,
        /// Lowest frequency allowed.
        ["kHz", "`min_freq_khz`"]
        min_khz: Option<u64>,
        /// Highest frequency allowed.
        ["kHz", "`max_freq_khz`"]
        max_khz: Option<u64>,
        /// Lowest frequency allowed when the driver was loaded.
        ["kHz", "`initial_min_freq_khz`"]
        initial_min_khz: Option<u64>,
        /// Highest frequency allowed when the driver was loaded.
        ["kHz", "`initial_max_freq_khz`"]
        initial_max_khz: Option<u64>,
    }

    /// One frequency policy.
    pub struct Policy {
        /// Number of the policy, that of its first CPU.
        ["", "`/sys/devices/system/cpu/cpufreq/policyN`"]
        id: u32,
        /// CPUs it governs.
        ["list of CPUs", "`affected_cpus`"]
        cpus: Option<Vec<u32>>,
        /// Driver.
        ["", "`scaling_driver`"]
        driver: Option<String>,
        /// Governor.
        ["", "`scaling_governor`"]
        governor: Option<String>,
        /// Lowest frequency allowed.
        ["kHz", "`scaling_min_freq`"]
        min_khz: Option<u64>,
        /// Highest frequency allowed.
        ["kHz", "`scaling_max_freq`"]
        max_khz: Option<u64>,
        /// Preference between energy and performance.
        ["", "`energy_performance_preference`"]
        preference: Option<String>,
        /// Lowest frequency of the hardware.
        ["kHz", "`cpuinfo_min_freq`"]
        hardware_min_khz: Option<u64>,
        /// Highest frequency of the hardware.
        ["kHz", "`cpuinfo_max_freq`"]
        hardware_max_khz: Option<u64>,
        /// Frequency without turbo; `null` where the driver does not tell.
        ["kHz", "`base_frequency`"]
        base_khz: Option<u64>,
    }

    /// Idle control.
    pub struct Idle {
        /// Driver.
        ["", "`/sys/devices/system/cpu/cpuidle/current_driver`"]
        driver: Option<String>,
        /// Governor.
        ["", "`/sys/devices/system/cpu/cpuidle/current_governor`, else `current_governor_ro`"]
        governor: Option<String>,
        /// Idle states, shallowest first, as the first online CPU has them; empty where the processor is never put to sleep
        /// by the kernel.
        ["", "see `power.idle.states[]`"]
        states: Vec<IdleState>,
    }

    /// One idle state.
    pub struct IdleState {
        /// Name (`C6`).
        ["", "`/sys/devices/system/cpu/cpuN/cpuidle/stateI/name`"]
        name: Option<String>,
        /// Time to wake up.
        ["microseconds", "`latency`"]
        latency_us: Option<u64>,
        /// Shortest stay that pays.
        ["microseconds", "`residency`"]
        residency_us: Option<u64>,
        /// CPUs on which it is switched off.
        ["list of CPUs", "`disable` of every online CPU"]
        disabled_cpus: Vec<u32>,
    }

    /// Clocks.
    pub struct Time {
        /// Clock source in use (`tsc`, `kvm-clock`).
        ["", "`/sys/devices/system/clocksource/clocksource0/current_clocksource`"]
        clocksource: Option<String>,
        /// Clock sources that could be used.
        ["list of names", "`/sys/devices/system/clocksource/clocksource0/available_clocksource`"]
        available_clocksources: Option<Vec<String>>,
        /// Precision clocks.
        ["", "see `time.ptp[]`"]
        ptp: Vec<PtpClock>,
        /// Whether some daemon keeps the clock; `null` for a captured machine.
        ["", "`adjtimex(2)`: not `STA_UNSYNC`"]
        synchronised: Option<bool>,
        /// What is left to correct.
        ["microseconds", "`adjtimex(2)`"]
        offset_us: Option<i64>,
        /// Greatest possible error.
        ["microseconds", "`adjtimex(2)`"]
        max_error_us: Option<i64>,
        /// Where the daemons are configured to take the time from.
        ["", "see `time.sources[]`"]
        sources: Vec<TimeSource>,
        /// Time zone (`Europe/Berlin`).
        ["", "`/etc/localtime`'s link, else `/etc/timezone`"]
        zone: Option<String>,
        /// Time since boot.
        ["seconds", "`/proc/uptime`"]
        uptime_seconds: Option<f64>,
    }

    /// A configured source of time.
    pub struct TimeSource {
        /// Daemon (`chrony`, `ntp`, `timesyncd`, `ptp4l`).
        ["", "the file"]
        daemon: String,
        /// `server`, `pool`, `peer`, `refclock` or `interface`.
        ["", "the directive"]
        kind: String,
        /// Name or address, driver and device of a reference clock, or network interface.
        ["", "the directive"]
        address: String,
        /// What else is said of it.
        ["", "the directive"]
        options: String,
    }

    /// A precision clock.
    pub struct PtpClock {
        /// Device name (`ptp0`).
        ["", "`/sys/class/ptp`"]
        name: String,
        /// What the clock is (`KVM virtual PTP`, a network card's driver).
        ["", "`/sys/class/ptp/ptpN/clock_name`"]
        clock_name: Option<String>,
    }
}
