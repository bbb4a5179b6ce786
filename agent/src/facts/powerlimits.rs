//! Limits between which the processor, its parts and links may choose, and what could be chosen. The kernel's account:
//! `Documentation/admin-guide/pm/`.

use super::cpuset::CpuSet;
use super::probe::{Probe, choices, chosen};
use crate::host::order::map;
use luthier_protocol::facts::{Power, Uncore};
use std::collections::BTreeMap;

const CPUS: &str = "/sys/devices/system/cpu";
const UNCORE: &str = "/sys/devices/system/cpu/intel_uncore_frequency";

/// Of `power`, what is said here; the rest is left open.
pub fn read(probe: &mut Probe<'_>, policy: Option<u32>, online: &CpuSet) -> Power {
    let mut words = |file: &str| probe.quiet(&format!("{CPUS}/cpufreq/policy{}/{file}", policy?)).map(choices);
    let available_governors = words("scaling_available_governors");
    let available_preferences = words("energy_performance_available_preferences");
    let mut number = |file: &str| probe.quiet_number::<u32>(&format!("{CPUS}/intel_pstate/{file}"));
    Power {
        available_governors,
        available_preferences,
        min_perf_pct: number("min_perf_pct"),
        max_perf_pct: number("max_perf_pct"),
        hwp_dynamic_boost: number("hwp_dynamic_boost").map(|on| on != 0),
        pm_qos_resume_latency_us: resume_latency(probe, online),
        uncore: Some(uncore(probe)),
        aspm_policy: probe.quiet("/sys/module/pcie_aspm/parameters/policy").map(|text| chosen(text).to_owned()),
        ..Power::default()
    }
}

/// `None` where the kernel has no such limit; 0 stands for none set.
fn resume_latency(probe: &mut Probe<'_>, online: &CpuSet) -> Option<BTreeMap<String, String>> {
    let mut found: BTreeMap<String, CpuSet> = BTreeMap::new();
    let mut known = false;
    for cpu in online.iter() {
        // All CPUs have it or none.
        let Some(value) = probe.quiet(&format!("{CPUS}/cpu{cpu}/power/pm_qos_resume_latency_us")) else { break };
        known = true;
        if value != "0" {
            found.entry(value.to_owned()).or_default().insert(cpu);
        }
    }
    known.then(|| map(found.into_iter().map(|(value, cpus)| (value, cpus.to_text()))))
}

/// Newer kernels have folders `uncoreNN` beside those of whole packages, with other limits of the same parts.
fn uncore(probe: &mut Probe<'_>) -> Vec<Uncore> {
    let mut found = Vec::new();
    for name in probe.host.list(UNCORE).unwrap_or_default() {
        let mut number = |file: &str| probe.quiet_number::<u64>(&format!("{UNCORE}/{name}/{file}"));
        found.push(Uncore {
            min_khz: number("min_freq_khz"),
            max_khz: number("max_freq_khz"),
            initial_min_khz: number("initial_min_freq_khz"),
            initial_max_khz: number("initial_max_freq_khz"),
            name,
        });
    }
    found
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::super::gather;
    use crate::host::Host;
    use luthier_protocol::Value;
    use serde_json::json;

    fn told(files: &[(&str, &str)]) -> Value {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Value::Object(gather(&Host::under(root.path()), &["power".to_owned()]).unwrap())["power"].take()
    }

    #[test]
    fn limits_and_choices() {
        let cpus = "sys/devices/system/cpu";
        let power = told(&[
            (&format!("{cpus}/online"), "0-3\n"),
            (&format!("{cpus}/cpufreq/policy0/scaling_available_governors"), "performance powersave\n"),
            (
                &format!("{cpus}/cpufreq/policy0/energy_performance_available_preferences"),
                "default performance power \n",
            ),
            (&format!("{cpus}/intel_pstate/min_perf_pct"), "25\n"),
            (&format!("{cpus}/intel_pstate/max_perf_pct"), "100\n"),
            (&format!("{cpus}/intel_pstate/hwp_dynamic_boost"), "0\n"),
            (&format!("{cpus}/cpu0/power/pm_qos_resume_latency_us"), "0\n"),
            (&format!("{cpus}/cpu1/power/pm_qos_resume_latency_us"), "n/a\n"),
            (&format!("{cpus}/cpu2/power/pm_qos_resume_latency_us"), "20\n"),
            (&format!("{cpus}/cpu3/power/pm_qos_resume_latency_us"), "20\n"),
            (&format!("{cpus}/intel_uncore_frequency/package_00_die_00/min_freq_khz"), "800000\n"),
            (&format!("{cpus}/intel_uncore_frequency/package_00_die_00/initial_max_freq_khz"), "2400000\n"),
            ("sys/module/pcie_aspm/parameters/policy", "default performance [powersave] powersupersave \n"),
        ]);
        assert_eq!(power["available_governors"], json!(["performance", "powersave"]));
        assert_eq!(power["available_preferences"], json!(["default", "performance", "power"]));
        assert_eq!((&power["min_perf_pct"], &power["max_perf_pct"]), (&json!(25), &json!(100)));
        assert_eq!((&power["hwp_dynamic_boost"], &power["aspm_policy"]), (&json!(false), &json!("powersave")));
        assert_eq!(power["pm_qos_resume_latency_us"], json!({"20": "2-3", "n/a": "1"}));
        let row = json!({"name": "package_00_die_00", "min_khz": 800_000, "max_khz": null, "initial_min_khz": null,
            "initial_max_khz": 2_400_000});
        assert_eq!(power["uncore"], json!([row]));
    }

    #[test]
    fn a_machine_without_any() {
        let power = told(&[("sys/devices/system/cpu/online", "0\n")]);
        for key in ["available_governors", "min_perf_pct", "pm_qos_resume_latency_us", "aspm_policy"] {
            assert_eq!(power[key], Value::Null, "{key}");
        }
        assert_eq!(power["uncore"], json!([]));
    }
}
