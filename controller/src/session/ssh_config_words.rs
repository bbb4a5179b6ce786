//! Lines of OpenSSH configuration files as words, and the files that an `Include` means.

use super::pattern;
use std::path::{Path, PathBuf};

/// A word and its column, counted from 1.
pub(super) type Word = (usize, String);

/// A line's key in lower case, the key's column, and its words.
pub(super) type Line = (String, usize, Vec<Word>);

/// What is wrong in a line, and at which column.
pub(super) type Wrong = (usize, String);

/// Keys whose value is the rest of the line as it stands: a shell reads it.
const WHOLE_LINE: &[&str] = &["proxycommand", "localcommand", "remotecommand", "knownhostscommand"];

/// Take a line apart; `None` for blank lines and comments.
pub(super) fn split_line(line: &str) -> Result<Option<Line>, Wrong> {
    let letters: Vec<char> = line.trim_end().chars().collect();
    let skip = |from: usize| (from..letters.len()).find(|&at| !blank(&letters, at)).unwrap_or(letters.len());
    let start = skip(0);
    if matches!(letters.get(start), None | Some('#')) {
        return Ok(None);
    }
    let end = (start..letters.len())
        .find(|&at| letters.get(at) == Some(&'=') || blank(&letters, at))
        .unwrap_or(letters.len());
    let text = |from: usize, to: usize| letters.get(from..to).unwrap_or_default().iter().collect::<String>();
    let name = text(start, end).trim_matches('"').to_owned();
    let mut rest = skip(end);
    if letters.get(rest) == Some(&'=') {
        rest = skip(rest + 1);
    }
    let key = name.to_ascii_lowercase();
    let words = if WHOLE_LINE.contains(&key.as_str()) && rest < letters.len() {
        vec![(rest + 1, text(rest, letters.len()))]
    } else {
        split_words(&letters, rest)?
    };
    if words.is_empty() {
        return Err((start + 1, format!("{name} has no value")));
    }
    Ok(Some((key, start + 1, words)))
}

fn blank(letters: &[char], at: usize) -> bool {
    letters.get(at).is_some_and(|letter| letter.is_whitespace())
}

/// Words with quotes (`"a b"`), a backslash before a quote, a backslash or a blank, and a comment at the end.
fn split_words(letters: &[char], start: usize) -> Result<Vec<Word>, Wrong> {
    let mut words: Vec<Word> = Vec::new();
    let mut word: Option<Word> = None;
    let mut quote: Option<(char, usize)> = None;
    let mut at = start;
    while let Some(&letter) = letters.get(at) {
        let column = at + 1;
        let next = letters.get(at + 1).copied();
        let escapes = matches!(next, Some('"' | '\'' | '\\')) || (next == Some(' ') && quote.is_none());
        match letter {
            '\\' if escapes => {
                word.get_or_insert((column, String::new())).1.extend(next);
                at += 1;
            }
            mark if quote.is_some_and(|(open, _)| open == mark) => quote = None,
            '"' | '\'' if quote.is_none() => {
                quote = Some((letter, column));
                word.get_or_insert((column, String::new()));
            }
            space if quote.is_none() && space.is_whitespace() => words.extend(word.take()),
            '#' if quote.is_none() && word.is_none() => break,
            other => word.get_or_insert((column, String::new())).1.push(other),
        }
        at += 1;
    }
    if let Some((_, column)) = quote {
        return Err((column, "a quote is not closed".to_owned()));
    }
    words.extend(word);
    Ok(words)
}

/// Files that a path with `*`, `?` and `[…]` in its parts names, sorted.
pub(super) fn glob(wanted: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in wanted.components() {
        let text = part.as_os_str().to_string_lossy();
        if !text.contains(['*', '?', '[']) {
            found.iter_mut().for_each(|path| path.push(part));
            continue;
        }
        let mut next = Vec::new();
        for folder in &found {
            let Ok(entries) = std::fs::read_dir(folder) else { continue };
            for entry in entries.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if name_matches(&text, &name) && (text.starts_with('.') || !name.starts_with('.')) {
                    next.push(folder.join(name));
                }
            }
        }
        next.sort();
        found = next;
    }
    found
}

/// A file name against a pattern: each `[…]` is tried as every letter it stands for that the name has.
fn name_matches(wanted: &str, name: &str) -> bool {
    let Some((before, rest)) = wanted.split_once('[') else { return pattern::matches(wanted, name) };
    // A bracket right after the opening one is a member.
    let skip = rest.strip_prefix(['!', '^']).map_or(0, |_| 1);
    let Some(end) = rest.char_indices().find(|&(at, letter)| letter == ']' && at > skip).map(|(at, _)| at) else {
        return pattern::matches(wanted, name);
    };
    let set: Vec<char> = rest.get(skip..end).unwrap_or_default().chars().collect();
    let after = rest.get(end + 1..).unwrap_or_default();
    let member = |letter: char| {
        let mut at = 0;
        while let Some(&low) = set.get(at) {
            match (set.get(at + 1), set.get(at + 2)) {
                (Some('-'), Some(&high)) => {
                    if (low..=high).contains(&letter) {
                        return true;
                    }
                    at += 3;
                }
                _ => {
                    if low == letter {
                        return true;
                    }
                    at += 1;
                }
            }
        }
        false
    };
    name.char_indices().any(|(at, letter)| {
        member(letter) == (skip == 0)
            && pattern::matches(before, name.get(..at).unwrap_or_default())
            && name_matches(after, name.get(at + letter.len_utf8()..).unwrap_or_default())
    })
}
