//! Drawings of small machines made by hand.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;
use luthier_protocol::Map;
use serde_json::json;

/// Two packages of two cores with two threads, a card in a riser that trained badly, an empty socket's slot.
fn facts() -> Map {
    let thread = |cpu: u32, package: u32, core: u32| json!({"cpu": cpu, "package": package, "die": 0, "core": core, "node": package, "l3": package});
    let node = |id: u32, cpus: [u32; 4]| {
        json!({"id": id, "cpus": cpus, "memory_kib": 8 << 20, "free_kib": 1 << 20, "distances": if id == 0 { [10, 21] } else { [21, 10] },
            "hugepages": [{"size_kib": 2048, "total": 512, "free": 500}], "kind": "cpu+mem", "numastat": null, "access": null})
    };
    let cache = |cpus: [u32; 4]| json!({"level": 3, "type": "Unified", "size_kib": 32768, "cpus": cpus});
    let device = |address: &str, class: &str, path: &[&str], link: serde_json::Value| {
        json!({"address": address, "class": class, "vendor": "0x15b3", "device": "0x1017", "subsystem_vendor": null, "subsystem_device": null,
            "name": null, "driver": "mlx5_core", "numa": {"node": 0, "source": "numa_node", "confidence": "high"}, "local_cpus": null, "link": link,
            "slot": null, "label": null, "path": path, "iommu_group": null, "vfs_total": null, "vfs": null, "physical_function": null})
    };
    let port = json!({"speed_gts": 16.0, "width": 8, "max_speed_gts": 16.0, "max_width": 16, "degraded": null});
    let card = json!({"speed_gts": 16.0, "width": 8, "max_speed_gts": 16.0, "max_width": 16, "degraded": true});
    let value = json!({
        "cpu": {"packages": 2, "cores": 4, "threads": 8, "online": [0,1,2,3,4,5,6,7], "offline": [8, 9], "isolated": [3, 7], "nohz_full": [],
            "vendor": null, "model": "Test CPU", "microcode": null, "flags": null, "smt": {"control": null, "active": true},
            "topology": [thread(0, 0, 0), thread(1, 0, 1), thread(2, 1, 0), thread(3, 1, 1), thread(4, 0, 0), thread(5, 0, 1), thread(6, 1, 0), thread(7, 1, 1)],
            "caches": [cache([0, 1, 4, 5]), cache([2, 3, 6, 7])], "kinds": [], "vulnerabilities": null},
        "numa": {"supported": true, "balancing": null, "nodes": [node(0, [0, 1, 4, 5]), node(1, [2, 3, 6, 7])]},
        "pci": {"roots": [{"bus": "0000:16", "numa": {"node": 0, "source": "siblings", "confidence": "medium"}, "cpus": null}],
            "devices": [device("0000:16:02.0", "0x060400", &[], port), device("0000:17:00.0", "0x020000", &["0000:16:02.0"], card)]},
        "slots": [
            {"designation": "Riser 1 Slot 2", "riser": "Riser 1", "type": "PCI Express 4 x16", "width": 16, "physical_width": null, "in_use": true,
             "stated_address": "0000:17:00.0", "address": "0000:17:00.0", "doubt": null, "port": "0000:16:02.0", "socket": null, "devices": ["0000:17:00.0"]},
            {"designation": "CPU2 Slot 5", "riser": null, "type": "PCI Express 4 x8", "width": 8, "physical_width": null, "in_use": false,
             "stated_address": null, "address": null, "doubt": null, "port": null, "devices": [], "socket": {"value": 1, "source": "designation", "confidence": "medium"}}],
    });
    value.as_object().unwrap().clone()
}

#[test]
fn as_text() {
    let drawn = text("kvm1", &Machine::new(&facts()));
    for part in [
        "2 packages · 4 cores · 8 threads · 2 nodes",
        "Package 0 · Test CPU",
        "Node 0 · 8 GiB (1 GiB free)",
        "huge pages: 512 × 2 MiB (500 free)",
        "L3 32 MiB · 2 cores · CPUs 0+4 1+5",
        "CPUs 2+6 3+7*",
        "[Riser 1 Slot 2] 0000:16:02.0 port",
        "0000:17:00.0 Ethernet · mlx5_core · !! x8 gen 4, could be x16 gen 4",
        "empty slots: CPU2 Slot 5 (x8)",
        "offline CPUs: 8-9",
        "  0  10  21",
    ] {
        assert!(drawn.contains(part), "{part:?} is missing in\n{drawn}");
    }
    assert!(drawn.lines().all(|line| line.chars().count() <= 100), "{drawn}");
}

