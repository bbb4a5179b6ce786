//! Every structure of the captured tables against dmidecode's reading of it: the walk over the table, and each field that is
//! a fact.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::super::tests::corpus;
use super::*;
use luthier_protocol::Value;
use luthier_protocol::facts::Fact;
use serde_json::json;

/// dmidecode's words for "nothing".
const NOTHING: [&str; 4] = ["Not Specified", "<BAD INDEX>", "Unknown", "<OUT OF SPEC>"];

/// Where dmidecode goes another way than the standard, by table and type (`docs/facts-disagreements.md`).
const DISAGREE: [(&str, &str); 4] = [
    ("jcreekmore-dmi.0", "Installed Size"),
    ("opendmi-asus_zenbook-ux425ja", "Installed Size"),
    ("opendmi-gigabyte_b760m-ds3h-gen5", "type 19 of \"0x003B\""),
    ("opendmi-lenovo_thinkbook-15-g2-itl-20ve", "Installed Size"),
];

/// One table's differences.
struct Differences {
    table: String,
    found: Vec<String>,
    compared: usize,
}

impl Differences {
    fn check(&mut self, key: &str, wanted: &Value, found: &Value) {
        self.compared += 1;
        let known = DISAGREE.iter().any(|(table, end)| *table == self.table && key.ends_with(end));
        if wanted != found && !known {
            self.found.push(format!("{}: {key}: expected {wanted}, found {found}", self.table));
        }
    }
}

/// dmidecode's structures of one type, and which of their fields are compared.
struct Rows<'a>(Vec<&'a Value>);

impl<'a> Rows<'a> {
    fn of(oracle: &'a Value, kind: u64) -> Self {
        Self(oracle["structures"].as_array().unwrap().iter().filter(|one| one["type"] == kind).collect())
    }

    /// Compares one column: `told` makes a fact of dmidecode's text, or `None` where the two cannot be compared.
    fn column(
        &self,
        differences: &mut Differences,
        (field, key): (&str, &str),
        facts: &Value,
        told: &dyn Fn(&str) -> Option<Value>,
    ) {
        let facts = facts.as_array().cloned().unwrap_or_else(|| vec![facts.clone()]);
        for (one, fact) in self.0.iter().zip(&facts) {
            let newer = &one["fields_3_6"][field];
            let text = newer.as_str().or_else(|| one["fields"][field].as_str());
            if let Some(wanted) = text.and_then(told) {
                let label = format!("type {} {} {field}", one["type"], one["handle"]);
                differences.check(&label, &wanted, &fact[key]);
            }
        }
    }
}

/// A text as it stands.
fn text(told: &str) -> Option<Value> {
    let told = told.trim();
    Some(if told.is_empty() || NOTHING.contains(&told) { Value::Null } else { told.into() })
}

/// A text that is told only when it means something.
fn meaning(told: &str) -> Option<Value> {
    const FILLERS: [&str; 8] =
        ["to be filled by o.e.m.", "default string", "no dimm", "none", "n/a", "undefined", "empty", "[empty]"];
    let lower = told.trim().to_ascii_lowercase();
    if FILLERS.contains(&lower.as_str()) || NOTHING.iter().any(|word| word.eq_ignore_ascii_case(&lower)) {
        return Some(Value::Null);
    }
    text(told)
}

/// A number with or without a unit; none, zero and unknown are nothing.
fn number(told: &str) -> Option<Value> {
    let number: u64 = told.split(' ').next()?.parse().unwrap_or(0);
    Some(if number == 0 { Value::Null } else { number.into() })
}

/// A size in KiB; dmidecode rounds none of those that are whole.
fn kib(told: &str) -> Option<u64> {
    let (number, unit) = told.split_once(' ')?;
    let factor = ["kB", "MB", "GB", "TB"].iter().position(|known| *known == unit)?;
    Some(number.parse::<u64>().ok()? << (10 * factor))
}

/// Bytes from one address to another, both included.
fn between(one: &Value) -> Option<u64> {
    let address = |field: &str| {
        let text = one["fields"][field].as_str()?;
        u64::from_str_radix(text.trim_start_matches("0x").trim_end_matches('k'), 16).ok()
    };
    address("Ending Address")?.checked_sub(address("Starting Address")?)?.checked_add(1)
}

