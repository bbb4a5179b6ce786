//! What all hosts of a run share.

use super::memory::HostMemory;
use super::recap;
use super::scope::Magic;
use crate::event::{Event, Recap, Sink};
use crate::inventory::Inventory;
use crate::plan::Planner;
use crate::playbook::Reader;
use crate::session;
use crate::template::{Engine, Place};
use crate::yaml::{Value, ValueMap};
use luthier_protocol::name::RunId;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::{Notify, Semaphore};

/// What the operator asked for, apart from the playbook.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `--check`.
    pub check: bool,
    /// `--diff`.
    pub diff: bool,
    /// `-v`, how often.
    pub verbosity: u8,
    /// `--limit`, as a pattern.
    pub limit: Option<String>,
    /// `-e`, merged in order.
    pub extra: Arc<ValueMap>,
    /// `-b` and its kin.
    pub escalation: Escalation,
    /// `--tags` as `ansible_run_tags` shows them.
    pub tags: Vec<String>,
    /// `--skip-tags`.
    pub skip_tags: Vec<String>,
    /// `--start-at-task`.
    pub start_at: Option<String>,
    /// Unreachable hosts count as failed when a batch is judged.
    pub unreachable_counts: bool,
    /// `force_handlers`.
    pub force_handlers: bool,
    /// Gather facts where a play does not say.
    pub gather: bool,
    /// Stream the output of commands.
    pub live: bool,
}

/// Becoming another user, from the command line.
#[derive(Debug, Clone, Default)]
pub struct Escalation {
    /// `-b`.
    pub enabled: bool,
    /// `--become-user`.
    pub user: Option<String>,
    /// `--become-method`.
    pub method: Option<String>,
    /// `-K`, asked for once.
    pub password: Option<String>,
}

/// A run.
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// What the operator asked for.
    pub options: Options,
    /// Hosts and groups; `add_host` and `group_by` add to it.
    pub inventory: RwLock<Inventory>,
    /// Renders.
    pub engine: Arc<Engine>,
    /// Reads files an include names.
    pub reader: Reader,
    /// Plans what an include brings in.
    pub planner: Planner,
    /// How to connect.
    pub sessions: Arc<session::Settings>,
    /// What is read when the inventory does not say.
    pub defaults: session::Defaults,
    /// Where events go.
    pub sink: Sink,
    /// At most so many hosts are worked on at once.
    pub permits: Semaphore,
    /// How many that is.
    pub forks: usize,
    /// Folder of the playbook.
    pub base: PathBuf,
    /// Variables that many tasks and hosts share.
    pub magic: Magic,
    memories: RwLock<HashMap<String, Arc<HostMemory>>>,
    names: Mutex<HashMap<(String, u64), String>>,
    recap: Mutex<BTreeMap<String, Recap>>,
    stopping: AtomicBool,
    stopped: Notify,
    failed_otherwise: AtomicBool,
    started: AtomicBool,
}

/// The parts a run is made of.
pub struct Parts {
    /// See [`Run::id`].
    pub id: RunId,
    /// See [`Run::options`].
    pub options: Options,
    /// See [`Run::inventory`].
    pub inventory: Inventory,
    /// See [`Run::engine`].
    pub engine: Arc<Engine>,
    /// See [`Run::reader`].
    pub reader: Reader,
    /// See [`Run::planner`].
    pub planner: Planner,
    /// See [`Run::sessions`].
    pub sessions: Arc<session::Settings>,
    /// See [`Run::defaults`].
    pub defaults: session::Defaults,
    /// See [`Run::sink`].
    pub sink: Sink,
    /// `--forks`.
    pub forks: usize,
    /// See [`Run::base`].
    pub base: PathBuf,
}

impl Run {
    /// A run that has not begun.
    pub fn new(parts: Parts) -> Self {
        Self {
            id: parts.id,
            options: parts.options,
            inventory: RwLock::new(parts.inventory),
            engine: parts.engine,
            reader: parts.reader,
            planner: parts.planner,
            sessions: parts.sessions,
            defaults: parts.defaults,
            sink: parts.sink,
            permits: Semaphore::new(parts.forks.max(1)),
            forks: parts.forks.max(1),
            base: parts.base,
            magic: Magic::default(),
            memories: RwLock::default(),
            names: Mutex::default(),
            recap: Mutex::default(),
            stopping: AtomicBool::new(false),
            stopped: Notify::new(),
            failed_otherwise: AtomicBool::new(false),
            started: AtomicBool::new(false),
        }
    }

