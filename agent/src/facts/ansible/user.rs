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
