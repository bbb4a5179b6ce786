//! Files that tasks surely need from the controller: whether they are there, and whether templates among them parse.
//!
//! Only what is known without a host counts: names without templates, in tasks that no condition and no `rescue` guards.
//! Behind a task that may write on the controller nothing is missed: the run itself may make the file.

use crate::plan::{PlannedPlay, PlannedStep, PlannedTask};
use crate::playbook::Written;
use crate::template::Engine;
use crate::yaml::{Diagnostic, Key, Value};
use std::path::{Path, PathBuf};

/// Modules that write nothing wherever they are carried out.
const READERS: &[&str] = &[
    "add_host",
    "assert",
    "debug",
    "fail",
    "find",
    "getent",
    "group_by",
    "include_vars",
    "meta",
    "package_facts",
    "pause",
    "ping",
    "service_facts",
    "set_fact",
    "set_stats",
    "setup",
    "slurp",
    "stat",
    "validate_argument_spec",
    "wait_for",
    "wait_for_connection",
];

/// The plays of a run, looked at in their order.
pub struct NeededFiles<'a> {
    engine: &'a Engine,
    base: &'a Path,
    /// A task that was passed may have written on the controller.
    is_written: bool,
}

impl<'a> NeededFiles<'a> {
    /// Before the first play.
    pub fn new(engine: &'a Engine, base: &'a Path) -> Self {
        Self { engine, base, is_written: false }
    }

    /// Push what a play misses, and what of it does not parse.
    pub fn check(&mut self, play: &PlannedPlay, errors: &mut Vec<Diagnostic>) {
        let is_local = play.pattern().split([',', ':']).any(is_controller);
        for section in &play.sections {
            self.steps(&section.steps, is_local, false, errors);
        }
        self.is_written |= play.handlers.iter().any(|handler| writes(handler, is_local));
    }

    fn steps(&mut self, list: &[PlannedStep], is_local: bool, is_guarded: bool, errors: &mut Vec<Diagnostic>) {
        for step in list {
            match step {
                PlannedStep::Task(one) => {
                    if !is_guarded {
                        task(self.engine, one, self.base, self.is_written, errors);
                    }
                    self.is_written |= writes(one, is_local);
                }
                PlannedStep::Block(block) => {
                    self.steps(&block.body, is_local, is_guarded || !block.rescue.is_empty(), errors);
                    self.steps(&block.rescue, is_local, true, errors);
                    self.steps(&block.always, is_local, true, errors);
                }
            }
        }
    }
}

fn is_controller(name: &str) -> bool {
    matches!(name.trim(), "localhost" | "127.0.0.1" | "::1") || name.contains("{{")
}

/// Whether a task may leave a file on the controller. What an include brings in is not known.
fn writes(planned: &PlannedTask, is_local: bool) -> bool {
    let name = &*planned.entry.spec.name;
    if name == "fetch" || planned.task.import.is_some() {
        return true;
    }
    let keywords = &planned.keywords;
    let says = |written: &Option<Written>, holds: &dyn Fn(&str) -> bool| {
        written.as_ref().is_some_and(|written| match &written.value {
            Value::Str(text) => holds(text),
            _ => true,
        })
    };
    let is_there = is_local
        || says(&keywords.delegate_to, &is_controller)
        || says(&keywords.connection, &|kind| kind.rsplit('.').next() == Some("local"))
        || keywords.vars.iter().any(|layer| layer.contains_key(&Key::from("ansible_connection")));
    is_there && !READERS.contains(&name)
}

fn task(engine: &Engine, planned: &PlannedTask, base: &Path, is_written: bool, errors: &mut Vec<Diagnostic>) {
    let part = match &*planned.entry.spec.name {
        "template" => "templates",
        "copy" | "script" | "unarchive" | "uri" => "files",
        _ => return,
    };
    let args = &planned.task.args;
    let guarded = !planned.keywords.when.is_empty()
        || planned.keywords.ignore_errors.is_some()
        || planned.task.failed_when.is_some()
        || planned.task.looped.is_some();
    let named = ["src", "cmd", "_raw_params"].into_iter().find_map(|name| args.get(name));
    let Some(source) = named.filter(|_| !guarded && args.get("remote_src").is_none() && args.get("copy").is_none())
    else {
        return;
    };
    let Value::Str(text) = &source.value else { return };
    let script =
        (&*planned.entry.spec.name == "script").then(|| shlex::split(text).unwrap_or_default().into_iter().next());
    let name = &match script {
        Some(None) => return,
        Some(Some(word)) => word,
        None => text.to_string(),
    };
    if name.contains("://") && matches!(&*planned.entry.spec.name, "unarchive" | "uri") {
        let message = format!("`{name}` is a URL: as `src` it needs `remote_src: true`");
        errors.push(Diagnostic::error(Some(source.origin.clone()), message));
        return;
    }
    let Some(path) = find(name, part, planned, base) else {
        if is_written {
            return;
        }
        let message = format!("the file `{name}` that this task needs was not found");
        let error = Diagnostic::error(Some(source.origin.clone()), message);
        errors.push(error.help(format!("looked in {part}/ and beside the playbook, and in the role")));
        return;
    };
    // A template with delimiters of its own is only known when it is rendered.
    let special = args.pairs.iter().any(|(name, _)| name.ends_with("_string"));
    if part == "templates"
        && !special
        && let Ok(text) = std::fs::read_to_string(&path)
    {
        errors.extend(engine.check_file(&text, &path));
    }
}

fn find(name: &str, part: &str, planned: &PlannedTask, base: &Path) -> Option<PathBuf> {
    let given = match (name.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => PathBuf::from(name),
    };
    let roles = planned.task.role.iter().flat_map(|role| std::iter::once(role).chain(role.parents()));
    let mut folders: Vec<&Path> = roles.map(|role| role.path.as_path()).collect();
    folders.extend(planned.task.file.parent());
    folders.push(base);
    let candidates = folders.iter().flat_map(|folder| [folder.join(part).join(&given), folder.join(&given)]);
    candidates.into_iter().find(|path| path.exists())
}
