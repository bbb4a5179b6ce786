//! Arguments of methods.

use crate::template::error::{Fault, Outcome};
use crate::template::ops;
use crate::template::val::Val;

pub(super) fn text_arg(value: Option<Val>, name: &str) -> Outcome<Option<std::sync::Arc<str>>> {
    match value {
        None | Some(Val::Null) => Ok(None),
        Some(Val::Str(text)) => Ok(Some(text)),
        Some(other) => Err(Fault::new(format!("{name} argument must be str, not {}", other.type_name()))),
    }
}

pub(super) fn int_arg(value: Option<Val>, default: i128) -> Outcome<i128> {
    match value {
        None | Some(Val::Null) => Ok(default),
        Some(value) => ops::as_int(&value)
            .ok_or_else(|| Fault::new(format!("'{}' object cannot be interpreted as an integer", value.type_name()))),
    }
}

pub(super) fn size_arg(value: Option<Val>, default: usize) -> Outcome<usize> {
    Ok(usize::try_from(int_arg(value, i128::try_from(default).unwrap_or(0))?).unwrap_or(0).min(1 << 24))
}
