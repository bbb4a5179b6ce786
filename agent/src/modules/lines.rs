//! Placing and removing lines in a list of lines. Pure: lines in, lines out; line breaks belong to their lines.

use super::ModuleError;
use super::pattern::{Pattern, Template, latin1};

/// How a present line is found.
#[derive(Debug)]
pub(super) enum Found {
    /// By a pattern.
    Pattern(Pattern),
    /// By a text in it.
    Text(String),
}

/// Where a new line goes.
#[derive(Debug)]
pub(super) enum Insert {
    /// Before all others.
    Begin,
    /// After all others.
    End,
    /// After a line that matches.
    After(Pattern),
    /// Before a line that matches.
    Before(Pattern),
}

/// A wanted line.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// Its text.
    pub text: &'a str,
    /// The line it replaces.
    pub found: Option<&'a Found>,
    /// Where it goes when there is none to replace.
    pub insert: Insert,
    /// The text takes the pattern's groups.
    pub backrefs: bool,
}

const NOTHING: &str = "";
const ADDED: &str = "line added";
const REPLACED: &str = "line replaced";

/// Put the line in its place and say what was done: `line added`, `line replaced`, or nothing.
pub(super) fn place_line(lines: &mut Vec<String>, line: &Line<'_>, first: bool) -> Result<&'static str, ModuleError> {
    let text = latin1(line.text.as_bytes());
    if let Some(found) = line.found
        && let Some(index) = position(lines, first, |candidate| matches(found, candidate))?
    {
        let text = match (found, line.backrefs) {
            (Found::Pattern(pattern), true) => expanded(pattern, lines.get(index), &text)?,
            _ => text,
        };
        return Ok(replace(lines, index, &text));
    }
    let anchor = match &line.insert {
        Insert::After(pattern) | Insert::Before(pattern) => anchor(lines, &text, first, pattern)?,
        Insert::Begin | Insert::End => None,
    };
    // With `firstmatch` the search for the line itself ends where its place is found.
    let end = anchor.filter(|_| first).unwrap_or(lines.len());
    let exact = lines.iter().take(end).rposition(|candidate| bare(candidate) == text);
    if let Some(index) = exact {
        return Ok(replace(lines, index, &text));
    }
    if line.backrefs {
        return Ok(NOTHING);
    }
    let whole = format!("{text}\n");
    match (&line.insert, anchor) {
        (Insert::Begin, _) => lines.insert(0, whole),
        (Insert::After(_), Some(index)) => {
            if lines.get(index + 1).is_some_and(|next| bare(next) == text) {
                return Ok(NOTHING);
            }
            end_line(lines);
            lines.insert(index + 1, whole);
        }
        (Insert::Before(_), Some(index)) => lines.insert(index, whole),
        _ => {
            end_line(lines);
            lines.push(whole);
        }
    }
    Ok(ADDED)
}

/// Remove every line that is found, and say how many there were.
pub(super) fn remove_lines(
    lines: &mut Vec<String>,
    found: Option<&Found>,
    line: Option<&str>,
) -> Result<usize, ModuleError> {
    let text = line.map(|line| latin1(line.as_bytes()));
    let mut kept = Vec::with_capacity(lines.len());
    for candidate in lines.iter() {
        let goes = match found {
            Some(found) => matches(found, candidate)?,
            None => text.as_deref() == Some(bare(candidate)),
        };
        if !goes {
            kept.push(candidate.clone());
        }
    }
    let count = lines.len() - kept.len();
    *lines = kept;
    Ok(count)
}

fn matches(found: &Found, line: &str) -> Result<bool, ModuleError> {
    match found {
        Found::Pattern(pattern) => pattern.is_match(line),
        Found::Text(text) => Ok(line.contains(&latin1(text.as_bytes()))),
    }
}

/// The last, or first, line of which something holds.
fn position(
    lines: &[String],
    first: bool,
    holds: impl Fn(&str) -> Result<bool, ModuleError>,
) -> Result<Option<usize>, ModuleError> {
    let mut last = None;
    for (index, line) in lines.iter().enumerate() {
        if holds(line)? {
            last = Some(index);
            if first {
                break;
            }
        }
    }
    Ok(last)
}

/// The line that a new one goes beside; a line that is the wanted one itself is none.
fn anchor(lines: &[String], text: &str, first: bool, pattern: &Pattern) -> Result<Option<usize>, ModuleError> {
    position(lines, first, |line| Ok(bare(line) != text && pattern.is_match(line)?))
}

fn expanded(pattern: &Pattern, line: Option<&String>, text: &str) -> Result<String, ModuleError> {
    let mut out = String::new();
    if let Some(captures) = line.map(|line| pattern.captures(line)).transpose()?.flatten() {
        Template::new(text)?.expand(&captures, &mut out)?;
    }
    Ok(out)
}

fn replace(lines: &mut [String], index: usize, text: &str) -> &'static str {
    let whole = if text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") };
    match lines.get_mut(index) {
        Some(line) if *line != whole => {
            *line = whole;
            REPLACED
        }
        _ => NOTHING,
    }
}

