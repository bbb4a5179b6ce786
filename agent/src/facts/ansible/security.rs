//! AppArmor, SELinux, FIPS mode, SSH host keys, chroot.

use crate::facts::os;
use crate::host::Host;
use luthier_protocol::{Map, Value};
use serde_json::json;

/// `apparmor`.
pub fn apparmor(host: &Host, facts: &mut Map) {
    let on = host.stat("/sys/kernel/security/apparmor").is_ok_and(|stat| stat.is_some());
    facts.insert("apparmor".to_owned(), json!({"status": if on { "enabled" } else { "disabled" }}));
}

/// `selinux`.
pub fn selinux(host: &Host, facts: &mut Map) {
    let file = |path: &str| host.read_text(path).ok();
    let value = match file("/sys/fs/selinux/policyvers") {
        None => json!({"status": "disabled"}),
        Some(version) => {
            let config = os::assignments(&file("/etc/selinux/config").unwrap_or_default());
            let mode = match file("/sys/fs/selinux/enforce").as_deref() {
                Some("1") => "enforcing",
                Some("0") => "permissive",
                _ => "unknown",
            };
            json!({
                "status": "enabled",
                "mode": mode,
                "config_mode": config.get("SELINUX").map_or("unknown", String::as_str),
                "type": config.get("SELINUXTYPE").map_or("unknown", String::as_str),
                "policyvers": version.parse::<u32>().map_or_else(|_| Value::from("unknown"), Value::from),
            })
        }
    };
    facts.insert("selinux".to_owned(), value);
}

/// `fips`.
pub fn fips(host: &Host, facts: &mut Map) {
    let on = host.read_text("/proc/sys/crypto/fips_enabled").is_ok_and(|text| text == "1");
    facts.insert("fips".to_owned(), json!(on));
}

/// `ssh_host_key_TYPE_public` and its `keytype`.
pub fn ssh_keys(host: &Host, facts: &mut Map) {
    for folder in ["/etc/ssh", "/etc/openssh", "/etc"] {
        let before = facts.len();
        for kind in ["dsa", "rsa", "ecdsa", "ed25519"] {
            let Ok(text) = host.read_text(&format!("{folder}/ssh_host_{kind}_key.pub")) else { continue };
            let mut words = text.split_whitespace();
            if let (Some(keytype), Some(key)) = (words.next(), words.next()) {
                facts.insert(format!("ssh_host_key_{kind}_public"), json!(key));
                facts.insert(format!("ssh_host_key_{kind}_public_keytype"), json!(keytype));
            }
        }
        if facts.len() > before {
            return;
        }
    }
}

/// `is_chroot`: whether our root is another than the first process's. Where we may not see its root, whether ours is
/// none that a file system begins with.
pub fn chroot(host: &Host, facts: &mut Map) {
    let place = |path: &str| host.stat(path).ok().flatten().map(|stat| (stat.device, stat.inode));
    let ours = place("/");
    let differs = match (ours, place("/proc/1/root/.")) {
        (Some(ours), Some(first)) => Some(ours != first),
        (Some((_, inode)), None) => Some(inode != root_inode(host)),
        _ => None,
    };
    facts.insert("is_chroot".to_owned(), json!(differs));
}

/// The inode number of the root folder of the file system mounted at `/`.
fn root_inode(host: &Host) -> u64 {
    let mounts = host.read_text("/proc/mounts").unwrap_or_default();
    let mut kind = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        (fields.next()? == "/").then(|| fields.next())?
    });
    match kind.next_back() {
        Some("btrfs") => 256,
        Some("xfs") => 128,
        _ => 2,
    }
}
