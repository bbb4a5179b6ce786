//! Interfaces, addresses, default routes, name servers, from `/sys/class/net` and `/proc/net`.
//!
//! The kernel's tables below `/proc/net` name IPv4 addresses without their interface: it is the one whose directly
//! connected network holds the address. An address outside every such network is told in `all_ipv4_addresses` only.

use crate::host::Host;
use crate::host::order::sort_by;
use luthier_protocol::{Map, Value};
use serde_json::json;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

const FOLDER: &str = "/sys/class/net";
const LOOPBACK: &str = "lo";

/// A row of the IPv4 routing table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Route {
    interface: String,
    network: Ipv4Addr,
    gateway: Ipv4Addr,
    mask: Ipv4Addr,
    metric: u32,
}

/// An IPv6 address of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Address6 {
    interface: String,
    address: Ipv6Addr,
    prefix: u32,
    scope: &'static str,
}

/// `interfaces`, one fact an interface, `all_ipv4_addresses`, `all_ipv6_addresses`, `default_ipv4`, `default_ipv6`.
pub fn interfaces(host: &Host, facts: &mut Map) {
    let text = |path: &str| host.read_text(path).unwrap_or_default();
    let routes = routes(&text("/proc/net/route"));
    let addresses = local_addresses(&text("/proc/net/fib_trie"));
    let by_interface = assign(&addresses, &routes);
    let addresses6 = addresses6(&text("/proc/net/if_inet6"));

    let mut all6: Vec<String> = Vec::new();
    let names: Vec<String> =
        host.list(FOLDER).unwrap_or_default().into_iter().filter(|name| name != "bonding_masters").collect();
    for name in &names {
        let mut interface = hardware(host, name);
        let mut v4 = by_interface.get(name).into_iter().flatten().map(|row| ipv4(name, *row));
        if let Some(first) = v4.next() {
            interface.insert("ipv4".to_owned(), first);
        }
        let others: Vec<Value> = v4.collect();
        if !others.is_empty() {
            interface.insert("ipv4_secondaries".to_owned(), Value::from(others));
        }
        // The widest scope first, as the kernel keeps them.
        let own = ["global", "unknown", "site", "link", "host"]
            .iter()
            .flat_map(|scope| addresses6.iter().filter(move |row| row.interface == *name && row.scope == *scope));
        let own: Vec<&Address6> = own.collect();
        all6.extend(own.iter().filter(|row| !row.address.is_loopback()).map(|row| row.address.to_string()));
        let v6: Vec<Value> = own.into_iter().map(ipv6).collect();
        if !v6.is_empty() {
            interface.insert("ipv6".to_owned(), Value::from(v6));
        }
        facts.insert(name.clone(), Value::Object(interface));
    }
    let all4: Vec<String> =
        addresses.iter().filter(|address| !address.is_loopback()).map(ToString::to_string).collect();
    facts.insert("interfaces".to_owned(), json!(names));
    facts.insert("all_ipv4_addresses".to_owned(), json!(all4));
    facts.insert("all_ipv6_addresses".to_owned(), json!(all6));
    facts.insert("default_ipv4".to_owned(), default4(host, &routes, &by_interface));
    facts.insert("default_ipv6".to_owned(), default6(host, &text("/proc/net/ipv6_route"), &addresses6));
}

/// IPv4 addresses of each interface with the length of their network.
pub fn ipv4_by_interface(host: &Host) -> BTreeMap<String, Vec<String>> {
    let text = |path: &str| host.read_text(path).unwrap_or_default();
    let routes = routes(&text("/proc/net/route"));
    let assigned = assign(&local_addresses(&text("/proc/net/fib_trie")), &routes);
    let write = |(address, mask): &(Ipv4Addr, Ipv4Addr)| format!("{address}/{}", mask.to_bits().count_ones());
    assigned.into_iter().map(|(name, rows)| (name, rows.iter().map(write).collect())).collect()
}

/// IPv6 addresses of each interface with the length of their network.
pub fn ipv6_by_interface(host: &Host) -> Vec<(String, String)> {
    let text = host.read_text("/proc/net/if_inet6").unwrap_or_default();
    addresses6(&text).into_iter().map(|row| (row.interface, format!("{}/{}", row.address, row.prefix))).collect()
}

