//! Tests that compare: equality, order, membership, regular expressions, sets.

use super::table::{Test, of};
use crate::template::error::{Fault, Outcome};
use crate::template::interpreter::Interpreter;
use crate::template::node::Cmp;
use crate::template::ops::{self, Seen};
use crate::template::regex::{self, Flags};
use crate::template::text;
use crate::template::val::{Args, Val};
use std::rc::Rc;
use std::sync::Arc;

pub(super) const TESTS: &[(&str, Test)] = &[
    ("eq", of(|interpreter, value, args| compare(interpreter, Cmp::Eq, &value, args))),
    ("==", of(|interpreter, value, args| compare(interpreter, Cmp::Eq, &value, args))),
    ("equalto", of(|interpreter, value, args| compare(interpreter, Cmp::Eq, &value, args))),
    ("ne", of(|interpreter, value, args| compare(interpreter, Cmp::Ne, &value, args))),
    ("!=", of(|interpreter, value, args| compare(interpreter, Cmp::Ne, &value, args))),
    ("gt", of(|interpreter, value, args| compare(interpreter, Cmp::Gt, &value, args))),
    (">", of(|interpreter, value, args| compare(interpreter, Cmp::Gt, &value, args))),
    ("greaterthan", of(|interpreter, value, args| compare(interpreter, Cmp::Gt, &value, args))),
    ("ge", of(|interpreter, value, args| compare(interpreter, Cmp::Ge, &value, args))),
    (">=", of(|interpreter, value, args| compare(interpreter, Cmp::Ge, &value, args))),
    ("lt", of(|interpreter, value, args| compare(interpreter, Cmp::Lt, &value, args))),
    ("<", of(|interpreter, value, args| compare(interpreter, Cmp::Lt, &value, args))),
    ("lessthan", of(|interpreter, value, args| compare(interpreter, Cmp::Lt, &value, args))),
    ("le", of(|interpreter, value, args| compare(interpreter, Cmp::Le, &value, args))),
    ("<=", of(|interpreter, value, args| compare(interpreter, Cmp::Le, &value, args))),
    ("in", of(|interpreter, value, args| compare(interpreter, Cmp::In, &value, args))),
    ("sameas", of(sameas)),
    ("contains", of(contains)),
    ("match", of(|interpreter, value, args| matches(interpreter, &value, args, "match"))),
    ("search", of(|interpreter, value, args| matches(interpreter, &value, args, "search"))),
    ("regex", of(|interpreter, value, args| matches(interpreter, &value, args, "regex"))),
    ("subset", of(|interpreter, value, args| within(interpreter, &value, args, false))),
    ("issubset", of(|interpreter, value, args| within(interpreter, &value, args, false))),
    ("superset", of(|interpreter, value, args| within(interpreter, &value, args, true))),
    ("issuperset", of(|interpreter, value, args| within(interpreter, &value, args, true))),
    ("all", of(|interpreter, value, _| every(interpreter, &value, true))),
    ("any", of(|interpreter, value, _| every(interpreter, &value, false).map(|none| !none))),
    ("nan", of(|_, value, _| Ok(matches!(value, Val::Float(number) if number.is_nan())))),
    ("isnan", of(|_, value, _| Ok(matches!(value, Val::Float(number) if number.is_nan())))),
];

fn argument(args: Args) -> Outcome<Val> {
    let [other] = args.bind(["other"])?;
    other.ok_or_else(|| Fault::new("missing argument"))
}

fn compare(interpreter: &Interpreter<'_>, op: Cmp, value: &Val, args: Args) -> Outcome<bool> {
    ops::compare(interpreter, op, value, &argument(args)?)
}

fn sameas(_: &Interpreter<'_>, value: Val, args: Args) -> Outcome<bool> {
    Ok(match (&value, &argument(args)?) {
        (Val::Null, Val::Null) => true,
        (Val::Bool(a), Val::Bool(b)) => a == b,
        (Val::Int(a), Val::Int(b)) => a == b,
        (Val::Float(a), Val::Float(b)) => a == b,
        (Val::Str(a), Val::Str(b)) => a == b,
        (Val::List(a), Val::List(b)) => Rc::ptr_eq(a, b),
        (Val::Map(a), Val::Map(b)) => Rc::ptr_eq(a, b),
        (Val::DataList(a, _), Val::DataList(b, _)) => Arc::ptr_eq(a, b),
        (Val::DataMap(a, _), Val::DataMap(b, _)) => Arc::ptr_eq(a, b),
        _ => false,
    })
}

fn contains(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<bool> {
    ops::contains(interpreter, &value, &argument(args)?)
}

fn matches(interpreter: &Interpreter<'_>, value: &Val, args: Args, kind: &str) -> Outcome<bool> {
    let [pattern, ignore_case, multiline, how] = args.bind(["pattern", "ignorecase", "multiline", "match_type"])?;
    let flag = |value: Option<Val>| value.map_or(Ok(false), |value| value.truth());
    let pattern = text::string(interpreter, &pattern.ok_or_else(|| Fault::new("missing argument 'pattern'"))?)?;
    let how = how.as_ref().and_then(Val::as_str).unwrap_or(if kind == "match" { "match" } else { "search" }).to_owned();
    let flags = Flags {
        ignore_case: flag(ignore_case)?,
        multiline: flag(multiline)?,
        at_start: how == "match",
        whole: how == "fullmatch",
    };
    let Val::Str(text) = value else {
        return Err(Fault::new(format!("expected text, got {}", value.type_name())));
    };
    let regex = regex::compile(&pattern, flags)?;
    regex.is_match(&**text).map_err(|error| Fault::new(error.to_string()))
}

fn within(interpreter: &Interpreter<'_>, value: &Val, args: Args, swapped: bool) -> Outcome<bool> {
    let other = argument(args)?;
    let (small, large) = if swapped { (&other, value) } else { (value, &other) };
    let large = Seen::of(interpreter, &interpreter.items(large)?)?;
    for item in interpreter.items(small)? {
        if !large.has(interpreter, &item)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn every(interpreter: &Interpreter<'_>, value: &Val, want: bool) -> Outcome<bool> {
    for item in interpreter.items(value)? {
        if item.truth()? != want {
            return Ok(false);
        }
    }
    Ok(true)
}
