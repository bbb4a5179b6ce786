//! `virtualization_*`.

use crate::facts::FactSource;
use crate::facts::virt::Virt;
use crate::host::Host;
use luthier_protocol::{Map, Value};
use serde_json::json;

/// `virtualization_type`, `_role`, `_tech_guest`, `_tech_host`. A container comes before the hypervisor below it, and
/// being a guest before being a host.
pub fn facts(host: &Host, facts: &mut Map) {
    let virt = Virt.read(host, &mut Vec::new());
    let text = |key: &str| virt.get(key).and_then(Value::as_str);
    let mut guest: Vec<&str> = Vec::new();
    let mut kind = None;
    if let Some(container) = text("container") {
        let name = match container {
            name @ ("docker" | "podman" | "lxc" | "systemd-nspawn" | "openvz") => name,
            "lxc-libvirt" => "lxc",
            _ => "container",
        };
        guest.push(name);
        if name != "container" {
            guest.push("container");
        }
        kind = Some(name);
    }
    if let Some(hypervisor) = text("hypervisor") {
        let name = match hypervisor {
            "vmware" => "VMware",
            "hyperv" => "VirtualPC",
            other => other,
        };
        guest.push(name);
        kind = kind.or(Some(name));
    }
    let there = |path: &str| host.stat(path).is_ok_and(|stat| stat.is_some());
    let mut hosts: Vec<&str> = Vec::new();
    if there("/sys/module/kvm") || there("/dev/kvm") {
        hosts.push("kvm");
    }
    if there("/sys/module/vboxdrv") {
        hosts.push("virtualbox");
    }
    let role = if kind.is_some() {
        "guest"
    } else if hosts.is_empty() {
        "NA"
    } else {
        "host"
    };
    let kind = kind.or(hosts.first().copied()).unwrap_or("NA");
    facts.insert("virtualization_type".to_owned(), json!(kind));
    facts.insert("virtualization_role".to_owned(), json!(role));
    facts.insert("virtualization_tech_guest".to_owned(), json!(guest));
    facts.insert("virtualization_tech_host".to_owned(), json!(hosts));
}
