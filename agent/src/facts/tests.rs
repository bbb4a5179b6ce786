//! Facts of captured machines against what other tools say about them.
//!
//! Needs the test data beside the repository (`LUTHIER_TESTDATA`) and the programs `zstd` and `tar`. Where the data are
//! absent the test says so and passes, unless `LUTHIER_REQUIRE_SHARED=1`.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr, reason = "tests")]

use super::gather;
use crate::host::Host;
use luthier_protocol::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Answers of the oracle that are not the machine's, with the reason.
const DOUBTFUL: &[(&str, &str, &str)] = &[
    (
        "hwloc-40intel64-4n10c_pci-conflicts",
        "cpu.packages",
        "masks made to conflict; lstopo drops one of the 4 packages",
    ),
    ("hwloc-fakeheterocpunuma", "numa[].distances", "lstopo drops nodes 4 and 5 and their columns"),
    ("hwloc-fakeheteronuma", "numa[].distances", "lstopo drops nodes 4 and 5 and their columns"),
];

pub(super) fn corpus() -> Option<PathBuf> {
    let data = std::env::var_os("LUTHIER_TESTDATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let corpus = data.join("corpus");
    if corpus.join("snapshots").is_dir() {
        return Some(corpus);
    }
    let message = format!("captured machines are not at {} (LUTHIER_TESTDATA names the folder)", corpus.display());
    assert!(std::env::var_os("LUTHIER_REQUIRE_SHARED").is_none_or(|value| value != "1"), "{message}");
    eprintln!("skipped: {message}");
    None
}

fn unpack(archive: &Path, folder: &Path) {
    let missing = |name: &str, error: std::io::Error| -> ! { panic!("run {name} (is it installed?): {error}") };
    let mut zstd = Command::new("zstd")
        .arg("-dcq")
        .arg(archive)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| missing("zstd", error));
    let input = zstd.stdout.take().unwrap();
    let status = Command::new("tar")
        .arg("-C")
        .arg(folder)
        .args(["-xf", "-"])
        .stdin(input)
        .status()
        .unwrap_or_else(|error| missing("tar", error));
    assert!(zstd.wait().unwrap().success() && status.success(), "unpack {}", archive.display());
}

/// Notes a difference unless it is known to be the oracle's fault.
struct Differences {
    machine: String,
    found: Vec<String>,
    compared: usize,
}

impl Differences {
    fn compare(&mut self, key: &str, expected: &Value, found: &Value) {
        self.compared += 1;
        let doubtful = DOUBTFUL.iter().any(|(machine, name, _)| *machine == self.machine && *name == key);
        if doubtful {
            assert_ne!(expected, found, "{}: {key} agrees by now: strike it from the doubtful ones", self.machine);
        } else if expected != found {
            self.found.push(format!("{}: {key}: expected {expected}, found {found}", self.machine));
        }
    }
}

fn compare_machine(oracle: &Value, facts: &Value, differences: &mut Differences) {
    for key in ["packages", "cores", "threads"] {
        if let Some(expected) = oracle.get(key) {
            differences.compare(&format!("cpu.{key}"), expected, &facts["cpu"][key]);
        }
    }
    for (key, mine) in [("online_cpus", "online"), ("offline_cpus", "offline")] {
        if let Some(expected) = oracle.get(key) {
            differences.compare(&format!("cpu.{mine}"), expected, &facts["cpu"][mine]);
        }
    }
    let doubts = oracle["doubts"].as_array().cloned().unwrap_or_default();
    let no_nodes = doubts.iter().any(|doubt| doubt.as_str().unwrap().contains("no sys/devices/system/node"));
    let Some(nodes) = oracle["numa"].as_array().filter(|nodes| !nodes.is_empty() && !no_nodes) else { return };
    let ids = |nodes: &[Value]| Value::from(nodes.iter().map(|node| node["id"].clone()).collect::<Vec<_>>());
    let mine = facts["numa"]["nodes"].as_array().unwrap();
    differences.compare("numa[].id", &ids(nodes), &ids(mine));
    for node in nodes {
        let Some(found) = mine.iter().find(|found| found["id"] == node["id"]) else { continue };
        compare_node(node, found, differences);
    }
}

