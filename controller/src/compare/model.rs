//! What makes hosts comparable: the maker's name for the machine, else its processors.

use super::readings::part;
use luthier_protocol::Map;
use luthier_protocol::facts::{Cpu, Firmware};

/// The keys of the facts that tell the model.
pub const KEYS: [&str; 2] = ["firmware", "cpu"];

/// What makers forget to fill in.
const PLACEHOLDERS: [&str; 7] =
    ["to be filled", "system product", "system manufacturer", "default string", "not specified", "o.e.m.", "unknown"];

/// The model of a machine: vendor and product, or the processor and the number of its sockets.
pub(super) fn model(facts: &Map) -> String {
    let firmware: Firmware = part(facts, "firmware").unwrap_or_default();
    let told = |text: &Option<String>| {
        let text = text.as_deref().map(str::trim).filter(|text| !text.is_empty())?;
        let lower = text.to_lowercase();
        (!PLACEHOLDERS.iter().any(|word| lower.contains(word))).then(|| text.to_owned())
    };
    if let Some(product) = told(&firmware.system.product) {
        return match told(&firmware.system.vendor) {
            Some(vendor) => format!("{vendor} {product}"),
            None => product,
        };
    }
    let cpu: Cpu = part(facts, "cpu").unwrap_or_default();
    match (cpu.packages, cpu.model) {
        (Some(packages), Some(model)) => format!("{packages} × {model}"),
        (None, Some(model)) => model,
        _ => "machine of unknown make".to_owned(),
    }
}
