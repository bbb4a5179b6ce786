//! Files that name one machine, and what of them may stay for the facts that read them.

use crate::facts;
use crate::host::Seen;

/// Files whose whole content is about this one machine.
const PRIVATE: [&str; 17] = [
    "/etc/fstab",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/iscsi/initiatorname.iscsi",
    "/etc/machine-id",
    "/etc/nvme/hostnqn",
    "/etc/resolv.conf",
    "/proc/environ",
    "/proc/net/arp",
    "/proc/net/fib_trie",
    "/proc/net/if_inet6",
    "/proc/net/ipv6_route",
    "/proc/net/route",
    "/proc/sys/kernel/domainname",
    "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/random/boot_id",
    "/var/lib/dbus/machine-id",
];

/// Attributes that hold a device's or the machine's own number.
const NUMBERS: [&str; 20] = [
    ".members",
    "board_asset_tag",
    "chassis_asset_tag",
    "eui",
    "fabric_name",
    "hostid",
    "hostnqn",
    "nguid",
    "persistent_address",
    "phys_port_id",
    "phys_switch_id",
    "port_name",
    "product_uuid",
    "serial",
    "serial-number",
    "subsysnqn",
    "targetname",
    "uuid",
    "wwid",
    "wwn",
];

/// Boot parameters that name this one installation.
const OWN_PARAMETERS: [&str; 19] = [
    "BOOT_IMAGE",
    "BOOTIF",
    "ds",
    "hostname",
    "ifname",
    "ignition.config.url",
    "initrd",
    "inst.ks",
    "inst.repo",
    "ip",
    "ks",
    "nameserver",
    "netroot",
    "nfsroot",
    "ostree",
    "resume",
    "root",
    "systemd.hostname",
    "systemd.machine_id",
];

/// Beginnings of such parameters: what the initial RAM disk is to find.
const OWN_FAMILIES: [&str; 6] = ["rd.luks", "rd.lvm", "rd.md", "rd.iscsi", "rd.dm", "iscsi"];

/// What the settings of time daemons that the facts read begin with.
const TIME: [&str; 4] = ["chrony", "ntp", "timesync", "ptp4l"];

/// VMs that libvirt keeps a file of.
const LIBVIRT: [&str; 2] = ["/run/libvirt/qemu/", "/var/run/libvirt/qemu/"];

/// A seen path without what identifies the machine; `None` where nothing of it may stay.
pub fn anonymous(path: String, seen: Seen) -> Option<(String, Seen)> {
    if path.starts_with("/dev/disk/by-") {
        return None;
    }
    let Seen::File(bytes) = seen else { return Some((path, seen)) };
    let name = path.rsplit('/').next().unwrap_or_default();
    let process = path.strip_prefix("/proc/").and_then(|rest| rest.split_once('/'));
    let process = process.filter(|(id, _)| *id == "self" || id.bytes().all(|byte| byte.is_ascii_digit()));
    // `/proc/net` and `/proc/mounts` lie below the process that reads them.
    let common = process.map_or_else(|| path.clone(), |(_, rest)| format!("/proc/{rest}"));
    if PRIVATE.contains(&common.as_str())
        || path.starts_with("/etc/ssh/")
        || name.ends_with("_serial")
        || NUMBERS.contains(&name) && !path.ends_with("/dm/uuid")
    {
        return None;
    }
    if let Some(file) = LIBVIRT.iter().find_map(|folder| path.strip_prefix(folder)) {
        return managed(&path, file, bytes);
    }
    if matches!(name, "DMI" | "raw") && path.starts_with("/sys/firmware/dmi/") {
        return Some((path, Seen::File(facts::without_serials(bytes))));
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if process.is_some() => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        Err(error) => return Some((path, Seen::File(error.into_bytes()))),
    };
    let text = match common.as_str() {
        "/proc/cmdline" => match process {
            Some((id, _)) => qemu(id, &text),
            None => parameters(&text),
        },
        "/proc/cpuinfo" => lines(&text, &processor),
        "/proc/mounts" => lines(&text, &mount),
        "/proc/numa_maps" => lines(&text, &pages),
        "/proc/sysinfo" => lines(&text, &|line| line.contains("Control Program:").then(|| line.to_owned())),
        _ => match name {
            "ibm,partition-name" => "removed".to_owned(),
            "uuid" => after(&text, "-"),
            // Of a disk across the network.
            "address" if text.contains("addr=") => "removed\n".to_owned(),
            // Some tunnels have an address of the network there, which is shorter than one of hardware.
            "address" | "broadcast" if path.contains("/net/") && text.len() < 17 => after(&text, ""),
            _ if path.starts_with("/etc/") || path.starts_with("/run/") || path.starts_with("/var/") => {
                if TIME.iter().any(|word| path.contains(word)) || text.lines().any(|line| server(line).is_some()) {
                    lines(&text, &time)
                } else {
                    text
                }
            }
            _ => text,
        },
    };
    Some((path, Seen::File(text.into_bytes())))
}

