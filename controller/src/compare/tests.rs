//! Hosts compared: made up by hand, and shuffled.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use super::*;
use luthier_protocol::Map;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A server of one model as its facts tell it; everything below may be edited.
fn server() -> Value {
    let card = |address: &str, class: &str, slot: &str, width: u32| {
        json!({"address": address, "class": class, "vendor": "0x15b3", "device": "0x1017", "subsystem_vendor": null,
            "subsystem_device": null, "name": null, "driver": "mlx5_core",
            "numa": {"node": 0, "source": "numa_node", "confidence": "high"}, "local_cpus": null,
            "link": {"speed_gts": 16.0, "width": width, "max_speed_gts": 16.0, "max_width": 16, "degraded": width < 16},
            "slot": slot, "label": null, "path": [], "iommu_group": 4, "vfs_total": null, "vfs": null, "physical_function": null})
    };
    let dimm = |locator: &str, mib: u64| {
        json!({"locator": locator, "bank": null, "array": 0, "socket": 0, "channel": &locator[..1], "size_mib": mib, "type": "DDR5",
            "form": "DIMM", "speed_mts": 4800, "configured_mts": 4800, "ranks": 2, "vendor": "x", "part": "p1"})
    };
    json!({
        "version": 1, "errors": [],
        "firmware": {"bios": {"vendor": "Dell Inc.", "version": "1.6.5", "date": "04/15/2022", "age_days": 900, "release": null, "controller_release": null},
            "system": {"vendor": "Dell Inc.", "product": "PowerEdge R750", "version": null, "family": null, "sku": null},
            "board": {"vendor": null, "product": "0X", "version": null}, "chassis": {"vendor": null, "type": null, "height_u": null},
            "boards": null, "processors": null, "caches": null, "memory_arrays": null,
            "memory_devices": [dimm("A1", 32768), dimm("B1", 32768), dimm("C1", 32768)], "population": null, "onboard": null,
            "entry_point": {"version": "3.3"}},
        "kernel": {"release": "6.1.0-28-amd64", "version": "#1", "architecture": "x86_64", "cmdline": null, "config": null,
            "parameters": {"root": "UUID=1", "isolcpus": "2-9", "quiet": ""}},
        "memory": {"total_kib": 100_000_000_u64, "free_kib": 5, "available_kib": 6, "buffers_kib": 1, "cached_kib": 1, "shared_kib": 1,
            "slab_kib": 1, "locked_kib": 1, "anon_huge_kib": 1, "hugetlb_kib": 0, "committed_kib": 9,
            "settings": {"swappiness": 60, "min_free_kbytes": 67_584}},
        "pci": {"roots": [], "devices": [card("0000:17:00.0", "0x020000", "PCIe 3", 16), card("0000:65:00.0", "0x030000", "PCIe 5", 16)]},
        "ksm": {"run": 0, "pages_shared": 7},
    })
}

fn compare<'a>(hosts: impl IntoIterator<Item = (&'a str, Value)>) -> Comparison {
    let mut gathering = Gathering::new(&[]);
    for (host, facts) in hosts {
        gathering.add(host, &map(&facts));
    }
    gathering.finish()
}

fn map(facts: &Value) -> Map {
    facts.as_object().unwrap().clone()
}

/// So many servers, each edited by its number.
fn fleet(number: usize, edit: impl Fn(usize, &mut Value)) -> Comparison {
    let names: Vec<String> = (0..number).map(|index| format!("kvm{index:02}")).collect();
    compare(names.iter().enumerate().map(|(index, name)| {
        let mut facts = server();
        edit(index, &mut facts);
        (name.as_str(), facts)
    }))
}

#[test]
fn hosts_that_are_alike_have_no_outlier() {
    let same = fleet(5, |_, _| {});
    assert_eq!(same.groups[0].differences, []);
    assert!(same.groups[0].compared > 20, "{}", same.groups[0].compared);
    assert_eq!(
        same.text(false),
        format!("Dell Inc. PowerEdge R750: 5 hosts · {} traits compared, all alike\n", same.groups[0].compared)
    );
    assert_eq!(same.rows(), Vec::<[String; 5]>::new());
}

