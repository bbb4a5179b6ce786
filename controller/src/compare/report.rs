//! A comparison for programs, version 1: groups, traits, norm, deviants.

use super::norm::{Alone, Comparison, Deviant, Difference, Group};
use serde_json::{Value, json};

/// Version of the form.
const VERSION: u32 = 1;

impl Comparison {
    /// One object. A norm that is `null` means that no value is that frequent; `unknown` are hosts of whom the trait could not
    /// be read.
    pub fn report(&self) -> Value {
        json!({
            "version": VERSION,
            "groups": self.groups.iter().map(group).collect::<Vec<_>>(),
            "alone": self.alone.iter().map(|Alone { host, model }| json!({"host": host, "model": model})).collect::<Vec<_>>(),
        })
    }
}

fn group(group: &Group) -> Value {
    json!({
        "model": group.model,
        "hosts": group.hosts,
        "compared": group.compared,
        "traits": group.differences.iter().map(difference).collect::<Vec<_>>(),
    })
}

fn difference(difference: &Difference) -> Value {
    let verdict = &difference.verdict;
    let deviant = |Deviant { value, hosts }: &Deviant| json!({"value": value, "hosts": hosts});
    json!({
        "area": difference.family.area.word(),
        "trait": difference.family.name,
        "items": difference.items,
        "hosts": verdict.hosts,
        "norm": verdict.norm.as_ref().map(|(value, count)| json!({"value": value, "hosts": count})),
        "deviants": verdict.deviants.iter().map(deviant).collect::<Vec<_>>(),
        "unknown": verdict.unknown,
    })
}
