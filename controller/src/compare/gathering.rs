//! Facts of hosts as they come, read down to traits, so that whole facts need not be kept.

use super::model::{self, model};
use super::norm::{self, Alone, Comparison};
use super::readings::Readings;
use super::{cards, hardware, system, tuning};
use luthier_protocol::Map;
use std::collections::BTreeMap;

type Section = fn(&Map, &mut Readings);

/// Which traits are read from which key of the facts.
const SECTIONS: [(&str, Section); 18] = [
    ("firmware", hardware::firmware),
    ("cpu", hardware::processors),
    ("numa", hardware::nodes),
    ("memory", tuning::memory),
    ("hugepages", tuning::huge_pages),
    ("thp", tuning::transparent),
    ("ksm", tuning::merging),
    ("swap", system::swap),
    ("pci", cards::pci),
    ("net", cards::network),
    ("block", cards::disks),
    ("os", system::release),
    ("kernel", system::kernel),
    ("virt", system::virtualisation),
    ("time", system::time),
    ("power", tuning::power),
    ("irqs", system::interrupts),
    ("services", system::services),
];

/// Hosts read so far, by model.
#[derive(Debug, Default)]
pub struct Gathering {
    only: Vec<String>,
    models: BTreeMap<String, Vec<(String, Readings)>>,
}

impl Gathering {
    /// Compares what these keys of the facts tell; all traits where none is given.
    pub fn new(only: &[String]) -> Self {
        Self { only: only.to_vec(), models: BTreeMap::new() }
    }

    /// The keys of the facts to ask for: those that traits are read from, and those that tell the model.
    pub fn wanted(&self) -> Vec<String> {
        let mut keys: Vec<String> = SECTIONS.iter().map(|(key, _)| (*key).to_owned()).collect();
        keys.retain(|key| self.reads(key) || model::KEYS.contains(&key.as_str()));
        // A key without traits is asked for all the same, so that a wrong name is refused where the others are.
        keys.extend(self.only.iter().filter(|key| !SECTIONS.iter().any(|(known, _)| known == key)).cloned());
        keys
    }

    fn reads(&self, key: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == key)
    }

    /// Takes the facts of a host.
    pub fn add(&mut self, host: &str, facts: &Map) {
        let mut readings = Readings::default();
        for (key, section) in SECTIONS {
            if self.reads(key) {
                section(facts, &mut readings);
            }
        }
        self.models.entry(model(facts)).or_default().push((host.to_owned(), readings));
    }

    /// Compares them.
    pub fn finish(self) -> Comparison {
        let (mut groups, mut alone) = (Vec::new(), Vec::new());
        for (model, mut hosts) in self.models {
            hosts.sort_by(|one, other| one.0.cmp(&other.0));
            Readings::level(hosts.iter_mut().map(|(_, readings)| readings));
            match hosts.as_slice() {
                [(host, _)] => alone.push(Alone { host: host.clone(), model }),
                _ => groups.push(norm::group(model, &hosts)),
            }
        }
        alone.sort_by(|one, other| one.host.cmp(&other.host));
        Comparison { groups, alone }
    }
}
