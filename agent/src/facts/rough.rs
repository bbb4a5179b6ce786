//! Machines that are odd or broken: what cannot be read is unknown and says why, and everything else is told.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::gather;
use crate::host::Host;
use luthier_protocol::Value;
use serde_json::json;
use std::path::Path;
use std::process::Command;

/// A made-up machine.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new(files: &[(&str, &str)]) -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            machine.write(path, text);
        }
        machine
    }

    fn place(&self, path: &str) -> std::path::PathBuf {
        let place = self.0.path().join(path.trim_start_matches('/'));
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        place
    }

    fn write(&self, path: &str, text: &str) {
        std::fs::write(self.place(path), text).unwrap();
    }

    fn link(&self, path: &str, target: &str) {
        std::os::unix::fs::symlink(target, self.place(path)).unwrap();
    }

    fn facts(&self, only: &[&str]) -> Value {
        let only: Vec<String> = only.iter().map(|key| (*key).to_owned()).collect();
        Value::Object(gather(&Host::under(self.0.path()), &only).unwrap())
    }
}

/// Why a value is unknown.
fn reason<'a>(facts: &'a Value, key: &str) -> &'a str {
    let errors = facts["errors"].as_array().unwrap();
    errors.iter().find(|error| error["key"] == key).and_then(|error| error["reason"].as_str()).unwrap_or("none given")
}

const CPUS: &str = "/sys/devices/system/cpu";
const NODES: &str = "/sys/devices/system/node";

#[test]
fn a_file_that_never_answers_costs_one_fact() {
    let machine = Machine::new(&[
        ("/sys/kernel/mm/ksm/run", "1\n"),
        ("/sys/devices/system/cpu/online", "0-3\n"),
        ("/proc/meminfo", "MemTotal: 4096 kB\n"),
        ("/proc/sys/kernel/osrelease", "6.1.0\n"),
    ]);
    // Opening a pipe for reading waits for somebody who writes.
    let pipe = machine.place("/sys/kernel/mm/ksm/sleep_millisecs");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let facts = machine.facts(&[]);
    assert_eq!(facts["ksm"], Value::Null);
    assert_eq!(reason(&facts, "ksm"), "no answer within 5 s");
    std::fs::remove_file(pipe).unwrap();
    machine.write("/sys/kernel/mm/ksm/sleep_millisecs", "20\n");
    let mut whole = machine.facts(&[]);
    let mut held = facts;
    assert_eq!((&whole["ksm"]["run"], &whole["ksm"]["sleep_millisecs"]), (&json!(1), &json!(20)));
    assert_eq!(whole["cpu"]["threads"], 4);
    // What moves from moment to moment, and what the pipe cost.
    for facts in [&mut whole, &mut held] {
        facts["ksm"].take();
        facts["errors"].as_array_mut().unwrap().retain(|error| error["key"] != "ksm");
    }
    assert_eq!(whole, held);
}

#[test]
fn files_that_fail_are_unknown_with_the_reason() {
    let machine = Machine::new(&[("/sys/kernel/mm/transparent_hugepage/defrag", "[always] never\n")]);
    // The kernel answers reads of this file's beginning with an input error.
    machine.link("/sys/kernel/mm/transparent_hugepage/enabled", "/proc/self/mem");
    machine.link("/sys/devices/system/cpu/online", "/proc/self/mem");
    machine.link("/sys/firmware/dmi/tables/DMI", "/proc/self/mem");
    machine.link("/proc/meminfo", "/proc");
    let facts = machine.facts(&[]);
    assert_eq!((&facts["thp"]["enabled"], &facts["thp"]["defrag"]), (&Value::Null, &json!("always")));
    assert!(reason(&facts, "thp.enabled").starts_with("Input/output error"), "{facts}");
    assert!(reason(&facts, "memory").starts_with("Is a directory"), "{facts}");
    assert_eq!(facts["firmware"]["processors"], Value::Null);
    assert!(reason(&facts, "firmware.processors").starts_with("Input/output error"), "{facts}");
}

