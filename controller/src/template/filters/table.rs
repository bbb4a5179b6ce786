//! What a filter is, how one is found, and how it reads its arguments.

use crate::template::error::{Fault, Outcome};
use crate::template::interpreter::Interpreter;
use crate::template::ops;
use crate::template::val::{Args, Val};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

/// A filter: what stands before the bar, and the arguments.
pub(in crate::template) type Run = fn(&Interpreter<'_>, Val, Args) -> Outcome<Val>;

/// One row of a table.
#[derive(Clone, Copy)]
pub(in crate::template) struct Filter {
    pub(in crate::template) run: Run,
    /// Whether it may be given something undefined (`default`); others fail then.
    pub(in crate::template) takes_undefined: bool,
}

/// A filter of defined values.
pub(super) const fn of(run: Run) -> Filter {
    Filter { run, takes_undefined: false }
}

/// A filter that looks at undefined values itself.
pub(super) const fn of_any(run: Run) -> Filter {
    Filter { run, takes_undefined: true }
}

static ALL: LazyLock<HashMap<&'static str, Filter>> =
    LazyLock::new(|| super::GROUPS.iter().flat_map(|group| group.iter().copied()).collect());

/// The filter of a name.
pub(in crate::template) fn find(name: &str) -> Option<Filter> {
    ALL.get(name).copied()
}

/// All names.
pub(in crate::template) fn names() -> impl Iterator<Item = &'static str> {
    ALL.keys().copied()
}

/// An argument as truth value; missing is `default`.
pub(super) fn flag(value: Option<Val>, default: bool) -> Outcome<bool> {
    value.map_or(Ok(default), |value| value.truth())
}

/// An argument as text; missing or `None` is nothing.
pub(super) fn text(interpreter: &Interpreter<'_>, value: Option<Val>) -> Outcome<Option<Arc<str>>> {
    match value {
        None | Some(Val::Null) => Ok(None),
        Some(value) => crate::template::text::string(interpreter, &value).map(Some),
    }
}

/// An argument as whole number.
pub(super) fn whole(value: Option<Val>, default: i128) -> Outcome<i128> {
    match value {
        None | Some(Val::Null) => Ok(default),
        Some(Val::Str(text)) => {
            text.trim().parse().map_err(|_| Fault::new(format!("invalid literal for int() with base 10: '{text}'")))
        }
        Some(Val::Float(number)) => Ok(number as i128),
        Some(value) => {
            ops::as_int(&value).ok_or_else(|| Fault::new(format!("expected a whole number, got {}", value.type_name())))
        }
    }
}

/// An argument as size.
pub(super) fn size(value: Option<Val>, default: usize) -> Outcome<usize> {
    let number = whole(value, i128::try_from(default).unwrap_or(0))?;
    Ok(usize::try_from(number.max(0)).unwrap_or(0).min(1 << 24))
}

/// The subject as text.
pub(super) fn subject(interpreter: &Interpreter<'_>, value: &Val) -> Outcome<Arc<str>> {
    crate::template::text::string(interpreter, value)
}

/// An argument that must be there.
pub(super) fn required(value: Option<Val>, name: &str) -> Outcome<Val> {
    value.ok_or_else(|| Fault::new(format!("missing argument '{name}'")))
}
