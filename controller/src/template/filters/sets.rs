//! Filters that treat lists as sets; order is that of first appearance.

use super::select::path_value;
use super::table::{Filter, flag, of, required};
use crate::template::error::Outcome;
use crate::template::interpreter::Interpreter;
use crate::template::ops::Seen;
use crate::template::val::{Args, Val};

pub(super) const FILTERS: &[(&str, Filter)] = &[
    ("unique", of(unique)),
    ("union", of(union)),
    ("intersect", of(intersect)),
    ("difference", of(difference)),
    ("symmetric_difference", of(symmetric)),
];

fn unique(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [case, attribute] = args.bind(["case_sensitive", "attribute"])?;
    let case = flag(case.filter(|case| !matches!(case, Val::Null)), false)?;
    let mut seen = Seen::default();
    let mut out = Vec::new();
    for item in interpreter.items(&value)? {
        let key = match &attribute {
            None | Some(Val::Null) => item.clone(),
            Some(attribute) => path_value(interpreter, &item, attribute)?,
        };
        if seen.insert(interpreter, &super::lists::folded(key, case))? {
            out.push(item);
        }
    }
    Ok(Val::list(out))
}

fn other(interpreter: &Interpreter<'_>, args: Args) -> Outcome<Vec<Val>> {
    let [other] = args.bind(["b"])?;
    interpreter.items(&required(other, "b")?)
}

/// Items of the first lists that pass, each once.
fn keep(interpreter: &Interpreter<'_>, items: Vec<Val>, mut pass: impl FnMut(&Val) -> Outcome<bool>) -> Outcome<Val> {
    let mut seen = Seen::default();
    let mut out = Vec::new();
    for item in items {
        if pass(&item)? && seen.insert(interpreter, &item)? {
            out.push(item);
        }
    }
    Ok(Val::list(out))
}

fn union(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let mut items = interpreter.items(&value)?;
    items.extend(other(interpreter, args)?);
    keep(interpreter, items, |_| Ok(true))
}

fn intersect(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let items = interpreter.items(&value)?;
    let others = Seen::of(interpreter, &other(interpreter, args)?)?;
    keep(interpreter, items, |item| others.has(interpreter, item))
}

fn difference(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let items = interpreter.items(&value)?;
    let others = Seen::of(interpreter, &other(interpreter, args)?)?;
    keep(interpreter, items, |item| Ok(!others.has(interpreter, item)?))
}

fn symmetric(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let items = interpreter.items(&value)?;
    let others = other(interpreter, args)?;
    let (first, second) = (Seen::of(interpreter, &items)?, Seen::of(interpreter, &others)?);
    let both = items.into_iter().chain(others).collect();
    keep(interpreter, both, |item| Ok(first.has(interpreter, item)? != second.has(interpreter, item)?))
}
