//! Methods of Python's text, lists, mappings, dates and lengths of time, as templates call them.

use super::error::{Fault, Outcome};
use super::format;
use super::interpreter::Interpreter;
use super::macros::function;
use super::ops;
use super::text;
use super::val::{Args, Entries, Val};
use crate::yaml::Key;

const OF_STR: &[&str] = &[
    "split",
    "rsplit",
    "strip",
    "lstrip",
    "rstrip",
    "splitlines",
    "startswith",
    "endswith",
    "replace",
    "find",
    "rfind",
    "index",
    "rindex",
    "count",
    "upper",
    "lower",
    "title",
    "capitalize",
    "swapcase",
    "casefold",
    "join",
    "format",
    "format_map",
    "ljust",
    "rjust",
    "center",
    "zfill",
    "partition",
    "rpartition",
    "removeprefix",
    "removesuffix",
    "expandtabs",
    "isdigit",
    "isnumeric",
    "isdecimal",
    "isalpha",
    "isalnum",
    "isspace",
    "isupper",
    "islower",
    "istitle",
    "isidentifier",
    "isascii",
    "encode",
];
const OF_LIST: &[&str] =
    &["append", "extend", "insert", "pop", "remove", "index", "count", "copy", "clear", "reverse", "sort", "__len__"];
const OF_TUPLE: &[&str] = &["index", "count"];
const OF_MAP: &[&str] = &[
    "get",
    "keys",
    "values",
    "items",
    "update",
    "pop",
    "popitem",
    "setdefault",
    "copy",
    "clear",
    "__setitem__",
    "__contains__",
    "fromkeys",
];
const OF_DATE: &[&str] = &["strftime", "isoformat", "timestamp", "date", "time", "weekday", "isoweekday"];
const OF_DATE_FIELDS: &[&str] = &["year", "month", "day", "hour", "minute", "second", "microsecond"];

fn names(of: &Val) -> &'static [&'static str] {
    match of {
        Val::Str(_) => OF_STR,
        Val::List(_) | Val::DataList(..) => OF_LIST,
        Val::Tuple(_) => OF_TUPLE,
        Val::Date(_) => OF_DATE,
        Val::Duration(_) => &["total_seconds"],
        Val::Float(_) => &["is_integer"],
        Val::Int(_) => &["bit_length"],
        of if of.is_map() => OF_MAP,
        _ => &[],
    }
}

/// Whether it has the method.
pub(super) fn has(of: &Val, name: &str) -> bool {
    names(of).contains(&name)
}

/// A method as a value, or a plain attribute.
pub(super) fn bind(of: &Val, name: &str) -> Option<Val> {
    if let Val::Date(date) = of
        && OF_DATE_FIELDS.contains(&name)
    {
        return Some(Val::Int(match name {
            "year" => i128::from(date.year()),
            "month" => i128::from(date.month()),
            "day" => i128::from(date.day()),
            "hour" => i128::from(date.hour()),
            "minute" => i128::from(date.minute()),
            "second" => i128::from(date.second()),
            _ => i128::from(date.subsec_nanosecond() / 1000),
        }));
    }
    if let Val::Duration(length) = of {
        let micros = length.as_micros();
        match name {
            "days" => return Some(Val::Int(micros.div_euclid(86_400_000_000))),
            "seconds" => return Some(Val::Int(micros.rem_euclid(86_400_000_000) / 1_000_000)),
            "microseconds" => return Some(Val::Int(micros.rem_euclid(1_000_000))),
            _ => {}
        }
    }
    if !has(of, name) {
        return None;
    }
    let (of, name) = (of.clone(), name.to_owned());
    Some(function("method", move |interpreter, args| call(interpreter, &of, &name, args)))
}

/// Calls a method.
pub(super) fn call(interpreter: &Interpreter<'_>, of: &Val, name: &str, args: Args) -> Outcome<Val> {
    match of {
        Val::Str(text) => of_str(interpreter, text, name, args),
        Val::List(_) | Val::DataList(..) | Val::Tuple(_) => of_list(interpreter, of, name, args),
        Val::Date(date) => of_date(date, name, args),
        Val::Duration(length) => Ok(Val::Float(length.as_secs_f64())),
        Val::Float(number) => Ok(Val::Bool(number.fract() == 0.0)),
        Val::Int(number) => Ok(Val::Int(i128::from(128 - number.unsigned_abs().leading_zeros()))),
        of if of.is_map() => of_map(interpreter, of, name, args),
        other => Err(Fault::new(format!("'{}' object has no method '{name}'", other.type_name()))),
    }
}

