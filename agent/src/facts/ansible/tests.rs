//! The classic facts of a small made-up machine.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::{Wanted, collect};
use crate::host::Host;
use luthier_protocol::Map;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

fn machine(files: &[(&str, &str)]) -> Map {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let environment = BTreeMap::from([("EXTRA".to_owned(), "1".to_owned())]);
    let subset = ["all".to_owned()];
    let wanted = Wanted { subset: &subset, fact_path: "/etc/ansible/facts.d", environment: &environment };
    collect(&Host::under(root.path()), &wanted).unwrap()
}

#[test]
fn distributions() {
    let debian = machine(&[
        ("/etc/os-release", "ID=debian\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n"),
        ("/etc/debian_version", "12.11\n"),
        ("/usr/bin/apt-get", ""),
    ]);
    assert_eq!(debian["ansible_distribution"], "Debian");
    assert_eq!(debian["ansible_distribution_version"], "12.11");
    assert_eq!(debian["ansible_distribution_major_version"], "12");
    assert_eq!(debian["ansible_distribution_release"], "bookworm");
    assert_eq!((&debian["ansible_os_family"], &debian["ansible_pkg_mgr"]), (&json!("Debian"), &json!("apt")));
    let rocky = machine(&[
        (
            "/etc/os-release",
            "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\nVERSION=\"9.3 (Blue Onyx)\"\nVERSION_ID=\"9.3\"\n",
        ),
        ("/usr/bin/dnf", ""),
    ]);
    assert_eq!((&rocky["ansible_distribution"], &rocky["ansible_os_family"]), (&json!("Rocky"), &json!("RedHat")));
    assert_eq!(
        (&rocky["ansible_distribution_release"], &rocky["ansible_pkg_mgr"]),
        (&json!("Blue Onyx"), &json!("dnf"))
    );
}

#[test]
fn names_without_the_network() {
    let hosts = "127.0.0.1 localhost\n10.0.0.5 db1.example.org db1 # the database\n";
    let facts = machine(&[("/proc/sys/kernel/hostname", "db1\n"), ("/etc/hosts", hosts)]);
    assert_eq!(facts["ansible_fqdn"], "db1.example.org");
    assert_eq!((&facts["ansible_hostname"], &facts["ansible_domain"]), (&json!("db1"), &json!("example.org")));
    let facts = machine(&[("/proc/sys/kernel/hostname", "db1"), ("/proc/sys/kernel/domainname", "corp.example")]);
    assert_eq!(facts["ansible_fqdn"], "db1.corp.example");
}

#[test]
fn addresses_and_routes() {
    let route = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\n\
                 eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\n\
                 br-ex\t00000000\t010200C0\t0003\t0\t0\t900\t00000000\t0\n\
                 eth0\t000200C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\n";
    let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 192.0.2.0\n        \
                /24 link UNICAST\n     |-- 192.0.2.7\n        /32 host LOCAL\n     |-- 203.0.113.9\n        /32 host LOCAL\n";
    let facts = machine(&[
        ("/proc/net/route", route),
        ("/proc/net/fib_trie", trie),
        ("/proc/net/if_inet6", "fe8000000000000000fc00fffe000001 04 40 20 80     eth0\n"),
        ("/sys/class/net/eth0/address", "02:00:00:00:00:01\n"),
        ("/sys/class/net/eth0/mtu", "9000\n"),
        ("/sys/class/net/eth0/type", "1\n"),
        ("/sys/class/net/br-ex/type", "1\n"),
        ("/sys/class/net/br-ex/bridge/bridge_id", "8000.0\n"),
    ]);
    assert_eq!(facts["ansible_all_ipv4_addresses"], json!(["192.0.2.7", "203.0.113.9"]));
    let expected = json!({
        "gateway": "192.0.2.1", "address": "192.0.2.7", "broadcast": "192.0.2.255", "netmask": "255.255.255.0",
        "network": "192.0.2.0", "prefix": "24", "interface": "eth0", "macaddress": "02:00:00:00:00:01", "mtu": 9000,
        "type": "ether", "alias": "eth0",
    });
    assert_eq!(facts["ansible_default_ipv4"], expected);
    assert_eq!(
        facts["ansible_eth0"]["ipv6"],
        json!([{"address": "fe80::fc:ff:fe00:1", "prefix": "64", "scope": "link"}])
    );
    assert_eq!(facts["ansible_br_ex"]["type"], "bridge");
    assert_eq!(facts["ansible_default_ipv6"], json!({}));
}

