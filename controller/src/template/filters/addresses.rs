//! Addresses and networks, as the filters of `ansible.utils` tell of them: `ipaddr` and its kin.

use super::table::{Filter, of, required, subject, text, whole};
use crate::template::error::{Fault, Outcome};
use crate::template::interpreter::Interpreter;
use crate::template::val::{Args, Val};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const IPADDR: Filter = of(|interpreter, value, args| ipaddr(interpreter, value, args, None));
const IPV4: Filter = of(|interpreter, value, args| ipaddr(interpreter, value, args, Some(32)));
const IPV6: Filter = of(|interpreter, value, args| ipaddr(interpreter, value, args, Some(128)));

pub(super) const FILTERS: &[(&str, Filter)] = &[
    ("ipaddr", IPADDR),
    ("ansible.utils.ipaddr", IPADDR),
    ("ipv4", IPV4),
    ("ansible.utils.ipv4", IPV4),
    ("ipv6", IPV6),
    ("ansible.utils.ipv6", IPV6),
    ("ipwrap", of(ipwrap)),
    ("ansible.utils.ipwrap", of(ipwrap)),
    ("nthhost", of(nthhost)),
    ("ansible.utils.nthhost", of(nthhost)),
    ("ipmath", of(ipmath)),
    ("ansible.utils.ipmath", of(ipmath)),
];

/// An address, perhaps with the length of its network's prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Net {
    ip: u128,
    /// 32 or 128.
    bits: u32,
    prefix: u32,
    /// A prefix was written.
    is_network: bool,
}

impl Net {
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.trim().split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text.trim(), None),
        };
        let (ip, bits) = match address.parse::<IpAddr>().ok()? {
            IpAddr::V4(ip) => (u128::from(u32::from(ip)), 32),
            IpAddr::V6(ip) => (u128::from(ip), 128),
        };
        let length = match prefix {
            None => bits,
            Some(prefix) => prefix.parse().ok().filter(|length| *length <= bits).or_else(|| mask(prefix, bits))?,
        };
        Some(Self { ip, bits, prefix: length, is_network: prefix.is_some() })
    }

    /// The bits that tell hosts of the network apart, all set.
    fn host_bits(self) -> u128 {
        let host = self.bits - self.prefix;
        if host == 128 { u128::MAX } else { (1_u128 << host) - 1 }
    }

    fn network(self) -> u128 {
        self.ip & !self.host_bits()
    }

    fn last(self) -> u128 {
        self.network() | self.host_bits()
    }

    /// Whether the network has so few addresses: one, or two.
    fn is_single(self) -> bool {
        self.host_bits() == 0
    }

    fn is_pair(self) -> bool {
        self.host_bits() == 1
    }

    /// Whether the address is one a host can have.
    fn is_host(self) -> bool {
        self.is_single() || self.is_pair() || !(self.ip == self.network() || self.bits == 32 && self.ip == self.last())
    }

    fn show(self, ip: u128) -> String {
        match self.bits {
            32 => Ipv4Addr::from(u32::try_from(ip & u128::from(u32::MAX)).unwrap_or_default()).to_string(),
            _ => Ipv6Addr::from(ip).to_string(),
        }
    }

    fn with_prefix(self, ip: u128) -> String {
        format!("{}/{}", self.show(ip), self.prefix)
    }

    /// As it was written.
    fn written(self) -> String {
        if self.is_network { self.with_prefix(self.ip) } else { self.show(self.ip) }
    }

    /// The nth address of the network; from its end where negative.
    fn nth(self, number: i128) -> Option<u128> {
        let steps = number.unsigned_abs();
        let ip = if number < 0 {
            self.last().checked_sub(steps.checked_sub(1)?)?
        } else {
            self.network().checked_add(steps)?
        };
        (ip >= self.network() && ip <= self.last()).then_some(ip)
    }

    fn netmask(self) -> String {
        let all = if self.bits == 32 { u128::from(u32::MAX) } else { u128::MAX };
        self.show(all & !self.host_bits())
    }

    fn has(self, other: Self) -> bool {
        self.bits == other.bits && other.network() >= self.network() && other.last() <= self.last()
    }
}