fn boards_and_names(oracle: &Value, found: &[Structure<'_>], differences: &mut Differences) {
    let compare = |kind: u64, facts: &Value, differences: &mut Differences, texts: &[(&str, &str)]| {
        let rows = Rows::of(oracle, kind);
        for pair in texts {
            rows.column(differences, *pair, facts, &text);
        }
    };
    let meanings = |kind: u64, facts: &Value, differences: &mut Differences, texts: &[(&str, &str)]| {
        let rows = Rows::of(oracle, kind);
        for pair in texts {
            rows.column(differences, *pair, facts, &meaning);
        }
    };
    let bios_facts = bios(found).value();
    let pairs = [("Vendor", "vendor"), ("Version", "version"), ("Release Date", "date"), ("BIOS Revision", "release")];
    compare(0, &bios_facts, differences, &pairs);
    compare(0, &bios_facts, differences, &[("Firmware Revision", "controller_release")]);
    let system_facts = system(found).value();
    compare(1, &system_facts, differences, &[("Manufacturer", "vendor"), ("Product Name", "product")]);
    meanings(1, &system_facts, differences, &[("Version", "version"), ("SKU Number", "sku"), ("Family", "family")]);
    let board_facts = boards(found).value();
    compare(2, &board_facts, differences, &[("Product Name", "product")]);
    meanings(2, &board_facts, differences, &[("Location In Chassis", "location")]);
    let kind = |told: &str| {
        let told = told.replace('+', " and ").to_lowercase().replace("i/o", "I/O");
        Some(if matches!(told.as_str(), "other" | "unknown") { Value::Null } else { told.into() })
    };
    Rows::of(oracle, 2).column(differences, ("Type", "type"), &board_facts, &kind);
    let case = chassis(found).value();
    let other = |told: &str| if told == "Other" { Some(Value::Null) } else { text(told) };
    Rows::of(oracle, 3).column(differences, ("Type", "type"), &case, &other);
    Rows::of(oracle, 3).column(differences, ("Height", "height_u"), &case, &number);
    let devices = onboard(found).value();
    let ways = ipmi(found).value();
    let rows = Rows::of(oracle, 38);
    let short = |told: &str| text(told.split(" (").next().unwrap_or_default());
    rows.column(differences, ("Interface Type", "interface"), &ways, &short);
    rows.column(differences, ("Specification Version", "version"), &ways, &|told| {
        Some(if told == "0.0" { Value::Null } else { told.into() })
    });
    let rows = Rows::of(oracle, 41);
    rows.column(differences, ("Reference Designation", "designation"), &devices, &text);
    rows.column(differences, ("Type", "type"), &devices, &other);
    rows.column(differences, ("Status", "enabled"), &devices, &|told| Some((told == "Enabled").into()));
    rows.column(differences, ("Bus Address", "address"), &devices, &text);
}

fn sockets_and_caches(oracle: &Value, found: &[Structure<'_>], differences: &mut Differences) {
    let sockets = processors(found).value();
    let rows = Rows::of(oracle, 4);
    let empty: Vec<bool> = rows.0.iter().map(|one| one["fields"]["Status"] == "Unpopulated").collect();
    rows.column(differences, ("Socket Designation", "designation"), &sockets, &text);
    rows.column(differences, ("Status", "populated"), &sockets, &|told| Some((told != "Unpopulated").into()));
    // An empty socket tells nothing but its name.
    let filled = Rows(rows.0.iter().zip(&empty).filter(|(_, empty)| !**empty).map(|(one, _)| *one).collect());
    let sockets: Value = sockets
        .as_array()
        .unwrap()
        .iter()
        .zip(&empty)
        .filter(|(_, empty)| !**empty)
        .map(|(fact, _)| fact.clone())
        .collect();
    let status = |told: &str| {
        let told = told.strip_prefix("Populated, ")?.to_lowercase().replace("bios", "firmware");
        Some(if told == "unknown" { Value::Null } else { told.into() })
    };
    filled.column(differences, ("Status", "status"), &sockets, &status);
    for pair in [("Manufacturer", "vendor"), ("Version", "model")] {
        filled.column(differences, pair, &sockets, &meaning);
    }
    for pair in [
        ("Core Count", "cores"),
        ("Core Enabled", "cores_enabled"),
        ("Thread Count", "threads"),
        ("Max Speed", "max_mhz"),
        ("Current Speed", "current_mhz"),
    ] {
        filled.column(differences, pair, &sockets, &number);
    }
    let cache_facts = caches(found).value();
    let rows = Rows::of(oracle, 7);
    rows.column(differences, ("Socket Designation", "designation"), &cache_facts, &text);
    rows.column(differences, ("Configuration", "enabled"), &cache_facts, &|told| {
        Some(told.starts_with("Enabled").into())
    });
    let level = |told: &str| told.rsplit(' ').next()?.parse::<u64>().ok().map(Value::from);
    rows.column(differences, ("Configuration", "level"), &cache_facts, &level);
    rows.column(differences, ("Installed Size", "size_kib"), &cache_facts, &|told| kib(told).map(Value::from));
}

fn slots_of(oracle: &Value, found: &[Structure<'_>], differences: &mut Differences) {
    let row = |slot: TableSlot| {
        json!({"designation": slot.designation, "type": slot.kind, "lanes": slot.lanes, "in_use": slot.in_use,
            "physical_lanes": slot.physical_lanes, "address": slot.address})
    };
    let slots: Value = slots(found).into_iter().map(row).collect();
    let rows = Rows::of(oracle, 9);
    rows.column(differences, ("Designation", "designation"), &slots, &text);
    rows.column(differences, ("Bus Address", "address"), &slots, &text);
    let usage = |told: &str| match told {
        "In Use" => Some(json!(true)),
        "Available" => Some(json!(false)),
        _ => Some(Value::Null),
    };
    rows.column(differences, ("Current Usage", "in_use"), &slots, &usage);
    let kind = |told: &str| if matches!(told, "Other") { Some(Value::Null) } else { text(told) };
    rows.column(differences, ("Type", "type"), &slots, &kind);
    let lanes =
        |told: &str| told.split_once("x or x").and_then(|(lanes, _)| lanes.parse::<u64>().ok()).map(Value::from);
    rows.column(differences, ("Data Bus Width", "lanes"), &slots, &lanes);
    rows.column(differences, ("Slot Physical Width", "physical_lanes"), &slots, &lanes);
}

fn memory(oracle: &Value, found: &[Structure<'_>], differences: &mut Differences) {
    let groups = arrays(found).value();
    let rows = Rows::of(oracle, 16);
    let place = |told: &str| match told {
        "System Board Or Motherboard" => Some(json!("system board")),
        "Other" => Some(Value::Null),
        told => text(&told.to_lowercase().replace("pci ", "PCI ")),
    };
    rows.column(differences, ("Location", "location"), &groups, &place);
    let purpose = |told: &str| {
        text(told.to_lowercase().trim_end_matches(" memory").trim_end())
            .map(|value| if value == "system" { json!("system memory") } else { value })
    };
    rows.column(differences, ("Use", "use"), &groups, &purpose);
    let correction = |told: &str| match told {
        "None" => Some(json!("none")),
        told if told == "Other" || NOTHING.contains(&told) => Some(Value::Null),
        told => text(&told.to_lowercase().replace("-bit ecc", " bit")),
    };
    rows.column(differences, ("Error Correction Type", "error_correction"), &groups, &correction);
    rows.column(differences, ("Maximum Capacity", "max_kib"), &groups, &|told| {
        kib(told).filter(|kib| *kib > 0).map(Value::from)
    });
    rows.column(differences, ("Number Of Devices", "devices"), &groups, &|told| {
        told.parse::<u64>().ok().map(Value::from)
    });
    let handles: Vec<&Value> = rows.0.iter().map(|one| &one["handle"]).collect();
    let mapped = |kind: u64, field: &str, handle: &Value| {
        let rows = Rows::of(oracle, kind);
        let sizes: Vec<u64> =
            rows.0.iter().filter(|one| one["fields"][field] == *handle).filter_map(|one| between(one)).collect();
        if sizes.is_empty() { Value::Null } else { json!(sizes.iter().sum::<u64>() / 1024) }
    };
    for (index, handle) in handles.iter().enumerate() {
        let label = format!("type 19 of {handle}");
        differences.check(&label, &mapped(19, "Physical Array Handle", handle), &groups[index]["mapped_kib"]);
    }
    let cpus = processors(found);
    let sockets = devices(found, system(found).vendor.as_deref(), &cpus).value();
    let rows = Rows::of(oracle, 17);
    for (index, one) in rows.0.iter().enumerate() {
        let group = handles.iter().position(|handle| **handle == one["fields"]["Array Handle"]);
        differences.check(&format!("array of {}", one["handle"]), &json!(group), &sockets[index]["array"]);
        let label = format!("type 20 of {}", one["handle"]);
        differences.check(&label, &mapped(20, "Physical Device Handle", &one["handle"]), &sockets[index]["mapped_kib"]);
    }
    for pair in [("Locator", "locator"), ("Bank Locator", "bank")] {
        rows.column(differences, pair, &sockets, &text);
    }
    let mib = |told: &str| match told {
        "No Module Installed" => Some(json!(0)),
        told => Some(kib(told).map_or(Value::Null, |kib| json!(kib / 1024))),
    };
    rows.column(differences, ("Size", "size_mib"), &sockets, &mib);
    let form = |told: &str| if told == "Other" { Some(Value::Null) } else { text(told) };
    rows.column(differences, ("Form Factor", "form"), &sockets, &form);
    // What an empty socket says of a module is not told.
    let is_filled = |one: &&&Value| one["fields"]["Size"] != "No Module Installed";
    let filled = Rows(rows.0.iter().filter(is_filled).copied().collect());
    let sockets: Value = rows
        .0
        .iter()
        .zip(sockets.as_array().unwrap())
        .filter(|(one, _)| is_filled(one))
        .map(|(_, fact)| fact.clone())
        .collect();
    filled.column(differences, ("Type", "type"), &sockets, &form);
    let millivolts = |told: &str| {
        let volts = told.strip_suffix(" V").and_then(|volts| volts.parse::<f64>().ok());
        Some(volts.map_or(Value::Null, |volts| json!((volts * 1000.0).round() as u64)))
    };
    filled.column(differences, ("Configured Voltage", "voltage_mv"), &sockets, &millivolts);
    filled.column(differences, ("Memory Technology", "technology"), &sockets, &|told| {
        // The standard left out the DC later.
        form(&told.replace("Optane DC", "Optane"))
    });
    for pair in [("Total Width", "total_width"), ("Data Width", "data_width")] {
        filled.column(differences, pair, &sockets, &number);
    }
    for pair in [("Speed", "speed_mts"), ("Configured Memory Speed", "configured_mts"), ("Rank", "ranks")] {
        filled.column(differences, pair, &sockets, &number);
    }
    for pair in [("Manufacturer", "vendor"), ("Part Number", "part")] {
        filled.column(differences, pair, &sockets, &meaning);
    }
}

#[test]
fn every_structure_is_read_as_dmidecode_reads_it() {
    let Some(corpus) = corpus() else { return };
    let (mut tables, mut compared, mut wrong) = (0, 0, Vec::new());
    for file in std::fs::read_dir(corpus.join("smbios")).unwrap() {
        let path = file.unwrap().path();
        let table = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let bytes = std::fs::read(&path).unwrap();
        let oracle = std::fs::read_to_string(corpus.join("smbios-oracle").join(format!("{table}.json"))).unwrap();
        let oracle: Value = serde_json::from_str(&oracle).unwrap();
        let mut differences = Differences { table, found: Vec::new(), compared: 0 };
        let point = entry(&bytes[..if bytes.starts_with(b"_SM3_") { 24 } else { 31 }]).unwrap();
        let (found, _) = structures(&bytes[32..], point);
        let walk = found.iter().map(|one| json!([format!("0x{:04X}", one.handle), one.kind, one.area.len()])).collect();
        differences.check("walk", &oracle["walk"], &walk);
        boards_and_names(&oracle, &found, &mut differences);
        sockets_and_caches(&oracle, &found, &mut differences);
        slots_of(&oracle, &found, &mut differences);
        memory(&oracle, &found, &mut differences);
        tables += 1;
        compared += differences.compared;
        wrong.extend(differences.found);
    }
    assert!(wrong.is_empty(), "{} of {compared} values differ in {tables} tables:\n{}", wrong.len(), wrong.join("\n"));
    assert!(tables > 100 && compared > 10_000, "{compared} values compared in {tables} tables");
}