#[test]
fn as_svg() {
    let drawn = svg("kvm1 <x>", &Machine::new(&facts()));
    assert!(drawn.starts_with("<svg ") && drawn.trim_end().ends_with("</svg>"));
    assert!(
        drawn.contains("kvm1 &lt;x&gt;")
            && drawn.contains("class=\"degraded\"")
            && drawn.contains("class=\"isolated\"")
    );
    assert_eq!(drawn.matches("<text").count(), drawn.matches("</text>").count());
}

#[test]
fn machines_of_one_build_fold() {
    let one = Machine::new(&facts());
    // Free memory, a few pages more, a card that was lent to a VM, a disk of another name, a graphics card that sleeps.
    let mut other = facts();
    other["numa"]["nodes"][0]["free_kib"] = json!(5);
    other["numa"]["nodes"][1]["memory_kib"] = json!((8 << 20) - 4096);
    let memory = json!({"total_kib": 7, "free_kib": 1, "available_kib": null, "buffers_kib": null, "cached_kib": null,
        "shared_kib": null, "slab_kib": null, "locked_kib": null, "anon_huge_kib": null, "hugetlb_kib": null,
        "committed_kib": null, "settings": {}});
    other.insert("memory".to_owned(), memory);
    other["pci"]["devices"][1]["driver"] = json!("vfio-pci");
    let mut different = facts();
    different["slots"] = json!([]);
    let mut smaller = facts();
    smaller["numa"]["nodes"][1]["memory_kib"] = json!(4 << 20);
    let machines = [&different, &facts(), &other, &smaller].map(Machine::new);
    let groups = fold(["a", "b", "c", "d"].map(str::to_owned).into_iter().zip(machines).collect());
    let hosts: Vec<&[String]> = groups.iter().map(|group| group.hosts.as_slice()).collect();
    assert_eq!(hosts, [&["b".to_owned(), "c".to_owned()][..], &["a".to_owned()][..], &["d".to_owned()][..]]);
    assert_eq!(groups[0].heading(100), "2 hosts like this: b, c");
    assert_eq!(groups[0].machine, one);
}

/// The card of the test machine as a graphics card with its link asleep.
fn asleep(facts: &mut Map) {
    let card = &mut facts["pci"]["devices"][1];
    card["class"] = json!("0x030200");
    card["link"] = json!({"speed_gts": 2.5, "width": 8, "max_speed_gts": 16.0, "max_width": 8, "degraded": true});
}

#[test]
fn a_link_that_sleeps_is_not_broken() {
    let (mut idle, mut busy) = (facts(), facts());
    asleep(&mut idle);
    asleep(&mut busy);
    busy["pci"]["devices"][1]["link"]["speed_gts"] = json!(16.0);
    busy["pci"]["devices"][1]["link"]["degraded"] = json!(false);
    let drawn = text("x", &Machine::new(&idle));
    assert!(drawn.contains("display · mlx5_core · x8 gen 1 (up to gen 4)") && !drawn.contains("!!"), "{drawn}");
    let groups = fold([&idle, &busy].map(|facts| ("x".to_owned(), Machine::new(facts))).into());
    assert_eq!(groups.len(), 1);
    // Lanes that are missing are missing awake or asleep.
    idle["pci"]["devices"][1]["link"]["width"] = json!(4);
    let drawn = text("x", &Machine::new(&idle));
    assert!(drawn.contains("!! x4 gen 1, could be x8 gen 4"), "{drawn}");
}