/// `255.255.255.0` as the length of a prefix.
fn mask(text: &str, bits: u32) -> Option<u32> {
    let mask = u32::from(text.parse::<Ipv4Addr>().ok().filter(|_| bits == 32)?);
    let length = mask.leading_ones();
    (length == 32 - mask.trailing_zeros().min(32)).then_some(length)
}

/// The value if it is an address (of this family), or what the query asks of it; `False` where it is none.
fn ipaddr(interpreter: &Interpreter<'_>, value: Val, args: Args, family: Option<u32>) -> Outcome<Val> {
    let [query] = args.bind(["query"])?;
    let query = text(interpreter, query)?.unwrap_or_default();
    if value.is_list() {
        let mut out = Vec::new();
        for item in interpreter.items(&value)? {
            let found = ask(interpreter, &item, &query, family)?;
            if !matches!(found, Val::Bool(false) | Val::Null) {
                out.push(found);
            }
        }
        return Ok(Val::from(out));
    }
    ask(interpreter, &value, &query, family)
}

fn ask(interpreter: &Interpreter<'_>, value: &Val, query: &str, family: Option<u32>) -> Outcome<Val> {
    let parsed = match value {
        Val::Str(text) => Net::parse(text),
        Val::Bool(_) | Val::Null => None,
        other => Net::parse(&subject(interpreter, other)?),
    };
    match parsed.filter(|net| family.is_none_or(|bits| bits == net.bits)) {
        Some(net) => answer(net, query),
        None => Ok(Val::from(false)),
    }
}

fn answer(net: Net, query: &str) -> Outcome<Val> {
    let some = |text: Option<String>| text.map_or(Val::Null, Val::from);
    let is = |holds: bool| if holds { Val::from(net.written()) } else { Val::from(false) };
    Ok(match query {
        "" => Val::from(net.written()),
        "address" | "ip" => some(net.is_host().then(|| net.show(net.ip))),
        "host" | "address/prefix" | "host/prefix" | "gateway" | "gw" | "router" | "ip/prefix" | "hostnet" => {
            some((net.is_host() && !net.is_single()).then(|| net.with_prefix(net.ip)))
        }
        "network" | "network_id" => some((!net.is_single()).then(|| net.show(net.network()))),
        "net" => some((!net.is_single() && net.ip == net.network()).then(|| net.with_prefix(net.network()))),
        "subnet" | "network/prefix" | "cidr" => Val::from(net.with_prefix(net.network())),
        "netmask" => Val::from(net.netmask()),
        "hostmask" | "wildcard" => Val::from(net.show(net.host_bits())),
        "prefix" => Val::from(i128::from(net.prefix)),
        "broadcast" => some((net.bits == 32 && net.host_bits() > 1).then(|| net.show(net.last()))),
        "size" => Val::from(i128::try_from(net.host_bits()).unwrap_or(i128::MAX).saturating_add(1)),
        "bool" => Val::from(true),
        "int" => Val::from(i128::try_from(net.ip).unwrap_or(i128::MAX)),
        "version" => Val::from(if net.bits == 32 { 4_i128 } else { 6 }),
        "type" => Val::from(if net.is_network { "network" } else { "address" }),
        "ipv4" | "v4" => is(net.bits == 32),
        "ipv6" | "v6" => is(net.bits == 128),
        "wrap" => Val::from(wrapped(net)),
        "first_usable" => some((!net.is_single()).then(|| net.show(net.network() + u128::from(!net.is_pair())))),
        "last_usable" => {
            let kept = net.is_pair() || net.bits == 128;
            some((!net.is_single()).then(|| net.show(net.last() - u128::from(!kept))))
        }
        query => match (query.parse::<i128>(), Net::parse(query)) {
            (Ok(number), _) => some(net.nth(number).map(|ip| net.with_prefix(ip))),
            (_, Some(around)) => is(around.has(net)),
            _ => return Err(Fault::new(format!("ipaddr does not know the query '{query}'"))),
        },
    })
}