fn text_arg(value: Option<Val>, name: &str) -> Outcome<Option<std::sync::Arc<str>>> {
    match value {
        None | Some(Val::Null) => Ok(None),
        Some(Val::Str(text)) => Ok(Some(text)),
        Some(other) => Err(Fault::new(format!("{name} argument must be str, not {}", other.type_name()))),
    }
}

fn int_arg(value: Option<Val>, default: i128) -> Outcome<i128> {
    match value {
        None | Some(Val::Null) => Ok(default),
        Some(value) => ops::as_int(&value)
            .ok_or_else(|| Fault::new(format!("'{}' object cannot be interpreted as an integer", value.type_name()))),
    }
}

fn size_arg(value: Option<Val>, default: usize) -> Outcome<usize> {
    Ok(usize::try_from(int_arg(value, i128::try_from(default).unwrap_or(0))?).unwrap_or(0).min(1 << 24))
}

fn of_str(interpreter: &Interpreter<'_>, text: &str, name: &str, args: Args) -> Outcome<Val> {
    match name {
        "split" | "rsplit" => {
            let [separator, limit] = args.bind(["sep", "maxsplit"])?;
            let limit = usize::try_from(int_arg(limit, -1)?).ok();
            let parts = split(text, text_arg(separator, name)?.as_deref(), limit, name == "rsplit")?;
            Ok(Val::list(parts.into_iter().map(Val::from).collect()))
        }
        "strip" | "lstrip" | "rstrip" => {
            let [letters] = args.bind(["chars"])?;
            let letters = text_arg(letters, name)?;
            let drop = |c: char| letters.as_ref().map_or(c.is_whitespace(), |letters| letters.contains(c));
            Ok(Val::from(match name {
                "strip" => text.trim_matches(drop),
                "lstrip" => text.trim_start_matches(drop),
                _ => text.trim_end_matches(drop),
            }))
        }
        "splitlines" => {
            let [keep] = args.bind(["keepends"])?;
            let keep = keep.map(|keep| keep.truth()).transpose()?.unwrap_or(false);
            Ok(Val::list(lines(text, keep).into_iter().map(Val::from).collect()))
        }
        "startswith" | "endswith" => affix(interpreter, text, name, args),
        "replace" => {
            let [old, new, count] = args.bind(["old", "new", "count"])?;
            let (Some(old), Some(new)) = (text_arg(old, name)?, text_arg(new, name)?) else {
                return Err(Fault::new("replace expected at least 2 arguments"));
            };
            let count = usize::try_from(int_arg(count, -1)?).ok();
            Ok(Val::from(count.map_or_else(|| text.replace(&*old, &new), |count| text.replacen(&*old, &new, count))))
        }
        "find" | "rfind" | "index" | "rindex" | "count" => search(text, name, args),
        "join" => {
            let [items] = args.bind(["iterable"])?;
            let mut out = String::new();
            for (index, item) in interpreter.items(&items.unwrap_or(Val::Null))?.iter().enumerate() {
                if index > 0 {
                    out.push_str(text);
                }
                let part = item.as_str().ok_or_else(|| {
                    Fault::new(format!("sequence item {index}: expected str instance, {} found", item.type_name()))
                })?;
                out.push_str(part);
            }
            Ok(Val::from(out))
        }
        "format" => format::braces(interpreter, text, &args).map(Val::from),
        "format_map" => {
            let [map] = args.bind(["mapping"])?;
            let named = interpreter.entries(&map.unwrap_or(Val::Null))?;
            let named = named.into_iter().map(|(key, value)| (key.to_string().into(), value)).collect();
            format::braces(interpreter, text, &Args { pos: Vec::new(), named }).map(Val::from)
        }
        "ljust" | "rjust" | "center" => {
            let [width, fill] = args.bind(["width", "fillchar"])?;
            let fill = text_arg(fill, name)?.and_then(|fill| fill.chars().next()).unwrap_or(' ');
            let missing = size_arg(width, 0)?.saturating_sub(text.chars().count());
            let left = match name {
                "ljust" => 0,
                "rjust" => missing,
                _ => missing / 2,
            };
            let run = |count: usize| std::iter::repeat_n(fill, count).collect::<String>();
            Ok(Val::from(format!("{}{text}{}", run(left), run(missing - left))))
        }
        "zfill" => {
            let [width] = args.bind(["width"])?;
            let missing = size_arg(width, 0)?.saturating_sub(text.chars().count());
            let split = usize::from(text.starts_with(['+', '-']));
            let (sign, digits) = text.split_at(split);
            Ok(Val::from(format!("{sign}{}{digits}", "0".repeat(missing))))
        }
        "partition" | "rpartition" => {
            let [separator] = args.bind(["sep"])?;
            let separator = text_arg(separator, name)?.unwrap_or_default();
            let parts = if name == "partition" {
                text.split_once(&*separator).map_or((text, "", ""), |(a, b)| (a, &*separator, b))
            } else {
                text.rsplit_once(&*separator).map_or(("", "", text), |(a, b)| (a, &*separator, b))
            };
            Ok(Val::tuple(vec![parts.0.into(), parts.1.into(), parts.2.into()]))
        }
        "removeprefix" | "removesuffix" => {
            let [affix] = args.bind(["prefix"])?;
            let affix = text_arg(affix, name)?.unwrap_or_default();
            let rest = if name == "removeprefix" { text.strip_prefix(&*affix) } else { text.strip_suffix(&*affix) };
            Ok(Val::from(rest.unwrap_or(text)))
        }
        "expandtabs" => Ok(Val::from(text.replace('\t', &" ".repeat(8)))),
        "encode" => Ok(Val::from(text)),
        _ => plain_str(text, name),
    }
}

