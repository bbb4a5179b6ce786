//! Python's operators.

use super::access::LARGEST;
use super::error::{Fault, Outcome};
use super::format;
use super::interpreter::Interpreter;
use super::node::{Bin, Cmp};
use super::val::Val;
use crate::yaml::Key;
use std::cmp::Ordering;

/// A number: truth values count as 0 and 1.
enum Number {
    Int(i128),
    Float(f64),
}

fn number(value: &Val) -> Option<Number> {
    match value {
        Val::Int(number) => Some(Number::Int(*number)),
        Val::Bool(value) => Some(Number::Int(i128::from(*value))),
        Val::Float(number) => Some(Number::Float(*number)),
        _ => None,
    }
}

/// The number as floating point.
pub(super) fn as_float(value: &Val) -> Option<f64> {
    match number(value)? {
        Number::Int(number) => Some(number as f64),
        Number::Float(number) => Some(number),
    }
}

/// A whole number (or truth value).
pub(super) fn as_int(value: &Val) -> Option<i128> {
    match number(value)? {
        Number::Int(number) => Some(number),
        Number::Float(_) => None,
    }
}

fn too_large() -> Fault {
    Fault::new("whole number is too large")
}

pub(super) fn negative(value: &Val) -> Outcome<Val> {
    match number(value) {
        Some(Number::Int(number)) => number.checked_neg().map(Val::Int).ok_or_else(too_large),
        Some(Number::Float(number)) => Ok(Val::Float(-number)),
        None => Err(Fault::new(format!("bad operand type for unary -: '{}'", value.type_name()))),
    }
}

fn symbol(op: Bin) -> &'static str {
    match op {
        Bin::Add => "+",
        Bin::Sub => "-",
        Bin::Mul => "*",
        Bin::Div => "/",
        Bin::FloorDiv => "//",
        Bin::Rem => "%",
        Bin::Pow => "** or pow()",
        Bin::Concat => "~",
    }
}

pub(super) fn binary(interpreter: &Interpreter<'_>, op: Bin, left: &Val, right: &Val) -> Outcome<Val> {
    match (op, left, right) {
        (Bin::Rem, Val::Str(text), _) => return format::percent(interpreter, text, right).map(Val::from),
        (Bin::Add, Val::Str(a), Val::Str(b)) => return Ok(Val::from(format!("{a}{b}"))),
        (Bin::Add, Val::Str(_), other) => {
            return Err(Fault::new(format!("can only concatenate str (not \"{}\") to str", other.type_name())));
        }
        (Bin::Add, a, b) if a.is_list() && b.is_list() => {
            let mut items = interpreter.items(a)?;
            items.extend(interpreter.items(b)?);
            return Ok(if matches!(a, Val::Tuple(_)) { Val::tuple(items) } else { Val::list(items) });
        }
        (Bin::Add, a, other) if a.is_list() => {
            return Err(Fault::new(format!("can only concatenate list (not \"{}\") to list", other.type_name())));
        }
        (Bin::Mul, a, b) if (matches!(a, Val::Str(_)) || a.is_list()) && as_int(b).is_some() => {
            return repeat(interpreter, a, as_int(b).unwrap_or(0));
        }
        (Bin::Mul, a, b) if (matches!(b, Val::Str(_)) || b.is_list()) && as_int(a).is_some() => {
            return repeat(interpreter, b, as_int(a).unwrap_or(0));
        }
        (Bin::Sub, Val::Date(a), Val::Date(b)) => return Ok(Val::Duration(a.duration_since(*b))),
        (Bin::Sub, Val::Date(date), Val::Duration(length)) => {
            return date.checked_sub(*length).map(Val::Date).map_err(|error| Fault::new(error.to_string()));
        }
        (Bin::Add, Val::Date(date), Val::Duration(length)) => {
            return date.checked_add(*length).map(Val::Date).map_err(|error| Fault::new(error.to_string()));
        }
        _ => {}
    }
    match (number(left), number(right)) {
        (Some(Number::Int(a)), Some(Number::Int(b))) => whole(op, a, b),
        (Some(_), Some(_)) => floating(op, as_float(left).unwrap_or_default(), as_float(right).unwrap_or_default()),
        _ => Err(Fault::new(format!(
            "unsupported operand type(s) for {}: '{}' and '{}'",
            symbol(op),
            left.type_name(),
            right.type_name()
        ))),
    }
}

fn repeat(interpreter: &Interpreter<'_>, what: &Val, times: i128) -> Outcome<Val> {
    let times = times.max(0);
    let len = i128::try_from(interpreter.len(what)?).unwrap_or(i128::MAX);
    let total = len.saturating_mul(times);
    if total > LARGEST * 16 || (what.is_list() && total > LARGEST) {
        return Err(Fault::new("repetition is too large"));
    }
    let times = usize::try_from(times).unwrap_or(0);
    Ok(match what {
        Val::Str(text) => Val::from(text.repeat(if len == 0 { 0 } else { times })),
        list => {
            let items = interpreter.items(list)?;
            Val::list(if items.is_empty() { items } else { std::iter::repeat_n(items, times).flatten().collect() })
        }
    })
}

