//! Majority and deviants: what most hosts of a model have in common, and who is out of line.

use super::readings::{Family, Reading, Readings};
use crate::draw::words;
use std::collections::{BTreeMap, BTreeSet};

/// Hosts by model, with what differs within each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Models of two hosts or more, by name.
    pub groups: Vec<Group>,
    /// Hosts that are alone of their model, by name.
    pub alone: Vec<Alone>,
}

/// A host with nobody to compare it with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alone {
    /// Its name.
    pub host: String,
    /// Its model.
    pub model: String,
}

/// Hosts of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Vendor and product, or processors.
    pub model: String,
    /// Their hosts, by name.
    pub hosts: Vec<String>,
    /// How many traits were compared: those known of two hosts or more.
    pub compared: usize,
    /// Traits that are not the same everywhere.
    pub differences: Vec<Difference>,
}

/// A trait that is not the same everywhere; several items of one kind where the very same is true of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Which trait.
    pub family: Family,
    /// Its items (boot parameters, slots); empty where the trait has none.
    pub items: Vec<String>,
    /// What is true of them.
    pub verdict: Verdict,
}

/// Who has what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Hosts that the trait applies to.
    pub hosts: usize,
    /// What more than half of them have, and how many have it; `None` where nothing is that frequent.
    pub norm: Option<(String, usize)>,
    /// Those who have something else, the most frequent first. Without a norm: everybody of whom it is known.
    pub deviants: Vec<Deviant>,
    /// Those of whom it is not known.
    pub unknown: Vec<String>,
}

/// Hosts that share a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviant {
    /// The value in words.
    pub value: String,
    /// Their hosts, by name.
    pub hosts: Vec<String>,
}

/// Compares hosts of one model, given by name.
pub(super) fn group(model: String, hosts: &[(String, Readings)]) -> Group {
    let keys: BTreeSet<&(Family, String)> = hosts.iter().flat_map(|(_, readings)| readings.keys()).collect();
    let mut differences: Vec<Difference> = Vec::new();
    let mut compared = 0;
    for key in keys {
        let read = hosts.iter().filter_map(|(host, readings)| Some((host.as_str(), readings.get(key)?)));
        let read: Vec<(&str, Reading)> = read.collect();
        if read.iter().filter(|(_, reading)| *reading != Reading::Unknown).count() > 1 {
            compared += 1;
        }
        let Some(verdict) = verdict(&read) else { continue };
        let (family, item) = key;
        let item = Some(item.clone()).filter(|item| !item.is_empty());
        match differences.iter_mut().rfind(|other| other.family == *family && other.verdict == verdict) {
            Some(other) => other.items.extend(item),
            None => differences.push(Difference { family: *family, items: item.into_iter().collect(), verdict }),
        }
    }
    Group { model, hosts: hosts.iter().map(|(host, _)| host.clone()).collect(), compared, differences }
}

/// Who is out of line; `None` where nobody is, and where nothing is known.
fn verdict(read: &[(&str, Reading)]) -> Option<Verdict> {
    let scale = Scale::of(read);
    let (mut values, mut unknown) = (BTreeMap::<String, Vec<String>>::new(), Vec::new());
    for (host, reading) in read {
        match reading {
            Reading::Unknown => unknown.push((*host).to_owned()),
            Reading::Text(text) => values.entry(text.clone()).or_default().push((*host).to_owned()),
            Reading::Amount(kib) => values.entry(scale.text(*kib)).or_default().push((*host).to_owned()),
        }
    }
    if values.is_empty() || (values.len() == 1 && unknown.is_empty()) {
        return None;
    }
    let mut deviants: Vec<Deviant> = values.into_iter().map(|(value, hosts)| Deviant { value, hosts }).collect();
    // The sort is stable: among values of equal frequency the order of their texts stays.
    deviants.sort_by_key(|deviant| std::cmp::Reverse(deviant.hosts.len()));
    // Who is not known agrees with nobody, and counts as one of those who do not.
    let most = deviants.first().filter(|most| most.hosts.len() * 2 > read.len());
    let norm = most.map(|most| (most.value.clone(), most.hosts.len()));
    if norm.is_some() {
        deviants.remove(0);
    }
    Some(Verdict { hosts: read.len(), norm, deviants, unknown })
}

/// Amounts that are close to each other, put together.
struct Scale {
    /// Smallest and largest amount of each heap, ascending.
    heaps: Vec<(u64, u64)>,
}

/// Amounts that differ by less than one part in so many are the same: kernels keep a little more or less for themselves.
const CLOSE: u64 = 50;

impl Scale {
    fn of(read: &[(&str, Reading)]) -> Self {
        let amounts: BTreeSet<u64> = read
            .iter()
            .filter_map(|(_, reading)| match reading {
                Reading::Amount(kib) => Some(*kib),
                _ => None,
            })
            .collect();
        let mut heaps: Vec<(u64, u64)> = Vec::new();
        for amount in amounts {
            match heaps.last_mut() {
                // Nothing is close to zero but zero.
                Some((low, high)) if *low > 0 && amount - *high <= *high / CLOSE => *high = amount,
                _ => heaps.push((amount, amount)),
            }
        }
        Self { heaps }
    }

    /// The heap's largest amount, with the exact number where two heaps would read alike.
    fn text(&self, kib: u64) -> String {
        let high = self.heaps.iter().find(|(low, high)| (*low..=*high).contains(&kib)).map_or(kib, |(_, high)| *high);
        let alike = self.heaps.iter().filter(|(_, other)| words::size(*other) == words::size(high)).count() > 1;
        if alike { format!("{high} KiB") } else { words::size(high) }
    }
}
