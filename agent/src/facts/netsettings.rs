//! What an interface is set to, and where packets go that no other route takes. The kernel's account:
//! `Documentation/networking/ip-sysctl.rst`.

use super::ansible;
use super::pcitree::hexadecimal;
use super::probe::Probe;
use luthier_protocol::facts::{DefaultRoute, Interface};

/// Settings of IPv4 of which the kernel takes the greater of the common and the interface's own value.
const SETTINGS: [&str; 4] = ["arp_filter", "arp_ignore", "arp_announce", "rp_filter"];

/// Bits of `<linux/if_tun.h>`.
const TUN_FLAGS: [(u32, &str); 6] =
    [(0x1, "tun"), (0x2, "tap"), (0x100, "multi_queue"), (0x800, "persist"), (0x1000, "no_pi"), (0x4000, "vnet_hdr")];

/// One value for each of the settings.
pub type Values = [Option<u32>; SETTINGS.len()];

fn values(probe: &mut Probe<'_>, name: &str) -> Values {
    SETTINGS.map(|setting| probe.quiet_number(&format!("/proc/sys/net/ipv4/conf/{name}/{setting}")))
}

/// The settings common to all interfaces.
pub fn common(probe: &mut Probe<'_>) -> Values {
    values(probe, "all")
}

/// An interface with what it is set to.
pub fn with_settings(probe: &mut Probe<'_>, common: &Values, row: Interface) -> Interface {
    let own = values(probe, &row.name);
    let greater = |at: usize| Some((*common.get(at)?)?.max((*own.get(at)?)?));
    let folder = format!("/sys/class/net/{}", row.name);
    let flags = match row.kind.as_deref() {
        Some("tap") => probe.quiet(&format!("{folder}/tun_flags")).and_then(hexadecimal),
        _ => None,
    };
    let words = |flags: u32| {
        let set = TUN_FLAGS.iter().filter(|(bit, _)| flags & bit != 0);
        set.map(|(_, word)| (*word).to_owned()).collect()
    };
    Interface {
        carrier: probe.quiet_number::<u32>(&format!("{folder}/carrier")).map(|there| there != 0),
        arp_filter: greater(0),
        arp_ignore: greater(1),
        arp_announce: greater(2),
        rp_filter: greater(3),
        tun_flags: flags.map(words),
        ..row
    }
}

/// Default routes of IPv4, the preferred one first.
pub fn default_routes(probe: &mut Probe<'_>) -> Option<Vec<DefaultRoute>> {
    let routes = ansible::default_routes(&probe.file("net.default_routes", "/proc/net/route")?);
    let row = |(interface, gateway, metric): (String, std::net::Ipv4Addr, u32)| DefaultRoute {
        interface,
        gateway: (!gateway.is_unspecified()).then(|| gateway.to_string()),
        metric,
    };
    Some(routes.into_iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::super::gather;
    use crate::host::Host;
    use luthier_protocol::Value;
    use serde_json::json;

    #[test]
    fn settings_flags_and_routes() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        for (name, values) in [("all", ["0", "1", "0", "2"]), ("eth0", ["1", "0", "2", "1"]), ("vnet0", ["0"; 4])] {
            for (setting, value) in super::SETTINGS.iter().zip(values) {
                write(&format!("proc/sys/net/ipv4/conf/{name}/{setting}"), value);
            }
        }
        write("sys/class/net/eth0/type", "1\n");
        write("sys/class/net/eth0/carrier", "0\n");
        write("sys/class/net/vnet0/type", "1\n");
        write("sys/class/net/vnet0/tun_flags", "0x5102\n");
        let row = |interface: &str, network: &str, gateway: [u8; 4], metric: u32| {
            let gateway = u32::from_ne_bytes(gateway);
            let mask = if network == "00000000" { "00000000" } else { "00FFFFFF" };
            format!("{interface}\t{network}\t{gateway:08X}\t0003\t0\t0\t{metric}\t{mask}\t0\t0\t0\n")
        };
        let rows = [
            row("eth1", "00000000", [198, 51, 100, 1], 200),
            row("eth0", "0002A8C0", [0; 4], 0),
            row("eth0", "00000000", [192, 0, 2, 1], 100),
        ];
        write("proc/net/route", &format!("Iface\tDestination\tGateway\n{}", rows.concat()));
        let facts = Value::Object(gather(&Host::under(root.path()), &["net".to_owned()]).unwrap());
        let (card, tap) = (&facts["net"]["interfaces"][0], &facts["net"]["interfaces"][1]);
        let told = |row: &Value| json!([row["arp_filter"], row["arp_ignore"], row["arp_announce"], row["rp_filter"]]);
        assert_eq!((told(card), told(tap)), (json!([1, 1, 2, 2]), json!([0, 1, 0, 2])));
        assert_eq!((&card["carrier"], &card["tun_flags"]), (&json!(false), &Value::Null));
        assert_eq!(
            (&tap["carrier"], &tap["tun_flags"]),
            (&Value::Null, &json!(["tap", "multi_queue", "no_pi", "vnet_hdr"]))
        );
        let expected = json!([
            {"interface": "eth0", "gateway": "192.0.2.1", "metric": 100},
            {"interface": "eth1", "gateway": "198.51.100.1", "metric": 200},
        ]);
        assert_eq!(facts["net"]["default_routes"], expected);
    }
}