fn whole(op: Bin, a: i128, b: i128) -> Outcome<Val> {
    let by_zero = || Fault::new("division by zero");
    Ok(Val::Int(
        match op {
            Bin::Add => a.checked_add(b),
            Bin::Sub => a.checked_sub(b),
            Bin::Mul => a.checked_mul(b),
            Bin::Div if b == 0 => return Err(by_zero()),
            Bin::Div => return Ok(Val::Float(a as f64 / b as f64)),
            Bin::FloorDiv | Bin::Rem if b == 0 => return Err(Fault::new("integer division or modulo by zero")),
            // Python rounds down, and the remainder has the divisor's sign.
            Bin::FloorDiv => a.checked_div(b).map(|q| if a % b != 0 && (a < 0) != (b < 0) { q - 1 } else { q }),
            Bin::Rem => a.checked_rem(b).map(|r| if r != 0 && (r < 0) != (b < 0) { r + b } else { r }),
            Bin::Pow if b < 0 => return Ok(Val::Float((a as f64).powf(b as f64))),
            Bin::Pow => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
            Bin::Concat => None,
        }
        .ok_or_else(too_large)?,
    ))
}

fn floating(op: Bin, a: f64, b: f64) -> Outcome<Val> {
    let by_zero = || Fault::new("float division by zero");
    Ok(Val::Float(match op {
        Bin::Add => a + b,
        Bin::Sub => a - b,
        Bin::Mul => a * b,
        Bin::Div | Bin::FloorDiv | Bin::Rem if b == 0.0 => return Err(by_zero()),
        Bin::Div => a / b,
        Bin::FloorDiv => (a / b).floor(),
        Bin::Rem => {
            let rest = a % b;
            if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
        }
        Bin::Pow => a.powf(b),
        Bin::Concat => return Err(Fault::new("unsupported operand")),
    }))
}

pub(super) fn compare(interpreter: &Interpreter<'_>, op: Cmp, left: &Val, right: &Val) -> Outcome<bool> {
    Ok(match op {
        Cmp::Eq => equal(interpreter, left, right)?,
        Cmp::Ne => !equal(interpreter, left, right)?,
        Cmp::Lt => order(interpreter, left, right, "<")? == Some(Ordering::Less),
        Cmp::Gt => order(interpreter, left, right, ">")? == Some(Ordering::Greater),
        Cmp::Le => matches!(order(interpreter, left, right, "<=")?, Some(Ordering::Less | Ordering::Equal)),
        Cmp::Ge => matches!(order(interpreter, left, right, ">=")?, Some(Ordering::Greater | Ordering::Equal)),
        Cmp::In => contains(interpreter, right, left)?,
        Cmp::NotIn => !contains(interpreter, right, left)?,
    })
}

