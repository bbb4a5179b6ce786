//! What a loop goes over, and the variables of each round.

use super::flags;
use super::host::HostRun;
use crate::playbook::{Loop, LoopControl};
use crate::template::{Place, Scope, TemplateError, TemplateErrorKind};
use crate::yaml::{Key, Value, ValueMap};
use std::sync::Arc;

/// One round of a loop.
pub struct Round<'a> {
    /// `loop_control:`.
    pub control: &'a LoopControl,
    /// Counted from 0.
    pub index: usize,
    /// How many there are.
    pub total: usize,
    /// All items.
    pub items: &'a [Value],
    /// The item.
    pub value: &'a Value,
    /// What `ansible_loop` holds.
    pub extent: Extent,
}

/// Whether a loop provides `ansible_loop`, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// It does not.
    None,
    /// All but the list of items.
    Bare,
    /// Everything.
    Whole,
}

/// What `extended` and `extended_allitems` of a loop ask for.
pub fn extent(walker: &HostRun, control: &LoopControl, scope: &Scope, place: &Place) -> Result<Extent, String> {
    if !flags::truth(walker, &control.extended, scope, place)? {
        return Ok(Extent::None);
    }
    let is_whole =
        control.extended_allitems.is_none() || flags::truth(walker, &control.extended_allitems, scope, place)?;
    Ok(if is_whole { Extent::Whole } else { Extent::Bare })
}

/// The items of a loop, rendered.
pub fn items(walker: &HostRun, looped: &Loop, scope: &Scope, place: &Place) -> Result<Vec<Value>, TemplateError> {
    let engine = &walker.run.engine;
    let value = engine.render(&looped.items.value, scope, place)?;
    let value = match looped.lookup.as_deref() {
        None => value,
        Some(name) => engine.lookup(name, &terms(value), scope, place)?,
    };
    match value {
        Value::List(items) => Ok(items.to_vec()),
        other => Err(TemplateError {
            kind: TemplateErrorKind::Other,
            message: format!("a loop needs a list, found {}", other.type_name()),
            origin: Some(looped.items.origin.clone()),
        }),
    }
}

/// `with_NAME` gives its value to the lookup: a list as its terms, anything else as the only one.
fn terms(value: Value) -> Vec<Value> {
    match value {
        Value::List(items) => items.to_vec(),
        other => vec![other],
    }
}

/// Name of the loop's variable.
pub fn variable(control: &LoopControl) -> &str {
    control.variable.as_deref().unwrap_or("item")
}

/// The variables of a round over those around it.
pub fn scope(round: &Round<'_>, outer: &Scope) -> Scope {
    outer.with(Arc::new(variables(round)))
}

/// The variables of a round.
pub fn variables(round: &Round<'_>) -> ValueMap {
    let mut map = ValueMap::new();
    map.insert(Key::from(variable(round.control)), round.value.clone());
    map.insert(Key::from("ansible_loop_var"), Value::from(variable(round.control)));
    if let Some(name) = &round.control.index {
        map.insert(Key::from(name.as_str()), Value::Int(round.index as i128));
        map.insert(Key::from("ansible_index_var"), Value::from(name.as_str()));
    }
    if round.extent != Extent::None {
        map.insert(Key::from("ansible_loop"), extended(round));
    }
    map
}

fn extended(round: &Round<'_>) -> Value {
    let mut map = ValueMap::new();
    let mut put = |name: &str, value: Value| {
        map.insert(Key::from(name), value);
    };
    let number = |number: usize| Value::Int(number as i128);
    if round.extent == Extent::Whole {
        put("allitems", Value::list(round.items.to_vec()));
    }
    put("index", number(round.index + 1));
    put("index0", number(round.index));
    put("first", Value::Bool(round.index == 0));
    put("last", Value::Bool(round.index + 1 == round.total));
    put("length", number(round.total));
    put("revindex", number(round.total - round.index));
    put("revindex0", number(round.total - round.index - 1));
    if let Some(next) = round.items.get(round.index + 1) {
        put("nextitem", next.clone());
    }
    if let Some(previous) = round.index.checked_sub(1).and_then(|index| round.items.get(index)) {
        put("previtem", previous.clone());
    }
    Value::map(map)
}
