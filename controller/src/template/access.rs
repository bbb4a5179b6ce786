//! Reaching into values: attributes, items, slices, iteration. Templates in data are rendered here, when they are reached.

use super::error::{Fault, Outcome};
use super::interpreter::Interpreter;
use super::methods;
use super::scope::Entry;
use super::text;
use super::val::{Entries, Home, Val, range_len};
use crate::yaml::{Key, Value, ValueMap};
use std::rc::Rc;
use std::sync::Arc;

/// The largest list a template may make of a range or a repetition.
pub(super) const LARGEST: i128 = 2_000_000;

impl Interpreter<'_> {
    /// The value of data; a template is rendered.
    pub(super) fn value(&self, value: &Value, home: &Home) -> Outcome<Val> {
        self.force(Val::data(value, home))
    }

    /// Renders a template that was left for later.
    pub(super) fn force(&self, value: Val) -> Outcome<Val> {
        match value {
            Val::Pending(template, home) => self.nested(&template, &home),
            value => Ok(value),
        }
    }

    fn entry(&self, entry: Entry, home: &Home) -> Outcome<Val> {
        match entry {
            Entry::Value(value) => self.value(&value, home),
            Entry::Lazy(lazy) => Ok(Val::Lazy(lazy, Rc::clone(home))),
            Entry::Scope(scope) => Ok(Val::Scope(Rc::new(scope))),
        }
    }

    /// A variable of a scope.
    pub(super) fn variable(&self, name: &str, home: &Home) -> Outcome<Option<Val>> {
        match home.entry(name) {
            Some(entry) => self.entry(entry, home).map(Some),
            None => Ok(None),
        }
    }

    /// The entry of a mapping, if there is one.
    pub(super) fn map_get(&self, map: &Val, key: &Key) -> Outcome<Option<Val>> {
        let found = match map {
            Val::Map(map) => {
                let found = find(&map.borrow(), key).cloned();
                found
            }
            Val::DataMap(map, home) => find(map, key).map(|value| Val::data(value, home)),
            Val::Lazy(lazy, home) => match key {
                Key::Str(name) => lazy.get(name).map(|entry| self.entry(entry, home)).transpose()?,
                _ => None,
            },
            Val::Scope(scope) => match key {
                Key::Str(name) => self.variable(name, scope)?,
                _ => None,
            },
            _ => None,
        };
        found.map(|value| self.force(value)).transpose()
    }

    /// `a.name`: a method or attribute first, then an item.
    pub(super) fn attr(&self, of: &Val, name: &str) -> Outcome<Val> {
        match of {
            Val::Undefined(_) => return Ok(of.clone()),
            Val::Func(func) => {
                if let Some(value) = func.attr(self, name)? {
                    return Ok(value);
                }
            }
            Val::Tuple(items) if items.len() == 2 && matches!(name, "grouper" | "list") => {
                // What `groupby` makes.
                return Ok(items.get(usize::from(name == "list")).cloned().unwrap_or(Val::Null));
            }
            _ => {}
        }
        if let Some(method) = methods::bind(of, name) {
            return Ok(method);
        }
        if of.is_map()
            && let Some(value) = self.map_get(of, &Key::from(name))?
        {
            return Ok(value);
        }
        Ok(missing(of, &format!("'{name}'")))
    }

    /// `a[key]`: an item first, then an attribute.
    pub(super) fn item(&self, of: &Val, key: &Val) -> Outcome<Val> {
        if of.is_undefined() {
            return Ok(of.clone());
        }
        let key = self.force(key.clone())?.defined()?;
        if of.is_map() {
            if let Some(value) = self.map_get(of, &key.to_key()?)? {
                return Ok(value);
            }
        } else if let Val::Int(_) | Val::Bool(_) = key {
            let index = match key {
                Val::Int(index) => index,
                _ => i128::from(matches!(key, Val::Bool(true))),
            };
            if let Some(value) = self.index(of, index)? {
                return Ok(value);
            }
        }
        if let Val::Str(name) = &key {
            if let Val::Func(func) = of
                && let Some(value) = func.attr(self, name)?
            {
                return Ok(value);
            }
            if let Some(method) = methods::bind(of, name) {
                return Ok(method);
            }
        }
        Ok(missing(of, &text::repr(self, &key)?))
    }

    fn index(&self, of: &Val, index: i128) -> Outcome<Option<Val>> {
        let at = |len: usize| -> Option<usize> {
            let len = i128::try_from(len).ok()?;
            let index = if index < 0 { index + len } else { index };
            usize::try_from(index).ok().filter(|index| i128::try_from(*index).is_ok_and(|index| index < len))
        };
        let found = match of {
            Val::Str(text) if text.is_ascii() => {
                at(text.len()).and_then(|index| text.get(index..=index)).map(Val::from)
            }
            Val::Str(text) => {
                at(text.chars().count()).and_then(|index| text.chars().nth(index)).map(|c| Val::from(c.to_string()))
            }
            Val::List(items) => {
                let items = items.borrow();
                at(items.len()).and_then(|index| items.get(index).cloned())
            }
            Val::Tuple(items) => at(items.len()).and_then(|index| items.get(index).cloned()),
            Val::DataList(items, home) => {
                at(items.len()).and_then(|index| items.get(index)).map(|value| Val::data(value, home))
            }
            Val::Range { start, step, .. } => usize::try_from(range_len(of))
                .ok()
                .and_then(at)
                .and_then(|index| Some(Val::Int(start + i128::try_from(index).ok()? * step))),
            _ => None,
        };
        found.map(|value| self.force(value)).transpose()
    }

    /// The elements of anything that can be iterated: lists, mappings (their keys), text (its characters), ranges.
    pub(super) fn items(&self, of: &Val) -> Outcome<Vec<Val>> {
        match of {
            Val::List(items) => {
                let items = items.borrow().clone();
                items.into_iter().map(|item| self.force(item)).collect()
            }
            Val::Tuple(items) => items.iter().map(|item| self.force(item.clone())).collect(),
            Val::DataList(items, home) => items.iter().map(|item| self.value(item, home)).collect(),
            Val::Str(text) => Ok(text.chars().map(|c| Val::from(c.to_string())).collect()),
            Val::Range { start, step, .. } => {
                let len = range_len(of);
                if len > LARGEST {
                    return Err(Fault::new(format!("range of {len} numbers is too large")));
                }
                Ok((0..len).map(|index| Val::Int(start + index * step)).collect())
            }
            Val::Undefined(message) => Err(Fault::undefined(&**message)),
            map if map.is_map() => Ok(self.keys(map).iter().map(Val::of_key).collect()),
            other => Err(Fault::new(format!("'{}' object is not iterable", other.type_name()))),
        }
    }

    /// The keys of a mapping.
    pub(super) fn keys(&self, of: &Val) -> Vec<Key> {
        match of {
            Val::Map(map) => map.borrow().keys().cloned().collect(),
            Val::DataMap(map, _) => map.keys().cloned().collect(),
            Val::Lazy(lazy, _) => lazy.names().into_iter().map(Key::Str).collect(),
            Val::Scope(scope) => scope.names().into_iter().map(Key::Str).collect(),
            _ => Vec::new(),
        }
    }

    /// The entries of a mapping.
    pub(super) fn entries(&self, of: &Val) -> Outcome<Entries> {
        match of {
            Val::Undefined(message) => Err(Fault::undefined(&**message)),
            Val::DataMap(map, home) => {
                map.iter().map(|(key, value)| Ok((key.clone(), self.value(value, home)?))).collect()
            }
            map if map.is_map() => {
                let mut out = Entries::new();
                for key in self.keys(map) {
                    if let Some(value) = self.map_get(map, &key)? {
                        out.insert(key, value);
                    }
                }
                Ok(out)
            }
            other => Err(Fault::new(format!("expected a dictionary, got {}", other.type_name()))),
        }
    }

    /// Number of elements.
    pub(super) fn len(&self, of: &Val) -> Outcome<usize> {
        Ok(match of {
            Val::Str(text) => text.chars().count(),
            Val::List(items) => items.borrow().len(),
            Val::Tuple(items) => items.len(),
            Val::DataList(items, _) => items.len(),
            Val::Map(map) => map.borrow().len(),
            Val::DataMap(map, _) => map.len(),
            Val::Range { .. } => usize::try_from(range_len(of)).unwrap_or(usize::MAX),
            Val::Undefined(message) => return Err(Fault::undefined(&**message)),
            map if map.is_map() => self.keys(map).len(),
            other => return Err(Fault::new(format!("object of type '{}' has no len()", other.type_name()))),
        })
    }

    /// `a[start:stop:step]`.
    pub(super) fn slice(&self, of: &Val, parts: [Option<Val>; 3]) -> Outcome<Val> {
        if of.is_undefined() {
            return Ok(of.clone());
        }
        let mut bounds = [None; 3];
        for (slot, part) in bounds.iter_mut().zip(parts) {
            *slot = match part {
                None | Some(Val::Null) => None,
                Some(Val::Int(number)) => Some(number),
                Some(Val::Undefined(message)) => return Err(Fault::undefined(&*message)),
                Some(_) => return Err(Fault::new("slice indices must be integers or None")),
            };
        }
        let is_text = matches!(of, Val::Str(_));
        if !is_text && !of.is_list() && !matches!(of, Val::Range { .. }) {
            return Err(Fault::new(format!("'{}' object is not subscriptable", of.type_name())));
        }
        let items = self.items(of)?;
        let picked: Vec<Val> =
            positions(bounds, items.len())?.into_iter().filter_map(|index| items.get(index).cloned()).collect();
        if is_text {
            return Ok(Val::from(picked.iter().filter_map(Val::as_str).collect::<String>()));
        }
        Ok(if matches!(of, Val::Tuple(_)) { Val::tuple(picked) } else { Val::list(picked) })
    }

    /// A copy of data that can be changed in place, as assigning a variable to a name allows.
    pub(super) fn own(&self, value: Val) -> Val {
        match value {
            Val::DataList(items, home) => Val::list(items.iter().map(|item| Val::data(item, &home)).collect()),
            Val::DataMap(map, home) => {
                Val::map(map.iter().map(|(key, value)| (key.clone(), Val::data(value, &home))).collect())
            }
            other => other,
        }
    }

    /// The value as data, with everything in it rendered: what leaves the template.
    pub(super) fn finish(&self, value: &Val) -> Outcome<Value> {
        self.enter(|| self.finish_inner(value))
    }

    fn finish_inner(&self, value: &Val) -> Outcome<Value> {
        Ok(match value {
            Val::Undefined(message) => return Err(Fault::undefined(&**message)),
            Val::Null => Value::Null,
            Val::Bool(value) => Value::Bool(*value),
            Val::Int(number) => Value::Int(*number),
            Val::Float(number) => Value::Float(*number),
            Val::Str(text) => Value::Str(Arc::clone(text)),
            Val::Pending(..) => self.finish(&self.force(value.clone())?)?,
            Val::DataList(items, _) if !items.iter().any(Value::has_template) => Value::List(Arc::clone(items)),
            Val::DataMap(map, _) if !map.values().any(Value::has_template) => Value::Map(Arc::clone(map)),
            Val::List(_) | Val::Tuple(_) | Val::DataList(..) => {
                let mut out = Vec::new();
                for item in self.items(value)? {
                    let item = self.finish(&item)?;
                    if !super::is_omit(&item) {
                        out.push(item);
                    }
                }
                Value::list(out)
            }
            Val::Date(date) => Value::str(text::date(date)),
            map if map.is_map() => {
                let mut out = ValueMap::new();
                for (key, item) in self.entries(map)? {
                    let item = self.finish(&item)?;
                    if !super::is_omit(&item) {
                        out.insert(key, item);
                    }
                }
                Value::map(out)
            }
            other => {
                return Err(Fault::new(format!("type '{}' is unsupported for variable storage", other.type_name())));
            }
        })
    }
}