#[test]
fn functions_that_are_alike_are_drawn_as_one() {
    let mut facts = facts();
    let mut second = facts["pci"]["devices"][1].clone();
    second["address"] = json!("0000:17:00.1");
    let mut third = second.clone();
    third["address"] = json!("0000:17:00.2");
    third["driver"] = json!(null);
    facts["pci"]["devices"].as_array_mut().unwrap().extend([second, third]);
    let drawn = text("x", &Machine::new(&facts));
    assert!(drawn.contains("0000:17:00.0-1 2 × Ethernet · mlx5_core"), "{drawn}");
    assert!(drawn.contains("0000:17:00.2 Ethernet · !!"), "{drawn}");
}

/// A VM whose virtual CPUs may run on these CPUs each.
fn vm(name: &str, vcpus: &[&str], nodes: serde_json::Value) -> serde_json::Value {
    let threads: Vec<_> =
        vcpus.iter().enumerate().map(|(id, cpus)| json!({"id": id, "thread": 100 + id, "cpus": cpus})).collect();
    json!({"name": name, "pid": 42, "vcpus": threads, "iothreads": [{"id": 1, "thread": 9, "cpus": "4"}], "emulator_cpus": "0-7",
        "memory_nodes": "0-1", "resident_kib": 1, "swapped_kib": 2048, "locked_kib": 0, "hugetlb_kib": 0, "nodes": nodes})
}

#[test]
fn vms_are_drawn_where_they_run() {
    let mut facts = facts();
    let vms = json!([
        vm(
            "web",
            &["0", "4"],
            json!([{"node": 0, "kib": 900 << 10, "huge_kib": 512 << 10}, {"node": 1, "kib": 100 << 10, "huge_kib": 0}])
        ),
        vm("db", &["4", "2-3", "0-9"], json!(null)),
        vm("free", &["0-9"], json!([{"node": 1, "kib": 1 << 20, "huge_kib": 0}])),
    ]);
    facts.insert("vms".to_owned(), vms);
    let machine = Machine::new(&facts);
    let drawn = text("kvm1", &machine);
    for part in [
        "│     │    CPUs  0+4 1+5\n│     │    A db  ·+0   ·\n│     │    C web 0+1   ·\n",
        "│  │       CPUs  2+6 3+7*\n│  │       A db  ~+·  ~+·\n",
        "VM C web · 2 vCPUs pinned · 900 MiB on node 0 · 100 MiB on node 1 (10 % remote)\n",
        "· 512 MiB in huge pages",
        "I/O thread 1 on CPU 4",
        "VM A db · 1 vCPU pinned, 1 vCPU floats over CPUs 2-3, 1 vCPU floats over all CPUs\n",
        "VM B free · 1 vCPU floats over all CPUs · 1 GiB on node 1 · no huge pages",
        "!! db: its vCPUs are kept to CPUs of several nodes: 0-1\n",
        "!! db and web: vCPUs of each are pinned to CPU 4\n",
        "!! web: 2 MiB of it are swapped out\n",
    ] {
        assert!(drawn.contains(part), "{part:?} is missing in\n{drawn}");
    }
    assert!(drawn.lines().all(|line| line.chars().count() <= 100), "{drawn}");
    let picture = svg("kvm1", &machine);
    for part in
        ["VM C web", "class=\"clash\"", ">A·+0<", ">C0+1<", "legend", "CPU with more than one vCPU", "to be looked at"]
    {
        assert!(picture.contains(part), "{part:?} is missing in\n{picture}");
    }
    facts.insert("vms".to_owned(), json!([]));
    assert!(text("kvm1", &Machine::new(&facts)).contains("no VM runs"));
}

/// A machine of two packages with 56 cores of two threads each, CPUs alternating between them as Dell numbers them.
fn alternating() -> Map {
    let mut facts = facts();
    let cpus: Vec<u32> = (0..224).collect();
    let row = |cpu: &u32| json!({"cpu": cpu, "package": cpu % 2, "die": 0, "core": (cpu % 112) / 2, "node": cpu % 2, "l3": cpu % 2});
    let of = |package: u32| cpus.iter().filter(|cpu| **cpu % 2 == package).collect::<Vec<_>>();
    facts["cpu"]["topology"] = cpus.iter().map(row).collect();
    facts["cpu"]["online"] = json!(cpus);
    facts["cpu"]["caches"] = (0..2)
        .map(|package| json!({"level": 3, "type": "Unified", "size_kib": 107_520, "cpus": of(package)}))
        .collect();
    for package in 0..2 {
        facts["numa"]["nodes"][package as usize]["cpus"] = json!(of(package));
    }
    facts
}

