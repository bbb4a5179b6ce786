//! Methods of text.

use super::arguments::{int_arg, size_arg, text_arg};
use crate::template::error::{Fault, Outcome};
use crate::template::format;
use crate::template::interpreter::Interpreter;
use crate::template::val::{Args, Val};

pub(super) const NAMES: &[&str] = &[
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

/// Calls a method of text.
pub(super) fn call(interpreter: &Interpreter<'_>, text: &str, name: &str, args: Args) -> Outcome<Val> {
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
        "ljust" | "rjust" | "center" | "zfill" => padded(text, name, args),
        "partition" | "rpartition" | "removeprefix" | "removesuffix" => parted(text, name, args),
        "expandtabs" => Ok(Val::from(text.replace('\t', &" ".repeat(8)))),
        "encode" => Ok(Val::from(text)),
        _ => plain_str(text, name),
    }
}

/// Methods that fill up to a width.
fn padded(text: &str, name: &str, args: Args) -> Outcome<Val> {
    let [width, fill] = args.bind(["width", "fillchar"])?;
    let missing = size_arg(width, 0)?.saturating_sub(text.chars().count());
    if name == "zfill" {
        let (sign, digits) = text.split_at(usize::from(text.starts_with(['+', '-'])));
        return Ok(Val::from(format!("{sign}{}{digits}", "0".repeat(missing))));
    }
    let fill = text_arg(fill, name)?.and_then(|fill| fill.chars().next()).unwrap_or(' ');
    let left = match name {
        "ljust" => 0,
        "rjust" => missing,
        _ => missing / 2,
    };
    let run = |count: usize| std::iter::repeat_n(fill, count).collect::<String>();
    Ok(Val::from(format!("{}{text}{}", run(left), run(missing - left))))
}

/// Methods that cut at a text.
fn parted(text: &str, name: &str, args: Args) -> Outcome<Val> {
    let [at] = args.bind(["sep"])?;
    let at = text_arg(at, name)?.unwrap_or_default();
    let parts = match name {
        "removeprefix" => return Ok(Val::from(text.strip_prefix(&*at).unwrap_or(text))),
        "removesuffix" => return Ok(Val::from(text.strip_suffix(&*at).unwrap_or(text))),
        "partition" => text.split_once(&*at).map_or((text, "", ""), |(a, b)| (a, &*at, b)),
        _ => text.rsplit_once(&*at).map_or(("", "", text), |(a, b)| (a, &*at, b)),
    };
    Ok(Val::tuple(vec![parts.0.into(), parts.1.into(), parts.2.into()]))
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

pub(in crate::template) fn capitalize(text: &str) -> String {
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
fn split<'t>(text: &'t str, separator: Option<&str>, limit: Option<usize>, from_right: bool) -> Outcome<Vec<&'t str>> {
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
