//! Files that tasks surely need from the controller: whether they are there, and whether templates among them parse.
//!
//! Only what is known without a host counts: names without templates, in tasks that no condition and no `rescue` guards.

use crate::plan::{PlannedPlay, PlannedStep, PlannedTask};
use crate::template::Engine;
use crate::yaml::{Diagnostic, Value};
use std::path::{Path, PathBuf};

/// Push what is missing or does not parse.
pub fn check(engine: &Engine, play: &PlannedPlay, base: &Path, errors: &mut Vec<Diagnostic>) {
    for section in &play.sections {
        steps(engine, &section.steps, base, errors);
    }
}

fn steps(engine: &Engine, list: &[PlannedStep], base: &Path, errors: &mut Vec<Diagnostic>) {
    for step in list {
        match step {
            PlannedStep::Task(one) => task(engine, one, base, errors),
            PlannedStep::Block(block) if block.rescue.is_empty() => steps(engine, &block.body, base, errors),
            PlannedStep::Block(_) => {}
        }
    }
}

fn task(engine: &Engine, planned: &PlannedTask, base: &Path, errors: &mut Vec<Diagnostic>) {
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
