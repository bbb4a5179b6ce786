//! Filters of file names.

use super::table::{Filter, of, subject, text};
use crate::template::error::{Fault, Outcome};
use crate::template::file::expand_home;
use crate::template::interpreter::Interpreter;
use crate::template::val::{Args, Val};
use std::path::{Path, PathBuf};

pub(super) const FILTERS: &[(&str, Filter)] = &[
    ("basename", of(basename)),
    ("dirname", of(dirname)),
    ("realpath", of(realpath)),
    ("relpath", of(relpath)),
    ("normpath", of(normpath)),
    ("commonpath", of(commonpath)),
    ("expanduser", of(expanduser)),
    ("expandvars", of(expandvars)),
    ("splitext", of(splitext)),
    ("path_join", of(path_join)),
    ("fileglob", of(fileglob)),
    ("win_basename", of(win_basename)),
    ("win_dirname", of(win_dirname)),
    ("win_splitdrive", of(win_splitdrive)),
];

fn basename(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    let path = subject(interpreter, &value)?;
    Ok(Val::from(path.rsplit('/').next().unwrap_or_default()))
}

fn dirname(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    let path = subject(interpreter, &value)?;
    let head = path.rfind('/').and_then(|at| path.get(..=at)).unwrap_or_default();
    let trimmed = head.trim_end_matches('/');
    Ok(Val::from(if trimmed.is_empty() { head } else { trimmed }))
}

/// Python's `os.path.normpath`.
fn normal(path: &str) -> String {
    let root = if path.starts_with('/') { "/" } else { "" };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if root == "/" => {}
            other => parts.push(other),
        }
    }
    let joined = format!("{root}{}", parts.join("/"));
    if joined.is_empty() { ".".to_owned() } else { joined }
}

fn normpath(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    Ok(Val::from(normal(&subject(interpreter, &value)?)))
}

fn absolute(path: &str) -> String {
    if path.starts_with('/') {
        return normal(path);
    }
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    normal(&here.join(path).to_string_lossy())
}

fn realpath(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    let path = absolute(&subject(interpreter, &value)?);
    // What does not exist keeps its name below the deepest folder that does.
    let mut rest = PathBuf::new();
    let mut known = Path::new(&path);
    loop {
        if let Ok(real) = std::fs::canonicalize(known) {
            let whole = if rest.as_os_str().is_empty() { real } else { real.join(&rest) };
            return Ok(Val::from(whole.to_string_lossy().into_owned()));
        }
        match (known.parent(), known.file_name()) {
            (Some(parent), Some(name)) => {
                rest = if rest.as_os_str().is_empty() { PathBuf::from(name) } else { Path::new(name).join(&rest) };
                known = parent;
            }
            _ => return Ok(Val::from(path)),
        }
    }
}

fn relpath(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [start] = args.bind(["start"])?;
    let start = text(interpreter, start)?.unwrap_or_else(|| ".".into());
    let (path, start) = (absolute(&subject(interpreter, &value)?), absolute(&start));
    let split = |path: &str| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (path, start) = (split(&path), split(&start));
    let common = path.iter().zip(&start).take_while(|(a, b)| a == b).count();
    let mut parts = vec!["..".to_owned(); start.len() - common];
    parts.extend(path.into_iter().skip(common));
    Ok(Val::from(if parts.is_empty() { ".".to_owned() } else { parts.join("/") }))
}

fn commonpath(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    let mut common: Option<Vec<String>> = None;
    let mut root = "";
    for item in interpreter.items(&value)? {
        let path = subject(interpreter, &item)?;
        if path.starts_with('/') {
            root = "/";
        }
        let parts: Vec<String> =
            path.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect();
        common = Some(match common {
            None => parts,
            Some(current) => current.into_iter().zip(parts).take_while(|(a, b)| a == b).map(|(part, _)| part).collect(),
        });
    }
    let common = common.ok_or_else(|| Fault::new("commonpath() arg is an empty sequence"))?;
    Ok(Val::from(format!("{root}{}", common.join("/"))))
}

fn expanduser(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    Ok(Val::from(expand_home(&subject(interpreter, &value)?).to_string_lossy().into_owned()))
}

fn expandvars(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    let value = subject(interpreter, &value)?;
    let mut out = String::new();
    let mut rest = &*value;
    while let Some(at) = rest.find('$') {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let body = after.get(1..).unwrap_or_default();
        let (name, shown, next) = if let Some(braced) = body.strip_prefix('{') {
            let end = braced.find('}').unwrap_or(braced.len());
            let (name, tail) = braced.split_at(end);
            (name, format!("${{{name}}}"), tail.strip_prefix('}').unwrap_or(tail))
        } else {
            let end = body.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(body.len());
            let (name, tail) = body.split_at(end);
            (name, format!("${name}"), tail)
        };
        out.push_str(&std::env::var(name).unwrap_or(shown));
        rest = next;
    }
    out.push_str(rest);
    Ok(Val::from(out))
}