/// Methods without arguments.
fn plain_str(text: &str, name: &str) -> Outcome<Val> {
    let all = |test: fn(char) -> bool| Val::Bool(!text.is_empty() && text.chars().all(test));
    Ok(match name {
        "upper" => Val::from(text.to_uppercase()),
        "lower" | "casefold" => Val::from(text.to_lowercase()),
        "title" => Val::from(title(text)),
        "capitalize" => Val::from(capitalize(text)),
        "swapcase" => Val::from(
            text.chars()
                .map(|c| if c.is_uppercase() { c.to_lowercase().to_string() } else { c.to_uppercase().to_string() })
                .collect::<String>(),
        ),
        "isdigit" | "isnumeric" | "isdecimal" => all(char::is_numeric),
        "isalpha" => all(char::is_alphabetic),
        "isalnum" => all(char::is_alphanumeric),
        "isspace" => all(char::is_whitespace),
        "isupper" => Val::Bool(text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase)),
        "islower" => Val::Bool(text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase)),
        "istitle" => Val::Bool(text.chars().any(char::is_alphabetic) && title(text) == text),
        "isascii" => Val::Bool(text.is_ascii()),
        "isidentifier" => Val::Bool(
            text.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
                && text.chars().all(|c| c.is_alphanumeric() || c == '_'),
        ),
        other => return Err(Fault::new(format!("'str' object has no method '{other}'"))),
    })
}

pub(super) fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars.as_str().to_lowercase().chars()).collect())
}

/// `str.title()`: every run of letters begins with a capital.
fn title(text: &str) -> String {
    let mut inside = false;
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if inside {
            out.extend(letter.to_lowercase());
        } else {
            out.extend(letter.to_uppercase());
        }
        inside = letter.is_alphabetic();
    }
    out
}

fn lines(text: &str, keep: bool) -> Vec<&str> {
    let mut out = Vec::new();
    for line in text.split_inclusive('\n') {
        out.push(if keep { line } else { line.trim_end_matches('\n').trim_end_matches('\r') });
    }
    out
}

