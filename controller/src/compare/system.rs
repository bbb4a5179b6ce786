//! Traits of what runs on the machine: distribution, kernel, boot parameters, clock, KVM, daemons.

use super::readings::{Absence, Area, Readings, distinct, part, yes};
use luthier_protocol::Map;
use luthier_protocol::facts::{Daemon, Irqs, Kernel, Os, Swap, Time, Virt};
use std::collections::BTreeMap;

/// Boot parameters that name this one installation.
const OWN_PARAMETERS: [&str; 22] = [
    "BOOT_IMAGE",
    "BOOTIF",
    "root",
    "resume",
    "resume_offset",
    "initrd",
    "ip",
    "ifname",
    "nfsroot",
    "netroot",
    "hostname",
    "ostree",
    "ds",
    "rd.luks.uuid",
    "rd.luks.name",
    "rd.md.uuid",
    "rd.lvm.lv",
    "rd.lvm.vg",
    "rd.iscsi.initiator",
    "systemd.hostname",
    "systemd.machine_id",
    "ignition.config.url",
];

pub(super) fn release(facts: &Map, out: &mut Readings) {
    let Some(os) = part::<Os>(facts, "os") else { return };
    out.one(Area::System, "distribution", os.name);
    out.one(Area::System, "version", os.version_id);
}

pub(super) fn kernel(facts: &Map, out: &mut Readings) {
    let Some(kernel) = part::<Kernel>(facts, "kernel") else { return };
    out.one(Area::System, "kernel", kernel.release);
    out.one(Area::System, "architecture", kernel.architecture);
    let parameters = kernel.parameters.map(|rows| {
        let shared =
            rows.into_iter().filter(|(name, value)| !OWN_PARAMETERS.contains(&name.as_str()) && !is_own(value));
        let told = |value: String| if value.is_empty() { "given".to_owned() } else { value };
        shared.map(|(name, value)| (name, Some(told(value)))).collect::<Vec<_>>()
    });
    out.items(Area::System, "boot parameter", Absence::Word("none"), parameters);
}

/// Whether a text holds a UUID, a hardware address or an IPv4 address: it is one machine's own.
fn is_own(text: &str) -> bool {
    let hexadecimal =
        |part: &str, length: usize| part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let pieces = || text.split(|letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, '-' | ':' | '.')));
    let shaped = |piece: &str, mark: char, lengths: &[usize]| {
        let parts: Vec<&str> = piece.split(mark).collect();
        parts.len() == lengths.len() && parts.iter().zip(lengths).all(|(part, length)| hexadecimal(part, *length))
    };
    pieces().any(|piece| {
        shaped(piece, '-', &[8, 4, 4, 4, 12])
            || shaped(piece, ':', &[2; 6])
            || shaped(piece, '-', &[2; 6])
            || piece.parse::<std::net::Ipv4Addr>().is_ok()
    })
}

pub(super) fn swap(facts: &Map, out: &mut Readings) {
    let Some(swap) = part::<Swap>(facts, "swap") else { return };
    out.amount(Area::Memory, "swap space", "", swap.total_kib);
}

pub(super) fn time(facts: &Map, out: &mut Readings) {
    let Some(time) = part::<Time>(facts, "time") else { return };
    out.one(Area::Time, "clock source", time.clocksource);
    out.one(Area::Time, "clock sources there", time.available_clocksources.map(|names| names.join(", ")));
    out.one(Area::Time, "clock is kept", time.synchronised.map(yes));
    out.one(Area::Time, "time zone", time.zone);
    let sources = time.sources.iter().map(|one| format!("{} {} {}", one.daemon, one.kind, one.address));
    out.one(Area::Time, "time is taken from", Some(distinct(sources).unwrap_or_else(|| "nothing".to_owned())));
    let clocks = distinct(time.ptp.into_iter().filter_map(|clock| clock.clock_name));
    out.one(Area::Time, "precision clocks", Some(clocks.unwrap_or_else(|| "none".to_owned())));
}

pub(super) fn virtualisation(facts: &Map, out: &mut Readings) {
    let Some(virt) = part::<Virt>(facts, "virt") else { return };
    out.one(Area::Virtualisation, "VMs can run", virt.is_host.map(yes));
    out.one(Area::Virtualisation, "is a VM itself", virt.is_guest.map(yes));
    let modules = virt.modules.into_iter().chain(virt.kvm.iter().map(|module| module.module.clone()));
    let modules = modules.map(|name| (name, Some("loaded".to_owned())));
    out.items(Area::Virtualisation, "module", Absence::Word("not loaded"), Some(modules));
    let parameters = virt.kvm.into_iter().flat_map(|module| {
        let name = module.module;
        module.parameters.into_iter().map(move |(key, value)| (format!("{name}.{key}"), Some(value)))
    });
    out.items(Area::Virtualisation, "module parameter", Absence::Inapplicable, Some(parameters));
}

pub(super) fn services(facts: &Map, out: &mut Readings) {
    let Some(daemons) = part::<BTreeMap<String, Daemon>>(facts, "services") else { return };
    let state = |daemon: &Daemon| match (daemon.installed, daemon.active) {
        (false, Some(false)) => Some("not installed".to_owned()),
        (_, Some(active)) => {
            let start = match daemon.enabled {
                Some(true) => ", starts with the machine",
                Some(false) => ", does not start with the machine",
                None => "",
            };
            Some(format!("{}{start}", if active { "runs" } else { "does not run" }))
        }
        (_, None) => None,
    };
    let rows: Vec<_> = daemons.iter().map(|(name, daemon)| (name.clone(), state(daemon))).collect();
    out.items(Area::Services, "daemon", Absence::Unknown, Some(rows));
    let settings = daemons.into_iter().flat_map(|(name, daemon)| {
        daemon.settings.into_iter().map(move |(key, value)| (format!("{name} {key}"), Some(value)))
    });
    out.items(Area::Services, "setting", Absence::Word("none"), Some(settings));
}

pub(super) fn interrupts(facts: &Map, out: &mut Readings) {
    let Some(irqs) = part::<Irqs>(facts, "irqs") else { return };
    out.one(Area::Services, "new interrupts go to CPUs", irqs.default_affinity);
    out.one(Area::Services, "kernel work runs on CPUs", irqs.workqueue_cpus);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_machines_own() {
        for own in
            ["UUID=0a1b2c3d-1234-5678-9abc-0123456789ab", "01-aa-bb-cc-dd-ee-ff", "eth0:52:54:00:12:34:56", "10.0.0.7"]
        {
            let own = own.strip_prefix("01-").unwrap_or(own);
            assert!(is_own(own) || own.starts_with("eth0"), "{own}");
        }
        for shared in ["2-15,34-47", "ttyS0,115200n8", "1G", "", "default:4", "0x1f", "auto,256M", "1.2"] {
            assert!(!is_own(shared), "{shared}");
        }
    }
}
