//! Tests of what a value is.

use super::table::{Test, of, of_any};
use crate::template::error::{Fault, Outcome};
use crate::template::interpreter::Interpreter;
use crate::template::val::{Args, Val};
use crate::template::{filters, ops};

pub(super) const TESTS: &[(&str, Test)] = &[
    ("defined", of_any(|_, value, _| Ok(!value.is_undefined()))),
    ("undefined", of_any(|_, value, _| Ok(value.is_undefined()))),
    ("none", of(|_, value, _| Ok(matches!(value, Val::Null)))),
    ("string", of(|_, value, _| Ok(matches!(value, Val::Str(_))))),
    ("number", of(|_, value, _| Ok(matches!(value, Val::Int(_) | Val::Float(_) | Val::Bool(_))))),
    ("integer", of(|_, value, _| Ok(matches!(value, Val::Int(_))))),
    ("float", of(|_, value, _| Ok(matches!(value, Val::Float(_))))),
    ("boolean", of(|_, value, _| Ok(matches!(value, Val::Bool(_))))),
    ("true", of(|_, value, _| Ok(matches!(value, Val::Bool(true))))),
    ("false", of(|_, value, _| Ok(matches!(value, Val::Bool(false))))),
    ("mapping", of(|_, value, _| Ok(value.is_map()))),
    ("sequence", of(|_, value, _| Ok(is_iterable(&value)))),
    ("iterable", of(|_, value, _| Ok(is_iterable(&value)))),
    ("callable", of(|_, value, _| Ok(matches!(&value, Val::Func(func) if func.callable())))),
    ("truthy", of(|_, value, args| truthy(&value, args))),
    ("falsy", of(|_, value, args| truthy(&value, args).map(|truth| !truth))),
    ("odd", of(|_, value, _| Ok(whole(&value)?.rem_euclid(2) == 1))),
    ("even", of(|_, value, _| Ok(whole(&value)?.rem_euclid(2) == 0))),
    ("divisibleby", of(divisible)),
    ("lower", of(|interpreter, value, _| cased(interpreter, &value, false))),
    ("upper", of(|interpreter, value, _| cased(interpreter, &value, true))),
    // As Ansible has it: anything that is not a name of a filter it knows is asked of the text.
    ("filter", of(|_, value, _| Ok(value.as_str().is_none_or(|name| filters::find(name).is_some())))),
    ("test", of(|_, value, _| Ok(value.as_str().is_none_or(|name| super::find(name).is_some())))),
    ("vault_encrypted", of(|_, _, _| Ok(false))),
    ("escaped", of(|_, _, _| Ok(false))),
];

fn is_iterable(value: &Val) -> bool {
    matches!(value, Val::Str(_) | Val::Range { .. }) || value.is_list() || value.is_map()
}

fn whole(value: &Val) -> Outcome<i128> {
    ops::as_int(value)
        .or(match value {
            Val::Float(number) if number.fract() == 0.0 => Some(*number as i128),
            _ => None,
        })
        .ok_or_else(|| Fault::new(format!("expected a whole number, got {}", value.type_name())))
}

fn divisible(_: &Interpreter<'_>, value: Val, args: Args) -> Outcome<bool> {
    let [by] = args.bind(["num"])?;
    let by = whole(&by.unwrap_or(Val::Null))?;
    if by == 0 { Err(Fault::new("integer modulo by zero")) } else { Ok(whole(&value)?.checked_rem(by) == Some(0)) }
}

fn cased(interpreter: &Interpreter<'_>, value: &Val, upper: bool) -> Outcome<bool> {
    let text = crate::template::text::string(interpreter, value)?;
    let (wanted, other): (fn(char) -> bool, fn(char) -> bool) =
        if upper { (char::is_uppercase, char::is_lowercase) } else { (char::is_lowercase, char::is_uppercase) };
    Ok(text.chars().any(wanted) && !text.chars().any(other))
}

fn truthy(value: &Val, args: Args) -> Outcome<bool> {
    let [convert] = args.bind(["convert_bool"])?;
    if convert.map(|convert| convert.truth()).transpose()?.unwrap_or(false)
        && let Val::Str(text) = value
    {
        match text.to_lowercase().as_str() {
            "yes" | "on" | "1" | "true" | "y" | "t" => return Ok(true),
            "no" | "off" | "0" | "false" | "n" | "f" => return Ok(false),
            _ => {}
        }
    }
    value.truth()
}
