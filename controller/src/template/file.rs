//! Template files: their options, the `#jinja2:` line, where included files are found.

use super::error::{Fault, Outcome};
use super::interpreter::Interpreter;
use super::literal::Delimiters;
use super::node::Program;
use super::parse::Syntax;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Options of the `template` module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOptions {
    /// `newline_sequence`.
    pub newline_sequence: String,
    /// `trim_blocks`.
    pub trim_blocks: bool,
    /// `lstrip_blocks`.
    pub lstrip_blocks: bool,
    /// `block_start_string`.
    pub block_start_string: String,
    /// `block_end_string`.
    pub block_end_string: String,
    /// `variable_start_string`.
    pub variable_start_string: String,
    /// `variable_end_string`.
    pub variable_end_string: String,
    /// `comment_start_string`.
    pub comment_start_string: String,
    /// `comment_end_string`.
    pub comment_end_string: String,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self {
            newline_sequence: "\n".to_owned(),
            trim_blocks: true,
            lstrip_blocks: false,
            block_start_string: "{%".to_owned(),
            block_end_string: "%}".to_owned(),
            variable_start_string: "{{".to_owned(),
            variable_end_string: "}}".to_owned(),
            comment_start_string: "{#".to_owned(),
            comment_end_string: "#}".to_owned(),
        }
    }
}

impl FileOptions {
    /// Those of a playbook value.
    pub(super) fn value() -> Self {
        Self::default()
    }

    pub(super) fn syntax(&self, python_escapes: bool) -> Syntax {
        Syntax {
            delimiters: Delimiters {
                block: (self.block_start_string.clone(), self.block_end_string.clone()),
                variable: (self.variable_start_string.clone(), self.variable_end_string.clone()),
                comment: (self.comment_start_string.clone(), self.comment_end_string.clone()),
            },
            trim_blocks: self.trim_blocks,
            lstrip_blocks: self.lstrip_blocks,
            python_escapes,
        }
    }

    fn set(&mut self, name: &str, value: &str) -> Outcome<()> {
        let quoted = ['\'', '"'].iter().find_map(|mark| value.strip_prefix(*mark)?.strip_suffix(*mark));
        let flag = || match (value, quoted) {
            ("True" | "true", None) => Ok(true),
            ("False" | "false", None) => Ok(false),
            _ => Err(Fault::syntax(format!("#jinja2: {name} must be True or False, not {value}"))),
        };
        let text = || {
            quoted
                .map(|text| text.replace("\\n", "\n").replace("\\r", "\r"))
                .ok_or_else(|| Fault::syntax(format!("#jinja2: {name} must be a quoted string, not {value}")))
        };
        match name {
            "trim_blocks" => self.trim_blocks = flag()?,
            "lstrip_blocks" => self.lstrip_blocks = flag()?,
            // A result keeps the newlines at its end in any case.
            "keep_trailing_newline" => {
                flag()?;
            }
            "newline_sequence" => self.newline_sequence = text()?,
            "block_start_string" => self.block_start_string = text()?,
            "block_end_string" => self.block_end_string = text()?,
            "variable_start_string" => self.variable_start_string = text()?,
            "variable_end_string" => self.variable_end_string = text()?,
            "comment_start_string" => self.comment_start_string = text()?,
            "comment_end_string" => self.comment_end_string = text()?,
            other => return Err(Fault::syntax(format!("#jinja2: unknown option '{other}'"))),
        }
        Ok(())
    }
}

/// Takes a `#jinja2:` line off the text; gives the options it changes, the rest, and how many lines were taken.
pub(super) fn split_header<'t>(text: &'t str, options: &FileOptions) -> Outcome<(FileOptions, &'t str, usize)> {
    let mut options = options.clone();
    let Some(rest) = text.strip_prefix("#jinja2:") else { return Ok((options, text, 0)) };
    let (header, body) = rest.split_once('\n').unwrap_or((rest, ""));
    for pair in split_outside_quotes(header) {
        let Some((name, value)) = pair.split_once(':') else {
            return Err(Fault::syntax(format!("#jinja2: expected 'name: value', found '{}'", pair.trim())).at((1, 1)));
        };
        options.set(name.trim(), value.trim()).map_err(|fault| fault.at((1, 1)))?;
    }
    Ok((options, body, 1))
}

fn split_outside_quotes(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let (mut start, mut quote) = (0, None);
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), letter) if open == letter => quote = None,
            (None, ',') => {
                out.extend(text.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    out.extend(text.get(start..).filter(|part| !part.trim().is_empty()));
    out
}

impl Interpreter<'_> {
    /// The places where a file of a kind (`templates`, `files`) may be, nearest first.
    pub(super) fn candidates(&self, kind: &str, name: &str) -> Vec<PathBuf> {
        let path = expand_home(name);
        if path.is_absolute() {
            return vec![path];
        }
        let mut out = Vec::new();
        let mut add = |folder: &Path| {
            out.push(folder.join(kind).join(&path));
            out.push(folder.join(&path));
        };
        for folder in &self.place.search {
            add(folder);
        }
        if let Some(base) = &self.place.base {
            add(base);
        }
        out
    }

    /// The file of a lookup.
    pub(super) fn find_file(&self, kind: &str, name: &str) -> Option<PathBuf> {
        self.candidates(kind, name).into_iter().find(|path| path.exists())
    }

    /// An included template, compiled, and the folder it is in.
    pub(super) fn template_file(&self, name: &str) -> Outcome<Option<(Arc<Program>, PathBuf)>> {
        let mut places = Vec::new();
        let relative = Path::new(name);
        let inside = !relative.components().any(|part| matches!(part, Component::RootDir | Component::Prefix(_)));
        if inside && let Some(folder) = self.folder.borrow().as_deref() {
            places.push(folder.join(relative));
            places.push(folder.join("templates").join(relative));
        }
        places.splice(0..0, self.candidates("templates", name));
        for path in places {
            if !path.is_file() {
                continue;
            }
            let text = std::fs::read_to_string(&path)
                .map_err(|error| Fault::new(format!("cannot read {}: {error}", path.display())))?;
            let options = FileOptions::default();
            let program = self.engine.file_program(&text, options.syntax(true));
            let program =
                program.map_err(|fault| fault.resolve(|at| Some(super::interpreter::place_in(&path, 0, at))))?;
            let folder = path.parent().map(PathBuf::from).unwrap_or_default();
            return Ok(Some((program, folder)));
        }
        Ok(None)
    }
}

/// `~` and `~/x`.
pub(super) fn expand_home(name: &str) -> PathBuf {
    match name.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            let home = std::env::var_os("HOME").unwrap_or_default();
            Path::new(&home).join(rest.trim_start_matches('/'))
        }
        _ => PathBuf::from(name),
    }
}
