//! Names that are always there: `range`, `lookup`, `now`, `namespace`, `omit`, …

use super::OMIT;
use super::error::{Fault, Outcome};
use super::interpreter::Interpreter;
use super::lookups;
use super::macros::{Cycler, Namespace, function};
use super::methods;
use super::ops;
use super::val::{Args, Entries, Home, Val};
use crate::yaml::Key;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Names of the globals.
pub(super) const NAMES: &[&str] = &[
    "range",
    "dict",
    "lipsum",
    "cycler",
    "joiner",
    "namespace",
    "lookup",
    "query",
    "q",
    "now",
    "undef",
    "omit",
    "vars",
    "super",
    "caller",
    "varargs",
    "kwargs",
    "loop",
    "self",
    "true",
    "false",
    "none",
];

/// The value of a global name.
pub(super) fn find(name: &str, home: &Home) -> Option<Val> {
    Some(match name {
        "omit" => Val::from(OMIT),
        "vars" => Val::Scope(Rc::clone(home)),
        "range" => function("type", range),
        "dict" => function("type", dict),
        "namespace" => function("type", |interpreter, args| {
            let names = dict_entries(interpreter, args)?;
            Ok(Val::Func(Rc::new(Namespace { names: RefCell::new(names) })))
        }),
        "cycler" => function("type", |_, args: Args| {
            Ok(Val::Func(Rc::new(Cycler { items: args.pos, at: Rc::new(Cell::new(0)) })))
        }),
        "joiner" => function("type", |_, args: Args| {
            let [separator] = args.bind(["sep"])?;
            let separator = separator.unwrap_or_else(|| Val::from(", "));
            let used = Cell::new(false);
            Ok(function("Joiner", move |_, _| Ok(if used.replace(true) { separator.clone() } else { Val::from("") })))
        }),
        "lookup" => function("function", |interpreter, args| lookups::lookup(interpreter, args, false)),
        "query" | "q" => function("function", |interpreter, args| lookups::lookup(interpreter, args, true)),
        "now" => function("function", now),
        "undef" => function("function", |_, args: Args| {
            let [hint] = args.bind(["hint"])?;
            Ok(Val::undefined(hint.as_ref().and_then(Val::as_str).unwrap_or("undef() was called")))
        }),
        "lipsum" => function("function", |_, _| Ok(Val::from(LIPSUM))),
        _ => return None,
    })
}

const LIPSUM: &str =
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore.";

fn range(_: &Interpreter<'_>, args: Args) -> Outcome<Val> {
    let mut numbers = Vec::with_capacity(3);
    for arg in &args.pos {
        let arg = arg.clone().defined()?;
        numbers.push(
            ops::as_int(&arg).ok_or_else(|| {
                Fault::new(format!("'{}' object cannot be interpreted as an integer", arg.type_name()))
            })?,
        );
    }
    let (start, stop, step) = match numbers.as_slice() {
        [stop] => (0, *stop, 1),
        [start, stop] => (*start, *stop, 1),
        [_, _, 0] => return Err(Fault::new("range() arg 3 must not be zero")),
        [start, stop, step] => (*start, *stop, *step),
        other => return Err(Fault::new(format!("range expected 1 to 3 arguments, got {}", other.len()))),
    };
    Ok(Val::Range { start, stop, step })
}

fn dict_entries(interpreter: &Interpreter<'_>, args: Args) -> Outcome<Entries> {
    let mut out = Entries::new();
    for given in &args.pos {
        out.extend(if given.is_map() { interpreter.entries(given)? } else { methods::pairs(interpreter, given)? });
    }
    out.extend(args.named.into_iter().map(|(name, value)| (Key::Str(name), value)));
    Ok(out)
}

fn dict(interpreter: &Interpreter<'_>, args: Args) -> Outcome<Val> {
    dict_entries(interpreter, args).map(Val::map)
}

fn now(_: &Interpreter<'_>, args: Args) -> Outcome<Val> {
    let [utc, format] = args.bind(["utc", "fmt"])?;
    let now = jiff::Zoned::now();
    let now = if utc.map(|utc| utc.truth()).transpose()?.unwrap_or(false) {
        now.with_time_zone(jiff::tz::TimeZone::UTC)
    } else {
        now
    };
    match format {
        Some(Val::Str(format)) if !format.is_empty() => super::dates::strftime(&format, &now).map(Val::from),
        _ => Ok(Val::Date(now.datetime())),
    }
}
