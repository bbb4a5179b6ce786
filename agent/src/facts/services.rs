//! `services`: daemons that tune hosts beside us, carry their disks or keep their time. Nothing is run and no socket is
//! asked: files and the list of processes tell.

use super::probe::Probe;
use super::{FactError, FactSource};
use crate::host::Host;
use luthier_protocol::Value;
use luthier_protocol::facts::Daemon;
use luthier_protocol::facts::Fact;
use std::collections::BTreeMap;

/// A daemon: its name here, its units, the names of its processes, and the files with its settings.
struct Known {
    name: &'static str,
    units: &'static [&'static str],
    processes: &'static [&'static str],
    settings: &'static [&'static str],
}

const fn known(
    name: &'static str,
    units: &'static [&'static str],
    processes: &'static [&'static str],
    settings: &'static [&'static str],
) -> Known {
    Known { name, units, processes, settings }
}

const KNOWN: [Known; 13] = [
    known("tuned", &["tuned"], &["tuned"], &["/etc/tuned/active_profile", "/etc/tuned/profile_mode"]),
    known("irqbalance", &["irqbalance"], &["irqbalance"], &["/etc/default/irqbalance", "/etc/sysconfig/irqbalance"]),
    known("numad", &["numad"], &["numad"], &["/etc/numad.conf"]),
    known("ksm", &["ksm"], &[], &["/etc/sysconfig/ksm"]),
    known("ksmtuned", &["ksmtuned"], &["ksmtuned"], &["/etc/ksmtuned.conf"]),
    known("multipathd", &["multipathd"], &["multipathd"], &[]),
    known("libvirtd", &["libvirtd"], &["libvirtd"], &[]),
    known("virtqemud", &["virtqemud"], &["virtqemud"], &[]),
    known("chronyd", &["chrony", "chronyd"], &["chronyd"], &[]),
    known("ntpd", &["ntp", "ntpd", "ntpsec"], &["ntpd"], &[]),
    known("systemd-timesyncd", &["systemd-timesyncd"], &["systemd-timesyn"], &[]),
    known("ptp4l", &["ptp4l"], &["ptp4l"], &[]),
    known("phc2sys", &["phc2sys"], &["phc2sys"], &[]),
];

const UNITS: [&str; 3] = ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

/// The source of `services`.
#[derive(Debug)]
pub struct Services;

impl FactSource for Services {
    fn key(&self) -> &'static str {
        "services"
    }

    fn read(&self, host: &Host, errors: &mut Vec<FactError>) -> Value {
        let mut probe = Probe::new(host, errors);
        let running = processes(&mut probe);
        if running.is_none() {
            probe.note("services", "/proc", "no process can be read");
        }
        // Where others' processes are hidden (`hidepid`), one that is not seen may run all the same.
        let all = probe.quiet("/proc/1/comm").is_some();
        if running.is_some() && !all {
            probe.note("services[].active", "/proc/1/comm", "processes of other users cannot be read");
        }
        let wanted = wanted(host);
        let mut services = BTreeMap::new();
        for known in &KNOWN {
            services.insert(known.name, service(&mut probe, known, (running.as_deref(), all), wanted.as_deref()));
        }
        services.value()
    }
}

/// `running`: the processes that are seen, and whether these are all.
fn service(
    probe: &mut Probe<'_>,
    known: &Known,
    (running, all): (Option<&[String]>, bool),
    wanted: Option<&[String]>,
) -> Daemon {
    let mut installed = false;
    for unit in known.units {
        let there = UNITS.iter().any(|folder| probe.exists(&format!("{folder}/{unit}.service")));
        installed = installed || there || probe.exists(&format!("/etc/init.d/{unit}"));
    }
    let enabled = wanted.filter(|_| installed).map(|names| {
        known.units.iter().any(|unit| names.iter().any(|name| name.strip_suffix(".service") == Some(unit)))
    });
    // `ksm` is a unit without a process: it writes its settings and ends.
    let active = running
        .filter(|_| !known.processes.is_empty())
        .map(|running| running.iter().any(|name| known.processes.contains(&name.as_str())))
        .filter(|active| *active || all);
    let mut settings = BTreeMap::new();
    for path in known.settings {
        if let Some(text) = probe.quiet_file(path) {
            read_settings(path, text, &mut settings);
        }
    }
    Daemon { installed, enabled, active, settings }
}