/// `str.split`: without a separator, runs of blanks separate and none are kept.
pub(super) fn split<'t>(
    text: &'t str,
    separator: Option<&str>,
    limit: Option<usize>,
    from_right: bool,
) -> Outcome<Vec<&'t str>> {
    let mut parts: Vec<&str> = Vec::new();
    match (separator, limit, from_right) {
        (Some(""), ..) => return Err(Fault::new("empty separator")),
        (Some(separator), None, _) => parts.extend(text.split(separator)),
        (Some(separator), Some(limit), false) => parts.extend(text.splitn(limit + 1, separator)),
        (Some(separator), Some(limit), true) => {
            parts.extend(text.rsplitn(limit + 1, separator));
            parts.reverse();
        }
        (None, None, _) => parts.extend(text.split_whitespace()),
        (None, Some(limit), false) => {
            let mut rest = text.trim_start();
            while !rest.is_empty() && parts.len() < limit {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                parts.push(word);
                rest = after.trim_start();
            }
            if !rest.is_empty() {
                parts.push(rest.trim_end());
            }
        }
        (None, Some(limit), true) => {
            let mut rest = text.trim_end();
            while !rest.is_empty() && parts.len() < limit {
                let start = rest
                    .rfind(char::is_whitespace)
                    .map_or(0, |at| at + rest.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8));
                let (before, word) = rest.split_at(start);
                parts.push(word);
                rest = before.trim_end();
            }
            if !rest.is_empty() {
                parts.push(rest.trim_start());
            }
            parts.reverse();
        }
    }
    Ok(parts)
}

fn affix(interpreter: &Interpreter<'_>, text: &str, name: &str, args: Args) -> Outcome<Val> {
    let [affix, start, end] = args.bind(["prefix", "start", "end"])?;
    let part = window(text, start, end)?.1;
    let affixes = match affix {
        Some(list) if list.is_list() => interpreter.items(&list)?,
        other => vec![other.unwrap_or(Val::Null)],
    };
    for affix in &affixes {
        let affix = affix
            .as_str()
            .ok_or_else(|| Fault::new(format!("{name} first arg must be str, not {}", affix.type_name())))?;
        if if name == "startswith" { part.starts_with(affix) } else { part.ends_with(affix) } {
            return Ok(Val::Bool(true));
        }
    }
    Ok(Val::Bool(false))
}

/// The part of the text from `start` to `end` (characters), and how many characters stand before it.
fn window(text: &str, start: Option<Val>, end: Option<Val>) -> Outcome<(usize, String)> {
    let len = text.chars().count();
    let place = |value: Option<Val>, default: usize| -> Outcome<usize> {
        let at = int_arg(value, i128::try_from(default).unwrap_or(0))?;
        let size = i128::try_from(len).unwrap_or(i128::MAX);
        Ok(usize::try_from(if at < 0 { (at + size).max(0) } else { at.min(size) }).unwrap_or(0))
    };
    let (start, end) = (place(start, 0)?, place(end, len)?);
    Ok((start, text.chars().skip(start).take(end.saturating_sub(start)).collect()))
}

fn search(text: &str, name: &str, args: Args) -> Outcome<Val> {
    let [what, start, end] = args.bind(["sub", "start", "end"])?;
    let what = text_arg(what, name)?.ok_or_else(|| Fault::new(format!("{name} expected at least 1 argument")))?;
    let (before, part) = window(text, start, end)?;
    if name == "count" {
        let count = if what.is_empty() { part.chars().count() + 1 } else { part.matches(&*what).count() };
        return Ok(Val::int(count));
    }
    let found = if name.starts_with('r') { part.rfind(&*what) } else { part.find(&*what) };
    match found {
        Some(at) => Ok(Val::int(before + part.get(..at).map_or(0, |head| head.chars().count()))),
        None if name.ends_with("index") => Err(Fault::new("substring not found")),
        None => Ok(Val::Int(-1)),
    }
}

