//! Values while a template runs.
//!
//! Data of the scope is wrapped, not copied: a mapping of facts stays the shared mapping it was, and an entry becomes a value
//! (and a template in it is rendered) when it is touched. Lists and mappings that a template makes itself can be changed in
//! place, as Python's can.

use super::error::{Fault, Missing, Outcome};
use super::interpreter::Interpreter;
use super::scope::{Lazy, Scope};
use crate::yaml::{Key, TemplateText, Value, ValueMap};
use indexmap::IndexMap;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

pub(super) type Entries = IndexMap<Key, Val>;

/// The scope a piece of data came from: templates inside it are rendered there.
pub(super) type Home = Rc<Scope>;

#[derive(Clone)]
pub(super) enum Val {
    /// Something missing, with what to say when it is used after all.
    Undefined(Rc<Missing>),
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(Arc<str>),
    /// A list the template made.
    List(Rc<RefCell<Vec<Val>>>),
    /// Like a list, but told apart by `%`.
    Tuple(Rc<Vec<Val>>),
    /// A mapping the template made.
    Map(Rc<RefCell<Entries>>),
    Range {
        start: i128,
        stop: i128,
        step: i128,
    },
    DataList(Arc<Vec<Value>>, Home),
    DataMap(Arc<ValueMap>, Home),
    /// A template inside data that was copied into a list or mapping of ours.
    Pending(Arc<TemplateText>, Home),
    /// A mapping that is computed when touched.
    Lazy(Arc<dyn Lazy>, Home),
    /// Variables as a mapping.
    Scope(Home),
    Date(jiff::civil::DateTime),
    Duration(jiff::SignedDuration),
    Func(Rc<dyn Callable>),
}

/// Something that can be called: macros, bound methods, global functions, `loop`.
pub(super) trait Callable {
    /// Calls it.
    fn call(&self, interpreter: &Interpreter<'_>, args: Args) -> Outcome<Val>;

    /// An attribute of it (`loop.index`, `ns.x`).
    fn attr(&self, _interpreter: &Interpreter<'_>, _name: &str) -> Outcome<Option<Val>> {
        Ok(None)
    }

    /// Assigns to an attribute; false when it has none that can be assigned.
    fn set_attr(&self, _name: &str, _value: Val) -> bool {
        false
    }

    /// Whether it may be given something undefined; otherwise the call itself is undefined then.
    fn takes_undefined(&self) -> bool {
        false
    }

    /// Name of its type, for messages.
    fn type_name(&self) -> &'static str {
        "function"
    }

    /// Whether `is callable`.
    fn callable(&self) -> bool {
        true
    }
}

/// Arguments of a call, a filter, a test or a lookup.
#[derive(Clone, Default)]
pub(super) struct Args {
    pub(super) pos: Vec<Val>,
    pub(super) named: Vec<(Arc<str>, Val)>,
}

impl Args {
    pub(super) fn positional(pos: Vec<Val>) -> Self {
        Self { pos, named: Vec::new() }
    }

    /// The arguments in the order of `names`; more or unknown ones are an error.
    pub(super) fn bind<const N: usize>(self, names: [&str; N]) -> Outcome<[Option<Val>; N]> {
        let mut out = [const { None }; N];
        if self.pos.len() > N {
            return Err(Fault::new(format!("takes at most {N} arguments but {} were given", self.pos.len())));
        }
        for (slot, value) in out.iter_mut().zip(self.pos) {
            *slot = Some(value);
        }
        for (name, value) in self.named {
            match names.iter().position(|known| **known == *name).and_then(|index| out.get_mut(index)) {
                Some(slot) if slot.is_none() => *slot = Some(value),
                Some(_) => return Err(Fault::new(format!("got multiple values for argument '{name}'"))),
                None => return Err(Fault::new(format!("got an unexpected keyword argument '{name}'"))),
            }
        }
        Ok(out)
    }

    /// Takes a named argument away.
    pub(super) fn take(&mut self, name: &str) -> Option<Val> {
        let index = self.named.iter().position(|(own, _)| **own == *name)?;
        Some(self.named.remove(index).1)
    }
}

impl Val {
    pub(super) fn str(text: impl Into<Arc<str>>) -> Self {
        Self::Str(text.into())
    }

    pub(super) fn list(items: Vec<Val>) -> Self {
        Self::List(Rc::new(RefCell::new(items)))
    }

    pub(super) fn tuple(items: Vec<Val>) -> Self {
        Self::Tuple(Rc::new(items))
    }

    pub(super) fn map(entries: Entries) -> Self {
        Self::Map(Rc::new(RefCell::new(entries)))
    }

    pub(super) fn int(number: usize) -> Self {
        Self::Int(i128::try_from(number).unwrap_or(i128::MAX))
    }

    pub(super) fn undefined(missing: impl Into<Missing>) -> Self {
        Self::Undefined(Rc::new(missing.into()))
    }

