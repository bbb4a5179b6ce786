//! Which methods a value has, and calling them.

use super::{dates, lists, maps, text};
use crate::template::error::{Fault, Outcome};
use crate::template::interpreter::Interpreter;
use crate::template::macros::function;
use crate::template::val::{Args, Val};

fn names(of: &Val) -> &'static [&'static str] {
    match of {
        Val::Str(_) => text::NAMES,
        Val::List(_) | Val::DataList(..) => lists::NAMES,
        Val::Tuple(_) => lists::OF_TUPLE,
        Val::Date(_) => dates::NAMES,
        Val::Duration(_) => &["total_seconds"],
        Val::Float(_) => &["is_integer"],
        Val::Int(_) => &["bit_length"],
        of if of.is_map() => maps::NAMES,
        _ => &[],
    }
}

/// Whether it has the method.
pub(in crate::template) fn has(of: &Val, name: &str) -> bool {
    names(of).contains(&name)
}

/// A method as a value, or a plain attribute.
pub(in crate::template) fn bind(of: &Val, name: &str) -> Option<Val> {
    if let Val::Date(date) = of
        && dates::FIELDS.contains(&name)
    {
        return Some(Val::Int(match name {
            "year" => i128::from(date.year()),
            "month" => i128::from(date.month()),
            "day" => i128::from(date.day()),
            "hour" => i128::from(date.hour()),
            "minute" => i128::from(date.minute()),
            "second" => i128::from(date.second()),
            _ => i128::from(date.subsec_nanosecond() / 1000),
        }));
    }
    if let Val::Duration(length) = of {
        let micros = length.as_micros();
        match name {
            "days" => return Some(Val::Int(micros.div_euclid(86_400_000_000))),
            "seconds" => return Some(Val::Int(micros.rem_euclid(86_400_000_000) / 1_000_000)),
            "microseconds" => return Some(Val::Int(micros.rem_euclid(1_000_000))),
            _ => {}
        }
    }
    if !has(of, name) {
        return None;
    }
    let (of, name) = (of.clone(), name.to_owned());
    Some(function("method", move |interpreter, args| call(interpreter, &of, &name, args)))
}

/// Calls a method.
pub(in crate::template) fn call(interpreter: &Interpreter<'_>, of: &Val, name: &str, args: Args) -> Outcome<Val> {
    match of {
        Val::Str(own) => text::call(interpreter, own, name, args),
        Val::List(_) | Val::DataList(..) | Val::Tuple(_) => lists::call(interpreter, of, name, args),
        Val::Date(date) => dates::call(date, name, args),
        Val::Duration(length) => Ok(Val::Float(length.as_secs_f64())),
        Val::Float(number) => Ok(Val::Bool(number.fract() == 0.0)),
        Val::Int(number) => Ok(Val::Int(i128::from(128 - number.unsigned_abs().leading_zeros()))),
        of if of.is_map() => maps::call(interpreter, of, name, args),
        other => Err(Fault::new(format!("'{}' object has no method '{name}'", other.type_name()))),
    }
}
