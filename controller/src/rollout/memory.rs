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
}

/// Variables a host gained during the run; snapshots are shared, not copied.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    /// `ansible_facts` without prefix.
    pub facts: Arc<ValueMap>,
    /// The same under `ansible_…`.
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
    /// Identities whose agents were asked for.
    pub started: BTreeSet<Identity>,
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

    /// Take the `ansible_facts` of a result: keys with or without the prefix.
    pub fn add_facts(&self, facts: &ValueMap) {
        let mut variables = self.lock();
        for (key, value) in facts {
            let Key::Str(name) = key else { continue };
            let bare = name.strip_prefix("ansible_").unwrap_or(name);
            Arc::make_mut(&mut variables.facts).insert(Key::from(bare), value.clone());
            let injected = if &**name == "luthier" { "luthier".to_owned() } else { format!("ansible_{bare}") };
            Arc::make_mut(&mut variables.injected).insert(Key::from(injected), value.clone());
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
        let used = used.get_or_insert_with(|| Used { target: target.clone(), identities: BTreeSet::new() });
        if let Some(identity) = identity
            && !used.identities.contains(identity)
        {
            used.identities.insert(identity.clone());
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

fn extend(target: &mut Arc<ValueMap>, map: &ValueMap) {
    let target = Arc::make_mut(target);
    for (key, value) in map {
        target.insert(key.clone(), value.clone());
    }
}
