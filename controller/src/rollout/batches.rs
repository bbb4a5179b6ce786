//! Which hosts a play takes, in which order, in which batches.

use super::run::{Run, text};
use super::{scope, vars_files};
use crate::plan::{PlannedPlay, percentage};
use crate::playbook::{Play, Written};
use crate::template::{Place, References, Scope};
use crate::yaml::{Diagnostic, Value};
use std::sync::{Arc, PoisonError};

/// Names that may mean something else once earlier plays are done, or whose value must not be asked for twice.
const OPEN: [&str; 6] = ["hostvars", "groups", "lookup", "query", "q", "ansible_limit"];

/// The variables of a play; where something is a template, those of its `vars_files` as well.
fn scope(run: &Arc<Run>, play: &Play) -> Result<Scope, Diagnostic> {
    let mut scope = scope::play(run, play);
    let templated = [&play.order, &play.max_fail_percentage].into_iter().flatten().chain(&play.serial);
    if !play.vars_files.is_empty() && templated.chain([&play.hosts]).any(|written| written.value.has_template()) {
        scope.push(Arc::new(vars_files::read(run, play, &scope, vars_files::Warns::Never)?));
        scope.push(Arc::clone(&run.options.extra));
    }
    Ok(scope)
}

fn render(run: &Arc<Run>, play: &Play, written: &Written) -> Result<Value, Diagnostic> {
    let place = Place { search: vec![run.base.clone()], base: Some(run.base.clone()) };
    run.engine
        .render(&written.value, &scope(run, play)?, &place)
        .map_err(|error| Diagnostic::error(Some(written.origin.clone()), error.to_string()))
}

/// What can be told of a play before anything is contacted: its hosts, where they do not depend on earlier plays or on
/// somebody's answer. What is wrong with its `hosts`, `order`, `serial` and `max_fail_percentage` is an error.
pub fn foretell(run: &Arc<Run>, planned: &PlannedPlay) -> Result<Option<Vec<String>>, Diagnostic> {
    let play = &planned.play;
    let scope = scope(run, play)?;
    let is_settled = |written: &Written| match run.engine.references_in(&written.value, &scope) {
        References::Names(names) => !names.iter().any(|name| {
            OPEN.contains(&name.as_ref()) || play.prompts.iter().any(|prompt| prompt.name.as_str() == name.as_ref())
        }),
        References::Unknown => false,
    };
    if !is_settled(&play.hosts) {
        return Ok(None);
    }
    let mut hosts = select(run, planned, false)?;
    if play.order.as_ref().is_none_or(is_settled) {
        order(run, play, &mut hosts)?;
    }
    if play.serial.iter().all(is_settled) {
        split(run, play, &hosts)?;
    }
    if play.max_fail_percentage.as_ref().is_none_or(is_settled) {
        max_fail(run, play)?;
    }
    Ok(Some(hosts))
}

/// The hosts of a play, limited and in order.
pub fn hosts(run: &Arc<Run>, planned: &PlannedPlay) -> Result<Vec<String>, Diagnostic> {
    let mut hosts = select(run, planned, true)?;
    order(run, &planned.play, &mut hosts)?;
    Ok(hosts)
}

