//! Python's `re` dialect on top of fancy-regex.

use super::error::{Fault, Outcome};
use fancy_regex::{Captures, Regex, RegexBuilder};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// How a pattern is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Flags {
    pub(super) ignore_case: bool,
    pub(super) multiline: bool,
    /// Like `re.match`: only at the start.
    pub(super) at_start: bool,
    /// Like `re.fullmatch`.
    pub(super) whole: bool,
}

type Compiled = HashMap<(String, Flags), Arc<Regex>>;

static COMPILED: LazyLock<Mutex<Compiled>> = LazyLock::new(Mutex::default);

/// Compiles a pattern; the same one only once.
pub(super) fn compile(pattern: &str, flags: Flags) -> Outcome<Arc<Regex>> {
    let key = (pattern.to_owned(), flags);
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(regex) = compiled.get(&key) {
        return Ok(Arc::clone(regex));
    }
    let body = translate(pattern, flags.multiline);
    let text = match (flags.at_start, flags.whole) {
        (_, true) => format!(r"\A(?:{body})\z"),
        (true, false) => format!(r"\A(?:{body})"),
        (false, false) => body,
    };
    let regex = RegexBuilder::new(&text)
        .case_insensitive(flags.ignore_case)
        .multi_line(flags.multiline)
        .build()
        .map_err(|error| Fault::new(format!("invalid regular expression '{pattern}': {error}")))?;
    if compiled.len() > 10_000 {
        compiled.clear();
    }
    let regex = Arc::new(regex);
    compiled.insert(key, Arc::clone(&regex));
    Ok(regex)
}

/// All matches, one after the other.
pub(super) fn all<'t>(regex: &Regex, text: &'t str) -> Outcome<Vec<Captures<'t, str>>> {
    regex.captures_iter(text).map(|found| found.map_err(|error| Fault::new(error.to_string()))).collect()
}

/// The first match.
pub(super) fn first<'t>(regex: &Regex, text: &'t str) -> Outcome<Option<Captures<'t, str>>> {
    regex.captures(text).map_err(|error| Fault::new(error.to_string()))
}

/// Writes Python's pattern in the other dialect.
fn translate(pattern: &str, multiline: bool) -> String {
    let letters: Vec<char> = pattern.chars().collect();
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut at = 0;
    // Index after the `[` of the class being read.
    let mut class: Option<usize> = None;
    while let Some(&letter) = letters.get(at) {
        at += 1;
        match letter {
            '\\' => {
                let next = letters.get(at).copied().unwrap_or('\\');
                at += 1;
                match next {
                    'Z' if class.is_none() => out.push_str(r"\z"),
                    '<' | '>' | '"' | '\'' | '/' | ' ' | '_' | '@' | ':' | ',' | ';' | '=' | '!' | '%' | '`' => {
                        if next == ' ' {
                            out.push_str(r"\x20");
                        } else {
                            out.push(next);
                        }
                    }
                    other => {
                        out.push('\\');
                        out.push(other);
                    }
                }
            }
            '[' if class.is_none() => {
                out.push('[');
                if letters.get(at) == Some(&'^') {
                    out.push('^');
                    at += 1;
                }
                class = Some(at);
            }
            // `]` right at the start of a class is a member of it.
            ']' if class == Some(at - 1) => out.push_str(r"\]"),
            ']' if class.is_some() => {
                out.push(']');
                class = None;
            }
            // Set operations do not exist in Python's classes.
            '[' | '&' | '~' if class.is_some() => {
                out.push('\\');
                out.push(letter);
            }
            '-' if class.is_some() && letters.get(at) == Some(&'-') => out.push_str(r"\-"),
            '$' if class.is_none() && !multiline => out.push_str(r"(?=\n?\z)"),
            '{' if class.is_none() && !is_quantifier(letters.get(at..).unwrap_or_default()) => out.push_str(r"\{"),
            '}' if class.is_none() && !closes_quantifier(letters.get(..at - 1).unwrap_or_default()) => {
                out.push_str(r"\}");
            }
            other => out.push(other),
        }
    }
    out
}

fn is_quantifier(rest: &[char]) -> bool {
    let end = rest.iter().position(|c| *c == '}');
    let inside = end.and_then(|end| rest.get(..end)).unwrap_or_default();
    inside.first().is_some_and(char::is_ascii_digit) && inside.iter().all(|c| c.is_ascii_digit() || *c == ',')
        || matches!(inside, [',', rest @ ..] if !rest.is_empty() && rest.iter().all(char::is_ascii_digit))
}

fn closes_quantifier(before: &[char]) -> bool {
    let start = before.iter().rposition(|c| *c == '{');
    start.is_some_and(|start| {
        let inside = before.get(start + 1..).unwrap_or_default();
        !inside.is_empty() && inside.iter().all(|c| c.is_ascii_digit() || *c == ',')
    })
}

/// Fills in a replacement: `\1`, `\g<name>`, `\n`.
pub(super) fn expand(replacement: &str, found: &Captures<'_, str>, out: &mut String) -> Outcome<()> {
    let mut chars = replacement.chars().peekable();
    while let Some(letter) = chars.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        match chars.next() {
            None => out.push('\\'),
            Some('g') if chars.peek() == Some(&'<') => {
                chars.next();
                let name: String = chars.by_ref().take_while(|c| *c != '>').collect();
                out.push_str(group(found, &name)?.unwrap_or_default());
            }
            Some('0') => out.push('\0'),
            Some(digit) if digit.is_ascii_digit() => {
                let mut name = String::from(digit);
                if let Some(next) = chars.next_if(char::is_ascii_digit) {
                    name.push(next);
                }
                out.push_str(group(found, &name)?.unwrap_or_default());
            }
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('f') => out.push('\u{c}'),
            Some('v') => out.push('\u{b}'),
            Some('a') => out.push('\u{7}'),
            Some('b') => out.push('\u{8}'),
            Some(other) if other.is_ascii_alphabetic() => {
                return Err(Fault::new(format!("bad escape \\{other} in the replacement")));
            }
            Some('\\') => out.push('\\'),
            Some(other) => {
                out.push('\\');
                out.push(other);
            }
        }
    }
    Ok(())
}

/// A group by number or name.
pub(super) fn group<'t>(found: &Captures<'t, str>, name: &str) -> Outcome<Option<&'t str>> {
    match name.parse::<usize>() {
        Ok(index) if index < found.len() => Ok(found.get(index).map(|part| part.as_str())),
        Ok(index) => Err(Fault::new(format!("invalid group reference {index}"))),
        Err(_) => Ok(found.name(name).map(|part| part.as_str())),
    }
}

/// Python's `re.escape`.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if "()[]{}?*+-|^$\\.&~# \t\n\r\u{b}\u{c}".contains(letter) {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}
