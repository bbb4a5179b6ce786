//! Filters of regular expressions, in Python's dialect.

use super::table::{Filter, flag, of, required, size, subject, text};
use crate::template::error::{Fault, Outcome};
use crate::template::interpreter::Interpreter;
use crate::template::regex::{self, Flags};
use crate::template::val::{Args, Val};

pub(super) const FILTERS: &[(&str, Filter)] = &[
    ("regex_replace", of(replace)),
    ("regex_search", of(search)),
    ("regex_findall", of(findall)),
    ("regex_escape", of(escape)),
];

fn replace(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let names = ["pattern", "replacement", "ignorecase", "multiline", "count", "mandatory_count"];
    let [pattern, replacement, ignore_case, multiline, count, mandatory] = args.bind(names)?;
    let value = subject(interpreter, &value)?;
    let pattern = text(interpreter, pattern)?.unwrap_or_default();
    let replacement = text(interpreter, replacement)?.unwrap_or_default();
    let flags =
        Flags { ignore_case: flag(ignore_case, false)?, multiline: flag(multiline, false)?, ..Flags::default() };
    let regex = regex::compile(&pattern, flags)?;
    let limit = match size(count, 0)? {
        0 => usize::MAX,
        limit => limit,
    };
    let mut out = String::with_capacity(value.len());
    let mut done = 0;
    let mut replaced = 0;
    for found in regex::all(&regex, &value)?.into_iter().take(limit) {
        let Some(whole) = found.get(0) else { continue };
        out.push_str(value.get(done..whole.start()).unwrap_or_default());
        regex::expand(&replacement, &found, &mut out)?;
        done = whole.end();
        replaced += 1;
    }
    out.push_str(value.get(done..).unwrap_or_default());
    let wanted = size(mandatory, 0)?;
    if wanted > 0 && wanted != replaced {
        return Err(Fault::new(format!("'{pattern}' should match {wanted} times, but matches {replaced} times")));
    }
    Ok(Val::from(out))
}

fn search(interpreter: &Interpreter<'_>, value: Val, mut args: Args) -> Outcome<Val> {
    let flags = Flags {
        ignore_case: flag(args.take("ignorecase"), false)?,
        multiline: flag(args.take("multiline"), false)?,
        ..Flags::default()
    };
    let value = subject(interpreter, &value)?;
    let named = args.take("regex");
    let mut given = named.into_iter().chain(args.pos);
    let pattern = subject(interpreter, &required(given.next(), "regex")?)?;
    let regex = regex::compile(&pattern, flags)?;
    let mut groups = Vec::new();
    for group in given {
        let group = subject(interpreter, &group)?;
        let name = group
            .strip_prefix("\\g<")
            .and_then(|name| name.strip_suffix('>'))
            .or_else(|| group.strip_prefix('\\').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit())))
            .ok_or_else(|| Fault::new("unknown argument"))?;
        groups.push(name.to_owned());
    }
    let Some(found) = regex::first(&regex, &value)? else { return Ok(Val::Null) };
    if groups.is_empty() {
        return Ok(found.get(0).map_or(Val::Null, |whole| Val::from(whole.as_str())));
    }
    groups
        .iter()
        .map(|name| Ok(regex::group(&found, name)?.map_or(Val::Null, Val::from)))
        .collect::<Outcome<Vec<_>>>()
        .map(Val::list)
}

fn findall(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [pattern, multiline, ignore_case] = args.bind(["regex", "multiline", "ignorecase"])?;
    let value = subject(interpreter, &value)?;
    let pattern = subject(interpreter, &required(pattern, "regex")?)?;
    let flags =
        Flags { ignore_case: flag(ignore_case, false)?, multiline: flag(multiline, false)?, ..Flags::default() };
    let regex = regex::compile(&pattern, flags)?;
    let mut out = Vec::new();
    for found in regex::all(&regex, &value)? {
        let part = |index: usize| Val::from(found.get(index).map_or("", |part| part.as_str()));
        out.push(match found.len() {
            1 => part(0),
            2 => part(1),
            len => Val::tuple((1..len).map(part).collect()),
        });
    }
    Ok(Val::list(out))
}

fn escape(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [dialect] = args.bind(["re_type"])?;
    let value = subject(interpreter, &value)?;
    match text(interpreter, dialect)?.as_deref() {
        None | Some("python") => Ok(Val::from(regex::escape(&value))),
        Some("posix_basic") => {
            let mut out = String::new();
            for letter in value.chars() {
                if "].[.*^$\\".contains(letter) {
                    out.push('\\');
                }
                out.push(letter);
            }
            Ok(Val::from(out))
        }
        Some(other) => Err(Fault::new(format!("regex type '{other}' is not supported"))),
    }
}