/// What `/sys/class/net` says of an interface.
fn hardware(host: &Host, name: &str) -> Map {
    let folder = format!("{FOLDER}/{name}");
    let text = |file: &str| host.read_text(&format!("{folder}/{file}")).ok().map(|text| text.trim().to_owned());
    let base = |link: &str| host.read_link(&format!("{folder}/{link}")).ok()?.rsplit('/').next().map(str::to_owned);
    let folder_there = |file: &str| host.stat(&format!("{folder}/{file}")).is_ok_and(|stat| stat.is_some());
    let mut fact = Map::new();
    let mut add = |key: &str, value: Value| fact.insert(key.to_owned(), value);
    add("device", json!(name));
    add("active", json!(text("operstate").is_some_and(|state| state != "down")));
    if let Some(mac) = text("address").filter(|mac| !mac.is_empty() && mac != "00:00:00:00:00:00") {
        add("macaddress", json!(mac));
    }
    if let Some(mtu) = text("mtu").and_then(|text| text.parse::<u64>().ok()) {
        add("mtu", json!(mtu));
    }
    if let Some(speed) = text("speed").and_then(|text| text.parse::<i64>().ok()) {
        add("speed", json!(speed));
    }
    if let Some(module) = base("device/driver/module").or_else(|| base("device/driver")) {
        add("module", json!(module));
    }
    if let Some(id) = base("device") {
        add("pciid", json!(id));
    }
    let flags = text("flags").and_then(|text| u32::from_str_radix(text.trim_start_matches("0x"), 16).ok());
    // IFF_PROMISC of <linux/if.h>.
    add("promisc", json!(flags.is_some_and(|flags| flags & 0x100 != 0)));
    if folder_there("bridge") {
        add("type", json!("bridge"));
        add("interfaces", json!(host.list(&format!("{folder}/brif")).unwrap_or_default()));
        add("id", json!(text("bridge/bridge_id")));
        add("stp", json!(text("bridge/stp_state").is_some_and(|state| state == "1")));
    } else if folder_there("bonding") {
        let words =
            |file: &str| text(file).unwrap_or_default().split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        add("type", json!("bonding"));
        add("slaves", json!(words("bonding/slaves")));
        add("mode", json!(words("bonding/mode").first()));
        add("miimon", json!(text("bonding/miimon")));
        add("lacp_rate", json!(words("bonding/lacp_rate").first()));
        add("primary", json!(text("bonding/primary")));
    } else {
        // ARPHRD_ETHER, ARPHRD_INFINIBAND and ARPHRD_LOOPBACK of <linux/if_arp.h>.
        let kind = match text("type").as_deref() {
            Some("1") => "ether",
            Some("32") => "infiniband",
            Some("772") => "loopback",
            _ => "unknown",
        };
        add("type", json!(kind));
    }
    fact
}

/// Default routes, the preferred one first: interface, gateway, metric.
pub fn default_routes(text: &str) -> Vec<(String, Ipv4Addr, u32)> {
    let mut found = routes(text);
    found.retain(|route| route.mask.is_unspecified() && route.network.is_unspecified());
    sort_by(&mut found, |left: &Route, right| left.metric > right.metric);
    found.into_iter().map(|route| (route.interface, route.gateway, route.metric)).collect()
}

/// `/proc/net/route`: addresses are numbers in the machine's byte order.
fn routes(text: &str) -> Vec<Route> {
    text.lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let address = |index: usize| {
                let number = u32::from_str_radix(fields.get(index)?, 16).ok()?;
                Some(Ipv4Addr::from(number.to_ne_bytes()))
            };
            Some(Route {
                interface: (*fields.first()?).to_owned(),
                network: address(1)?,
                gateway: address(2)?,
                mask: address(7)?,
                metric: fields.get(6)?.parse().ok()?,
            })
        })
        .collect()
}

/// Addresses of this host: the entries `/32 host LOCAL` of `/proc/net/fib_trie`.
fn local_addresses(text: &str) -> Vec<Ipv4Addr> {
    let mut found = Vec::new();
    let mut last = None;
    for line in text.lines() {
        if let Some((_, address)) = line.split_once("|-- ") {
            last = address.trim().parse::<Ipv4Addr>().ok();
        } else if line.trim() == "/32 host LOCAL"
            && let Some(address) = last
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

/// Addresses with their mask by interface.
fn assign(addresses: &[Ipv4Addr], routes: &[Route]) -> BTreeMap<String, Vec<(Ipv4Addr, Ipv4Addr)>> {
    let mut by_interface: BTreeMap<String, Vec<(Ipv4Addr, Ipv4Addr)>> = BTreeMap::new();
    for address in addresses {
        if address.is_loopback() {
            by_interface.entry(LOOPBACK.to_owned()).or_default().push((*address, Ipv4Addr::new(255, 0, 0, 0)));
            continue;
        }
        let connected = routes.iter().filter(|route| {
            route.gateway.is_unspecified() && !route.mask.is_unspecified() && (*address & route.mask) == route.network
        });
        // The longest mask is the nearest network, then the lowest metric.
        let nearest = connected.max_by_key(|route| (u32::from(route.mask), u32::MAX - route.metric));
        if let Some(route) = nearest {
            by_interface.entry(route.interface.clone()).or_default().push((*address, route.mask));
        }
    }
    by_interface
}

fn ipv4(interface: &str, (address, mask): (Ipv4Addr, Ipv4Addr)) -> Value {
    let broadcast = if interface == LOOPBACK { String::new() } else { (address | !mask).to_string() };
    json!({
        "address": address.to_string(),
        "broadcast": broadcast,
        "netmask": mask.to_string(),
        "network": (address & mask).to_string(),
        "prefix": u32::from(mask).leading_ones().to_string(),
    })
}

/// `/proc/net/if_inet6`: address, number, prefix length, scope, flags, name.
fn addresses6(text: &str) -> Vec<Address6> {
    text.lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [address, _, prefix, scope, _, interface] = fields.as_slice() else { return None };
            let scope = match *scope {
                "00" => "global",
                "10" => "host",
                "20" => "link",
                "40" => "site",
                _ => "unknown",
            };
            Some(Address6 {
                interface: (*interface).to_owned(),
                address: Ipv6Addr::from(u128::from_str_radix(address, 16).ok()?),
                prefix: u32::from_str_radix(prefix, 16).ok()?,
                scope,
            })
        })
        .collect()
}

