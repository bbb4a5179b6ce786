//! `vars_files:` of a play, and the files `include_vars` reads.

use super::run::{Run, text};
use crate::playbook::Play;
use crate::template::{Place, Scope};
use crate::yaml::{self, Diagnostic, Value, ValueMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Of which entries without any file is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warns {
    /// Of none.
    Never,
    /// Of those whose names are known: what cannot be rendered yet may be after facts are gathered.
    Known,
    /// Of those that need facts, for those are there now.
    Late,
}

/// Whether a file of the play may be another one once facts are known.
pub fn hang_on_facts(play: &Play) -> bool {
    play.vars_files.iter().any(|written| written.value.has_template())
}

/// The variables of a play's `vars_files` for one host. A list means the first file that exists.
pub fn read(run: &Run, play: &Play, scope: &Scope, warns: Warns) -> Result<ValueMap, Diagnostic> {
    let mut all = ValueMap::new();
    let place = Place { search: vec![run.base.clone()], base: Some(run.base.clone()) };
    let mut scope = scope.clone();
    for layer in &play.keywords.vars {
        scope.push(Arc::clone(layer));
    }
    for written in &play.vars_files {
        let names = match &written.value {
            Value::List(items) => items.to_vec(),
            value => vec![value.clone()],
        };
        let mut found = None;
        let mut is_known = true;
        for name in &names {
            // A name that needs facts which are not there yet stands for a file that is not there.
            let Ok(name) = run.engine.render(name, &scope, &place) else {
                is_known = false;
                continue;
            };
            found = find(play, &text(&name));
            if found.is_some() {
                break;
            }
        }
        let is_told = match warns {
            Warns::Never => false,
            Warns::Known => is_known,
            Warns::Late => !is_known,
        };
        match found {
            Some(path) => {
                let more = mapping(run, &path)?;
                // Later names may use what earlier files say.
                scope.push(Arc::new(more.clone()));
                scope.push(Arc::clone(&run.options.extra));
                all.extend(more);
            }
            None if is_told => run.warn(None, format!("{}: none of the vars_files here exists", written.origin)),
            None => {}
        }
    }
    Ok(all)
}

/// A file in `vars/` beside the playbook, or beside it.
fn find(play: &Play, name: &str) -> Option<PathBuf> {
    let folder = play.file.parent().unwrap_or(Path::new(""));
    [folder.join("vars").join(name), folder.join(name)].into_iter().find(|path| path.is_file())
}

/// The mapping in a variables file; a vaulted file is decrypted.
pub fn mapping(run: &Run, path: &Path) -> Result<ValueMap, Diagnostic> {
    let inventory = run.inventory.read().unwrap_or_else(std::sync::PoisonError::into_inner);
    let node = inventory.read_vars(path)?;
    drop(inventory);
    match node {
        Value::Null => Ok(ValueMap::new()),
        Value::Map(map) => Ok((*map).clone()),
        other => {
            let origin = yaml::Origin { file: path.into(), line: 1, column: 1 };
            Err(Diagnostic::error(Some(origin), format!("variables must be a mapping, found {}", other.type_name())))
        }
    }
}
