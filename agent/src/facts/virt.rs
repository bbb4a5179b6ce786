//! `virt`: what this machine runs under and what it can run.

use super::probe::Probe;
use super::{FactError, FactSource, cpuinfo, manager};
use crate::host::Host;
use luthier_protocol::Value;
use luthier_protocol::facts::Fact;
use luthier_protocol::facts::Kvm;
use std::collections::BTreeMap;

const KVM_MODULES: [&str; 3] = ["kvm", "kvm_amd", "kvm_intel"];
const MODULES: [&str; 7] = ["macvtap", "tun", "vfio_iommu_type1", "vfio_pci", "vhost", "vhost_net", "vhost_vsock"];
const SOCKETS: [&str; 2] = ["/run/libvirt/libvirt-sock", "/run/libvirt/virtqemud-sock"];

/// The source of `virt`.
#[derive(Debug)]
pub struct Virt;

impl FactSource for Virt {
    fn key(&self) -> &'static str {
        "virt"
    }

    fn read(&self, host: &Host, errors: &mut Vec<FactError>) -> Value {
        let mut probe = Probe::new(host, errors);
        let text = probe.head("virt.is_guest", "/proc/cpuinfo", 16 * 1024);
        let flags = text.as_deref().and_then(cpuinfo::flags);
        let has = |name: &str| flags.as_ref().is_some_and(|flags| flags.iter().any(|flag| flag == name));
        let hypervisor = hypervisor(&mut probe);
        let extension = ["vmx", "svm"].into_iter().find(|name| has(name)).map(str::to_owned);
        let is_guest = match &hypervisor {
            Some(_) => Some(true),
            None => flags.as_ref().map(|_| has("hypervisor")),
        };
        if is_guest.is_none() {
            probe.note("virt.is_guest", "/proc/cpuinfo", "it lists no features");
        }
        let kvm =
            KVM_MODULES.iter().filter(|name| probe.exists(&format!("/sys/module/{name}"))).copied().collect::<Vec<_>>();
        let kvm = kvm
            .into_iter()
            .map(|name| Kvm {
                module: name.to_owned(),
                parameters: probe.folder(&format!("/sys/module/{name}/parameters")),
            })
            .collect();
        let there = |names: &[&str], prefix: &str| {
            names
                .iter()
                .filter(|name| probe.exists(&format!("{prefix}{name}")))
                .map(|name| (*name).to_owned())
                .collect()
        };
        let libvirt_sockets: Vec<String> = there(&SOCKETS, "");
        let modules: Vec<String> = there(&MODULES, "/sys/module/");
        let mut module_parameters = BTreeMap::new();
        for name in &modules {
            let parameters = probe.folder(&format!("/sys/module/{name}/parameters"));
            if !parameters.is_empty() {
                module_parameters.insert(name.clone(), parameters);
            }
        }
        let managed_by = manager::managed_by(&probe, &libvirt_sockets);
        let virt = luthier_protocol::facts::Virt {
            is_guest,
            hypervisor,
            container: container(&mut probe),
            is_host: Some(probe.exists("/dev/kvm")),
            extension,
            kvm,
            libvirt_sockets,
            modules,
            module_parameters,
            iommus: host.list("/sys/class/iommu").unwrap_or_default(),
            managed_by,
            ha: Some(manager::ha(&probe)),
            quorate: manager::quorate(&mut probe),
        };
        virt.value()
    }
}

/// The hypervisor by what the firmware calls the machine.
fn hypervisor(probe: &mut Probe<'_>) -> Option<String> {
    if let Some(kind) = probe.quiet("/sys/hypervisor/type").filter(|kind| !kind.is_empty()).map(str::to_owned) {
        // The first Xen domain is the host.
        let control = probe.quiet_file("/proc/xen/capabilities").is_some_and(|text| text.contains("control_d"));
        return (!control).then_some(kind);
    }
    let vendor = probe.quiet("/sys/class/dmi/id/sys_vendor").unwrap_or_default().to_owned();
    let product = probe.quiet("/sys/class/dmi/id/product_name").unwrap_or_default().to_owned();
    let name = match (vendor.as_str(), product.as_str()) {
        ("QEMU", _) | ("Red Hat" | "oVirt", _) | (_, "KVM" | "RHEV Hypervisor" | "oVirt Node") => "kvm",
        ("Google", "Google Compute Engine") | ("DigitalOcean", _) | ("OpenStack Foundation", _) => "kvm",
        ("Amazon EC2", product) if !product.ends_with(".metal") => "kvm",
        (vendor, _) if vendor.starts_with("VMware") => "vmware",
        ("innotek GmbH", _) => "virtualbox",
        ("Microsoft Corporation", "Virtual Machine") => "hyperv",
        ("Xen", _) => "xen",
        (vendor, _) if vendor.starts_with("Parallels") => "parallels",
        ("BHYVE", _) => "bhyve",
        _ => return None,
    };
    Some(name.to_owned())
}

/// The container by the marks that its manager leaves.
pub fn container(probe: &mut Probe<'_>) -> Option<String> {
    if let Some(name) = probe.quiet("/run/systemd/container").filter(|name| !name.is_empty()) {
        return Some(name.to_owned());
    }
    let marks = [("/.dockerenv", "docker"), ("/.dockerinit", "docker"), ("/run/.containerenv", "podman")];
    marks.iter().find(|(path, _)| probe.exists(path)).map(|(_, name)| (*name).to_owned())
}
