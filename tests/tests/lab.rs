//! Emulated machines of many shapes: facts over SSH agree with what other tools say on the same machine, the drawing shows
//! what matters, and a capture replays to the same facts. And the machine the tests run on, likewise.
#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[path = "lab/agreement.rs"]
mod agreement;
#[path = "lab/oracle.rs"]
mod oracle;
#[path = "lab/xml.rs"]
mod xml;

use agreement::{Agreement, rows, text};
use luthier_tests::lab;
use luthier_tests::libvirtd::Libvirtd;
use luthier_tests::luthier::Luthier;
use luthier_tests::qemu::{Guest, Machine};
use luthier_tests::sshd::Site;
use luthier_tests::{missing, skip};
use oracle::Said;
use serde_json::{Value, json};
use std::process::Command;
use xml::{Element, elements};

/// Facts that stand still between two readings.
const STILL: [&str; 13] =
    ["os", "kernel", "cpu", "numa", "hugepages", "thp", "swap", "pci", "slots", "net", "block", "firmware", "virt"];

/// The other tools.
const PROGRAMS: [&str; 5] = ["lstopo-no-graphics", "lspci", "dmidecode", "numactl", "lscpu"];

/// Boot a machine with the other tools on it.
fn boot(machine: Machine) -> Option<Guest> {
    if missing(&PROGRAMS) {
        return None;
    }
    machine.with(&lab::ORACLES).start()
}

/// The whole path of one machine: its facts, which agree with the other tools and with the replay of its capture, and its
/// drawing. `least`: how many values there must be to compare.
fn examine(guest: &Guest, least: usize) -> (Value, String) {
    let luthier = guest.luthier();
    let facts = facts(&luthier, &[]);
    let said = Said::read(guest.run_each(oracle::COMMANDS));
    Agreement::of(&facts, &said).holds(least);
    let drawing = luthier.call(["topo"]).exits(0).stdout.clone();
    replay(guest, &luthier, &facts, &drawing);
    (facts, drawing)
}

fn facts(luthier: &Luthier, arguments: &[&str]) -> Value {
    let words = ["facts", "--format", "json"].iter().chain(arguments);
    let mut answer = luthier.call(words).exits(0).json();
    answer["facts"].take()
}

/// A capture tells what the machine told, and is drawn alike.
fn replay(guest: &Guest, luthier: &Luthier, live: &Value, drawing: &str) {
    let folder = guest.folder().join("captures");
    let words = ["capture", "all", "--keep-identity", "-d"].map(str::to_owned);
    luthier.call(words.into_iter().chain([folder.display().to_string()])).exits(0);
    let root = folder.join(&guest.machine().name).display().to_string();
    let replayed = facts(luthier, &["--root", &root]);
    for key in STILL {
        assert_eq!(still(&live[key]), still(&replayed[key]), "{key}");
    }
    let again = luthier.call(["topo", "--root", &root]).exits(0).stdout.clone();
    // Of a node's memory some is free at one time and not at another.
    let lines = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split(" (").next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(lines(drawing), lines(&again));
}

/// Without what moves from moment to moment.
fn still(facts: &Value) -> Value {
    let mut facts = facts.clone();
    for node in facts.get_mut("nodes").and_then(Value::as_array_mut).into_iter().flatten() {
        node["free_kib"].take();
        node["numastat"].take();
    }
    facts
}

/// The drawing has these lines, in this order; of each only the part that is given.
#[track_caller]
fn draws(drawing: &str, wanted: &[&str]) {
    let mut lines = drawing.lines();
    for part in wanted {
        assert!(lines.any(|line| line.contains(part)), "no line with {part:?} (in this place) in\n{drawing}");
    }
    assert!(drawing.lines().all(|line| line.chars().count() <= 100), "{drawing}");
}