/// `KEY=value` lines; a file of one line without `=` is a value by the file's own name.
fn read_settings(path: &str, text: &str, settings: &mut BTreeMap<String, String>) {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).peekable();
    while let Some(line) = lines.next() {
        let name = path.rsplit('/').next().unwrap_or_default();
        match line.split_once('=') {
            Some((key, value)) => {
                let value = value.trim().trim_matches(['"', '\'']);
                settings.insert(key.trim().to_owned(), value.to_owned());
            }
            None if lines.peek().is_none() && settings.is_empty()
                || name == "profile_mode"
                || name == "active_profile" =>
            {
                settings.insert(name.to_owned(), line.to_owned());
            }
            None => {}
        }
    }
}

/// Names of the running processes, as the kernel cuts them (15 letters).
fn processes(probe: &mut Probe<'_>) -> Option<Vec<String>> {
    let names = probe.host.list("/proc").ok()?;
    let numbered = names.iter().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    let mut found = Vec::new();
    for id in numbered {
        if let Some(name) = probe.quiet(&format!("/proc/{id}/comm")) {
            found.push(name.to_owned());
        }
    }
    (!found.is_empty()).then_some(found)
}

/// Units that some target wants; `None` without systemd.
fn wanted(host: &Host) -> Option<Vec<String>> {
    const FOLDER: &str = "/etc/systemd/system";
    let mut found = Vec::new();
    for name in host.list(FOLDER).ok()? {
        if name.ends_with(".wants") || name.ends_with(".requires") {
            found.extend(host.list(&format!("{FOLDER}/{name}")).unwrap_or_default());
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    #[test]
    fn files_and_processes_tell() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("usr/lib/systemd/system/tuned.service", "");
        write("etc/systemd/system/multi-user.target.wants/tuned.service", "");
        write("usr/lib/systemd/system/irqbalance.service", "");
        write("etc/default/irqbalance", "# one\nIRQBALANCE_ARGS=\"--hintpolicy=exact\"\n");
        write("etc/tuned/active_profile", "virtual-host\n");
        write("etc/tuned/profile_mode", "manual\n");
        write("proc/7/comm", "tuned\n");
        write("proc/1/comm", "systemd\n");
        let mut errors = Vec::new();
        let facts = Services.read(&Host::under(root.path()), &mut errors);
        assert!(errors.is_empty(), "{errors:?}");
        let tuned = &facts["tuned"];
        assert_eq!(
            (&tuned["installed"], &tuned["enabled"], &tuned["active"]),
            (&true.into(), &true.into(), &true.into())
        );
        assert_eq!(
            (&tuned["settings"]["active_profile"], &tuned["settings"]["profile_mode"]),
            (&"virtual-host".into(), &"manual".into())
        );
        let balance = &facts["irqbalance"];
        assert_eq!((&balance["enabled"], &balance["active"]), (&false.into(), &false.into()));
        assert_eq!(balance["settings"]["IRQBALANCE_ARGS"], "--hintpolicy=exact");
        assert_eq!((&facts["numad"]["installed"], &facts["numad"]["enabled"]), (&false.into(), &Value::Null));
        assert_eq!(facts["ksm"]["active"], Value::Null);
        // With `hidepid` only one's own processes are there.
        std::fs::remove_file(root.path().join("proc/1/comm")).unwrap();
        let facts = Services.read(&Host::under(root.path()), &mut errors);
        assert_eq!((&facts["tuned"]["active"], &facts["irqbalance"]["active"]), (&true.into(), &Value::Null));
        assert_eq!(errors.first().unwrap().key, "services[].active");
    }
}
