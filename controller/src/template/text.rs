//! Values as text: Python's `str()` and `repr()`.

use super::error::{Fault, Outcome};
use super::interpreter::Interpreter;
use super::val::Val;
use crate::yaml::Key;
use std::fmt::Write as _;
use std::sync::Arc;

/// `str(value)`.
pub(super) fn string(interpreter: &Interpreter<'_>, value: &Val) -> Outcome<Arc<str>> {
    match value {
        Val::Str(text) => Ok(Arc::clone(text)),
        other => {
            let mut out = String::new();
            write(interpreter, other, false, &mut out)?;
            Ok(out.into())
        }
    }
}

/// What is said of an inline `if` that is false and has no `else`.
pub(super) const NO_ELSE: &str = "the inline if-expression evaluated to false and no else section was defined";

/// `repr(value)`.
pub(super) fn repr(interpreter: &Interpreter<'_>, value: &Val) -> Outcome<String> {
    let mut out = String::new();
    write(interpreter, value, true, &mut out)?;
    Ok(out)
}

/// Appends `str(value)`.
pub(super) fn append(interpreter: &Interpreter<'_>, value: &Val, out: &mut String) -> Outcome<()> {
    write(interpreter, value, false, out)
}

fn write(interpreter: &Interpreter<'_>, value: &Val, quoted: bool, out: &mut String) -> Outcome<()> {
    match value {
        // Jinja lets this one be nothing in text, strict or not.
        Val::Undefined(message) if !quoted && &**message == NO_ELSE => {}
        Val::Undefined(message) => return Err(Fault::undefined(&**message)),
        Val::Null => out.push_str("None"),
        Val::Bool(value) => out.push_str(if *value { "True" } else { "False" }),
        Val::Int(number) => {
            let _ = write!(out, "{number}");
        }
        Val::Float(number) => out.push_str(&float(*number)),
        Val::Str(text) if quoted => quote(text, out),
        Val::Str(text) => out.push_str(text),
        Val::Pending(..) => return write(interpreter, &interpreter.force(value.clone())?, quoted, out),
        Val::List(_) | Val::Tuple(_) | Val::DataList(..) => {
            return interpreter.enter(|| {
                out.push('[');
                for (index, item) in interpreter.items(value)?.iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    write(interpreter, item, true, out)?;
                }
                out.push(']');
                Ok(())
            });
        }
        Val::Range { start, stop, step } => {
            let _ = match step {
                1 => write!(out, "range({start}, {stop})"),
                step => write!(out, "range({start}, {stop}, {step})"),
            };
        }
        Val::Date(moment) => out.push_str(&date(moment)),
        Val::Duration(length) => out.push_str(&duration(length)),
        Val::Func(func) => {
            let _ = write!(out, "<{}>", func.type_name());
        }
        Val::Map(_) | Val::DataMap(..) | Val::Lazy(..) | Val::Scope(_) => {
            return interpreter.enter(|| {
                out.push('{');
                for (index, (key, item)) in interpreter.entries(value)?.iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    match key {
                        Key::Str(text) => quote(text, out),
                        Key::Float(number) => out.push_str(&float(*number)),
                        other => out.push_str(&other.to_string()),
                    }
                    out.push_str(": ");
                    write(interpreter, item, true, out)?;
                }
                out.push('}');
                Ok(())
            });
        }
    }
    Ok(())
}

/// A floating-point number as Python writes it: shortest digits that read back, exponent from 1e16 and below 1e-4.
pub(super) fn float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if number == 0.0 || (1e-4..1e16).contains(&number.abs()) {
        return format!("{number:?}");
    }
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, power) = exponent.strip_prefix('-').map_or(('+', exponent), |power| ('-', power));
    format!("{digits}e{sign}{power:0>2}")
}

/// A string as Python's `repr` quotes it.
pub(super) fn quote(text: &str, out: &mut String) {
    let mark = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(mark);
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == mark => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => {
                let code = u32::from(c);
                let _ = if code < 0x100 { write!(out, "\\x{code:02x}") } else { write!(out, "\\u{code:04x}") };
            }
            '\u{a0}' | '\u{ad}' => {
                let _ = write!(out, "\\x{:02x}", u32::from(letter));
            }
            c => out.push(c),
        }
    }
    out.push(mark);
}

/// `str(datetime)`.
pub(super) fn date(date: &jiff::civil::DateTime) -> String {
    let micros = date.subsec_nanosecond() / 1000;
    let whole = date.strftime("%Y-%m-%d %H:%M:%S");
    if micros == 0 { whole.to_string() } else { format!("{whole}.{micros:06}") }
}

/// `str(timedelta)`.
fn duration(duration: &jiff::SignedDuration) -> String {
    let micros = duration.as_micros();
    let day = 86_400_000_000_i128;
    let (days, rest) = (micros.div_euclid(day), micros.rem_euclid(day));
    let seconds = rest / 1_000_000;
    let mut out = String::new();
    if days != 0 {
        let _ = write!(out, "{days} day{}, ", if days.abs() == 1 { "" } else { "s" });
    }
    let _ = write!(out, "{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if rest % 1_000_000 != 0 {
        let _ = write!(out, ".{:06}", rest % 1_000_000);
    }
    out
}
