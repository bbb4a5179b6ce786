//! What the run knows of each host: facts, variables set on the way, its connection.

use crate::session::{Session, Target};
use crate::yaml::{Key, Value, ValueMap};
use luthier_protocol::task::Identity;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the run knows of one host.
#[derive(Default)]
pub struct HostMemory {
    variables: Mutex<Variables>,
    /// Connections by what distinguishes them (user, kind); the lock is held while one is opened.
    pub connections: tokio::sync::Mutex<HashMap<String, Connection>>,
    next_seq: AtomicU64,
    used: Mutex<Option<Used>>,
}

/// How a host was reached, and by whom it was worked on: what a rollback needs.
#[derive(Debug, Clone)]
pub struct Used {
    /// Where it was reached.
    pub target: Target,
    /// Who worked there besides the login user.
    pub identities: BTreeSet<Identity>,
    /// Its journals were given changes that may be undone.
    pub changed: bool,
}

/// Variables a host gained during the run; snapshots are shared, not copied.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    /// `ansible_facts` without prefix.
    pub facts: Arc<ValueMap>,
    /// The same as variables of their own, under the names they came with.
    pub injected: Arc<ValueMap>,
    /// From `include_vars`.
    pub included: Arc<ValueMap>,
    /// From `set_fact` and `register`.
    pub set: Arc<ValueMap>,
}

/// An open connection.
#[derive(Clone)]
pub struct Connection {
    /// The session.
    pub session: Session,
}

impl HostMemory {
    /// The variables as they are now.
    pub fn variables(&self) -> Variables {
        self.lock().clone()
    }

    /// Set one variable (`register`, `set_fact`).
    pub fn set(&self, name: &str, value: Value) {
        Arc::make_mut(&mut self.lock().set).insert(Key::from(name), value);
    }

    /// Add what `include_vars` read.
    pub fn include(&self, map: &ValueMap) {
        extend(&mut self.lock().included, map);
    }

    /// Take the `ansible_facts` of a result. Each is a variable under the name it came with, be that `ansible_hostname` or
    /// `getent_passwd`, except those that say how the host is reached: a host must not tell the controller that.
    pub fn add_facts(&self, facts: &ValueMap) {
        let mut variables = self.lock();
        for (key, value) in facts {
            let Key::Str(name) = key else { continue };
            let bare = match &**name {
                // The one that keeps its prefix, with Ansible too.
                "ansible_local" => name,
                _ => name.strip_prefix("ansible_").unwrap_or(name),
            };
            Arc::make_mut(&mut variables.facts).insert(Key::from(bare), value.clone());
            if !says_how_to_reach(name) {
                Arc::make_mut(&mut variables.injected).insert(key.clone(), value.clone());
            }
        }
    }

    /// Forget facts (`meta: clear_facts`).
    pub fn clear_facts(&self) {
        let mut variables = self.lock();
        variables.facts = Arc::default();
        variables.injected = Arc::default();
    }

    /// Whether facts were gathered.
    pub fn has_facts(&self) -> bool {
        !self.lock().facts.is_empty()
    }

    /// The next task number on this host.
    pub fn next_seq(&self) -> u64 {
        self.next_seq.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The highest task number given out.
    pub fn last_seq(&self) -> u64 {
        self.next_seq.load(Ordering::Relaxed)
    }

    /// Remember how it was reached and who worked there.
    pub fn note(&self, target: &Target, identity: Option<&Identity>) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let used =
            used.get_or_insert_with(|| Used { target: target.clone(), identities: BTreeSet::new(), changed: false });
        if let Some(identity) = identity
            && !used.identities.contains(identity)
        {
            used.identities.insert(identity.clone());
        }
    }

    /// An agent there changed something that may be undone.
    pub fn note_change(&self) {
        if let Some(used) = self.used.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            used.changed = true;
        }
    }

    /// How it was reached and who worked there; `None` before the first connection.
    pub fn used(&self) -> Option<Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn lock(&self) -> MutexGuard<'_, Variables> {
        self.variables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a variable of this name decides how a host is reached or what runs there.
fn says_how_to_reach(name: &str) -> bool {
    const NAMES: [&str; 9] = [
        "connection",
        "host",
        "port",
        "user",
        "password",
        "private_key_file",
        "timeout",
        "become",
        "host_key_checking",
    ];
    let Some(bare) = name.strip_prefix("ansible_") else { return name.starts_with("luthier_") };
    let is_host_key = bare.starts_with("ssh_host_key_") && bare != "ssh_host_key_checking";
    NAMES.contains(&bare)
        || ["become_", "sudo_", "su_", "doas_"].iter().any(|method| bare.starts_with(method))
        || (bare.starts_with("ssh_") && !is_host_key)
        || bare.ends_with("_interpreter")
}

fn extend(target: &mut Arc<ValueMap>, map: &ValueMap) {
    let target = Arc::make_mut(target);
    for (key, value) in map {
        target.insert(key.clone(), value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::HostMemory;
    use crate::yaml::Value;
    use serde_json::json;

    #[test]
    fn facts_keep_their_names_and_never_say_how_to_reach_the_host() {
        let told = json!({"ansible_hostname": "a", "getent_passwd": {}, "packages": {}, "ansible_ssh_host_key_rsa_public": "k",
            "ansible_host": "evil", "ansible_ssh_common_args": "-o ProxyCommand=evil", "ansible_become_exe": "evil",
            "ansible_sudo_user": "evil", "ansible_su_exe": "evil",
            "ansible_connection": "local", "ansible_python_interpreter": "evil", "luthier_agent_path": "evil",
            "ansible_local": {}});
        let Value::Map(told) = Value::from_json(&told) else { unreachable!("a mapping") };
        let memory = HostMemory::default();
        memory.add_facts(&told);
        let known = memory.variables();
        let names: Vec<String> = known.injected.keys().map(ToString::to_string).collect();
        assert_eq!(
            names,
            ["ansible_hostname", "getent_passwd", "packages", "ansible_ssh_host_key_rsa_public", "ansible_local"]
        );
        for name in ["hostname", "getent_passwd", "packages", "ansible_local"] {
            assert!(known.facts.contains_key(name), "{name}");
        }
    }
}
