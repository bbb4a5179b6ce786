//! One play: its batches of hosts, one after another; in a batch every host at once.

use super::host::{HostRun, is_named};
use super::lockstep::{Lockstep, Position};
use super::run::{Run, text};
use super::{batches, closing, prompts, scope, vars_files};
use crate::event::Event;
use crate::plan::{PlannedPlay, PlannedTask};
use crate::playbook::{Role, Strategy};
use crate::yaml::{Diagnostic, Value, ValueMap};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How a play ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlayEnd {
    /// Go on with the next play.
    Next,
    /// No host is left, or a limit on failures was exceeded: the run ends.
    Stop,
}

/// Hosts that go through a play together.
pub struct Batch {
    /// The play.
    pub planned: Arc<PlannedPlay>,
    /// Its name, rendered.
    pub name: String,
    /// The hosts of this batch, in order.
    pub hosts: Vec<String>,
    /// The hosts of the whole play, in order.
    pub all_hosts: Vec<String>,
    /// The barrier; `None` under `strategy: free`.
    pub lockstep: Option<Lockstep>,
    /// Results of `run_once` tasks, by position.
    pub once: Mutex<HashMap<Position, watch::Sender<Option<super::host::Shared>>>>,
    /// Where the last task of the whole run stands, where that is known.
    pub last: Option<Position>,
    /// No further task starts (`meta: end_play`, `end_batch`).
    pub halted: AtomicBool,
    /// No further batch starts either (`meta: end_play`).
    pub ended: AtomicBool,
    /// The errors of all hosts were cleared (`meta: clear_host_errors`).
    pub cleared: AtomicBool,
    /// Hosts that failed or cannot be reached.
    lost: Mutex<Lost>,
    /// Hosts whose list has ended before the play's end, for whatever reason.
    gone: Mutex<HashSet<String>>,
    /// Hosts that earlier plays lost: they count towards `max_fail_percentage`.
    lost_before: usize,
    /// `max_fail_percentage`.
    max_fail: Option<f64>,
    fatal: Mutex<HashSet<Position>>,
    /// One of those failures was a task's, not a lost host.
    failed_fatally: AtomicBool,
    verdict: Mutex<Option<(Position, Verdict)>>,
    announced: Mutex<HashSet<Position>>,
    claimed: Mutex<HashSet<Position>>,
    roles: Mutex<Arc<Vec<Arc<Role>>>>,
    handlers: Mutex<Arc<Vec<Arc<PlannedTask>>>>,
    throttles: Mutex<HashMap<Position, Arc<tokio::sync::Semaphore>>>,
    file_variables: Mutex<HashMap<String, Arc<ValueMap>>>,
    magic: Mutex<Option<Arc<ValueMap>>>,
}

/// What holds for every host that takes a step, decided by the first who takes it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verdict {
    /// `meta: end_play` or `end_batch`.
    pub is_halted: bool,
    /// More hosts failed than `max_fail_percentage` allows.
    pub is_over: bool,
    /// How many failures under `any_errors_fatal` there have been.
    pub fatal: usize,
}

/// Hosts whose list does not go on, and why.
#[derive(Debug, Default)]
struct Lost {
    failed: HashSet<String>,
    unreachable: HashSet<String>,
}

impl Lost {
    fn all(&self) -> HashSet<String> {
        self.failed.union(&self.unreachable).cloned().collect()
    }

