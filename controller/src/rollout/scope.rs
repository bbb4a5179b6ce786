//! The variables a task sees on a host, in Ansible's order of precedence.

use super::memory::HostMemory;
use super::play::Batch;
use super::run::Run;
use crate::plan::PlannedTask;
use crate::playbook::{Keywords, Play, Written, role_variables};
use crate::template::{Entry, Lazy, Scope};
use crate::yaml::{Key, Value, ValueMap};
use indexmap::IndexMap;
use luthier_protocol::name::HostName;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The variables of a task on a host.
pub fn task(run: &Arc<Run>, batch: &Batch, task: &PlannedTask, host: &str, memory: &HostMemory) -> Scope {
    let known = memory.variables();
    let mut scope = Scope::new();
    scope.imply(Arc::new(implied(run, &task.keywords, host)));
    let roles = batch.roles();
    for role in roles.iter() {
        scope.push(Arc::clone(&role.defaults));
    }
    let lineage = task.task.role.as_ref().map(|role| role.lineage()).unwrap_or_default();
    for role in &lineage {
        scope.push(Arc::clone(&role.defaults));
    }
    scope.push(inventory_variables(run, host));
    scope.push(Arc::clone(&known.injected));
    scope.set("ansible_facts", Entry::Value(Value::Map(Arc::clone(&known.facts))));
    let inherited = &task.keywords.vars;
    let of_play = batch.planned.play.keywords.vars.len().min(inherited.len());
    let (play, inner) = inherited.split_at(of_play);
    for layer in play {
        scope.push(Arc::clone(layer));
    }
    scope.push(run.prompted());
    scope.push(batch.file_variables(host));
    for role in roles.iter() {
        scope.push(Arc::clone(&role.vars));
    }
    if let Some((own, parents)) = lineage.split_last() {
        // Of a role around this one its own files win over what was given to it; of this one it is the other way round.
        for role in parents {
            scope.push(Arc::clone(&role.entry_vars));
            scope.push(Arc::clone(&role.vars));
        }
        scope.push(Arc::clone(&own.vars));
        scope.push(Arc::clone(&own.entry_vars));
    }
    for layer in inner {
        scope.push(Arc::clone(layer));
    }
    scope.push(known.included);
    scope.push(known.set);
    for role in &lineage {
        scope.push(Arc::clone(&role.params));
    }
    if let Some(role) = &task.task.role {
        scope.push(Arc::new(role_variables(role)));
    }
    for layer in &task.keywords.include_vars {
        scope.push(Arc::clone(layer));
    }
    if task.task.import.is_some() {
        for layer in &task.task.keywords.vars {
            scope.push(Arc::clone(layer));
        }
    }
    scope.push(Arc::clone(&run.options.extra));
    magic(run, batch, host, &mut scope);
    scope
}

/// The variables of a host without any task: what `hostvars[host]` shows.
pub fn host(run: &Arc<Run>, host: &str) -> Scope {
    let known = run.memory(host).variables();
    let mut scope = Scope::new();
    scope.push(inventory_variables(run, host));
    scope.push(known.injected);
    scope.set("ansible_facts", Entry::Value(Value::Map(known.facts)));
    scope.push(known.included);
    scope.push(known.set);
    scope.push(Arc::clone(&run.options.extra));
    scope.push(run.magic.fixed(run));
    named(host, &mut scope);
    scope.set("groups", Entry::Value(run.magic.groups(run)));
    scope
}

/// The variables of a play as a whole, before it has hosts: what its `hosts` and `serial` may use.
pub fn play(run: &Arc<Run>, play: &Play) -> Scope {
    let mut scope = Scope::new();
    for layer in &play.keywords.vars {
        scope.push(Arc::clone(layer));
    }
    scope.push(run.prompted());
    scope.push(Arc::clone(&run.options.extra));
    scope.push(run.magic.fixed(run));
    scope.set("groups", Entry::Value(run.magic.groups(run)));
    scope.set("hostvars", Entry::Lazy(Arc::new(HostVars { run: Arc::clone(run) })));
    scope
}

