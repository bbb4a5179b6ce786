//! Methods of mappings.

use crate::template::error::{Fault, Outcome};
use crate::template::interpreter::Interpreter;
use crate::template::val::{Args, Entries, Val};
use crate::yaml::Key;

pub(super) const NAMES: &[&str] =
    &["get", "keys", "values", "items", "update", "pop", "popitem", "setdefault", "copy", "clear", "fromkeys"];

/// Calls a method of a mapping.
pub(super) fn call(interpreter: &Interpreter<'_>, of: &Val, name: &str, args: Args) -> Outcome<Val> {
    match name {
        "get" => {
            let [key, default] = args.bind(["key", "default"])?;
            let found = interpreter.map_get(of, &key.unwrap_or(Val::Null).to_key()?)?;
            return Ok(found.or(default).unwrap_or(Val::Null));
        }
        "keys" => return Ok(Val::list(interpreter.items(of)?)),
        "values" => return Ok(Val::list(interpreter.entries(of)?.into_values().collect())),
        "items" => {
            let pairs = interpreter.entries(of)?;
            return Ok(Val::list(pairs.iter().map(|(k, v)| Val::tuple(vec![Val::of_key(k), v.clone()])).collect()));
        }
        "copy" => return Ok(Val::map(interpreter.entries(of)?)),
        "fromkeys" => {
            let [keys, value] = args.bind(["iterable", "value"])?;
            let value = value.unwrap_or(Val::Null);
            let keys = interpreter.items(&keys.unwrap_or(Val::Null))?;
            return Ok(Val::map(
                keys.iter().map(|key| Ok((key.to_key()?, value.clone()))).collect::<Outcome<Entries>>()?,
            ));
        }
        _ => {}
    }
    let Val::Map(map) = of else {
        return Err(Fault::new(format!("cannot {name} in place: the dictionary belongs to a variable; use `combine`")));
    };
    match name {
        "update" => {
            for given in &args.pos {
                let more = if given.is_map() { interpreter.entries(given)? } else { pairs(interpreter, given)? };
                map.borrow_mut().extend(more);
            }
            map.borrow_mut().extend(args.named.into_iter().map(|(name, value)| (Key::Str(name), value)));
        }
        "setdefault" => {
            let [key, value] = args.bind(["key", "default"])?;
            let key = key.unwrap_or(Val::Null).to_key()?;
            if let Some(found) = interpreter.map_get(of, &key)? {
                return Ok(found);
            }
            let value = value.unwrap_or(Val::Null);
            map.borrow_mut().insert(key, value.clone());
            return Ok(value);
        }
        "pop" => {
            let [key, default] = args.bind(["key", "default"])?;
            let key = key.unwrap_or(Val::Null).to_key()?;
            let taken = map.borrow_mut().shift_remove(&key);
            return match taken.or(default) {
                Some(value) => interpreter.force(value),
                None => Err(Fault::new(format!("there is no key '{key}'"))),
            };
        }
        "popitem" => {
            let taken = map.borrow_mut().pop();
            return taken
                .map(|(key, value)| Val::tuple(vec![Val::of_key(&key), value]))
                .ok_or_else(|| Fault::new("dictionary is empty"));
        }
        "clear" => map.borrow_mut().clear(),
        other => return Err(Fault::new(format!("'dict' object has no method '{other}'"))),
    }
    Ok(Val::Null)
}

/// A mapping from a list of pairs.
pub(in crate::template) fn pairs(interpreter: &Interpreter<'_>, list: &Val) -> Outcome<Entries> {
    let mut out = Entries::new();
    for pair in interpreter.items(list)? {
        match interpreter.items(&pair)?.as_slice() {
            [key, value] => {
                out.insert(key.to_key()?, value.clone());
            }
            other => {
                return Err(Fault::new(format!(
                    "dictionary update sequence element has length {}; 2 is required",
                    other.len()
                )));
            }
        }
    }
    Ok(out)
}