#[test]
fn no_line_is_too_long() {
    let mut facts = alternating();
    let even = (0..112).map(|core| (2 * core).to_string()).collect::<Vec<_>>().join(",");
    let odd = (0..224).step_by(7).map(|cpu| (cpu + cpu / 5).to_string()).collect::<Vec<_>>().join(",");
    let long = "tenant_virt-launcher-".to_owned() + &"x".repeat(100) + "-1";
    let crowd = vec!["5"; 60];
    let vms = [vm("even", &[&even], json!(null)), vm("odd", &[&odd], json!(null)), vm(&long, &crowd, json!(null))];
    facts.insert("vms".to_owned(), json!(vms));
    facts["cpu"]["offline"] = (0..100).map(|cpu| 300 + cpu * cpu).collect();
    facts["slots"][0]["designation"] = json!("Riser".repeat(40));
    let machine = Machine::new(&facts);
    let drawn = text("kvm1", &machine);
    assert!(drawn.lines().all(|line| line.chars().count() <= 100), "{drawn}");
    for part in [
        "1 vCPU floats over CPUs 0-222:2",
        "0-6:2 in a list of CPUs is 0, 2, 4 and 6",
        // The end of a list is there, too, and that of a name.
        ",10101\n",
        "xxxx-1 · 60 vCPUs pinned",
        "60×",
    ] {
        assert!(drawn.contains(part), "{part:?} is missing in\n{drawn}");
    }
    // A crowd on one CPU does not part the others from each other.
    assert!(drawn.lines().any(|line| line.contains("  0+112   2+114   4+116   6+118   8+120")), "{drawn}");
    let picture = svg("kvm1", &machine);
    let longest = picture.lines().filter(|line| line.starts_with("<text")).map(|line| line.chars().count()).max();
    assert!(longest < Some(200), "{longest:?}");
}

#[test]
fn distances_of_many_nodes_stand_in_bands() {
    let mut facts = facts();
    let node = |id: u32| {
        let row: Vec<u32> = (0..34).map(|other| if other == id { 10 } else { 40 + other }).collect();
        json!({"id": id, "cpus": [], "memory_kib": 1, "free_kib": 1, "distances": if id == 1 { json!(null) } else { json!(row) },
            "hugepages": null, "kind": "mem-only", "numastat": null, "access": null})
    };
    facts["numa"]["nodes"] = (0..34).map(node).collect();
    let drawn = text("x", &Machine::new(&facts));
    let rows: Vec<&str> = drawn.lines().skip_while(|line| !line.starts_with("distances")).skip(1).collect();
    assert!(rows.iter().all(|row| row.chars().count() <= 100), "{drawn}");
    assert_eq!(rows.len(), 2 * 35, "{drawn}");
    assert_eq!(rows[0].split_whitespace().count(), 23);
    assert_eq!(rows[35].split_whitespace().collect::<Vec<_>>(), (23..34).map(|id| id.to_string()).collect::<Vec<_>>());
    assert!(rows[1].starts_with("     0  10  41") && rows[34].ends_with("  62"), "{drawn}");
    // A node whose row could not be read has its column all the same.
    assert!(rows[2].starts_with("     1   -   -") && rows[36].ends_with("  73"), "{drawn}");
}

#[test]
fn machines_with_other_vms_do_not_fold() {
    let mut machines = Vec::new();
    for vms in [json!([]), json!([]), json!([vm("a", &["0"], json!(null))]), json!([vm("b", &["0"], json!(null))])] {
        let mut facts = facts();
        facts.insert("vms".to_owned(), vms);
        machines.push(("x".to_owned(), Machine::new(&facts)));
    }
    // The same VM with more memory and another process is the same.
    let mut facts = facts();
    let mut again = vm("a", &["0"], json!([{"node": 0, "kib": 7, "huge_kib": 0}]));
    again["pid"] = json!(77);
    facts.insert("vms".to_owned(), json!([again]));
    machines.push(("y".to_owned(), Machine::new(&facts)));
    let sizes: Vec<usize> = fold(machines).iter().map(|group| group.hosts.len()).collect();
    assert_eq!(sizes, [2, 2, 1]);
}

