//! Filters of mappings.

use super::select::path_value;
use super::table::{Filter, flag, of, required, text};
use crate::template::error::{Fault, Outcome};
use crate::template::interpreter::Interpreter;
use crate::template::ops::{self, Seen};
use crate::template::val::{Args, Entries, Val};
use crate::yaml::Key;

pub(super) const FILTERS: &[(&str, Filter)] = &[
    ("combine", of(combine)),
    ("dict2items", of(dict2items)),
    ("items2dict", of(items2dict)),
    ("dictsort", of(dictsort)),
    ("items", of(items)),
    ("subelements", of(subelements)),
    ("rekey_on_member", of(rekey)),
    ("attr", of(attr)),
];

/// What happens to lists under the same key.
#[derive(Clone, Copy, PartialEq)]
enum Lists {
    Replace,
    Keep,
    Append,
    Prepend,
    AppendNew,
    PrependNew,
}

fn lists(name: Option<&str>) -> Outcome<Lists> {
    Ok(match name {
        None | Some("replace") => Lists::Replace,
        Some("keep") => Lists::Keep,
        Some("append") => Lists::Append,
        Some("prepend") => Lists::Prepend,
        Some("append_rp") => Lists::AppendNew,
        Some("prepend_rp") => Lists::PrependNew,
        Some(other) => {
            return Err(Fault::new(format!(
                "'list_merge' must be replace, keep, append, prepend, append_rp or prepend_rp, not '{other}'"
            )));
        }
    })
}

fn combine(interpreter: &Interpreter<'_>, value: Val, mut args: Args) -> Outcome<Val> {
    let recursive = flag(args.take("recursive"), false)?;
    let merge = lists(text(interpreter, args.take("list_merge"))?.as_deref())?;
    if let Some((name, _)) = args.named.first() {
        return Err(Fault::new(format!("got an unexpected keyword argument '{name}'")));
    }
    let mut maps = Vec::new();
    for given in std::iter::once(value).chain(args.pos) {
        collect_maps(interpreter, given, &mut maps)?;
    }
    let mut out = Entries::new();
    for map in maps {
        merge_into(interpreter, &mut out, interpreter.entries(&map)?, recursive, merge)?;
    }
    Ok(Val::map(out))
}

fn collect_maps(interpreter: &Interpreter<'_>, value: Val, out: &mut Vec<Val>) -> Outcome<()> {
    if value.is_list() {
        for item in interpreter.items(&value)? {
            interpreter.enter(|| collect_maps(interpreter, item, out))?;
        }
        return Ok(());
    }
    if !value.is_map() {
        return Err(Fault::new(format!("combine expects dictionaries, got {}", value.type_name())));
    }
    out.push(value);
    Ok(())
}

fn merge_into(
    interpreter: &Interpreter<'_>,
    out: &mut Entries,
    more: Entries,
    recursive: bool,
    lists: Lists,
) -> Outcome<()> {
    for (key, value) in more {
        let merged = match out.get(&key) {
            Some(old) if recursive && old.is_map() && value.is_map() => {
                let mut inner = interpreter.entries(old)?;
                let more = interpreter.entries(&value)?;
                interpreter.enter(|| merge_into(interpreter, &mut inner, more, recursive, lists))?;
                Val::map(inner)
            }
            Some(old) if old.is_list() && value.is_list() => {
                Val::list(merge_lists(interpreter, interpreter.items(old)?, interpreter.items(&value)?, lists)?)
            }
            _ => value,
        };
        out.insert(key, merged);
    }
    Ok(())
}

fn merge_lists(interpreter: &Interpreter<'_>, old: Vec<Val>, new: Vec<Val>, lists: Lists) -> Outcome<Vec<Val>> {
    let without = |items: Vec<Val>, others: &[Val]| -> Outcome<Vec<Val>> {
        let seen = Seen::of(interpreter, others)?;
        let mut out = Vec::new();
        for item in items {
            if !seen.has(interpreter, &item)? {
                out.push(item);
            }
        }
        Ok(out)
    };
    let join = |mut first: Vec<Val>, second: Vec<Val>| {
        first.extend(second);
        first
    };
    Ok(match lists {
        Lists::Replace => new,
        Lists::Keep => old,
        Lists::Append => join(old, new),
        Lists::Prepend => join(new, old),
        Lists::AppendNew => join(without(old, &new)?, new),
        Lists::PrependNew => {
            let rest = without(old, &new)?;
            join(new, rest)
        }
    })
}

fn pair(key_name: &str, key: Val, value_name: &str, value: Val) -> Val {
    Val::map([(Key::from(key_name), key), (Key::from(value_name), value)].into_iter().collect())
}

fn dict2items(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [key_name, value_name] = args.bind(["key_name", "value_name"])?;
    let key_name = text(interpreter, key_name)?.unwrap_or_else(|| "key".into());
    let value_name = text(interpreter, value_name)?.unwrap_or_else(|| "value".into());
    if !value.is_map() {
        return Err(Fault::new(format!("dict2items requires a dictionary, got {} instead", value.type_name())));
    }
    let entries = interpreter.entries(&value)?;
    Ok(Val::list(entries.iter().map(|(k, v)| pair(&key_name, Val::of_key(k), &value_name, v.clone())).collect()))
}

