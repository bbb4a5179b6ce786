//! Traits of cards, network interfaces and disks. A card is known by its place in the machine, not by its bus number: a card
//! more or less shifts the numbers of all that follow.

use super::readings::{Absence, Area, Readings, distinct, part, tally, yes};
use crate::draw::words;
use luthier_protocol::Map;
use luthier_protocol::facts::{Block, BlockDevice, Interface, Link, Net, Pci, PciDevice};
use std::collections::BTreeMap;

pub(super) fn pci(facts: &Map, out: &mut Readings) {
    let Some(devices) = part::<Pci>(facts, "pci").and_then(|pci| pci.devices) else { return };
    let grouped = devices.iter().any(|device| device.iommu_group.is_some());
    out.one(Area::Pci, "IOMMU groups", (!devices.is_empty()).then(|| yes(grouped)));
    let mut cards: Vec<&PciDevice> = Vec::new();
    for device in devices.iter().filter(|device| device.physical_function.is_none()) {
        // What the chipset is made of is no card.
        if words::kind(device).is_some() {
            cards.push(device);
        }
    }
    for (name, absence, told) in TRAITS {
        let rows = |place: fn(&PciDevice) -> String| {
            let places = places(&cards, place);
            places.into_iter().filter_map(|(place, cards)| Some((place, told(&cards)?))).collect::<Vec<_>>()
        };
        out.items(Area::Pci, name, *absence, Some(rows(place)));
        out.plain_items(Area::Pci, name, rows(port));
    }
    let table = facts.get("firmware").and_then(|firmware| firmware.get("entry_point")?.get("version"));
    out.names_slots(table.is_some_and(|version| !version.is_null()));
}

fn places<'a>(cards: &[&'a PciDevice], place: fn(&PciDevice) -> String) -> BTreeMap<String, Vec<&'a PciDevice>> {
    let mut places: BTreeMap<String, Vec<&PciDevice>> = BTreeMap::new();
    for card in cards {
        places.entry(place(card)).or_default().push(card);
    }
    places
}

/// What the cards in one place tell: `None` where they have no such thing, `Some(None)` where it is not known.
type Told = fn(&[&PciDevice]) -> Option<Option<String>>;

const TRAITS: &[(&str, Absence, Told)] = &[
    ("card", Absence::Word("nothing"), |cards| Some(Some(tally(cards.iter().map(|card| chip(card)))))),
    ("lanes", Absence::Inapplicable, |cards| each_link(cards, lanes)),
    ("link rate", Absence::Inapplicable, |cards| {
        let awake: Vec<&PciDevice> = cards.iter().copied().filter(|card| !sleeps(card)).collect();
        each_link(&awake, rate)
    }),
    ("driver", Absence::Inapplicable, |cards| {
        Some(distinct(cards.iter().map(|card| card.driver.clone().unwrap_or_else(|| "none".to_owned()))))
    }),
    ("node", Absence::Inapplicable, |cards| {
        Some(distinct(cards.iter().filter_map(|card| card.numa.node).map(|node| node.to_string())))
    }),
    ("virtual functions", Absence::Inapplicable, |cards| {
        let count = cards.iter().filter_map(|card| card.vfs).reduce(u32::saturating_add)?;
        Some(Some(count.to_string()))
    }),
];

/// The slot, the place on the board, or what `port` says.
fn place(device: &PciDevice) -> String {
    if let Some(slot) = &device.slot {
        return format!("slot {slot}");
    }
    if let Some(label) = &device.label {
        return label.clone();
    }
    port(device)
}

/// The port it hangs off, or the address without its function: what every user may read.
fn port(device: &PciDevice) -> String {
    match device.path.first() {
        Some(port) => format!("port {port}"),
        None => device.address.rsplit_once('.').map_or(device.address.clone(), |(address, _)| address.to_owned()),
    }
}

fn chip(device: &PciDevice) -> String {
    let number = |text: &Option<String>| text.as_deref().unwrap_or("?").trim_start_matches("0x").to_owned();
    let kind = words::kind(device).unwrap_or("device");
    let numbers = format!("{}:{}", number(&device.vendor), number(&device.device));
    match &device.name {
        Some(name) => format!("{name} [{numbers}]"),
        None => format!("{kind} [{numbers}]"),
    }
}

/// Whether the rate of its link says nothing while there is nothing to do.
fn sleeps(device: &PciDevice) -> bool {
    device.class.as_deref().is_some_and(words::sleeps)
}

