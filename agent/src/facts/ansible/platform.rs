//! Kernel, names, distribution, package and service manager, boot parameters.

use crate::facts::{kernel, os};
use crate::host::Host;
use luthier_protocol::{Map, Value};
use serde_json::json;

/// `system`, `kernel`, `machine`, `nodename`, `hostname`, `fqdn`, `domain`, `machine_id`, ….
pub fn names(host: &Host, facts: &mut Map) {
    let uname = host.uname();
    let file = |path: &str| host.read_text(path).ok();
    let node = uname.as_ref().map(|uname| uname.node.clone()).or_else(|| file("/proc/sys/kernel/hostname"));
    let machine = uname.as_ref().map(|uname| uname.machine.clone()).or_else(|| file("/proc/sys/kernel/arch"));
    let node = node.unwrap_or_default();
    let fqdn = fqdn(host, &node);
    let domain = fqdn.split_once('.').map_or("", |(_, domain)| domain).to_owned();
    facts.insert("system".to_owned(), json!("Linux"));
    facts.insert("kernel".to_owned(), json!(file("/proc/sys/kernel/osrelease")));
    facts.insert("kernel_version".to_owned(), json!(file("/proc/sys/kernel/version")));
    facts.insert("machine".to_owned(), json!(machine));
    let architecture = match machine.as_deref() {
        Some("i386" | "i486" | "i586" | "i686") => Some("i386".to_owned()),
        _ => machine.clone(),
    };
    facts.insert("architecture".to_owned(), json!(architecture));
    facts.insert("userspace_architecture".to_owned(), json!(architecture));
    facts.insert("userspace_bits".to_owned(), json!(machine.map(|name| if name.contains("64") { "64" } else { "32" })));
    facts.insert("hostname".to_owned(), json!(node.split('.').next()));
    facts.insert("nodename".to_owned(), json!(node));
    facts.insert("fqdn".to_owned(), json!(fqdn));
    facts.insert("domain".to_owned(), json!(domain));
    let id = file("/etc/machine-id").or_else(|| file("/var/lib/dbus/machine-id")).filter(|id| !id.is_empty());
    if let Some(id) = id {
        facts.insert("machine_id".to_owned(), json!(id));
    }
}

/// The full name by `/etc/hosts` and the kernel's domain name; the network is not asked.
fn fqdn(host: &Host, node: &str) -> String {
    if node.contains('.') {
        return node.to_owned();
    }
    let hosts = host.read_text("/etc/hosts").unwrap_or_default();
    let rows: Vec<Vec<&str>> = hosts
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().split_whitespace().collect::<Vec<_>>())
        .filter(|row| row.len() > 1)
        .collect();
    let names = |row: &Vec<&str>, name: &str| row.iter().skip(1).any(|other| *other == name);
    let address = rows.iter().find(|row| names(row, node)).and_then(|row| row.first());
    // As the C library does: name to address, then the first row of that address.
    if let Some(row) = address.and_then(|address| rows.iter().find(|row| row.first() == Some(address))) {
        let dotted = row.iter().skip(1).find(|name| name.contains('.'));
        return dotted.or_else(|| row.get(1)).map_or_else(|| node.to_owned(), |name| (*name).to_owned());
    }
    match host.read_text("/proc/sys/kernel/domainname") {
        Ok(domain) if !domain.is_empty() && domain != "(none)" => format!("{node}.{domain}"),
        _ => node.to_owned(),
    }
}

