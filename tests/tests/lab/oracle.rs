//! What other tools say of a machine, asked on that machine itself.

use super::xml::{Element, elements};
use serde_json::Value;
use std::collections::BTreeMap;

/// What to ask. `dmidecode` fails where there are no tables, which is an answer.
pub const COMMANDS: [&str; 6] = [
    "lstopo-no-graphics --of xml --whole-io",
    "lscpu -J -e=CPU,NODE,SOCKET,CORE",
    "numactl -H",
    "lspci -D -vmmnnk 2>/dev/null",
    "lspci -D -vv -n 2>/dev/null",
    "dmidecode 2>&1 || true",
];

/// Their answers.
#[derive(Debug)]
pub struct Said {
    /// hwloc's tree.
    pub lstopo: Vec<Element>,
    /// One row a CPU: package, core and node.
    pub lscpu: Vec<Cpu>,
    /// Nodes.
    pub numactl: Vec<Node>,
    /// PCI functions by address, each with its fields (`Class`, `NUMANode`, …).
    pub devices: BTreeMap<String, BTreeMap<String, String>>,
    /// Links by address.
    pub links: BTreeMap<String, Link>,
    /// SMBIOS structures.
    pub dmidecode: Vec<Record>,
}

/// A CPU.
#[derive(Debug)]
pub struct Cpu {
    /// Its number.
    pub cpu: u32,
    /// lscpu's numbers of its node, package and core; `-` is `None`.
    pub places: [Option<u32>; 3],
}

/// A node.
#[derive(Debug)]
pub struct Node {
    /// Its number.
    pub id: u32,
    /// Its CPUs.
    pub cpus: Vec<u32>,
    /// MiB, rounded down.
    pub size_mib: u64,
    /// Distances to all nodes.
    pub distances: Vec<u32>,
}

/// A link: GT/s and lanes, now and at most; `None` where lspci says that it does not know.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Link {
    /// What the device is capable of.
    pub most: (Option<f64>, Option<u64>),
    /// What it runs at.
    pub now: (Option<f64>, Option<u64>),
}

/// An SMBIOS structure.
#[derive(Debug)]
pub struct Record {
    /// Its type.
    pub kind: u8,
    fields: BTreeMap<String, String>,
}

impl Record {
    /// A field; empty where there is none.
    pub fn get(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// The number that a field begins with.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name).split_whitespace().next()?.parse().ok()
    }
}

impl Said {
    /// Read the answers to [`COMMANDS`].
    pub fn read(answers: [String; 6]) -> Self {
        let [lstopo, lscpu, numactl, devices, links, dmidecode] = answers;
        Self {
            lstopo: elements(&lstopo),
            lscpu: cpus(&lscpu),
            numactl: nodes(&numactl),
            devices: functions(&devices),
            links: self::links(&links),
            dmidecode: records(&dmidecode),
        }
    }

    /// hwloc's objects of a type.
    pub fn objects<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Element> {
        self.lstopo.iter().filter(move |element| element.name == "object" && element.get("type") == kind)
    }

    /// The SMBIOS structures of a type.
    pub fn records(&self, kind: u8) -> impl Iterator<Item = &Record> {
        self.dmidecode.iter().filter(move |record| record.kind == kind)
    }
}

fn cpus(text: &str) -> Vec<Cpu> {
    let json: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("lscpu: {error}\n{text}"));
    // Older versions write numbers as text.
    let number = |value: &Value| match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64().and_then(|number| u32::try_from(number).ok()),
    };
    let rows = json["cpus"].as_array().expect("lscpu's rows");
    let row = |row: &Value| Cpu {
        cpu: number(&row["cpu"]).expect("a CPU"),
        places: ["node", "socket", "core"].map(|key| number(&row[key])),
    };
    rows.iter().map(row).collect()
}

fn nodes(text: &str) -> Vec<Node> {
    let numbers = |text: &str| text.split_whitespace().filter_map(|word| word.parse().ok()).collect::<Vec<u32>>();
    let field = |id: u32, name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("node {id} {name}:")));
        line.unwrap_or_default().trim().to_owned()
    };
    let rows = text.split("node distances:").nth(1).unwrap_or_default().lines();
    let rows = rows.filter_map(|line| {
        let (id, distances) = line.split_once(':')?;
        Some((id.trim().parse().ok()?, numbers(distances)))
    });
    let node = |(id, distances)| Node {
        id,
        cpus: numbers(&field(id, "cpus")),
        size_mib: field(id, "size").trim_end_matches(" MB").parse().unwrap_or_default(),
        distances,
    };
    rows.map(node).collect()
}

fn functions(text: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let rows = text.split("\n\n").map(|block| {
        let fields = block.lines().filter_map(|line| line.split_once(":\t"));
        fields.map(|(key, value)| (key.to_owned(), value.to_owned())).collect::<BTreeMap<String, String>>()
    });
    rows.filter_map(|fields| Some((fields.get("Slot")?.clone(), fields))).collect()
}

fn links(text: &str) -> BTreeMap<String, Link> {
    let mut found: BTreeMap<String, Link> = BTreeMap::new();
    let mut address = String::new();
    for line in text.lines() {
        if !line.starts_with(char::is_whitespace) {
            line.split(' ').next().unwrap_or_default().clone_into(&mut address);
        }
        let line = line.trim();
        for (prefix, now) in [("LnkCap:", false), ("LnkSta:", true)] {
            let Some(rest) = line.strip_prefix(prefix) else { continue };
            let value = |key: &str| rest.split_once(key).map(|(_, behind)| behind.trim_start_matches('x'));
            let speed = value("Speed ").and_then(|text| text.split("GT/s").next()?.parse::<f64>().ok());
            let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
            let width = value("Width ").and_then(|text| digits(text).parse::<u64>().ok());
            let link = found.entry(address.clone()).or_default();
            *(if now { &mut link.now } else { &mut link.most }) = (speed, width);
        }
    }
    found
}

fn records(text: &str) -> Vec<Record> {
    let mut found: Vec<Record> = Vec::new();
    for block in text.split("\n\n") {
        let Some(head) = block.lines().find(|line| line.starts_with("Handle ")) else { continue };
        let kind = head.split("DMI type ").nth(1).and_then(|rest| rest.split(',').next()?.parse().ok());
        let fields = block.lines().filter_map(|line| line.strip_prefix('\t')?.split_once(':'));
        let fields = fields.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect();
        found.push(Record { kind: kind.expect("a type"), fields });
    }
    found
}

/// CPUs or nodes of hwloc's sets: `0x0000000f`, or groups of 32 bits, the highest first.
pub fn members(set: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for (group, mask) in set.split(',').rev().enumerate() {
        let bits = u32::from_str_radix(mask.trim_start_matches("0x"), 16).unwrap_or_default();
        let first = u32::try_from(group * 32).expect("few CPUs");
        found.extend((0..32).filter(|bit| bits & (1 << bit) != 0).map(|bit| first + bit));
    }
    found
}