/// Give the last line a line break, so that another can follow.
fn end_line(lines: &mut [String]) {
    if let Some(last) = lines.last_mut()
        && !last.ends_with(['\n', '\r'])
    {
        last.push('\n');
    }
}

/// The line without its line break.
pub(super) fn bare(line: &str) -> &str {
    line.trim_end_matches(['\r', '\n'])
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::modules::pattern::{Flags, Over};

    fn pattern(source: &str) -> Pattern {
        Pattern::new(source, Over::Bytes, Flags::default()).unwrap()
    }

    fn placed(text: &str, line: &Line<'_>, first: bool) -> (String, &'static str) {
        let mut lines = text.split_inclusive('\n').map(str::to_owned).collect();
        let done = place_line(&mut lines, line, first).unwrap();
        (lines.concat(), done)
    }

    fn plain(text: &str, insert: Insert) -> Line<'_> {
        Line { text, found: None, insert, backrefs: false }
    }

    #[test]
    fn a_missing_line_goes_to_its_place() {
        let cases = [
            (Insert::End, false, "a\nb\nc\nnew\n"),
            (Insert::Begin, false, "new\na\nb\nc"),
            (Insert::After(pattern("[ab]")), false, "a\nb\nnew\nc\n"),
            (Insert::After(pattern("[ab]")), true, "a\nnew\nb\nc\n"),
            (Insert::Before(pattern("[bc]")), false, "a\nb\nnew\nc"),
            (Insert::Before(pattern("none")), false, "a\nb\nc\nnew\n"),
        ];
        for (insert, first, expected) in cases {
            let line = plain("new", insert);
            assert_eq!(placed("a\nb\nc", &line, first), (expected.to_owned(), ADDED), "{line:?}");
        }
    }

    #[test]
    fn a_line_that_is_there_stays() {
        assert_eq!(placed("x\nnew\n", &plain("new", Insert::Begin), false), ("x\nnew\n".to_owned(), NOTHING));
        assert_eq!(placed("x\nnew", &plain("new", Insert::End), false), ("x\nnew\n".to_owned(), REPLACED));
        let line = plain("new", Insert::After(pattern("x")));
        assert_eq!(placed("x\nnew\nx\n", &line, true), ("x\nnew\nx\n".to_owned(), NOTHING));
    }

    #[test]
    fn a_found_line_is_replaced_with_its_groups() {
        let found = Found::Pattern(pattern("^k=(.*)$"));
        let line = Line { text: r"k=\1,2", found: Some(&found), insert: Insert::End, backrefs: true };
        assert_eq!(placed("k=0\nk=1\n", &line, false), ("k=0\nk=1,2\n".to_owned(), REPLACED));
        assert_eq!(placed("none\n", &line, false), ("none\n".to_owned(), NOTHING));
        let mut lines = vec!["k=1\n".to_owned(), "z\n".to_owned(), "k=2".to_owned()];
        assert_eq!(remove_lines(&mut lines, Some(&found), None).unwrap(), 2);
        assert_eq!(lines, ["z\n"]);
    }
}