/// What is left of each line.
fn lines(text: &str, left: &dyn Fn(&str) -> Option<String>) -> String {
    text.lines().filter_map(left).fold(String::new(), |text, line| text + &line + "\n")
}

/// A text whose hexadecimal digits behind a mark are nought.
fn after(text: &str, mark: &str) -> String {
    let (kept, rest) = text.split_at(text.find(mark).unwrap_or(text.len()));
    let rest = rest.chars().map(|letter| if letter.is_ascii_alphanumeric() { '0' } else { letter });
    kept.chars().chain(rest).collect()
}

/// A VM that libvirt wrote a file for is called by its process; of the other files nobody asks.
fn managed(path: &str, file: &str, bytes: Vec<u8>) -> Option<(String, Seen)> {
    let vm = file.strip_suffix(".pid")?;
    let pid = std::str::from_utf8(&bytes).unwrap_or_default().trim();
    let path = match vm {
        "driver" => path.to_owned(),
        vm => path.replace(&format!("/{vm}.pid"), &format!("/vm{pid}.pid")),
    };
    Some((path, Seen::File(bytes)))
}

/// The command line of a QEMU: whether it is a machine, and whether it has a name.
fn qemu(id: &str, text: &str) -> String {
    let there = |wanted: &str| text.split('\0').any(|word| word == wanted);
    let mut line = String::from("qemu\0");
    line.extend(
        ["-m", "-machine", "-M", "-smp", "-drive"]
            .into_iter()
            .filter(|word| there(word))
            .map(|word| format!("{word}\0")),
    );
    if there("-name") {
        line.push_str(&format!("-name\0vm{id}\0"));
    }
    line
}

/// Boot parameters without what names disks, addresses and hosts.
fn parameters(text: &str) -> String {
    let own = |name: &str, value: &str| {
        OWN_PARAMETERS.contains(&name)
            || OWN_FAMILIES.iter().any(|family| name.starts_with(family))
            || value.contains("UUID")
            || value
                .split(|letter: char| !letter.is_ascii_digit() && letter != '.')
                .any(|word| word.split('.').count() == 4)
    };
    let mut line = String::new();
    let mut quoted = false;
    let outside = |letter: char| {
        quoted ^= letter == '"';
        letter == ' ' && !quoted
    };
    for word in text.trim_end().split(outside) {
        match word.split_once('=') {
            Some((name, value)) if own(name, value) => line.push_str(&format!("{name}=removed")),
            _ => line.push_str(word),
        }
        line.push(' ');
    }
    line.trim_end().to_owned() + "\n"
}

/// `/proc/cpuinfo`: some ARM boards tell a serial number there, and s390 that of the machine.
fn processor(line: &str) -> Option<String> {
    match line.split_once("identification = ") {
        Some((before, rest)) => {
            let number = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
            Some(format!("{before}identification = {}{}", "0".repeat(number), rest.get(number..).unwrap_or_default()))
        }
        None => (!line.starts_with("Serial")).then(|| line.to_owned()),
    }
}

/// `/proc/mounts`: devices and options of huge pages and of a local `/` tell how the machine is set up, all others whose it
/// is.
fn mount(line: &str) -> Option<String> {
    let mut fields = line.split(' ');
    let (device, place, kind, options) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    if kind == "hugetlbfs" || place == "/" && device.starts_with("/dev/") {
        return Some(line.to_owned());
    }
    let device = if device.contains(['/', ':']) { "removed" } else { device };
    let options = options.split(',').next().unwrap_or_default();
    Some(format!("{device} {place} {kind} {options} 0 0"))
}

/// `/proc/PID/numa_maps`: pages by node; names of files are names of VMs.
fn pages(line: &str) -> Option<String> {
    let counted = |word: &&str| {
        word.starts_with("kernelpagesize_kB=")
            || word.starts_with('N') && word.as_bytes().get(1).is_some_and(u8::is_ascii_digit)
    };
    let words: Vec<&str> = line.split(' ').filter(counted).collect();
    (!words.is_empty()).then(|| format!("0 default {}", words.join(" ")))
}

/// The beginning of a line that names a time server: `server ADDRESS options…`, `NTP=ADDRESS…`.
fn server(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let settings = ["NTP=", "FallbackNTP="];
    settings.into_iter().chain(["server ", "pool ", "peer "]).find(|start| line.starts_with(start))
}

/// A line of a time daemon's settings without names; what the facts do not read is left out.
fn time(line: &str) -> Option<String> {
    let line = line.trim();
    if let Some(start) = server(line) {
        let mut words = line.get(start.len()..).unwrap_or_default().split_whitespace();
        let rest: Vec<&str> = match start.ends_with('=') {
            true => words.map(|_| "removed").collect(),
            false => words.next().map(|_| "removed").into_iter().chain(words).collect(),
        };
        return Some(format!("{start}{}", rest.join(" ")));
    }
    let kept = ["refclock ", "confdir ", "sourcedir "].iter().any(|start| line.starts_with(start));
    (kept || line.starts_with('[') && !line.contains([' ', '.'])).then(|| line.to_owned())
}
