//! Filters of numbers and sizes.

use super::table::{Filter, flag, of, subject, text, whole};
use crate::template::error::{Fault, Outcome};
use crate::template::interpreter::Interpreter;
use crate::template::ops;
use crate::template::val::{Args, Val};

pub(super) const FILTERS: &[(&str, Filter)] = &[
    ("abs", of(abs)),
    ("round", of(round)),
    ("log", of(log)),
    ("pow", of(pow)),
    ("root", of(root)),
    ("human_readable", of(human_readable)),
    ("human_to_bytes", of(human_to_bytes)),
    ("filesizeformat", of(filesizeformat)),
];

fn number(value: &Val) -> Outcome<f64> {
    ops::as_float(value).ok_or_else(|| Fault::new(format!("must be real number, not {}", value.type_name())))
}

fn abs(_: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    match &value {
        Val::Int(number) => number.checked_abs().map(Val::Int).ok_or_else(|| Fault::new("whole number is too large")),
        Val::Duration(length) => Ok(Val::Duration(length.abs())),
        other => number(other).map(|number| Val::Float(number.abs())),
    }
}

/// Rounds half to even on the decimal text of the number, as Python does.
fn round_common(number: f64, precision: i128) -> f64 {
    if precision >= 0 {
        let places = usize::try_from(precision.min(300)).unwrap_or(0);
        return format!("{number:.places$}").parse().unwrap_or(number);
    }
    let scale = 10_f64.powi(i32::try_from(-precision.max(-300)).unwrap_or(0));
    (number / scale).round_ties_even() * scale
}

fn round(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [precision, method] = args.bind(["precision", "method"])?;
    let precision = whole(precision, 0)?;
    let method = text(interpreter, method)?;
    let scale = 10_f64.powi(i32::try_from(precision.clamp(-300, 300)).unwrap_or(0));
    match (method.as_deref(), &value) {
        (None | Some("common"), Val::Int(_)) if precision >= 0 => Ok(value),
        (None | Some("common"), value) => {
            let rounded = round_common(number(value)?, precision);
            Ok(if matches!(value, Val::Int(_)) { Val::Int(rounded as i128) } else { Val::Float(rounded) })
        }
        (Some("ceil"), value) => Ok(Val::Float((number(value)? * scale).ceil() / scale)),
        (Some("floor"), value) => Ok(Val::Float((number(value)? * scale).floor() / scale)),
        (Some(_), _) => Err(Fault::new("method must be common, ceil or floor")),
    }
}

fn log(_: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [base] = args.bind(["base"])?;
    let number = number(&value)?;
    if number <= 0.0 {
        return Err(Fault::new("math domain error"));
    }
    Ok(Val::Float(match base {
        None => number.ln(),
        Some(base) => {
            let base = self::number(&base)?;
            if base == 10.0 { number.log10() } else { number.ln() / base.ln() }
        }
    }))
}

fn pow(_: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [exponent] = args.bind(["y"])?;
    let exponent = exponent.ok_or_else(|| Fault::new("missing argument 'y'"))?;
    Ok(Val::Float(number(&value)?.powf(number(&exponent)?)))
}

fn root(_: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [base] = args.bind(["base"])?;
    let number = number(&value)?;
    let base = base.map_or(Ok(2.0), |base| self::number(&base))?;
    Ok(Val::Float(if base == 2.0 { number.sqrt() } else { number.powf(1.0 / base) }))
}

/// Letters of sizes and their powers of 1024.
const UNITS: [(char, u32); 8] = [('Y', 8), ('Z', 7), ('E', 6), ('P', 5), ('T', 4), ('G', 3), ('M', 2), ('K', 1)];

fn human_readable(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [bits, unit] = args.bind(["isbits", "unit"])?;
    let bits = flag(bits, false)?;
    let unit = text(interpreter, unit)?.and_then(|unit| unit.chars().next()).map(|unit| unit.to_ascii_uppercase());
    let size = match &value {
        Val::Str(text) => super::types::parse_float(text).ok_or_else(|| Fault::new("interpreting of a size failed"))?,
        other => number(other)?,
    };
    let base = if bits { "bits" } else { "Bytes" };
    for (letter, power) in UNITS {
        let limit = 1024_f64.powi(i32::try_from(power).unwrap_or(0));
        if unit == Some(letter) || (unit.is_none() && size.abs() >= limit) {
            return Ok(Val::from(format!("{:.2} {letter}{}", size / limit, if bits { "b" } else { "B" })));
        }
    }
    Ok(Val::from(format!("{size:.2} {base}")))
}

fn human_to_bytes(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [unit, bits] = args.bind(["default_unit", "isbits"])?;
    let bits = flag(bits, false)?;
    let text = subject(interpreter, &value)?;
    let digits: String = text.trim_start().chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    let wrong = || Fault::new(format!("human_to_bytes() can't interpret the following string: {text}"));
    let number: f64 = digits.parse().map_err(|_| wrong())?;
    let written = text.trim_start().get(digits.len()..).unwrap_or_default().trim();
    let given = self::text(interpreter, unit)?;
    let written = if written.is_empty() { given.as_deref().unwrap_or_default() } else { written };
    let mut letters = written.chars();
    let Some(first) = letters.next() else { return Ok(Val::Int(number.round_ties_even() as i128)) };
    let rest = letters.as_str();
    let expected = if bits { 'b' } else { 'B' };
    let suffix = rest.is_empty()
        || rest.starts_with(expected) && rest.len() == 1
        || (rest.eq_ignore_ascii_case("bytes") && !bits)
        || (rest.eq_ignore_ascii_case("bits") && bits)
        || (rest.eq_ignore_ascii_case("b") && first.is_ascii_lowercase());
    let power = UNITS.iter().find(|(letter, _)| *letter == first.to_ascii_uppercase()).map(|(_, power)| *power);
    match power {
        Some(power) if suffix => {
            Ok(Val::Int((number * 1024_f64.powi(i32::try_from(power).unwrap_or(0))).round_ties_even() as i128))
        }
        None if first.eq_ignore_ascii_case(&'b') => Ok(Val::Int(number.round_ties_even() as i128)),
        _ => Err(wrong()),
    }
}

fn filesizeformat(_: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [binary] = args.bind(["binary"])?;
    let binary = flag(binary, false)?;
    let size = match &value {
        Val::Str(text) => {
            super::types::parse_float(text).ok_or_else(|| Fault::new("could not convert string to float"))?
        }
        other => number(other)?,
    };
    let base: f64 = if binary { 1024.0 } else { 1000.0 };
    if size == 1.0 {
        return Ok(Val::from("1 Byte"));
    }
    if size < base {
        return Ok(Val::from(format!("{} Bytes", size as i128)));
    }
    let names = if binary {
        ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"]
    } else {
        ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"]
    };
    let mut unit = base;
    let mut chosen = ("", 0.0);
    for name in names {
        unit *= base;
        chosen = (name, base * size / unit);
        if size < unit {
            break;
        }
    }
    Ok(Val::from(format!("{:.1} {}", chosen.1, chosen.0)))
}