/// Every PCI function: what it is, and where the kernel says that it is.
fn compare_devices(oracle: &Value, facts: &Value, differences: &mut Differences) {
    let Some(expected) = oracle["pci"].as_array() else { return };
    let devices = facts["pci"]["devices"].as_array().cloned().unwrap_or_default();
    let addresses = |list: &[Value]| {
        let mut addresses: Vec<Value> = list.iter().map(|device| device["address"].clone()).collect();
        addresses.sort_by_key(ToString::to_string);
        Value::from(addresses)
    };
    differences.compare("pci.addresses", &addresses(expected), &addresses(&devices));
    let number = |value: &Value| {
        let text = value.as_str()?;
        u32::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
    };
    for wanted in expected {
        let Some(found) = devices.iter().find(|device| device["address"] == wanted["address"]) else { continue };
        for key in ["class", "vendor", "device"] {
            if let Some(expected) = wanted.get(key).and_then(number) {
                // The oracle says 0 where one machine's files are not there; unknown is not 0.
                if expected == 0 && found[key].is_null() && differences.machine == "hwloc-nvidiagpunumanodes" {
                    continue;
                }
                let found = number(&found[key]).map_or(Value::Null, Value::from);
                differences.compare(&format!("pci.{key}"), &Value::from(expected), &found);
            }
        }
        if let Some(node) = wanted.get("numa_node") {
            differences.compare("pci.numa.node", node, &found["numa"]["node"]);
        } else {
            assert_ne!(found["numa"]["confidence"], "high", "{}: {found}", differences.machine);
        }
    }
}

fn compare_node(node: &Value, found: &Value, differences: &mut Differences) {
    differences.compare("numa[].cpus", &node["cpus"], &found["cpus"]);
    if let Some(expected) = node.get("memory_kib") {
        differences.compare("numa[].memory_kib", expected, &found["memory_kib"]);
    }
    if let Some(distances) = node["distances"].as_object() {
        let mut pairs: Vec<(u32, Value)> =
            distances.iter().map(|(id, distance)| (id.parse().unwrap(), distance.clone())).collect();
        pairs.sort_by_key(|(id, _)| *id);
        let expected = Value::from(pairs.into_iter().map(|(_, distance)| distance).collect::<Vec<_>>());
        differences.compare("numa[].distances", &expected, &found["distances"]);
    }
    if let Some(pages) = node["hugepages"].as_object().filter(|pages| !pages.is_empty()) {
        let rows = found["hugepages"].as_array().cloned().unwrap_or_default();
        let mine: luthier_protocol::Map =
            rows.iter().map(|row| (row["size_kib"].to_string(), row["total"].clone())).collect();
        differences.compare("numa[].hugepages", &Value::Object(pages.clone()), &Value::Object(mine));
    }
}

#[test]
fn captured_machines_agree_with_other_tools() {
    let Some(corpus) = corpus() else { return };
    let mut machines = 0;
    let mut found = Vec::new();
    let mut compared = 0;
    let mut archives: Vec<PathBuf> =
        std::fs::read_dir(corpus.join("snapshots")).unwrap().map(|entry| entry.unwrap().path()).collect();
    archives.sort();
    for archive in archives {
        let name = archive.file_name().unwrap().to_str().unwrap();
        let Some(machine) = name.strip_suffix(".tar.zst") else { continue };
        let root = tempfile::tempdir().unwrap();
        unpack(&archive, root.path());
        let facts = Value::Object(gather(&Host::under(root.path()), &[]).unwrap());
        let text = std::fs::read_to_string(corpus.join("oracle").join(format!("{machine}.json"))).unwrap();
        let oracle: Value = serde_json::from_str(&text).unwrap();
        let mut differences = Differences { machine: machine.to_owned(), found: Vec::new(), compared: 0 };
        compare_machine(&oracle, &facts, &mut differences);
        compare_devices(&oracle, &facts, &mut differences);
        unique_cores(machine, &facts);
        machines += 1;
        compared += differences.compared;
        found.extend(differences.found);
    }
    assert!(
        found.is_empty(),
        "{} of {compared} values differ on {machines} machines:\n{}",
        found.len(),
        found.join("\n")
    );
    assert!(machines > 0 && compared > machines, "{compared} values compared on {machines} machines");
}

/// Whether a slot is in use, by dmidecode's word for it.
fn in_use(usage: &Value) -> Value {
    match usage.as_str() {
        Some("In Use") => true.into(),
        Some("Available") => false.into(),
        _ => Value::Null,
    }
}

/// A number that a text begins with; `null` where there is none.
fn digits(text: &Value) -> Value {
    let digits: String = text.as_str().unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
    digits.parse::<u64>().map_or(Value::Null, Value::from)
}

