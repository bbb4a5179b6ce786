//! What an interface is set to, and where packets go that no other route takes. The kernel's account:
//! `Documentation/networking/ip-sysctl.rst`.

use super::ansible;
use super::filled::{Field, Form, fill as fill_row, rows_of, text_of};
use super::pcitree::hexadecimal;
use super::probe::Probe;
use luthier_protocol::facts::Fact;
use luthier_protocol::{Map, Value};

/// Settings of IPv4 of which the kernel takes the greater of the common and the interface's own value.
const SETTINGS: [&str; 4] = ["arp_filter", "arp_ignore", "arp_announce", "rp_filter"];

/// Bits of `<linux/if_tun.h>`.
const TUN_FLAGS: [(u32, &str); 6] =
    [(0x1, "tun"), (0x2, "tap"), (0x100, "multi_queue"), (0x800, "persist"), (0x1000, "no_pi"), (0x4000, "vnet_hdr")];

const LINK: [Field; 1] = [("carrier", "carrier", Form::Flag)];

/// One value for each of the settings.
fn values(probe: &mut Probe<'_>, name: &str) -> [Option<u32>; SETTINGS.len()] {
    SETTINGS.map(|setting| probe.quiet_number(&format!("/proc/sys/net/ipv4/conf/{name}/{setting}")))
}

/// Fills what every interface is set to.
pub fn fill(probe: &mut Probe<'_>, net: &mut Value) {
    let common = values(probe, "all");
    for row in rows_of(net, "interfaces") {
        let name = text_of(row, "name");
        let folder = format!("/sys/class/net/{name}");
        fill_row(probe, row, &folder, &LINK);
        let own = values(probe, &name);
        for ((setting, common), own) in SETTINGS.iter().zip(common).zip(own) {
            row.insert((*setting).to_owned(), common.zip(own).map(|(common, own)| common.max(own)).value());
        }
        if text_of(row, "kind") == "tap" {
            let flags = probe.quiet(&format!("{folder}/tun_flags")).and_then(hexadecimal);
            row.insert("tun_flags".to_owned(), flags.map(words).value());
        }
    }
}

fn words(flags: u32) -> Vec<String> {
    let set = TUN_FLAGS.iter().filter(|(bit, _)| flags & bit != 0);
    set.map(|(_, word)| (*word).to_owned()).collect()
}

/// Default routes of IPv4, the preferred one first.
pub fn default_routes(probe: &mut Probe<'_>) -> Value {
    let Some(text) = probe.file("net.default_routes", "/proc/net/route") else { return Value::Null };
    let mut rows = Vec::new();
    for (interface, gateway, metric) in ansible::default_routes(&text) {
        let mut row = Map::new();
        row.insert("interface".to_owned(), interface.value());
        row.insert("gateway".to_owned(), (!gateway.is_unspecified()).then(|| gateway.to_string()).value());
        row.insert("metric".to_owned(), metric.value());
        rows.push(Value::Object(row));
    }
    Value::Array(rows)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::super::gather;
    use crate::host::Host;
    use luthier_protocol::Value;
    use luthier_protocol::facts::{Fact, Net};
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
        let shape: Net = serde_json::from_value(facts["net"].clone()).unwrap();
        assert_eq!(shape.value(), facts["net"]);
    }
}