#[test]
fn what_moves_is_no_outlier() {
    let moved = fleet(4, |index, facts| {
        facts["firmware"]["bios"]["age_days"] = json!(900 + index);
        facts["memory"]["free_kib"] = json!(1000 * index);
        // A few pages more or less.
        facts["memory"]["total_kib"] = json!(100_000_000 + 5000 * index);
        facts["memory"]["settings"]["min_free_kbytes"] = json!(67_584 + index);
        facts["kernel"]["parameters"]["root"] = json!(format!("UUID={index}"));
        facts["kernel"]["parameters"]["rd.fc"] = json!(format!("52:54:00:00:00:0{index}"));
        facts["ksm"]["pages_shared"] = json!(index);
        // A graphics card that sleeps.
        facts["pci"]["devices"][1]["link"]["speed_gts"] = json!(if index == 0 { 2.5 } else { 16.0 });
    });
    assert_eq!(moved.text(false).lines().count(), 1, "{}", moved.text(false));
}

#[test]
fn who_is_out_of_line_is_named() {
    let comparison = fleet(10, |index, facts| match index {
        3 | 7 => facts["pci"]["devices"][0]["link"]["width"] = json!(8),
        5 => {
            facts["firmware"]["memory_devices"][2]["size_mib"] = json!(0);
            facts["kernel"]["parameters"].as_object_mut().unwrap().remove("isolcpus");
            facts["memory"]["total_kib"] = json!(66_000_000);
        }
        _ => {}
    });
    let text = comparison.text(false);
    for sentence in [
        "lanes (slot PCIe 3): 2 of 10 hosts: 8 where the rest have 16: kvm03, kvm07",
        "DIMM (C1): 1 of 10 hosts: empty where the rest have 32 GiB: kvm05",
        "boot parameter (isolcpus): 1 of 10 hosts: none where the rest have 2-9: kvm05",
        "memory: 1 of 10 hosts: 62.9 GiB where the rest have 95.4 GiB: kvm05",
        "DIMMs (processor 0): 1 of 10 hosts: 2 of 3 in 2 channels, 64 GiB where the rest have 3 of 3 in 3 channels, 96 GiB: kvm05",
    ] {
        assert!(text.split_whitespace().collect::<Vec<_>>().join(" ").contains(sentence), "{sentence}\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let rows = comparison.rows();
    assert!(rows.iter().any(|row| row[..4] == ["kvm03", "lanes (slot PCIe 3)", "8", "16"]), "{rows:?}");
    let report = comparison.report();
    let lanes = report["groups"][0]["traits"].as_array().unwrap().iter().find(|row| row["trait"] == "lanes").unwrap();
    assert_eq!(
        lanes,
        &json!({"area": "PCI", "trait": "lanes", "items": ["slot PCIe 3"], "hosts": 10, "norm": {"value": "16", "hosts": 8},
            "deviants": [{"value": "8", "hosts": ["kvm03", "kvm07"]}], "unknown": []})
    );
}

#[test]
fn without_a_majority_there_is_no_norm() {
    let comparison = fleet(4, |index, facts| {
        facts["kernel"]["release"] = json!(format!("6.1.{}", index / 2));
    });
    let [difference] = comparison.groups[0].differences.as_slice() else { panic!("{comparison:?}") };
    assert_eq!(difference.verdict.norm, None, "a half is no majority");
    assert!(
        comparison
            .text(false)
            .contains("kernel: 2 different values on 4 hosts, none the rule\n      6.1.0: kvm00, kvm01\n"),
        "{}",
        comparison.text(false)
    );
}

#[test]
fn unknown_is_neither_a_value_nor_agreement() {
    let comparison = fleet(5, |index, facts| {
        if index > 0 {
            facts["firmware"]["bios"]["version"] = Value::Null;
        }
        if index == 4 {
            facts["firmware"]["memory_devices"] = Value::Null;
        }
    });
    let named = |name: &str| comparison.groups[0].differences.iter().find(|difference| difference.family.name == name);
    let version = named("BIOS version").unwrap();
    assert_eq!((&version.verdict.norm, version.verdict.unknown.len()), (&None, 4), "one of five is no norm");
    let dimms = named("DIMM").unwrap();
    assert_eq!(dimms.items, ["A1", "B1", "C1"], "the same is true of all three");
    assert_eq!(dimms.verdict.norm, Some(("32 GiB".to_owned(), 4)));
    assert_eq!(dimms.verdict.unknown, ["kvm04"]);
    let text = comparison.text(false);
    assert!(
        text.contains("  not known\n") && text.contains("4 of 5 hosts: kvm01, kvm02, kvm03, kvm04: BIOS version"),
        "{text}"
    );
    // Nothing at all is known of it anywhere.
    let nothing = fleet(3, |_, facts| facts["firmware"]["bios"]["version"] = Value::Null);
    assert_eq!(nothing.groups[0].differences, []);
}

#[test]
fn a_missing_card_does_not_shift_the_others() {
    let comparison = fleet(3, |index, facts| {
        if index == 1 {
            let devices = facts["pci"]["devices"].as_array_mut().unwrap();
            devices.remove(0);
            // The bus numbers behind it move up.
            devices[0]["address"] = json!("0000:64:00.0");
        }
    });
    let [difference] = comparison.groups[0].differences.as_slice() else { panic!("{}", comparison.text(false)) };
    assert_eq!((difference.family.name, difference.items.as_slice()), ("card", &["slot PCIe 3".to_owned()][..]));
    assert_eq!(difference.verdict.deviants[0].value, "nothing");
}

#[test]
fn a_host_read_by_an_ordinary_user_lacks_no_card() {
    let comparison = fleet(5, |index, facts| {
        if index == 2 {
            facts["firmware"]["entry_point"]["version"] = Value::Null;
            facts["pci"]["devices"][0]["slot"] = Value::Null;
            facts["pci"]["devices"][1]["slot"] = Value::Null;
        }
        if index == 3 {
            facts["pci"]["devices"][0]["link"]["width"] = json!(8);
        }
    });
    let differences = comparison.groups[0].differences.iter().filter(|one| one.family.area == Area::Pci);
    let differences: Vec<&Difference> = differences.collect();
    let [difference] = differences.as_slice() else { panic!("{}", comparison.text(false)) };
    assert_eq!((difference.family.name, difference.items.as_slice()), ("lanes", &["0000:17:00".to_owned()][..]));
    // Where nobody could read them there is nothing to level.
    let nobody = fleet(3, |_, facts| facts["firmware"]["entry_point"]["version"] = Value::Null);
    assert_eq!(nobody.groups[0].differences, []);
}

#[test]
fn disks_with_several_ways_are_counted() {
    let disk = |name: &str, pci: Value, ways: &[&str]| {
        let ways: Vec<Value> = ways
            .iter()
            .map(|address| json!({"name": "nvme0", "state": "live", "address": address, "numa_node": null}))
            .collect();
        json!({"name": name, "pci": pci, "paths": ways, "parts_of": [], "model": "disk", "size_bytes": 3_840_755_982_336_u64})
    };
    let comparison = fleet(3, |index, facts| {
        let ways: &[&str] =
            if index == 0 { &["traddr=192.0.2.7,trsvcid=4420"] } else { &["0000:03:00.0", "0000:04:00.0"] };
        facts["block"] = json!({"devices": [
            disk("nvme0n1", Value::Null, ways),
            disk("nvme0c0n1", json!("0000:03:00.0"), &[]),
            disk("nvme1n1", json!("0000:05:00.0"), &[]),
        ]});
    });
    let text = comparison.text(false).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("disks: 1 of 3 hosts: disk 3.84 TB where the rest have 2 × disk 3.84 TB: kvm00"), "{text}");
}

#[test]
fn models_and_hosts_alone() {
    let mut other = server();
    other["firmware"]["system"]["product"] = json!("System Product Name");
    other["cpu"] = json!({"packages": 2, "cores": null, "threads": null, "online": null, "offline": null, "isolated": null,
        "nohz_full": null, "vendor": null, "model": "Xeon", "microcode": null, "flags": null, "smt": {"control": null, "active": null},
        "topology": [], "caches": [], "kinds": [], "vulnerabilities": null});
    let comparison = compare([("b", server()), ("c", other), ("a", server()), ("d", json!({}))]);
    assert_eq!(comparison.groups[0].hosts, ["a", "b"]);
    let alone: Vec<(&str, &str)> = comparison.alone.iter().map(|one| (one.host.as_str(), one.model.as_str())).collect();
    assert_eq!(alone, [("c", "2 × Xeon"), ("d", "machine of unknown make")]);
    assert!(comparison.text(false).ends_with("compared with nobody:\n  c: 2 × Xeon\n  d: machine of unknown make\n"));
}

#[test]
fn only_some_keys() {
    let mut gathering = Gathering::new(&["kernel".to_owned(), "vms".to_owned()]);
    assert_eq!(gathering.wanted(), ["firmware", "cpu", "kernel", "vms"]);
    let mut other = server();
    other["kernel"]["release"] = json!("6.6");
    other["firmware"]["bios"]["version"] = json!("0");
    gathering.add("a", &map(&server()));
    gathering.add("b", &map(&other));
    let names: Vec<&str> = gathering.finish().groups[0].differences.iter().map(|one| one.family.name).collect();
    assert_eq!(names, ["kernel"]);
    assert!(Gathering::new(&[]).wanted().iter().all(|key| !["vms", "psi"].contains(&key.as_str())));
}

/// A server with edits that matter, each by a number of its own.
fn edited(edits: &[u8]) -> Value {
    let mut facts = server();
    let mut edits = edits.to_vec();
    // What is taken away can no longer be edited.
    edits.sort_unstable();
    for edit in edits {
        match edit {
            0 => facts["firmware"]["bios"]["version"] = json!("1.2.0"),
            1 => facts["firmware"]["bios"] = Value::Null,
            2 => facts["pci"]["devices"][0]["link"]["width"] = json!(8),
            3 => facts["kernel"]["parameters"]["quiet"] = Value::Null,
            4 => facts["memory"]["total_kib"] = json!(64_000_000),
            5 => facts["memory"]["total_kib"] = json!(99_000_000),
            6 => facts["firmware"]["system"]["product"] = json!("PowerEdge R650"),
            _ => facts["pci"] = Value::Null,
        }
    }
    facts
}

proptest! {
    /// The order in which hosts answer changes nothing, and hosts that are the same are never told apart.
    #[test]
    fn the_order_of_hosts_changes_nothing(
        edits in prop::collection::vec(prop::collection::vec(0_u8..8, 0..3), 1..9),
        shuffled in any::<prop::sample::Index>(),
    ) {
        let names: Vec<String> = (0..edits.len()).map(|index| format!("h{index}")).collect();
        let mut hosts: Vec<(&str, Value)> = names.iter().map(String::as_str).zip(edits.iter().map(|edits| edited(edits))).collect();
        let one = compare(hosts.clone());
        hosts.rotate_left(shuffled.index(edits.len()));
        let half = hosts.len() / 2;
        hosts[..half].reverse();
        prop_assert_eq!(&compare(hosts.clone()), &one);
        for difference in one.groups.iter().flat_map(|group| &group.differences) {
            let verdict = &difference.verdict;
            let told: usize = verdict.deviants.iter().map(|deviant| deviant.hosts.len()).sum();
            prop_assert_eq!(told + verdict.unknown.len() + verdict.norm.as_ref().map_or(0, |norm| norm.1), verdict.hosts);
        }
        let twins = compare(names.iter().map(|name| (name.as_str(), edited(&edits[0]))));
        prop_assert!(twins.groups.iter().all(|group| group.differences.is_empty()));
    }
}