    /// Use of something undefined becomes something undefined, which a default may replace; other errors stay errors.
    pub(super) fn or_missing(result: Outcome<Self>) -> Outcome<Self> {
        result.or_else(|fault| fault.into_missing().map(Self::undefined))
    }

    /// Data as it is; templates in it stay to be rendered.
    pub(super) fn data(value: &Value, home: &Home) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(number) => Self::Int(*number),
            Value::Float(number) => Self::Float(*number),
            Value::Str(text) => Self::Str(Arc::clone(text)),
            // Decrypted when it is read, as templates are rendered then.
            Value::Vault(text) => {
                Self::Pending(Arc::new(TemplateText { source: text.to_string(), origin: None }), Rc::clone(home))
            }
            Value::Template(text) => Self::Pending(Arc::clone(text), Rc::clone(home)),
            Value::List(items) => Self::DataList(Arc::clone(items), Rc::clone(home)),
            Value::Map(map) => Self::DataMap(Arc::clone(map), Rc::clone(home)),
        }
    }

    pub(super) fn is_undefined(&self) -> bool {
        matches!(self, Self::Undefined(_))
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self, Self::List(_) | Self::DataList(..) | Self::Tuple(_))
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self, Self::Map(_) | Self::DataMap(..) | Self::Lazy(..) | Self::Scope(_))
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// An error when undefined.
    pub(super) fn defined(self) -> Outcome<Self> {
        match self {
            Self::Undefined(message) => Err(Fault::undefined(&*message)),
            value => Ok(value),
        }
    }

    /// Python's name of the type.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Undefined(_) => "Undefined",
            Self::Null => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) | Self::Pending(..) => "str",
            Self::List(_) | Self::DataList(..) => "list",
            Self::Tuple(_) => "tuple",
            Self::Map(_) | Self::DataMap(..) | Self::Lazy(..) | Self::Scope(_) => "dict",
            Self::Range { .. } => "range",
            Self::Date(_) => "datetime",
            Self::Duration(_) => "timedelta",
            Self::Func(func) => func.type_name(),
        }
    }

    /// Truth as Python sees it; undefined is an error.
    pub(super) fn truth(&self) -> Outcome<bool> {
        Ok(match self {
            Self::Undefined(missing) if missing.silent => false,
            Self::Undefined(message) => return Err(Fault::undefined(&**message)),
            Self::Null => false,
            Self::Bool(value) => *value,
            Self::Int(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Str(text) => !text.is_empty(),
            Self::List(items) => !items.borrow().is_empty(),
            Self::Tuple(items) => !items.is_empty(),
            Self::Map(map) => !map.borrow().is_empty(),
            Self::DataList(items, _) => !items.is_empty(),
            Self::DataMap(map, _) => !map.is_empty(),
            Self::Range { .. } => range_len(self) > 0,
            Self::Lazy(lazy, _) => !lazy.names().is_empty(),
            Self::Scope(scope) => !scope.names().is_empty(),
            Self::Duration(duration) => !duration.is_zero(),
            Self::Pending(..) | Self::Date(_) | Self::Func(_) => true,
        })
    }

    /// The key of a mapping that this value is.
    pub(super) fn to_key(&self) -> Outcome<Key> {
        Ok(match self {
            Self::Str(text) => Key::Str(Arc::clone(text)),
            Self::Int(number) => Key::Int(*number),
            // Python finds `1.0` and `True` under `1`.
            Self::Float(number) if number.fract() == 0.0 && number.abs() < 1e18 => Key::Int(*number as i128),
            Self::Float(number) => Key::Float(*number),
            Self::Bool(value) => Key::Bool(*value),
            Self::Null => Key::Null,
            Self::Undefined(message) => return Err(Fault::undefined(&**message)),
            other => return Err(Fault::new(format!("unhashable type: '{}'", other.type_name()))),
        })
    }

    pub(super) fn of_key(key: &Key) -> Self {
        match key {
            Key::Str(text) => Self::Str(Arc::clone(text)),
            Key::Int(number) => Self::Int(*number),
            Key::Bool(value) => Self::Bool(*value),
            Key::Float(number) => Self::Float(*number),
            Key::Null => Self::Null,
        }
    }
}

/// Number of elements of a range.
pub(super) fn range_len(range: &Val) -> i128 {
    let Val::Range { start, stop, step } = *range else { return 0 };
    let distance = if step > 0 { stop.saturating_sub(start) } else { start.saturating_sub(stop) };
    if distance <= 0 { 0 } else { (distance - 1) / step.saturating_abs().max(1) + 1 }
}

impl From<bool> for Val {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Val {
    fn from(text: &str) -> Self {
        Self::str(text)
    }
}

impl From<String> for Val {
    fn from(text: String) -> Self {
        Self::str(text)
    }
}

impl From<f64> for Val {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<i128> for Val {
    fn from(number: i128) -> Self {
        Self::Int(number)
    }
}

impl From<Vec<Val>> for Val {
    fn from(items: Vec<Val>) -> Self {
        Self::list(items)
    }
}