#[test]
fn processors_memory_and_firmware() {
    let block = |cpu: u32| {
        format!(
            "processor\t: {cpu}\nvendor_id\t: GenuineIntel\nmodel name\t: Xeon\nphysical id\t: 0\ncore id\t: {}\n\n",
            cpu / 2
        )
    };
    let cpuinfo: String = (0..4).map(block).collect();
    let facts = machine(&[
        ("/proc/cpuinfo", &cpuinfo),
        (
            "/proc/meminfo",
            "MemTotal: 2048000 kB\nMemFree: 1024000 kB\nBuffers: 0 kB\nCached: 102400 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
        ),
        ("/sys/class/dmi/id/sys_vendor", "Dell Inc.\n"),
        ("/sys/class/dmi/id/chassis_type", "23\n"),
        ("/proc/cmdline", "quiet console=tty0 console=ttyS0"),
    ]);
    let counts =
        ["count", "cores", "threads_per_core", "vcpus"].map(|name| facts[&format!("ansible_processor_{name}")].clone());
    assert_eq!(counts, [json!(1), json!(2), json!(2), json!(4)]);
    assert_eq!(facts["ansible_processor"][5], "Xeon");
    assert_eq!((&facts["ansible_memtotal_mb"], &facts["ansible_swaptotal_mb"]), (&json!(2000), &json!(0)));
    assert_eq!(facts["ansible_memory_mb"]["nocache"], json!({"free": 1100, "used": 900}));
    assert_eq!((&facts["ansible_system_vendor"], &facts["ansible_bios_date"]), (&json!("Dell Inc."), &json!("NA")));
    assert_eq!(facts["ansible_form_factor"], "Rack Mount Chassis");
    assert_eq!(facts["ansible_cmdline"], json!({"quiet": true, "console": "ttyS0"}));
    assert_eq!(facts["ansible_proc_cmdline"]["console"], json!(["tty0", "ttyS0"]));
    assert_eq!(facts["ansible_env"]["EXTRA"], "1");
    assert_eq!(facts["gather_subset"], json!(["all"]));
}

#[test]
fn mounts_and_virtualization() {
    let mounts = "/dev/vda1 / ext4 rw,relatime 0 1\nproc /proc proc rw 0 0\nnas:/x /mnt/a\\040b nfs4 rw 0 0\n";
    let facts = machine(&[
        ("/proc/mounts", mounts),
        ("/sys/class/dmi/id/sys_vendor", "QEMU\n"),
        ("/run/systemd/container", "lxc\n"),
        ("/sys/module/kvm/parameters/nx_huge_pages", "off\n"),
    ]);
    let rows = facts["ansible_mounts"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!((&rows[1]["mount"], &rows[1]["fstype"]), (&json!("/mnt/a b"), &json!("nfs4")));
    assert_eq!(
        (&facts["ansible_virtualization_type"], &facts["ansible_virtualization_role"]),
        (&json!("lxc"), &json!("guest"))
    );
    assert_eq!(facts["ansible_virtualization_tech_guest"], json!(["lxc", "container", "kvm"]));
    assert_eq!(facts["ansible_virtualization_tech_host"], json!(["kvm"]));
}

#[test]
fn capabilities_are_named_when_some_are_missing() {
    let last = ("/proc/sys/kernel/cap_last_cap", "40\n");
    let root = machine(&[("/proc/self/status", "Name:\tx\nCapEff:\t000001ffffffffff\n"), last]);
    assert_eq!(
        (&root["ansible_system_capabilities_enforced"], &root["ansible_system_capabilities"]),
        (&json!(false), &json!([]))
    );
    let few = machine(&[("/proc/self/status", "CapEff:\t0000000000000401\n"), last]);
    assert_eq!(few["ansible_system_capabilities_enforced"], true);
    assert_eq!(few["ansible_system_capabilities"], json!(["cap_chown", "cap_net_bind_service"]));
}
