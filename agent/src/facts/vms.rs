//! `vms`: running QEMU processes as the kernel sees them: where their threads may run and where their memory lies. Read only
//! when asked for, since a memory map of a large VM takes the kernel long to write.

use super::probe::Probe;
use super::{FactError, FactSource};
use crate::host::Host;
use crate::host::order::sort_by;
use crate::host::patience::{PATIENCE, answers};
use luthier_protocol::Value;
use luthier_protocol::facts::Fact;
use luthier_protocol::facts::{Vm, VmNode, VmThread};
use std::collections::BTreeMap;

const PIDS: [&str; 2] = ["/run/libvirt/qemu", "/var/run/libvirt/qemu"];

/// Smallest page; larger ones in a map are huge.
const BASE_PAGE_KIB: u64 = 64;

/// The source of `vms`.
#[derive(Debug)]
pub struct Vms;

impl FactSource for Vms {
    fn key(&self) -> &'static str {
        "vms"
    }

    fn on_request(&self) -> bool {
        true
    }

    fn read(&self, host: &Host, errors: &mut Vec<FactError>) -> Value {
        let mut probe = Probe::new(host, errors);
        let mut found = BTreeMap::new();
        managed(&mut probe, &mut found);
        unmanaged(&mut probe, &mut found);
        let (pids, unnamed): (Vec<u32>, Vec<bool>) = found.iter().map(|(pid, name)| (*pid, name.is_none())).unzip();
        let asked = host.clone();
        // What takes the lock of a process's memory: a VM that is stuck in the kernel holds it and never answers.
        let answers = answers(pids.len(), PATIENCE, move |index| {
            let pid = pids.get(index)?;
            memory(&asked, *pid, unnamed.get(index) == Some(&true))
        });
        let mut vms: Vec<Vm> = Vec::new();
        for ((pid, name), answer) in found.into_iter().zip(answers) {
            let unnamed = || format!("qemu {pid}");
            let Memory { name: line, nodes } = match answer {
                Some(Some(memory)) => memory,
                // It has the name of a machine's program, but is none.
                Some(None) => continue,
                None => Memory { name: None, nodes: Err(format!("no answer within {} s", PATIENCE.as_secs())) },
            };
            let name = name.or(line).unwrap_or_else(unnamed);
            if let Err(reason) = &nodes {
                probe.note("vms[].nodes", &format!("/proc/{pid}/numa_maps"), reason);
            }
            vms.extend(vm(&mut probe, pid, name, nodes.ok()));
        }
        vms.value()
    }
}

/// What a process says of its memory.
struct Memory {
    /// The name on its command line, where that is asked for.
    name: Option<String>,
    /// Its memory by node, or why that cannot be read.
    nodes: Result<Vec<VmNode>, String>,
}