fn splitext(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    let path = subject(interpreter, &value)?;
    let name_at = path.rfind('/').map_or(0, |at| at + 1);
    let name = path.get(name_at..).unwrap_or_default();
    let lead = name.len() - name.trim_start_matches('.').len();
    let dot = name.rfind('.').filter(|dot| *dot >= lead.max(1)).map(|dot| name_at + dot).unwrap_or(path.len());
    let (stem, extension) = path.split_at(dot);
    Ok(Val::tuple(vec![stem.into(), extension.into()]))
}

fn path_join(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let mut parts = if value.is_list() { interpreter.items(&value)? } else { vec![value] };
    parts.extend(args.pos);
    let mut out = String::new();
    for part in parts {
        let part = match &part {
            Val::Str(part) => part,
            other => {
                return Err(Fault::new(format!("path_join expects text or a list of text, got {}", other.type_name())));
            }
        };
        if part.starts_with('/') || out.is_empty() {
            out.clear();
        } else if !out.ends_with('/') {
            out.push('/');
        }
        out.push_str(part);
    }
    Ok(Val::from(out))
}

fn fileglob(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    let pattern = subject(interpreter, &value)?;
    let found = glob(&expand_home(&pattern).to_string_lossy());
    Ok(Val::list(
        found.into_iter().filter(|path| path.is_file()).map(|p| Val::from(p.to_string_lossy().into_owned())).collect(),
    ))
}

/// The paths a shell pattern names, in order.
pub(in crate::template) fn glob(pattern: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = vec![PathBuf::from(if pattern.starts_with('/') { "/" } else { "" })];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let mut next = Vec::new();
        for folder in &found {
            if !part.contains(['*', '?', '[']) {
                let path = folder.join(part);
                if path.symlink_metadata().is_ok() {
                    next.push(path);
                }
                continue;
            }
            let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            let Ok(entries) = std::fs::read_dir(here) else { continue };
            let mut names: Vec<String> =
                entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
            names.sort();
            let hidden = part.starts_with('.');
            let letters: Vec<char> = part.chars().collect();
            next.extend(
                names
                    .iter()
                    .filter(|name| hidden || !name.starts_with('.'))
                    .filter(|name| matches(&letters, &name.chars().collect::<Vec<_>>()))
                    .map(|name| folder.join(name)),
            );
        }
        found = next;
    }
    found
}

/// Whether a name fits a shell pattern.
pub(in crate::template) fn matches(pattern: &[char], name: &[char]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        (['*', rest @ ..], name) => (0..=name.len()).any(|at| name.get(at..).is_some_and(|tail| matches(rest, tail))),
        (['?', rest @ ..], [_, tail @ ..]) => matches(rest, tail),
        (['[', rest @ ..], [letter, tail @ ..]) => {
            let Some(end) = rest.iter().skip(1).position(|c| *c == ']').map(|at| at + 1) else {
                return *letter == '[' && matches(rest, tail);
            };
            let (class, after) = rest.split_at(end);
            let (negated, class) = match class {
                ['!' | '^', class @ ..] => (true, class),
                class => (false, class),
            };
            let mut hit = false;
            let mut at = 0;
            while let Some(low) = class.get(at) {
                match (class.get(at + 1), class.get(at + 2)) {
                    (Some('-'), Some(high)) => {
                        hit |= (*low..=*high).contains(letter);
                        at += 3;
                    }
                    _ => {
                        hit |= low == letter;
                        at += 1;
                    }
                }
            }
            hit != negated && matches(after.get(1..).unwrap_or_default(), tail)
        }
        ([plain, rest @ ..], [letter, tail @ ..]) => plain == letter && matches(rest, tail),
        _ => false,
    }
}

fn split_windows(path: &str) -> (&str, &str) {
    path.rfind(['\\', '/'])
        .map_or(("", path), |at| (path.get(..at).unwrap_or_default(), path.get(at + 1..).unwrap_or_default()))
}

fn win_basename(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    Ok(Val::from(split_windows(&subject(interpreter, &value)?).1))
}

fn win_dirname(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    let path = subject(interpreter, &value)?;
    let head = split_windows(&path).0;
    Ok(Val::from(if head.ends_with(':') { format!("{head}\\") } else { head.to_owned() }))
}

fn win_splitdrive(interpreter: &Interpreter<'_>, value: Val, _: Args) -> Outcome<Val> {
    let path = subject(interpreter, &value)?;
    let at = if path.chars().nth(1) == Some(':') { 2 } else { 0 };
    let (drive, rest) = path.split_at(at.min(path.len()));
    Ok(Val::tuple(vec![drive.into(), rest.into()]))
}
