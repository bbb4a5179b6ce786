//! The first half of a task: look at its conditions, render its parameters, send it. The second half is `finish`.

use super::actions;
use super::errand::Errand;
use super::host::{Flow, HostRun, Walk};
use super::outcome::Outcome;
use super::remote::{self, Sent};
use super::run::{Run, text};
use super::{flags, jobs, looping, params, scope};
use crate::catalog::Side;
use crate::event::Event;
use crate::plan::PlannedTask;
use crate::playbook::Import;
use crate::template::{Place, Scope};
use crate::yaml::{Key, Value, ValueMap};
use luthier_protocol::task::Job;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::SemaphorePermit;

/// A task that was started: some of its items may still be under way.
pub struct Started {
    /// The task.
    pub task: Arc<PlannedTask>,
    /// Its name, rendered, with its role.
    pub name: String,
    /// Its items; one without `item` where there is no loop.
    pub items: Vec<Item>,
    /// It has a loop.
    pub looped: bool,
    /// Nothing of it may be shown.
    pub no_log: bool,
    /// A failure is none.
    pub ignore_errors: bool,
    /// Losing the host is no end.
    pub ignore_unreachable: bool,
    /// A failure is every host's.
    pub fatal: bool,
    /// Show its differences.
    pub diff: bool,
    /// Host it was carried out on, where that is another.
    pub delegate: Option<String>,
}

/// One item of a started task.
pub struct Item {
    /// The variables it sees.
    pub scope: Scope,
    /// The loop item.
    pub item: Option<Value>,
    /// Shown instead of it.
    pub label: Option<Value>,
    /// How far it is.
    pub progress: Progress,
}

/// How far an item is.
pub enum Progress {
    /// Ended.
    Done(Outcome),
    /// On the host.
    Sent(Sent),
}

impl HostRun {
    /// Carry out a task at the position that was taken.
    pub async fn task(&mut self, task: &Arc<PlannedTask>) -> Flow {
        if !self.may_send_ahead(task) {
            let waited = !self.ahead.is_empty();
            let flow = self.drain().await;
            // Others have gone on in the meantime.
            let flow = if flow == Flow::Next && waited { self.look_around() } else { flow };
            if flow != Flow::Next {
                return flow;
            }
        }
        let scope = scope::task(&self.run, &self.batch, task, &self.host, &self.memory);
        let place = self.run.place(&task.task);
        if self.position.len() > super::depth::DEEPEST {
            return self.too_deep(task, scope).await;
        }
        if let Some(flow) = self.special(task, &scope, &place).await {
            return flow;
        }
        self.plain(task, scope, place).await
    }

    /// A task that is no include. It stands apart so that the way through many includes carries none of its room.
    fn plain<'a>(&'a mut self, task: &'a Arc<PlannedTask>, scope: Scope, place: Place) -> Walk<'a> {
        Box::pin(self.module(task, scope, place))
    }

    async fn module(&mut self, task: &Arc<PlannedTask>, scope: Scope, place: Place) -> Flow {
        if self.runs_once(task, &scope, &place) {
            return self.once(task, scope, &place).await;
        }
        if let Some(done) = self.earlier(task, &scope, &place, false) {
            return self.pass_over(task, done, &scope, &place).0;
        }
        if matches!(&*task.entry.spec.name, "add_host" | "pause") {
            return self.for_all(task, scope, &place).await;
        }
        match self.width(task, &scope, &place) {
            Some(width) => self.throttled(task, width, scope, &place).await,
            None => {
                let run = Arc::clone(&self.run);
                // Held only while this host works, never while it waits for others.
                let permit = self.permit(&run).await;
                let started = self.start(task, scope, &place).await;
                let fatal = started.fatal;
                let flow = self.proceed(started).await;
                drop(permit);
                self.stand_after(flow, fatal).await
            }
        }
    }

    /// `run_once:`.
    fn runs_once(&self, task: &PlannedTask, scope: &Scope, place: &Place) -> bool {
        flags::truth(self, &task.keywords.run_once, scope, place).unwrap_or(false)
    }

    /// `throttle:`; nothing or 0 is no limit.
    fn width(&self, task: &PlannedTask, scope: &Scope, place: &Place) -> Option<usize> {
        if &*task.entry.spec.name == "group_by" {
            // A group lists its hosts in the order they joined.
            return Some(1);
        }
        let written = task.keywords.throttle.as_ref()?;
        let value = self.run.engine.render(&written.value, scope, place).ok()?;
        text(&value).trim().parse().ok().filter(|width| *width > 0)
    }