    /// How many count when a batch is judged.
    fn counted(&self, unreachable_counts: bool) -> usize {
        if unreachable_counts { self.all().len() } else { self.failed.len() }
    }
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Batch {
    /// Static roles of the play and those that includes made public.
    pub fn roles(&self) -> Arc<Vec<Arc<Role>>> {
        Arc::clone(&guard(&self.roles))
    }

    /// An include made a role's variables public.
    pub fn add_role(&self, role: &Arc<Role>) {
        let mut roles = guard(&self.roles);
        Arc::make_mut(&mut roles).push(Arc::clone(role));
        drop(roles);
        self.forget_magic();
    }

    /// Handlers in the order they run.
    pub fn handlers(&self) -> Arc<Vec<Arc<PlannedTask>>> {
        Arc::clone(&guard(&self.handlers))
    }

    /// An include brought handlers in: their numbers. Those that another host or an earlier include brought in with the
    /// same keywords and variables are not taken twice.
    pub fn add_handlers(&self, new: Vec<Arc<PlannedTask>>) -> Vec<usize> {
        let mut handlers = guard(&self.handlers);
        let handlers = Arc::make_mut(&mut handlers);
        let mut numbers = Vec::with_capacity(new.len());
        for task in new {
            let same = |known: &Arc<PlannedTask>| {
                let roles = (&known.task.role, &task.task.role);
                known.task.origin == task.task.origin
                    && known.keywords == task.keywords
                    && matches!(roles, (Some(one), Some(other)) if one.is_same_use(other))
            };
            let number = handlers.iter().position(same).unwrap_or(handlers.len());
            if number == handlers.len() {
                handlers.push(task);
            }
            numbers.push(number);
        }
        numbers
    }

    /// What `vars_files` gives a host.
    pub fn file_variables(&self, host: &str) -> Arc<ValueMap> {
        guard(&self.file_variables).get(host).cloned().unwrap_or_default()
    }

    /// Read the `vars_files` of a host: before the play, and again where their names may hang on facts that came meanwhile.
    pub fn read_files(&self, run: &Arc<Run>, host: &str, warns: vars_files::Warns) -> Result<(), Diagnostic> {
        let variables = vars_files::read(run, &self.planned.play, &scope::host(run, host), warns)?;
        guard(&self.file_variables).insert(host.to_owned(), Arc::new(variables));
        Ok(())
    }

    /// Hosts of the play that are still at work.
    pub fn alive(&self) -> Vec<String> {
        let (lost, gone) = (self.lost(), guard(&self.gone));
        self.all_hosts.iter().filter(|host| !lost.contains(*host) && !gone.contains(*host)).cloned().collect()
    }

    /// A host's list ended before the play's end.
    pub fn end(&self, host: &str) {
        guard(&self.gone).insert(host.to_owned());
        self.forget_magic();
    }

    /// Variables that tell of the batch as a whole: made anew after hosts or roles have come or gone.
    pub fn magic(&self, make: impl FnOnce() -> ValueMap) -> Arc<ValueMap> {
        // Held while they are made, so that whoever changes the batch meanwhile forgets them after that.
        Arc::clone(guard(&self.magic).get_or_insert_with(|| Arc::new(make())))
    }

    /// Called after every change of what [`Batch::magic`] tells.
    fn forget_magic(&self) {
        *guard(&self.magic) = None;
    }

    /// A host failed.
    pub fn lose(&self, host: &str) {
        let mut lost = guard(&self.lost);
        if !lost.unreachable.contains(host) {
            lost.failed.insert(host.to_owned());
        }
        drop(lost);
        self.forget_magic();
    }

    /// A host cannot be reached.
    pub fn lose_contact(&self, host: &str) {
        guard(&self.lost).unreachable.insert(host.to_owned());
        self.forget_magic();
    }

    /// A failure under `any_errors_fatal`: it is everybody's. Several hosts failing at one step are one failure.
    pub fn fail_all(&self, position: &Position, is_contact: bool) {
        if !is_contact {
            self.failed_fatally.store(true, Ordering::SeqCst);
        }
        guard(&self.fatal).insert(position.clone());
    }

    /// How many failures under `any_errors_fatal` there have been.
    pub fn fatal(&self) -> usize {
        guard(&self.fatal).len()
    }

    /// A host's errors were cleared.
    pub fn regain(&self, host: &str) {
        let mut lost = guard(&self.lost);
        lost.failed.remove(host);
        lost.unreachable.remove(host);
        drop(lost);
        self.forget_magic();
    }

    /// Hosts of this batch that failed or were lost.
    pub fn lost(&self) -> HashSet<String> {
        guard(&self.lost).all()
    }

    /// True for the first who asks about a position: it announces the task.
    pub fn announce(&self, position: &Position) -> bool {
        guard(&self.announced).insert(position.clone())
    }

    /// True for the first who asks to stand for all hosts at a position.
    pub fn claim(&self, position: &Position) -> bool {
        guard(&self.claimed).insert(position.clone())
    }

    /// The semaphore of a task with `throttle`, where hosts keep no step.
    pub fn throttle(&self, position: &Position, width: usize) -> Arc<tokio::sync::Semaphore> {
        let mut throttles = guard(&self.throttles);
        let semaphore =
            throttles.entry(position.clone()).or_insert_with(|| Arc::new(tokio::sync::Semaphore::new(width)));
        Arc::clone(semaphore)
    }

    /// The channel of a `run_once` task's result.
    pub fn once(&self, position: &Position) -> watch::Sender<Option<super::host::Shared>> {
        guard(&self.once).entry(position.clone()).or_insert_with(|| watch::Sender::new(None)).clone()
    }

    /// What holds at a step. The first who takes it decides for all, so that nobody stays behind because a faster host
    /// failed at this very step.
    pub fn verdict(&self, run: &Run, position: &Position) -> Verdict {
        let mut slot = guard(&self.verdict);
        if self.lockstep.is_some()
            && let Some((known, verdict)) = slot.as_ref()
            && known == position
        {
            return *verdict;
        }
        let verdict =
            Verdict { is_halted: self.halted.load(Ordering::SeqCst), is_over: self.is_over(run), fatal: self.fatal() };
        *slot = Some((position.clone(), verdict));
        verdict
    }

    /// Whether so many hosts of this batch are lost that no further one begins.
    fn ends_the_run(&self, run: &Run) -> bool {
        let lost = self.lost();
        let by_contact_only = !self.failed_fatally.load(Ordering::SeqCst) && !guard(&self.lost).unreachable.is_empty();
        if self.fatal() > 0 && by_contact_only && !run.options.unreachable_counts {
            // Ansible's way: a host that cannot be reached ends its own batch under `any_errors_fatal`, and no other.
            return self.is_over(run);
        }
        let is_whole = self.hosts.iter().all(|host| lost.contains(host));
        is_whole || (self.fatal() > 0 && !lost.is_empty()) || self.is_over(run)
    }

    /// Whether more hosts failed than `max_fail_percentage` allows.
    pub fn is_over(&self, run: &Run) -> bool {
        let lost = guard(&self.lost).counted(run.options.unreachable_counts);
        lost > 0
            && self.max_fail.is_some_and(|limit| batches::is_over(limit, lost + self.lost_before, self.hosts.len()))
    }
}

/// Carry out a play. `failed` are hosts earlier plays lost; they take no part, and new ones are added. `is_last`: no play
/// comes after it.
pub async fn play(
    run: &Arc<Run>,
    planned: &Arc<PlannedPlay>,
    failed: &mut HashSet<String>,
    is_last: bool,
) -> Result<PlayEnd, Diagnostic> {
    if let Some(Ok(folder)) = planned.play.file.parent().map(|folder| std::path::absolute(folder.join(""))) {
        run.go_beside(&folder).map_err(first)?;
    }
    prompts::ask(run, &planned.play).await?;
    let matched = batches::hosts(run, planned)?;
    let name = name(run, planned);
    let is_over = |host: &String| run.options.earlier.as_ref().is_some_and(|earlier| earlier.is_over(&name, host));
    let chosen = matched.len();
    let left = matched.iter().filter(|host| !is_over(host) && !failed.contains(*host));
    let hosts: Vec<String> = left.cloned().collect();
    if hosts.is_empty() {
        run.emit(Event::PlayStarted { play: name.clone(), hosts });
        if run.options.earlier.is_some() && chosen > 0 {
            return Ok(PlayEnd::Next);
        }
        let every = run.memories().len();
        if failed.is_empty() || every == 0 {
            run.warn(None, format!("play `{name}` has no hosts"));
        }
        return Ok(PlayEnd::Next);
    }
    let is_before_start = run.is_before_start();
    if is_before_start && !has_start(run, planned) {
        run.emit(Event::PlayStarted { play: name, hosts });
        return Ok(PlayEnd::Next);
    }
    let max_fail = batches::max_fail(run, &planned.play)?;
    for part in batches::split(run, &planned.play, &hosts)? {
        if run.is_stopping() {
            return Ok(PlayEnd::Stop);
        }
        run.emit(Event::PlayStarted { play: name.clone(), hosts: part.clone() });
        let mut batch = batch(run, planned, &name, part, &hosts)?;
        batch.lost_before = failed.len();
        batch.max_fail = max_fail;
        batch.last = if is_last { closing::last_position(planned) } else { None };
        let batch = carry_out(run, batch).await;
        if batch.cleared.load(Ordering::SeqCst) {
            failed.retain(|host| !matched.contains(host));
        }
        failed.extend(batch.lost());
        if batch.ends_the_run(run) {
            return Ok(PlayEnd::Stop);
        }
        if batch.ended.load(Ordering::SeqCst) {
            break;
        }
    }
    if is_before_start {
        run.mark_started();
    }
    Ok(PlayEnd::Next)
}

/// The first of several errors.
fn first(errors: Vec<Diagnostic>) -> Diagnostic {
    errors.into_iter().next().unwrap_or_else(|| Diagnostic::error(None, "the variables beside the playbook"))
}

/// Whether the task of `--start-at-task` is in this play; tasks that includes bring in cannot be named.
fn has_start(run: &Run, planned: &PlannedPlay) -> bool {
    let wanted = run.options.start_at.as_deref().unwrap_or_default();
    planned.tasks().into_iter().any(|task| is_named(task, wanted))
}

/// The task name that is most like one that no task of these plays has: `Err` with it, if any is.
pub fn find_start(plays: &[PlannedPlay], wanted: &str) -> Result<(), Option<String>> {
    let tasks: Vec<_> = plays.iter().flat_map(PlannedPlay::tasks).collect();
    if tasks.iter().any(|task| is_named(task, wanted)) {
        return Ok(());
    }
    let names: Vec<String> = tasks.iter().map(|task| task.bare_name()).collect();
    Err(crate::yaml::nearest(wanted, names.iter().map(String::as_str)).map(str::to_owned))
}

fn name(run: &Arc<Run>, planned: &PlannedPlay) -> String {
    let scope = scope::play(run, &planned.play);
    let place = crate::template::Place { search: vec![run.base.clone()], base: Some(run.base.clone()) };
    let render = |value: &Value| run.engine.render(value, &scope, &place).ok().map(|value| text(&value));
    let named = planned.play.name.as_ref().and_then(|name| render(&name.value)).filter(|name| !name.is_empty());
    named.unwrap_or_else(|| match &planned.play.hosts.value {
        Value::List(items) => items.iter().filter_map(render).collect::<Vec<_>>().join(","),
        pattern => render(pattern).unwrap_or_else(|| planned.pattern()),
    })
}

fn batch(
    run: &Arc<Run>,
    planned: &Arc<PlannedPlay>,
    name: &str,
    hosts: Vec<String>,
    all: &[String],
) -> Result<Batch, Diagnostic> {
    let lockstep = (planned.play.strategy == Strategy::Linear).then(|| Lockstep::new(hosts.len()));
    let batch = Batch {
        planned: Arc::clone(planned),
        name: name.to_owned(),
        all_hosts: all.to_vec(),
        lockstep,
        once: Mutex::default(),
        last: None,
        halted: AtomicBool::new(false),
        ended: AtomicBool::new(false),
        cleared: AtomicBool::new(false),
        lost: Mutex::default(),
        gone: Mutex::default(),
        lost_before: 0,
        max_fail: None,
        fatal: Mutex::default(),
        failed_fatally: AtomicBool::new(false),
        verdict: Mutex::default(),
        announced: Mutex::default(),
        claimed: Mutex::default(),
        roles: Mutex::new(Arc::new(planned.play.known_roles.clone())),
        handlers: Mutex::new(Arc::new(planned.handlers.clone())),
        throttles: Mutex::default(),
        file_variables: Mutex::default(),
        magic: Mutex::default(),
        hosts,
    };
    if !planned.play.vars_files.is_empty() {
        for host in &batch.hosts {
            batch.read_files(run, host, vars_files::Warns::Known)?;
        }
    }
    Ok(batch)
}

/// All hosts of a batch at once, each a task of its own.
async fn carry_out(run: &Arc<Run>, batch: Batch) -> Arc<Batch> {
    let batch = Arc::new(batch);
    let mut hosts = JoinSet::new();
    for (index, host) in batch.hosts.iter().enumerate() {
        let walker = HostRun::new(Arc::clone(run), Arc::clone(&batch), index, host.clone());
        hosts.spawn(walker.walk());
    }
    while let Some(ended) = hosts.join_next().await {
        if let Err(error) = ended {
            run.fail_otherwise();
            run.warn(None, format!("a host's list ended abnormally: {error}"));
        }
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreachable_hosts_count_unless_told_otherwise() {
        let mut lost = Lost::default();
        lost.failed.insert("a".into());
        lost.unreachable.insert("b".into());
        assert_eq!(lost.counted(true), 2);
        assert_eq!(lost.counted(false), 1);
        assert_eq!(lost.all().len(), 2);
    }
}
