//! One host's way through a play: it walks the tree of blocks and tasks, keeps step with the others, and holds what was
//! sent ahead.

use super::failure::Failure;
use super::lockstep::Position;
use super::memory::HostMemory;
use super::outcome::Outcome;
use super::play::Batch;
use super::run::Run;
use super::start::Started;
use crate::event::Event;
use crate::plan::{PlannedBlock, PlannedStep, PlannedTask};
use crate::playbook::Role;
use std::collections::{BTreeSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// Results a `run_once` task shares with all hosts.
pub type Shared = Arc<Vec<Outcome>>;

/// Where a host's list goes after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// To the next step.
    Next,
    /// A task failed: to the `rescue`, or to the end.
    Failed,
    /// The host is lost.
    Unreachable,
    /// To the end, without a failure (`meta: end_host`, `end_play`, `end_batch`).
    End,
    /// To the end of the role (`meta: end_role`).
    EndRole,
}

/// A task of the walk, and what became of its name.
pub struct HostRun {
    /// What all hosts share.
    pub run: Arc<Run>,
    /// The batch.
    pub batch: Arc<Batch>,
    /// This host's number in the batch.
    pub index: usize,
    /// Its name.
    pub host: String,
    /// What is known of it.
    pub memory: Arc<HostMemory>,
    /// Where it stands.
    pub position: Position,
    /// Handlers that were notified, by their number.
    pub notified: BTreeSet<usize>,
    /// Handlers that includes of this host brought in, by their number; of two instances of one the later counts.
    pub brought: Vec<usize>,
    /// Tasks sent ahead whose results are awaited, oldest first.
    pub ahead: VecDeque<Started>,
    /// Roles that came to their end.
    pub roles_done: Vec<Arc<Role>>,
    /// Roles one of whose tasks ran, and was not skipped.
    pub roles_ran: Vec<Arc<Role>>,
    /// The failure a `rescue` may look at.
    pub failure: Option<Failure>,
    /// Inside how many blocks with a `rescue`: a failure there is not the host's end.
    pub rescues: usize,
    /// Inside how many `rescue` and `always` parts: those are finished though too many hosts failed.
    pub recovering: usize,
    /// Failures under `any_errors_fatal` this host has taken part in.
    pub fatal: usize,
    /// The failure is another host's, under `any_errors_fatal`.
    pub dragged: bool,
    /// `--start-at-task` has not been reached.
    pub waiting_for_start: bool,
    /// This host speaks for all at this step.
    pub leader: bool,
}

/// What becomes of a walk through steps.
pub type Walk<'a> = Pin<Box<dyn Future<Output = Flow> + Send + 'a>>;

impl HostRun {
    /// A host before the first step.
    pub fn new(run: Arc<Run>, batch: Arc<Batch>, index: usize, host: String) -> Self {
        let memory = run.memory(&host);
        let waiting_for_start = run.is_before_start();
        Self {
            run,
            batch,
            index,
            host,
            memory,
            position: Position::new(),
            notified: BTreeSet::new(),
            brought: Vec::new(),
            ahead: VecDeque::new(),
            roles_done: Vec::new(),
            roles_ran: Vec::new(),
            failure: None,
            rescues: 0,
            recovering: 0,
            fatal: 0,
            dragged: false,
            waiting_for_start,
            leader: false,
        }
    }

    /// The whole play.
    pub async fn walk(mut self) {
        let run = Arc::clone(&self.run);
        // Hosts that wait for each other take turns at each task; one that goes its own way is worked on to its end.
        let _working = match &self.batch.lockstep {
            Some(_) => None,
            // Nobody closes the semaphore.
            None => run.permits.acquire().await.ok(),
        };
        let flow = self.sections().await;
        if flow != Flow::Next {
            self.batch.end(&self.host);
        }
        match flow {
            Flow::Failed => self.batch.lose(&self.host),
            Flow::Unreachable => self.batch.lose_contact(&self.host),
            Flow::End if self.is_cut_short() => {}
            Flow::Next | Flow::End | Flow::EndRole => {
                self.run.emit(Event::HostDone { play: self.batch.name.clone(), host: self.host.clone() });
            }
        }
        if let Some(lockstep) = &self.batch.lockstep {
            lockstep.leave(self.index, &self.position);
        }
    }

    /// Whether the list ended because others failed or the run was interrupted, not because the play said so.
    fn is_cut_short(&self) -> bool {
        self.run.is_stopping() || self.batch.is_over(&self.run)
    }

    async fn sections(&mut self) -> Flow {
        let planned = Arc::clone(&self.batch.planned);
        let mut flow = self.gather().await;
        for (number, section) in planned.sections.iter().enumerate() {
            if flow != Flow::Next {
                break;
            }
            let base = vec![number as u32 + 1];
            flow = self.steps(&section.steps, &base).await;
            flow = self.drain().await.then(flow);
            let forced = self.run.options.force_handlers || self.forces_handlers();
            // As in Ansible handlers at a section's end are tagged `always`.
            let selected = self.run.planner.selects(&BTreeSet::from(["always".to_owned()]));
            if selected && (flow == Flow::Next || (flow == Flow::Failed && forced)) {
                let handlers = self.flush(&[number as u32 + 1, u32::MAX]).await;
                flow = flow.then_worse(handlers);
            }
        }
        flow
    }

