//! Tests of what a task returned.

use super::table::{Test, of};
use crate::template::error::{Fault, Outcome};
use crate::template::interpreter::Interpreter;
use crate::template::val::Val;
use crate::yaml::Key;

pub(super) const TESTS: &[(&str, Test)] = &[
    ("failed", of(|i, value, _| set(i, &value, "failed"))),
    ("failure", of(|i, value, _| set(i, &value, "failed"))),
    ("success", of(|i, value, _| Ok(!set(i, &value, "failed")?))),
    ("succeeded", of(|i, value, _| Ok(!set(i, &value, "failed")?))),
    ("successful", of(|i, value, _| Ok(!set(i, &value, "failed")?))),
    ("changed", of(|i, value, _| changed(i, &value))),
    ("change", of(|i, value, _| changed(i, &value))),
    ("skipped", of(|i, value, _| set(i, &value, "skipped"))),
    ("skip", of(|i, value, _| set(i, &value, "skipped"))),
    ("unreachable", of(|i, value, _| set(i, &value, "unreachable"))),
    ("reachable", of(|i, value, _| Ok(!set(i, &value, "unreachable")?))),
    ("timedout", of(timedout)),
    ("started", of(|i, value, _| job(i, &value, "started"))),
    ("finished", of(|i, value, _| job(i, &value, "finished"))),
];

fn of_result(value: &Val, name: &str) -> Outcome<()> {
    if value.is_map() { Ok(()) } else { Err(Fault::new(format!("the '{name}' test expects a dictionary"))) }
}

fn set(interpreter: &Interpreter<'_>, value: &Val, name: &str) -> Outcome<bool> {
    of_result(value, name)?;
    interpreter.map_get(value, &Key::from(name))?.map_or(Ok(false), |value| value.truth())
}

/// Changed itself, or one of its items is.
fn changed(interpreter: &Interpreter<'_>, value: &Val) -> Outcome<bool> {
    of_result(value, "changed")?;
    if interpreter.map_get(value, &Key::from("changed"))?.is_some() {
        return set(interpreter, value, "changed");
    }
    if let Some(results) = interpreter.map_get(value, &Key::from("results"))? {
        for result in interpreter.items(&results)? {
            if result.is_map() && set(interpreter, &result, "changed")? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn timedout(interpreter: &Interpreter<'_>, value: Val, _: crate::template::val::Args) -> Outcome<bool> {
    of_result(&value, "timedout")?;
    match interpreter.map_get(&value, &Key::from("timedout"))? {
        Some(found) if found.is_map() => {
            interpreter.map_get(&found, &Key::from("period"))?.map_or(Ok(false), |period| period.truth())
        }
        _ => Ok(false),
    }
}

/// A result without the mark is not of a background job: it has started and finished.
fn job(interpreter: &Interpreter<'_>, value: &Val, name: &str) -> Outcome<bool> {
    of_result(value, name)?;
    interpreter.map_get(value, &Key::from(name))?.map_or(Ok(true), |value| value.truth())
}
