//! What a drawing lacks since the host did not tell it, with the host's reasons.

use super::words;
use luthier_protocol::{Map, Value};

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Its key among the facts.
    pub key: String,
    /// Path and reason, where the host gave them.
    pub reason: Option<String>,
}

/// Parts of the facts without which a whole part of the picture is not there. A part of the firmware's table is told only where
/// there is a table.
const PARTS: [&str; 6] = [
    "cpu.topology",
    "pci.devices",
    "net.interfaces",
    "block.devices",
    "firmware.processors",
    "firmware.memory_devices",
];

/// What could not be read of these keys; those that were not asked for are not told.
pub fn missing<'a>(facts: &Map, keys: impl IntoIterator<Item = &'a str>) -> Vec<Missing> {
    let errors = facts.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let reason = |wanted: &str| errors.iter().find(|row| text(row, "key") == Some(wanted)).map(reason);
    let mut found = Vec::new();
    for key in keys {
        match facts.get(key) {
            None => {}
            Some(Value::Null) => found.push(Missing { key: key.to_owned(), reason: reason(key) }),
            Some(_) => {
                for part in PARTS.iter().filter(|part| part.split('.').next() == Some(key)) {
                    let reason = reason(part).filter(|reason| key != "firmware" || !reason.contains(": no such file"));
                    found.extend(reason.map(|reason| Missing { key: (*part).to_owned(), reason: Some(reason) }));
                }
            }
        }
    }
    found
}

fn text<'a>(row: &'a Value, field: &str) -> Option<&'a str> {
    row.get(field).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn reason(row: &Value) -> String {
    [text(row, "path"), text(row, "reason")].into_iter().flatten().collect::<Vec<_>>().join(": ")
}

/// `could not read: pci (/sys/bus/pci/devices: no such file), vms`; `None` where all was read. Keys that share a reason share its
/// words.
pub fn sentence(missing: &[Missing]) -> Option<String> {
    let mut groups: Vec<(Vec<&str>, Option<&String>)> = Vec::new();
    for one in missing {
        match groups.last_mut() {
            Some((keys, reason)) if *reason == one.reason.as_ref() => keys.push(&one.key),
            _ => groups.push((vec![one.key.as_str()], one.reason.as_ref())),
        }
    }
    let told = groups.iter().map(|(keys, reason)| {
        let reason = reason.map(|reason| format!(" ({})", words::cut(reason, 120))).unwrap_or_default();
        format!("{}{reason}", keys.join(", "))
    });
    (!groups.is_empty()).then(|| format!("could not read: {}", told.collect::<Vec<_>>().join(", ")))
}