/// Variables Luthier provides that are the same for many tasks and hosts: computed once and shared, for a run of many
/// hosts asks for them at every task of every host.
#[derive(Default)]
pub struct Magic {
    fixed: OnceLock<Arc<ValueMap>>,
    groups: Mutex<Option<(Arc<Members>, Value)>>,
}

/// The hosts of every group, as the inventory has them.
type Members = IndexMap<String, Vec<HostName>>;

impl Magic {
    fn fixed(&self, run: &Run) -> Arc<ValueMap> {
        Arc::clone(self.fixed.get_or_init(|| Arc::new(fixed(run))))
    }

    /// `groups`: the hosts of every group. Made anew when the inventory has grown.
    fn groups(&self, run: &Run) -> Value {
        let members = run.inventory.read().unwrap_or_else(PoisonError::into_inner).groups();
        let mut known = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, value)) = known.as_ref()
            && Arc::ptr_eq(of, &members)
        {
            return value.clone();
        }
        let names = |hosts: &[HostName]| Value::list(hosts.iter().map(|host| Value::from(host.as_str())).collect());
        let value =
            Value::map(members.iter().map(|(group, hosts)| (Key::from(group.as_str()), names(hosts))).collect());
        *known = Some((members, value.clone()));
        value
    }
}

fn inventory_variables(run: &Run, host: &str) -> Arc<ValueMap> {
    run.inventory.read().unwrap_or_else(PoisonError::into_inner).host_vars(host)
}

/// Variables Luthier itself provides.
fn magic(run: &Arc<Run>, batch: &Batch, host: &str, scope: &mut Scope) {
    scope.push(run.magic.fixed(run));
    named(host, scope);
    scope.push(batch.magic(|| of_batch(batch)));
    scope.set("groups", Entry::Value(run.magic.groups(run)));
    scope.set("hostvars", Entry::Lazy(Arc::new(HostVars { run: Arc::clone(run) })));
}

/// How a host is reached where no variable says it: from keywords and the configuration, as Ansible tells it to tasks.
fn implied(run: &Run, keywords: &Keywords, host: &str) -> ValueMap {
    let mut map = ValueMap::new();
    let written = |written: &Option<Written>| written.as_ref().map(|written| written.value.clone());
    let mut put = |names: [&'static str; 2], value: Option<Value>| {
        if let Some(value) = value {
            for name in names {
                map.insert(Key::from(name), value.clone());
            }
        }
    };
    let defaults = &run.defaults;
    let own = run.inventory.read().unwrap_or_else(PoisonError::into_inner).has_host(host);
    let usual = if !own && matches!(host, "localhost" | "127.0.0.1") { "local" } else { "ssh" };
    let connection = written(&keywords.connection).or_else(|| defaults.connection.as_deref().map(Value::from));
    put(["ansible_connection"; 2], Some(connection.unwrap_or_else(|| Value::from(usual))));
    put(["ansible_ssh_host", "ansible_host"], Some(Value::from(host)));
    let user = written(&keywords.remote_user).or_else(|| defaults.user.as_deref().map(Value::from));
    put(["ansible_ssh_user", "ansible_user"], user);
    put(["ansible_ssh_port", "ansible_port"], written(&keywords.port));
    let key = defaults.private_key.as_ref().map(|path| Value::from(path.display().to_string()));
    put(["ansible_ssh_private_key_file", "ansible_private_key_file"], key);
    map
}

/// What tells a host from the others.
fn named(host: &str, scope: &mut Scope) {
    scope.set("inventory_hostname", Entry::Value(Value::from(host)));
    scope.set("inventory_hostname_short", Entry::Value(Value::from(host.split('.').next().unwrap_or(host))));
}

