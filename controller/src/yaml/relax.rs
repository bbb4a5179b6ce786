//! Files that PyYAML reads and a strict YAML 1.2 parser refuses: quoted text and `[…]`, `{…}` whose later lines stand
//! further left than the value they belong to. Blanks at the start of such lines mean nothing, so more are put there.

use saphyr_parser::ScanError;

/// How many such values one file may hold before it is given up.
pub(super) const ATTEMPTS: usize = 200;

/// The text with the place that the parser objected to indented; `None` when the objection is another one.
pub(super) fn relax(text: &str, error: &ScanError) -> Option<String> {
    let line = error.marker().line().checked_sub(1)?;
    let column = error.marker().col();
    match error.info() {
        "invalid indentation in quoted scalar" | "tab cannot be used as indentation" => quoted(text, line, column),
        "invalid indentation" | "invalid indentation in flow construct" => flow(text, line, column),
        _ => None,
    }
}

fn starts(text: &str) -> impl Iterator<Item = usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1))
}

/// Byte offset of a place.
fn offset(text: &str, line: usize, column: usize) -> Option<usize> {
    let start = starts(text).nth(line)?;
    let inside = text.get(start..)?.char_indices().nth(column)?.0;
    Some(start + inside)
}

/// Indents the later lines of the quoted text that begins at a place.
fn quoted(text: &str, line: usize, column: usize) -> Option<String> {
    let start = offset(text, line, column)?;
    let quote = text.get(start..)?.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let mut out = text.get(..=start)?.to_owned();
    let blanks = " ".repeat(column + 1);
    let mut rest = text.get(start + 1..)?.chars();
    while let Some(c) = rest.next() {
        out.push(c);
        let tail = rest.as_str();
        if (c == '\\' && quote == '"') || (c == '\'' && quote == '\'' && tail.starts_with('\'')) {
            // The next letter ends nothing; after an escaped line end blanks mean nothing either.
            let next = rest.next()?;
            out.push(next);
            if next == '\n' {
                out.push_str(&blanks);
            }
        } else if c == quote {
            out.push_str(tail);
            return (out.len() > text.len()).then_some(out);
        } else if c == '\n' {
            out.push_str(&blanks);
        }
    }
    None
}

/// Indents a line inside brackets as far as the line that opened them could be.
fn flow(text: &str, line: usize, column: usize) -> Option<String> {
    let start = starts(text).nth(line)?;
    let before = text.get(..start)?;
    let opener = before.lines().rev().find(|l| !l.trim().is_empty())?;
    let wanted = opener.chars().count() + 1;
    if column >= wanted {
        return None;
    }
    let mut out = String::with_capacity(text.len() + wanted);
    out.push_str(before);
    out.extend(std::iter::repeat_n(' ', wanted - column));
    out.push_str(text.get(start..)?);
    Some(out)
}
