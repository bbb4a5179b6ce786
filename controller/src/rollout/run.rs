//! What all hosts of a run share.

use super::memory::HostMemory;
use super::recap;
use super::resume::Earlier;
use super::scope::Magic;
use crate::event::{Event, Recap, Sink};
use crate::inventory::Inventory;
use crate::plan::Planner;
use crate::playbook::Reader;
use crate::session;
use crate::template::{Engine, Place};
use crate::yaml::{Diagnostic, Value, ValueMap};
use luthier_protocol::name::RunId;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
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
    /// What an earlier run has done, for `--resume`.
    pub earlier: Option<Arc<Earlier>>,
}

/// Becoming another user, from the command line and the configuration.
#[derive(Debug, Clone, Default)]
pub struct Escalation {
    /// `-b`.
    pub enabled: bool,
    /// `--become-user`.
    pub user: Option<String>,
    /// `--become-method`.
    pub method: Option<String>,
    /// The become program, where the configuration names one.
    pub program: Option<String>,
    /// Its flags, where the configuration has some.
    pub flags: Option<String>,
    /// `-K`, asked for once.
    pub password: Option<String>,
}

/// Asks the person at the terminal: the question, and whether what is typed is shown. `None` when there is no answer.
pub type Asker = Arc<dyn Fn(&str, bool) -> Option<String> + Send + Sync>;

/// Reads the inventory anew.
pub type Reload = Box<dyn Fn() -> Result<Inventory, String> + Send + Sync>;

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
    /// Asks the person at the terminal; `None` where there is none.
    pub asker: Option<Asker>,
    reload: Reload,
    beside: Mutex<PathBuf>,
    prompted: RwLock<Arc<ValueMap>>,
    forgiven: Mutex<BTreeMap<String, Recap>>,
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
    /// See [`Run::asker`].
    pub asker: Option<Asker>,
    /// Reads the inventory anew (`meta: refresh_inventory`).
    pub reload: Reload,
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
            beside: Mutex::new(parts.base.clone()),
            base: parts.base,
            asker: parts.asker,
            reload: parts.reload,
            prompted: RwLock::default(),
            forgiven: Mutex::default(),
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

    /// Ask the person at the terminal, without holding anybody else up. `None` when the run stops meanwhile, or nobody
    /// answers.
    pub async fn ask(&self, question: String, echo: bool) -> Option<String> {
        let asker = self.asker.clone()?;
        let (answer, answered) = tokio::sync::oneshot::channel();
        // A thread of its own: one that waits for a person must not keep the program from ending.
        std::thread::spawn(move || {
            // Whoever asked may be gone.
            let _ = answer.send(asker(&question, echo));
        });
        tokio::select! {
            answer = answered => answer.ok().flatten(),
            () = self.until_stopped() => None,
        }
    }

    /// What `vars_prompt` of the play got.
    pub fn prompted(&self) -> Arc<ValueMap> {
        Arc::clone(&self.prompted.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What `vars_prompt` of the next play got.
    pub fn set_prompted(&self, values: ValueMap) {
        *self.prompted.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(values);
    }

    /// Take in the variables beside a play's playbook, where that is another than the last play's.
    pub fn go_beside(&self, folder: &Path) -> Result<(), Vec<Diagnostic>> {
        let mut beside = self.beside.lock().unwrap_or_else(PoisonError::into_inner);
        if *beside != folder {
            let mut inventory = self.inventory.write().unwrap_or_else(PoisonError::into_inner);
            inventory.set_playbook_dir(folder)?;
            *beside = folder.to_path_buf();
        }
        Ok(())
    }

    /// Read the inventory anew (`meta: refresh_inventory`).
    pub fn refresh_inventory(&self) -> Result<(), String> {
        let mut fresh = (self.reload)()?;
        let beside = self.beside.lock().unwrap_or_else(PoisonError::into_inner);
        let told = |errors: Vec<Diagnostic>| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        fresh.set_playbook_dir(&beside).map_err(told)?;
        *self.inventory.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// What a host failed so far does not count for the exit code (`meta: clear_host_errors`).
    pub fn forgive(&self, host: &str) {
        let recap = self.recap.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(row) = recap.get(host) {
            self.forgiven.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_owned(), *row);
        }
    }

    /// The counts that decide the exit code.
    pub fn judged(&self) -> BTreeMap<String, Recap> {
        let mut recap = self.recap();
        for (host, forgiven) in self.forgiven.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if let Some(row) = recap.get_mut(host) {
                row.failed = row.failed.saturating_sub(forgiven.failed);
                row.unreachable = row.unreachable.saturating_sub(forgiven.unreachable);
            }
        }
        recap
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
            search.extend(role.parents().map(|role| role.path.clone()));
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
