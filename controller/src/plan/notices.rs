//! `notify` of a handler that does not exist: known before there is any host where every name is written out.

use super::types::{PlannedPlay, PlannedStep, PlannedTask};
use crate::yaml::{Diagnostic, Value, nearest};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A warning for each name nobody listens to: it is an error once a task that changed something says it. Nothing is said
/// where an include or a template may still bring the handler in.
pub fn missing_handlers(play: &PlannedPlay) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    let mut tasks: Vec<&Arc<PlannedTask>> = Vec::new();
    play.sections.iter().flat_map(|section| &section.steps).for_each(|step: &PlannedStep| step.tasks(&mut tasks));
    tasks.extend(&play.handlers);
    let is_open = |task: &PlannedTask| task.task.import.is_some();
    let is_template = |task: &PlannedTask| task.task.name.as_ref().is_some_and(|name| name.value.has_template());
    if tasks.iter().any(|task| is_open(task)) || play.handlers.iter().any(|handler| is_template(handler)) {
        return warnings;
    }
    let mut names = BTreeSet::new();
    for handler in &play.handlers {
        let bare = handler.bare_name();
        if let Some(role) = &handler.task.role {
            // A collection's role answers by its last part, too.
            names.insert(format!("{} : {bare}", role.name.rsplit('.').next().unwrap_or(&role.name)));
        }
        names.insert(handler.full_name(&bare));
        if handler.task.name.is_some() {
            names.insert(bare);
        }
        names.extend(handler.task.listen.iter().cloned());
    }
    if names.iter().any(|name| name.contains("{{")) {
        return warnings;
    }
    let mut told = Vec::new();
    for written in tasks.iter().flat_map(|task| &task.task.notify) {
        let items: Vec<&Value> = match &written.value {
            Value::List(items) => items.iter().collect(),
            value => vec![value],
        };
        for text in items.into_iter().filter_map(|item| match item {
            Value::Str(text) => Some(text),
            _ => None,
        }) {
            // Tasks of one block, or of a role that is used twice, say the same at the same place.
            if names.contains(&**text) || told.contains(&(text, &written.origin)) {
                continue;
            }
            told.push((text, &written.origin));
            let message = format!("there is no handler `{text}` in this play");
            let warning = Diagnostic::warning(Some(written.origin.clone()), message);
            warnings.push(match nearest(text, names.iter().map(String::as_str)) {
                Some(near) => warning.help(format!("did you mean `{near}`?")),
                None => warning,
            });
        }
    }
    warnings
}
