//! Filters that apply filters and tests to the items of a list.

use super::table::{Filter, of, required};
use crate::template::error::{Fault, Outcome};
use crate::template::interpreter::Interpreter;
use crate::template::ops;
use crate::template::val::{Args, Val};

pub(super) const FILTERS: &[(&str, Filter)] = &[
    ("map", of(map)),
    ("select", of(|interpreter, value, args| pick(interpreter, &value, args, true, false))),
    ("reject", of(|interpreter, value, args| pick(interpreter, &value, args, false, false))),
    ("selectattr", of(|interpreter, value, args| pick(interpreter, &value, args, true, true))),
    ("rejectattr", of(|interpreter, value, args| pick(interpreter, &value, args, false, true))),
    ("groupby", of(groupby)),
    ("extract", of(extract)),
];

/// An attribute of an item by a dotted path; a number is an index.
pub(in crate::template) fn path_value(interpreter: &Interpreter<'_>, item: &Val, path: &Val) -> Outcome<Val> {
    let Val::Str(path) = path else {
        return interpreter.item(item, path);
    };
    let mut value = item.clone();
    for part in path.split('.') {
        let key = part.parse::<i128>().map_or_else(|_| Val::from(part), Val::Int);
        value = interpreter.item(&value, &key)?;
    }
    Ok(value)
}

fn map(interpreter: &Interpreter<'_>, value: Val, mut args: Args) -> Outcome<Val> {
    let items = interpreter.items(&value)?;
    if args.pos.is_empty() {
        let default = args.take("default");
        let attribute = required(args.take("attribute"), "attribute")?;
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            let found = path_value(interpreter, &item, &attribute)?;
            out.push(match &default {
                Some(default) if found.is_undefined() => default.clone(),
                _ => found,
            });
        }
        return Ok(Val::list(out));
    }
    let name = name(&args.pos.remove(0))?;
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        interpreter.step()?;
        out.push(interpreter.filter(&name, item, args.clone())?);
    }
    Ok(Val::list(out))
}

/// Name of a filter or test given as text.
fn name(value: &Val) -> Outcome<String> {
    let name = value.as_str().ok_or_else(|| Fault::new("name of a filter or test must be text"))?;
    Ok(name.strip_prefix("ansible.builtin.").unwrap_or(name).to_owned())
}

fn pick(interpreter: &Interpreter<'_>, value: &Val, mut args: Args, want: bool, by_attribute: bool) -> Outcome<Val> {
    let attribute = match (by_attribute, args.pos.is_empty()) {
        (true, true) => return Err(Fault::new("missing parameter for attribute name")),
        (true, false) => Some(args.pos.remove(0)),
        (false, _) => None,
    };
    let test = if args.pos.is_empty() { None } else { Some(name(&args.pos.remove(0))?) };
    let mut out = Vec::new();
    for item in interpreter.items(value)? {
        interpreter.step()?;
        let subject = match &attribute {
            Some(attribute) => path_value(interpreter, &item, attribute)?,
            None => item.clone(),
        };
        let passes = match &test {
            Some(test) => interpreter.test(test, subject, args.clone())?,
            None => subject.truth()?,
        };
        if passes == want {
            out.push(item);
        }
    }
    Ok(Val::list(out))
}

fn groupby(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [attribute, default, case] = args.bind(["attribute", "default", "case_sensitive"])?;
    let attribute = required(attribute, "attribute")?;
    let case = super::table::flag(case, false)?;
    let mut rows = Vec::new();
    for item in interpreter.items(&value)? {
        let mut key = path_value(interpreter, &item, &attribute)?;
        if let (true, Some(default)) = (key.is_undefined(), &default) {
            key = default.clone();
        }
        let key = key.defined()?;
        rows.push((super::lists::folded(key.clone(), case), key, item));
    }
    ops::sort_by(interpreter, &mut rows, |row| &row.0, false)?;
    let mut groups: Vec<(Val, Val, Vec<Val>)> = Vec::new();
    for (folded, key, item) in rows {
        match groups.last_mut() {
            Some((current, _, items)) if ops::equal(interpreter, current, &folded)? => items.push(item),
            _ => groups.push((folded, key, vec![item])),
        }
    }
    Ok(Val::list(groups.into_iter().map(|(_, key, items)| Val::tuple(vec![key, Val::list(items)])).collect()))
}

/// The item of a container that the subject names, and further into it.
fn extract(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [container, more] = args.bind(["container", "morekeys"])?;
    let mut found = interpreter.item(&required(container, "container")?, &value)?;
    match more {
        None | Some(Val::Null) => {}
        Some(keys) if keys.is_list() => {
            for key in interpreter.items(&keys)? {
                found = interpreter.item(&found, &key)?;
            }
        }
        Some(key) => found = interpreter.item(&found, &key)?,
    }
    Ok(found)
}
