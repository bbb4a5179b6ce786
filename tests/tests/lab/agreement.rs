//! Facts beside what other tools say. Where those are wrong, the comparison says why and what the kernel's file holds.

use super::oracle::{Link, Said, members};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Debug;

/// Differences found, and how much was compared.
#[derive(Debug, Default)]
pub struct Agreement {
    differences: Vec<String>,
    compared: usize,
}

type Groups = BTreeSet<Vec<u32>>;

impl Agreement {
    /// Everything of which somebody else knows.
    pub fn of(facts: &Value, said: &Said) -> Self {
        let mut agreement = Self::default();
        agreement.processors(facts, said);
        agreement.caches(facts, said);
        agreement.nodes(facts, said);
        agreement.functions(facts, said);
        agreement.links(facts, said);
        agreement.locality(facts, said);
        agreement.board(facts, said);
        agreement.sockets(facts, said);
        agreement.memory(facts, said);
        agreement.slots(facts, said);
        agreement
    }

    /// Insist that nothing differs, and that there was something to compare.
    #[track_caller]
    pub fn holds(&self, least: usize) {
        let Self { differences, compared } = self;
        assert!(differences.is_empty(), "{} of {compared} differ:\n{}", differences.len(), differences.join("\n"));
        assert!(*compared >= least, "only {compared} values were compared");
    }

    fn same<T: PartialEq + Debug>(&mut self, key: &str, expected: &T, found: &T) {
        self.compared += 1;
        if expected != found {
            self.differences.push(format!("{key}: expected {expected:?}, found {found:?}"));
        }
    }

    fn processors(&mut self, facts: &Value, said: &Said) {
        let cpu = &facts["cpu"];
        let threads = rows(&cpu["topology"]);
        let group = |key: &dyn Fn(&Value) -> String| -> Groups {
            let mut names: Vec<String> = threads.iter().map(key).collect();
            names.sort();
            names.dedup();
            let members = |name: &String| -> Vec<u32> {
                threads.iter().filter(|row| key(row) == *name).map(|row| number(&row["cpu"])).collect()
            };
            names.iter().map(members).collect()
        };
        let packages = group(&|row| row["package"].to_string());
        let cores = group(&|row| format!("{}/{}/{}", row["package"], row["die"], row["core"]));
        let nodes = group(&|row| row["node"].to_string());
        for (place, mine) in [&nodes, &packages, &cores].into_iter().enumerate() {
            let names: BTreeSet<Option<u32>> = said.lscpu.iter().map(|row| row.places[place]).collect();
            let of = |name: &Option<u32>| -> Vec<u32> {
                said.lscpu.iter().filter(|row| row.places[place] == *name).map(|row| row.cpu).collect()
            };
            self.same("lscpu's nodes, packages, cores", &names.iter().map(of).collect(), mine);
        }
        for (kind, mine) in [("Package", &packages), ("Core", &cores)] {
            self.same(kind, &said.objects(kind).map(|object| members(object.get("cpuset"))).collect(), mine);
        }
        for row in &said.lscpu {
            let mine = threads.iter().find(|thread| number(&thread["cpu"]) == row.cpu);
            self.same("node of a CPU", &row.places[0].map(u64::from), &mine.and_then(|mine| mine["node"].as_u64()));
        }
        let count = |groups: &Groups| Some(groups.len() as u64);
        self.same("packages", &count(&packages), &cpu["packages"].as_u64());
        self.same("cores", &count(&cores), &cpu["cores"].as_u64());
        self.same("threads", &Some(said.lscpu.len() as u64), &cpu["threads"].as_u64());
    }

    fn caches(&mut self, facts: &Value, said: &Said) {
        let kinds = [
            ("L1Cache", 1, "data"),
            ("L1iCache", 1, "instruction"),
            ("L2Cache", 2, "unified"),
            ("L3Cache", 3, "unified"),
        ];
        let caches = rows(&facts["cpu"]["caches"]);
        for (name, level, kind) in kinds {
            let objects = said.objects(name);
            let wanted: BTreeSet<(Vec<u32>, u64)> = objects
                .map(|object| (members(object.get("cpuset")), object.number("cache_size").expect("a size") / 1024))
                .collect();
            let mine = caches.iter().filter(|cache| cache["level"] == level && cache["type"].as_str() == Some(kind));
            let mine = mine.map(|cache| (numbers(&cache["cpus"]), cache["size_kib"].as_u64().unwrap_or_default()));
            self.same(name, &wanted, &mine.collect());
        }
    }

