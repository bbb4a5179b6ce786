//! Lookups that arrange lists: what `with_items`, `with_dict`, `with_nested` and the like loop over.

use super::call::{Call, Lookup};
use crate::template::error::{Fault, Outcome};
use crate::template::filters::{below, cross, each_subelement, rows_of};
use crate::template::interpreter::Interpreter;
use crate::template::val::Val;
use crate::yaml::Key;

pub(super) const LOOKUPS: &[(&str, Lookup)] = &[
    ("items", items),
    ("list", |_, call| Ok(call.terms)),
    ("dict", dict),
    ("together", together),
    ("nested", nested),
    ("cartesian", nested),
    ("flattened", flattened),
    ("indexed_items", indexed_items),
    ("subelements", subelements),
    ("random_choice", random_choice),
];

/// One level of lists opened.
fn opened(interpreter: &Interpreter<'_>, terms: &[Val]) -> Outcome<Vec<Val>> {
    let mut out = Vec::new();
    for term in terms {
        if term.is_list() || matches!(term, Val::Range { .. }) {
            out.extend(interpreter.items(term)?);
        } else {
            out.push(term.clone());
        }
    }
    Ok(out)
}

fn items(interpreter: &Interpreter<'_>, call: Call) -> Outcome<Vec<Val>> {
    opened(interpreter, &call.terms)
}

fn dict(interpreter: &Interpreter<'_>, call: Call) -> Outcome<Vec<Val>> {
    let mut out = Vec::new();
    for term in opened(interpreter, &call.terms)? {
        if !term.is_map() {
            return Err(Fault::new(format!("expected a dictionary, got {}", term.type_name())));
        }
        for (key, value) in interpreter.entries(&term)? {
            let pair = [(Key::from("key"), Val::of_key(&key)), (Key::from("value"), value)];
            out.push(Val::map(pair.into_iter().collect()));
        }
    }
    Ok(out)
}

fn columns(interpreter: &Interpreter<'_>, terms: &[Val]) -> Outcome<Vec<Vec<Val>>> {
    terms
        .iter()
        .map(|term| {
            if term.is_list() || matches!(term, Val::Range { .. }) {
                interpreter.items(term)
            } else {
                Ok(vec![term.clone()])
            }
        })
        .collect()
}

fn together(interpreter: &Interpreter<'_>, call: Call) -> Outcome<Vec<Val>> {
    let columns = columns(interpreter, &call.terms)?;
    if columns.is_empty() {
        return Err(Fault::new("with_together requires at least one element in each list"));
    }
    let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
    interpreter.items(&rows_of(&columns, rows, &Val::Null))
}

fn nested(interpreter: &Interpreter<'_>, call: Call) -> Outcome<Vec<Val>> {
    let columns = columns(interpreter, &call.terms)?;
    if columns.is_empty() {
        return Err(Fault::new("with_nested requires at least one element in the nested list"));
    }
    // A row that is itself a row of an inner nesting is opened.
    let mut out = Vec::new();
    for row in cross(&columns)? {
        out.push(Val::list(opened(interpreter, &row)?));
    }
    Ok(out)
}

fn flattened(interpreter: &Interpreter<'_>, call: Call) -> Outcome<Vec<Val>> {
    fn into(interpreter: &Interpreter<'_>, items: &[Val], out: &mut Vec<Val>) -> Outcome<()> {
        for item in items {
            match item {
                Val::Null => {}
                Val::Str(text) if matches!(&**text, "None" | "null") => {}
                list if list.is_list() => {
                    let inner = interpreter.items(list)?;
                    interpreter.enter(|| into(interpreter, &inner, out))?;
                }
                other => out.push(other.clone()),
            }
        }
        Ok(())
    }
    let mut out = Vec::new();
    into(interpreter, &call.terms, &mut out)?;
    Ok(out)
}

fn indexed_items(interpreter: &Interpreter<'_>, call: Call) -> Outcome<Vec<Val>> {
    let items = opened(interpreter, &call.terms)?;
    Ok(items.into_iter().enumerate().map(|(index, item)| Val::tuple(vec![Val::int(index), item])).collect())
}

fn subelements(interpreter: &Interpreter<'_>, call: Call) -> Outcome<Vec<Val>> {
    let [list, path, rest @ ..] = call.terms.as_slice() else {
        return Err(Fault::new("subelements lookup expects a list of two or three items"));
    };
    let skip = match rest.first() {
        Some(options) if options.is_map() => interpreter
            .map_get(options, &Key::from("skip_missing"))?
            .map(|skip| skip.truth())
            .transpose()?
            .unwrap_or(false),
        _ => false,
    };
    let steps: Vec<Key> = match path {
        Val::Str(path) => path.split('.').map(Key::from).collect(),
        path => interpreter.items(path)?.iter().map(Val::to_key).collect::<Outcome<_>>()?,
    };
    let mut out = Vec::new();
    for pair in each_subelement(interpreter, list, path, skip)? {
        let mut parts = interpreter.items(&pair)?;
        if let Some(outer) = parts.first_mut() {
            *outer = without(interpreter, outer, &steps)?;
        }
        out.push(Val::tuple(parts));
    }
    Ok(out)
}

/// A mapping without what a path leads to: as Ansible, the lookup takes the list out of the item it stands in.
fn without(interpreter: &Interpreter<'_>, value: &Val, path: &[Key]) -> Outcome<Val> {
    let [step, rest @ ..] = path else { return Ok(value.clone()) };
    if !value.is_map() {
        return Ok(value.clone());
    }
    let mut entries = interpreter.entries(value)?;
    if rest.is_empty() {
        entries.shift_remove(step);
    } else if let Some(inner) = entries.get_mut(step) {
        *inner = without(interpreter, inner, rest)?;
    }
    Ok(Val::map(entries))
}

fn random_choice(interpreter: &Interpreter<'_>, call: Call) -> Outcome<Vec<Val>> {
    let items = opened(interpreter, &call.terms)?;
    Ok(items.get(below(items.len())).cloned().into_iter().collect())
}