fn each_link(cards: &[&PciDevice], told: fn(&Link) -> Option<String>) -> Option<Option<String>> {
    let links: Vec<&Link> = cards.iter().filter_map(|card| card.link.as_ref()).collect();
    (!links.is_empty()).then(|| distinct(links.into_iter().filter_map(told)))
}

fn lanes(link: &Link) -> Option<String> {
    match link.width? {
        0 => Some("no link".to_owned()),
        width => Some(width.to_string()),
    }
}

fn rate(link: &Link) -> Option<String> {
    let (rate, _) = link.speed_gts.zip(link.width.filter(|width| *width > 0))?;
    let generation = words::generation(rate).map(|number| format!(" (gen {number})")).unwrap_or_default();
    Some(format!("{rate} GT/s{generation}"))
}

pub(super) fn network(facts: &Map, out: &mut Readings) {
    let Some(interfaces) = part::<Net>(facts, "net").and_then(|net| net.interfaces) else { return };
    // Names made of a hardware address are every machine's own, and taps come and go with VMs.
    let lasting = |one: &&Interface| match one.kind.as_deref() {
        Some("bridge" | "bond" | "vlan") => true,
        _ => one.pci.is_some() && !one.name.starts_with("enx"),
    };
    let lasting: Vec<&Interface> = interfaces.iter().filter(lasting).collect();
    let ports: Vec<&Interface> = lasting.iter().copied().filter(|one| one.pci.is_some()).collect();
    let mut items = |name: &'static str, interfaces: &[&Interface], told: fn(&Interface) -> Option<String>| {
        let rows = interfaces.iter().map(|one| (one.name.clone(), told(one)));
        out.items(Area::Network, name, Absence::Inapplicable, Some(rows));
    };
    items("MTU", &lasting, |one| Some(one.mtu?.to_string()));
    items("transmit queue length", &lasting, |one| Some(one.tx_queue_length?.to_string()));
    items("speed", &ports, speed);
    items("duplex", &ports, |one| one.duplex.clone().or_else(|| is_down(one).then(|| "no link".to_owned())));
    items("queues", &ports, |one| Some(format!("{} receive, {} transmit", one.rx_queues?, one.tx_queues?)));
    items("part of", &ports, |one| Some(one.master.clone().unwrap_or_else(|| "nothing".to_owned())));
}

fn is_down(one: &Interface) -> bool {
    matches!(one.operstate.as_deref(), Some("down" | "lowerlayerdown" | "notpresent"))
}

fn speed(one: &Interface) -> Option<String> {
    match one.speed_mbps {
        Some(mbps) if mbps >= 1000 && mbps.is_multiple_of(1000) => Some(format!("{} Gbit/s", mbps / 1000)),
        Some(mbps) => Some(format!("{mbps} Mbit/s")),
        None => is_down(one).then(|| "no link".to_owned()),
    }
}

/// Disks are counted, not named: their names follow the order in which they answered.
pub(super) fn disks(facts: &Map, out: &mut Readings) {
    let Some(devices) = part::<Block>(facts, "block").and_then(|block| block.devices) else { return };
    // A disk with several ways to it is a device of no controller; what hangs off a network is not the host's own.
    let leads = |disk: &BlockDevice| {
        disk.paths.iter().filter_map(|path| path.address.as_ref()).any(|address| !address.contains('='))
    };
    let own = |disk: &&BlockDevice| {
        (disk.pci.is_some() || leads(disk))
            && !words::is_way(&disk.name)
            && disk.removable != Some(true)
            && disk.parts_of.is_empty()
            && disk.mapper.is_none()
    };
    let own: Vec<&BlockDevice> = devices.iter().filter(own).collect();
    let model = |disk: &&BlockDevice| {
        let size = disk.size_bytes.map(|bytes| format!(" {}", words::decimal(bytes))).unwrap_or_default();
        format!("{}{size}", disk.model.as_deref().map_or("disk", str::trim))
    };
    out.one(Area::Disks, "disks", Some(tally(own.iter().map(model))));
    let mut counted = |name: &'static str, told: fn(&BlockDevice) -> Option<String>| {
        let values: Vec<String> = own.iter().filter_map(|disk| told(disk)).collect();
        out.one(Area::Disks, name, (!values.is_empty()).then(|| distinct(values)).flatten());
    };
    counted("scheduler", |disk| disk.scheduler.clone());
    counted("requests in a queue", |disk| Some(disk.nr_requests?.to_string()));
    counted("read-ahead", |disk| Some(format!("{} KiB", disk.read_ahead_kib?)));
    counted("write cache", |disk| disk.write_cache.clone());
    counted("physical block", |disk| Some(disk.physical_block?.to_string()));
}