#[test]
fn tables_of_firmware_agree_with_dmidecode() {
    let Some(corpus) = corpus() else { return };
    let mut tables = 0;
    let mut found = Vec::new();
    for entry in std::fs::read_dir(corpus.join("smbios")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let bytes = std::fs::read(&path).unwrap();
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("sys/firmware/dmi/tables");
        std::fs::create_dir_all(&folder).unwrap();
        let point = if bytes.starts_with(b"_SM3_") { 24 } else { 31 };
        std::fs::write(folder.join("smbios_entry_point"), &bytes[..point]).unwrap();
        std::fs::write(folder.join("DMI"), &bytes[32..]).unwrap();
        let only = ["firmware".to_owned(), "slots".to_owned()];
        let facts = Value::Object(gather(&Host::under(root.path()), &only).unwrap());
        let text = std::fs::read_to_string(corpus.join("smbios-oracle").join(format!("{name}.json"))).unwrap();
        let oracle: Value = serde_json::from_str(&text).unwrap();
        let rows = |value: &Value, row: &dyn Fn(&Value) -> Value| -> Value {
            value.as_array().into_iter().flatten().map(row).collect()
        };
        let (summary, firmware) = (&oracle["summary"], &facts["firmware"]);
        let mut differences = Differences { machine: name, found: Vec::new(), compared: 0 };
        let wanted = rows(&summary["processors"], &|row| row["populated"].clone());
        differences.compare("processors", &wanted, &rows(&firmware["processors"], &|row| row["populated"].clone()));
        let wanted = rows(&summary["dimms"], &|row| row["size_mb"].as_u64().unwrap_or_default().into());
        let mine = rows(&firmware["memory_devices"], &|row| row["size_mib"].as_u64().unwrap_or_default().into());
        differences.compare("memory_devices", &wanted, &mine);
        let wanted = rows(&summary["dimms"], &|row| digits(&row["configured"]));
        let filled = |row: &Value| row["configured_mts"].clone();
        let mine = rows(&firmware["memory_devices"], &filled);
        // dmidecode also prints the speed of some empty sockets.
        let is_there = |index: usize| mine[index] != Value::Null;
        for (index, speed) in wanted.as_array().unwrap().iter().enumerate().filter(|(index, _)| is_there(*index)) {
            differences.compare("memory_devices[].configured_mts", speed, &mine[index]);
        }
        let wanted = rows(&summary["slots"], &|row| in_use(&row["usage"]));
        differences.compare("slots", &wanted, &rows(&facts["slots"], &|row| row["in_use"].clone()));
        let wanted = rows(&summary["slots"], &|row| row["bus_address"].clone());
        let mine = rows(&facts["slots"], &|row| row["stated_address"].clone());
        for (wanted, mine) in wanted.as_array().unwrap().iter().zip(mine.as_array().unwrap()) {
            if !wanted.is_null() {
                differences.compare("slots[].stated_address", wanted, mine);
            }
        }
        tables += 1;
        found.extend(differences.found);
    }
    assert!(found.is_empty(), "{} values differ in {tables} tables:\n{}", found.len(), found.join("\n"));
    assert!(tables > 100, "{tables} tables");
}

/// `(package, die, core)` names a core on every machine.
fn unique_cores(machine: &str, facts: &Value) {
    let topology = facts["cpu"]["topology"].as_array().unwrap();
    let mut cores: Vec<String> =
        topology.iter().map(|thread| format!("{}/{}/{}", thread["package"], thread["die"], thread["core"])).collect();
    cores.sort();
    cores.dedup();
    if let Some(expected) = facts["cpu"]["cores"].as_u64() {
        assert_eq!(cores.len() as u64, expected, "{machine}: names of cores repeat");
    }
}

#[test]
fn an_unknown_fact_is_refused_with_the_known_ones() {
    let root = tempfile::tempdir().unwrap();
    let host = Host::under(root.path());
    let error = gather(&host, &["numa".to_owned(), "nume".to_owned()]).unwrap_err();
    assert_eq!(error.name, "nume");
    assert!(error.known.contains("numa"), "{}", error.known);
}

#[test]
fn an_empty_root_gives_unknown_and_says_why() {
    let root = tempfile::tempdir().unwrap();
    let facts = Value::Object(gather(&Host::under(root.path()), &[]).unwrap());
    assert_eq!(facts["version"], 1);
    assert_eq!(facts["cpu"]["threads"], Value::Null);
    assert_eq!(facts["numa"]["supported"], false);
    assert_eq!(facts["memory"]["total_kib"], Value::Null);
    let errors = facts["errors"].as_array().unwrap();
    for key in
        ["os.id", "kernel.release", "cpu.online", "numa.nodes", "memory", "hugepages.sizes", "thp", "ksm", "psi.cpu"]
    {
        assert!(errors.iter().any(|error| error["key"] == key), "{key} is not among {errors:?}");
    }
}

#[test]
fn only_what_is_asked_for() {
    let root = tempfile::tempdir().unwrap();
    let facts = gather(&Host::under(root.path()), &["numa".to_owned()]).unwrap();
    assert_eq!(facts.keys().collect::<Vec<_>>(), ["version", "numa", "errors"]);
}

#[test]
fn the_keys_are_those_that_the_protocol_names() {
    let keys: Vec<&str> = super::ALL.iter().map(|source| source.key()).collect();
    assert_eq!(keys, luthier_protocol::facts::KEYS);
}
