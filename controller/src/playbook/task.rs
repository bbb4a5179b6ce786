//! One task, as its mapping says it.

use super::args::{self, short};
use super::keywords::{Keywords, SHARED, list, unknown_key, written};
use super::types::{Args, Import, Loop, LoopControl, Role, Task, Written};
use crate::yaml::{Diagnostic, Node, NodeData, Origin, Value, nearest};
use std::path::Path;
use std::sync::Arc;

/// Keys of a task that are neither shared keywords nor the module.
pub(super) const OWN: &[&str] = &[
    "name",
    "action",
    "local_action",
    "args",
    "loop",
    "loop_control",
    "register",
    "notify",
    "listen",
    "changed_when",
    "failed_when",
    "until",
    "retries",
    "delay",
    "revert",
    "async",
    "poll",
];

pub(super) const LOOP_CONTROL: &[&str] =
    &["loop_var", "index_var", "label", "pause", "extended", "extended_allitems", "break_when"];

/// The text of a mapping's key.
pub(super) fn key_text(node: &Node) -> Result<String, Diagnostic> {
    match node.to_value() {
        Value::Str(text) => Ok(text.to_string()),
        other => Err(Diagnostic::error(
            Some(node.origin.clone()),
            format!("a key must be text, found {}", other.type_name()),
        )),
    }
}

/// Read a task. All that is wrong with it is pushed to `errors`; `None` when nothing usable is left.
pub(super) fn read(node: &Node, file: &Path, role: Option<&Arc<Role>>, errors: &mut Vec<Diagnostic>) -> Option<Task> {
    let NodeData::Map(pairs) = &node.data else {
        errors.push(Diagnostic::error(Some(node.origin.clone()), "a task must be a mapping"));
        return None;
    };
    let mut draft = Draft::default();
    for (key, value) in pairs {
        let outcome = key_text(key).and_then(|name| draft.take(&name, key, value));
        if let Err(error) = outcome {
            errors.push(error);
        }
    }
    let task = draft.finish(node, file, role);
    match task {
        Ok(task) => Some(task),
        Err(error) => {
            errors.push(error);
            None
        }
    }
}

/// A task while its keys are read.
#[derive(Default)]
struct Draft<'n> {
    name: Option<Written>,
    keywords: Keywords,
    modules: Vec<(String, &'n Node, &'n Node)>,
    action: Option<(&'n Node, bool)>,
    extra: Option<&'n Node>,
    looped: Option<(Option<String>, Written)>,
    control: LoopControl,
    register: Option<String>,
    notify: Vec<Written>,
    listen: Vec<String>,
    changed_when: Option<Written>,
    failed_when: Option<Written>,
    until: Option<Written>,
    retries: Option<Written>,
    delay: Option<Written>,
    revert: Option<Written>,
    apart: Option<Written>,
    poll: Option<Written>,
}

impl<'n> Draft<'n> {
    fn take(&mut self, name: &str, key: &'n Node, value: &'n Node) -> Result<(), Diagnostic> {
        if self.keywords.take(name, value)? {
            return Ok(());
        }
        match name {
            "name" => self.name = Some(written(value)),
            "action" => self.action = Some((value, false)),
            "local_action" => self.action = Some((value, true)),
            "args" => self.extra = Some(value),
            "loop" => self.take_loop(None, key, value)?,
            "loop_control" => self.control = loop_control(value)?,
            "register" => self.register = Some(identifier(value)?),
            "notify" => self.notify = list(value),
            "listen" => {
                self.listen = list(value).iter().filter_map(|item| item.value.as_str().map(str::to_owned)).collect()
            }
            "changed_when" => self.changed_when = Some(written(value)),
            "failed_when" => self.failed_when = Some(written(value)),
            "until" => self.until = Some(written(value)),
            "retries" => self.retries = Some(written(value)),
            "delay" => self.delay = Some(written(value)),
            "revert" => self.revert = Some(written(value)),
            "async" => self.apart = Some(written(value)),
            "poll" => self.poll = Some(written(value)),
            _ => match name.strip_prefix("with_") {
                Some(lookup) => self.take_loop(Some(lookup.to_owned()), key, value)?,
                None => self.modules.push((name.to_owned(), key, value)),
            },
        }
        Ok(())
    }

    fn take_loop(&mut self, lookup: Option<String>, key: &Node, value: &Node) -> Result<(), Diagnostic> {
        if self.looped.is_some() {
            return Err(Diagnostic::error(Some(key.origin.clone()), "a task has one loop")
                .length(key.length)
                .help("`loop` or one `with_…`, not both"));
        }
        self.looped = Some((lookup, written(value)));
        Ok(())
    }

    fn finish(mut self, node: &Node, file: &Path, role: Option<&Arc<Role>>) -> Result<Task, Diagnostic> {
        let (module, module_origin, mut args) = self.module(node)?;
        if let Some(extra) = self.extra {
            args::merge(&mut args, &module, extra)?;
        }
        if let Some((value, true)) = self.action {
            self.keywords.delegate_to = Some(Written { value: "localhost".into(), origin: value.origin.clone() });
        }
        let import = match short(&module) {
            "include_tasks" => Some(Import::Tasks),
            "include_role" => Some(Import::Role),
            _ => None,
        };
        let looped = self.looped.map(|(lookup, items)| Loop { lookup, items, control: self.control });
        Ok(Task {
            name: self.name,
            origin: node.origin.clone(),
            module,
            module_origin,
            args,
            keywords: self.keywords,
            looped,
            register: self.register,
            notify: self.notify,
            listen: self.listen,
            changed_when: self.changed_when,
            failed_when: self.failed_when,
            until: self.until,
            retries: self.retries,
            delay: self.delay,
            revert: self.revert,
            apart: self.apart,
            poll: self.poll,
            role: role.cloned(),
            file: file.to_path_buf(),
            import,
        })
    }