/// `None` for a process that is no machine.
fn memory(host: &Host, pid: u32, unnamed: bool) -> Option<Memory> {
    let mut errors = Vec::new();
    let mut probe = Probe::new(host, &mut errors);
    let mut name = None;
    if unnamed {
        let line = probe.quiet_file(&format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<&str> = line.split('\0').collect();
        // Helpers (bridge, storage daemon) have the name but no machine.
        if !words.iter().any(|word| matches!(*word, "-m" | "-machine" | "-M" | "-smp" | "-drive" | "-name")) {
            return None;
        }
        name = named(&words);
    }
    let map = probe.file("", &format!("/proc/{pid}/numa_maps"));
    let nodes = map.map(|text| nodes(&text));
    let nodes = nodes.ok_or_else(|| errors.pop().map(|error| error.reason).unwrap_or_default());
    Some(Memory { name, nodes })
}

/// VMs that libvirt wrote a file for; programs are named differently from system to system.
fn managed(probe: &mut Probe<'_>, found: &mut BTreeMap<u32, Option<String>>) {
    let Some(folder) = PIDS.iter().find(|folder| probe.exists(folder)) else { return };
    for file in probe.host.list(folder).unwrap_or_default() {
        let Some(name) = file.strip_suffix(".pid") else { continue };
        // The driver's own file names no VM.
        if name == "driver" {
            continue;
        }
        if let Some(pid) = probe.quiet_number(&format!("{folder}/{file}")) {
            found.insert(pid, Some(name.to_owned()));
        }
    }
}

/// QEMU processes that nobody manages: started by hand, or by Proxmox.
fn unmanaged(probe: &mut Probe<'_>, found: &mut BTreeMap<u32, Option<String>>) {
    for id in probe.host.list("/proc").unwrap_or_default() {
        let Ok(pid) = id.parse::<u32>() else { continue };
        let qemu =
            probe.quiet(&format!("/proc/{id}/comm")).is_some_and(|name| name.starts_with("qemu") || name == "kvm");
        if qemu {
            found.entry(pid).or_insert(None);
        }
    }
}

/// `-name guest=kvm1,debug-threads=on`, `-name kvm1`.
fn named(words: &[&str]) -> Option<String> {
    let at = words.iter().position(|word| *word == "-name")?;
    let value = words.get(at + 1)?;
    let name = value.split(',').find_map(|part| part.strip_prefix("guest=")).or_else(|| value.split(',').next());
    name.filter(|name| !name.is_empty()).map(str::to_owned)
}

/// `None` for a process that ended meanwhile.
fn vm(probe: &mut Probe<'_>, pid: u32, name: String, nodes: Option<Vec<VmNode>>) -> Option<Vm> {
    let status = probe.quiet_file(&format!("/proc/{pid}/status"))?.to_owned();
    let kib = |field: &str| value(&status, field)?.split_whitespace().next()?.parse().ok();
    let text = |field: &str| value(&status, field).map(str::to_owned);
    let (mut vcpus, mut iothreads) = (Vec::new(), Vec::new());
    for task in probe.host.list(&format!("/proc/{pid}/task")).unwrap_or_default() {
        let Ok(thread) = task.parse() else { continue };
        let Some(comm) = probe.quiet(&format!("/proc/{pid}/task/{task}/comm")).map(str::to_owned) else { continue };
        let cpus = probe
            .quiet_file(&format!("/proc/{pid}/task/{task}/status"))
            .and_then(|text| value(text, "Cpus_allowed_list"))
            .map(str::to_owned);
        // `CPU 3/KVM`, `CPU 3/TCG`; `IO iothread1`, `IO mon_iothread` (QEMU's own).
        let vcpu = comm.strip_prefix("CPU ").and_then(|rest| rest.split('/').next()?.parse().ok());
        let iothread = comm.strip_prefix("IO iothread").and_then(|number| number.parse().ok());
        if let Some(id) = vcpu {
            vcpus.push(VmThread { id, thread, cpus });
        } else if let Some(id) = iothread {
            iothreads.push(VmThread { id, thread, cpus });
        }
    }
    for threads in [&mut vcpus, &mut iothreads] {
        sort_by(threads, |left: &VmThread, right| left.id > right.id);
    }
    Some(Vm {
        name,
        pid,
        vcpus,
        iothreads,
        emulator_cpus: text("Cpus_allowed_list"),
        memory_nodes: text("Mems_allowed_list"),
        resident_kib: kib("VmRSS"),
        swapped_kib: kib("VmSwap"),
        locked_kib: kib("VmLck"),
        hugetlb_kib: kib("HugetlbPages"),
        nodes,
    })
}

/// The value of a `Name:\tvalue` line.
fn value<'a>(status: &'a str, field: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).map(str::trim)
}