fn of_list(interpreter: &Interpreter<'_>, of: &Val, name: &str, args: Args) -> Outcome<Val> {
    match name {
        "index" | "count" => {
            let [what] = args.bind(["value"])?;
            let what = what.unwrap_or(Val::Null);
            let mut count = 0;
            for (index, item) in interpreter.items(of)?.iter().enumerate() {
                if ops::equal(interpreter, item, &what)? {
                    if name == "index" {
                        return Ok(Val::int(index));
                    }
                    count += 1;
                }
            }
            return if name == "count" {
                Ok(Val::int(count))
            } else {
                Err(Fault::new(format!("{} is not in list", text::repr(interpreter, &what)?)))
            };
        }
        "copy" => return Ok(Val::list(interpreter.items(of)?)),
        "__len__" => return Ok(Val::int(interpreter.len(of)?)),
        _ => {}
    }
    let Val::List(items) = of else {
        return Err(Fault::new(format!("cannot {name} in place: the list belongs to a variable; use `list + [item]`")));
    };
    match name {
        "append" => {
            let [value] = args.bind(["object"])?;
            let value = value.unwrap_or(Val::Null);
            interpreter.step()?;
            items.borrow_mut().push(value);
        }
        "extend" => {
            let [more] = args.bind(["iterable"])?;
            let more = interpreter.items(&more.unwrap_or(Val::Null))?;
            if items.borrow().len() + more.len() > usize::try_from(super::access::LARGEST).unwrap_or(usize::MAX) {
                return Err(Fault::new("list grows too large"));
            }
            items.borrow_mut().extend(more);
        }
        "insert" => {
            let [at, value] = args.bind(["index", "object"])?;
            let at = int_arg(at, 0)?;
            let mut items = items.borrow_mut();
            let len = i128::try_from(items.len()).unwrap_or(i128::MAX);
            let at = if at < 0 { (at + len).max(0) } else { at.min(len) };
            items.insert(usize::try_from(at).unwrap_or(0), value.unwrap_or(Val::Null));
        }
        "pop" => {
            let [at] = args.bind(["index"])?;
            let mut items = items.borrow_mut();
            let len = i128::try_from(items.len()).unwrap_or(i128::MAX);
            let at = int_arg(at, -1)?;
            let at = usize::try_from(if at < 0 { at + len } else { at }).unwrap_or(usize::MAX);
            if at >= items.len() {
                return Err(Fault::new("pop index out of range"));
            }
            let taken = items.remove(at);
            drop(items);
            return interpreter.force(taken);
        }
        "remove" => {
            let [what] = args.bind(["value"])?;
            let what = what.unwrap_or(Val::Null);
            let all = interpreter.items(of)?;
            for (index, item) in all.iter().enumerate() {
                if ops::equal(interpreter, item, &what)? {
                    items.borrow_mut().remove(index);
                    return Ok(Val::Null);
                }
            }
            return Err(Fault::new("list.remove(x): x not in list"));
        }
        "clear" => items.borrow_mut().clear(),
        "reverse" => items.borrow_mut().reverse(),
        "sort" => {
            let [reverse] = args.bind(["reverse"])?;
            let reverse = reverse.map(|reverse| reverse.truth()).transpose()?.unwrap_or(false);
            let mut sorted = interpreter.items(of)?;
            ops::sort_by(interpreter, &mut sorted, |item| item, reverse)?;
            *items.borrow_mut() = sorted;
        }
        other => return Err(Fault::new(format!("'list' object has no method '{other}'"))),
    }
    Ok(Val::Null)
}

fn of_map(interpreter: &Interpreter<'_>, of: &Val, name: &str, args: Args) -> Outcome<Val> {
    match name {
        "get" => {
            let [key, default] = args.bind(["key", "default"])?;
            let found = interpreter.map_get(of, &key.unwrap_or(Val::Null).to_key()?)?;
            return Ok(found.or(default).unwrap_or(Val::Null));
        }
        "__contains__" => {
            let [key] = args.bind(["key"])?;
            return ops::contains(interpreter, of, &key.unwrap_or(Val::Null)).map(Val::Bool);
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
        "__setitem__" => {
            let [key, value] = args.bind(["key", "value"])?;
            let key = key.unwrap_or(Val::Null).to_key()?;
            map.borrow_mut().insert(key, value.unwrap_or(Val::Null));
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
pub(super) fn pairs(interpreter: &Interpreter<'_>, list: &Val) -> Outcome<Entries> {
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

fn of_date(date: &jiff::civil::DateTime, name: &str, args: Args) -> Outcome<Val> {
    Ok(match name {
        "strftime" => {
            let [format] = args.bind(["format"])?;
            let format = text_arg(format, name)?.unwrap_or_default();
            Val::from(crate::template::dates::strftime(
                &format,
                &date.in_tz("UTC").map_err(|e| Fault::new(e.to_string()))?,
            )?)
        }
        "timestamp" => Val::Float(
            date.in_tz("UTC").map_err(|error| Fault::new(error.to_string()))?.timestamp().as_microsecond() as f64 / 1e6,
        ),
        "isoformat" => Val::from(text::date(date).replacen(' ', "T", 1)),
        "date" => Val::from(date.date().to_string()),
        "time" => Val::from(date.time().to_string()),
        "weekday" => Val::Int(i128::from(date.weekday().to_monday_zero_offset())),
        _ => Val::Int(i128::from(date.weekday().to_monday_one_offset())),
    })
}