fn wrapped(net: Net) -> String {
    match (net.bits, net.is_network) {
        (128, true) => format!("[{}]/{}", net.show(net.ip), net.prefix),
        (128, false) => format!("[{}]", net.show(net.ip)),
        _ => net.written(),
    }
}

/// Brackets around a version 6 address; anything else stays as it is.
fn ipwrap(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [_query] = args.bind(["query"])?;
    if value.is_list() {
        let items = interpreter.items(&value)?;
        return Ok(Val::from(items.into_iter().map(wrap).collect::<Vec<_>>()));
    }
    Ok(wrap(value))
}

fn wrap(value: Val) -> Val {
    match &value {
        Val::Str(text) => Net::parse(text).filter(|net| net.bits == 128).map_or(value, |net| Val::from(wrapped(net))),
        _ => value,
    }
}

fn nthhost(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [number] = args.bind(["query"])?;
    let number = whole(number, 0)?;
    let net = Net::parse(&subject(interpreter, &value)?);
    let host = net.and_then(|net| net.nth(number).map(|ip| net.show(ip)));
    Ok(host.map_or(Val::from(false), Val::from))
}

fn ipmath(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [amount] = args.bind(["amount"])?;
    let amount = whole(Some(required(amount, "amount")?), 0)?;
    let given = subject(interpreter, &value)?;
    let net =
        Net::parse(&given).ok_or_else(|| Fault::new(format!("you must pass a valid IP address, not '{given}'")))?;
    let limit = if net.bits == 32 { u128::from(u32::MAX) } else { u128::MAX };
    let moved = net.ip.checked_add_signed(amount).filter(|ip| *ip <= limit);
    moved
        .map(|ip| Val::from(net.show(ip)))
        .ok_or_else(|| Fault::new(format!("{amount} from {given} is no address any more")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(value: &str, query: &str) -> String {
        let Some(net) = Net::parse(value) else { return "False".to_owned() };
        match answer(net, query) {
            Ok(Val::Str(text)) => text.to_string(),
            Ok(Val::Int(number)) => number.to_string(),
            Ok(Val::Bool(false)) => "False".to_owned(),
            Ok(Val::Null) => "None".to_owned(),
            _ => "?".to_owned(),
        }
    }

    /// What ansible.utils answers.
    #[test]
    fn addresses_and_networks_answer_as_ansibles() {
        for (value, query, wanted) in [
            ("192.0.2.7/24", "", "192.0.2.7/24"),
            ("192.0.2.7", "", "192.0.2.7"),
            ("192.0.2.7/24", "address", "192.0.2.7"),
            ("192.0.2.0/24", "address", "None"),
            ("192.0.2.7/24", "network", "192.0.2.0"),
            ("192.0.2.7/24", "network/prefix", "192.0.2.0/24"),
            ("192.0.2.7/255.255.255.0", "prefix", "24"),
            ("192.0.2.7/24", "netmask", "255.255.255.0"),
            ("192.0.2.7/24", "broadcast", "192.0.2.255"),
            ("192.0.2.0/24", "1", "192.0.2.1/24"),
            ("192.0.2.0/24", "-1", "192.0.2.255/24"),
            ("192.0.2.0/24", "size", "256"),
            ("192.0.2.7", "192.0.2.0/24", "192.0.2.7"),
            ("198.51.100.7", "192.0.2.0/24", "False"),
            ("2001:db8::1/64", "subnet", "2001:db8::/64"),
            ("2001:db8::1", "wrap", "[2001:db8::1]"),
            ("2001:db8::1", "ipv4", "False"),
            ("no address", "", "False"),
            ("300.0.0.1", "", "False"),
            ("10.0.0.0/8/8", "", "False"),
        ] {
            assert_eq!(asked(value, query), wanted, "{value} {query}");
        }
        assert_eq!(Net::parse("::/0").map(Net::host_bits), Some(u128::MAX));
    }
}
