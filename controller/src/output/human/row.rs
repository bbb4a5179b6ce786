//! The `human` output itself: collects a task's results until the task is complete, then shows them folded. What went
//! wrong is shown at once.

use super::block::Block;
use super::live::{Live, Stream};
use super::{print, recap};
use crate::event::{Event, EventStatus, TaskEvent};
use crate::output::{Output, Paint, Screen, escape};
use indexmap::IndexMap;
use std::collections::{HashMap, HashSet};
use std::time::Instant;

/// Output for people.
pub struct Human {
    screen: Screen,
    paint: Paint,
    verbosity: u8,
    stream: Stream,
    started: Option<Instant>,
    now: bool,
    /// Hosts of the play that still take part.
    active: HashSet<String>,
    /// Results of tasks that are not complete, in the order in which the tasks began.
    held: IndexMap<String, Held>,
    /// Results of loop items, by host and task.
    items: HashMap<(String, String), Vec<TaskEvent>>,
    /// The run's id, which a rollback asks for.
    run: String,
    /// The task that began last.
    current: String,
    /// The heading above what is printed next.
    heading: String,
    /// Hosts go through the play without waiting for each other.
    free: bool,
    /// The run is one task without a playbook.
    is_single: bool,
    told: HashSet<String>,
    handlers: HashSet<String>,
}

#[derive(Default)]
struct Held {
    blocks: Vec<(String, Block)>,
    /// What went wrong and was shown, with the host it was shown of and those it holds for as well.
    bad: IndexMap<Block, (String, Vec<String>)>,
    /// How long hosts took, and by which module.
    took: HashMap<String, (u64, String)>,
    /// Hosts that have ended the task, shown already or held.
    ended: HashSet<String>,
}

impl Human {
    /// Writes to this screen.
    pub fn new(screen: &Screen, colour: bool, verbosity: u8, live: Live) -> Self {
        Self {
            screen: screen.clone(),
            paint: Paint(colour),
            verbosity,
            stream: Stream::new(live),
            started: None,
            now: live == Live::Now,
            active: HashSet::new(),
            held: IndexMap::new(),
            items: HashMap::new(),
            run: String::new(),
            current: String::new(),
            heading: String::new(),
            free: false,
            is_single: false,
            told: HashSet::new(),
            handlers: HashSet::new(),
        }
    }

    /// Shows live output at once: for tests, which must not wait.
    #[cfg(test)]
    pub(crate) fn at_once(screen: &Screen) -> Self {
        Self { stream: Stream::at_once(), now: false, ..Self::new(screen, false, 0, Live::Now) }
    }

    fn show(&self, lines: &[String]) {
        if !lines.is_empty() {
            let mut text = lines.join("\n");
            text.push('\n');
            self.screen.data(&text);
        }
    }

    fn play(&mut self, play: &str, hosts: &[String]) {
        self.flush_all();
        self.active = hosts.iter().cloned().collect();
        self.held.clear();
        self.handlers.clear();
        self.free = false;
        self.heading.clear();
        self.current.clear();
        if self.is_single {
            return;
        }
        let number = if hosts.len() == 1 { "1 host".to_owned() } else { format!("{} hosts", hosts.len()) };
        let title = self.paint.heading(&format!("PLAY [{}]", escape(play)));
        self.show(&[String::new(), format!("{title} {number}")]);
    }

    fn task_started(&mut self, task: &str, handler: bool) {
        if !self.free {
            self.flush_all();
        }
        if handler {
            self.handlers.insert(task.to_owned());
        } else {
            self.handlers.remove(task);
        }
        self.current = task.to_owned();
        if !self.free {
            // Another task of the same name is another task.
            self.held.insert(task.to_owned(), Held::default());
            self.heading.clear();
            self.head(task);
        }
    }

    /// Print a task's heading unless what is printed next stands under it anyway.
    fn head(&mut self, task: &str) {
        if self.heading != task && !self.is_single {
            let word = if self.handlers.contains(task) { "HANDLER" } else { "TASK" };
            let title = self.paint.heading(&format!("{word} [{}]", escape(task)));
            self.show(&[String::new(), title]);
            self.heading = task.to_owned();
        }
    }