    /// The module's name, place and parameters: the one key that is no keyword, or `action:`.
    fn module(&self, node: &Node) -> Result<(String, Origin, Args), Diagnostic> {
        match (self.modules.as_slice(), self.action) {
            ([(name, key, value)], None) => Ok((name.clone(), key.origin.clone(), args::read(name, value)?)),
            ([], Some((value, _))) => action(value),
            ([], None) => Err(Diagnostic::error(Some(node.origin.clone()), "no module in this task")
                .help("a task needs one key that names a module, such as `command:`")),
            ([(name, key, _), ..], Some(_)) => Err(unknown_key("task", name, key, &[SHARED, OWN])),
            (several, None) => {
                // The one that looks like a keyword with a typing error is the one to show.
                let odd =
                    several.iter().find(|(name, _, _)| nearest(name, SHARED.iter().chain(OWN).copied()).is_some());
                match odd {
                    Some((name, key, _)) => Err(unknown_key("task", name, key, &[SHARED, OWN])),
                    None => {
                        let names: Vec<String> = several.iter().map(|(name, _, _)| format!("`{name}`")).collect();
                        let place = several.get(1).map_or(&node.origin, |(_, key, _)| &key.origin);
                        let message = format!("a task has one module, found {}", names.join(" and "));
                        Err(Diagnostic::error(Some(place.clone()), message))
                    }
                }
            }
        }
    }
}

/// `action: copy src=a dest=b`, or `action: {module: copy, src: a}`.
fn action(node: &Node) -> Result<(String, Origin, Args), Diagnostic> {
    if let NodeData::Map(pairs) = &node.data {
        let mut name = None;
        let mut rest = Vec::new();
        for (key, value) in pairs {
            let text = key_text(key)?;
            if text == "module" {
                name = value.to_value().as_str().map(str::to_owned);
            } else {
                rest.push((text, Written { value: value.to_value(), origin: key.origin.clone() }));
            }
        }
        let missing = || Diagnostic::error(Some(node.origin.clone()), "action needs the key `module`");
        return Ok((name.ok_or_else(missing)?, node.origin.clone(), Args { pairs: rest, dynamic: None }));
    }
    let value = node.to_value();
    let Some(text) = value.as_str() else {
        return Err(Diagnostic::error(Some(node.origin.clone()), "action must be text or a mapping"));
    };
    let (name, rest) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
    let rest = Node {
        data: NodeData::Scalar {
            text: rest.to_owned(),
            value: Value::written(rest, Some(node.origin.clone())),
            plain: false,
            tag: None,
        },
        origin: node.origin.clone(),
        length: node.length,
    };
    Ok((name.to_owned(), node.origin.clone(), args::read(name, &rest)?))
}

fn loop_control(node: &Node) -> Result<LoopControl, Diagnostic> {
    let NodeData::Map(pairs) = &node.data else {
        return Err(Diagnostic::error(Some(node.origin.clone()), "loop_control must be a mapping"));
    };
    let mut control = LoopControl::default();
    for (key, value) in pairs {
        match key_text(key)?.as_str() {
            "loop_var" => control.variable = Some(identifier(value)?),
            "index_var" => control.index = Some(identifier(value)?),
            "label" => control.label = Some(value.to_value()),
            "pause" => control.pause = Some(value.to_value()),
            "extended" => control.extended = Some(written(value)),
            "extended_allitems" => control.extended_allitems = Some(written(value)),
            "break_when" => control.break_when = Some(written(value)),
            other => return Err(unknown_key("loop_control", other, key, &[LOOP_CONTROL])),
        }
    }
    Ok(control)
}

/// The name of a variable.
fn identifier(node: &Node) -> Result<String, Diagnostic> {
    let value = node.to_value();
    let text = value.as_str().unwrap_or_default();
    let mut letters = text.chars();
    let valid = letters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_alphanumeric() || letter == '_');
    // A template is allowed: roles name their registers that way.
    if valid || matches!(value, Value::Template(_)) {
        Ok(text.to_owned())
    } else {
        Err(Diagnostic::error(Some(node.origin.clone()), format!("`{text}` cannot name a variable"))
            .length(node.length)
            .help("letters, digits and _, not beginning with a digit"))
    }
}

/// A play with one task, for `exec`.
pub fn ad_hoc(pattern: &str, module: &str, arguments: &str) -> Result<super::types::Play, Diagnostic> {
    let file: Arc<Path> = Path::new("<command line>").into();
    let origin = Origin { file: Arc::clone(&file), line: 1, column: 1 };
    let scalar = |text: &str| Node {
        data: NodeData::Scalar {
            text: text.to_owned(),
            value: Value::written(text, Some(origin.clone())),
            plain: false,
            tag: None,
        },
        origin: origin.clone(),
        length: 0,
    };
    let mapping =
        Node { data: NodeData::Map(vec![(scalar(module), scalar(arguments))]), origin: origin.clone(), length: 0 };
    let mut errors = Vec::new();
    let task = read(&mapping, &file, None, &mut errors);
    match (task, errors.pop()) {
        (Some(task), None) => Ok(super::play::with_task(pattern, task, &mapping, &file)),
        (_, Some(error)) => Err(error),
        (None, None) => Err(Diagnostic::error(Some(origin), "no task")),
    }
}
