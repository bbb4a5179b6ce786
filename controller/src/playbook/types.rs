//! What a playbook consists of.

use super::{Keywords, Parts};
use crate::yaml::{Origin, Value, ValueMap};
use std::path::PathBuf;
use std::sync::Arc;

/// A playbook file.
#[derive(Debug, Clone)]
pub struct Playbook {
    /// As given on the command line or in `import_playbook`.
    pub file: PathBuf,
    /// Its plays, those of imported playbooks in their place.
    pub plays: Vec<Play>,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The value.
    pub value: Value,
    /// Its place.
    pub origin: Origin,
}

/// How hosts go through a play's tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// All hosts finish a task before any starts the next.
    #[default]
    Linear,
    /// Every host goes at its own speed.
    Free,
}

/// One play.
#[derive(Debug, Clone)]
pub struct Play {
    /// `name:`.
    pub name: Option<Written>,
    /// Where it begins.
    pub origin: Origin,
    /// The playbook file it stands in.
    pub file: PathBuf,
    /// `hosts:`, text or a list.
    pub hosts: Written,
    /// Keywords its tasks inherit.
    pub keywords: Keywords,
    /// `gather_facts:`.
    pub gather_facts: Option<Written>,
    /// `gather_subset:`.
    pub gather_subset: Option<Written>,
    /// `strategy:`.
    pub strategy: Strategy,
    /// `serial:`, one value a batch.
    pub serial: Vec<Written>,
    /// `max_fail_percentage:`.
    pub max_fail_percentage: Option<Written>,
    /// `order:`.
    pub order: Option<Written>,
    /// `force_handlers:`.
    pub force_handlers: Option<Written>,
    /// `vars_files:`; an inner list means the first that exists.
    pub vars_files: Vec<Written>,
    /// `vars_prompt:`.
    pub prompts: Vec<Prompt>,
    /// `fact_path:`, where hosts keep facts of their own.
    pub fact_path: Option<Written>,
    /// `pre_tasks:`.
    pub pre_tasks: Vec<Step>,
    /// `roles:`, each a block.
    pub roles: Vec<Step>,
    /// `tasks:`.
    pub tasks: Vec<Step>,
    /// `post_tasks:`.
    pub post_tasks: Vec<Step>,
    /// `handlers:`, those of roles first.
    pub handlers: Vec<Step>,
    /// Every role known when the playbook was read (`roles:`, `import_role`, dependencies), in that order.
    pub known_roles: Vec<Arc<Role>>,
}

/// A variable that a person is asked for (`vars_prompt:`).
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    /// The variable.
    pub name: String,
    /// Where it stands.
    pub origin: Origin,
    /// What is asked.
    pub question: Option<String>,
    /// Its value when nothing is typed.
    pub default: Option<Value>,
    /// What is typed is not shown.
    pub private: bool,
    /// It is asked for twice.
    pub confirm: bool,
    /// Scheme of the hash that takes its place.
    pub encrypt: Option<String>,
    /// Salt of that hash.
    pub salt: Option<String>,
    /// Size of its salt, where that is made by chance.
    pub salt_size: Option<Value>,
}

/// A task, or tasks that belong together.
#[derive(Debug, Clone)]
pub enum Step {
    /// One task.
    Task(Arc<Task>),
    /// A block.
    Block(Arc<Block>),
}

/// Tasks with common keywords, and what to do when one fails.
#[derive(Debug, Clone)]
pub struct Block {
    /// `name:`.
    pub name: Option<Written>,
    /// Where it begins.
    pub origin: Origin,
    /// Keywords its tasks inherit.
    pub keywords: Keywords,
    /// `block:`.
    pub body: Vec<Step>,
    /// `rescue:`.
    pub rescue: Vec<Step>,
    /// `always:`.
    pub always: Vec<Step>,
    /// The block is a whole role: it runs once in a play for the same parameters.
    pub role: Option<Arc<Role>>,
}

impl Block {
    /// One with nothing in it yet.
    pub(super) fn empty(origin: Origin) -> Self {
        Self {
            name: None,
            origin,
            keywords: Keywords::default(),
            body: Vec::new(),
            rescue: Vec::new(),
            always: Vec::new(),
            role: None,
        }
    }
}