/// Variables that are the same for all hosts of a batch until one of them is lost.
fn of_batch(batch: &Batch) -> ValueMap {
    let mut map = ValueMap::new();
    let names = |hosts: &[String]| Value::list(hosts.iter().map(|host| Value::from(host.as_str())).collect());
    let alive = batch.alive();
    let folder = batch.planned.play.file.parent().map(|folder| std::path::absolute(folder.join("")));
    if let Some(Ok(folder)) = folder {
        let folder = Value::from(tidy(&folder));
        map.insert(Key::from("playbook_dir"), folder.clone());
        map.insert(Key::from("ansible_playbook_dir"), folder);
    }
    map.insert(Key::from("ansible_play_hosts_all"), names(&batch.all_hosts));
    map.insert(Key::from("ansible_play_hosts"), names(&alive));
    let alive: HashSet<String> = alive.into_iter().collect();
    let in_batch: Vec<String> = batch.hosts.iter().filter(|name| alive.contains(*name)).cloned().collect();
    let in_batch = names(&in_batch);
    map.insert(Key::from("ansible_play_batch"), in_batch.clone());
    map.insert(Key::from("play_hosts"), in_batch);
    map.insert(Key::from("ansible_play_name"), Value::from(batch.name.as_str()));
    map.insert(
        Key::from("ansible_play_role_names"),
        Value::list(batch.roles().iter().map(|role| Value::from(role.name.as_str())).collect()),
    );
    map
}

/// A folder without `..` and without a slash at its end.
fn tidy(folder: &std::path::Path) -> String {
    let mut out = std::path::PathBuf::new();
    for part in folder.components() {
        if part == std::path::Component::ParentDir {
            out.pop();
        } else {
            out.push(part);
        }
    }
    out.display().to_string()
}

/// Variables that are the same for the whole run.
fn fixed(run: &Run) -> ValueMap {
    let words = |items: &[String]| Value::list(items.iter().map(|item| Value::from(item.as_str())).collect());
    let mut map = ValueMap::new();
    let mut put = |name: &str, value: Value| {
        map.insert(Key::from(name), value);
    };
    put("playbook_dir", Value::from(tidy(&run.base)));
    put("ansible_playbook_dir", Value::from(tidy(&run.base)));
    put("ansible_check_mode", Value::Bool(run.options.check));
    put("ansible_diff_mode", Value::Bool(run.options.diff));
    put("ansible_verbosity", Value::Int(i128::from(run.options.verbosity)));
    put("ansible_forks", Value::Int(run.forks as i128));
    put(
        "ansible_run_tags",
        if run.options.tags.is_empty() { Value::list(vec![Value::from("all")]) } else { words(&run.options.tags) },
    );
    put("ansible_skip_tags", words(&run.options.skip_tags));
    if let Some(limit) = &run.options.limit {
        put("ansible_limit", Value::from(limit.as_str()));
    }
    put("omit", Value::from(crate::template::OMIT));
    let mut version = ValueMap::new();
    // The language level playbooks may ask for, not a program's version.
    version.insert(Key::from("full"), Value::from("2.19.0"));
    version.insert(Key::from("string"), Value::from("2.19.0"));
    version.insert(Key::from("major"), Value::Int(2));
    version.insert(Key::from("minor"), Value::Int(19));
    version.insert(Key::from("revision"), Value::Int(0));
    put("ansible_version", Value::map(version));
    put("luthier_version", Value::from(env!("CARGO_PKG_VERSION")));
    map
}

/// `hostvars`: the variables of any host, computed when touched.
struct HostVars {
    run: Arc<Run>,
}

impl Lazy for HostVars {
    fn get(&self, name: &str) -> Option<Entry> {
        let known = {
            let inventory = self.run.inventory.read().unwrap_or_else(PoisonError::into_inner);
            inventory.has_host(name) || matches!(name, "localhost" | "127.0.0.1")
        };
        known.then(|| Entry::Scope(host(&self.run, name)))
    }

    fn names(&self) -> Vec<Arc<str>> {
        let inventory = self.run.inventory.read().unwrap_or_else(PoisonError::into_inner);
        inventory.hosts().iter().map(|name| Arc::from(name.as_str())).collect()
    }
}