fn select(run: &Arc<Run>, planned: &PlannedPlay, warns: bool) -> Result<Vec<String>, Diagnostic> {
    let play = &planned.play;
    let pattern = match render(run, play, &play.hosts)? {
        Value::List(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        value => text(&value),
    };
    let inventory = run.inventory.read().unwrap_or_else(PoisonError::into_inner);
    let place = |mut error: Diagnostic| {
        error.origin = error.origin.or_else(|| Some(play.hosts.origin.clone()));
        error
    };
    let selection = inventory.select(&pattern).map_err(place)?;
    for name in selection.unknown.iter().filter(|_| warns) {
        let near = inventory.nearest(name).map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default();
        run.warn(None, format!("the pattern `{name}` of {} matches no host or group{near}", play.hosts.origin));
    }
    let limited = match &run.options.limit {
        Some(limit) => inventory.limit(&selection.hosts, limit)?.hosts,
        None => selection.hosts,
    };
    Ok(limited.iter().map(ToString::to_string).collect())
}

fn order(run: &Arc<Run>, play: &Play, hosts: &mut [String]) -> Result<(), Diagnostic> {
    let Some(written) = &play.order else { return Ok(()) };
    match text(&render(run, play, written)?).as_str() {
        "inventory" | "" => {}
        "reverse_inventory" => hosts.reverse(),
        "sorted" => hosts.sort(),
        "reverse_sorted" => {
            hosts.sort();
            hosts.reverse();
        }
        "shuffle" => {
            use rand::seq::SliceRandom;
            hosts.shuffle(&mut rand::rng());
        }
        other => {
            return Err(Diagnostic::error(Some(written.origin.clone()), format!("there is no order `{other}`"))
                .help("one of inventory, reverse_inventory, sorted, reverse_sorted, shuffle"));
        }
    }
    Ok(())
}

/// The batches of `serial:`; one with all hosts when there is none.
pub fn split(run: &Arc<Run>, play: &Play, hosts: &[String]) -> Result<Vec<Vec<String>>, Diagnostic> {
    let mut sizes = Vec::new();
    for written in &play.serial {
        match render(run, play, written)? {
            Value::List(items) => {
                for item in items.iter() {
                    sizes.push(size(item, hosts.len(), written)?);
                }
            }
            value => sizes.push(size(&value, hosts.len(), written)?),
        }
    }
    let Some(last) = sizes.last().copied() else { return Ok(vec![hosts.to_vec()]) };
    let mut out = Vec::new();
    let mut rest = hosts;
    let mut sizes = sizes.into_iter();
    while !rest.is_empty() {
        let width = sizes.next().unwrap_or(last);
        let width = if width == 0 { rest.len() } else { width.min(rest.len()) };
        let (batch, others) = rest.split_at(width);
        out.push(batch.to_vec());
        rest = others;
    }
    Ok(out)
}

/// A batch's size: a number, or a share of the play's hosts rounded down but at least one. 0 means all.
fn size(value: &Value, hosts: usize, written: &Written) -> Result<usize, Diagnostic> {
    let words = text(value);
    let words = words.trim();
    let wrong = || {
        Diagnostic::error(Some(written.origin.clone()), format!("`{words}` is no batch size"))
            .help("a number of hosts, or a percentage such as \"10%\"")
    };
    match words.strip_suffix('%') {
        Some(share) => {
            let share: f64 = share.trim().parse().map_err(|_| wrong())?;
            if !(0.0..=100.0).contains(&share) {
                return Err(wrong());
            }
            Ok(((hosts as f64 * share / 100.0) as usize).max(1))
        }
        // Nothing and less mean all, as in Ansible.
        None => words.parse().map(|count: i64| usize::try_from(count).unwrap_or(0)).map_err(|_| wrong()),
    }
}

/// Whether so many lost hosts are more than the limit: exactly the limit is allowed.
pub fn is_over(limit: f64, lost: usize, hosts: usize) -> bool {
    lost as f64 * 100.0 > limit * hosts.max(1) as f64
}

/// `max_fail_percentage`, if the play has one. One that cannot be read is an error: it must never mean "no limit".
pub fn max_fail(run: &Arc<Run>, play: &Play) -> Result<Option<f64>, Diagnostic> {
    let Some(written) = &play.max_fail_percentage else { return Ok(None) };
    let value = render(run, play, written)?;
    if value == Value::Null {
        return Ok(None);
    }
    let words = text(&value);
    let wrong = || Diagnostic::error(Some(written.origin.clone()), format!("`{words}` is no percentage"));
    percentage(&words).map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_may_be_reached_but_not_passed() {
        assert!(!is_over(50.0, 1, 2));
        assert!(is_over(49.0, 1, 2));
        assert!(is_over(0.0, 1, 100));
        assert!(!is_over(0.0, 0, 100));
    }
}