    /// At most so many hosts work on the task at once; in lockstep they go in their order.
    async fn throttled(&mut self, task: &Arc<PlannedTask>, width: usize, scope: Scope, place: &Place) -> Flow {
        let batch = Arc::clone(&self.batch);
        let _permit = match &batch.lockstep {
            Some(lockstep) => {
                lockstep.turn(self.index, &self.position, width).await;
                None
            }
            None => {
                let flow = self.drain().await;
                if flow != Flow::Next {
                    return flow;
                }
                // Nobody closes the semaphore.
                batch.throttle(&self.position, width).acquire_owned().await.ok()
            }
        };
        let run = Arc::clone(&self.run);
        let working = self.permit(&run).await;
        let started = self.start(task, scope, place).await;
        let fatal = started.fatal;
        let (flow, _) = self.conclude(started).await;
        drop(working);
        self.stand_after(flow, fatal).await
    }

    /// One of the `--forks`, unless this host has one for its whole list.
    async fn permit<'a>(&self, run: &'a Run) -> Option<SemaphorePermit<'a>> {
        match &self.batch.lockstep {
            // Nobody closes the semaphore.
            Some(_) => run.permits.acquire().await.ok(),
            None => None,
        }
    }

    /// Actions that concern the run and not a host: one host carries them out, the others go on.
    async fn for_all(&mut self, task: &Arc<PlannedTask>, scope: Scope, place: &Place) -> Flow {
        let channel = self.batch.once(&self.position);
        if self.leads() {
            let started = self.start(task, scope, place).await;
            let fatal = started.fatal;
            let (flow, _) = self.conclude(started).await;
            // The others are told before they are waited for.
            channel.send_replace(Some(Arc::new(Vec::new())));
            return self.stand_after(flow, fatal).await;
        }
        // Its end is awaited: what it adds is there for all.
        let _ = channel.subscribe().wait_for(Option::is_some).await;
        Flow::Next
    }

    /// Whether this host stands for all at this step: in lockstep the first in order, else the first that comes.
    pub fn leads(&self) -> bool {
        match &self.batch.lockstep {
            Some(_) => self.leader,
            None => self.batch.claim(&self.position),
        }
    }

    /// Await the result, or leave it under way where the strategy allows that.
    async fn proceed(&mut self, started: Started) -> Flow {
        self.settle_if_last().await;
        let is_ahead = self.batch.lockstep.is_none() && super::ahead::may_stay(&started);
        if is_ahead {
            self.ahead.push_back(started);
            if self.ahead.len() >= super::ahead::DEPTH {
                return self.finish_oldest().await;
            }
            return Flow::Next;
        }
        let flow = self.drain().await;
        if flow != Flow::Next {
            return flow;
        }
        self.conclude(started).await.0
    }

    /// Tasks that are no module: `meta`, includes.
    async fn special(&mut self, task: &Arc<PlannedTask>, scope: &Scope, place: &Place) -> Option<Flow> {
        if &*task.entry.spec.name == "meta" {
            return Some(actions::meta::run(self, task, scope, place).await);
        }
        match task.task.import {
            // What it brings in is for the one host only.
            Some(_) if self.runs_once(task, scope, place) && !self.leads() => Some(Flow::Next),
            Some(Import::Tasks | Import::Role) => Some(actions::include::run(self, task, scope, place).await),
            None => None,
        }
    }

    /// `run_once`: the leader carries it out, the others take its result.
    async fn once(&mut self, task: &Arc<PlannedTask>, scope: Scope, place: &Place) -> Flow {
        let channel = self.batch.once(&self.position);
        if self.leads() {
            let mut fatal = false;
            let (flow, outcomes) = match self.earlier(task, &scope, place, true) {
                Some(done) => self.pass_over(task, done, &scope, place),
                None => {
                    let run = Arc::clone(&self.run);
                    let _permit = self.permit(&run).await;
                    let started = self.start(task, scope, place).await;
                    fatal = started.fatal;
                    self.conclude(started).await
                }
            };
            // The others are told before they are waited for.
            channel.send_replace(Some(Arc::new(outcomes)));
            return self.stand_after(flow, fatal).await;
        }
        let mut results = channel.subscribe();
        let shared = results.wait_for(Option::is_some).await.ok().and_then(|value| value.clone());
        let Some(shared) = shared else { return Flow::Next };
        self.adopt(task, &shared, &scope, place)
    }

    /// Start every item of a task.
    pub async fn start(&mut self, task: &Arc<PlannedTask>, scope: Scope, place: &Place) -> Started {
        let flag = |walker: &Self, written, scope: &Scope| flags::truth(walker, written, scope, place);
        let keywords = &task.keywords;
        let no_log = flag(self, &keywords.no_log, &scope).unwrap_or(true);
        let wrong =
            [&keywords.ignore_errors, &keywords.ignore_unreachable, &keywords.any_errors_fatal, &keywords.no_log]
                .into_iter()
                .find_map(|written| flag(self, written, &scope).err());
        let mut started = Started {
            task: Arc::clone(task),
            name: self.name(task, &scope, place),
            items: Vec::new(),
            looped: task.task.looped.is_some(),
            no_log: keywords.no_log.is_some() && no_log,
            ignore_errors: flag(self, &keywords.ignore_errors, &scope).unwrap_or(false),
            ignore_unreachable: flag(self, &keywords.ignore_unreachable, &scope).unwrap_or(false),
            fatal: flag(self, &keywords.any_errors_fatal, &scope).unwrap_or(false),
            diff: flags::known(self, &keywords.diff, &scope, place).ok().flatten().unwrap_or(self.run.options.diff),
            delegate: None,
        };
        if self.batch.announce(&self.position) {
            self.run.emit(Event::TaskStarted {
                play: self.batch.name.clone(),
                task: started.name.clone(),
                handler: task.handler,
            });
            if let Some(written) = &task.keywords.debugger
                && written.value.as_str() != Some("never")
            {
                let message = format!("{}: there is no debugger: the task goes on without", written.origin);
                self.run.warn(None, message);
            }
        }
        if let Some(message) = wrong {
            started.looped = false;
            let progress = Progress::Done(Outcome::failed(message));
            started.items.push(Item { scope, item: None, label: None, progress });
            return started;
        }
        let Some(looped) = &task.task.looped else {
            let item = self.start_item(task, scope, place, &mut started, None).await;
            started.items.push(item);
            return started;
        };
        let extent = looping::extent(self, &looped.control, &scope, place);
        let items = looping::items(self, looped, &scope, place).map_err(|error| error.to_string());
        let (items, extent) = match items.and_then(|items| extent.map(|extent| (items, extent))) {
            Ok(items) => items,
            Err(error) => {
                // A loop over something undefined is skipped where the condition says no without it.
                let progress = match self.conditions(task, &scope, place) {
                    Ok(Some(skipped)) => skipped,
                    _ => Outcome::failed(error),
                };
                started.looped = false;
                started.items.push(Item { scope, item: None, label: None, progress: Progress::Done(progress) });
                return started;
            }
        };
        self.start_items(task, &scope, place, &mut started, &items, extent).await;
        started
    }

    async fn start_items(
        &mut self,
        task: &Arc<PlannedTask>,
        outer: &Scope,
        place: &Place,
        started: &mut Started,
        items: &[Value],
        extent: looping::Extent,
    ) {
        let Some(looped) = &task.task.looped else { return };
        let total = items.len();
        // What one item sets, the next one sees.
        let grows = matches!(&*task.entry.spec.name, "set_fact" | "include_vars" | "add_host" | "group_by");
        for (index, value) in items.iter().enumerate() {
            let round = looping::Round { control: &looped.control, index, total, items, value, extent };
            let fresh = grows.then(|| scope::task(&self.run, &self.batch, task, &self.host, &self.memory));
            let inner = looping::scope(&round, fresh.as_ref().unwrap_or(outer));
            let label =
                looped.control.label.as_ref().and_then(|label| self.run.engine.render(label, &inner, place).ok());
            let mut item = self.start_item(task, inner, place, started, Some(value.clone())).await;
            item.item = Some(value.clone());
            item.label = label;
            let ends = match &looped.control.break_when {
                Some(condition) => {
                    remote::settle(self, &mut item).await;
                    self.breaks(task, &item, condition, place)
                }
                None => false,
            };
            started.items.push(item);
            if ends {
                break;
            }
            if let Some(pause) = &looped.control.pause
                && index + 1 < total
                && let Ok(pause) = self.run.engine.render(pause, outer, place)
            {
                if let Some(last) = started.items.last_mut() {
                    remote::settle(self, last).await;
                }
                let seconds: f64 = text(&pause).parse().unwrap_or(0.0);
                tokio::time::sleep(Duration::from_secs_f64(seconds.clamp(0.0, 86_400.0))).await;
            }
        }
    }

    fn breaks(&self, task: &PlannedTask, item: &Item, condition: &crate::playbook::Written, place: &Place) -> bool {
        let scope = match (&task.task.register, &item.progress) {
            (Some(name), Progress::Done(outcome)) => {
                let mut map = ValueMap::new();
                let registered = serde_json::Value::Object(outcome.registered(None));
                map.insert(Key::from(name.as_str()), Value::from_json(&registered));
                item.scope.with(Arc::new(map))
            }
            _ => item.scope.clone(),
        };
        self.run.engine.condition(&condition.value, &scope, place).unwrap_or(false)
    }

    /// `when:`. `Some` when the task is not to run.
    pub fn conditions(
        &self,
        task: &PlannedTask,
        scope: &Scope,
        place: &Place,
    ) -> Result<Option<Outcome>, Box<Outcome>> {
        for condition in &task.keywords.when {
            match self.run.engine.condition(&condition.value, scope, place) {
                Ok(true) => {}
                Ok(false) => {
                    let shown = condition.value.to_json();
                    return Ok(Some(Outcome::skipped("Conditional result was False").with("false_condition", shown)));
                }
                Err(error) => {
                    let message = format!("the condition at {} failed: {error}", condition.origin);
                    return Err(Box::new(Outcome::failed(message)));
                }
            }
        }
        Ok(None)
    }

    /// One item: its condition, its parameters, and on its way.
    async fn start_item(
        &mut self,
        task: &Arc<PlannedTask>,
        scope: Scope,
        place: &Place,
        started: &mut Started,
        value: Option<Value>,
    ) -> Item {
        let mut item =
            Item { scope, item: value, label: None, progress: Progress::Done(Outcome::ok(Default::default())) };
        match self.conditions(task, &item.scope, place) {
            Ok(None) => {}
            Ok(Some(skipped)) => {
                item.progress = Progress::Done(skipped);
                return item;
            }
            Err(failed) => {
                item.progress = Progress::Done(*failed);
                return item;
            }
        }
        if super::until::repeats(&task.task) {
            self.repeat(task, place, started, &mut item).await;
            return item;
        }
        item.progress = self.attempt(task, &item.scope, place, started).await;
        item
    }

    /// Render the parameters and carry out or send.
    pub async fn attempt(
        &mut self,
        task: &Arc<PlannedTask>,
        scope: &Scope,
        place: &Place,
        started: &mut Started,
    ) -> Progress {
        let rendered = match params::render(self, task, scope, place) {
            Ok(rendered) => rendered,
            Err(error) => return Progress::Done(Outcome::failed(error)),
        };
        let delegate = match flags::value(&self.run.engine, &task.keywords.delegate_to, scope, place) {
            Ok(found) => found.filter(|value| *value != Value::Null).map(|value| text(&value)),
            Err(error) => return Progress::Done(Outcome::failed(error)),
        };
        started.delegate.clone_from(&delegate);
        let apart = match jobs::wanted(self, task, scope, place) {
            Ok(apart) => apart,
            Err(message) => return Progress::Done(Outcome::failed(message)),
        };
        if task.entry.side == Side::Controller {
            if apart.is_some() {
                let message = format!("`{}` does not support async", task.entry.spec.name);
                return Progress::Done(Outcome::failed(message));
            }
            let limit = match remote::deadline(self, task, scope, place) {
                Ok(limit) => limit.map_or(Duration::MAX, Duration::from_millis),
                Err(message) => return Progress::Done(Outcome::failed(message)),
            };
            let action = Box::pin(actions::run(self, task, rendered, scope, place, delegate.as_deref()));
            let outcome = tokio::time::timeout(limit, action).await.unwrap_or_else(|_| {
                let message = format!("timed out: not finished after {} s", limit.as_secs_f64());
                Outcome::failed(message).with("timedout", serde_json::json!({}))
            });
            return Progress::Done(outcome);
        }
        let job = apart.as_ref().map(|apart| Job { id: jobs::name(), limit_s: apart.limit });
        let errand = Errand::new(self, task, delegate.as_deref(), scope, place);
        let sent = remote::send(self, &errand, rendered, started.diff, job.as_ref()).await;
        match (job, apart) {
            (Some(job), Some(apart)) => Progress::Done(Box::pin(jobs::run(self, sent, &job, &apart, &errand)).await),
            _ => sent,
        }
    }

    /// A task's name, rendered, with its role before it.
    pub fn name(&self, task: &PlannedTask, scope: &Scope, place: &Place) -> String {
        task.full_name(&self.bare_name(task, scope, place))
    }

    /// A task's name, rendered, without its role.
    pub fn bare_name(&self, task: &PlannedTask, scope: &Scope, place: &Place) -> String {
        match &task.task.name {
            Some(name) => match self.run.engine.render(&name.value, scope, place) {
                Ok(value) => text(&value),
                Err(_) => task.bare_name(),
            },
            None => task.bare_name(),
        }
    }
}
