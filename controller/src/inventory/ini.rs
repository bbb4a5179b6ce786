//! INI inventories: `[group]`, `[group:vars]`, `[group:children]`.

use super::draft::{Draft, Entry};
use super::{literal, ranges, words};
use crate::yaml::{Diagnostic, Key, Origin};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

/// Reads an inventory's text, alone: groups that another source defines are not known.
///
/// # Errors
/// Every line that is no INI inventory, up to a limit.
pub fn parse_str(text: &str, file: &Arc<Path>) -> Result<Draft, Vec<Diagnostic>> {
    parse(text, file, |_| false)
}

/// A file with more mistakes than this is no INI inventory at all.
const MAX_ERRORS: usize = 20;

#[derive(Clone, Copy, PartialEq)]
enum Section {
    Hosts,
    Vars,
    Children,
}

/// A group that was named but not yet declared.
struct Pending {
    order: usize,
    origin: Origin,
    /// The groups it shall be part of; empty when only its variables were met.
    parents: Vec<(String, Origin)>,
}

pub(super) fn parse(text: &str, file: &Arc<Path>, known: impl Fn(&str) -> bool) -> Result<Draft, Vec<Diagnostic>> {
    let mut reader = Reader {
        file,
        known,
        declared: HashSet::new(),
        pending: HashMap::new(),
        group: "ungrouped".to_owned(),
        section: Section::Hosts,
        draft: Draft::default(),
    };
    let mut errors = Vec::new();
    for (index, line) in text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate() {
        if let Err(error) = reader.line(index + 1, line) {
            errors.push(error);
            if errors.len() >= MAX_ERRORS {
                return Err(errors);
            }
        }
    }
    let mut pending: Vec<(String, Pending)> = reader.pending.drain().collect();
    pending.sort_by_key(|(_, pending)| pending.order);
    errors.extend(pending.into_iter().map(|(name, pending)| undeclared(&name, pending)));
    if errors.is_empty() { Ok(reader.draft) } else { Err(errors) }
}

fn undeclared(name: &str, pending: Pending) -> Diagnostic {
    let said = match pending.parents.first() {
        Some((parent, _)) => format!("[{parent}:children] names the group `{name}`, which is defined nowhere"),
        None => format!("[{name}:vars] belongs to the group `{name}`, which is defined nowhere"),
    };
    Diagnostic::error(Some(pending.origin), said)
        .length(name.chars().count())
        .help(format!("add a section [{name}], empty if need be"))
}

struct Reader<'a, F> {
    file: &'a Arc<Path>,
    known: F,
    declared: HashSet<String>,
    pending: HashMap<String, Pending>,
    group: String,
    section: Section,
    draft: Draft,
}

