//! Backslashes in string literals.
//!
//! In a playbook value they are literal (`'\1'` is what a regular expression needs); in a template file they are Python's
//! escapes. The parser behind the door knows a third dialect, so literals are carried past it: before parsing, backslashes and
//! escaped quotes inside literals become private characters (one for one, so that columns stay right), and afterwards each
//! literal is read in the dialect that applies.

use super::error::{Fault, Outcome};

const BACKSLASH: char = '\u{10F8F0}';
const SINGLE: char = '\u{10F8F1}';
const DOUBLE: char = '\u{10F8F2}';

/// The delimiters of a template.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Delimiters {
    pub(super) block: (String, String),
    pub(super) variable: (String, String),
    pub(super) comment: (String, String),
}

impl Default for Delimiters {
    fn default() -> Self {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        Self { block: pair("{%", "%}"), variable: pair("{{", "}}"), comment: pair("{#", "#}") }
    }
}

/// The text with every backslash inside a literal hidden; `None` when there is nothing to hide.
pub(super) fn hide(source: &str, delimiters: &Delimiters) -> Option<String> {
    if !source.contains('\\') {
        return None;
    }
    let mut out = String::with_capacity(source.len() + 16);
    let mut rest = source;
    while let Some((start, end, is_comment)) = next_tag(rest, delimiters) {
        let (text, tag) = rest.split_at(start);
        out.push_str(text);
        rest = if is_comment {
            let stop = tag.find(end).map_or(tag.len(), |at| at + end.len());
            let (comment, after) = tag.split_at(stop);
            out.push_str(comment);
            after
        } else {
            let is_raw = tag.starts_with(&delimiters.block.0)
                && tag.get(delimiters.block.0.len()..).is_some_and(|code| {
                    let code = code.trim_start_matches(['-', '+']).trim_start();
                    code.strip_prefix("raw")
                        .is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
                });
            if is_raw {
                let stop = tag.find("endraw").map_or(tag.len(), |at| at + "endraw".len());
                let (raw, after) = tag.split_at(stop);
                out.push_str(raw);
                after
            } else {
                hide_code(tag, end, &mut out)
            }
        };
    }
    out.push_str(rest);
    Some(out)
}

/// An expression without delimiters.
pub(super) fn hide_expression(source: &str) -> Option<String> {
    if !source.contains('\\') {
        return None;
    }
    let mut out = String::with_capacity(source.len() + 16);
    hide_code(source, "\u{0}", &mut out);
    Some(out)
}

fn next_tag<'d>(text: &str, delimiters: &'d Delimiters) -> Option<(usize, &'d str, bool)> {
    let tags = [
        (text.find(&delimiters.variable.0), delimiters.variable.1.as_str(), false),
        (text.find(&delimiters.block.0), delimiters.block.1.as_str(), false),
        (text.find(&delimiters.comment.0), delimiters.comment.1.as_str(), true),
    ];
    tags.into_iter().filter_map(|(at, end, comment)| Some((at?, end, comment))).min_by_key(|(at, ..)| *at)
}

/// Copies code up to and with `end`, hiding in its literals; returns what follows.
fn hide_code<'t>(code: &'t str, end: &str, out: &mut String) -> &'t str {
    let mut quote = None;
    let mut chars = code.char_indices();
    while let Some((at, letter)) = chars.next() {
        match quote {
            None => {
                if at > 0 && code.get(at..).is_some_and(|rest| rest.starts_with(end)) {
                    out.push_str(end);
                    return code.get(at + end.len()..).unwrap_or_default();
                }
                if letter == '\'' || letter == '"' {
                    quote = Some(letter);
                }
                out.push(letter);
            }
            Some(open) => {
                if letter == '\\' {
                    out.push(BACKSLASH);
                    match chars.next() {
                        Some((_, '\\')) => out.push(BACKSLASH),
                        Some((_, '\'')) => out.push(SINGLE),
                        Some((_, '"')) => out.push(DOUBLE),
                        Some((_, other)) => out.push(other),
                        None => {}
                    }
                } else {
                    if letter == open {
                        quote = None;
                    }
                    out.push(letter);
                }
            }
        }
    }
    ""
}

fn show(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            BACKSLASH => '\\',
            SINGLE => '\'',
            DOUBLE => '"',
            other => other,
        })
        .collect()
}

/// A literal as the template meant it.
pub(super) fn read(text: &str, python_escapes: bool) -> Outcome<String> {
    if !text.contains(BACKSLASH) {
        return Ok(text.to_owned());
    }
    let text = show(text);
    if python_escapes { unescape(&text) } else { Ok(text) }
}

/// Python's string escapes.
fn unescape(text: &str) -> Outcome<String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(letter) = chars.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        let Some(next) = chars.next() else {
            out.push('\\');
            break;
        };
        match next {
            '\n' => {}
            '\\' | '\'' | '"' => out.push(next),
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'a' => out.push('\u{7}'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'v' => out.push('\u{b}'),
            'x' | 'u' | 'U' => {
                let length = match next {
                    'x' => 2,
                    'u' => 4,
                    _ => 8,
                };
                let digits: String = chars.by_ref().take(length).collect();
                let code = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == length);
                out.push(
                    code.and_then(char::from_u32)
                        .ok_or_else(|| Fault::syntax(format!("truncated \\{next} escape in a string literal")))?,
                );
            }
            '0'..='7' => {
                let mut code = next.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    match chars.peek().and_then(|c| c.to_digit(8)) {
                        Some(digit) => {
                            code = code * 8 + digit;
                            chars.next();
                        }
                        None => break,
                    }
                }
                out.push(char::from_u32(code).unwrap_or('\u{fffd}'));
            }
            other => {
                out.push('\\');
                out.push(other);
            }
        }
    }
    Ok(out)
}