#[test]
fn a_node_in_several_packages_has_its_cpus() {
    let mut facts = facts();
    for thread in facts["cpu"]["topology"].as_array_mut().unwrap() {
        thread["node"] = json!(0);
    }
    facts["numa"]["nodes"][0]["cpus"] = json!([0, 1, 2, 3, 4, 5, 6, 7]);
    facts["numa"]["nodes"][1]["cpus"] = json!([]);
    let machine = Machine::new(&facts);
    let drawn = text("x", &machine);
    assert!(drawn.contains("Node 0 · 8 GiB (1 GiB free) · CPUs 0-7 of several packages"), "{drawn}");
    assert!(drawn.contains("Node 1 · 8 GiB (1 GiB free) · no CPUs"), "{drawn}");
    assert!(svg("x", &machine).contains("in node 0, with other packages"));
}

#[test]
fn cpus_whose_packages_are_not_known() {
    let mut facts = facts();
    facts["cpu"]["topology"] = json!([]);
    facts["cpu"]["caches"] = json!([]);
    let machine = Machine::new(&facts);
    let drawn = text("x", &machine);
    assert!(drawn.contains("Node 0 · 8 GiB (1 GiB free) · packages not known"), "{drawn}");
    assert!(drawn.contains("4 CPUs · CPUs 0 1 4 5\n") && !drawn.contains("several packages"), "{drawn}");
    assert!(svg("x", &machine).contains("packages not known"));
    // A kernel without nodes, too.
    facts["numa"]["nodes"] = json!([]);
    let drawn = text("x", &Machine::new(&facts));
    assert!(drawn.contains("CPUs in no node · packages not known\n"), "{drawn}");
    assert!(drawn.contains("8 CPUs · CPUs 0 1 2 3* 4 5 6 7*\n"), "{drawn}");
}

#[test]
fn a_node_that_overlaps_another() {
    let mut facts = facts();
    let mut third = facts["numa"]["nodes"][1].clone();
    third["id"] = json!(2);
    third["cpus"] = json!([2, 6]);
    facts["numa"]["nodes"].as_array_mut().unwrap().push(third);
    let drawn = text("x", &Machine::new(&facts));
    assert!(drawn.contains("Node 2 · 8 GiB (1 GiB free) · CPUs 2,6, drawn in node 1"), "{drawn}");
}

#[test]
fn what_could_not_be_read_is_told() {
    let mut facts = facts();
    facts["pci"] = json!(null);
    facts.insert("vms".to_owned(), json!(null));
    facts.insert("firmware".to_owned(), json!({"processors": null}));
    let row = |key: &str, path: &str, reason: &str| json!({"key": key, "path": path, "reason": reason});
    let table = "/sys/firmware/dmi/tables/DMI";
    let errors = [
        row("pci", "/sys/bus/pci/devices", "no such file"),
        row("firmware.processors", table, "permission denied"),
        row("firmware.memory_devices", table, "permission denied"),
        row("cpu.microcode", "/proc/cpuinfo", "no such line"),
    ];
    facts.insert("errors".to_owned(), json!(errors));
    let machine = Machine::new(&facts);
    let drawn = text("x", &machine);
    let told = "could not read: pci (/sys/bus/pci/devices: no such file), firmware.processors, firmware.memory_devices \
        (/sys/firmware/dmi/tables/DMI: permission denied), vms";
    assert!(drawn.split_whitespace().collect::<Vec<_>>().join(" ").contains(told), "{drawn}");
    assert!(svg("x", &machine).contains("could not read: pci"));
    // A machine without a table has nothing that could not be read, and what nobody asked for is not missing.
    facts["pci"] = json!({"roots": [], "devices": []});
    facts.remove("vms");
    facts["errors"] = json!([row("firmware.processors", table, "no such file")]);
    assert!(!text("x", &Machine::new(&facts)).contains("could not read"));
}

