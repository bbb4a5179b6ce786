//! `power`: frequency and idle control. The kernel's account: `Documentation/admin-guide/pm/`.

use super::cpuset::CpuSet;
use super::probe::{Probe, numbers};
use super::{FactError, FactSource, powerlimits};
use crate::host::Host;
use crate::host::order::map;
use luthier_protocol::Value;
use luthier_protocol::facts::Fact;
use luthier_protocol::facts::{Idle, IdleState, Policy};
use std::collections::BTreeMap;

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
        let online = probe.quiet(&format!("{CPUS}/online")).and_then(CpuSet::from_list).unwrap_or_default();
        let driver = probe.text("power.idle.driver", &format!("{CPUS}/cpuidle/current_driver"));
        let governor = probe
            .quiet(&format!("{CPUS}/cpuidle/current_governor"))
            .map(str::to_owned)
            .or_else(|| probe.text("power.idle.governor", &format!("{CPUS}/cpuidle/current_governor_ro")));
        let power = luthier_protocol::facts::Power {
            policies,
            turbo,
            pstate,
            idle: Idle { driver, governor, states: states(&mut probe, &online) },
            energy_bias: energy_bias(&mut probe, &online),
            platform_profile: probe.text("power.platform_profile", "/sys/firmware/acpi/platform_profile"),
            ..Default::default()
        };
        let mut row = power.value();
        powerlimits::fill(&mut probe, &mut row, &online);
        row
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
        preference: probe.quiet(&format!("{folder}/energy_performance_preference")).map(str::to_owned),
        hardware_min_khz: probe.number("power.policies[].hardware_min_khz", &format!("{folder}/cpuinfo_min_freq")),
        hardware_max_khz: probe.number("power.policies[].hardware_max_khz", &format!("{folder}/cpuinfo_max_freq")),
        base_khz: probe.quiet_number(&format!("{folder}/base_frequency")),
    }
}

/// The idle states of the first online CPU, each with the CPUs on which it is switched off.
fn states(probe: &mut Probe<'_>, online: &CpuSet) -> Vec<IdleState> {
    let Some(first) = online.iter().next() else { return Vec::new() };
    let folder = format!("{CPUS}/cpu{first}/cpuidle");
    let names = probe.host.list(&folder).unwrap_or_default();
    numbers(&names, "state")
        .into_iter()
        .map(|state| {
            let folder = format!("{folder}/state{state}");
            let mut off = |cpu: &u32| {
                probe
                    .quiet_number::<u32>(&format!("{CPUS}/cpu{cpu}/cpuidle/state{state}/disable"))
                    .is_some_and(|off| off != 0)
            };
            let disabled_cpus = online.iter().filter(|cpu| off(cpu)).collect();
            IdleState {
                name: probe.text("power.idle.states[].name", &format!("{folder}/name")),
                latency_us: probe.number("power.idle.states[].latency_us", &format!("{folder}/latency")),
                residency_us: probe.quiet_number(&format!("{folder}/residency")),
                disabled_cpus,
            }
        })
        .collect()
}

/// The CPUs by their hint between performance and energy.
fn energy_bias(probe: &mut Probe<'_>, online: &CpuSet) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, CpuSet> = BTreeMap::new();
    for cpu in online.iter() {
        // All CPUs have it or none.
        let Some(value) = probe.quiet(&format!("{CPUS}/cpu{cpu}/power/energy_perf_bias")) else { break };
        found.entry(value.to_owned()).or_default().insert(cpu);
    }
    map(found.into_iter().map(|(value, cpus)| (value, cpus.to_text())))
}