    fn forces_handlers(&self) -> bool {
        let play = Arc::clone(&self.batch.planned.play);
        play.force_handlers.is_some() && self.play_flag(&play.force_handlers).unwrap_or(false)
    }

    /// Steps of one list, in order.
    pub fn steps<'a>(&'a mut self, steps: &'a [PlannedStep], base: &'a [u32]) -> Walk<'a> {
        Box::pin(async move {
            for (number, step) in steps.iter().enumerate() {
                let position = extend(base, number as u32);
                let flow = match step {
                    PlannedStep::Task(task) => self.step(task, position).await,
                    PlannedStep::Block(block) => self.block(block, &position).await,
                };
                if flow != Flow::Next {
                    // What was sent ahead of a failure never ran; after an end it did and is still told.
                    return self.drain().await.then(flow);
                }
            }
            Flow::Next
        })
    }

    fn block<'a>(&'a mut self, block: &'a Arc<PlannedBlock>, base: &'a [u32]) -> Walk<'a> {
        Box::pin(async move {
            if let Some(role) = &block.role
                && self.may_pass_over(role)
            {
                // Whether one of its tasks ran is known when their results are.
                let flow = self.drain().await;
                if flow != Flow::Next || self.roles_ran.iter().any(|ran| ran.is_same_use(role)) {
                    return flow;
                }
            }
            let guarded = !block.rescue.is_empty() || !block.always.is_empty();
            if guarded {
                // A failure inside must not reach tasks that were sent ahead from before.
                let flow = self.drain().await;
                if flow != Flow::Next {
                    return flow;
                }
            }
            let rescued = !block.rescue.is_empty();
            self.rescues += usize::from(rescued);
            let mut flow = self.steps(&block.body, &extend(base, 0)).await;
            if guarded {
                flow = self.drain().await.then(flow);
            }
            self.rescues -= usize::from(rescued);
            self.recovering += 1;
            if flow == Flow::Failed && rescued {
                // A failure that was another host's is that host's to be told of.
                if !std::mem::take(&mut self.dragged) {
                    self.publish_failure();
                }
                flow = self.steps(&block.rescue, &extend(base, 1)).await;
                flow = self.drain().await.then(flow);
            }
            if !block.always.is_empty() && matches!(flow, Flow::Next | Flow::Failed | Flow::EndRole) {
                let after = self.steps(&block.always, &extend(base, 2)).await;
                let after = self.drain().await.then(after);
                flow = flow.then_worse(after);
            }
            self.recovering -= 1;
            match &block.role {
                Some(role) if matches!(flow, Flow::Next | Flow::EndRole) => {
                    self.roles_done.push(Arc::clone(role));
                    Flow::Next
                }
                _ => flow,
            }
        })
    }

    /// Whether a role was used in the same way before and came to its end: then it need not run where a task of it ran.
    fn may_pass_over(&self, role: &Role) -> bool {
        role.once && !role.duplicates && self.roles_done.iter().any(|done| done.is_same_use(role))
    }

    /// A task of a role ran: the role counts as having run on this host.
    pub fn ran(&mut self, task: &PlannedTask) {
        if let Some(role) = &task.task.role
            && !task.handler
            && &*task.entry.spec.name != "meta"
            && !self.roles_ran.iter().any(|ran| Arc::ptr_eq(ran, role))
        {
            self.roles_ran.push(Arc::clone(role));
        }
    }

    /// `ansible_failed_task` and `ansible_failed_result` for the rescue.
    fn publish_failure(&mut self) {
        if let Some(failure) = self.failure.take() {
            self.memory.set("ansible_failed_task", failure.task);
            self.memory.set("ansible_failed_result", failure.result);
        }
    }

    /// One task: wait for the others where the strategy says so, then carry it out.
    async fn step(&mut self, task: &Arc<PlannedTask>, position: Position) -> Flow {
        if self.waiting_for_start {
            if !self.is_start(task) {
                return Flow::Next;
            }
            self.waiting_for_start = false;
        }
        match self.arrive(position).await {
            Flow::Next => self.task(task).await,
            flow => flow,
        }
    }

    /// After a task with `any_errors_fatal`: wait until everybody has finished it, and fail with whoever failed.
    pub async fn stand_together(&mut self) -> Flow {
        let Some(lockstep) = &self.batch.lockstep else { return Flow::Next };
        let after = extend(&self.position, u32::MAX);
        lockstep.reach(self.index, &self.position, &after).await;
        self.position = after;
        self.share_failure(self.batch.fatal())
    }

    /// A failure of another host under `any_errors_fatal` is this one's too.
    fn share_failure(&mut self, fatal: usize) -> Flow {
        if fatal <= self.fatal {
            return Flow::Next;
        }
        self.fatal = fatal;
        self.dragged = true;
        if self.rescues == 0 {
            self.batch.lose(&self.host);
        }
        Flow::Failed
    }

    fn is_start(&self, task: &PlannedTask) -> bool {
        self.run.options.start_at.as_ref().is_none_or(|wanted| is_named(task, wanted))
    }

    /// Take a position, keeping step with the others.
    pub async fn arrive(&mut self, position: Position) -> Flow {
        self.leader = self.batch.hosts.first() == Some(&self.host);
        if let Some(lockstep) = &self.batch.lockstep {
            self.leader = lockstep.reach(self.index, &self.position, &position).await;
        }
        self.position = position;
        self.look_around()
    }

    /// Whether what happened to others ends this host's list here.
    pub fn look_around(&mut self) -> Flow {
        let verdict = self.batch.verdict(&self.run, &self.position);
        if self.run.is_stopping() || verdict.is_halted || (verdict.is_over && self.recovering == 0) {
            return Flow::End;
        }
        self.share_failure(verdict.fatal)
    }

    /// Run the handlers that were notified, in the order they are defined.
    pub fn flush<'a>(&'a mut self, base: &'a [u32]) -> Walk<'a> {
        Box::pin(async move {
            let flow = self.drain().await;
            if flow != Flow::Next {
                return flow;
            }
            let mut done: BTreeSet<usize> = BTreeSet::new();
            loop {
                // A handler may notify another that comes later in the list.
                let next = self.notified.iter().copied().find(|number| !done.contains(number));
                let Some(number) = next else { break };
                self.notified.remove(&number);
                done.insert(number);
                let handlers = self.batch.handlers();
                let latest = self.latest(&handlers, number);
                if latest != number {
                    // It may have run already, and runs once.
                    if !done.contains(&latest) {
                        self.notified.insert(latest);
                    }
                    continue;
                }
                let Some(handler) = handlers.get(number).cloned() else { continue };
                let flow = match self.arrive(extend(base, number as u32)).await {
                    Flow::Next => self.task(&handler).await,
                    flow => flow,
                };
                let flow = self.drain().await.then(flow);
                if flow != Flow::Next {
                    return flow;
                }
            }
            Flow::Next
        })
    }

    /// An include of this host brought handlers in.
    pub fn bring_handlers(&mut self, numbers: &[usize]) {
        self.brought.retain(|number| !numbers.contains(number));
        self.brought.extend(numbers);
    }

    /// Of a handler that several includes brought in under one name the last one is meant.
    fn latest(&self, handlers: &[Arc<PlannedTask>], number: usize) -> usize {
        let Some(handler) = handlers.get(number) else { return number };
        if handler.task.name.as_ref().is_none_or(|name| name.value.has_template()) {
            return number;
        }
        let is_instance =
            |number: &&usize| handlers.get(**number).is_some_and(|other| other.task.origin == handler.task.origin);
        self.brought.iter().rev().find(is_instance).copied().unwrap_or(number)
    }

    /// Notify every handler of a name or topic. False when there is none.
    pub fn notify(&mut self, topic: &str, names: &dyn Fn(&PlannedTask) -> String) -> bool {
        let handlers = self.batch.handlers();
        let mut found = false;
        // Of several with one name the last defined counts; a topic reaches all who listen.
        let is_named = |number: &usize| {
            handlers.get(*number).is_some_and(|handler| {
                let name = names(handler);
                handler.task.name.is_some() && (name == topic || handler.full_name(&name) == topic)
            })
        };
        let own = self.brought.iter().rev().copied().find(is_named);
        let by_name = own.or_else(|| (0..handlers.len()).rev().find(is_named));
        if let Some(number) = by_name {
            self.notified.insert(number);
            found = true;
        }
        for (number, handler) in handlers.iter().enumerate() {
            if handler.task.listen.iter().any(|listen| listen == topic) {
                self.notified.insert(number);
                found = true;
            }
        }
        found
    }
}

