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
    let mut other = facts();
    other["numa"]["nodes"][0]["free_kib"] = json!(5);
    let mut different = facts();
    different["slots"] = json!([]);
    let machines = [("a", Machine::new(&different)), ("b", one), ("c", Machine::new(&other))];
    let groups = fold(machines.into_iter().map(|(host, machine)| (host.to_owned(), machine)).collect());
    let hosts: Vec<&[String]> = groups.iter().map(|group| group.hosts.as_slice()).collect();
    assert_eq!(hosts, [&["b".to_owned(), "c".to_owned()][..], &["a".to_owned()][..]]);
    assert_eq!(groups[0].heading(100), "2 hosts like this: b, c");
}

#[test]
fn nothing_is_known() {
    let machine = Machine::new(&Map::new());
    assert_eq!(text("x", &machine), "x · machine of unknown make\n");
    assert!(svg("x", &machine).contains("machine of unknown make"));
}
