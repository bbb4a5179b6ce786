//! Facts over SSH, of captured machines, and of a whole emulated one.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use luthier_tests::luthier::Luthier;
use luthier_tests::qemu::Machine;
use luthier_tests::sshd::{Site, Sudo};
use luthier_tests::{missing, testdata};
use serde_json::Value;
use std::process::Command;

#[test]
fn facts_come_over_ssh() {
    let Some(site) = Site::builder().hosts(3).ordinary(Sudo::None).start() else { return };
    let outcome = site.luthier().call(["facts", "--format", "json"]);
    let rows: Vec<Value> = outcome.exits(0).stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(rows.len(), 3, "{}", outcome.text());
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("this kernel");
    for row in &rows {
        assert_eq!(row["facts"]["kernel"]["release"], release.trim(), "{row}");
        assert!(row["facts"]["memory"].is_object() && row["facts"]["numa"]["nodes"].is_array(), "{row}");
    }
    let some = site.luthier().call(["facts", "h2", "--only", "numa,ksm", "--format", "json"]).exits(0).json();
    assert_eq!(some["host"], "h2");
    assert!(some["facts"].get("numa").is_some() && some["facts"].get("memory").is_none(), "{some}");
}

#[test]
fn plays_see_the_classic_names() {
    let Some(site) = Site::builder().hosts(1).start() else { return };
    let text = "- hosts: all\n  tasks:\n    - name: kernel\n      debug: {msg: '{{ ansible_kernel }} {{ ansible_facts.kernel }}'}\n    - name: cpus\n      assert: {that: [ansible_processor_vcpus >= 1, ansible_memtotal_mb > 0, ansible_facts.distribution is defined]}\n";
    let outcome = site.luthier().run(&site.file("facts.yml", text), &[]);
    outcome.exits(0);
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("this kernel");
    let twice = format!("{0} {0}", release.trim());
    assert_eq!(outcome.result("h1", "kernel")["result"]["msg"], twice);
}

#[test]
fn a_captured_machine_is_read_offline() {
    let Some(corpus) = testdata("corpus") else { return };
    if missing(&["tar", "zstd"]) {
        return;
    }
    let folder = tempfile::TempDir::new().expect("a folder");
    let machine = folder.path().join("r750");
    std::fs::create_dir(&machine).expect("a folder for the machine");
    let archive = corpus.join("snapshots/cnto-master.tar.zst");
    let unpack = format!("zstd -dc '{}' | tar -C '{}' -xf -", archive.display(), machine.display());
    assert!(Command::new("/bin/sh").args(["-c", &unpack]).status().expect("sh runs").success());
    let luthier = Luthier::new(&folder.path().join("home"));
    let mut words = vec!["facts".into(), "--format".into(), "json".into(), "--root".into()];
    words.push(machine.into_os_string());
    let answer = luthier.call(words).exits(0).json();
    assert_eq!(answer["host"], "r750");
    let facts = &answer["facts"];
    let oracle = std::fs::read_to_string(corpus.join("oracle/cnto-master.json")).expect("the oracle");
    let oracle: Value = serde_json::from_str(&oracle).expect("JSON");
    for key in ["packages", "cores", "threads"] {
        assert_eq!(facts["cpu"][key], oracle[key], "{key}");
    }
    let nodes = facts["numa"]["nodes"].as_array().expect("a list of nodes");
    let wanted = oracle["numa"].as_array().expect("the oracle's list");
    assert_eq!(nodes.len(), wanted.len());
    for (node, want) in nodes.iter().zip(wanted) {
        assert_eq!(
            (&node["id"], &node["cpus"], &node["memory_kib"]),
            (&want["id"], &want["cpus"], &want["memory_kib"])
        );
    }
}

#[test]
fn a_node_without_memory_is_told_as_such() {
    let Some(guest) = Machine::lopsided().start() else { return };
    let answer = guest.luthier().call(["facts", "--only", "numa,cpu", "--format", "json"]).exits(0).json();
    let facts = &answer["facts"];
    assert_eq!(facts["cpu"]["packages"], 2, "{answer}");
    assert_eq!(facts["cpu"]["threads"], 8);
    let nodes = facts["numa"]["nodes"].as_array().expect("a list of nodes");
    let kinds: Vec<&Value> = nodes.iter().map(|node| &node["kind"]).collect();
    assert_eq!(kinds, ["cpu+mem", "cpu-only"], "{answer}");
    assert_eq!(facts["numa"]["nodes"][1]["cpus"], serde_json::json!([4, 5, 6, 7]));
    assert_eq!(facts["numa"]["nodes"][0]["distances"], serde_json::json!([10, 21]));
}

#[test]
fn a_capture_tells_what_the_machine_tells() {
    let Some(site) = Site::builder().hosts(2).start() else { return };
    let folder = tempfile::TempDir::new().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let luthier = site.luthier();
    luthier.call(["capture", "h1", "-d", &at("plain")]).exits(0);
    luthier.call(["capture", "h1", "-d", &at("packed"), "--archive"]).exits(0);
    // What is there stays.
    luthier.call(["capture", "h1", "-d", &at("plain")]).exits(2).says("exists");
    let only = "cpu,numa,pci,slots,firmware,virt,thp,ksm,net";
    let live = luthier.call(["facts", "h1", "--only", only]).exits(0).json();
    for root in [at("plain/h1"), at("packed/h1.tar.zst")] {
        let replayed = luthier.call(["facts", "--root", &root, "--only", only]).exits(0).json();
        for key in ["numa", "pci", "slots", "firmware", "virt", "thp"] {
            let mut expected = live["facts"][key].clone();
            let mut found = replayed["facts"][key].clone();
            // What moves from moment to moment.
            for facts in [&mut expected, &mut found] {
                for node in facts.get_mut("nodes").and_then(Value::as_array_mut).into_iter().flatten() {
                    node["free_kib"].take();
                    node["numastat"].take();
                }
            }
            assert_eq!(expected, found, "{key} of {root}");
        }
        assert_eq!(live["facts"]["cpu"]["topology"], replayed["facts"]["cpu"]["topology"]);
        // What drivers answer comes from no file, and is in the capture all the same.
        let drivers = |facts: &Value| -> Vec<Value> {
            let interfaces = facts["facts"]["net"]["interfaces"].as_array().expect("a list of interfaces");
            let row = |one: &Value| serde_json::json!([one["name"], one["channels"], one["rings"], one["offloads"]]);
            interfaces.iter().map(row).collect()
        };
        assert_eq!(drivers(&live), drivers(&replayed));
        let loopback = drivers(&replayed).into_iter().find(|row| row[0] == "lo").expect("every machine has it");
        assert!(loopback[3]["tso"].is_boolean(), "{loopback}");
    }
    let text = luthier.call(["topo", "--root", &at("plain/h1")]).exits(0).stdout.clone();
    assert!(text.contains("Package 0") && text.lines().all(|line| line.chars().count() <= 100), "{text}");
    // Both hosts are this machine: they are drawn once.
    let both = luthier.call(["topo"]).exits(0).stdout.clone();
    assert!(both.starts_with("2 hosts like this: h1, h2"), "{both}");
    luthier.call(["topo", "--each", "--format", "svg"]).exits(5).says("do not fit");
    luthier.call(["topo", "--each", "--format", "svg", "-d", &at("drawn")]).exits(0);
    assert!(std::fs::read_to_string(at("drawn/h2.svg")).expect("a drawing").contains("Package 0"));
}
