//! Plays, and the files they stand in.

use super::keywords::{self, Keywords, SHARED, list, unknown_key, variables, written};
use super::reader::{Reader, Reading, RoleUse, joined, named};
use super::role::Parts;
use super::task::key_text;
use super::types::{Block, Play, Role, Step, Strategy, Written};
use crate::yaml::{self, Diagnostic, Key, Node, NodeData, Value, ValueMap, nearest};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MAX_IMPORTS: usize = 64;

/// Keys of a play that are no shared keywords.
pub(super) const OWN: &[&str] = &[
    "name",
    "hosts",
    "gather_facts",
    "gather_subset",
    "gather_timeout",
    "strategy",
    "serial",
    "max_fail_percentage",
    "order",
    "force_handlers",
    "vars_files",
    "vars_prompt",
    "fact_path",
    "pre_tasks",
    "roles",
    "tasks",
    "post_tasks",
    "handlers",
    "user",
];

const STRATEGIES: &[&str] = &["linear", "free", "host_pinned"];

/// The plays of a playbook file.
pub(super) fn file(reader: &Reader, path: &Path, stack: &[PathBuf], errors: &mut Vec<Diagnostic>) -> Vec<Play> {
    let node = match yaml::parse_file(path) {
        Ok(node) => node,
        Err(error) => {
            errors.push(error);
            return Vec::new();
        }
    };
    let NodeData::List(items) = &node.data else {
        errors.push(Diagnostic::error(Some(node.origin.clone()), "a playbook must be a list of plays"));
        return Vec::new();
    };
    let mut plays = Vec::new();
    for item in items {
        match import(item) {
            Some(import) => plays.extend(imported(reader, import, item, path, stack, errors)),
            None => plays.extend(play(&reader.of_play(item), item, path, errors)),
        }
    }
    plays
}

/// The value of `import_playbook`, if that is what the item is.
fn import(item: &Node) -> Option<&Node> {
    let NodeData::Map(pairs) = &item.data else { return None };
    let is_import =
        |key: &Node| key.to_value().as_str().is_some_and(|text| super::args::short(text) == "import_playbook");
    pairs.iter().find(|(key, _)| is_import(key)).map(|(_, value)| value)
}

fn imported(
    reader: &Reader,
    name: &Node,
    item: &Node,
    path: &Path,
    stack: &[PathBuf],
    errors: &mut Vec<Diagnostic>,
) -> Vec<Play> {
    let mut outer = Keywords::default();
    if let NodeData::Map(pairs) = &item.data {
        for (key, value) in pairs {
            let Ok(text) = key_text(key) else { continue };
            if text == "name" || super::args::short(&text) == "import_playbook" {
                continue;
            }
            match outer.take(&text, value) {
                Ok(true) => {}
                Ok(false) => errors.push(unknown_key("playbook import", &text, key, &[SHARED])),
                Err(error) => errors.push(error),
            }
        }
    }
    let text = match reader.static_text(&written(name), &outer.vars) {
        Ok(text) => text,
        Err(error) => {
            errors.push(error);
            return Vec::new();
        }
    };
    let target = path.parent().unwrap_or(Path::new("")).join(&text);
    if !target.is_file() {
        errors.push(Diagnostic::error(Some(name.origin.clone()), format!("the playbook `{text}` was not found")));
        return Vec::new();
    }
    let mut stack = stack.to_vec();
    stack.push(path.to_path_buf());
    // `sub/../a.yml` is `a.yml`.
    let real = |file: &Path| std::fs::canonicalize(file).unwrap_or_else(|_| file.to_path_buf());
    if stack.len() >= MAX_IMPORTS || stack.iter().any(|known| real(known) == real(&target)) {
        let chain = reader.chain(stack.iter().map(PathBuf::as_path).chain([target.as_path()]));
        let error = Diagnostic::error(Some(name.origin.clone()), format!("{} imports itself", reader.shown(&target)));
        errors.push(error.help(format!("the chain is {chain}")));
        return Vec::new();
    }
    let mut plays = file(reader, &target, &stack, errors);
    for play in &mut plays {
        play.keywords = play.keywords.inherit(&outer);
    }
    plays
}