    fn nodes(&mut self, facts: &Value, said: &Said) {
        let nodes = rows(&facts["numa"]["nodes"]);
        let ids = |nodes: &[Value]| nodes.iter().map(|node| number(&node["id"])).collect::<Vec<u32>>();
        self.same("numactl's nodes", &said.numactl.iter().map(|node| node.id).collect(), &ids(&nodes));
        let mut listed: Vec<u32> =
            said.objects("NUMANode").map(|node| node.number("os_index").expect("a number") as u32).collect();
        listed.sort_unstable();
        self.same("lstopo's nodes", &listed, &ids(&nodes));
        for wanted in &said.numactl {
            let Some(node) = nodes.iter().find(|node| number(&node["id"]) == wanted.id) else { continue };
            self.same("CPUs of a node", &wanted.cpus, &numbers(&node["cpus"]));
            self.same("distances", &wanted.distances, &numbers(&node["distances"]));
            self.same("MiB of a node", &Some(wanted.size_mib), &node["memory_kib"].as_u64().map(|kib| kib / 1024));
        }
        for object in said.objects("NUMANode") {
            let Some(node) = nodes.iter().find(|node| node["id"].as_u64() == object.number("os_index")) else {
                continue;
            };
            let bytes = object.number("local_memory").unwrap_or_default();
            self.same("bytes of a node", &Some(bytes), &node["memory_kib"].as_u64().map(|kib| kib * 1024));
            // To a node of memory only (nodeN/cpulist is an empty line) hwloc gives the CPUs of the node nearest by distance.
            let mine = numbers(&node["cpus"]);
            if !mine.is_empty() {
                self.same("lstopo's CPUs of a node", &members(object.get("cpuset")), &mine);
            }
        }
    }

    /// What each function is, by lspci.
    fn functions(&mut self, facts: &Value, said: &Said) {
        let devices = rows(&facts["pci"]["devices"]);
        let mine: Vec<&str> = devices.iter().map(|device| text(&device["address"])).collect();
        self.same("addresses", &said.devices.keys().map(String::as_str).collect(), &mine);
        for device in &devices {
            let address = text(&device["address"]);
            let Some(fields) = said.devices.get(address) else { continue };
            let get = |key: &str| fields.get(key).map_or("", String::as_str);
            let id = |key: &str| get(key).rsplit('[').next().unwrap_or_default().trim_end_matches(']').to_owned();
            let progif = if get("ProgIf").is_empty() { "00" } else { get("ProgIf") };
            self.same(address, &format!("0x{}{progif}", id("Class")).as_str(), &text(&device["class"]));
            self.same(address, &format!("0x{}", id("Vendor")).as_str(), &text(&device["vendor"]));
            self.same(address, &format!("0x{}", id("Device")).as_str(), &text(&device["device"]));
            self.same(address, &get("Driver"), &text(&device["driver"]));
            let name = |key: &str| get(key).rsplit_once(" [").map_or("", |(name, _)| name).to_owned();
            // lspci says `Device` where its list has no name.
            if name("Device") != "Device" && device["name"].is_string() {
                let both = format!("{} {}", name("Vendor"), name("Device"));
                self.same(address, &both.as_str(), &text(&device["name"]));
            }
            let node = get("NUMANode").parse::<u64>().ok();
            let stated = device["numa"]["source"] == "numa_node";
            self.same(&format!("node of {address}"), &node, &device["numa"]["node"].as_u64().filter(|_| stated));
        }
    }

    /// Links by lspci, which decodes the configuration space by itself, and by lstopo as GB/s.
    fn links(&mut self, facts: &Value, said: &Said) {
        for device in &rows(&facts["pci"]["devices"]) {
            let address = text(&device["address"]);
            let link = &device["link"];
            let mine = Link {
                most: (link["max_speed_gts"].as_f64(), link["max_width"].as_u64()),
                now: (link["speed_gts"].as_f64(), link["width"].as_u64()),
            };
            let wanted = said.links.get(address).copied().unwrap_or_default();
            // The lower port of QEMU's switch says in its capabilities: no speed and no lanes (max_link_speed `Unknown`,
            // max_link_width `0`), and runs at 2.5 GT/s nevertheless. lspci prints it so; for us it has no link.
            let nonsense = wanted.most == (None, Some(0));
            self.same(&format!("link of {address}"), &if nonsense { Link::default() } else { wanted }, &mine);
            let Some(object) = said.objects("PCIDev").find(|object| object.get("pci_busid") == address) else {
                continue;
            };
            let gb_s: f64 = object.get("pci_link_speed").parse().unwrap_or_default();
            if let ((Some(speed), Some(width)), true) = (mine.now, gb_s > 0.0) {
                let coded = if speed < 8.0 { 0.8 } else { 128.0 / 130.0 };
                let mine = speed * width as f64 * coded / 8.0;
                self.same(&format!("bandwidth of {address}"), &format!("{gb_s:.2}"), &format!("{mine:.2}"));
            }
        }
    }

