//! Where the time daemons are configured to take the time from, by their configuration files.

use super::probe::Probe;
use luthier_protocol::facts::TimeSource;

/// Files of chrony; the first that is there counts. It may include folders.
const CHRONY: [&str; 2] = ["/etc/chrony/chrony.conf", "/etc/chrony.conf"];
const NTP: [&str; 3] = ["/etc/ntpsec/ntp.conf", "/etc/ntp.conf", "/etc/ntp/ntp.conf"];
const TIMESYNCD: [&str; 2] = ["/etc/systemd/timesyncd.conf", "/etc/systemd/timesyncd.conf.d"];
const PTP4L: [&str; 3] = ["/etc/linuxptp/ptp4l.conf", "/etc/ptp4l.conf", "/etc/linuxptp/timemaster.conf"];

/// Every configured source.
pub fn read(probe: &mut Probe<'_>) -> Vec<TimeSource> {
    let mut sources = Vec::new();
    for (daemon, files) in [("chrony", &CHRONY[..]), ("ntp", &NTP[..])] {
        let text =
            files.iter().find(|file| probe.exists(file)).and_then(|file| probe.quiet_file(file)).map(str::to_owned);
        let Some(text) = text else { continue };
        directives(daemon, &text, &mut sources);
        for folder in included(&text) {
            for name in probe.host.list(&folder).unwrap_or_default() {
                if let Some(text) = probe.quiet_file(&format!("{folder}/{name}")) {
                    directives(daemon, text, &mut sources);
                }
            }
        }
    }
    let [file, folder] = TIMESYNCD;
    let mut files = vec![file.to_owned()];
    files.extend(probe.host.list(folder).unwrap_or_default().into_iter().map(|name| format!("{folder}/{name}")));
    for file in files {
        let text = probe.quiet_file(&file).unwrap_or_default();
        let servers = lines(text)
            .filter_map(|line| line.split_once('='))
            .filter(|(key, _)| matches!(key.trim(), "NTP" | "FallbackNTP"));
        for (key, value) in servers {
            let options = if key.trim() == "NTP" { "" } else { "fallback" };
            sources.extend(value.split_whitespace().map(|address| source("timesyncd", "server", address, options)));
        }
    }
    for file in PTP4L {
        let text = probe.quiet_file(file).unwrap_or_default();
        let sections = lines(text).filter_map(|line| line.strip_prefix('[')?.strip_suffix(']'));
        let interfaces = sections.filter(|name| *name != "global" && !name.contains([' ', '.']));
        sources.extend(interfaces.map(|name| source("ptp4l", "interface", name, "")));
    }
    sources
}

/// Lines without comments; `!`, `;`, `%` and `#` begin one in chrony's file.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', '!', ';', '%']))
}

fn source(daemon: &str, kind: &str, address: &str, options: &str) -> TimeSource {
    TimeSource {
        daemon: daemon.to_owned(),
        kind: kind.to_owned(),
        address: address.to_owned(),
        options: options.to_owned(),
    }
}

/// `server ADDRESS options…`, `refclock DRIVER DEVICE options…`.
fn directives(daemon: &str, text: &str, sources: &mut Vec<TimeSource>) {
    for line in lines(text) {
        let mut words = line.split_whitespace();
        let Some(kind) = words.next().filter(|kind| matches!(*kind, "server" | "pool" | "peer" | "refclock")) else {
            continue;
        };
        let Some(first) = words.next() else { continue };
        let address = match (kind, words.clone().next()) {
            ("refclock", Some(device)) => {
                words.next();
                format!("{first} {device}")
            }
            _ => first.to_owned(),
        };
        sources.push(source(daemon, kind, &address, &words.collect::<Vec<_>>().join(" ")));
    }
}

/// Folders that chrony's file names: `confdir DIR…`, `sourcedir DIR…`.
fn included(text: &str) -> Vec<String> {
    let named =
        lines(text).filter_map(|line| line.strip_prefix("confdir ").or_else(|| line.strip_prefix("sourcedir ")));
    named.flat_map(str::split_whitespace).map(|folder| folder.trim_end_matches('/').to_owned()).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::host::Host;

    #[test]
    fn sources_of_each_daemon() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "etc/chrony/chrony.conf",
            "! old\nsourcedir /etc/chrony/sources.d\nrefclock PHC /dev/ptp0 poll 2\nmakestep 1 3\n",
        );
        write("etc/chrony/sources.d/a.sources", "pool 2.pool.example iburst\n");
        write("etc/systemd/timesyncd.conf", "[Time]\n#NTP=no\nNTP=one two\n");
        write("etc/linuxptp/ptp4l.conf", "[global]\ndomainNumber 24\n[ens1f0]\n");
        let host = Host::under(root.path());
        let mut errors = Vec::new();
        let found: Vec<String> = read(&mut Probe::new(&host, &mut errors))
            .into_iter()
            .map(|one| format!("{} {} {} {}", one.daemon, one.kind, one.address, one.options).trim_end().to_owned())
            .collect();
        let expected = [
            "chrony refclock PHC /dev/ptp0 poll 2",
            "chrony pool 2.pool.example iburst",
            "timesyncd server one",
            "timesyncd server two",
            "ptp4l interface ens1f0",
        ];
        assert_eq!(found, expected);
    }
}