fn play(reader: &Reader, node: &Node, path: &Path, errors: &mut Vec<Diagnostic>) -> Option<Play> {
    let NodeData::Map(pairs) = &node.data else {
        errors.push(Diagnostic::error(Some(node.origin.clone()), "a play must be a mapping"));
        return None;
    };
    let mut reading = Reading::default();
    let mut draft = empty(node, path);
    let mut hosts = None;
    reading.vars = named(pairs, "vars").and_then(|vars| variables(vars).ok()).unwrap_or_default();
    reading.vars_files = named(pairs, "vars_files").map(|files| (list(files), path.to_path_buf()));
    for (key, value) in pairs {
        let outcome = key_text(key).and_then(|name| {
            if name == "hosts" {
                hosts = Some(written(value));
                return Ok(());
            }
            take(reader, &mut draft, &name, key, value, &mut reading)
        });
        if let Err(error) = outcome {
            reading.errors.push(error);
        }
    }
    draft.handlers = [std::mem::take(&mut reading.handlers), std::mem::take(&mut draft.handlers)].concat();
    draft.known_roles = std::mem::take(&mut reading.roles);
    match hosts {
        Some(hosts) if hosts.value != Value::Null => draft.hosts = hosts,
        _ => {
            let near = pairs.iter().filter_map(|(key, _)| key_text(key).ok().map(|text| (text, key)));
            let near =
                near.into_iter().find(|(text, _)| nearest("hosts", [text.as_str()]).is_some() && text != "hosts");
            let error = Diagnostic::error(Some(node.origin.clone()), "a play needs `hosts`");
            if near.is_none() {
                reading.errors.push(error);
            }
        }
    }
    errors.append(&mut reading.errors);
    Some(draft)
}

fn empty(node: &Node, path: &Path) -> Play {
    Play {
        name: None,
        origin: node.origin.clone(),
        file: path.to_path_buf(),
        hosts: Written { value: Value::Null, origin: node.origin.clone() },
        keywords: Keywords::default(),
        gather_facts: None,
        gather_subset: None,
        strategy: Strategy::Linear,
        serial: Vec::new(),
        max_fail_percentage: None,
        order: None,
        force_handlers: None,
        vars_files: Vec::new(),
        prompts: Vec::new(),
        fact_path: None,
        pre_tasks: Vec::new(),
        roles: Vec::new(),
        tasks: Vec::new(),
        post_tasks: Vec::new(),
        handlers: Vec::new(),
        known_roles: Vec::new(),
    }
}

fn take(
    reader: &Reader,
    play: &mut Play,
    name: &str,
    key: &Node,
    value: &Node,
    reading: &mut Reading,
) -> Result<(), Diagnostic> {
    let path = play.file.clone();
    match name {
        "name" => play.name = Some(written(value)),
        "gather_facts" => play.gather_facts = Some(written(value)),
        "gather_subset" => play.gather_subset = Some(written(value)),
        "gather_timeout" => {}
        "user" => play.keywords.remote_user = Some(written(value)),
        "strategy" => play.strategy = strategy(value)?,
        "serial" => play.serial = list(value),
        "max_fail_percentage" => play.max_fail_percentage = Some(written(value)),
        "order" => play.order = Some(written(value)),
        "force_handlers" => play.force_handlers = Some(written(value)),
        "vars_files" => play.vars_files = list(value),
        "vars_prompt" => play.prompts = super::prompts::read(value)?,
        "fact_path" => play.fact_path = Some(written(value)),
        "pre_tasks" => play.pre_tasks = reader.steps(value, &path, None, reading),
        "tasks" => play.tasks = reader.steps(value, &path, None, reading),
        "post_tasks" => play.post_tasks = reader.steps(value, &path, None, reading),
        "handlers" => play.handlers = reader.steps(value, &path, None, reading),
        "roles" => play.roles = roles(reader, value, &path, reading),
        _ => {
            if !play.keywords.take(name, value)? {
                return Err(unknown_key("play", name, key, &[SHARED, OWN]));
            }
        }
    }
    Ok(())
}

