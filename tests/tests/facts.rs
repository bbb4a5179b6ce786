//! Facts over SSH, of captured machines, and of a whole emulated one.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use luthier_tests::luthier::Luthier;
use luthier_tests::qemu::Machine;
use luthier_tests::sshd::{Site, Sudo};
use luthier_tests::{missing, testdata};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
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
fn programs_of_local_facts_are_run() {
    let Some(site) = Site::builder().hosts(1).start() else { return };
    let folder = tempfile::TempDir::new().expect("a folder");
    let program = folder.path().join("role.fact");
    std::fs::write(&program, "#!/bin/sh\necho '{\"name\": \"compute\"}'\n").expect("a program");
    for path in [folder.path(), &program] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    }
    let text = format!(
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - setup: {{fact_path: {}}}\n    - name: role\n      debug: {{msg: '{{{{ ansible_local.role.name }}}}'}}\n",
        folder.path().display()
    );
    let outcome = site.luthier().run(&site.file("local.yml", &text), &[]);
    outcome.exits(0);
    assert_eq!(outcome.result("h1", "role")["result"]["msg"], "compute");
}

#[test]
fn a_file_that_never_answers_costs_one_fact() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let root = folder.path().join("stuck");
    for (path, text) in [("sys/devices/system/cpu/online", "0-3\n"), ("proc/meminfo", "MemTotal: 4096 kB\n")] {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    let pipe = root.join("sys/kernel/mm/ksm/run");
    std::fs::create_dir_all(pipe.parent().expect("a parent")).expect("a folder");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    let luthier = Luthier::new(&folder.path().join("home"));
    let words = ["facts", "--format", "json", "--root", &root.display().to_string()].map(str::to_owned);
    let facts = luthier.call(words).exits(0).json()["facts"].take();
    assert_eq!(
        (&facts["cpu"]["threads"], &facts["memory"]["total_kib"], &facts["ksm"]),
        (&4.into(), &4096.into(), &Value::Null)
    );
    let errors = facts["errors"].as_array().expect("a list of errors");
    assert!(
        errors.iter().any(|error| error["key"] == "ksm" && error["reason"] == "no answer within 5 s"),
        "{errors:?}"
    );
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

/// A captured machine so many times, in a folder of its own, and a way to write into the copies.
fn fleet_of(machine: &str, number: usize) -> Option<(tempfile::TempDir, Luthier)> {
    let corpus = testdata("corpus")?;
    if missing(&["tar", "zstd"]) {
        return None;
    }
    let folder = tempfile::TempDir::new().expect("a folder");
    for index in 1..=number {
        let place = folder.path().join(format!("fleet/kvm{index:02}"));
        std::fs::create_dir_all(&place).expect("a folder for the machine");
        let archive = corpus.join(format!("snapshots/{machine}.tar.zst"));
        let unpack = format!("zstd -dc '{}' | tar -C '{}' -xf -", archive.display(), place.display());
        assert!(Command::new("/bin/sh").args(["-c", &unpack]).status().expect("sh runs").success());
    }
    let luthier = Luthier::new(&folder.path().join("home")).folder(folder.path());
    Some((folder, luthier))
}

#[test]
fn outliers_of_captured_machines_are_named() {
    let Some((folder, luthier)) = fleet_of("cnto-master", 4) else { return };
    let write = |file: &str, text: &str| {
        let path = folder.path().join("fleet").join(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a captured file");
    };
    let same = luthier.call(["facts", "--outliers", "--root", "fleet"]).exits(0).stdout.clone();
    assert!(same.starts_with("PowerEdge R750: 4 hosts") && same.ends_with("all alike\n"), "{same}");
    // One machine more that is alone of its model, free memory and boot disks that are everybody's own.
    let nvme = "sys/devices/pci0000:b0/0000:b0:03.0/0000:b2:00.0";
    for host in ["kvm01", "kvm02", "kvm03", "kvm04"] {
        let width = if host == "kvm03" { "2" } else { "4" };
        write(&format!("{host}/{nvme}/current_link_width"), width);
        write(&format!("{host}/{nvme}/max_link_width"), "4");
        write(&format!("{host}/{nvme}/current_link_speed"), "16.0 GT/s PCIe");
        write(&format!("{host}/{nvme}/max_link_speed"), "16.0 GT/s PCIe");
        write(&format!("{host}/proc/cmdline"), &format!("root=UUID={host} isolcpus=2-9"));
        write(&format!("{host}/proc/uptime"), &format!("{} 1", host.len()));
    }
    write("kvm02/sys/class/dmi/id/bios_version", "1.2.1\n");
    std::fs::remove_file(folder.path().join("fleet/kvm04/sys/class/dmi/id/bios_version")).expect("it was there");
    write("lonely/sys/class/dmi/id/product_name", "ProLiant\n");
    let text = luthier.call(["facts", "--outliers", "--root", "fleet"]).exits(0).stdout.clone();
    for sentence in [
        "lanes (port 0000:b0:03.0): 1 of 4 hosts: 2 where the rest have 4: kvm03",
        "BIOS version: 2 different values on 4 hosts, none the rule",
        "1 of 4 hosts: kvm04: BIOS version",
        "compared with nobody:\n  lonely: ProLiant",
    ] {
        assert!(text.contains(sentence), "{sentence}\n{text}");
    }
    assert_eq!(text.matches(" where ").count(), 1, "{text}");
    let json = luthier.call(["facts", "--outliers", "--root", "fleet", "-o", "json", "--only", "pci"]).exits(0).json();
    let traits = json["groups"][0]["traits"].as_array().expect("a list");
    assert_eq!((traits.len(), &traits[0]["trait"]), (1, &"lanes".into()), "{json}");
    assert_eq!(traits[0]["deviants"], serde_json::json!([{"value": "2", "hosts": ["kvm03"]}]));
    let table = luthier.call(["facts", "--outliers", "--root", "fleet", "--format", "table"]).exits(0).stdout.clone();
    assert!(table.lines().any(|line| line.starts_with("kvm03 ") && line.contains("lanes")), "{table}");
    luthier.call(["facts", "--root", "fleet", "--format", "text"]).exits(5).says("--outliers");
    // The plain views take the same folders.
    let lines = luthier
        .call(["facts", "--root", "fleet/kvm01", "--root", "fleet/kvm02", "--only", "os"])
        .exits(0)
        .stdout
        .clone();
    assert_eq!(lines.lines().count(), 2, "{lines}");
    let table = luthier.call(["facts", "--root", "fleet", "--format", "table"]).exits(0).stdout.clone();
    assert!(table.contains("Xeon Gold 6330  2s 56c 112t 2n  251G") && table.lines().count() == 6, "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 120), "{table}");
    let broken = luthier.call(["facts", "--root", "fleet", "--root", "nowhere"]);
    broken.exits(5).says("nowhere");
}
