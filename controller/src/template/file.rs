//! Template files: their options, the `#jinja2:` line, where included files are found.

use super::error::{Fault, Outcome};
use super::interpreter::Interpreter;
use super::literal::Delimiters;
use super::node::Program;
use super::parse::Syntax;
use super::scope::Scope;
use crate::yaml::{Key, Value, ValueMap};
use std::os::unix::fs::MetadataExt as _;
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

/// What a template knows of its own file, which is called `name` where it is used. `ansible_managed` may be a variable of the
/// playbook's own.
pub fn about_file(scope: &Scope, path: &Path, name: &str, dest: Option<&str>) -> Scope {
    let mut map = ValueMap::new();
    let mut put = |name: &str, value: Value| {
        map.insert(Key::from(name), value);
    };
    if scope.entry("ansible_managed").is_none() {
        put("ansible_managed", Value::from("Ansible managed"));
    }
    put("template_path", Value::from(name));
    put("template_name", Value::from(name));
    let full = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    put("template_fullpath", Value::from(full.display().to_string()));
    put("template_destpath", dest.map_or(Value::Null, Value::from));
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    put("template_host", Value::from(host.trim()));
    let moment = |time: std::time::SystemTime| {
        let time = jiff::Timestamp::try_from(time).unwrap_or_default().to_zoned(jiff::tz::TimeZone::system());
        Value::from(time.strftime("%Y-%m-%d %H:%M:%S.%6f").to_string())
    };
    put("template_run_date", moment(std::time::SystemTime::now()));
    if let Ok(metadata) = std::fs::metadata(path) {
        put("template_uid", Value::from(user_name(metadata.uid())));
        if let Ok(time) = metadata.modified() {
            put("template_mtime", moment(time));
        }
    }
    scope.with(Arc::new(map))
}

/// The name of a user of the controller, or the number.
fn user_name(uid: u32) -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let number = uid.to_string();
    let mut rows = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    rows.find(|row| row.get(2) == Some(&number.as_str()))
        .and_then(|row| row.first().map(|name| (*name).to_owned()))
        .unwrap_or(number)
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