fn slot<'a>(slots: &'a [Value], name: &str) -> &'a Value {
    slots.iter().find(|slot| text(&slot["designation"]) == name).unwrap_or_else(|| panic!("no slot {name}: {slots:?}"))
}

#[test]
fn two_sockets_with_risers() {
    let Some(guest) = boot(lab::two_sockets_with_risers().named("risers")) else { return };
    let (facts, drawing) = examine(&guest, 180);
    ordinary(&guest, &facts);
    let slots = rows(&facts["slots"]);
    // All five are the board's; the kernel's own slots, also of the empty ports, are the same ones.
    assert_eq!(slots.len(), 5, "{slots:?}");
    for (name, riser, port, socket, devices) in [
        ("Riser 1 Slot 1", "Riser 1", "0000:20:00.0", 0, json!(["0000:21:00.0"])),
        ("Riser 1 Slot 2", "Riser 1", "0000:20:01.0", 0, json!([])),
        ("Riser 2 Slot 3", "Riser 2", "0000:40:00.0", 1, json!(["0000:41:00.0"])),
        ("Riser 2 Slot 4", "Riser 2", "0000:40:01.0", 1, json!([])),
        ("Riser 2 Slot 5", "Riser 2", "0000:40:02.0", 1, json!(["0000:43:00.0"])),
    ] {
        let slot = slot(&slots, name);
        let by_device = json!({"value": socket, "source": "device", "confidence": "high"});
        let expected = (&json!(riser), &json!(port), &by_device, &devices, &Value::Null);
        assert_eq!(
            (&slot["riser"], &slot["port"], &slot["socket"], &slot["devices"], &slot["doubt"]),
            expected,
            "{name}"
        );
    }
    let own = |list: &str, name: &str| rows(&facts[list][list_of(list)]).into_iter().find(|one| one["name"] == name);
    let place = |one: Option<Value>| one.map(|one| (one["pci"].clone(), one["numa_node"].clone()));
    assert_eq!(place(own("block", "nvme0n1")), Some((json!("0000:21:00.0"), json!(0))));
    // A virtio device has no node of its own; the function that carries it has.
    assert_eq!(place(own("net", "eth1")), Some((json!("0000:43:00.0"), json!(1))));
    let memory = rows(&facts["firmware"]["memory_devices"]);
    assert_eq!(memory.iter().map(|one| one["socket"].clone()).collect::<Vec<_>>(), [0, 0, 1, 1]);
    draws(
        &drawing,
        &[
            "risers · Laboratory Riser Server",
            "2 packages · 4 cores · 4 threads · 2 nodes · 468 MiB · 2 of 4 DIMMs",
            "Package 0",
            "Node 0",
            "CPUs 0 1",
            "PCI 0000:20",
            "[Riser 1 Slot 1] 0000:20:00.0 port",
            "0000:21:00.0 NVMe",
            "empty slots: Riser 1 Slot 2 (x8)",
            "Package 1",
            "Node 1",
            "CPUs 2 3",
            "PCI 0000:40",
            "[Riser 2 Slot 3] 0000:40:00.0 port",
            "0000:41:00.0 Ethernet · Intel Corporation 82574L",
            "[Riser 2 Slot 5] 0000:40:02.0 port",
            "0000:43:00.0 Ethernet",
            "empty slots: Riser 2 Slot 4 (x16)",
            "PCI whose node is not known",
            "0000:00:03.0 Ethernet",
            "     0  10  21",
            "     1  21  10",
        ],
    );
}