/// `==`.
pub(super) fn equal(interpreter: &Interpreter<'_>, left: &Val, right: &Val) -> Outcome<bool> {
    if let (Some(a), Some(b)) = (number(left), number(right)) {
        return Ok(match (a, b) {
            (Number::Int(a), Number::Int(b)) => a == b,
            _ => as_float(left) == as_float(right),
        });
    }
    Ok(match (left, right) {
        (Val::Undefined(message), _) | (_, Val::Undefined(message)) => return Err(Fault::undefined(&**message)),
        (Val::Null, Val::Null) => true,
        (Val::Str(a), Val::Str(b)) => a == b,
        (Val::Date(a), Val::Date(b)) => a == b,
        (Val::Duration(a), Val::Duration(b)) => a == b,
        (Val::Func(a), Val::Func(b)) => std::rc::Rc::ptr_eq(a, b),
        (a, b) if a.is_list() && b.is_list() => {
            if interpreter.len(a)? != interpreter.len(b)? {
                return Ok(false);
            }
            let (a, b) = (interpreter.items(a)?, interpreter.items(b)?);
            interpreter.enter(|| {
                for (a, b) in a.iter().zip(&b) {
                    if !equal(interpreter, a, b)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            })?
        }
        (a, b) if a.is_map() && b.is_map() => {
            if interpreter.len(a)? != interpreter.len(b)? {
                return Ok(false);
            }
            let a = interpreter.entries(a)?;
            interpreter.enter(|| {
                for (key, value) in &a {
                    match interpreter.map_get(b, key)? {
                        Some(other) if equal(interpreter, value, &other)? => {}
                        _ => return Ok(false),
                    }
                }
                Ok(true)
            })?
        }
        (range @ Val::Range { .. }, other) | (other, range @ Val::Range { .. }) => {
            matches!((range, other), (Val::Range { start, stop, step }, Val::Range { start: a, stop: b, step: c })
                if (start, stop, step) == (a, b, c))
        }
        _ => false,
    })
}

/// The order of two values, as `<` sees it; unlike types have none.
pub(super) fn order(interpreter: &Interpreter<'_>, left: &Val, right: &Val, op: &str) -> Outcome<Option<Ordering>> {
    if let (Some(a), Some(b)) = (number(left), number(right)) {
        return Ok(match (a, b) {
            (Number::Int(a), Number::Int(b)) => Some(a.cmp(&b)),
            _ => as_float(left).partial_cmp(&as_float(right)),
        });
    }
    Ok(match (left, right) {
        (Val::Undefined(message), _) | (_, Val::Undefined(message)) => return Err(Fault::undefined(&**message)),
        (Val::Str(a), Val::Str(b)) => Some(a.cmp(b)),
        (Val::Date(a), Val::Date(b)) => Some(a.cmp(b)),
        (Val::Duration(a), Val::Duration(b)) => Some(a.cmp(b)),
        (a, b) if a.is_list() && b.is_list() => {
            let (a, b) = (interpreter.items(a)?, interpreter.items(b)?);
            for (a, b) in a.iter().zip(&b) {
                if !equal(interpreter, a, b)? {
                    return order(interpreter, a, b, op);
                }
            }
            Some(a.len().cmp(&b.len()))
        }
        _ => {
            return Err(Fault::new(format!(
                "'{op}' not supported between instances of '{}' and '{}'",
                left.type_name(),
                right.type_name()
            )));
        }
    })
}

/// `what in of`.
pub(super) fn contains(interpreter: &Interpreter<'_>, of: &Val, what: &Val) -> Outcome<bool> {
    match of {
        Val::Undefined(message) => Err(Fault::undefined(&**message)),
        Val::Str(text) => match what {
            Val::Str(part) => Ok(text.contains(&**part)),
            Val::Undefined(message) => Err(Fault::undefined(&**message)),
            other => {
                Err(Fault::new(format!("'in <string>' requires string as left operand, not {}", other.type_name())))
            }
        },
        map if map.is_map() => {
            let key = what.to_key()?;
            Ok(match map {
                // Whether it is there can be told without computing it.
                Val::DataMap(map, _) => map.contains_key(&key),
                Val::Lazy(..) | Val::Scope(_) => interpreter.keys(map).contains(&key),
                map => interpreter.map_get(map, &key)?.is_some(),
            })
        }
        list if list.is_list() || matches!(list, Val::Range { .. }) => {
            for item in interpreter.items(list)? {
                if !item.is_undefined() && equal(interpreter, &item, what)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        other => Err(Fault::new(format!("argument of type '{}' is not iterable", other.type_name()))),
    }
}

/// Sorts by a key; unlike keys are an error.
pub(super) fn sort_by<T>(
    interpreter: &Interpreter<'_>,
    items: &mut [T],
    key: impl Fn(&T) -> &Val,
    reverse: bool,
) -> Outcome<()> {
    let mut failed = None;
    items.sort_by(|a, b| match order(interpreter, key(a), key(b), "<") {
        Ok(order) => {
            let order = order.unwrap_or(Ordering::Equal);
            if reverse { order.reverse() } else { order }
        }
        Err(fault) => {
            failed.get_or_insert(fault);
            Ordering::Equal
        }
    });
    failed.map_or(Ok(()), Err)
}

/// Whether a list of values holds one equal to `what`; a set of keys makes it quick for scalars.
#[derive(Default)]
pub(super) struct Seen {
    keys: std::collections::HashSet<Key>,
    others: Vec<Val>,
}

impl Seen {
    /// Everything in a list.
    pub(super) fn of(interpreter: &Interpreter<'_>, items: &[Val]) -> Outcome<Self> {
        let mut seen = Self::default();
        for item in items {
            seen.insert(interpreter, item)?;
        }
        Ok(seen)
    }

    fn key(value: &Val) -> Option<Key> {
        match value {
            Val::Bool(value) => Some(Key::Int(i128::from(*value))),
            Val::Str(_) | Val::Int(_) | Val::Float(_) | Val::Null => value.to_key().ok(),
            _ => None,
        }
    }

    pub(super) fn has(&self, interpreter: &Interpreter<'_>, value: &Val) -> Outcome<bool> {
        if let Some(key) = Self::key(value) {
            return Ok(self.keys.contains(&key));
        }
        for other in &self.others {
            if equal(interpreter, other, value)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Adds it; false when it was there.
    pub(super) fn insert(&mut self, interpreter: &Interpreter<'_>, value: &Val) -> Outcome<bool> {
        if let Some(key) = Self::key(value) {
            return Ok(self.keys.insert(key));
        }
        if self.has(interpreter, value)? {
            return Ok(false);
        }
        self.others.push(value.clone());
        Ok(true)
    }
}