#[test]
fn what_vanishes_between_list_and_read_is_left_out() {
    let machine = Machine::new(&[
        (&format!("{CPUS}/online"), "0-1\n"),
        (&format!("{CPUS}/cpu0/topology/core_cpus_list"), "0\n"),
        (&format!("{CPUS}/cpu0/topology/package_cpus_list"), "0-1\n"),
        (&format!("{CPUS}/cpu1/unplugged"), ""),
        (&format!("{NODES}/node0/cpumap"), "3\n"),
        (&format!("{NODES}/node1/gone"), ""),
        ("/sys/block/sdz/gone", ""),
    ]);
    machine.link("/sys/bus/pci/devices/0000:00:1f.2", "../../../devices/pci0000:00/0000:00:1f.2");
    machine.link("/sys/class/net/eth9", "../../devices/virtual/net/eth9");
    machine.link("/sys/class/nvme/nvme9", "../../devices/virtual/nvme/nvme9");
    machine.write("/proc/4711/task/4711/gone", "");
    let facts = machine.facts(&[]);
    assert_eq!(facts["cpu"]["threads"], 2);
    assert_eq!(facts["cpu"]["cores"], Value::Null, "{facts}");
    assert_ne!(reason(&facts, "cpu.cores"), "none given");
    assert_eq!(facts["numa"]["nodes"][0]["cpus"], json!([0, 1]));
    assert_eq!(facts["numa"]["nodes"][1]["cpus"], Value::Null);
    assert_eq!(facts["pci"]["devices"], json!([]));
    assert_ne!(reason(&facts, "pci.devices"), "none given");
}

#[test]
fn thousands_of_cpus_are_told_apart() {
    let machine = Machine::new(&[(&format!("{CPUS}/online"), "0-4095\n"), (&format!("{CPUS}/present"), "0-4127\n")]);
    for cpu in 0..4096_u32 {
        let folder = format!("{CPUS}/cpu{cpu}/topology");
        let (package, core) = (cpu / 256, cpu / 2);
        machine.write(&format!("{folder}/package_cpus_list"), &format!("{}-{}\n", package * 256, package * 256 + 255));
        machine.write(&format!("{folder}/core_cpus_list"), &format!("{}-{}\n", core * 2, core * 2 + 1));
        machine.write(&format!("{folder}/physical_package_id"), &format!("{package}\n"));
        machine.write(&format!("{folder}/core_id"), &format!("{}\n", core % 128));
    }
    for node in 0..64 {
        let folder = format!("{NODES}/node{node}");
        machine.write(&format!("{folder}/cpulist"), &format!("{}-{}\n", node * 64, node * 64 + 63));
        machine.write(&format!("{folder}/meminfo"), &format!("Node {node} MemTotal: 1024 kB\n"));
    }
    let facts = machine.facts(&["cpu", "numa"]);
    let cpu = &facts["cpu"];
    assert_eq!((&cpu["threads"], &cpu["cores"], &cpu["packages"]), (&json!(4096), &json!(2048), &json!(16)));
    assert_eq!(cpu["offline"].as_array().unwrap().len(), 32);
    let last = &cpu["topology"][4095];
    assert_eq!((&last["package"], &last["core"], &last["node"]), (&json!(15), &json!(127), &json!(63)));
    assert_eq!(facts["numa"]["nodes"].as_array().unwrap().len(), 64);
}

