//! Host patterns: `web:&dc1:!broken`, globs, `~regex`, `group[0:3]`.

use super::ranges::parse_address;
use super::tree::{HostId, LOCALHOST, Tree};
use crate::yaml::Diagnostic;
use fancy_regex::Regex;
use indexmap::IndexSet;
use luthier_protocol::name::HostName;

/// The hosts that a pattern selects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// In order.
    pub hosts: Vec<HostName>,
    /// Parts of the pattern that match no host and no group.
    pub unknown: Vec<String>,
}

/// What a pattern found: a host of the inventory, or this machine, which needs no inventory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Found {
    Host(HostId),
    Implicit(String),
}

/// Cuts a pattern into its parts. With commas these separate; without, colons do, where they are not part of an
/// address or a range.
pub(super) fn split(pattern: &str) -> Vec<String> {
    let parts: Vec<&str> = if pattern.contains(',') {
        pattern.split(',').collect()
    } else if parse_address(pattern).is_some() {
        vec![pattern]
    } else {
        split_colons(pattern)
    };
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Runs of letters other than blanks, colons and brackets, and of complete bracketed parts.
fn split_colons(pattern: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = None;
    let mut at = 0;
    while let Some(c) = pattern.get(at..).and_then(|rest| rest.chars().next()) {
        let bracketed = (c == '[').then(|| pattern.get(at..).and_then(|rest| rest.find(']'))).flatten();
        let length = match bracketed {
            Some(end) => Some(end + 1),
            None if c.is_whitespace() || matches!(c, ':' | '[' | ']') => None,
            None => Some(c.len_utf8()),
        };
        match length {
            Some(length) => {
                start.get_or_insert(at);
                at += length;
            }
            None => {
                parts.extend(start.take().and_then(|start| pattern.get(start..at)));
                at += c.len_utf8();
            }
        }
    }
    parts.extend(start.and_then(|start| pattern.get(start..)));
    parts
}

/// The hosts that the parts of a pattern select together: plain parts first, then `&`, then `!`.
pub(super) fn evaluate(tree: &Tree, parts: &[String]) -> Result<Selection, Diagnostic> {
    let kind = |part: &String| match part.chars().next() {
        Some('&') => 1,
        Some('!') => 2,
        _ => 0,
    };
    let mut ordered: Vec<&str> = Vec::new();
    if !parts.iter().any(|part| kind(part) == 0) {
        ordered.push("all");
    }
    for wanted in 0..3 {
        ordered.extend(parts.iter().filter(|part| kind(part) == wanted).map(String::as_str));
    }
    let mut found: IndexSet<Found> = IndexSet::new();
    let mut unknown = Vec::new();
    for part in ordered {
        if let Some(id) = tree.host_id(part) {
            found.insert(Found::Host(id));
            continue;
        }
        let matched = one(tree, part.strip_prefix(['&', '!']).unwrap_or(part), &mut unknown)?;
        if part.starts_with('!') {
            found.retain(|host| !matched.contains(host));
        } else if part.starts_with('&') {
            found.retain(|host| matched.contains(host));
        } else {
            found.extend(matched);
        }
    }
    let hosts = found
        .into_iter()
        .filter_map(|host| match host {
            Found::Host(id) => tree.host(id).map(|(name, _)| name.clone()),
            Found::Implicit(name) => Some(HostName::from(name)),
        })
        .collect();
    Ok(Selection { hosts, unknown })
}

fn one(tree: &Tree, part: &str, unknown: &mut Vec<String>) -> Result<IndexSet<Found>, Diagnostic> {
    let (expression, subscript) = split_subscript(part);
    let hosts = matches(tree, expression, unknown)?;
    let Some((start, end)) = subscript else { return Ok(hosts) };
    if hosts.is_empty() {
        return Ok(hosts);
    }
    let count = i64::try_from(hosts.len()).unwrap_or(i64::MAX);
    let none = || Diagnostic::error(None, format!("the pattern `{part}` selects no host: there are {count}"));
    let place = |index: i64| usize::try_from(index).unwrap_or_default();
    match end {
        Some(end) if end != 0 => {
            let last = if end == -1 { count - 1 } else { end };
            let (from, to) = (place(start.clamp(0, count)), place((last + 1).clamp(0, count)));
            Ok(hosts.get_range(from..to.max(from)).into_iter().flatten().cloned().collect())
        }
        _ => {
            let index = if start < 0 { start + count } else { start };
            let index = usize::try_from(index).map_err(|_| none())?;
            Ok(IndexSet::from([hosts.get_index(index).cloned().ok_or_else(none)?]))
        }
    }
}

type Subscript = (i64, Option<i64>);

/// `[N]`, `[-N]`, `[N:M]`, `[N:]` at the end; a regular expression has none.
fn split_subscript(part: &str) -> (&str, Option<Subscript>) {
    let inner = || {
        if part.starts_with('~') {
            return None;
        }
        let (expression, inside) = part.strip_suffix(']')?.rsplit_once('[')?;
        if expression.is_empty() {
            return None;
        }
        let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<i64>().ok()).flatten();
        if let Some(index) = number(inside).or_else(|| number(inside.strip_prefix('-')?).map(|n| -n)) {
            return Some((expression, (index, None)));
        }
        let (start, end) = inside.split_once([':', '-'])?;
        let end = if end.is_empty() { -1 } else { number(end)? };
        Some((expression, (number(start)?, Some(end))))
    };
    match inner() {
        Some((expression, subscript)) => (expression, Some(subscript)),
        None => (part, None),
    }
}