fn strategy(node: &Node) -> Result<Strategy, Diagnostic> {
    let value = node.to_value();
    let text = value.as_str().unwrap_or_default();
    match text.rsplit('.').next().unwrap_or_default() {
        "linear" | "mitogen_linear" => Ok(Strategy::Linear),
        "free" | "host_pinned" | "mitogen_free" => Ok(Strategy::Free),
        _ => Err(Diagnostic::error(Some(node.origin.clone()), format!("there is no strategy `{text}`"))
            .length(node.length)
            .help(format!("one of {}", STRATEGIES.join(", ")))),
    }
}

fn roles(reader: &Reader, node: &Node, path: &Path, reading: &mut Reading) -> Vec<Step> {
    match &node.data {
        NodeData::List(items) => {
            let near = path.parent().unwrap_or(Path::new(""));
            items
                .iter()
                .filter_map(|item| role_entry(reader, item, near, None, reading))
                .map(|block| Step::Block(Arc::new(block)))
                .collect()
        }
        _ if node.to_value() == Value::Null => Vec::new(),
        _ => {
            reading.errors.push(Diagnostic::error(Some(node.origin.clone()), "roles must be a list"));
            Vec::new()
        }
    }
}

/// One entry of `roles:` or of a role's dependencies: a name, or a mapping with keywords and parameters.
pub(super) fn role_entry(
    reader: &Reader,
    node: &Node,
    near: &Path,
    parent: Option<&Arc<Role>>,
    reading: &mut Reading,
) -> Option<Block> {
    let mut name = None;
    let mut keywords = Keywords::default();
    let mut params = ValueMap::new();
    let mut vars = ValueMap::new();
    let mut parts = Parts::default();
    if let NodeData::Map(pairs) = &node.data {
        for (key, value) in pairs {
            let Ok(text) = key_text(key) else { continue };
            match text.as_str() {
                "role" | "name" => name = name.or_else(|| Some(written(value))),
                "tasks_from" => parts.tasks = value.to_value().as_str().unwrap_or("main").to_owned(),
                "vars" => match variables(value) {
                    Ok(maps) => vars = joined(&maps),
                    Err(error) => reading.errors.push(error),
                },
                _ => match keywords.take(&text, value) {
                    Ok(true) => {}
                    Ok(false) => {
                        params.insert(Key::from(text), value.to_value());
                    }
                    Err(error) => reading.errors.push(error),
                },
            }
        }
    } else {
        name = Some(keywords::written(node));
    }
    match name {
        Some(name) => {
            let own = [Arc::new(vars.clone()), Arc::new(params.clone())];
            let text = reader.import_name(&name, &own, parent, reading)?;
            let name = Written { value: Value::from(text), origin: name.origin };
            let wanted =
                RoleUse { name: &name, parts, params, vars, keywords, once: true, included: false, near, parent };
            reader.role_block(&wanted, reading)
        }
        None => {
            reading.errors.push(Diagnostic::error(Some(node.origin.clone()), "a role needs a name"));
            None
        }
    }
}

/// A play with one task and nothing else.
pub(super) fn with_task(pattern: &str, task: super::types::Task, node: &Node, path: &Path) -> Play {
    let value = |value: Value| Some(Written { value, origin: node.origin.clone() });
    Play {
        name: value(Value::from("luthier exec")),
        hosts: Written { value: Value::from(pattern), origin: node.origin.clone() },
        gather_facts: value(Value::Bool(false)),
        strategy: Strategy::Free,
        tasks: vec![Step::Task(Arc::new(task))],
        ..empty(node, path)
    }
}
