//! What a VM's process may lock, and the kernel's threads that carry its packets.

use super::probe::{Probe, numbered};
use luthier_protocol::facts::{Vm, VmThread};

/// VMs with their limits and threads of vhost.
pub fn with_limits(probe: &mut Probe<'_>, mut vms: Vec<Vm>) -> Vec<Vm> {
    if vms.is_empty() {
        return vms;
    }
    // Threads of the kernel's own, before Linux 6.4.
    let own: Vec<(u32, VmThread)> = threads(probe, "/proc");
    for vm in &mut vms {
        let limits = probe.quiet_file(&format!("/proc/{}/limits", vm.pid));
        vm.memlock_kib = limits.and_then(memlock);
        let of_process = threads(probe, &format!("/proc/{}/task", vm.pid));
        let both = own.iter().cloned().chain(of_process);
        let mine = both.filter(|(pid, _)| *pid == vm.pid).map(|(_, thread)| thread);
        vm.vhosts = Some((0..).zip(mine).map(|(id, thread)| VmThread { id, ..thread }).collect());
    }
    vms
}

/// `Max locked memory         65536                65536                bytes`: what counts is the first.
fn memlock(limits: &str) -> Option<i64> {
    let row = limits.lines().find_map(|line| line.strip_prefix("Max locked memory"))?;
    match row.split_whitespace().next()? {
        "unlimited" => Some(-1),
        bytes => i64::try_from(bytes.parse::<u64>().ok()? / 1024).ok(),
    }
}

/// Threads `vhost-PID` with the process they serve.
fn threads(probe: &mut Probe<'_>, folder: &str) -> Vec<(u32, VmThread)> {
    let mut found = Vec::new();
    for task in probe.host.list(folder).unwrap_or_default() {
        let Ok(thread) = task.parse() else { continue };
        let name = probe.quiet(&format!("{folder}/{task}/comm"));
        let Some(pid) = name.and_then(|name| numbered(name, "vhost-")) else { continue };
        let status = probe.quiet_file(&format!("{folder}/{task}/status")).unwrap_or_default();
        let cpus = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        let cpus = cpus.map(|cpus| cpus.trim().to_owned());
        found.push((pid, VmThread { id: 0, thread, cpus }));
    }
    found
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::host::Host;

    #[test]
    fn limits_and_threads_of_old_and_new_kernels() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "proc/42/limits",
            "Limit    Soft Limit    Hard Limit    Units\nMax locked memory   8388608   unlimited   bytes\n",
        );
        write("proc/42/comm", "qemu-kvm\n");
        write("proc/42/task/44/comm", "vhost-42\n");
        write("proc/42/task/44/status", "Name:\tvhost-42\nCpus_allowed_list:\t2-3\n");
        write("proc/50/comm", "vhost-42\n");
        write("proc/51/comm", "vhost-43\n");
        let mut errors = Vec::new();
        let host = Host::under(root.path());
        let vms = vec![Vm { pid: 42, ..Vm::default() }, Vm { pid: 43, ..Vm::default() }];
        let vms = with_limits(&mut Probe::new(&host, &mut errors), vms);
        let told: Vec<(Option<i64>, Option<Vec<VmThread>>)> =
            vms.into_iter().map(|vm| (vm.memlock_kib, vm.vhosts)).collect();
        let thread = |id: u32, thread: u32, cpus: Option<&str>| VmThread { id, thread, cpus: cpus.map(str::to_owned) };
        let expected = [
            (Some(8192), Some(vec![thread(0, 50, None), thread(1, 44, Some("2-3"))])),
            (None, Some(vec![thread(0, 51, None)])),
        ];
        assert_eq!(told, expected);
        assert_eq!(memlock("Max locked memory  unlimited unlimited bytes"), Some(-1));
    }
}