/// Memory by node: `7f66… default huge anon=64 dirty=64 N0=64 kernelpagesize_kB=2048`.
fn nodes(map: &str) -> Vec<VmNode> {
    let mut found: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    for line in map.lines() {
        let words = || line.split_whitespace();
        let page = words().find_map(|word| word.strip_prefix("kernelpagesize_kB=")?.parse::<u64>().ok()).unwrap_or(4);
        for word in words() {
            let counted = word.strip_prefix('N').and_then(|rest| rest.split_once('='));
            let Some((Ok(node), Ok(pages))) = counted.map(|(node, pages)| (node.parse(), pages.parse::<u64>())) else {
                continue;
            };
            let kib = pages.saturating_mul(page);
            let (all, huge) = found.entry(node).or_default();
            *all = all.saturating_add(kib);
            if page > BASE_PAGE_KIB {
                *huge = huge.saturating_add(kib);
            }
        }
    }
    found.into_iter().map(|(node, (kib, huge_kib))| VmNode { node, kib, huge_kib }).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    #[test]
    fn memory_by_node() {
        let map = "55d0 default file=/usr/bin/qemu mapped=10 N0=10 kernelpagesize_kB=4\n7f66 bind:1 file=/x huge anon=64 N0=1 N1=63 kernelpagesize_kB=2048\n7f70 default\n";
        let found = nodes(map);
        assert_eq!(
            found.iter().map(|node| (node.node, node.kib, node.huge_kib)).collect::<Vec<_>>(),
            [(0, 2088, 2048), (1, 129_024, 129_024)]
        );
    }

    #[test]
    fn names() {
        assert_eq!(named(&["qemu", "-name", "guest=kvm1,debug-threads=on"]).as_deref(), Some("kvm1"));
        assert_eq!(named(&["qemu", "-name", "old,process=x"]).as_deref(), Some("old"));
        assert_eq!(named(&["qemu", "-m", "1"]), None);
    }

    #[test]
    fn threads_of_a_process() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("run/libvirt/qemu/kvm1.pid", "42");
        write(
            "proc/42/status",
            "Name:\tqemu\nVmRSS:\t  100 kB\nHugetlbPages:\t 2048 kB\nCpus_allowed_list:\t0-3\nMems_allowed_list:\t0\n",
        );
        write("proc/42/comm", "qemu-system-x86\n");
        for (task, comm, cpus) in [
            (42, "qemu-system-x86", "0-3"),
            (44, "CPU 1/KVM", "3"),
            (43, "CPU 0/KVM", "2"),
            (45, "IO iothread1", "0"),
            (46, "IO mon_iothread", "0-3"),
        ] {
            write(&format!("proc/42/task/{task}/comm"), comm);
            write(&format!("proc/42/task/{task}/status"), &format!("Cpus_allowed_list:\t{cpus}\n"));
        }
        let mut errors = Vec::new();
        let facts = Vms.read(&Host::under(root.path()), &mut errors);
        assert_eq!(errors.first().unwrap().key, "vms[].nodes");
        let vm = &facts[0];
        assert_eq!(
            (&vm["name"], &vm["hugetlb_kib"], &vm["emulator_cpus"]),
            (&"kvm1".into(), &2048.into(), &"0-3".into())
        );
        let pins: Vec<(u64, &str)> = vm["vcpus"]
            .as_array()
            .unwrap()
            .iter()
            .map(|vcpu| (vcpu["id"].as_u64().unwrap(), vcpu["cpus"].as_str().unwrap()))
            .collect();
        assert_eq!(pins, [(0, "2"), (1, "3")]);
        assert_eq!(vm["iothreads"][0]["id"], 1);
    }

    #[test]
    fn a_vm_that_is_stuck_hides_no_other() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        for pid in [42, 43, 44] {
            write(&format!("proc/{pid}/comm"), "qemu-system-x86\n");
            write(&format!("proc/{pid}/status"), "Cpus_allowed_list:\t0-3\n");
            write(&format!("proc/{pid}/cmdline"), &format!("qemu\0-name\0kvm{pid}\0"));
            write(&format!("proc/{pid}/numa_maps"), "7f00 default N1=4 kernelpagesize_kB=4\n");
        }
        write("proc/44/cmdline", "qemu-bridge-helper\0");
        let map = root.path().join("proc/42/numa_maps");
        std::fs::remove_file(&map).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&map).status().unwrap().success());
        let facts = super::super::gather(&Host::under(root.path()), &["vms".to_owned()]).unwrap();
        let (vms, errors) = (&facts["vms"], &facts["errors"]);
        assert_eq!((&vms[0]["name"], &vms[0]["nodes"]), (&"qemu 42".into(), &Value::Null));
        assert_eq!((&vms[1]["name"], &vms[1]["nodes"][0]["kib"]), (&"kvm43".into(), &16.into()));
        assert_eq!((vms.as_array().unwrap().len(), errors.as_array().unwrap().len()), (2, 1));
        assert_eq!((&errors[0]["key"], &errors[0]["reason"]), (&"vms[].nodes".into(), &"no answer within 5 s".into()));
    }
}
