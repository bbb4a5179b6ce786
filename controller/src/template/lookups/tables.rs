//! Lookups in tables: `ini`, `csvfile`.

use super::call::{Call, Lookup};
use super::files::read;
use crate::template::error::{Fault, Outcome};
use crate::template::interpreter::Interpreter;
use crate::template::regex::{self, Flags};
use crate::template::text;
use crate::template::val::Val;
use std::sync::Arc;

pub(super) const LOOKUPS: &[(&str, Lookup)] = &[("ini", ini), ("csvfile", csvfile)];

/// Words of a term of the old kind: `key file=x section=y`.
fn old_options(call: &mut Call, interpreter: &Interpreter<'_>) -> Outcome<Vec<Arc<str>>> {
    let mut keys = Vec::new();
    for term in call.texts(interpreter)? {
        if !term.contains('=') {
            keys.push(term);
            continue;
        }
        let mut words = Vec::new();
        for word in term.split_whitespace() {
            match word.split_once('=') {
                Some((name, value)) => call.options.named.push((name.into(), Val::from(value))),
                None => words.push(word),
            }
        }
        keys.push(words.join(" ").into());
    }
    Ok(keys)
}

/// One line of an INI file: section, key, value.
fn ini_lines(text: &str, properties: bool) -> Vec<(String, String, String)> {
    let mut section = if properties { "java_properties".to_owned() } else { String::new() };
    let mut out: Vec<(String, String, String)> = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.split_once(']')).filter(|_| !properties) {
            section = name.0.to_owned();
            continue;
        }
        // An indented line goes on with the value above.
        if let (true, Some((_, _, value))) = (line.starts_with([' ', '\t']), out.last_mut()) {
            value.push('\n');
            value.push_str(trimmed);
            continue;
        }
        let (key, value) = trimmed.split_once(['=', ':']).unwrap_or((trimmed, ""));
        out.push((section.clone(), key.trim().to_owned(), value.trim().to_owned()));
    }
    out
}

fn ini(interpreter: &Interpreter<'_>, mut call: Call) -> Outcome<Vec<Val>> {
    let keys = old_options(&mut call, interpreter)?;
    let file = call.text(interpreter, "file")?.unwrap_or_else(|| "ansible.ini".into());
    let section = call.text(interpreter, "section")?.unwrap_or_else(|| "global".into());
    let kind = call.text(interpreter, "type")?.unwrap_or_else(|| "ini".into());
    let by_regex = call.flag("re", false)?;
    let case = call.flag("case_sensitive", false)?;
    let missing_ok = call.flag("allow_none", false)?;
    let default = call.options.take("default");
    let (_, text) = read(interpreter, "files", &file)?;
    let properties = &*kind == "properties";
    let lines = ini_lines(&text, properties);
    let section = if properties { "java_properties" } else { &section };
    let same = |a: &str, b: &str| if case { a == b } else { a.eq_ignore_ascii_case(b) };
    let mut out = Vec::new();
    for key in keys {
        // Keys of [DEFAULT] are in every section.
        let here = |own: &str| own == section || own == "DEFAULT";
        if by_regex {
            let regex = regex::compile(&key, Flags { ignore_case: !case, at_start: true, ..Flags::default() })?;
            for (own, name, value) in &lines {
                if own == section && regex.is_match(name.as_str()).map_err(|error| Fault::new(error.to_string()))? {
                    out.push(Val::from(value.as_str()));
                }
            }
            continue;
        }
        let found = lines.iter().rev().find(|(own, name, _)| own == section && same(name, &key));
        let found = found.or_else(|| lines.iter().rev().find(|(own, name, _)| here(own) && same(name, &key)));
        match (found, &default) {
            (Some((_, _, value)), _) => out.push(Val::from(value.as_str())),
            (None, Some(default)) => out.push(default.clone()),
            (None, None) if missing_ok => {}
            (None, None) => out.push(Val::from("")),
        }
    }
    Ok(out)
}

/// Fields of a line; quoted ones may hold the delimiter.
fn fields(line: &str, delimiter: char) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut quoted = false;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                if let Some(last) = out.last_mut() {
                    last.push('"');
                }
            }
            '"' => quoted = !quoted,
            letter if letter == delimiter && !quoted => out.push(String::new()),
            letter => {
                if let Some(last) = out.last_mut() {
                    last.push(letter);
                }
            }
        }
    }
    out
}

fn csvfile(interpreter: &Interpreter<'_>, mut call: Call) -> Outcome<Vec<Val>> {
    let keys = old_options(&mut call, interpreter)?;
    let file = call.text(interpreter, "file")?.unwrap_or_else(|| "ansible.csv".into());
    let delimiter = call.text(interpreter, "delimiter")?.unwrap_or_else(|| "TAB".into());
    let delimiter = match &*delimiter {
        "TAB" | "\\t" | "\t" => '\t',
        other => other.chars().next().unwrap_or(','),
    };
    let mut place = |name: &str, default: usize| -> Outcome<usize> {
        match call.text(interpreter, name)? {
            Some(text) => text.parse().map_err(|_| Fault::new(format!("{name} must be a number, not '{text}'"))),
            None => Ok(default),
        }
    };
    let (column, key_column) = (place("col", 1)?, place("keycol", 0)?);
    let default = call.options.take("default");
    let (_, text) = read(interpreter, "files", &file)?;
    let rows: Vec<Vec<String>> = text.lines().map(|line| fields(line, delimiter)).collect();
    let mut out = Vec::new();
    for key in keys {
        let found = rows
            .iter()
            .find(|row| row.get(key_column).is_some_and(|field| **field == *key))
            .and_then(|row| row.get(column));
        out.push(match (found, &default) {
            (Some(value), _) => Val::from(value.as_str()),
            (None, Some(default)) => Val::Str(text::string(interpreter, default)?),
            (None, None) => continue,
        });
    }
    Ok(out)
}
