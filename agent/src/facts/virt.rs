//! `virt`: what this machine runs under and what it can run.

use super::probe::Probe;
use super::{FactError, FactSource, cpuinfo, managedby};
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
        let (is_guest, hypervisor) = guest(&mut probe, text.as_deref().unwrap_or_default());
        let extension = ["vmx", "svm"].into_iter().find(|name| has(name)).map(str::to_owned);
        if is_guest.is_none() {
            probe.note("virt.is_guest", "/proc/cpuinfo", "it lists no features that would tell");
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
        let managed_by = managedby::managed_by(&probe, &libvirt_sockets);
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
            ha: Some(managedby::ha(&probe)),
            quorate: managedby::quorate(&mut probe),
        };
        virt.value()
    }
}

/// Whether it is a guest, and of what.
fn guest(probe: &mut Probe<'_>, cpuinfo: &str) -> (Option<bool>, Option<String>) {
    // The first Xen domain is the host.
    if probe.quiet_file("/proc/xen/capabilities").is_some_and(|text| text.contains("control_d")) {
        return (Some(false), None);
    }
    if let Some(name) = hypervisor(probe) {
        return (Some(true), Some(name));
    }
    // Only x86 has the flag `hypervisor`, and only there the line is called `flags`.
    if let Some(flags) = cpuinfo::field(cpuinfo, "flags") {
        return (Some(flags.split_whitespace().any(|flag| flag == "hypervisor")), None);
    }
    if let Some(text) = probe.quiet_file("/proc/sysinfo") {
        return mainframe(text);
    }
    tree(probe)
}

/// s390: the first control program is the nearest. A partition without one hosts guests as a whole machine of other families
/// does, for there is no Linux without a partition.
fn mainframe(text: &str) -> (Option<bool>, Option<String>) {
    let program = text.lines().find_map(|line| line.strip_prefix("VM00 Control Program:")).map(str::trim);
    let name = program.map(|program| if program.contains("KVM") { "kvm" } else { "zvm" });
    (Some(name.is_some()), name.map(str::to_owned))
}

/// ARM and POWER: what the hypervisor or the firmware wrote into the device tree.
fn tree(probe: &mut Probe<'_>) -> (Option<bool>, Option<String>) {
    const TREE: &str = "/proc/device-tree";
    let name = |text: &str| {
        if text.contains("kvm") { "kvm" } else { text.split([',', '\0']).next().unwrap_or_default() }.to_owned()
    };
    if let Some(name) = probe.quiet(&format!("{TREE}/hypervisor/compatible")).map(name) {
        return (Some(true), Some(name).filter(|name| !name.is_empty()));
    }
    let compatible = probe.quiet(&format!("{TREE}/compatible")).unwrap_or_default();
    let words = |wanted: &str| compatible.split('\0').any(|word| word == wanted);
    if words("ibm,powernv") {
        return (Some(false), None);
    }
    if words("qemu,pseries") {
        return (Some(true), Some("kvm".to_owned()));
    }
    if probe.exists(&format!("{TREE}/ibm,partition-name")) {
        return (Some(true), Some("powervm".to_owned()));
    }
    (None, None)
}

/// The hypervisor by its own word, else by what the firmware calls the machine.
fn hypervisor(probe: &mut Probe<'_>) -> Option<String> {
    if let Some(kind) = probe.quiet("/sys/hypervisor/type").filter(|kind| !kind.is_empty()).map(str::to_owned) {
        return Some(kind);
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;
    use serde_json::json;

    #[test]
    fn guests_of_each_family() {
        let arm = ("proc/cpuinfo", "processor : 0\nFeatures : fp asimd\n");
        let x86 = ("proc/cpuinfo", "processor : 0\nflags : fpu hypervisor\n");
        let s390 = ("proc/cpuinfo", "vendor_id : IBM/S390\nfeatures : esan3 zarch\n");
        let power = ("proc/cpuinfo", "processor : 0\ncpu : POWER9\n");
        let partition = ("proc/device-tree/ibm,partition-name", "lpar7\0");
        let unknown = json!(null);
        for (files, is_guest, hypervisor) in [
            (vec![x86], json!(true), unknown.clone()),
            (
                vec![x86, ("proc/xen/capabilities", "control_d\n"), ("sys/hypervisor/type", "xen\n")],
                json!(false),
                unknown.clone(),
            ),
            (vec![x86, ("sys/hypervisor/type", "xen\n")], json!(true), json!("xen")),
            (vec![("proc/cpuinfo", "flags : fpu vmx\n")], json!(false), unknown.clone()),
            (vec![arm], unknown.clone(), unknown.clone()),
            (
                vec![arm, ("proc/device-tree/hypervisor/compatible", "xen,xen-4.17\0xen,xen\0")],
                json!(true),
                json!("xen"),
            ),
            (vec![s390, ("proc/sysinfo", "LPAR Number:          3\n")], json!(false), unknown.clone()),
            (
                vec![s390, ("proc/sysinfo", "LPAR Number: 3\nVM00 Control Program: KVM/Linux\n")],
                json!(true),
                json!("kvm"),
            ),
            (vec![s390, ("proc/sysinfo", "VM00 Control Program: z/VM    7.2.0\n")], json!(true), json!("zvm")),
            (vec![power, partition], json!(true), json!("powervm")),
            (vec![power, partition, ("proc/device-tree/compatible", "qemu,pseries\0")], json!(true), json!("kvm")),
            (vec![power, ("proc/device-tree/compatible", "ibm,p9\0ibm,powernv\0")], json!(false), unknown.clone()),
        ] {
            let root = tempfile::tempdir().unwrap();
            for (path, text) in &files {
                let path = root.path().join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
            let mut errors = Vec::new();
            let facts = Virt.read(&Host::under(root.path()), &mut errors);
            assert_eq!((&facts["is_guest"], &facts["hypervisor"]), (&is_guest, &hypervisor), "{files:?}");
            assert_eq!(errors.iter().any(|error| error.key == "virt.is_guest"), is_guest.is_null(), "{files:?}");
        }
    }
}