    /// What the run knows of a host.
    pub fn memory(&self, host: &str) -> Arc<HostMemory> {
        if let Some(memory) = self.memories.read().unwrap_or_else(PoisonError::into_inner).get(host) {
            return Arc::clone(memory);
        }
        let mut memories = self.memories.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(memories.entry(host.to_owned()).or_default())
    }

    /// Every host that was touched, with what is known of it.
    pub fn memories(&self) -> Vec<(String, Arc<HostMemory>)> {
        let memories = self.memories.read().unwrap_or_else(PoisonError::into_inner);
        memories.iter().map(|(name, memory)| (name.clone(), Arc::clone(memory))).collect()
    }

    /// Remember the name of a task that was sent, for its live output.
    pub fn name_task(&self, host: &str, seq: u64, name: String) {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).insert((host.to_owned(), seq), name);
    }

    /// The name of a task that was sent.
    pub fn task_name(&self, host: &str, seq: u64) -> String {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.get(&(host.to_owned(), seq)).cloned().unwrap_or_default()
    }

    /// Say something, and count it.
    pub fn emit(&self, event: Event) {
        recap::count(&mut self.recap.lock().unwrap_or_else(PoisonError::into_inner), &event);
        self.sink.emit(&event);
    }

    /// Say that something is odd.
    pub fn warn(&self, host: Option<&str>, message: impl Into<String>) {
        self.emit(Event::Warning { host: host.map(str::to_owned), message: message.into() });
    }

    /// Whether the task of `--start-at-task` is still to come.
    pub fn is_before_start(&self) -> bool {
        self.options.start_at.is_some() && !self.started.load(Ordering::SeqCst)
    }

    /// The task of `--start-at-task` was reached.
    pub fn mark_started(&self) {
        self.started.store(true, Ordering::SeqCst);
    }

    /// A failure that a `rescue` took after it was told: counted as rescued, not failed.
    pub fn rescued(&self, host: &str) {
        let mut recap = self.recap.lock().unwrap_or_else(PoisonError::into_inner);
        let row = recap.entry(host.to_owned()).or_default();
        row.failed = row.failed.saturating_sub(1);
        row.rescued += 1;
    }

    /// The counts so far.
    pub fn recap(&self) -> BTreeMap<String, Recap> {
        self.recap.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ask everybody to stop: what runs is cancelled, nothing new starts.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.stopped.notify_waiters();
    }

    /// Something failed that is no task's failure.
    pub fn fail_otherwise(&self) {
        self.failed_otherwise.store(true, Ordering::SeqCst);
    }

    /// Whether something failed that is no task's failure.
    pub fn has_failed_otherwise(&self) -> bool {
        self.failed_otherwise.load(Ordering::SeqCst)
    }

    /// Whether everybody was asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Waits until everybody is asked to stop.
    pub async fn until_stopped(&self) {
        let notified = self.stopped.notified();
        if !self.is_stopping() {
            notified.await;
        }
    }

    /// Where lookups and includes of a task look for files.
    pub fn place(&self, task: &crate::playbook::Task) -> Place {
        let mut search = Vec::new();
        if let Some(role) = &task.role {
            search.push(role.path.clone());
        }
        if let Some(folder) = task.file.parent() {
            search.push(folder.to_path_buf());
        }
        search.push(self.base.clone());
        search.dedup();
        Place { search, base: Some(self.base.clone()) }
    }
}

/// Text of a rendered value.
pub fn text(value: &Value) -> String {
    match value {
        Value::Str(text) => text.to_string(),
        Value::Null => String::new(),
        Value::Bool(value) => if *value { "True" } else { "False" }.to_owned(),
        other => match other.as_str() {
            Some(text) => text.to_owned(),
            None => other.to_json().to_string(),
        },
    }
}