fn matches(tree: &Tree, expression: &str, unknown: &mut Vec<String>) -> Result<IndexSet<Found>, Diagnostic> {
    let matcher = Matcher::new(expression)?;
    let mut found = IndexSet::new();
    let mut any_group = false;
    let groups: Vec<usize> = match &matcher {
        Matcher::Plain(name) => tree.groups.get_index_of(*name).into_iter().collect(),
        _ => tree.groups.keys().enumerate().filter(|(_, name)| matcher.fits(name)).map(|(id, _)| id).collect(),
    };
    for id in groups {
        any_group = true;
        found.extend(tree.hosts_of(id).into_iter().map(Found::Host));
    }
    if !any_group || expression.starts_with('~') || expression.contains(['.', '?', '*', '[']) {
        match &matcher {
            Matcher::Plain(name) => found.extend(tree.host_id(name).map(Found::Host)),
            _ => {
                let hosts = tree.hosts.keys().enumerate().filter(|(_, name)| matcher.fits(name.as_str()));
                found.extend(hosts.map(|(id, _)| Found::Host(id)));
            }
        }
    }
    if found.is_empty() && LOCALHOST.contains(&expression) {
        found.insert(match tree.localhost {
            Some(id) => Found::Host(id),
            None => Found::Implicit(expression.to_owned()),
        });
    }
    if found.is_empty() && !any_group && expression != "all" {
        unknown.push(expression.to_owned());
    }
    Ok(found)
}

enum Matcher<'a> {
    Plain(&'a str),
    Glob(Vec<Piece>),
    Regex(Box<Regex>),
}

enum Piece {
    Any,
    One,
    Char(char),
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl<'a> Matcher<'a> {
    fn new(expression: &'a str) -> Result<Self, Diagnostic> {
        if let Some(regex) = expression.strip_prefix('~') {
            let regex = Regex::new(&format!("^(?:{regex})")).map_err(|error| {
                Diagnostic::error(None, format!("the pattern `{expression}` is no regular expression: {error}"))
            })?;
            return Ok(Self::Regex(Box::new(regex)));
        }
        Ok(if expression.contains(['*', '?', '[']) { Self::Glob(glob(expression)) } else { Self::Plain(expression) })
    }

    fn fits(&self, name: &str) -> bool {
        match self {
            Self::Plain(plain) => *plain == name,
            Self::Regex(regex) => regex.is_match(name).unwrap_or(false),
            Self::Glob(pieces) => {
                let name: Vec<char> = name.chars().collect();
                glob_fits(pieces, &name)
            }
        }
    }
}

fn glob(pattern: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        pieces.push(match c {
            '*' => Piece::Any,
            '?' => Piece::One,
            '[' => match class(rest) {
                Some((class, length)) => {
                    rest = rest.get(length..).unwrap_or_default();
                    class
                }
                None => Piece::Char('['),
            },
            c => Piece::Char(c),
        });
    }
    pieces
}