/// An ordinary user is refused the firmware's tables, configuration space beyond its head and other users' processes: what
/// is refused is said, and everything else is as root sees it.
fn ordinary(guest: &Guest, root: &Value) {
    let mine = facts(&guest.luthier(), &["-e", "ansible_user=guest"]);
    let errors = rows(&mine["errors"]);
    for key in ["os", "kernel", "cpu", "numa", "hugepages", "thp", "swap", "net", "block", "virt"] {
        assert_eq!(still(&mine[key]), still(&root[key]), "{key}");
    }
    let firmware = &mine["firmware"];
    assert_eq!((&firmware["processors"], &firmware["memory_devices"]), (&Value::Null, &Value::Null));
    assert_eq!(firmware["system"]["product"], root["firmware"]["system"]["product"]);
    let tables = "/sys/firmware/dmi/tables/DMI";
    let refused = |key: &str| errors.iter().any(|row| row["key"] == key && row["path"] == tables && denied(row));
    for key in ["firmware.processors", "firmware.memory_devices"] {
        assert!(refused(key), "{key}: {errors:?}");
    }
    let addresses = |facts: &Value| -> Vec<Value> {
        rows(&facts["pci"]["devices"]).iter().map(|one| json!([one["address"], one["class"], one["numa"]])).collect()
    };
    assert_eq!(addresses(&mine), addresses(root));
}

fn denied(row: &Value) -> bool {
    text(&row["reason"]).contains("ermission denied")
}

/// Name of the list below a key of the facts.
fn list_of(key: &str) -> &'static str {
    if key == "net" { "interfaces" } else { "devices" }
}

#[test]
fn an_empty_socket_makes_a_riser_dead() {
    let Some(guest) = boot(lab::empty_second_socket().named("half")) else { return };
    let (facts, drawing) = examine(&guest, 110);
    assert_eq!((&facts["cpu"]["packages"], &facts["firmware"]["entry_point"]["version"]), (&json!(1), &json!("3.0")));
    let processors = rows(&facts["firmware"]["processors"]);
    assert_eq!(processors.iter().map(|one| one["populated"].clone()).collect::<Vec<_>>(), [true, false]);
    assert_eq!(processors[1]["model"], Value::Null);
    let slots = rows(&facts["slots"]);
    assert_eq!(slots.len(), 4, "{slots:?}");
    // What the firmware states of a dead slot leads nowhere and is not believed; its name still tells the processor.
    for (name, stated, doubt) in [
        ("CPU2 Riser 2 Slot 3", json!("0000:81:00.0"), json!("no such device")),
        ("CPU2 Riser 2 Slot 4", Value::Null, Value::Null),
    ] {
        let slot = slot(&slots, name);
        assert_eq!((&slot["stated_address"], &slot["doubt"], &slot["address"]), (&stated, &doubt, &Value::Null));
        assert_eq!(slot["socket"], json!({"value": 1, "source": "designation", "confidence": "medium"}));
    }
    draws(
        &drawing,
        &[
            "half · Laboratory Half Server",
            "1 package · 2 cores · 2 threads · 1 node · 468 MiB · 1 of 2 DIMMs",
            "Package 0",
            "Node 0",
            "PCI 0000:00 (the only node)",
            "[CPU1 Riser 1 Slot 1] 0000:20:00.0 port",
            "0000:21:00.0 NVMe",
            "empty slots: CPU1 Riser 1 Slot 2 (x8)",
            "Processor socket CPU2: EMPTY",
            "dead slot CPU2 Riser 2 Slot 3 (x16): its processor is missing",
            "dead slot CPU2 Riser 2 Slot 4 (x16): its processor is missing",
        ],
    );
    assert!(!drawing.contains("Package 1"), "{drawing}");
}

