//! Reads playbooks, task files and roles. Everything wrong in all of them is collected before it is reported.

use super::args::short;
use super::keywords::Keywords;
use super::role::{self, Parts};
use super::task;
use super::types::{Block, Playbook, Role, Step, Task, Written};
use super::{argument_specs, keywords, play};
use crate::yaml::{self, Diagnostic, Node, NodeData, Origin, Value, ValueMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Deepest chain of imports; deeper ones can only be a mistake.
const MAX_IMPORTS: usize = 64;

pub(super) const BLOCK: &[&str] = &["name", "block", "rescue", "always", "notify"];

/// Renders the name of an import before there is any host: from `-e` and the variables given.
pub type RenderName = dyn Fn(&Value, &[Arc<ValueMap>]) -> Result<String, String> + Send + Sync;

/// Where things are looked for.
#[derive(Clone, Default)]
pub struct Settings {
    /// Folder of the playbook.
    pub base: PathBuf,
    /// Further folders with roles.
    pub roles_path: Vec<PathBuf>,
    /// Folders that hold `ansible_collections/`.
    pub collections: Vec<PathBuf>,
    /// Collections in which a play's short names are looked for (`collections:`).
    pub searched: Vec<String>,
    /// Without it the names of imports cannot be templates.
    pub render: Option<Arc<RenderName>>,
}

/// Reads what people wrote.
#[derive(Clone)]
pub struct Reader {
    settings: Settings,
}

/// What reading gathers along the way.
#[derive(Debug, Default)]
pub struct Reading {
    /// All that is wrong.
    pub errors: Vec<Diagnostic>,
    /// Roles that were read, in order.
    pub roles: Vec<Arc<Role>>,
    /// Handlers of those roles.
    pub handlers: Vec<Step>,
    /// Variables that hold around what is read, outermost first: what the names of imports may use.
    pub vars: Vec<Arc<ValueMap>>,
    /// `vars_files:` of the play, and the file they stand in. They are read when a name wants a variable.
    pub vars_files: Option<(Vec<Written>, PathBuf)>,
    stack: Vec<PathBuf>,
    /// Roles stand in each other without end: what else they bring is not looked at.
    too_deep: bool,
}

impl Reader {
    /// A reader.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// Folder of the playbook.
    pub fn base(&self) -> &Path {
        &self.settings.base
    }

    /// Further folders with roles.
    pub fn roles_path(&self) -> &[PathBuf] {
        &self.settings.roles_path
    }

    /// Folders that hold `ansible_collections/`.
    pub(super) fn collections(&self) -> &[PathBuf] {
        &self.settings.collections
    }

    /// Collections in which short names are looked for.
    pub(super) fn searched(&self) -> &[String] {
        &self.settings.searched
    }

    /// The same for a play, with the `collections:` it names.
    pub(super) fn of_play(&self, play: &Node) -> Self {
        let mut reader = self.clone();
        if let NodeData::Map(pairs) = &play.data {
            let named = pairs.iter().filter(|(key, _)| key.to_value().as_str() == Some("collections"));
            for (_, names) in named {
                if let Value::List(names) = names.to_value() {
                    reader.settings.searched = names.iter().filter_map(Value::as_str).map(str::to_owned).collect();
                }
            }
        }
        reader
    }

    /// Read a playbook and those it imports.
    /// What is wrong is pushed to `errors`; the rest is handed over all the same, so that it can be checked too.
    pub fn playbook(&self, file: &Path, errors: &mut Vec<Diagnostic>) -> Playbook {
        let plays = play::file(self, file, &[], errors);
        Playbook { file: file.to_path_buf(), plays }
    }

    /// Read a file of tasks. `vars` hold around it, outermost first.
    pub fn tasks_file(
        &self,
        file: &Path,
        role: Option<&Arc<Role>>,
        vars: Vec<Arc<ValueMap>>,
    ) -> Result<(Vec<Step>, Reading), Vec<Diagnostic>> {
        let mut reading = Reading { vars, ..Reading::default() };
        let steps = self.task_file(file, role, None, &mut reading);
        if reading.errors.is_empty() { Ok((steps, reading)) } else { Err(reading.errors) }
    }

    /// Read a role as a block of its dependencies and tasks. `vars` hold around it, outermost first.
    pub fn role(&self, wanted: &RoleUse<'_>, vars: Vec<Arc<ValueMap>>) -> Result<(Block, Reading), Vec<Diagnostic>> {
        let mut reading = Reading { vars, ..Reading::default() };
        let block = self.role_block(wanted, &mut reading);
        match block {
            Some(block) if reading.errors.is_empty() => Ok((block, reading)),
            _ => Err(reading.errors),
        }
    }

    /// A path as people write it: from the playbook's folder where it lies below.
    pub(super) fn shown(&self, file: &Path) -> String {
        file.strip_prefix(self.base()).unwrap_or(file).display().to_string()
    }

    /// Files that lead to each other, for a message; from the first that comes again where one does.
    pub fn chain<'a>(&self, files: impl Iterator<Item = &'a Path>) -> String {
        let files: Vec<&Path> = files.collect();
        let again = files.last().and_then(|last| files.iter().position(|file| file == last)).unwrap_or(0);
        files.iter().skip(again).map(|file| self.shown(file)).collect::<Vec<_>>().join(" -> ")
    }

    /// The steps of a file; `at` is where it is named.
    pub(super) fn task_file(
        &self,
        file: &Path,
        role: Option<&Arc<Role>>,
        at: Option<&Origin>,
        reading: &mut Reading,
    ) -> Vec<Step> {
        if reading.stack.iter().any(|known| known == file) || reading.stack.len() >= MAX_IMPORTS {
            let message = format!("{} imports itself", self.shown(file));
            let chain = self.chain(reading.stack.iter().map(PathBuf::as_path).chain([file]));
            reading.errors.push(Diagnostic::error(at.cloned(), message).help(format!("the chain is {chain}")));
            return Vec::new();
        }
        let node = match yaml::parse_file(file) {
            Ok(node) => node,
            Err(error) => {
                reading.errors.push(error);
                return Vec::new();
            }
        };
        reading.stack.push(file.to_path_buf());
        let steps = self.steps(&node, file, role, reading);
        reading.stack.pop();
        steps
    }

    /// A list of tasks and blocks.
    pub(super) fn steps(&self, node: &Node, file: &Path, role: Option<&Arc<Role>>, reading: &mut Reading) -> Vec<Step> {
        match &node.data {
            NodeData::List(items) => items.iter().filter_map(|item| self.step(item, file, role, reading)).collect(),
            _ if node.to_value() == Value::Null => Vec::new(),
            _ => {
                reading.errors.push(Diagnostic::error(Some(node.origin.clone()), "tasks must be a list"));
                Vec::new()
            }
        }
    }

    fn step(&self, node: &Node, file: &Path, role: Option<&Arc<Role>>, reading: &mut Reading) -> Option<Step> {
        if is_block(node) {
            return Some(Step::Block(Arc::new(self.block(node, file, role, reading))));
        }
        let task = task::read(node, file, role, &mut reading.errors)?;
        match short(&task.module) {
            "import_tasks" => self.import_tasks(task, file, role, reading),
            "import_role" => self.import_role(task, file, role, reading),
            _ => Some(Step::Task(Arc::new(task))),
        }
    }

    fn block(&self, node: &Node, file: &Path, role: Option<&Arc<Role>>, reading: &mut Reading) -> Block {
        let mut block = Block::empty(node.origin.clone());
        let NodeData::Map(pairs) = &node.data else { return block };
        let mut notify = Vec::new();
        let around = reading.vars.len();
        // They hold for what stands before them, too; what is wrong with them is told below.
        reading.vars.extend(named(pairs, "vars").and_then(|vars| keywords::variables(vars).ok()).into_iter().flatten());
        for (key, value) in pairs {
            let name = match task::key_text(key) {
                Ok(name) => name,
                Err(error) => {
                    reading.errors.push(error);
                    continue;
                }
            };
            match name.as_str() {
                "name" => block.name = Some(keywords::written(value)),
                "block" => block.body = self.steps(value, file, role, reading),
                "rescue" => block.rescue = self.steps(value, file, role, reading),
                "always" => block.always = self.steps(value, file, role, reading),
                "notify" => notify = keywords::list(value),
                _ => match block.keywords.take(&name, value) {
                    Ok(true) => {}
                    Ok(false) => {
                        reading.errors.push(keywords::unknown_key("block", &name, key, &[keywords::SHARED, BLOCK]))
                    }
                    Err(error) => reading.errors.push(error),
                },
            }
        }
        reading.vars.truncate(around);
        if !notify.is_empty() {
            [&mut block.body, &mut block.rescue, &mut block.always]
                .into_iter()
                .for_each(|part| hand_down(part, &notify));
        }
        block
    }

    fn import_tasks(&self, task: Task, file: &Path, role: Option<&Arc<Role>>, reading: &mut Reading) -> Option<Step> {
        let Some(name) = task.args.get("file").or_else(|| task.args.get("_raw_params")) else {
            reading.errors.push(Diagnostic::error(Some(task.module_origin), "import_tasks needs a file"));
            return None;
        };
        let text = self.import_name(name, &task.keywords.vars, role, reading)?;
        let Some(path) = self.find_tasks(&text, file, role) else {
            let message = format!("the file `{text}` was not found");
            reading.errors.push(Diagnostic::error(Some(name.origin.clone()), message));
            return None;
        };
        let around = reading.vars.len();
        reading.vars.extend(task.keywords.vars.iter().cloned());
        let body = self.task_file(&path, role, Some(&name.origin), reading);
        reading.vars.truncate(around);
        Some(Step::Block(Arc::new(Block { name: None, keywords: task.keywords, body, ..Block::empty(task.origin) })))
    }

    fn import_role(&self, task: Task, file: &Path, role: Option<&Arc<Role>>, reading: &mut Reading) -> Option<Step> {
        let Some(name) = task.args.get("name").or_else(|| task.args.get("role")) else {
            reading.errors.push(Diagnostic::error(Some(task.module_origin), "import_role needs the name of a role"));
            return None;
        };
        let name = Written {
            value: Value::from(self.import_name(name, &task.keywords.vars, role, reading)?),
            origin: name.origin.clone(),
        };
        let mut part = |key: &str| match task.args.get(key) {
            Some(written) => self.import_name(written, &task.keywords.vars, role, reading),
            None => Some("main".to_owned()),
        };
        let parts = Parts {
            tasks: part("tasks_from")?,
            vars: part("vars_from")?,
            defaults: part("defaults_from")?,
            handlers: part("handlers_from")?,
        };
        let wanted = RoleUse {
            name: &name,
            parts,
            params: ValueMap::new(),
            vars: joined(&task.keywords.vars),
            keywords: task.keywords,
            once: task.args.get("allow_duplicates").and_then(|flag| keywords::as_flag(&flag.value)) == Some(false),
            included: true,
            near: file.parent().unwrap_or(Path::new(".")),
            parent: role,
        };
        let around = reading.vars.len();
        reading.vars.extend(wanted.keywords.vars.iter().cloned());
        let block = self.role_block(&wanted, reading);
        reading.vars.truncate(around);
        block.map(|block| Step::Block(Arc::new(block)))
    }

    pub(super) fn role_block(&self, wanted: &RoleUse<'_>, reading: &mut Reading) -> Option<Block> {
        let name = wanted.name.value.as_str().unwrap_or_default().to_owned();
        let parents: Vec<&str> = wanted.parent.map_or_else(Vec::new, |role| {
            std::iter::once(role).chain(role.parents()).map(|role| role.name.as_str()).collect()
        });
        if reading.too_deep {
            return None;
        }
        // A role may include other files of itself; one that depends on itself never comes to an end.
        let again = !wanted.included && parents.iter().filter(|parent| **parent == name).count() > 1;
        if again || parents.len() >= MAX_IMPORTS {
            reading.too_deep = true;
            let loops = parents.iter().position(|parent| *parent == name).map_or(parents.len(), |at| at + 1);
            let mut chain: Vec<&str> = parents.iter().take(loops).rev().copied().collect();
            chain.push(&name);
            let error = Diagnostic::error(Some(wanted.name.origin.clone()), format!("role `{name}` depends on itself"));
            reading.errors.push(error.help(format!("the chain is {}", chain.join(" -> "))));
            return None;
        }
        let loaded = role::folder(self, &name, wanted.near, &wanted.name.origin)
            .and_then(|path| role::load(&name, &path, wanted));
        let (role, dependencies) = match loaded {
            Ok(loaded) => loaded,
            Err(error) => {
                reading.errors.push(error);
                return None;
            }
        };
        let role = Arc::new(role);
        let mut body = Vec::new();
        for dependency in &dependencies {
            if let Some(block) = play::role_entry(self, dependency, &role.path, Some(&role), reading) {
                body.push(Step::Block(Arc::new(block)));
            }
        }
        reading.roles.push(Arc::clone(&role));
        body.extend(self.role_files(&role, wanted, reading));
        let keywords = wanted.keywords.clone();
        Some(Block { keywords, body, role: Some(role), ..Block::empty(wanted.name.origin.clone()) })
    }

    /// The tasks of a role; its handlers go to `reading`.
    fn role_files(&self, role: &Arc<Role>, wanted: &RoleUse<'_>, reading: &mut Reading) -> Vec<Step> {
        if let Some(file) = role::file(&role.path, "handlers", &wanted.parts.handlers) {
            let handlers = self.task_file(&file, Some(role), Some(&wanted.name.origin), reading);
            let keywords = wanted.keywords.clone();
            let block = Block { keywords, body: handlers, ..Block::empty(wanted.name.origin.clone()) };
            reading.handlers.push(Step::Block(Arc::new(block)));
        }
        let mut steps = Vec::new();
        match argument_specs::task(role, &wanted.parts.tasks) {
            Ok(task) => steps.extend(task),
            Err(error) => reading.errors.push(error),
        }
        match role::file(&role.path, "tasks", &wanted.parts.tasks) {
            Some(file) => steps.extend(self.task_file(&file, Some(role), Some(&wanted.name.origin), reading)),
            None if wanted.parts.tasks != "main" => {
                let message = format!("role `{}` has no tasks/{}", role.name, wanted.parts.tasks);
                reading.errors.push(Diagnostic::error(Some(wanted.name.origin.clone()), message));
            }
            None => {}
        }
        steps
    }

    /// The name of a role, a file or a part of a role: `own` are the variables beside it, `role` is the one it stands in.
    pub(super) fn import_name(
        &self,
        written: &Written,
        own: &[Arc<ValueMap>],
        role: Option<&Arc<Role>>,
        reading: &mut Reading,
    ) -> Option<String> {
        let mut vars = Vec::new();
        if written.value.has_template() {
            let lineage = role.map(|role| role.lineage()).unwrap_or_default();
            vars.extend(lineage.iter().map(|role| Arc::clone(&role.defaults)));
            vars.extend(reading.vars.iter().cloned());
            let files = reading.vars_files.as_ref();
            vars.extend(files.map(|(files, beside)| self.vars_files(files, beside, &reading.vars)).unwrap_or_default());
            for role in lineage {
                vars.extend([&role.vars, &role.entry_vars, &role.params].map(Arc::clone));
            }
            vars.extend(own.iter().cloned());
        }
        match self.static_text(written, &vars) {
            Ok(text) => Some(text),
            Err(error) => {
                reading.errors.push(error);
                None
            }
        }
    }

    /// What `vars_files:` of a play give without any host; `around` are its variables and `beside` is its file. Files that
    /// are not there or cannot be read are told of when the play is carried out.
    pub fn vars_files(&self, files: &[Written], beside: &Path, around: &[Arc<ValueMap>]) -> Vec<Arc<ValueMap>> {
        let folder = beside.parent().unwrap_or(Path::new(""));
        let mut known = around.to_vec();
        let mut out = Vec::new();
        for written in files {
            let choices = match &written.value {
                Value::List(items) => items.iter().cloned().collect(),
                value => vec![value.clone()],
            };
            let read = choices.into_iter().find_map(|value| {
                let name = self.static_text(&Written { value, origin: written.origin.clone() }, &known).ok()?;
                let path =
                    [folder.join("vars").join(&name), folder.join(&name)].into_iter().find(|path| path.is_file())?;
                match yaml::parse_file(&path).ok()?.to_value() {
                    Value::Map(map) => Some(map),
                    _ => None,
                }
            });
            known.extend(read.clone());
            out.extend(read);
        }
        out
    }

    /// Text that must be known when the playbook is read.
    pub(super) fn static_text(&self, written: &Written, vars: &[Arc<ValueMap>]) -> Result<String, Diagnostic> {
        let why = match (&written.value, &self.settings.render) {
            (Value::Str(text), _) => return Ok(text.to_string()),
            (Value::Template(_), Some(render)) => match render(&written.value, vars) {
                Ok(text) => return Ok(text),
                Err(why) => why,
            },
            _ => "it must be text".to_owned(),
        };
        let message = "an import is read before there are any hosts, so its name can use no variables of theirs";
        Err(Diagnostic::error(Some(written.origin.clone()), format!("{message}: {why}"))
            .help("use include_tasks or include_role for names that depend on hosts"))
    }

    /// A task file named by an import or include: beside the including file, in the role, beside the playbook.
    pub fn find_tasks(&self, name: &str, file: &Path, role: Option<&Arc<Role>>) -> Option<PathBuf> {
        let given = Path::new(name);
        if given.is_absolute() {
            return given.is_file().then(|| given.to_path_buf());
        }
        let mut places: Vec<PathBuf> = file.parent().map(Path::to_path_buf).into_iter().collect();
        if let Some(role) = role {
            places.extend([role.path.join("tasks"), role.path.clone()]);
            places.extend(role.parents().map(|role| role.path.join("tasks")));
        }
        places.extend([self.base().join("tasks"), self.base().to_path_buf()]);
        places.iter().map(|place| place.join(given)).find(|path| path.is_file())
    }
}