fn find<'m, V>(map: &'m indexmap::IndexMap<Key, V>, key: &Key) -> Option<&'m V> {
    map.get(key).or_else(|| match key {
        // Python: True == 1, and both have one hash.
        Key::Bool(value) => map.get(&Key::Int(i128::from(*value))),
        Key::Int(0) => map.get(&Key::Bool(false)),
        Key::Int(1) => map.get(&Key::Bool(true)),
        _ => None,
    })
}

fn missing(of: &Val, what: &str) -> Val {
    Val::undefined(format!("object of type '{}' has no attribute {what}", of.type_name()))
}

/// The positions a slice picks.
fn positions([start, stop, step]: [Option<i128>; 3], len: usize) -> Outcome<Vec<usize>> {
    let len = i128::try_from(len).unwrap_or(i128::MAX);
    let step = step.unwrap_or(1);
    if step == 0 {
        return Err(Fault::new("slice step cannot be zero"));
    }
    let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let clamp = |index: Option<i128>, default: i128| match index {
        None => default,
        Some(index) => (if index < 0 { index.saturating_add(len) } else { index }).clamp(low, high),
    };
    let (mut at, end) =
        if step > 0 { (clamp(start, 0), clamp(stop, len)) } else { (clamp(start, len - 1), clamp(stop, -1)) };
    let mut out = Vec::new();
    while (step > 0 && at < end) || (step < 0 && at > end) {
        out.extend(usize::try_from(at).ok());
        at = at.saturating_add(step);
    }
    Ok(out)
}