    fn result(&mut self, task: &TaskEvent) {
        let key = (task.host.clone(), task.task.clone());
        self.warnings(task);
        if task.item.is_some() {
            self.items.entry(key).or_default().push(task.clone());
            return;
        }
        let rest = self.stream.end(&task.host);
        self.show(&rest);
        let items = self.items.remove(&key).unwrap_or_default();
        if task.task != self.current && !self.current.is_empty() {
            self.free = true;
        }
        let block = match self.is_single {
            true => Block::of_single(task, self.verbosity),
            false => Block::new(task, &items, self.verbosity),
        };
        let bad = matches!(task.status, EventStatus::Failed | EventStatus::Unreachable) && !task.ignored;
        if bad && !task.rescued {
            self.active.remove(&task.host);
        }
        let held = self.held.entry(task.task.clone()).or_default();
        held.ended.insert(task.host.clone());
        if self.verbosity > 1 {
            held.took.insert(task.host.clone(), (task.duration_ms, task.action.clone()));
        }
        if bad {
            // The first of its kind is shown at once, the others are counted.
            let seen = held.bad.entry(block.of_any_host(&task.host)).or_insert_with(|| (task.host.clone(), Vec::new()));
            if seen.0 == task.host {
                self.head(&task.task);
                let lines = print::lines(std::slice::from_ref(&task.host), &block, self.paint, self.verbosity);
                self.show(&lines);
            } else {
                seen.1.push(task.host.clone());
            }
        } else {
            held.blocks.push((task.host.clone(), block));
        }
        if bad && !task.rescued {
            // Tasks that waited for nobody but this host are complete now.
            self.flush_complete();
        } else if self.complete(&task.task) {
            self.flush(&task.task);
        }
    }

    fn complete(&self, task: &str) -> bool {
        self.held.get(task).is_some_and(|held| {
            held.ended.len() >= self.active.len() && self.active.iter().all(|host| held.ended.contains(host))
        })
    }

    fn flush_complete(&mut self) {
        let tasks: Vec<String> = self.held.keys().filter(|task| self.complete(task)).cloned().collect();
        for task in tasks {
            self.flush(&task);
        }
    }

    fn flush_all(&mut self) {
        let tasks: Vec<String> = self.held.keys().cloned().collect();
        for task in tasks {
            self.flush(&task);
        }
    }

    fn flush(&mut self, task: &str) {
        let complete = self.complete(task);
        let Some(held) = self.held.get_mut(task) else { return };
        let blocks = std::mem::take(&mut held.blocks);
        let bad: Vec<(Block, String, Vec<String>)> = held
            .bad
            .iter_mut()
            .filter(|(_, (_, hosts))| !hosts.is_empty())
            .map(|(block, (first, hosts))| (block.clone(), first.clone(), std::mem::take(hosts)))
            .collect();
        let took = std::mem::take(&mut held.took);
        if complete {
            self.held.shift_remove(task);
        }
        if blocks.is_empty() && bad.is_empty() {
            return;
        }
        self.head(task);
        for (block, first, hosts) in bad {
            let lines = print::same(&hosts, &block, &first, self.paint, self.verbosity);
            self.show(&lines);
        }
        for (block, hosts) in print::fold(blocks) {
            let mut lines = print::lines(&hosts, &block, self.paint, self.verbosity);
            lines.extend(print::took(&hosts, &took, self.paint));
            self.show(&lines);
        }
    }

    /// Warnings that came with a result: each text once, with the first host that said it.
    fn warnings(&mut self, task: &TaskEvent) {
        for key in ["warnings", "deprecations"] {
            let Some(list) = task.result.get(key).and_then(|value| value.as_array()) else { continue };
            for text in list {
                let text = text.as_str().or_else(|| text.get("msg")?.as_str()).unwrap_or_default();
                self.warn(Some(&task.host), text);
            }
        }
    }

    fn warn(&mut self, host: Option<&str>, text: &str) {
        if !text.is_empty() && self.told.insert(text.to_owned()) {
            let host = host.map(|host| format!("{}: ", escape(host))).unwrap_or_default();
            self.screen.talk(&format!("{}: {host}{}\n", self.paint.warning("warning"), escape(text)));
        }
    }
}

impl Output for Human {
    fn event(&mut self, event: &Event) {
        match event {
            Event::RunStarted { playbooks, run, .. } => {
                self.run.clone_from(run);
                self.started = self.now.then(Instant::now);
                self.is_single = playbooks.first().is_some_and(|name| name.starts_with("exec "));
            }
            Event::PlayStarted { play, hosts } => self.play(play, hosts),
            Event::TaskStarted { task, handler, .. } => self.task_started(task, *handler),
            Event::Output { host, task, stream, data } => {
                let lines = self.stream.take(host, stream, data);
                if !lines.is_empty() {
                    self.head(task);
                    self.show(&lines);
                }
            }
            Event::TaskResult(task) => self.result(task),
            Event::Warning { host, message } => self.warn(host.as_deref(), message),
            Event::HostState { host, state } if self.verbosity > 2 => {
                self.screen.talk(&format!("{}: {}\n", escape(host), escape(state)));
            }
            Event::HostState { .. } | Event::HostDone { .. } => {}
            Event::RunFinished { recap, .. } => {
                self.flush_all();
                let mut lines = vec![String::new()];
                if !self.is_single {
                    lines.push(self.paint.heading("RECAP"));
                }
                let each = if self.is_single { 0 } else { recap::EACH };
                lines.extend(recap::lines(recap, each, self.started.map(|at| at.elapsed()), self.paint));
                if !self.run.is_empty() {
                    lines.push(format!("run {}", escape(&self.run)));
                }
                self.show(&lines);
            }
        }
    }

    fn finish(&mut self) {
        self.flush_all();
    }
}