fn ipv6(row: &Address6) -> Value {
    json!({"address": row.address.to_string(), "prefix": row.prefix.to_string(), "scope": row.scope})
}

/// Hardware fields of the interface of a default route.
fn default_hardware(host: &Host, interface: &str, fact: &mut Map) {
    let hardware = hardware(host, interface);
    fact.insert("interface".to_owned(), json!(interface));
    for key in ["macaddress", "mtu", "type"] {
        if let Some(value) = hardware.get(key) {
            fact.insert(key.to_owned(), value.clone());
        }
    }
}

fn default4(host: &Host, routes: &[Route], by_interface: &BTreeMap<String, Vec<(Ipv4Addr, Ipv4Addr)>>) -> Value {
    let mut fact = Map::new();
    let defaults = routes.iter().filter(|route| route.mask.is_unspecified() && route.network.is_unspecified());
    let Some(route) = defaults.min_by_key(|route| route.metric) else { return Value::Object(fact) };
    if !route.gateway.is_unspecified() {
        fact.insert("gateway".to_owned(), json!(route.gateway.to_string()));
    }
    let rows = by_interface.get(&route.interface).cloned().unwrap_or_default();
    // The address that talks to the gateway.
    let near = rows.iter().find(|(address, mask)| (*address & *mask) == (route.gateway & *mask)).or(rows.first());
    if let Some(row) = near
        && let Value::Object(address) = ipv4(&route.interface, *row)
    {
        fact.extend(address);
    }
    default_hardware(host, &route.interface, &mut fact);
    fact.insert("alias".to_owned(), json!(route.interface));
    Value::Object(fact)
}

/// `/proc/net/ipv6_route`: network, prefix, source, prefix, gateway, metric, …, flags, interface.
fn default6(host: &Host, text: &str, addresses: &[Address6]) -> Value {
    let mut fact = Map::new();
    let default = text
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let number = |index: usize| u128::from_str_radix(fields.get(index)?, 16).ok();
            let interface = (*fields.get(9)?).to_owned();
            let everything = number(0)? == 0 && number(1)? == 0;
            (everything && interface != LOOPBACK).then_some((number(5)?, Ipv6Addr::from(number(4)?), interface))
        })
        .min();
    let Some((_, gateway, interface)) = default else { return Value::Object(fact) };
    fact.insert("gateway".to_owned(), json!(gateway.to_string()));
    let own = addresses.iter().filter(|row| row.interface == interface);
    if let Some(row) = own.clone().find(|row| row.scope == "global").or_else(|| own.clone().next())
        && let Value::Object(address) = ipv6(row)
    {
        fact.extend(address);
    }
    default_hardware(host, &interface, &mut fact);
    Value::Object(fact)
}

/// `dns`: `/etc/resolv.conf`.
pub fn resolver(host: &Host, facts: &mut Map) {
    let mut dns = Map::new();
    let mut servers: Vec<&str> = Vec::new();
    let text = host.read_text("/etc/resolv.conf").unwrap_or_default();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["nameserver", server, ..] => servers.push(server),
            ["domain", domain, ..] => {
                dns.insert("domain".to_owned(), json!(domain));
            }
            [name @ ("search" | "sortlist"), rest @ ..] => {
                dns.insert((*name).to_owned(), json!(rest));
            }
            ["options", rest @ ..] => {
                let option = |word: &&str| match word.split_once(':') {
                    Some((name, value)) => (name.to_owned(), Value::from(value)),
                    None => ((*word).to_owned(), Value::from(true)),
                };
                dns.insert("options".to_owned(), Value::Object(rest.iter().map(option).collect()));
            }
            _ => {}
        }
    }
    if !servers.is_empty() {
        dns.insert("nameservers".to_owned(), json!(servers));
    }
    facts.insert("dns".to_owned(), Value::Object(dns));
}

/// `iscsi_iqn` and `hostnqn`: the names this host gives itself as a storage client.
pub fn storage_names(host: &Host, facts: &mut Map) {
    let iscsi = host.read_text("/etc/iscsi/initiatorname.iscsi").unwrap_or_default();
    let name = iscsi.lines().find_map(|line| line.trim().strip_prefix("InitiatorName="));
    facts.insert("iscsi_iqn".to_owned(), json!(name.unwrap_or_default()));
    let nqn = host.read_text("/etc/nvme/hostnqn").unwrap_or_default();
    let name = nqn.lines().map(str::trim).find(|line| line.starts_with("nqn."));
    facts.insert("hostnqn".to_owned(), json!(name.unwrap_or_default()));
}