#[test]
fn a_node_without_memory_has_its_disks_all_the_same() {
    let Some(guest) = boot(lab::node_without_memory().named("bare")) else { return };
    let (facts, drawing) = examine(&guest, 110);
    let nodes = rows(&facts["numa"]["nodes"]);
    let kinds: Vec<(&str, Value)> = nodes.iter().map(|node| (text(&node["kind"]), node["distances"].clone())).collect();
    let expected =
        [("cpu+mem", json!([10, 31, 17])), ("cpu-only", json!([31, 10, 28])), ("mem-only", json!([17, 28, 10]))];
    assert_eq!(kinds, expected);
    assert_eq!((&nodes[1]["memory_kib"], &nodes[1]["free_kib"]), (&json!(0), &json!(0)));
    assert_eq!((&facts["cpu"]["smt"]["active"], &facts["cpu"]["cores"]), (&json!(true), &json!(4)));
    draws(
        &drawing,
        &[
            "2 packages · 4 cores · 8 threads · 3 nodes",
            "Package 0",
            "CPUs 0+1 2+3",
            "Package 1",
            "Node 1 · NO MEMORY",
            "CPUs 4+5 6+7",
            "PCI 0000:60",
            "0000:61:00.0 NVMe",
            "Node 2",
            "     0  10  31  17",
            "     1  31  10  28",
            "     2  17  28  10",
        ],
    );
}

#[test]
fn four_nodes_at_uneven_distances() {
    let Some(guest) = boot(lab::four_uneven_nodes().named("clusters")) else { return };
    let (facts, drawing) = examine(&guest, 110);
    // Two nodes of a package share its last-level cache: nodes and caches do not nest here.
    let threads = rows(&facts["cpu"]["topology"]);
    let places: Vec<String> =
        threads.iter().map(|row| format!("{}{}{}", row["package"], row["node"], row["l3"])).collect();
    assert_eq!(places, ["000", "000", "010", "010", "121", "121", "131", "131"]);
    let devices = rows(&facts["pci"]["devices"]);
    let disk = devices.iter().find(|device| device["class"] == "0x010802").expect("a disk");
    let path = json!(["0000:40:00.0", "0000:41:00.0", "0000:42:00.0"]);
    assert_eq!((&disk["path"], &disk["numa"]["node"]), (&path, &json!(3)));
    draws(
        &drawing,
        &[
            "2 packages · 4 cores · 8 threads · 4 nodes",
            "Package 0",
            "Node 0",
            "CPUs 0+1",
            "Node 1",
            "CPUs 2+3",
            "Package 1",
            "Node 2",
            "CPUs 4+5",
            "Node 3",
            "CPUs 6+7",
            "PCI 0000:40",
            "0000:40:00.0 port",
            "0000:41:00.0 port",
            "0000:42:00.0 port",
            "0000:43:00.0 NVMe",
            "0000:42:01.0 port",
            "0000:44:00.0 Ethernet",
            "empty slots: 4",
            "     0  10  12  21  32",
            "     1  12  10  31  24",
            "     2  21  31  10  13",
            "     3  32  24  13  10",
        ],
    );
}

#[test]
fn a_uniform_machine_has_one_node() {
    let Some(guest) = boot(lab::uniform().named("plain")) else { return };
    let (facts, drawing) = examine(&guest, 80);
    let devices = rows(&facts["pci"]["devices"]);
    let sources: Vec<&str> = devices.iter().map(|device| text(&device["numa"]["source"])).collect();
    assert!(sources.iter().all(|source| *source == "only_node"), "{sources:?}");
    draws(
        &drawing,
        &[
            "plain · QEMU Standard PC",
            "1 package · 2 cores · 2 threads · 1 node",
            "CPUs 0 1",
            "PCI 0000:00 (the only node)",
            "0000:01:00.0 Ethernet",
        ],
    );
    assert!(!drawing.contains("distances"), "{drawing}");
}

