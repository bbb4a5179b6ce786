//! `power`: frequency and idle control. The kernel's account: `Documentation/admin-guide/pm/`.

use super::cpuset::CpuSet;
use super::probe::{Probe, numbers};
use super::{FactError, FactSource};
use crate::host::Host;
use luthier_protocol::Value;
use luthier_protocol::facts::{Idle, Policy};

const CPUS: &str = "/sys/devices/system/cpu";

/// The source of `power`.
#[derive(Debug)]
pub struct Power;

impl FactSource for Power {
    fn key(&self) -> &'static str {
        "power"
    }

    fn read(&self, host: &Host, errors: &mut Vec<FactError>) -> Value {
        let mut probe = Probe::new(host, errors);
        let names = host.list(&format!("{CPUS}/cpufreq")).unwrap_or_default();
        let policies: Vec<Policy> = numbers(&names, "policy").into_iter().map(|id| policy(&mut probe, id)).collect();
        let no_turbo: Option<u32> = probe.quiet_number(&format!("{CPUS}/intel_pstate/no_turbo"));
        let boost: Option<u32> = probe.quiet_number(&format!("{CPUS}/cpufreq/boost"));
        let turbo = no_turbo.map(|off| off == 0).or_else(|| boost.map(|on| on != 0));
        if turbo.is_none() {
            probe.note("power.turbo", &format!("{CPUS}/cpufreq/boost"), "no such file, nor intel_pstate/no_turbo");
        }
        let pstate = probe
            .quiet(&format!("{CPUS}/intel_pstate/status"))
            .map(str::to_owned)
            .or_else(|| probe.quiet(&format!("{CPUS}/amd_pstate/status")).map(str::to_owned));
        if pstate.is_none() {
            probe.note("power.pstate", &format!("{CPUS}/intel_pstate/status"), "no such file, nor amd_pstate/status");
        }
        let driver = probe.text("power.idle.driver", &format!("{CPUS}/cpuidle/current_driver"));
        let governor = probe
            .quiet(&format!("{CPUS}/cpuidle/current_governor"))
            .map(str::to_owned)
            .or_else(|| probe.text("power.idle.governor", &format!("{CPUS}/cpuidle/current_governor_ro")));
        let power = luthier_protocol::facts::Power {
            policies,
            turbo,
            pstate,
            idle: Idle { driver, governor },
            platform_profile: probe.text("power.platform_profile", "/sys/firmware/acpi/platform_profile"),
        };
        serde_json::to_value(power).unwrap_or_default()
    }
}

fn policy(probe: &mut Probe<'_>, id: u32) -> Policy {
    let folder = format!("{CPUS}/cpufreq/policy{id}");
    let cpus = probe
        .text("power.policies[].cpus", &format!("{folder}/affected_cpus"))
        .and_then(|text| CpuSet::from_list(&text.replace(' ', ",")))
        .map(|set| set.to_vec());
    Policy {
        id,
        cpus,
        driver: probe.text("power.policies[].driver", &format!("{folder}/scaling_driver")),
        governor: probe.text("power.policies[].governor", &format!("{folder}/scaling_governor")),
        min_khz: probe.number("power.policies[].min_khz", &format!("{folder}/scaling_min_freq")),
        max_khz: probe.number("power.policies[].max_khz", &format!("{folder}/scaling_max_freq")),
        preference: probe.text("power.policies[].preference", &format!("{folder}/energy_performance_preference")),
    }
}
