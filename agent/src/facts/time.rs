//! `time`: clock sources, precision clocks, time zone.

use super::probe::Probe;
use super::{FactError, FactSource, timesources};
use crate::host::Host;
use luthier_protocol::Value;
use luthier_protocol::facts::Fact;
use luthier_protocol::facts::PtpClock;

const CLOCKSOURCE: &str = "/sys/devices/system/clocksource/clocksource0";

/// The source of `time`.
#[derive(Debug)]
pub struct Time;

impl FactSource for Time {
    fn key(&self) -> &'static str {
        "time"
    }

    fn read(&self, host: &Host, errors: &mut Vec<FactError>) -> Value {
        let mut probe = Probe::new(host, errors);
        let clocksource = probe.text("time.clocksource", &format!("{CLOCKSOURCE}/current_clocksource"));
        let available_clocksources = probe
            .text("time.available_clocksources", &format!("{CLOCKSOURCE}/available_clocksource"))
            .map(|text| text.split_whitespace().map(str::to_owned).collect());
        let mut ptp = Vec::new();
        for name in host.list("/sys/class/ptp").unwrap_or_default() {
            let path = format!("/sys/class/ptp/{name}/clock_name");
            let clock_name = probe.text(&format!("time.ptp[{name}].clock_name"), &path);
            ptp.push(PtpClock { name, clock_name });
        }
        let zone = zone(host);
        if zone.is_none() {
            probe.note(
                "time.zone",
                "/etc/localtime",
                "it is no link into a zone folder, and there is no /etc/timezone",
            );
        }
        let uptime_seconds = probe
            .file("time.uptime_seconds", "/proc/uptime")
            .and_then(|text| text.split_whitespace().next()?.parse().ok());
        let discipline = host.discipline();
        let time = luthier_protocol::facts::Time {
            clocksource,
            available_clocksources,
            ptp,
            synchronised: discipline.map(|clock| clock.synchronised),
            offset_us: discipline.map(|clock| clock.offset_us),
            max_error_us: discipline.map(|clock| clock.max_error_us),
            sources: timesources::read(&mut probe),
            zone,
            uptime_seconds,
        };
        time.value()
    }
}

/// The time zone's name.
pub fn zone(host: &Host) -> Option<String> {
    let link = host.read_link("/etc/localtime").ok();
    let linked = link.as_deref().and_then(|link| link.split_once("zoneinfo/")).map(|(_, zone)| zone.to_owned());
    linked.or_else(|| host.read_text("/etc/timezone").ok()).filter(|zone| !zone.is_empty())
}