/// `distribution*` and `os_family`.
pub fn distribution(host: &Host, facts: &mut Map) {
    let release = os::release(host);
    let field = |name: &str| release.get(name).map(String::as_str).unwrap_or_default();
    let id = field("ID");
    let name = distribution_name(id).map_or_else(|| field("NAME").to_owned(), str::to_owned);
    let mut version = field("VERSION_ID").to_owned();
    let mut minor = None;
    let mut file = "/etc/os-release";
    match id {
        "debian" => {
            let point = host.read_text("/etc/debian_version").unwrap_or_default();
            if point.starts_with(|letter: char| letter.is_ascii_digit()) {
                minor = point.split_once('.').map(|(_, minor)| minor.to_owned());
                version = point;
            }
        }
        "centos" => {
            let text = host.read_text("/etc/centos-release").unwrap_or_default();
            let full = text.split_whitespace().find(|word| word.starts_with(|letter: char| letter.is_ascii_digit()));
            if let Some(full) = full {
                version = full.split('.').take(2).collect::<Vec<_>>().join(".");
            }
        }
        _ => {}
    }
    let family = os_family(&name);
    if family == Some("RedHat") {
        file = "/etc/redhat-release";
    }
    let codename = Some(field("VERSION_CODENAME").to_owned())
        .filter(|name| !name.is_empty())
        .or_else(|| Some(field("VERSION").split_once('(')?.1.split_once(')')?.0.to_owned()))
        .unwrap_or_else(|| if field("NAME").contains("Stream") { "Stream".to_owned() } else { "NA".to_owned() });
    facts.insert("distribution".to_owned(), json!(name));
    facts.insert("distribution_version".to_owned(), json!(if version.is_empty() { "NA" } else { &version }));
    facts.insert(
        "distribution_major_version".to_owned(),
        json!(version.split('.').next().filter(|text| !text.is_empty()).unwrap_or("NA")),
    );
    if let Some(minor) = minor {
        facts.insert("distribution_minor_version".to_owned(), json!(minor));
    }
    facts.insert("distribution_release".to_owned(), json!(codename));
    facts.insert("distribution_file_parsed".to_owned(), json!(!release.is_empty()));
    facts.insert("distribution_file_path".to_owned(), json!(file));
    facts.insert("distribution_file_variety".to_owned(), json!(family.unwrap_or(&name)));
    facts.insert("os_family".to_owned(), json!(family.unwrap_or(&name)));
}

/// The classic name of a distribution by its id.
fn distribution_name(id: &str) -> Option<&'static str> {
    let name = match id {
        "almalinux" => "AlmaLinux",
        "alpine" => "Alpine",
        "amzn" => "Amazon",
        "arch" => "Archlinux",
        "centos" => "CentOS",
        "debian" | "raspbian" => "Debian",
        "fedora" => "Fedora",
        "gentoo" => "Gentoo",
        "kali" => "Kali",
        "linuxmint" => "Linux Mint",
        "ol" => "OracleLinux",
        "opensuse-leap" => "openSUSE Leap",
        "opensuse-tumbleweed" => "openSUSE Tumbleweed",
        "rhel" => "RedHat",
        "rocky" => "Rocky",
        "sles" => "SLES",
        "ubuntu" => "Ubuntu",
        _ => return None,
    };
    Some(name)
}

/// The classic family of a distribution's classic name.
fn os_family(name: &str) -> Option<&'static str> {
    let family = match name {
        "Debian" | "Ubuntu" | "Kali" | "Linux Mint" | "Devuan GNU/Linux" | "Pop!_OS" | "Deepin" => "Debian",
        "RedHat" | "CentOS" | "Fedora" | "Rocky" | "AlmaLinux" | "OracleLinux" | "Amazon" | "EuroLinux" => "RedHat",
        "SLES" | "SLED" | "openSUSE Leap" | "openSUSE Tumbleweed" => "Suse",
        "Alpine" => "Alpine",
        "Archlinux" => "Archlinux",
        "Gentoo" => "Gentoo",
        _ => return None,
    };
    Some(family)
}