impl<F: Fn(&str) -> bool> Reader<'_, F> {
    fn origin(&self, line: usize, column: usize) -> Origin {
        Origin { file: self.file.clone(), line, column }
    }

    fn exists(&self, group: &str) -> bool {
        matches!(group, "all" | "ungrouped") || self.declared.contains(group) || (self.known)(group)
    }

    fn line(&mut self, number: usize, raw: &str) -> Result<(), Diagnostic> {
        let line = raw.trim();
        let indent = raw.chars().take_while(|c| c.is_whitespace()).count();
        if line.is_empty() || line.starts_with(['#', ';']) {
            return Ok(());
        }
        let origin = self.origin(number, indent + 1);
        let wrong = |said: String| Diagnostic::error(Some(origin.clone()), said).length(line.chars().count());
        if let Some(header) = header(line) {
            return self.open(header, &origin);
        }
        if line.starts_with('[') && line.ends_with(']') {
            let said = format!("`{line}` is no section of an inventory");
            return Err(wrong(said).help("[group], [group:vars] or [group:children], without blanks"));
        }
        match self.section {
            Section::Hosts => self.hosts(line, number, indent),
            Section::Vars => {
                let (key, value) = line
                    .split_once('=')
                    .ok_or_else(|| wrong(format!("expected `name=value` in [{}:vars]", self.group)))?;
                let at = line.chars().count() - value.trim_start().chars().count() + indent + 1;
                let value = literal::value(value.trim(), Some(&self.origin(number, at)));
                let key = Key::from(key.trim());
                self.draft.entries.push(Entry::Variable {
                    group: self.group.clone(),
                    key,
                    value,
                    origin: Some(origin),
                });
                Ok(())
            }
            Section::Children => {
                let child = group_name(line)
                    .ok_or_else(|| wrong(format!("expected the name of a group in [{}:children]", self.group)))?;
                self.child(child.to_owned(), origin);
                Ok(())
            }
        }
    }

    fn open(&mut self, (name, kind): (&str, Option<&str>), origin: &Origin) -> Result<(), Diagnostic> {
        self.section = match kind {
            None | Some("hosts") => Section::Hosts,
            Some("vars") => Section::Vars,
            Some("children") => Section::Children,
            Some(other) => {
                let said = format!("[{name}:{other}] is no kind of section");
                return Err(Diagnostic::error(Some(origin.clone()), said).help("hosts, vars and children are"));
            }
        };
        name.clone_into(&mut self.group);
        if self.section == Section::Vars {
            if !self.exists(name) && !self.pending.contains_key(name) {
                let pending = Pending { order: self.pending.len(), origin: origin.clone(), parents: Vec::new() };
                self.pending.insert(name.to_owned(), pending);
                self.draft.entries.push(Entry::Group(name.to_owned()));
            }
            return Ok(());
        }
        if self.declared.insert(name.to_owned()) {
            self.draft.entries.push(Entry::Group(name.to_owned()));
        }
        if let Some(pending) = self.pending.remove(name) {
            for (parent, origin) in pending.parents {
                let (child, origin) = (name.to_owned(), Some(origin));
                self.draft.entries.push(Entry::Child { parent, child, origin });
            }
        }
        Ok(())
    }

    fn child(&mut self, child: String, origin: Origin) {
        let parent = self.group.clone();
        if self.exists(&child) {
            self.draft.entries.push(Entry::Child { parent, child, origin: Some(origin) });
            return;
        }
        let order = self.pending.len();
        let pending =
            self.pending.entry(child).or_insert_with(|| Pending { order, origin: origin.clone(), parents: Vec::new() });
        pending.parents.push((parent, origin));
    }

    fn hosts(&mut self, line: &str, number: usize, indent: usize) -> Result<(), Diagnostic> {
        let place = |at: usize| self.origin(number, indent + at + 1);
        let words = words::split(line).map_err(|(at, why)| Diagnostic::error(Some(place(at)), why))?;
        let mut words = words.into_iter();
        let Some((pattern, at)) = words.next() else { return Ok(()) };
        let wrong = |said: &str| {
            Diagnostic::error(Some(place(at)), format!("`{pattern}` is no host: {said}"))
                .length(pattern.chars().count())
        };
        if pattern.trim() == "---" {
            return Err(wrong("a YAML file begins so").help("name the file `.yml`"));
        }
        let (names, port) = ranges::expand(&pattern).map_err(|why| wrong(&why))?;
        if pattern.is_empty() || (pattern.trim().ends_with(':') && port.is_none()) {
            return Err(wrong("it ends where a port should stand").help("a YAML file's name ends in `.yml`"));
        }
        let mut vars = Vec::new();
        for (word, at) in words {
            let Some((key, value)) = word.split_once('=') else {
                let said = format!("expected `name=value` behind the host, found `{word}`");
                return Err(Diagnostic::error(Some(place(at)), said).length(word.chars().count()));
            };
            vars.push((Key::from(key), literal::value(value, Some(&place(at + key.chars().count() + 1)))));
        }
        self.draft.entries.push(Entry::Hosts { names, group: Some(self.group.clone()), port, vars });
        Ok(())
    }
}

/// Name and kind of a section header.
fn header(line: &str) -> Option<(&str, Option<&str>)> {
    let (inner, rest) = line.strip_prefix('[')?.split_once(']')?;
    let rest = rest.trim_start();
    if !rest.is_empty() && !rest.starts_with('#') {
        return None;
    }
    let (name, kind) = match inner.split_once(':') {
        Some((name, kind)) => (name, Some(kind)),
        None => (inner, None),
    };
    let word = |kind: &str| !kind.is_empty() && kind.chars().all(|c| c.is_alphanumeric() || c == '_');
    (!name.is_empty() && !name.contains(char::is_whitespace) && kind.is_none_or(word)).then_some((name, kind))
}

/// A line of a `children` section: a name, perhaps with a comment, which may stick to it when blanks follow.
fn group_name(line: &str) -> Option<&str> {
    let end = line.find(|c: char| c.is_whitespace() || matches!(c, ':' | ']')).unwrap_or(line.len());
    let (name, rest) = line.split_at_checked(end)?;
    let rest = rest.trim_start();
    let name = if rest.is_empty() || rest.starts_with('#') { name } else { name.get(..name.rfind('#')?)? };
    (!name.is_empty()).then_some(name)
}