fn items2dict(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [key_name, value_name] = args.bind(["key_name", "value_name"])?;
    let key_name = text(interpreter, key_name)?.unwrap_or_else(|| "key".into());
    let value_name = text(interpreter, value_name)?.unwrap_or_else(|| "value".into());
    if !value.is_list() {
        return Err(Fault::new(format!("items2dict requires a list, got {} instead", value.type_name())));
    }
    let mut out = Entries::new();
    for item in interpreter.items(&value)? {
        let get = |name: &str| -> Outcome<Val> {
            interpreter.map_get(&item, &Key::from(name))?.ok_or_else(|| {
                Fault::new(format!("items2dict requires each item to have the keys '{key_name}' and '{value_name}'"))
            })
        };
        out.insert(get(&key_name)?.to_key()?, get(&value_name)?);
    }
    Ok(Val::map(out))
}

fn pairs(interpreter: &Interpreter<'_>, value: &Val) -> Outcome<Vec<(Val, Val)>> {
    Ok(interpreter.entries(value)?.iter().map(|(key, value)| (Val::of_key(key), value.clone())).collect())
}

fn dictsort(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [case, by, reverse] = args.bind(["case_sensitive", "by", "reverse"])?;
    let (case, reverse) = (flag(case, false)?, flag(reverse, false)?);
    let by_value = match text(interpreter, by)?.as_deref() {
        None | Some("key") => false,
        Some("value") => true,
        Some(other) => return Err(Fault::new(format!("you can only sort by either 'key' or 'value', not '{other}'"))),
    };
    let mut rows: Vec<(Val, Val)> = pairs(interpreter, &value)?
        .into_iter()
        .map(|(key, value)| {
            let by = if by_value { value.clone() } else { key.clone() };
            (super::lists::folded(by, case), Val::tuple(vec![key, value]))
        })
        .collect();
    ops::sort_by(interpreter, &mut rows, |row| &row.0, reverse)?;
    Ok(Val::list(rows.into_iter().map(|row| row.1).collect()))
}

fn items(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    Ok(Val::list(pairs(interpreter, &value)?.into_iter().map(|(key, value)| Val::tuple(vec![key, value])).collect()))
}

fn subelements(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [path, skip] = args.bind(["subelements", "skip_missing"])?;
    let skip = flag(skip, false)?;
    each_subelement(interpreter, &value, &required(path, "subelements")?, skip).map(Val::list)
}

/// Pairs of each item and each element of a list inside it.
pub(in crate::template) fn each_subelement(
    interpreter: &Interpreter<'_>,
    value: &Val,
    path: &Val,
    skip: bool,
) -> Outcome<Vec<Val>> {
    let rows =
        if value.is_map() { interpreter.entries(value)?.into_values().collect() } else { interpreter.items(value)? };
    let steps: Vec<Val> = match path {
        Val::Str(path) => path.split('.').map(Val::from).collect(),
        path => interpreter.items(path)?,
    };
    let mut out = Vec::new();
    for row in rows {
        let mut found = row.clone();
        for step in &steps {
            found = match &found {
                map if map.is_map() => match interpreter.map_get(map, &step.to_key()?)? {
                    Some(value) => value,
                    None if skip => Val::list(Vec::new()),
                    None => {
                        return Err(Fault::new(format!(
                            "could not find '{}' key in an item",
                            step.as_str().unwrap_or("?")
                        )));
                    }
                },
                list if list.is_list() => found,
                other => {
                    return Err(Fault::new(format!("the key should point to a dictionary, got {}", other.type_name())));
                }
            };
        }
        if !found.is_list() {
            return Err(Fault::new(format!("the key should point to a list, got {}", found.type_name())));
        }
        out.extend(interpreter.items(&found)?.into_iter().map(|item| Val::tuple(vec![row.clone(), item])));
    }
    Ok(out)
}

fn rekey(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [key, duplicates] = args.bind(["key", "duplicates"])?;
    let key = required(key, "key")?;
    let overwrite = text(interpreter, duplicates)?.as_deref() == Some("overwrite");
    let rows = if value.is_map() {
        interpreter.entries(&value)?.into_values().collect()
    } else {
        interpreter.items(&value)?
    };
    let mut out = Entries::new();
    for row in rows {
        let name = path_value(interpreter, &row, &key)?.defined()?.to_key()?;
        if !overwrite && out.contains_key(&name) {
            return Err(Fault::new(format!("key {name} is not unique, cannot correctly turn into dict")));
        }
        out.insert(name, row);
    }
    Ok(Val::map(out))
}

fn attr(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [name] = args.bind(["name"])?;
    let name = text(interpreter, name)?.unwrap_or_default();
    Ok(if value.is_map() {
        crate::template::methods::bind(&value, &name)
            .unwrap_or_else(|| Val::undefined(format!("object of type 'dict' has no attribute '{name}'")))
    } else {
        interpreter.attr(&value, &name)?
    })
}