#[test]
fn cores_stand_by_their_third_level() {
    let mut facts = facts();
    let all: Vec<u32> = (0..8).collect();
    let fourth = json!({"level": 4, "type": "Unified", "size_kib": 131_072, "cpus": all});
    facts["cpu"]["caches"].as_array_mut().unwrap().push(fourth);
    let drawn = text("x", &Machine::new(&facts));
    assert!(drawn.contains("L3 32 MiB below L4 128 MiB · 2 cores · CPUs 0+4 1+5"), "{drawn}");
    // One cache of a package with two nodes.
    for thread in facts["cpu"]["topology"].as_array_mut().unwrap() {
        thread["package"] = json!(0);
        thread["core"] = json!(thread["cpu"].as_u64().unwrap() % 4);
    }
    facts["cpu"]["caches"] = json!([{"level": 3, "type": "Unified", "size_kib": 28160, "cpus": all}]);
    let machine = Machine::new(&facts);
    let drawn = text("x", &machine);
    assert!(drawn.contains("L3 27.5 MiB shared with node 1 · 2 cores · CPUs 0+4 1+5"), "{drawn}");
    assert!(drawn.contains("L3 27.5 MiB shared with node 0 · 2 cores · CPUs 2+6 3+7*"), "{drawn}");
    assert!(svg("x", &machine).contains("shared with node 1"));
}

#[test]
fn memory_behind_pci_and_switches_of_graphics_cards() {
    let drawn = |class: &str, vendor: &str, path: serde_json::Value| {
        let mut facts = facts();
        let card = &mut facts["pci"]["devices"][1];
        card["class"] = json!(class);
        card["vendor"] = json!(vendor);
        card["path"] = path;
        text("x", &Machine::new(&facts))
    };
    let below = || json!(["0000:16:02.0"]);
    assert!(drawn("0x050210", "0x1344", below()).contains("0000:17:00.0 CXL memory · mlx5_core"));
    assert!(drawn("0x068000", "0x10de", below()).contains("0000:17:00.0 NVSwitch · mlx5_core"));
    assert!(drawn("0x068000", "0x1022", below()).contains("0000:17:00.0 bridge"));
    assert!(drawn("0x058000", "0x1022", below()).contains("0000:17:00.0 memory"));
    // The chipset's own.
    assert!(!drawn("0x058000", "0x8086", json!([])).contains("17:00.0"));
    assert!(!drawn("0x068000", "0x8086", json!([])).contains("17:00.0"));
}

#[test]
fn a_disk_with_several_ways_is_told_at_each() {
    let mut facts = facts();
    facts["pci"]["devices"][1]["class"] = json!("0x010802");
    let way = |address: &str| json!({"name": "nvme0", "state": "live", "address": address, "numa_node": 0});
    let disk = |name: &str, pci: serde_json::Value, ways: Vec<serde_json::Value>| json!({"name": name, "pci": pci, "paths": ways, "parts_of": []});
    let head = disk("nvme0n1", json!(null), vec![way("0000:17:00.0"), way("0000:97:00.0")]);
    let hidden = disk("nvme0c0n1", json!("0000:17:00.0"), Vec::new());
    facts.insert("block".to_owned(), json!({"devices": [head, hidden]}));
    let drawn = text("x", &Machine::new(&facts));
    assert!(drawn.contains("0000:17:00.0 NVMe · nvme0n1 · mlx5_core"), "{drawn}");
}

#[test]
fn a_kernel_without_nodes_is_no_alarm() {
    let mut facts = facts();
    facts["numa"] = json!({"supported": false, "balancing": null, "nodes": []});
    for thread in facts["cpu"]["topology"].as_array_mut().unwrap() {
        thread["node"] = json!(null);
    }
    let machine = Machine::new(&facts);
    let drawn = text("x", &machine);
    assert!(drawn.contains("─ PCI\n") && !drawn.contains("not known\n"), "{drawn}");
    let picture = svg("x", &machine);
    assert!(!picture.contains("in no node") && !picture.contains("<rect class=\"missing\""), "{picture}");
}

#[test]
fn nothing_is_known() {
    let machine = Machine::new(&Map::new());
    assert_eq!(text("x", &machine), "x · machine of unknown make\n");
    assert!(svg("x", &machine).contains("machine of unknown make"));
}
