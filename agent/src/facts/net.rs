//! `net`: network interfaces. The kernel's account: `Documentation/ABI/testing/sysfs-class-net`.

use super::probe::Probe;
use super::{FactError, FactSource, ansible, netsettings, pcitree};
use crate::host::Host;
use luthier_protocol::facts::Fact;
use luthier_protocol::facts::{Channels, Interface, Rings};
use luthier_protocol::{Map, Value};
use std::collections::BTreeMap;

const FOLDER: &str = "/sys/class/net";

/// ARPHRD_ETHER and ARPHRD_LOOPBACK of `<linux/if_arp.h>`.
const ETHERNET: u32 = 1;
const LOOPBACK: u32 = 772;

/// The source of `net`.
#[derive(Debug)]
pub struct Net;

impl FactSource for Net {
    fn key(&self) -> &'static str {
        "net"
    }

    fn read(&self, host: &Host, errors: &mut Vec<FactError>) -> Value {
        let mut probe = Probe::new(host, errors);
        let names = probe.list("net.interfaces", FOLDER);
        // `bonding_masters` is a file among the interfaces.
        let interfaces: Option<Vec<Interface>> = names.map(|names| {
            let named = names.into_iter().filter(|name| name != "bonding_masters");
            let addresses = ansible::ipv4_by_interface(host);
            let wide = ansible::ipv6_by_interface(host);
            named
                .map(|name| {
                    let own = wide.iter().filter(|(interface, _)| *interface == name);
                    let ipv6 = own.map(|(_, address)| address.clone()).collect();
                    Interface { ipv6, ..interface(&mut probe, name, &addresses) }
                })
                .collect()
        });
        let mut net = Map::new();
        net.insert("interfaces".to_owned(), interfaces.value());
        net.insert("default_routes".to_owned(), netsettings::default_routes(&mut probe));
        let mut net = Value::Object(net);
        netsettings::fill(&mut probe, &mut net);
        net
    }
}

fn interface(probe: &mut Probe<'_>, name: String, addresses: &BTreeMap<String, Vec<String>>) -> Interface {
    let folder = format!("{FOLDER}/{name}");
    let key = |field: &str| format!("net.interfaces[{name}].{field}");
    // Without a link the kernel answers -1 or an error.
    let speed: Option<i64> = probe.quiet_number(&format!("{folder}/speed"));
    let queues = probe.host.list(&format!("{folder}/queues")).ok();
    let count = |prefix: &str| {
        let names = queues.as_ref()?;
        u32::try_from(names.iter().filter(|name| name.starts_with(prefix)).count()).ok()
    };
    let (rx_queues, tx_queues) = (count("rx-"), count("tx-"));
    if queues.is_none() {
        probe.note(&key("rx_queues"), &format!("{folder}/queues"), "no such file");
    }
    let pci = pci(probe, &folder);
    let base = |link: std::io::Result<String>| link.ok()?.rsplit('/').next().map(str::to_owned);
    Interface {
        index: probe.number(&key("index"), &format!("{folder}/ifindex")),
        address: probe.text(&key("address"), &format!("{folder}/address")),
        mtu: probe.number(&key("mtu"), &format!("{folder}/mtu")),
        operstate: probe.text(&key("operstate"), &format!("{folder}/operstate")),
        speed_mbps: speed.and_then(|speed| u64::try_from(speed).ok()),
        duplex: probe.quiet(&format!("{folder}/duplex")).filter(|text| *text != "unknown").map(str::to_owned),
        kind: kind(probe, &name),
        master: base(probe.host.read_link(&format!("{folder}/master"))),
        driver: base(probe.host.read_link(&format!("{folder}/device/driver"))),
        numa_node: numa_node(probe, &folder, pci.as_deref()),
        pci,
        ipv4: addresses.get(&name).cloned().unwrap_or_default(),
        ipv6: Vec::new(),
        channels: channels(probe.host, &name),
        rings: rings(probe.host, &name),
        offloads: offloads(probe.host, &name),
        tx_queue_length: probe.quiet_number(&format!("{folder}/tx_queue_len")),
        rx_queues,
        tx_queues,
        name,
        ..Interface::default()
    }
}

/// `ETHTOOL_GCHANNELS`: most receiving, sending, other and combined ones, then how many there are of each.
fn channels(host: &Host, name: &str) -> Option<Channels> {
    match host.ethtool(name, 0x3c)?.as_slice() {
        [rx_max, tx_max, _, combined_max, rx, tx, _, combined, ..] => Some(Channels {
            combined: *combined,
            combined_max: *combined_max,
            rx: *rx,
            rx_max: *rx_max,
            tx: *tx,
            tx_max: *tx_max,
        }),
        _ => None,
    }
}

/// `ETHTOOL_GRINGPARAM`: most for receiving (plain, small and large frames) and sending, then what is set.
fn rings(host: &Host, name: &str) -> Option<Rings> {
    match host.ethtool(name, 0x10)?.as_slice() {
        [rx_max, _, _, tx_max, rx, _, _, tx, ..] => Some(Rings { rx: *rx, rx_max: *rx_max, tx: *tx, tx_max: *tx_max }),
        _ => None,
    }
}

/// The commands that ask for one offload each, and the bit of the answer that counts.
const OFFLOADS: [(&str, u32, u32); 7] = [
    ("gro", 0x2b, 1),
    ("gso", 0x23, 1),
    // ETHTOOL_GFLAGS, ETH_FLAG_LRO.
    ("lro", 0x25, 1 << 15),
    ("rx_checksum", 0x14, 1),
    ("scatter_gather", 0x18, 1),
    ("tso", 0x1e, 1),
    ("tx_checksum", 0x16, 1),
];

fn offloads(host: &Host, name: &str) -> Option<BTreeMap<String, bool>> {
    let mut found = BTreeMap::new();
    for (offload, command, bit) in OFFLOADS {
        if let Some(answer) = host.ethtool(name, command) {
            found.insert(offload.to_owned(), answer.first().is_some_and(|word| word & bit != 0));
        }
    }
    (!found.is_empty()).then_some(found)
}

/// The PCI device that an interface's path leads through.
fn pci(probe: &Probe<'_>, folder: &str) -> Option<String> {
    let link = probe.host.read_link(folder).ok()?;
    link.rsplit('/').find(|part| pcitree::is_address(part)).map(str::to_owned)
}

/// The node by the device's own word, else by that of the PCI function it belongs to: virtio devices have none.
fn numa_node(probe: &mut Probe<'_>, folder: &str, pci: Option<&str>) -> Option<u32> {
    let mut number = |path: &str| probe.quiet_number::<i64>(path);
    let own = number(&format!("{folder}/device/numa_node"));
    let node = own.or_else(|| number(&format!("/sys/bus/pci/devices/{}/numa_node", pci?)));
    node.and_then(|node| u32::try_from(node).ok())
}

/// What an interface is.
fn kind(probe: &mut Probe<'_>, name: &str) -> Option<String> {
    let folder = format!("{FOLDER}/{name}");
    let number: u32 = probe.number(&format!("net.interfaces[{name}].kind"), &format!("{folder}/type"))?;
    let has = |path: &str| probe.exists(&format!("{folder}/{path}"));
    let kind = match number {
        LOOPBACK => "loopback",
        _ if has("bridge") => "bridge",
        _ if has("bonding") => "bond",
        _ if has("tun_flags") => "tap",
        _ if probe.exists(&format!("/proc/net/vlan/{name}")) => "vlan",
        ETHERNET if has("device") => "ethernet",
        ETHERNET => "virtual",
        _ => "other",
    };
    Some(kind.to_owned())
}
