//! The traits of one host: what it is compared by, with what was read of it.

use luthier_protocol::Map;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a trait is about, in the order in which it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Area {
    /// BIOS, board.
    Firmware,
    /// Sockets, cores, threads, microcode.
    Processors,
    /// DIMMs, nodes, settings of the memory manager.
    Memory,
    /// Cards, links.
    Pci,
    /// Network interfaces.
    Network,
    /// Disks.
    Disks,
    /// Distribution, kernel, boot parameters.
    System,
    /// Huge pages, transparent huge pages, samepage merging.
    Pages,
    /// Frequencies and idle states.
    Power,
    /// Clock sources.
    Time,
    /// KVM and its modules.
    Virtualisation,
    /// Daemons that tune hosts, and interrupts.
    Services,
}

impl Area {
    /// Its name for people and programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Firmware => "firmware",
            Self::Processors => "processors",
            Self::Memory => "memory",
            Self::Pci => "PCI",
            Self::Network => "network",
            Self::Disks => "disks",
            Self::System => "system",
            Self::Pages => "pages",
            Self::Power => "power",
            Self::Time => "time",
            Self::Virtualisation => "virtualisation",
            Self::Services => "services",
        }
    }
}

/// A kind of trait; it may have several items (boot parameters, slots).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Family {
    /// What it is about.
    pub area: Area,
    /// Its name (`BIOS version`, `boot parameter`).
    pub name: &'static str,
}

/// What was read of one trait.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reading {
    /// It could not be read: no value, and no agreement with anything.
    Unknown,
    /// A value in words.
    Text(String),
    /// An amount in KiB, of which the kernel keeps more or less for itself: amounts close to each other are the same.
    Amount(u64),
}

/// What a host without an item means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absence {
    /// Nothing of the family could be read.
    Unknown,
    /// The item is not there, in these words: as good a value as any.
    Word(&'static str),
    /// The trait does not apply to the host; another trait tells why.
    Inapplicable,
}

/// All traits of one host.
#[derive(Debug, Clone, Default)]
pub(super) struct Readings {
    rows: BTreeMap<(Family, String), Reading>,
    absences: BTreeMap<Family, Absence>,
    /// Rows in the stead of those of the same families, with items by names that every user may read.
    plain: BTreeMap<(Family, String), Reading>,
    /// Whether the firmware's names of slots could be read; `None` where no names are needed.
    named: Option<bool>,
}

impl Readings {
    /// A trait without items.
    pub(super) fn one(&mut self, area: Area, name: &'static str, value: Option<impl Into<String>>) {
        self.row(Family { area, name }, String::new(), value.map(Into::into));
    }

    /// An amount in KiB.
    pub(super) fn amount(&mut self, area: Area, name: &'static str, item: &str, kib: Option<u64>) {
        let family = Family { area, name };
        self.rows.insert((family, item.to_owned()), kib.map_or(Reading::Unknown, Reading::Amount));
        self.absences.entry(family).or_insert(Absence::Inapplicable);
    }

    /// The items of a family; `None` where nothing of it could be read.
    pub(super) fn items(
        &mut self,
        area: Area,
        name: &'static str,
        absence: Absence,
        items: Option<impl IntoIterator<Item = (String, Option<String>)>>,
    ) {
        let family = Family { area, name };
        self.absences.insert(family, if items.is_some() { absence } else { Absence::Unknown });
        for (item, value) in items.into_iter().flatten() {
            self.row(family, item, value);
        }
    }

    /// The items of a family again, under names that every user may read.
    pub(super) fn plain_items(
        &mut self,
        area: Area,
        name: &'static str,
        items: impl IntoIterator<Item = (String, Option<String>)>,
    ) {
        let reading = |value: Option<String>| value.map_or(Reading::Unknown, Reading::Text);
        self.plain.extend(items.into_iter().map(|(item, value)| ((Family { area, name }, item), reading(value))));
    }

    /// Says whether the firmware's names of slots could be read.
    pub(super) fn names_slots(&mut self, named: bool) {
        self.named = Some(named);
    }

    /// Where only some of these hosts told the names of their slots, all are compared by plain names: a card is not gone since
    /// its slot has another name.
    pub(super) fn level<'a>(hosts: impl Iterator<Item = &'a mut Self>) {
        let hosts: Vec<&mut Self> = hosts.filter(|host| host.named.is_some()).collect();
        if hosts.iter().all(|host| host.named == Some(true)) || hosts.iter().all(|host| host.named == Some(false)) {
            return;
        }
        for host in hosts {
            let plain = std::mem::take(&mut host.plain);
            let families: BTreeSet<Family> = plain.keys().map(|(family, _)| *family).collect();
            host.rows.retain(|(family, _), _| !families.contains(family));
            host.rows.extend(plain);
        }
    }

    fn row(&mut self, family: Family, item: String, value: Option<String>) {
        self.rows.insert((family, item), value.map_or(Reading::Unknown, Reading::Text));
    }

    /// Every trait.
    pub(super) fn keys(&self) -> impl Iterator<Item = &(Family, String)> {
        self.rows.keys()
    }

    /// What is known of a trait; `None` where it does not apply to the host.
    pub(super) fn get(&self, key: &(Family, String)) -> Option<Reading> {
        match self.rows.get(key) {
            Some(reading) => Some(reading.clone()),
            None => match self.absences.get(&key.0) {
                Some(Absence::Word(word)) => Some(Reading::Text((*word).to_owned())),
                Some(Absence::Inapplicable) => None,
                Some(Absence::Unknown) | None => Some(Reading::Unknown),
            },
        }
    }
}

/// A part of the facts; `None` where it was not asked for, could not be read or has another form.
pub(super) fn part<'a, T: Deserialize<'a>>(facts: &'a Map, key: &str) -> Option<T> {
    facts.get(key).and_then(|value| T::deserialize(value).ok())
}

/// Equal values counted, the most frequent first: `14 × 32 GiB, 2 × 16 GiB`; without counts where all are different.
pub(super) fn tally(values: impl IntoIterator<Item = String>) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    let mut rows: Vec<(String, usize)> = counts.into_iter().collect();
    rows.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    match rows.as_slice() {
        [] => "none".to_owned(),
        // Many different things, one of each, need no count.
        rows if rows.iter().all(|(_, count)| *count == 1) => {
            rows.iter().map(|(value, _)| value.as_str()).collect::<Vec<_>>().join(", ")
        }
        rows => rows.iter().map(|(value, count)| format!("{count} × {value}")).collect::<Vec<_>>().join(", "),
    }
}

/// Different values, each once: `2933, 3200`.
pub(super) fn distinct(values: impl IntoIterator<Item = String>) -> Option<String> {
    let found: BTreeSet<String> = values.into_iter().collect();
    (!found.is_empty()).then(|| found.into_iter().collect::<Vec<_>>().join(", "))
}

/// `yes`, `no`.
pub(super) fn yes(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}
