//! What can be known to be wrong without a host: templates that do not parse, unknown filters, parameters.

use crate::catalog::{self, Entry};
use crate::playbook::{Keywords, Play, Task, Written};
use crate::template::Engine;
use crate::yaml::{Diagnostic, Value};

/// Templates of a play's own keys.
pub(super) fn play(engine: &Engine, play: &Play, errors: &mut Vec<Diagnostic>) {
    keywords(engine, &play.keywords, errors);
    for written in play.name.iter().chain([&play.hosts]).chain(&play.serial).chain(&play.vars_files) {
        value(engine, &written.value, errors);
    }
}

/// Templates and conditions of keywords.
pub(super) fn keywords(engine: &Engine, keywords: &Keywords, errors: &mut Vec<Diagnostic>) {
    for condition in &keywords.when {
        expression(engine, condition, errors);
    }
    for map in &keywords.vars {
        for variable in map.values() {
            value(engine, variable, errors);
        }
    }
    let single = [
        &keywords.r#become,
        &keywords.become_user,
        &keywords.become_method,
        &keywords.become_flags,
        &keywords.check_mode,
        &keywords.diff,
        &keywords.ignore_errors,
        &keywords.no_log,
        &keywords.delegate_to,
        &keywords.run_once,
        &keywords.remote_user,
        &keywords.timeout,
        &keywords.throttle,
    ];
    for written in single.into_iter().flatten().chain(&keywords.environment).chain(&keywords.module_defaults) {
        value(engine, &written.value, errors);
    }
}

/// Templates and conditions of a task.
pub(super) fn task(engine: &Engine, task: &Task, errors: &mut Vec<Diagnostic>) {
    keywords(engine, &task.keywords, errors);
    for condition in [&task.changed_when, &task.failed_when, &task.until].into_iter().flatten() {
        expression(engine, condition, errors);
    }
    let values = task.name.iter().chain(&task.notify).chain(&task.retries).chain(&task.delay).chain(&task.revert);
    let values = values.chain(&task.apart).chain(&task.poll);
    for written in values.chain(task.args.pairs.iter().map(|(_, written)| written)).chain(&task.args.dynamic) {
        value(engine, &written.value, errors);
    }
    if let Some(looped) = &task.looped {
        if let Some(name) = &looped.lookup {
            // What is wrong with the name shows in an expression that uses it.
            for error in engine.check_expression(&format!("lookup('{name}')"), None) {
                let place = Some(looped.items.origin.clone());
                let found = Diagnostic::error(place, format!("there is no loop `with_{name}`: {}", error.message));
                errors.push(Diagnostic { help: error.help, ..found });
            }
        }
        value(engine, &looped.items.value, errors);
        looped.control.label.iter().for_each(|label| value(engine, label, errors));
    }
}

fn value(engine: &Engine, value: &Value, errors: &mut Vec<Diagnostic>) {
    if value.has_template() {
        errors.extend(engine.check(value));
    }
}

fn expression(engine: &Engine, written: &Written, errors: &mut Vec<Diagnostic>) {
    errors.extend(engine.check_condition(&written.value, Some(&written.origin)));
}

/// Names and constant values of parameters.
pub(super) fn params(entry: &'static Entry, task: &Task, keywords: &Keywords, errors: &mut Vec<Diagnostic>) {
    // What a template or the module's defaults will add is not known yet.
    let open = task.args.dynamic.is_some() || !keywords.module_defaults.is_empty();
    let given: Vec<(&str, &Written)> = task
        .args
        .pairs
        .iter()
        .filter(|(name, _)| name != "_raw_params" && !name.contains("{{"))
        .map(|(name, written)| (name.as_str(), written))
        .collect();
    let raw = task.args.get("_raw_params").is_some();
    for error in catalog::check(entry, given.iter().map(|(name, written)| (*name, &written.value))) {
        if error.param.is_none() && (open || raw) {
            continue;
        }
        let place = error
            .param
            .as_ref()
            .and_then(|param| given.iter().find(|(name, _)| name == param).map(|(_, written)| written.origin.clone()));
        let mut diagnostic =
            Diagnostic::error(Some(place.unwrap_or_else(|| task.module_origin.clone())), error.message);
        diagnostic.length = error.param.map_or(0, |param| param.chars().count());
        diagnostic.help = error.help;
        errors.push(diagnostic);
    }
}
