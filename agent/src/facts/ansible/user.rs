//! Who the task runs as, and its environment.

use super::collect::Wanted;
use crate::host::Host;
use luthier_protocol::{Map, Value};
use serde_json::json;

/// `env`: this process's environment with what the task adds.
pub fn environment(wanted: &Wanted<'_>, facts: &mut Map) {
    let mut env: Map = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), Value::from(value.to_string_lossy().into_owned())))
        .collect();
    for (name, value) in wanted.environment {
        env.insert(name.clone(), Value::from(value.clone()));
    }
    facts.insert("env".to_owned(), Value::Object(env));
}

/// Names of the kernel's capabilities by number (`<linux/capability.h>`), each without `cap_`.
const CAPABILITIES: &str = "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable \
    net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct \
    sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap \
    mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore";

/// `system_capabilities_enforced`: whether some capability is kept from us; then `system_capabilities` names those we have.
pub fn capabilities(host: &Host, facts: &mut Map) {
    let status = host.read_text("/proc/self/status").unwrap_or_default();
    let bits = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("CapEff:")?.trim(), 16).ok());
    let Some(bits) = bits else { return };
    let last: u32 =
        host.read_text("/proc/sys/kernel/cap_last_cap").ok().and_then(|text| text.parse().ok()).unwrap_or(40);
    let enforced = bits.count_ones() <= last;
    let names = CAPABILITIES.split_whitespace().zip(0_u32..).filter(|(_, bit)| enforced && bits >> bit & 1 == 1);
    let names: Vec<String> = names.map(|(name, _)| format!("cap_{name}")).collect();
    facts.insert("system_capabilities_enforced".to_owned(), json!(enforced));
    facts.insert("system_capabilities".to_owned(), json!(names));
}

/// `user_*`, `real_*`, `effective_*`.
pub fn account(host: &Host, facts: &mut Map) {
    let who = host.who();
    if let Some(account) = host.account_of(who.real_uid) {
        facts.insert("user_id".to_owned(), json!(account.name));
        facts.insert("user_gecos".to_owned(), json!(account.gecos));
        facts.insert("user_dir".to_owned(), json!(account.home));
        facts.insert("user_shell".to_owned(), json!(account.shell));
        facts.insert("user_gid".to_owned(), json!(account.gid));
    } else {
        // Accounts of a directory service are in no file: the environment of the login tells what it can.
        let variable = |name: &str| std::env::var(name).ok();
        facts.insert("user_id".to_owned(), json!(variable("LOGNAME").or_else(|| variable("USER"))));
        facts.insert("user_dir".to_owned(), json!(variable("HOME")));
        facts.insert("user_shell".to_owned(), json!(variable("SHELL")));
        facts.insert("user_gid".to_owned(), json!(who.real_gid));
    }
    facts.insert("user_uid".to_owned(), json!(who.real_uid));
    facts.insert("real_user_id".to_owned(), json!(who.real_uid));
    facts.insert("effective_user_id".to_owned(), json!(who.uid));
    facts.insert("real_group_id".to_owned(), json!(who.real_gid));
    facts.insert("effective_group_id".to_owned(), json!(who.gid));
}