/// A line of shell on the machine that the tests run on.
fn here(line: &str) -> String {
    let output = Command::new("/bin/sh").args(["-c", line]).env("LC_ALL", "C").output().expect("sh runs");
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Facts of the machine that the tests run on, over a loopback sshd, and what somebody else says of it. Where memory is
/// plugged in and out as the host needs it, totals move at any time: asked until they did not move meanwhile.
fn settled<T>(other: impl Fn() -> T) -> Option<(Value, T)> {
    let site = Site::builder().hosts(1).start()?;
    if site.login() != "root" {
        skip("only root reads PCI capabilities and firmware tables");
        return None;
    }
    let sizes =
        |facts: &Value| rows(&facts["numa"]["nodes"]).iter().map(|node| node["memory_kib"].clone()).collect::<Vec<_>>();
    for _ in 0..50 {
        let before = facts(&site.luthier(), &[]);
        let said = other();
        if sizes(&before) == sizes(&facts(&site.luthier(), &["--only", "numa"])) {
            return Some((before, said));
        }
    }
    panic!("the memory of this machine never settles");
}

#[test]
fn this_machine() {
    if missing(&PROGRAMS) {
        return;
    }
    let Some((facts, answers)) = settled(|| oracle::COMMANDS.map(here)) else { return };
    Agreement::of(&facts, &Said::read(answers)).holds(20);
}

#[test]
fn libvirt_sees_the_same_host() {
    if missing(&["virsh"]) {
        return;
    }
    let Some(libvirtd) = Libvirtd::start() else { return };
    let socket = libvirtd.socket().display().to_string();
    let virsh = |command: &str| here(&format!("virsh -c 'qemu+unix:///system?socket={socket}' {command}"));
    let Some((facts, [info, capabilities])) = settled(|| ["nodeinfo", "capabilities"].map(virsh)) else { return };
    let capabilities = elements(&capabilities);
    let number = |name: &str| -> u64 {
        let line = info.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
        let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        number.unwrap_or_else(|| panic!("no {name}:\n{info}"))
    };
    // It counts sockets within a node.
    let packages = number("CPU socket(s)") * number("NUMA cell(s)");
    let cores = packages * number("Core(s) per socket");
    let counts = [packages, cores, cores * number("Thread(s) per core"), number("CPU(s)")];
    let cpu = &facts["cpu"];
    assert_eq!(json!(counts), json!([cpu["packages"], cpu["cores"], cpu["threads"], cpu["threads"]]), "{info}");
    let nodes = rows(&facts["numa"]["nodes"]);
    // The sum of what its nodes have, which on a machine with a balloon is not the MemTotal of /proc/meminfo.
    let memory: u64 = nodes.iter().filter_map(|node| node["memory_kib"].as_u64()).sum();
    assert_eq!(number("Memory size"), memory, "{info}");
    let inside = |index: usize, name: &str| -> Vec<&Element> {
        let within = |element: &&Element| {
            let mut above = element.parent;
            while let Some(parent) = above.filter(|parent| *parent != index) {
                above = capabilities[parent].parent;
            }
            above.is_some()
        };
        capabilities.iter().filter(|element| element.name == name).filter(within).collect()
    };
    let cells: Vec<usize> = (0..capabilities.len()).filter(|index| capabilities[*index].name == "cell").collect();
    assert_eq!(cells.len(), nodes.len());
    for (cell, node) in cells.into_iter().zip(&nodes) {
        assert_eq!(json!(capabilities[cell].number("id")), node["id"]);
        let memory = inside(cell, "memory");
        assert_eq!(memory.first().and_then(|memory| memory.text.parse::<u64>().ok()), node["memory_kib"].as_u64());
        let distances: Vec<Option<u64>> = inside(cell, "sibling").iter().map(|one| one.number("value")).collect();
        assert_eq!(json!(distances), node["distances"]);
        let cpus = inside(cell, "cpu");
        assert_eq!(json!(cpus.iter().map(|cpu| cpu.number("id")).collect::<Vec<_>>()), node["cpus"]);
        for theirs in cpus {
            let mine = rows(&cpu["topology"]).into_iter().find(|row| row["cpu"].as_u64() == theirs.number("id"));
            let mine = mine.expect("a CPU that libvirt knows");
            let places = ["socket_id", "die_id", "core_id"].map(|name| theirs.number(name));
            assert_eq!(json!(places), json!([mine["package"], mine["die"], mine["core"]]));
        }
    }
}