#[test]
fn nodes_with_gaps_without_cpus_and_offline() {
    let mut files = vec![
        (format!("{CPUS}/online"), "0-1".to_owned()),
        // Node 5 could be there, but is not: it has no folder.
        (format!("{NODES}/possible"), "0-7".to_owned()),
        (format!("{NODES}/online"), "0,4,6".to_owned()),
    ];
    for (node, cpus, memory) in [(0, "3", 100), (4, "0", 50), (6, "0", 0)] {
        files.push((format!("{NODES}/node{node}/cpumap"), cpus.to_owned()));
        files.push((
            format!("{NODES}/node{node}/meminfo"),
            format!("Node {node} MemTotal: {memory} kB\nNode {node} MemFree: 0 kB\n"),
        ));
        files.push((format!("{NODES}/node{node}/distance"), "10 20 30".to_owned()));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let facts = Machine::new(&files).facts(&["numa", "cpu"]);
    let nodes = facts["numa"]["nodes"].as_array().unwrap();
    let kinds: Vec<(u64, &str)> =
        nodes.iter().map(|node| (node["id"].as_u64().unwrap(), node["kind"].as_str().unwrap())).collect();
    assert_eq!(kinds, [(0, "cpu+mem"), (4, "mem-only"), (6, "none")]);
    assert_eq!((&nodes[1]["cpus"], &nodes[1]["memory_kib"]), (&json!([]), &json!(50)));
}

#[test]
fn a_bus_with_a_wide_domain_and_no_bus_at_all() {
    let machine = Machine::new(&[
        ("/sys/devices/pci10000:e0/10000:e0:06.0/class", "0x060400\n"),
        ("/sys/devices/pci10000:e0/10000:e0:06.0/vendor", "0x8086\n"),
        ("/sys/devices/pci10000:e0/10000:e0:06.0/10000:e1:00.0/class", "0x010802\n"),
        ("/sys/devices/pci10000:e0/10000:e0:06.0/10000:e1:00.0/vendor", "0x8086\n"),
        ("/sys/devices/pci10000:e0/10000:e0:06.0/10000:e1:00.0/device", "0x0953\n"),
    ]);
    for address in ["10000:e0:06.0", "10000:e0:06.0/10000:e1:00.0"] {
        let name = Path::new(address).file_name().unwrap().to_str().unwrap();
        machine.link(&format!("/sys/bus/pci/devices/{name}"), &format!("../../../devices/pci10000:e0/{address}"));
    }
    let facts = machine.facts(&["pci", "slots"]);
    assert_eq!(facts["pci"]["devices"][1]["address"], "10000:e1:00.0");
    assert_eq!(facts["pci"]["devices"][1]["path"], json!(["10000:e0:06.0"]));
    assert_eq!(facts["pci"]["roots"][0]["bus"], "10000:e0");
    let none = Machine::new(&[]).facts(&["pci", "slots", "irqs", "firmware", "virt"]);
    assert_eq!((&none["pci"]["devices"], &none["slots"]), (&json!([]), &json!([])));
    assert_eq!(reason(&none, "firmware.processors"), "no such file");
    assert_eq!(reason(&none, "pci.devices"), "none given");
}

#[test]
fn a_container_says_so_and_hides_its_hardware() {
    let machine = Machine::new(&[
        ("/run/systemd/container", "lxc\n"),
        ("/proc/cpuinfo", "processor : 0\nmodel name : Xeon\nflags : fpu hypervisor\n"),
        ("/proc/meminfo", "MemTotal: 10 kB\n"),
    ]);
    let facts = machine.facts(&[]);
    assert_eq!((&facts["virt"]["container"], &facts["virt"]["is_guest"]), (&json!("lxc"), &json!(true)));
    assert_eq!((&facts["cpu"]["threads"], &facts["memory"]["total_kib"]), (&json!(1), &json!(10)));
    assert_eq!(facts["numa"]["supported"], false);
}

#[test]
fn a_table_that_lies_costs_no_time_and_hides_no_devices() {
    let machine = Machine::new(&[
        ("/sys/devices/pci0000:00/0000:00:02.0/class", "0x020000\n"),
        ("/sys/devices/pci0000:00/0000:00:02.0/vendor", "0x8086\n"),
        ("/sys/devices/pci0000:00/0000:00:02.0/device", "0x1234\n"),
    ]);
    machine.link("/sys/bus/pci/devices/0000:00:02.0", "../../../devices/pci0000:00/0000:00:02.0");
    let mut table = Vec::new();
    for number in 0..60_000_u16 {
        let [low, high] = number.to_le_bytes();
        match number % 2 {
            0 => table.extend([9, 17, low, high, 1, 0xb8, 0x0d, 4, 4, 0, 0, 4, 3, 0, 0, high, low]),
            _ => {
                table.extend([17, 0x28, low, high, low, high, 0, 0, 0, 0, 0, 0, 1, 0, 9, 0, 1]);
                table.extend([0; 0x28 - 17]);
            }
        }
        table.extend(format!("P{number} SLOT\0\0").into_bytes());
    }
    let place = machine.place("/sys/firmware/dmi/tables/DMI");
    std::fs::write(place, table).unwrap();
    let facts = machine.facts(&["pci", "slots", "firmware"]);
    assert_eq!(facts["pci"]["devices"].as_array().unwrap().len(), 1, "{}", facts["errors"]);
    assert_eq!(facts["slots"].as_array().unwrap().len(), 1024);
    assert_eq!(facts["firmware"]["memory_devices"].as_array().unwrap().len(), 4096);
    assert!(reason(&facts, "slots").contains("more than 1024"), "{}", facts["errors"]);
    assert!(reason(&facts, "firmware").contains("more than 4096"), "{}", facts["errors"]);
}
