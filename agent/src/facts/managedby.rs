//! Who manages the VMs of this host, and whether something would start them anew elsewhere: by what each leaves in files.
//! Such a manager undoes what others change on its VMs, or is misled by it.

use super::probe::Probe;

/// Managers and what each has on hosts it runs VMs on. Most of them use libvirt, so it is not among them.
const MANAGERS: [(&str, &str); 11] = [
    ("proxmox", "/usr/bin/pvesh"),
    ("ovirt", "/etc/vdsm/vdsm.conf"),
    ("nova", "/var/lib/nova/instances"),
    ("nova", "/etc/kolla/nova-compute"),
    ("kubevirt", "/run/kubevirt"),
    ("cloudstack", "/etc/cloudstack/agent/agent.properties"),
    ("opennebula", "/var/lib/one"),
    ("ganeti", "/var/lib/ganeti/ssconf_cluster_name"),
    ("incus", "/var/lib/incus/unix.socket"),
    ("lxd", "/var/lib/lxd/unix.socket"),
    ("lxd", "/var/snap/lxd/common/lxd/unix.socket"),
];

const HA: [&str; 6] = ["corosync", "pacemaker", "sbd", "pve-ha-crm", "pve-ha-lrm", "ovirt-ha-agent"];

/// Groups of running services, by version of control groups.
const SLICES: [&str; 2] = ["/sys/fs/cgroup/system.slice", "/sys/fs/cgroup/systemd/system.slice"];

/// The manager.
pub fn managed_by(probe: &Probe<'_>, libvirt: &[String]) -> Option<String> {
    let manager = MANAGERS.iter().find(|(_, path)| probe.exists(path)).map(|(name, _)| *name);
    manager.or_else(|| (!libvirt.is_empty()).then_some("libvirt")).map(str::to_owned)
}

/// Services for high availability that run.
pub fn ha(probe: &Probe<'_>) -> Vec<String> {
    let runs = |name: &&&str| SLICES.iter().any(|slice| probe.exists(&format!("{slice}/{name}.service")));
    HA.iter().filter(runs).map(|name| (*name).to_owned()).collect()
}

/// What a cluster of Proxmox says of itself: `"cluster": { "name": "c", "nodes": 3, "quorate": 1 }`.
pub fn quorate(probe: &mut Probe<'_>) -> Option<bool> {
    let text = probe.quiet_file("/etc/pve/.members")?;
    let (_, rest) = text.split_once("\"quorate\"")?;
    match rest.trim_start().strip_prefix(':')?.trim_start().chars().next()? {
        '0' => Some(false),
        '1' => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::super::gather;
    use crate::host::Host;
    use luthier_protocol::Value;
    use serde_json::json;

    fn told(files: &[(&str, &str)]) -> Value {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let facts = Value::Object(gather(&Host::under(root.path()), &["virt".to_owned()]).unwrap());
        json!([facts["virt"]["managed_by"], facts["virt"]["ha"], facts["virt"]["quorate"]])
    }

    #[test]
    fn managers_and_clusters() {
        assert_eq!(told(&[]), json!([null, [], null]));
        let socket = ("run/libvirt/virtqemud-sock", "");
        assert_eq!(told(&[socket]), json!(["libvirt", [], null]));
        assert_eq!(told(&[socket, ("var/lib/nova/instances/locks/x", "")]), json!(["nova", [], null]));
        let members = "{\n\"nodename\": \"a\",\n\"cluster\": { \"name\": \"c\", \"nodes\": 3, \"quorate\": 0 },\n";
        let files = [
            ("usr/bin/pvesh", ""),
            ("etc/pve/.members", members),
            ("sys/fs/cgroup/system.slice/corosync.service/cgroup.procs", "1\n"),
            ("sys/fs/cgroup/system.slice/pve-ha-lrm.service/cgroup.procs", "2\n"),
        ];
        assert_eq!(told(&files), json!(["proxmox", ["corosync", "pve-ha-lrm"], false]));
    }
}