impl Flow {
    /// `self` if it already is an end, else `next`.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        if self == Self::Next { next } else { self }
    }

    /// The graver of two.
    #[must_use]
    pub fn then_worse(self, other: Self) -> Self {
        let rank = |flow: Self| match flow {
            Self::Next => 0,
            Self::EndRole => 1,
            Self::End => 2,
            Self::Failed => 3,
            Self::Unreachable => 4,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

fn extend(base: &[u32], number: u32) -> Position {
    let mut position = Vec::with_capacity(base.len() + 1);
    position.extend_from_slice(base);
    position.push(number);
    position
}

/// Whether a task is the one `--start-at-task` names.
pub fn is_named(task: &PlannedTask, wanted: &str) -> bool {
    let bare = task.bare_name();
    let full = task.full_name(&bare);
    bare == wanted || full == wanted || glob(wanted, &bare) || glob(wanted, &full)
}

/// Shell pattern with `*` only, as `--start-at-task` takes it.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(first) = parts.next() else { return false };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    if !pattern.contains('*') {
        return rest.is_empty();
    }
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_match_anything() {
        assert!(glob("Set*", "Set huge pages"));
        assert!(glob("*pages", "Set huge pages"));
        assert!(glob("S*g*s", "Set huge pages"));
        assert!(!glob("Set", "Set huge pages"));
    }
}
