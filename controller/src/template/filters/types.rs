//! Filters that convert, default and demand.

use super::table::{Filter, flag, of, of_any, subject, text, whole};
use crate::template::error::{Fault, Outcome};
use crate::template::interpreter::Interpreter;
use crate::template::val::{Args, Val};
use crate::template::{ops, text as words};

pub(super) const FILTERS: &[(&str, Filter)] = &[
    ("bool", of(boolean)),
    ("default", of_any(default)),
    ("d", of_any(default)),
    ("mandatory", of_any(mandatory)),
    ("ternary", of(ternary)),
    ("type_debug", of(type_debug)),
    ("string", of(string)),
    ("int", of(int)),
    ("float", of(float)),
    ("list", of(list)),
];

fn boolean(_: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    Ok(match &value {
        Val::Null | Val::Bool(_) => value,
        Val::Str(text) => Val::Bool(matches!(text.to_lowercase().as_str(), "yes" | "on" | "1" | "true")),
        other => Val::Bool(ops::as_float(other) == Some(1.0)),
    })
}

fn default(_: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [default, when_false] = args.bind(["default_value", "boolean"])?;
    let default = default.unwrap_or_else(|| Val::from(""));
    Ok(if value.is_undefined() || (flag(when_false, false)? && !value.truth()?) { default } else { value })
}

fn mandatory(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [message] = args.bind(["msg"])?;
    match (&value, text(interpreter, message)?) {
        (Val::Undefined(_), Some(message)) => Err(Fault::new(&*message)),
        (Val::Undefined(what), None) => Err(Fault::new(format!("mandatory variable is not defined: {what}"))),
        _ => Ok(value),
    }
}

fn ternary(_: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [yes, no, none] = args.bind(["true_val", "false_val", "none_val"])?;
    Ok(match (&value, none) {
        (Val::Null, Some(none)) if !matches!(none, Val::Null) => none,
        _ if value.truth()? => yes.unwrap_or(Val::Null),
        _ => no.unwrap_or(Val::Null),
    })
}

fn type_debug(_: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    Ok(Val::from(value.type_name()))
}

fn string(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    words::string(interpreter, &value).map(Val::Str)
}

/// Python's `int(text, base)`.
pub(super) fn parse_int(text: &str, base: u32) -> Option<i128> {
    let text = text.trim().replace('_', "");
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(&text)),
    };
    let lower = digits.to_lowercase();
    let digits = match base {
        16 => lower.strip_prefix("0x").unwrap_or(&lower),
        8 => lower.strip_prefix("0o").unwrap_or(&lower),
        2 => lower.strip_prefix("0b").unwrap_or(&lower),
        _ => &lower,
    };
    if digits.starts_with(['+', '-']) || !(2..=36).contains(&base) {
        return None;
    }
    let number = i128::from_str_radix(digits, base).ok()?;
    Some(if negative { -number } else { number })
}

/// Python's `float(text)`.
pub(super) fn parse_float(text: &str) -> Option<f64> {
    let text = text.trim().replace('_', "");
    match text.to_lowercase().trim_start_matches(['+', '-']) {
        "inf" | "infinity" | "nan" => text.to_lowercase().parse().ok(),
        other if other.starts_with(|c: char| c.is_ascii_digit() || c == '.') => text.parse().ok(),
        _ => None,
    }
}

fn int(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [default, base] = args.bind(["default", "base"])?;
    let default = default.unwrap_or(Val::Int(0));
    let base = u32::try_from(whole(base, 10)?).unwrap_or(10);
    Ok(match &value {
        Val::Str(text) => match parse_int(text, base) {
            Some(number) => Val::Int(number),
            None => match parse_float(text).filter(|number| number.is_finite()) {
                Some(number) => Val::Int(number as i128),
                None => default,
            },
        },
        Val::Float(number) if number.is_finite() => Val::Int(*number as i128),
        Val::Int(_) | Val::Bool(_) => Val::Int(ops::as_int(&value).unwrap_or(0)),
        other => {
            // Anything else has no number in it.
            subject(interpreter, other)?;
            default
        }
    })
}

fn float(_: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [default] = args.bind(["default"])?;
    Ok(match &value {
        Val::Str(text) => parse_float(text).map(Val::Float),
        other => ops::as_float(other).map(Val::Float),
    }
    .unwrap_or_else(|| default.unwrap_or(Val::Float(0.0))))
}

fn list(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    interpreter.items(&value).map(Val::list)
}
