//! Limits between which the processor, its parts and links may choose, and what could be chosen. The kernel's account:
//! `Documentation/admin-guide/pm/`.

use super::cpuset::CpuSet;
use super::filled::{Field, Form, fill as fill_row, list, rows};
use super::probe::Probe;
use crate::host::order::map;
use luthier_protocol::Value;
use luthier_protocol::facts::Fact;
use std::collections::BTreeMap;

const CPUS: &str = "/sys/devices/system/cpu";
const UNCORE: &str = "/sys/devices/system/cpu/intel_uncore_frequency";

const POLICY: [Field; 2] = [
    ("available_governors", "scaling_available_governors", Form::Words),
    ("available_preferences", "energy_performance_available_preferences", Form::Words),
];

const PSTATE: [Field; 3] = [
    ("min_perf_pct", "min_perf_pct", Form::Count),
    ("max_perf_pct", "max_perf_pct", Form::Count),
    ("hwp_dynamic_boost", "hwp_dynamic_boost", Form::Flag),
];

const LINKS: [Field; 1] = [("aspm_policy", "policy", Form::Chosen)];

const PARTS: [Field; 4] = [
    ("min_khz", "min_freq_khz", Form::Count),
    ("max_khz", "max_freq_khz", Form::Count),
    ("initial_min_khz", "initial_min_freq_khz", Form::Count),
    ("initial_max_khz", "initial_max_freq_khz", Form::Count),
];

/// Fills the limits in `power`.
pub fn fill(probe: &mut Probe<'_>, power: &mut Value, online: &CpuSet) {
    let first = power.pointer("/policies/0/id").and_then(Value::as_u64);
    let Some(row) = power.as_object_mut() else { return };
    if let Some(id) = first {
        fill_row(probe, row, &format!("{CPUS}/cpufreq/policy{id}"), &POLICY);
    }
    fill_row(probe, row, &format!("{CPUS}/intel_pstate"), &PSTATE);
    fill_row(probe, row, "/sys/module/pcie_aspm/parameters", &LINKS);
    row.insert("pm_qos_resume_latency_us".to_owned(), resume_latency(probe, online).value());
    // Newer kernels have folders `uncoreNN` beside those of whole packages, with other limits of the same parts.
    let parts = probe.host.list(UNCORE).unwrap_or_default();
    row.insert("uncore".to_owned(), list(rows(probe, UNCORE, parts, &PARTS)));
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::super::gather;
    use super::*;
    use crate::host::Host;
    use luthier_protocol::facts::Power;
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
        let shape: Power = serde_json::from_value(power.clone()).unwrap();
        assert_eq!(shape.value(), power);
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