/// `lsb`: from `/etc/lsb-release`, or from os-release where the program `lsb_release` is installed.
pub fn lsb(host: &Host, facts: &mut Map) {
    let lsb = os::assignments(&host.read_text("/etc/lsb-release").unwrap_or_default());
    let release = os::release(host);
    let field = |name: &str, other: &str| lsb.get(name).or_else(|| release.get(other)).cloned().unwrap_or_default();
    let there = lsb.contains_key("DISTRIB_ID") || host.stat("/usr/bin/lsb_release").is_ok_and(|stat| stat.is_some());
    let value = if there {
        let number = field("DISTRIB_RELEASE", "VERSION_ID");
        let id = field("DISTRIB_ID", "ID");
        json!({
            "id": lsb.get("DISTRIB_ID").cloned().unwrap_or_else(|| distribution_name(&id).unwrap_or(&id).to_owned()),
            "release": number,
            "major_release": number.split('.').next().unwrap_or_default(),
            "codename": field("DISTRIB_CODENAME", "VERSION_CODENAME"),
            "description": field("DISTRIB_DESCRIPTION", "PRETTY_NAME"),
        })
    } else {
        json!({})
    };
    facts.insert("lsb".to_owned(), value);
}

/// `pkg_mgr`.
pub fn package_manager(host: &Host, facts: &mut Map) {
    let there = |path: &str| host.stat(path).is_ok_and(|stat| stat.is_some());
    let release = os::release(host);
    let id = release.get("ID").map(String::as_str).unwrap_or_default();
    let family = os_family(distribution_name(id).unwrap_or_default());
    let order: &[(&str, &str)] = match family {
        Some("RedHat") if there("/run/ostree-booted") => &[("atomic_container", "/run/ostree-booted")],
        Some("RedHat") => {
            &[("dnf5", "/usr/bin/dnf"), ("dnf", "/usr/bin/dnf-3"), ("dnf", "/usr/bin/dnf"), ("yum", "/usr/bin/yum")]
        }
        _ => &[
            ("apt", "/usr/bin/apt-get"),
            ("zypper", "/usr/bin/zypper"),
            ("dnf", "/usr/bin/dnf"),
            ("yum", "/usr/bin/yum"),
            ("apk", "/sbin/apk"),
            ("pacman", "/usr/bin/pacman"),
            ("portage", "/usr/bin/emerge"),
        ],
    };
    let name = order.iter().find(|(name, path)| {
        // `dnf` is a link to whichever of the two generations is the default.
        there(path) && (*name != "dnf5" || host.read_link(path).is_ok_and(|link| link.ends_with("dnf5")))
    });
    facts.insert("pkg_mgr".to_owned(), json!(name.map_or("unknown", |(name, _)| name)));
}

/// `service_mgr`: by the first process, or by what its init left in the file system.
pub fn service_manager(host: &Host, facts: &mut Map) {
    let there = |path: &str| host.stat(path).is_ok_and(|stat| stat.is_some());
    let first = host.read_text("/proc/1/comm").unwrap_or_default();
    let name = match first.as_str() {
        "systemd" => "systemd",
        "runit-init" | "runit" => "runit",
        "s6-svscan" => "s6",
        "openrc-init" => "openrc",
        "" | "init" | "sh" | "bash" | "tail" | "sleep" => {
            if there("/run/systemd/system") {
                "systemd"
            } else if there("/sbin/openrc") {
                "openrc"
            } else if there("/etc/init.d") {
                "sysvinit"
            } else {
                "service"
            }
        }
        other => other,
    };
    facts.insert("service_mgr".to_owned(), json!(name));
}

/// `cmdline` (the last value of a name) and `proc_cmdline` (all values of a repeated name).
pub fn boot_parameters(host: &Host, facts: &mut Map) {
    let words = kernel::words(&host.read_text("/proc/cmdline").unwrap_or_default());
    let mut last = Map::new();
    let mut all = Map::new();
    for word in words {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Value::from(value)),
            None => (word, Value::from(true)),
        };
        last.insert(name.clone(), value.clone());
        match all.get_mut(&name) {
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = json!([first.clone(), value]),
            None => {
                all.insert(name, value);
            }
        }
    }
    facts.insert("cmdline".to_owned(), Value::Object(last));
    facts.insert("proc_cmdline".to_owned(), Value::Object(all));
}
