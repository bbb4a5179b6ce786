//! What a plan consists of.

use crate::catalog::Entry;
use crate::playbook::{Keywords, Play, Role, Task};
use std::sync::Arc;

/// A play, ready to be carried out.
#[derive(Debug, Clone)]
pub struct PlannedPlay {
    /// The play as written.
    pub play: Arc<Play>,
    /// `pre_tasks`, roles with `tasks`, `post_tasks`: handlers run after each.
    pub sections: Vec<Section>,
    /// Handlers in the order they run.
    pub handlers: Vec<Arc<PlannedTask>>,
}

/// Steps after which notified handlers run.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// The steps.
    pub steps: Vec<PlannedStep>,
}

/// A task or a block.
#[derive(Debug, Clone)]
pub enum PlannedStep {
    /// A task.
    Task(Arc<PlannedTask>),
    /// A block.
    Block(Arc<PlannedBlock>),
}

/// A block.
#[derive(Debug, Clone)]
pub struct PlannedBlock {
    /// Its tasks.
    pub body: Vec<PlannedStep>,
    /// What runs when one of them fails.
    pub rescue: Vec<PlannedStep>,
    /// What runs in any case.
    pub always: Vec<PlannedStep>,
    /// The whole role this block is.
    pub role: Option<Arc<Role>>,
}

/// A task with everything it inherits.
#[derive(Debug, Clone)]
pub struct PlannedTask {
    /// The task as written.
    pub task: Arc<Task>,
    /// Keywords that hold for it.
    pub keywords: Keywords,
    /// Its module.
    pub entry: &'static Entry,
    /// It is a handler.
    pub handler: bool,
    /// Keywords around it, where it brings tasks in at run time: those inherit from around the include, not from it.
    pub outer: Option<Box<Keywords>>,
}

impl PlannedTask {
    /// The name as written, or the module's name as written; templates are not rendered.
    pub fn bare_name(&self) -> String {
        let written = self.task.name.as_ref().and_then(|name| name.value.as_str().map(str::to_owned));
        written.unwrap_or_else(|| self.task.module.clone())
    }

    /// The name with its role before it, as Ansible shows it.
    pub fn full_name(&self, name: &str) -> String {
        match &self.task.role {
            Some(role) => format!("{} : {name}", role.name),
            None => name.to_owned(),
        }
    }
}

impl PlannedStep {
    /// Every task in it, in order.
    pub fn tasks<'a>(&'a self, out: &mut Vec<&'a Arc<PlannedTask>>) {
        match self {
            Self::Task(task) => out.push(task),
            Self::Block(block) => {
                for step in block.body.iter().chain(&block.rescue).chain(&block.always) {
                    step.tasks(out);
                }
            }
        }
    }
}

impl PlannedPlay {
    /// The play's name as written; without one its host pattern.
    pub fn bare_name(&self) -> String {
        let named = self.play.name.as_ref().and_then(|name| name.value.as_str().map(str::to_owned));
        named.filter(|name| !name.is_empty()).unwrap_or_else(|| self.pattern())
    }

    /// The host pattern as text.
    pub fn pattern(&self) -> String {
        match &self.play.hosts.value {
            crate::yaml::Value::List(items) => {
                items.iter().filter_map(|item| item.as_str()).collect::<Vec<_>>().join(",")
            }
            value => value.as_str().map_or_else(|| value.to_json().to_string(), str::to_owned),
        }
    }

    /// Every selected task, in order.
    pub fn tasks(&self) -> Vec<&Arc<PlannedTask>> {
        let mut out = Vec::new();
        for step in self.sections.iter().flat_map(|section| &section.steps) {
            step.tasks(&mut out);
        }
        out
    }
}
