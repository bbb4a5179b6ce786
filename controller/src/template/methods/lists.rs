//! Methods of lists.

use super::arguments::int_arg;
use crate::template::access::LARGEST;
use crate::template::error::{Fault, Outcome};
use crate::template::interpreter::Interpreter;
use crate::template::val::{Args, Val};
use crate::template::{ops, text};

pub(super) const NAMES: &[&str] =
    &["append", "extend", "insert", "pop", "remove", "index", "count", "copy", "clear", "reverse", "sort"];
pub(super) const OF_TUPLE: &[&str] = &["index", "count"];

/// Calls a method of a list.
pub(super) fn call(interpreter: &Interpreter<'_>, of: &Val, name: &str, args: Args) -> Outcome<Val> {
    match name {
        "index" | "count" => {
            let [what] = args.bind(["value"])?;
            let what = what.unwrap_or(Val::Null);
            let mut count = 0;
            for (index, item) in interpreter.items(of)?.iter().enumerate() {
                if ops::equal(interpreter, item, &what)? {
                    if name == "index" {
                        return Ok(Val::int(index));
                    }
                    count += 1;
                }
            }
            return if name == "count" {
                Ok(Val::int(count))
            } else {
                Err(Fault::new(format!("{} is not in list", text::repr(interpreter, &what)?)))
            };
        }
        "copy" => return Ok(Val::list(interpreter.items(of)?)),
        _ => {}
    }
    let Val::List(items) = of else {
        return Err(Fault::new(format!("cannot {name} in place: the list belongs to a variable; use `list + [item]`")));
    };
    match name {
        "append" => {
            let [value] = args.bind(["object"])?;
            let value = value.unwrap_or(Val::Null);
            interpreter.step()?;
            items.borrow_mut().push(value);
        }
        "extend" => {
            let [more] = args.bind(["iterable"])?;
            let more = interpreter.items(&more.unwrap_or(Val::Null))?;
            if items.borrow().len() + more.len() > usize::try_from(LARGEST).unwrap_or(usize::MAX) {
                return Err(Fault::new("list grows too large"));
            }
            items.borrow_mut().extend(more);
        }
        "insert" => {
            let [at, value] = args.bind(["index", "object"])?;
            let at = int_arg(at, 0)?;
            let mut items = items.borrow_mut();
            let len = i128::try_from(items.len()).unwrap_or(i128::MAX);
            let at = if at < 0 { (at + len).max(0) } else { at.min(len) };
            items.insert(usize::try_from(at).unwrap_or(0), value.unwrap_or(Val::Null));
        }
        "pop" => {
            let [at] = args.bind(["index"])?;
            let mut items = items.borrow_mut();
            let len = i128::try_from(items.len()).unwrap_or(i128::MAX);
            let at = int_arg(at, -1)?;
            let at = usize::try_from(if at < 0 { at + len } else { at }).unwrap_or(usize::MAX);
            if at >= items.len() {
                return Err(Fault::new("pop index out of range"));
            }
            let taken = items.remove(at);
            drop(items);
            return interpreter.force(taken);
        }
        "remove" => {
            let [what] = args.bind(["value"])?;
            let what = what.unwrap_or(Val::Null);
            let all = interpreter.items(of)?;
            for (index, item) in all.iter().enumerate() {
                if ops::equal(interpreter, item, &what)? {
                    items.borrow_mut().remove(index);
                    return Ok(Val::Null);
                }
            }
            return Err(Fault::new("list.remove(x): x not in list"));
        }
        "clear" => items.borrow_mut().clear(),
        "reverse" => items.borrow_mut().reverse(),
        "sort" => {
            let [reverse] = args.bind(["reverse"])?;
            let reverse = reverse.map(|reverse| reverse.truth()).transpose()?.unwrap_or(false);
            let mut sorted = interpreter.items(of)?;
            ops::sort_by(interpreter, &mut sorted, |item| item, reverse)?;
            *items.borrow_mut() = sorted;
        }
        other => return Err(Fault::new(format!("'list' object has no method '{other}'"))),
    }
    Ok(Val::Null)
}