/// The inside of `[…]` and its length with the closing bracket.
fn class(text: &str) -> Option<(Piece, usize)> {
    let negated = text.starts_with('!');
    let inside = usize::from(negated);
    // A bracket that stands first belongs to the set.
    let from = inside + usize::from(text.get(inside..)?.starts_with(']'));
    let end = from + text.get(from..)?.find(']')?;
    let chars: Vec<char> = text.get(inside..end)?.chars().collect();
    let mut ranges = Vec::new();
    let mut rest = chars.as_slice();
    loop {
        rest = match rest {
            [first, '-', last, more @ ..] => {
                ranges.push((*first, *last));
                more
            }
            [one, more @ ..] => {
                ranges.push((*one, *one));
                more
            }
            [] => return Some((Piece::Class { negated, ranges }, end + 1)),
        };
    }
}

fn glob_fits(pieces: &[Piece], name: &[char]) -> bool {
    // Where to go on when the text behind the last `*` did not fit: one letter further.
    let mut retry: Option<(usize, usize)> = None;
    let (mut piece, mut at) = (0, 0);
    loop {
        let fits = match (pieces.get(piece), name.get(at)) {
            (None, None) => return true,
            (Some(Piece::Any), _) => {
                retry = Some((piece + 1, at));
                piece += 1;
                continue;
            }
            (Some(Piece::One), Some(_)) => true,
            (Some(Piece::Char(c)), Some(found)) => c == found,
            (Some(Piece::Class { negated, ranges }), Some(found)) => {
                ranges.iter().any(|(first, last)| (first..=last).contains(&found)) != *negated
            }
            _ => false,
        };
        if fits {
            (piece, at) = (piece + 1, at + 1);
            continue;
        }
        match retry {
            Some((after, from)) if from < name.len() => {
                retry = Some((after, from + 1));
                (piece, at) = (after, from + 1);
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_split_as_ansibles() {
        let parts = |pattern| split(pattern).join(" ");
        assert_eq!(parts("a:b:!c"), "a b !c");
        assert_eq!(parts("a, b:c"), "a b:c");
        assert_eq!(parts("a[1:3]"), "a[1:3]");
        assert_eq!(parts("2001:db8::5"), "2001:db8::5");
        assert_eq!(parts("all:!2001:db8::5"), "all !2001 db8 5");
        assert_eq!(parts("~a[1.*"), "~a 1.*");
    }

    #[test]
    fn globs_are_fnmatchs() {
        for (pattern, name, fits) in [
            ("web*", "web1.x", true),
            ("*1*x", "web1.yx", true),
            ("w?b", "web", true),
            ("w[a-f]b", "web", true),
            ("w[!a-f]b", "web", false),
            ("w[]e]b", "web", true),
            ("web[", "web[", true),
            ("*b", "web1", false),
        ] {
            assert_eq!(Matcher::Glob(glob(pattern)).fits(name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn subscripts() {
        assert_eq!(split_subscript("a[0]"), ("a", Some((0, None))));
        assert_eq!(split_subscript("a[-1]"), ("a", Some((-1, None))));
        assert_eq!(split_subscript("a[1:]"), ("a", Some((1, Some(-1)))));
        assert_eq!(split_subscript("a[1-3]"), ("a", Some((1, Some(3)))));
        assert_eq!(split_subscript("a[-2:]"), ("a[-2:]", None));
        assert_eq!(split_subscript("~a[0]"), ("~a[0]", None));
    }
}