    /// Where each function is by lstopo, which goes by the CPUs near it: the nearest object above it that has nodes.
    fn locality(&mut self, facts: &Value, said: &Said) {
        let devices = rows(&facts["pci"]["devices"]);
        for object in said.lstopo.iter().filter(|object| object.get("type") == "PCIDev") {
            let address = object.get("pci_busid");
            let Some(device) = devices.iter().find(|device| text(&device["address"]) == address) else { continue };
            let mut above = object.parent;
            let mut nodes = Vec::new();
            while let (Some(index), true) = (above, nodes.is_empty()) {
                nodes = members(said.lstopo[index].get("nodeset"));
                above = said.lstopo[index].parent;
            }
            let node = if let [node] = nodes.as_slice() { Some(u64::from(*node)) } else { None };
            self.same(&format!("place of {address}"), &node, &device["numa"]["node"].as_u64());
        }
    }

    /// Types 0 to 3.
    fn board(&mut self, facts: &Value, said: &Said) {
        let firmware = &facts["firmware"];
        let fields = [
            (0, "Vendor", "/bios/vendor"),
            (0, "Version", "/bios/version"),
            (0, "Release Date", "/bios/date"),
            (0, "BIOS Revision", "/bios/release"),
            (1, "Manufacturer", "/system/vendor"),
            (1, "Product Name", "/system/product"),
            (2, "Manufacturer", "/board/vendor"),
            (2, "Product Name", "/board/product"),
            (2, "Version", "/board/version"),
            (3, "Manufacturer", "/chassis/vendor"),
        ];
        for (kind, name, pointer) in fields {
            let Some(record) = said.records(kind).next() else { continue };
            self.same(pointer, &record.get(name), &firmware.pointer(pointer).map_or("", text));
        }
    }

    /// Type 4.
    fn sockets(&mut self, facts: &Value, said: &Said) {
        let mine = rows(&facts["firmware"]["processors"]);
        self.same("processor sockets", &said.records(4).count(), &mine.len());
        for (record, mine) in said.records(4).zip(&mine) {
            self.same("a socket's name", &record.get("Socket Designation"), &text(&mine["designation"]));
            let populated = record.get("Status").starts_with("Populated");
            self.same("populated", &Some(populated), &mine["populated"].as_bool());
            if populated {
                self.same("a processor", &record.get("Version"), &text(&mine["model"]));
                self.same("its cores", &record.number("Core Count"), &mine["cores"].as_u64());
                self.same("its threads", &record.number("Thread Count"), &mine["threads"].as_u64());
            }
        }
    }

    /// Types 16 and 17.
    fn memory(&mut self, facts: &Value, said: &Said) {
        let arrays = rows(&facts["firmware"]["memory_arrays"]);
        let sockets: Vec<Option<u64>> = said.records(16).map(|record| record.number("Number Of Devices")).collect();
        self.same("memory arrays", &sockets, &arrays.iter().map(|array| array["devices"].as_u64()).collect());
        let mine = rows(&facts["firmware"]["memory_devices"]);
        self.same("memory sockets", &said.records(17).count(), &mine.len());
        for (record, mine) in said.records(17).zip(&mine) {
            self.same("a memory socket", &record.get("Locator"), &text(&mine["locator"]));
            let size = match record.get("Size").split_once(' ') {
                Some((number, "MB")) => number.parse().ok(),
                Some((number, "GB")) => number.parse::<u64>().ok().map(|gib| gib * 1024),
                _ => Some(0),
            };
            self.same("its MiB", &size, &mine["size_mib"].as_u64());
            self.same("its speed", &record.number("Speed"), &mine["speed_mts"].as_u64());
            let configured = record.number("Configured Memory Speed");
            self.same("its configured speed", &configured, &mine["configured_mts"].as_u64());
        }
    }

    /// Type 9.
    fn slots(&mut self, facts: &Value, said: &Said) {
        let mine = rows(&facts["slots"]);
        for record in said.records(9) {
            let name = record.get("Designation");
            let found: Vec<&Value> = mine.iter().filter(|slot| text(&slot["designation"]) == name).collect();
            self.same(&format!("slots called {name}"), &1, &found.len());
            let Some(found) = found.first() else { continue };
            let in_use = match record.get("Current Usage") {
                "In Use" => Some(true),
                "Available" => Some(false),
                _ => None,
            };
            self.same(&format!("{name} in use"), &in_use, &found["in_use"].as_bool());
            self.same(&format!("address of {name}"), &record.get("Bus Address"), &text(&found["stated_address"]));
        }
    }
}

/// The rows of a list; none for `null`.
pub fn rows(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

/// A text; empty for `null`.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn number(value: &Value) -> u32 {
    value.as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or(u32::MAX)
}

fn numbers(value: &Value) -> Vec<u32> {
    rows(value).iter().map(number).collect()
}