/// One task.
#[derive(Debug, Clone)]
pub struct Task {
    /// `name:`.
    pub name: Option<Written>,
    /// Where it begins.
    pub origin: Origin,
    /// The module's name as written.
    pub module: String,
    /// Where the module's name stands.
    pub module_origin: Origin,
    /// Parameters.
    pub args: Args,
    /// Keywords of its own.
    pub keywords: Keywords,
    /// `loop:` or `with_…:`.
    pub looped: Option<Loop>,
    /// `register:`.
    pub register: Option<String>,
    /// `notify:`.
    pub notify: Vec<Written>,
    /// `listen:`.
    pub listen: Vec<String>,
    /// `changed_when:`.
    pub changed_when: Option<Written>,
    /// `failed_when:`.
    pub failed_when: Option<Written>,
    /// `until:`.
    pub until: Option<Written>,
    /// `retries:`.
    pub retries: Option<Written>,
    /// `delay:` in seconds.
    pub delay: Option<Written>,
    /// `revert:`.
    pub revert: Option<Written>,
    /// `async:` in seconds.
    pub apart: Option<Written>,
    /// `poll:` in seconds.
    pub poll: Option<Written>,
    /// The role it stands in.
    pub role: Option<Arc<Role>>,
    /// The file it stands in.
    pub file: PathBuf,
    /// What a static import brought in.
    pub import: Option<Import>,
}

/// What a task that imports or includes is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Import {
    /// `include_tasks`: at run time.
    Tasks,
    /// `include_role`: at run time.
    Role,
}

/// Parameters of a task.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Args {
    /// Name, value, place, in the order written.
    pub pairs: Vec<(String, Written)>,
    /// A template that gives a mapping of further parameters (`args: "{{ options }}"`).
    pub dynamic: Option<Written>,
}

impl Args {
    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&Written> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

/// A task's loop.
#[derive(Debug, Clone, PartialEq)]
pub struct Loop {
    /// `None` for `loop:`, the lookup's name for `with_NAME:`.
    pub lookup: Option<String>,
    /// What it goes over.
    pub items: Written,
    /// `loop_control:`.
    pub control: LoopControl,
}

/// A loop's `loop_control:`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LoopControl {
    /// Name of the variable; `item` when absent.
    pub variable: Option<String>,
    /// Name of the variable that counts from 0.
    pub index: Option<String>,
    /// What is shown instead of the item.
    pub label: Option<Value>,
    /// Seconds between items.
    pub pause: Option<Value>,
    /// Provide `ansible_loop`.
    pub extended: Option<Written>,
    /// Whether `ansible_loop` holds all items.
    pub extended_allitems: Option<Written>,
    /// Condition that ends the loop early.
    pub break_when: Option<Written>,
}

/// A role and its files.
#[derive(Debug, Clone)]
pub struct Role {
    /// Name as written.
    pub name: String,
    /// Its folder.
    pub path: PathBuf,
    /// `defaults/main.yml`.
    pub defaults: Arc<ValueMap>,
    /// `vars/main.yml`.
    pub vars: Arc<ValueMap>,
    /// `vars:` given where it is used: they hold for its tasks and the roles it brings in, and nowhere else.
    pub entry_vars: Arc<ValueMap>,
    /// Parameters given where it is used.
    pub params: Arc<ValueMap>,
    /// Which files of it are used.
    pub parts: Parts,
    /// `when:` given where it is used.
    pub when: Vec<Value>,
    /// `tags:` given where it is used.
    pub tags: Vec<Value>,
    /// Used through `include_role` or `import_role`.
    pub included: bool,
    /// `allow_duplicates`.
    pub duplicates: bool,
    /// Runs once in a play where it is used in the same way.
    pub once: bool,
    /// The role that depends on it or brings it in.
    pub parent: Option<Arc<Role>>,
}

impl Role {
    /// The roles it stands in, the nearest first.
    pub fn parents(&self) -> impl Iterator<Item = &Arc<Self>> {
        std::iter::successors(self.parent.as_ref(), |role| role.parent.as_ref())
    }

    /// The roles it stands in, the outermost first, and itself.
    pub fn lineage(&self) -> Vec<&Self> {
        let mut roles: Vec<&Self> = self.parents().map(Arc::as_ref).collect();
        roles.reverse();
        roles.push(self);
        roles
    }

    /// Whether another use of a role is the same as this one, so that it need not run again.
    pub fn is_same_use(&self, other: &Self) -> bool {
        self.name == other.name
            && self.path == other.path
            && self.params == other.params
            && self.entry_vars == other.entry_vars
            && self.when == other.when
            && self.tags == other.tags
            && self.parts == other.parts
            && self.included == other.included
    }
}
