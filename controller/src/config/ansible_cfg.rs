//! `ansible.cfg`: the keys that say where things are and how to log in. Everything else in it is Ansible's business.

use super::settings::{KNOWN, Raw, Settings, World, open_to_all};
use crate::yaml::{Diagnostic, Origin};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Fills the settings from the one file that counts.
pub(super) fn read(
    folder: &Path,
    settings: &mut Settings,
    world: &World<'_>,
    errors: &mut Vec<Diagnostic>,
    warnings: &mut Vec<Diagnostic>,
) {
    let Some(path) = find(folder, world, warnings) else { return };
    let file: Arc<Path> = path.as_path().into();
    let text = match std::fs::read(&path) {
        Ok(bytes) => match crate::yaml::decode(&bytes, &file) {
            Ok(text) => text.to_owned(),
            Err(error) => return errors.push(error),
        },
        Err(error) => {
            return errors.push(Diagnostic::error(None, format!("cannot read {}: {error}", path.display())));
        }
    };
    let base = path.parent().unwrap_or(folder).to_owned();
    for entry in entries(&text) {
        let origin = |column| Some(Origin { file: file.clone(), line: entry.line, column });
        let Some((key, value, column)) = entry.pair else {
            let said = "expected `[section]` or `name = value`";
            errors.push(Diagnostic::error(origin(1), said));
            continue;
        };
        let wanted = KNOWN.iter().any(|known| known.name == key && known.section == entry.section);
        if wanted
            && !value.is_empty()
            && let Err(why) = settings.set(&key, &Raw::Text(value.clone()), &base, world)
        {
            let error = Diagnostic::error(origin(column), format!("{key}: {why}"));
            errors.push(error.length(value.chars().count()));
        }
    }
}

fn find(folder: &Path, world: &World<'_>, warnings: &mut Vec<Diagnostic>) -> Option<PathBuf> {
    if let Some(named) = (world.variable)("ANSIBLE_CONFIG") {
        let path = folder.join(named);
        let path = if path.is_dir() { path.join("ansible.cfg") } else { path };
        if path.is_file() {
            return Some(path);
        }
    }
    let here = folder.join("ansible.cfg");
    if here.is_file() {
        if !open_to_all(folder) {
            return Some(here);
        }
        let said = format!("{} is passed over: anybody may write into its folder", here.display());
        warnings.push(Diagnostic::warning(None, said));
    }
    let home = (world.variable)("HOME").map(|home| Path::new(&home).join(".ansible.cfg"));
    home.into_iter().chain([world.system.join("ansible.cfg")]).find(|path| path.is_file())
}

struct Line<'a> {
    line: usize,
    section: &'a str,
    /// Key, value and the value's column; `None` for a line that is nothing.
    pair: Option<(String, String, usize)>,
}

/// The lines that count, as Python's `configparser` reads them; a line that is indented goes on with the value above.
fn entries(text: &str) -> Vec<Line<'_>> {
    let mut section = "";
    let mut out: Vec<Line<'_>> = Vec::new();
    for (index, raw) in text.lines().enumerate() {
        // A semicolon behind a blank begins a comment.
        let line = raw.find(" ;").or_else(|| raw.find("\t;")).and_then(|at| raw.get(..at)).unwrap_or(raw).trim_end();
        let trimmed = line.trim_start();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if trimmed.len() < line.len()
            && let Some((_, value, _)) = out.last_mut().and_then(|last| last.pair.as_mut())
        {
            value.push('\n');
            value.push_str(trimmed);
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            section = name.0;
            continue;
        }
        let pair = trimmed.split_once(['=', ':']).map(|(key, value)| {
            let column = line.chars().count() - value.trim_start().chars().count() + 1;
            (key.trim().to_lowercase(), value.trim().to_owned(), column)
        });
        out.push(Line { line: index + 1, section, pair });
    }
    out
}