/// A role that is to be read.
#[derive(Debug)]
pub struct RoleUse<'a> {
    /// Its name.
    pub name: &'a Written,
    /// Which files of it.
    pub parts: Parts,
    /// Parameters given with it.
    pub params: ValueMap,
    /// `vars:` given with it: they rank with the role's own variables, below facts that are set.
    pub vars: ValueMap,
    /// Keywords given with it.
    pub keywords: Keywords,
    /// It runs once in a play where it is used in the same way.
    pub once: bool,
    /// It is used through `include_role` or `import_role`.
    pub included: bool,
    /// Folder of the file that names it.
    pub near: &'a Path,
    /// The role that names it.
    pub parent: Option<&'a Arc<Role>>,
}

/// Variables given at one place, as one mapping.
pub fn joined(layers: &[Arc<ValueMap>]) -> ValueMap {
    layers.iter().flat_map(|layer| layer.iter().map(|(key, value)| (key.clone(), value.clone()))).collect()
}

/// `notify:` of a block holds for the tasks in it that have none of their own.
fn hand_down(steps: &mut [Step], notify: &[Written]) {
    for step in steps {
        match step {
            Step::Task(task) if task.notify.is_empty() => Arc::make_mut(task).notify = notify.to_vec(),
            Step::Task(_) => {}
            Step::Block(block) => {
                let block = Arc::make_mut(block);
                for part in [&mut block.body, &mut block.rescue, &mut block.always] {
                    hand_down(part, notify);
                }
            }
        }
    }
}

/// The value of a key.
pub(super) fn named<'a>(pairs: &'a [(Node, Node)], name: &str) -> Option<&'a Node> {
    pairs.iter().find(|(key, _)| key.to_value().as_str() == Some(name)).map(|(_, value)| value)
}

/// Whether a mapping is a block and not a task.
fn is_block(node: &Node) -> bool {
    let NodeData::Map(pairs) = &node.data else { return false };
    pairs.iter().any(|(key, _)| matches!(key.to_value().as_str(), Some("block" | "rescue" | "always")))
}
